"""The journal that a process writes: one file, its frames, and what the disk refused."""
