"""Where a job's ``Location`` leads. A pure function, since none of the published forms resolves by RFC 3986 alone."""

import re
from typing import NamedTuple
from urllib.parse import SplitResult, quote, unquote, urlsplit

from fieldingkit.errors import JobLocationError
from fieldingkit.transport.urls import origin_of

__all__ = ["Whereabouts", "read_location"]

_CONTROL = re.compile(r"[\x00-\x20\x7f]")
_JOB_ID = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._~-]{1,128}")
# Segments of characters that cannot leave the path; a dot segment or an encoded slash could.
_SAFE_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~:@!$&'()*+,;=-]+)+")


class Whereabouts(NamedTuple):
    """Where to look for a job."""

    job_id: str
    """The API's id of the job."""
    targets: tuple[str, ...]
    """One or two paths below the client's base URL, the better one first."""
    foreign: bool
    """Whether the location named another origin, which is never contacted."""


def read_location(location: str, *, base_url: str, status_path: str) -> Whereabouts:
    """Work out where a job can be read.

    Args:
        location: The ``Location`` header as it came.
        base_url: The client's base URL, such as ``https://api.cint.com/v1``.
        status_path: The documented path of the job's status below it, with ``{job_id}`` still open.

    Returns:
        The paths to try, in order: the location itself, brought below the base path; then the documented path with
        the location's last segment as the id. They are one where they agree.

    Raises:
        JobLocationError: if there is no id in it that could be put into a path.
    """
    if _CONTROL.search(location):
        raise JobLocationError("the job's Location holds control characters or spaces", location=location)
    try:
        parts = urlsplit(location)
        foreign = bool(parts.netloc) and not _same_origin(parts, base_url)
    except ValueError as exc:
        raise JobLocationError("the job's Location is not a URL", location=location) from exc
    path = parts.path.rstrip("/")
    job_id = unquote(path.rsplit("/", 1)[-1])
    if not _JOB_ID.fullmatch(job_id):
        raise JobLocationError("the job's Location names no job", location=location)
    documented = status_path.replace("{job_id}", quote(job_id, safe="~"))
    given = None if foreign else _below_base(path, urlsplit(base_url).path.rstrip("/"))
    targets = (documented,) if given is None or given == documented else (given, documented)
    return Whereabouts(job_id, targets, foreign)


def _same_origin(parts: SplitResult, base_url: str) -> bool:
    return bool(parts.scheme) and origin_of(parts.geturl()) == origin_of(base_url)


def _below_base(path: str, base_path: str) -> str | None:
    """A location's path as a target below the base path; None for a bare id, and for a path that is not safe."""
    if path.startswith(f"{base_path}/"):
        path = path[len(base_path) :]
    return path if _SAFE_PATH.fullmatch(path) and path.count("/") > 1 else None
