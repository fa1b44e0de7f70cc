"""The code outside of fieldingkit that called into it: warnings name its line, not ours."""

import inspect
from types import FrameType

__all__ = ["calling_frame", "place_of"]


def calling_frame() -> FrameType | None:
    """The frame outside of fieldingkit that called into it."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "fieldingkit":
        frame = frame.f_back
    return frame


def place_of(frame: FrameType | None) -> tuple[str, int]:
    """Its file and line, as ``warnings.warn_explicit`` takes them."""
    return ("", 0) if frame is None else (frame.f_code.co_filename, frame.f_lineno)
