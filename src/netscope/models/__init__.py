"""Networks as graphs: what a file or a live module holds, read without loading its weights."""
