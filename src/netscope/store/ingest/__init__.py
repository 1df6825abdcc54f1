"""Follow the journals of a folder of runs and write them to the index."""
