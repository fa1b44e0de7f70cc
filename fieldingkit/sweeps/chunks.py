"""Chunks: the target groups of a sweep split into jobs, the states of those jobs, and their keys. No I/O."""

import enum
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import attrs

from fieldingkit.sweeps.actions import Action
from fieldingkit.sweeps.identity import RunIdentity, make_key

__all__ = [
    "TRANSITIONS",
    "Chunk",
    "ChunkState",
    "chunk_key",
    "replacement_key",
    "retry_key",
    "split_into_chunks",
    "split_into_jobs",
]


class ChunkState(enum.StrEnum):
    """The state of a chunk; each chunk is in exactly one."""

    PENDING = "pending"
    """Its key was not used, or the API refused every send with it."""
    SENDING = "sending"
    """Its key is being used: a job may exist, and no response has named it."""
    SUBMITTED = "submitted"
    """The API has accepted its job, whose token is known."""
    AMBIGUOUS = "ambiguous"
    """Its key was used, and no response named the job: its target groups are read instead."""
    SETTLED = "settled"
    """Nothing is left to do for it."""


TRANSITIONS: Mapping[ChunkState, frozenset[ChunkState]] = {
    ChunkState.PENDING: frozenset({ChunkState.SENDING, ChunkState.SETTLED}),
    ChunkState.SENDING: frozenset({ChunkState.PENDING, ChunkState.SUBMITTED, ChunkState.AMBIGUOUS}),
    # A later process sends the same key again, as long as the API recognizes it.
    ChunkState.AMBIGUOUS: frozenset({ChunkState.SUBMITTED, ChunkState.SETTLED}),
    ChunkState.SUBMITTED: frozenset({ChunkState.SETTLED}),
    ChunkState.SETTLED: frozenset(),
}
"""The states that can follow each state. A chunk that may have been applied never becomes pending again."""

_TIMES = {
    ChunkState.SENDING: "sent_at",
    ChunkState.SUBMITTED: "submitted_at",
    ChunkState.AMBIGUOUS: "ambiguous_at",
    ChunkState.SETTLED: "settled_at",
}
"""The field with the time of the transition to each state."""


def _ids(ids: Iterable[str]) -> tuple[str, ...]:
    return tuple(ids)


@attrs.frozen(kw_only=True)
class Chunk:
    """The target groups of one job, and the progress of that job. All fields are plain values, which JSON can hold."""

    number: int
    """The position of the chunk in its run, from 0."""
    project_id: str
    """The project's ULID."""
    ids: tuple[str, ...] = attrs.field(converter=_ids)
    """The target groups' ULIDs, in the order in which they are sent."""
    key: str
    """The idempotency key of the job."""
    generation: int = 0
    """The number of earlier jobs that these target groups were part of."""
    ambiguous: tuple[str, ...] = attrs.field(default=(), converter=_ids)
    """The target groups that an earlier job may have changed, or may still change: its end was not seen, or its result
    does not mention them and they could not be read since."""
    reached: Mapping[str, float] = attrs.field(factory=dict[str, float])
    """The target groups that were read with the target status before the key was sent again, and the API's time of that
    read. A job that was created later did not change them, although the API counts them as updated."""
    state: ChunkState = attrs.field(default=ChunkState.PENDING, converter=ChunkState)
    """The state."""
    sent_at: float | None = None
    """When the key was first used: seconds since 1970, UTC, by the local clock; None if it was not used."""
    sent_date: float | None = None
    """The API's time when the key was first used: seconds since 1970, UTC; None if no response had shown it."""
    submitted_at: float | None = None
    """When the API had accepted the job, by the local clock."""
    ambiguous_at: float | None = None
    """When the wait for an answer that names the job was given up, by the local clock."""
    settled_at: float | None = None
    """When the chunk was settled, by the local clock."""
    token: str | None = None
    """The job's token; None until the API has accepted the job."""
    job_id: str | None = None
    """The API's id of the job."""
    ended_at: float | None = None
    """When the end of the job was seen, by the local clock; None if it was not seen."""
    api_created_at: float | None = None
    """When the API created the job, by its own clock: seconds since 1970, UTC; None if it was not read."""
    created_by: str | None = None
    """The API's id of the user who created the job; None if it was not read."""

    @property
    def settled(self) -> bool:
        """True if nothing is left to do for this chunk."""
        return self.state is ChunkState.SETTLED

    @property
    def never_sent(self) -> bool:
        """True if neither its key nor an earlier job can have changed its target groups."""
        return self.state is ChunkState.PENDING and not self.ambiguous

    @property
    def may_have_job(self) -> bool:
        """True if its key was used and no response has named its job."""
        return self.state in {ChunkState.SENDING, ChunkState.AMBIGUOUS}

    @property
    def last_transition_at(self) -> float | None:
        """When the chunk came to its state, by the local clock; None while its key is not used."""
        return None if self.state is ChunkState.PENDING else getattr(self, _TIMES[self.state])

    def advance(self, state: ChunkState, at: float, **changes: Any) -> Self:
        """Return the chunk in another state.

        Args:
            state: The state.
            at: The time of the transition: seconds since 1970, UTC.
            changes: Other fields to change with it.

        Raises:
            ValueError: if that state cannot follow the present one.
        """
        if state not in TRANSITIONS[self.state]:
            raise ValueError(f"a chunk that is {self.state} does not become {state}")
        if state is ChunkState.PENDING:
            changes |= {"sent_at": None, "sent_date": None}
        else:
            changes[_TIMES[state]] = at
        return attrs.evolve(self, state=state, **changes)


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
    """Return the key of a job for some target groups of another one, which is not sent, or whose key is too old."""
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
