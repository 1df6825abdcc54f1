"""Watch a network learn: per layer and step, statistics of its weights, gradients, updates and activations."""
