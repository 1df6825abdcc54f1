"""Data for charts: columns of a store in, arrays that fit a screen out."""
