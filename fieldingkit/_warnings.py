"""Find the stack frame that called fieldingkit, so that warnings name the user's line."""

import inspect
from types import FrameType

__all__ = ["calling_frame", "file_and_line"]


def calling_frame() -> FrameType | None:
    """Return the nearest frame outside of fieldingkit; None if there is none."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "fieldingkit":
        frame = frame.f_back
    return frame


def file_and_line(frame: FrameType | None) -> tuple[str, int]:
    """Return the file and line of a frame, as ``warnings.warn_explicit`` takes them."""
    return ("", 0) if frame is None else (frame.f_code.co_filename, frame.f_lineno)
