"""The server: a page, nouns as JSON, arrays as safetensors, and one live channel."""
