"""Soft launches: a part of the goal is fielded and checked before the rest."""
