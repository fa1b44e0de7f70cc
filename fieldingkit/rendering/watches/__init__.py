"""The page of a watch, and the model that its table in the terminal has in common with it."""
