"""Defects that are put into the engine, to show that the simulation finds them."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from unittest import mock

import attrs

__all__ = ["MUTANTS", "Mutant"]


@attrs.frozen
class Mutant:
    """One defect."""

    code: str
    """The invariant that it breaks."""
    patches: Callable[[], list["mock._patch[object]"]]

    @contextmanager
    def applied(self) -> Generator[None]:
        """Put the defect into the engine for a while."""
        patches = self.patches()
        for patch in patches:
            patch.start()
        try:
            yield
        finally:
            for patch in patches:
                patch.stop()


MUTANTS: dict[str, Mutant] = {}
