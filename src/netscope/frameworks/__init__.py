"""What netscope needs to know of a framework's networks; nothing here is imported before the framework itself is."""
