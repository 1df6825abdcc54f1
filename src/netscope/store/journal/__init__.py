"""Journals: their frames, a reader that follows a growing journal, and the data not yet in the index."""
