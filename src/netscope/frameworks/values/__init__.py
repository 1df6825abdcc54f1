"""Run a network on an input, and measure every value that it computes."""
