"""Chunks: the target groups of a sweep split into jobs, and the idempotency keys of those jobs. No I/O."""

from collections.abc import Iterable, Sequence

import attrs

from fieldingkit.sweeps.actions import Action
from fieldingkit.sweeps.identity import RunIdentity, make_key

__all__ = ["Chunk", "chunk_key", "replacement_key", "retry_key", "split_into_chunks", "split_into_jobs"]


@attrs.frozen(kw_only=True)
class Chunk:
    """The target groups of one job, and the progress of that job."""

    number: int
    """The position of the chunk in its run, from 0."""
    project_id: str
    """The project's ULID."""
    ids: tuple[str, ...]
    """The target groups' ULIDs, in the order in which they are sent."""
    key: str
    """The idempotency key of the job."""
    generation: int = 0
    """The number of earlier jobs that these target groups were part of."""
    ambiguous: tuple[str, ...] = ()
    """The target groups that an earlier job may have changed, or may still change: its end was not seen, or its result
    does not mention them and they could not be read since."""
    first_sent_at: float | None = None
    """When the key was first used: seconds since 1970, UTC; None if it was not used yet."""
    token: str | None = None
    """The job's token; None until the API has accepted the job."""
    job_id: str | None = None
    """The API's id of the job."""
    ended_at: float | None = None
    """When the end of the job was seen: seconds since 1970, UTC; None if it was not seen."""
    api_created_at: float | None = None
    """When the API created the job, by its own clock: seconds since 1970, UTC; None if it was not read."""
    settled: bool = False
    """True if nothing is left to do for this chunk."""


def chunk_key(identity: RunIdentity, action: Action, project_id: str, ids: Sequence[str]) -> str:
    """Return the idempotency key of a job: the same key for the same job of the same run, in every process."""
    return identity.key(action.value, project_id, *ids)


def retry_key(parent: str, number: int, ids: Sequence[str]) -> str:
    """Return the key of a job that sends the failed target groups of another job again.

    Args:
        parent: The key of the other job.
        number: The number of this retry, from 1.
        ids: The target groups to retry.
    """
    return make_key(parent, "retry", str(number), *ids)


def replacement_key(parent: str, ids: Sequence[str]) -> str:
    """Return the key of a job that replaces another one, whose key is too old to be sent again."""
    return make_key(parent, "again", *ids)


def split_into_jobs(
    groups: Iterable[tuple[str, str]], *, size: int, first: int | None = None
) -> list[tuple[str, tuple[str, ...]]]:
    """Split target groups into jobs. A job has one project and at most ``size`` target groups, in the given order.

    Args:
        groups: Pairs of project id and target group id.
        size: The largest number of target groups in a job.
        first: The number of target groups at the start that get jobs of their own; None if there are none.

    Returns:
        Pairs of a project id and target group ids.
    """
    if first is not None:
        pairs = list(groups)
        return split_into_jobs(pairs[:first], size=size) + split_into_jobs(pairs[first:], size=size)
    projects: dict[str, list[str]] = {}
    for project_id, target_group_id in groups:
        projects.setdefault(project_id, []).append(target_group_id)
    return [
        (project_id, tuple(members[start : start + size]))
        for project_id, members in projects.items()
        for start in range(0, len(members), size)
    ]


def split_into_chunks(
    identity: RunIdentity, action: Action, groups: Iterable[tuple[str, str]], *, size: int, first: int | None = None
) -> list[Chunk]:
    """Split target groups into chunks, one for each job, with the idempotency keys of the jobs.

    Args:
        identity: The identity of the run.
        action: The action of the sweep.
        groups: Pairs of project id and target group id.
        size: The largest number of target groups in a chunk.
        first: The number of target groups at the start that get chunks of their own; None if there are none.
    """
    return [
        Chunk(number=number, project_id=project_id, ids=ids, key=chunk_key(identity, action, project_id, ids))
        for number, (project_id, ids) in enumerate(split_into_jobs(groups, size=size, first=first))
    ]
