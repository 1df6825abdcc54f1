"""Record a run from inside the training process: append to a journal, without blocking the training."""
