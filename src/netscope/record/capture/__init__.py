"""Capture console output, system metrics and the environment of a run."""
