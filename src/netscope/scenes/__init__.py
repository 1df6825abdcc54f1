"""Bodies of networks: laid out, bundled, kept in files and drawn."""
