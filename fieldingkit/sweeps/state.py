"""The state of a sweep: the outcomes of its target groups, which always add up to the plan, and its chunks. No I/O."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple

import attrs

from fieldingkit.errors import ConfigurationError
from fieldingkit.jobs.token import JobToken
from fieldingkit.resources.batch_jobs import BatchResult, FailedTargetGroup
from fieldingkit.resources.target_groups import TargetGroupStatus
from fieldingkit.sweeps.actions import Action
from fieldingkit.sweeps.chunks import Chunk
from fieldingkit.sweeps.identity import RunIdentity
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.sweeps.report import (
    Counts,
    GroupOutcome,
    Outcome,
    Straggler,
    SweepJob,
    SweepProject,
    SweepReport,
    UnlistedProject,
)
from fieldingkit.transport.headers import trace_id_of

__all__ = ["FoundGroup", "Ledger", "PartitionedResult", "SweepState", "outcome_for_status", "partition_result"]


@attrs.frozen
class FoundGroup:
    """A target group of a plan, as it was before anything was sent."""

    target_group_id: str
    """The target group's ULID."""
    project_id: str
    """The project's ULID."""
    status: TargetGroupStatus | None = None
    """The status; None if it was not read."""
    outcome: Outcome | None = None
    """The outcome that was determined without sending it, such as by an undo; None if its status determines it."""
    reason: str | None = None
    """The reason for that outcome, or why the status could not be read."""
    name: str | None = None
    """The target group's name; None if it was not read."""
    short_id: str | None = None
    """The short id that people see; None if it was not read."""

    def settled(self, action: Action) -> tuple[Outcome, str | None] | None:
        """Return the outcome and reason of this target group if it needs no job; None to send it."""
        if self.outcome is not None:
            return self.outcome, self.reason
        return outcome_for_status(action, self.status)


def outcome_for_status(action: Action, status: TargetGroupStatus | None) -> tuple[Outcome, str | None] | None:
    """Return the outcome and reason of a target group that needs no job because of its status; None to send it.

    A target group is also sent if its status was not read or is new to this release: the API decides then.
    """
    if status is None or status in action.sources or not status.known:
        return None
    if status == action.target:
        return Outcome.UNCHANGED, None
    return Outcome.SKIPPED, f"it is {status}; {action} is for {' or '.join(sorted(action.sources))} target groups"


class PartitionedResult(NamedTuple):
    """The target groups of a job, by how its result reports them."""

    updated: tuple[str, ...]
    """The ids that the result reports as updated."""
    failed: Mapping[str, FailedTargetGroup]
    """The failures, by id."""
    missing: tuple[str, ...]
    """The ids in neither list, or in both."""
    contradictory: frozenset[str] = frozenset()
    """Those of them that are in both."""


def partition_result(ids: Sequence[str], result: BatchResult | None) -> PartitionedResult:
    """Partition the target groups of a job by its result. Other target groups in the result are ignored.

    Args:
        ids: The target groups of the job.
        result: The result; None if there is none.
    """
    if result is None:
        return PartitionedResult((), {}, tuple(ids))
    updated = frozenset(result.updated)
    failed = {item.target_group_id: item for item in result.failed}
    return PartitionedResult(
        updated=tuple(id_ for id_ in ids if id_ in updated and id_ not in failed),
        failed={id_: failed[id_] for id_ in ids if id_ in failed and id_ not in updated},
        missing=tuple(id_ for id_ in ids if (id_ in updated) == (id_ in failed)),
        contradictory=updated.intersection(failed, ids),
    )


class Ledger:
    """The outcomes of one sweep. A target group has at most one outcome at any time, and exactly one at the end.

    Args:
        found: The target groups of the plan, in order.
    """

    def __init__(self, found: Iterable[FoundGroup]) -> None:
        self._found = {group.target_group_id: group for group in found}
        self._outcomes: dict[str, GroupOutcome] = {}
        self._counts: Counter[Outcome] = Counter()

    def __len__(self) -> int:
        return len(self._found)

    @property
    def found(self) -> Iterable[FoundGroup]:
        """The target groups of the plan, in order."""
        return self._found.values()

    def previous_status(self, target_group_id: str) -> TargetGroupStatus | None:
        """Return the status of a target group before anything was sent; None if it was not read."""
        return self._found[target_group_id].status

    @property
    def counts(self) -> Counts:
        """The number of target groups with each outcome so far."""
        return Counts(*(self._counts[outcome] for outcome in Outcome))

    def outcome_of(self, target_group_id: str) -> GroupOutcome | None:
        """Return the outcome of a target group; None if it is still open."""
        return self._outcomes.get(target_group_id)

    def settle(
        self,
        target_group_id: str,
        outcome: Outcome,
        reason: str | None = None,
        *,
        code: str | None = None,
        job_id: str | None = None,
        verified: bool = False,
    ) -> GroupOutcome:
        """Record the outcome of a target group in place of an earlier one, and return it.

        Raises:
            KeyError: if the target group is not part of the plan.
        """
        group = self._found[target_group_id]
        earlier = self._outcomes.get(target_group_id)
        if earlier is not None:
            self._counts[earlier.outcome] -= 1
        self._counts[outcome] += 1
        settled = self._outcomes[target_group_id] = GroupOutcome(
            target_group_id=target_group_id,
            project_id=group.project_id,
            outcome=outcome,
            previous_status=group.status,
            code=code,
            reason=reason,
            job_id=job_id,
            verified=verified,
            name=group.name,
            short_id=group.short_id,
        )
        return settled

    def confirm(self, target_group_id: str) -> None:
        """Mark an updated target group as verified, after it was read with the target status; ignore any other one."""
        settled = self._outcomes.get(target_group_id)
        if settled is not None and settled.outcome is Outcome.UPDATED:
            self._outcomes[target_group_id] = attrs.evolve(settled, verified=True)

    def reopen(self, ids: Iterable[str]) -> None:
        """Discard the outcomes of target groups whose job is continued."""
        for target_group_id in ids:
            if earlier := self._outcomes.pop(target_group_id, None):
                self._counts[earlier.outcome] -= 1

    def add(self, groups: Iterable[FoundGroup], action: Action) -> list[tuple[str, str]]:
        """Add target groups that were found later, and settle them by their status; return the others to send."""
        groups = list(groups)
        self.reopen(group.target_group_id for group in groups)
        self._found.update((group.target_group_id, group) for group in groups)
        return self._settle_by_status(action, groups)

    def settle_by_status(self, action: Action) -> list[tuple[str, str]]:
        """Settle the target groups that need no job; return the others as pairs of project id and target group id."""
        return self._settle_by_status(action, self._found.values())

    def _settle_by_status(self, action: Action, groups: Iterable[FoundGroup]) -> list[tuple[str, str]]:
        to_send: list[tuple[str, str]] = []
        for group in groups:
            settled = group.settled(action)
            if settled is None:
                to_send.append((group.project_id, group.target_group_id))
            else:
                self.settle(group.target_group_id, *settled)
        return to_send

    def close(self, never_sent: Collection[str] = ()) -> tuple[GroupOutcome, ...]:
        """Return all outcomes in the order of the plan; a target group that is still open becomes unknown.

        Args:
            never_sent: The target groups that become not sent instead.
        """
        for target_group_id in self._found:
            if target_group_id not in self._outcomes:
                if target_group_id in never_sent:
                    self.settle(target_group_id, Outcome.NOT_SENT, "it had not been sent yet")
                else:
                    self.settle(
                        target_group_id, Outcome.UNKNOWN, "it may have been sent, and its result has not been seen"
                    )
        return tuple(self._outcomes[target_group_id] for target_group_id in self._found)


class SweepState:
    """The state of a run: its target groups with their outcomes, and its chunks with their jobs.

    Args:
        identity: The identity of the run.
        fingerprint: The fingerprint of the plan.
        ledger: The target groups and their outcomes.
        chunks: The chunks by number, settled ones included.
        unlisted: The projects that could not be listed.
        from_preview: True if its target groups are those of a preview, so that no others may be added.
        projects: The projects whose names were read.
        started_at: When the run started: seconds since 1970, UTC.
        discovered_at: When its target groups were known; None if that is not recorded.
        finished_at: When the run finished; None if it has not.
        continues: The id of the interrupted run that this run continues.
    """

    def __init__(
        self,
        *,
        identity: RunIdentity,
        fingerprint: str,
        ledger: Ledger,
        chunks: Iterable[Chunk],
        started_at: float,
        discovered_at: float | None = None,
        finished_at: float | None = None,
        continues: str | None = None,
        unlisted: Sequence[UnlistedProject] = (),
        from_preview: bool = False,
        projects: Sequence[SweepProject] = (),
    ) -> None:
        self.identity = identity
        self.fingerprint = fingerprint
        self.ledger = ledger
        self.chunks: list[Chunk] = list(chunks)
        self.unlisted: tuple[UnlistedProject, ...] = tuple(unlisted)
        self.from_preview = from_preview
        self.projects: tuple[SweepProject, ...] = tuple(projects)
        self.continues = continues
        self.started_at = started_at
        self.discovered_at = discovered_at
        self.finished_at = finished_at
        self.verifying: bool = False
        """True if the statuses are still to be read again after the last job."""
        self.verified_at: float | None = None
        """When they were read: seconds since 1970, UTC; None if they were not."""
        self.stragglers: tuple[Straggler, ...] = ()
        """The target groups that were read without the target status then."""
        self.unverified: tuple[UnlistedProject, ...] = ()
        """The projects whose statuses could not be read then."""
        self.stop_reason: str | None = None
        """The reason why no more jobs are submitted, such as a decision after the first target groups."""
        self.settled_first: frozenset[str] = frozenset()
        """The first target groups, once this process has nothing left to do for them."""
        self.submitting: int = 0
        """The number of jobs that are being submitted right now."""
        self.submitted: int = sum(chunk.token is not None for chunk in self.chunks)
        """The number of jobs that the API has accepted."""
        self.settled: int = sum(chunk.settled for chunk in self.chunks)
        """The number of settled chunks."""

    @property
    def unclear(self) -> int:
        """The number of jobs that may exist besides: their keys were used, and no response has named them."""
        return sum(chunk.sent_at is not None and chunk.token is None for chunk in self.chunks)

    def put(self, chunk: Chunk) -> Chunk:
        """Replace the chunk with the same number, or append a new one; return the chunk."""
        if chunk.number == len(self.chunks):
            self.chunks.append(chunk)
        else:
            previous = self.chunks[chunk.number]
            self.submitted -= previous.token is not None
            self.settled -= previous.settled
            self.chunks[chunk.number] = chunk
        self.submitted += chunk.token is not None
        self.settled += chunk.settled
        return chunk

    def has_open_job(self, target_group_id: str, *, before: int) -> bool:
        """Return whether an earlier chunk than the given one may have a job with a target group that has not ended.

        A job ends ambiguity only when its end was seen: one that cannot be read any more may still be executed.
        """
        return any(
            chunk.sent_at is not None and chunk.ended_at is None and target_group_id in chunk.ids
            for chunk in self.chunks[:before]
        )

    def never_sent_in(self, project_id: str) -> list[str]:
        """Return the target groups of a project whose chunks were never sent."""
        return [
            id_ for chunk in self.chunks if chunk.never_sent and chunk.project_id == project_id for id_ in chunk.ids
        ]

    def last_job_id(self, target_group_id: str, *, before: int) -> str | None:
        """Return the id of the last job with a target group in an earlier chunk than the given one, if there is one."""
        jobs = (chunk.job_id for chunk in reversed(self.chunks[:before]) if target_group_id in chunk.ids)
        return next((job_id for job_id in jobs if job_id is not None), None)

    def unfinished(self) -> list[Chunk]:
        """Return the chunks that are not settled, and reopen the outcomes of their target groups."""
        open_chunks = [
            chunk for chunk in self.chunks if not (chunk.settled or self.settled_first.issuperset(chunk.ids))
        ]
        self.ledger.reopen(id_ for chunk in open_chunks for id_ in chunk.ids)
        return open_chunks

    @property
    def complete(self) -> bool:
        """True if every chunk is settled, no project is left to list, and nothing is unknown or undecided."""
        settled = self.settled == len(self.chunks) and not self.ledger.counts.unknown
        return settled and (self.from_preview or not self.unlisted) and not self.undecided()

    @property
    def verification_due(self) -> bool:
        """True if the statuses were not read after the last job, or not in every project."""
        return self.verified_at is None or bool(self.unverified)

    def decided_earlier(self) -> frozenset[str]:
        """Return the target groups whose outcome an earlier process has recorded, or whose job it may have created."""
        open_ids = {id_ for chunk in self.chunks if not (chunk.settled or _was_sent(chunk)) for id_ in chunk.ids}
        jobs = {id_ for chunk in self.chunks if _was_sent(chunk) for id_ in chunk.ids}
        ids = (group.target_group_id for group in self.ledger.found)
        return frozenset(
            id_ for id_ in ids if id_ not in open_ids and (id_ in jobs or self.ledger.outcome_of(id_) is not None)
        )

    @property
    def phase(self) -> Literal["sweeping", "verifying", "done"]:
        """The phase of the run after its target groups were found."""
        if self.finished_at is None:
            return "sweeping"
        return "verifying" if self.verifying else "done"

    @property
    def last_step_at(self) -> float:
        """When the run finished or took its last step that has a time: seconds since 1970, UTC."""
        times = (time for chunk in self.chunks for time in (chunk.last_transition_at, chunk.ended_at) if time)
        return self.finished_at or max([self.started_at, *times])

    def undecided(self) -> frozenset[str]:
        """Return the target groups that could not be checked, and are no part of a chunk: nothing was sent for them."""
        own = {id_ for chunk in self.chunks for id_ in chunk.ids}
        others = (group.target_group_id for group in self.ledger.found if group.target_group_id not in own)
        rows = filter(None, map(self.ledger.outcome_of, others))
        return frozenset(row.target_group_id for row in rows if row.outcome in (Outcome.UNKNOWN, Outcome.NOT_SENT))

    def adopt(self, rows: Iterable[GroupOutcome]) -> int:
        """Take over outcomes of earlier runs for target groups that this run left to them; return their number."""
        undecided, number = self.undecided(), 0
        for row in rows:
            if row.target_group_id in undecided and row.outcome is not Outcome.UNKNOWN:
                self.ledger.settle(
                    row.target_group_id,
                    row.outcome,
                    row.reason,
                    code=row.code,
                    job_id=row.job_id,
                    verified=row.verified,
                )
                number += 1
        return number

    def report(self, plan: SweepPlan, *, as_of: float | None = None) -> SweepReport:
        """Return the report of the run so far; target groups that are still open are unknown, or not sent.

        Args:
            plan: The plan.
            as_of: The time of the report if an earlier process made it: seconds since 1970, UTC.
        """
        never_sent = {id_ for chunk in self.chunks if chunk.never_sent for id_ in chunk.ids}
        return SweepReport(
            plan=plan,
            groups=self.ledger.close(never_sent),
            jobs=tuple(_job(chunk, chunk.job_id) for chunk in self.chunks if chunk.job_id is not None),
            unlisted=self.unlisted,
            projects=self.projects,
            base_url=self.identity.base_url,
            account_id=self.identity.account_id,
            api_version=self.identity.api_version,
            started_at=datetime.fromtimestamp(self.started_at, UTC),
            finished_at=_date(self.finished_at),
            verified_at=_date(self.verified_at),
            stragglers=self.stragglers,
            unverified=self.unverified,
            as_of=_date(as_of),
        )


def _was_sent(chunk: Chunk) -> bool:
    return chunk.token is not None or chunk.may_have_job


def _job(chunk: Chunk, job_id: str) -> SweepJob:
    created_at, trace_id = None, None
    try:
        token = JobToken.decode(chunk.token or "")
    except ConfigurationError:
        pass  # written by a later release: the report lacks the time and the trace id of this job
    else:
        created_at = datetime.fromtimestamp(token.created, UTC)
        trace_id = trace_id_of({"traceparent": token.traceparent or ""})
    return SweepJob(
        job_id=job_id,
        project_id=chunk.project_id,
        idempotency_key=chunk.key,
        size=len(chunk.ids),
        created_at=created_at,
        ended_at=_date(chunk.ended_at),
        api_created_at=_date(chunk.api_created_at),
        created_by=chunk.created_by,
        trace_id=trace_id,
    )


def _date(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
