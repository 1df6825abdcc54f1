"""A journal: its frames, how one is read as it grows, and what of it is kept in memory."""
