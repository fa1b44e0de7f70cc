"""The ``fieldingkit`` command."""
