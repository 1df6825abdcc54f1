"""Two models compared: which nodes and stored arrays of one are which of the other, and how they differ."""
