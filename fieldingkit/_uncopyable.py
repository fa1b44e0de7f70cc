"""Objects that belong to one process."""

from typing import ClassVar, NoReturn

__all__ = ["Uncopyable"]


class Uncopyable:
    """The base class of objects that cannot be pickled or copied, because they hold connections or waits."""

    _instead: ClassVar[str] = "create one in each process"
    """A phrase on what to do instead."""

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} cannot be pickled or copied: {self._instead}")
