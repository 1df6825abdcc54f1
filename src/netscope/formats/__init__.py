"""File formats, read and written with NumPy and the standard library alone."""
