"""Write a process's journal: the file, its frames, and the count of dropped writes."""
