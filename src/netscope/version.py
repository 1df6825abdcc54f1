"""The version of netscope."""

__version__ = "0.1.0"
