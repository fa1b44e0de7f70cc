"""Resolution of a job's ``Location`` header to the paths where its status may be read.

A pure function, because none of the published forms of the header resolves by RFC 3986 alone.
"""

import re
from typing import NamedTuple
from urllib.parse import SplitResult, quote, unquote, urlsplit

from fieldingkit.errors import JobLocationError
from fieldingkit.transport.urls import origin_of

__all__ = ["ResolvedLocation", "resolve_id", "resolve_location"]

_CONTROL = re.compile(r"[\x00-\x20\x7f]")
_PLACEHOLDER = re.compile(r"\{\w+\}")
_JOB_ID = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._~-]{1,128}")
# Characters that cannot leave the path; a dot segment or an encoded slash could.
_SAFE_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~:@!$&'()*+,;=-]+)+")


class ResolvedLocation(NamedTuple):
    """A job's id, and the paths where its status may be read."""

    job_id: str
    """The API's id of the job."""
    targets: tuple[str, ...]
    """One or two paths below the client's base URL, in the order to try them."""
    foreign: bool
    """True if the location names another origin, which is never contacted."""


def resolve_location(location: str, *, base_url: str, status_path: str) -> ResolvedLocation:
    """Resolve a ``Location`` header against the client's base URL and the documented status path.

    Args:
        location: The ``Location`` header as received.
        base_url: The client's base URL, such as ``https://api.cint.com/v1``.
        status_path: The documented path of the job's status below it, with one placeholder for the id.

    Returns:
        The paths to try, in order: the location itself, moved below the base path; then the documented path, with the
        last segment of the location as the job id. If both are equal, there is one.

    Raises:
        JobLocationError: if the location holds no job id that is safe in a path.
    """
    if _CONTROL.search(location):
        raise JobLocationError("the job's Location contains control characters or spaces", location=location)
    try:
        parts = urlsplit(location)
        foreign = bool(parts.netloc) and not _same_origin(parts, base_url)
    except ValueError as exc:
        raise JobLocationError("the job's Location is not a URL", location=location) from exc
    path = parts.path.rstrip("/")
    job_id = unquote(path.rsplit("/", 1)[-1])
    if not _JOB_ID.fullmatch(job_id):
        raise JobLocationError("the job's Location contains no job id", location=location)
    documented = _documented(status_path, job_id)
    given = None if foreign else _below_base(path, urlsplit(base_url).path.rstrip("/"))
    targets = (documented,) if given is None or given == documented else (given, documented)
    return ResolvedLocation(job_id, targets, foreign)


def resolve_id(job_id: str, *, status_path: str) -> ResolvedLocation:
    """Return the one path of the status of a job that the body of a response names.

    Args:
        job_id: The job's id as received.
        status_path: The documented path of the job's status, with one placeholder for the id.

    Raises:
        JobLocationError: if the id is not safe in a path.
    """
    if not _JOB_ID.fullmatch(job_id):
        raise JobLocationError("the response names a job by an id that is not safe in a path")
    return ResolvedLocation(job_id, (_documented(status_path, job_id),), foreign=False)


def _documented(status_path: str, job_id: str) -> str:
    return _PLACEHOLDER.sub(lambda _: quote(job_id, safe="~"), status_path)


def _same_origin(parts: SplitResult, base_url: str) -> bool:
    return bool(parts.scheme) and origin_of(parts.geturl()) == origin_of(base_url)


def _below_base(path: str, base_path: str) -> str | None:
    """Return a location's path relative to the base path; None for a bare id or an unsafe path."""
    if path.startswith(f"{base_path}/"):
        path = path[len(base_path) :]
    return path if _SAFE_PATH.fullmatch(path) and path.count("/") > 1 else None
