"""Cards: what is worth a look in a run now, and why."""
