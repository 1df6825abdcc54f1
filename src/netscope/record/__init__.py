"""The SDK in the user's process: what a training says is appended to a journal, and nothing waits."""
