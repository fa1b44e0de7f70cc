"""fieldingkit."""
