"""Networks as graphs: the content of a file or a live module, read without loading its weights."""
