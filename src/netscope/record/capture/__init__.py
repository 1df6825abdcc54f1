"""What is captured beside the numbers: console, system metrics and environment."""
