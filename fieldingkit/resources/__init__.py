"""The vocabulary: a module for each resource of the API, its models and its commands side by side."""
