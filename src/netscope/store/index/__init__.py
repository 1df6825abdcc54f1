"""The index: tables of an SQL database that are filled from journals and can be rebuilt at any time."""
