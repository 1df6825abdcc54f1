"""The index: an SQL database that is filled from the journals and can be rebuilt at any time."""
