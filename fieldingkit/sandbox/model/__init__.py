"""The state that the sandbox simulates."""
