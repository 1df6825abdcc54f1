"""Read and write file formats with only NumPy and the standard library."""
