"""``fieldingkit watch``: its loop, its table, and its keys."""
