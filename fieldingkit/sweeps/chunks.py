"""How a sweep is cut into jobs, and the idempotency keys that make each of them happen once. Pure."""

import hashlib
import json
import uuid
from collections.abc import Iterable, Sequence

import attrs

from fieldingkit.sweeps.actions import Action

__all__ = ["Chunk", "chunk_key", "replacement_key", "retry_key", "split_into_chunks"]


@attrs.frozen(kw_only=True)
class Chunk:
    """The target groups of one job, and how far it has come."""

    number: int
    """Counts the chunks of a run."""
    project_id: str
    """The project's ULID."""
    ids: tuple[str, ...]
    """The target groups' ULIDs, in the order in which they are sent."""
    key: str
    """The idempotency key of the job."""
    generation: int = 0
    """How many jobs these target groups were part of before."""
    first_sent_at: float | None = None
    """When the key was first used: seconds since 1970, UTC; None if it was not yet."""
    token: str | None = None
    """The job's token; None if the API has not been seen to accept it."""
    job_id: str | None = None
    """The API's id of the job."""
    ended: bool = False
    """Whether there is nothing more to do for it."""


def chunk_key(run_id: str, action: Action, project_id: str, ids: Sequence[str]) -> str:
    """The idempotency key of a job: the same for the same job of the same run, in any process."""
    return _key("sweep", run_id, action.value, project_id, *ids)


def retry_key(parent: str, number: int, ids: Sequence[str]) -> str:
    """The key of the job that sends the failed target groups of another job again.

    Args:
        parent: The other job's key.
        number: Which retry it is.
        ids: The target groups of the retry.
    """
    return _key(parent, "retry", str(number), *ids)


def replacement_key(parent: str, ids: Sequence[str]) -> str:
    """The key of the job that takes the place of another one, whose key is too old to be used again."""
    return _key(parent, "again", *ids)


def split_into_chunks(run_id: str, action: Action, groups: Iterable[tuple[str, str]], *, size: int) -> list[Chunk]:
    """Cut target groups into chunks: no chunk of two projects, none larger than ``size``, all in the order given.

    Args:
        run_id: The run's id.
        action: What is to be done to them.
        groups: Pairs of project and target group.
        size: How many target groups a chunk may have.
    """
    projects: dict[str, list[str]] = {}
    for project_id, target_group_id in groups:
        projects.setdefault(project_id, []).append(target_group_id)
    parts = (
        (project_id, tuple(members[start : start + size]))
        for project_id, members in projects.items()
        for start in range(0, len(members), size)
    )
    return [
        Chunk(number=number, project_id=project_id, ids=part, key=chunk_key(run_id, action, project_id, part))
        for number, (project_id, part) in enumerate(parts)
    ]


def _key(*parts: str) -> str:
    """A hash in the form of a UUID, since that is what the API recommends for keys."""
    digest = hashlib.sha256(json.dumps(parts).encode()).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))
