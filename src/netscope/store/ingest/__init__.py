"""Follow the journals of a folder of runs and move what they say into the index."""
