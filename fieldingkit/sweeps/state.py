"""Keeping account of a sweep, so that the five outcomes always add up to the plan. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import attrs

from fieldingkit.resources.batch_jobs import BatchResult, FailedTargetGroup
from fieldingkit.resources.target_groups import TargetGroupStatus
from fieldingkit.sweeps.actions import Action
from fieldingkit.sweeps.chunks import Chunk
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.sweeps.report import Counts, GroupOutcome, Outcome, SweepJob, SweepReport

__all__ = ["FoundGroup", "Ledger", "Reading", "SweepState", "judge_status", "read_result"]


@attrs.frozen
class FoundGroup:
    """A target group of a plan, as it was before anything was sent."""

    target_group_id: str
    """The target group's ULID."""
    project_id: str
    """Its project's ULID."""
    status: TargetGroupStatus | None = None
    """Its status; None if it was not read."""


def judge_status(action: Action, status: TargetGroupStatus | None) -> tuple[Outcome, str | None] | None:
    """Decide by its status what to do with a target group: the outcome and its reason, or None to send it.

    One whose status is not known, or is new to this release, is sent: the API knows best.
    """
    if status is None or not status.known or status in action.sources:
        return None
    if status == action.target:
        return Outcome.UNCHANGED, None
    return Outcome.SKIPPED, f"it is {status}; {action} is for {' or '.join(sorted(action.sources))} target groups"


class Reading(NamedTuple):
    """What a job's result says of the target groups that it was for."""

    updated: tuple[str, ...]
    """Those that it reports as updated."""
    failed: Mapping[str, FailedTargetGroup]
    """Those that it reports as failed."""
    missing: tuple[str, ...]
    """Those that it reports in neither list, or in both."""


def read_result(ids: Sequence[str], result: BatchResult | None) -> Reading:
    """Sort the target groups of a job by what its result says of them; what it says of others is left aside.

    Args:
        ids: The target groups that the job was for.
        result: Its result; None if there is none.
    """
    if result is None:
        return Reading((), {}, tuple(ids))
    updated = set(result.updated)
    failed = {item.target_group_id: item for item in result.failed}
    return Reading(
        updated=tuple(id_ for id_ in ids if id_ in updated and id_ not in failed),
        failed={id_: failed[id_] for id_ in ids if id_ in failed and id_ not in updated},
        missing=tuple(id_ for id_ in ids if (id_ in updated) == (id_ in failed)),
    )


class Ledger:
    """The account of one sweep. Each target group has at most one outcome at any time, and exactly one in the end.

    Args:
        found: The target groups of the plan, in its order.
    """

    def __init__(self, found: Iterable[FoundGroup]) -> None:
        self._found = {group.target_group_id: group for group in found}
        self._outcomes: dict[str, GroupOutcome] = {}
        self._counts: Counter[Outcome] = Counter()

    def __len__(self) -> int:
        return len(self._found)

    @property
    def found(self) -> Iterable[FoundGroup]:
        """The target groups of the plan, in its order."""
        return self._found.values()

    @property
    def counts(self) -> Counts:
        """How many have come out how so far."""
        return Counts(*(self._counts[outcome] for outcome in Outcome))

    def outcome_of(self, target_group_id: str) -> GroupOutcome | None:
        """How a target group came out; None if that is still open."""
        return self._outcomes.get(target_group_id)

    def settle(
        self,
        target_group_id: str,
        outcome: Outcome,
        reason: str | None = None,
        *,
        code: str | None = None,
        job_id: str | None = None,
    ) -> GroupOutcome:
        """Write down how a target group came out; it takes the place of what was written before.

        Raises:
            KeyError: if it is not part of the plan.
        """
        group = self._found[target_group_id]
        self.reopen([target_group_id])
        self._counts[outcome] += 1
        settled = self._outcomes[target_group_id] = GroupOutcome(
            target_group_id=target_group_id,
            project_id=group.project_id,
            outcome=outcome,
            before=group.status,
            code=code,
            reason=reason,
            job_id=job_id,
        )
        return settled

    def reopen(self, ids: Iterable[str]) -> None:
        """Forget how target groups came out, since work on them goes on."""
        for target_group_id in ids:
            if earlier := self._outcomes.pop(target_group_id, None):
                self._counts[earlier.outcome] -= 1

    def judge(self, action: Action) -> list[tuple[str, str]]:
        """Settle what needs no job; gives the rest, as pairs of project and target group."""
        to_send: list[tuple[str, str]] = []
        for group in self._found.values():
            verdict = judge_status(action, group.status)
            if verdict is None:
                to_send.append((group.project_id, group.target_group_id))
            else:
                self.settle(group.target_group_id, *verdict)
        return to_send

    def close(self) -> tuple[GroupOutcome, ...]:
        """All outcomes in the plan's order; one that is still open is unknown."""
        for target_group_id in self._found:
            if target_group_id not in self._outcomes:
                self.settle(target_group_id, Outcome.UNKNOWN, "the sweep ended before it was settled")
        return tuple(self._outcomes[target_group_id] for target_group_id in self._found)


class SweepState:
    """How far a run has come: its target groups, its jobs, and how many of them are where.

    Args:
        fingerprint: What tells its plan from others.
        ledger: Its target groups and their outcomes.
        chunks: Its jobs, ended ones included, by their number.
        started: When it began: seconds since 1970, UTC.
        finished: When it ended; None if it has not.
    """

    def __init__(
        self,
        *,
        fingerprint: str,
        ledger: Ledger,
        chunks: Iterable[Chunk],
        started: float,
        finished: float | None = None,
    ) -> None:
        self.fingerprint = fingerprint
        self.ledger = ledger
        self.chunks: list[Chunk] = list(chunks)
        self.started = started
        self.finished = finished
        self.submitted: int = sum(chunk.token is not None for chunk in self.chunks)
        """How many jobs the API has taken on."""
        self.ended: int = sum(chunk.ended for chunk in self.chunks)
        """How many jobs are settled."""

    def keep(self, chunk: Chunk) -> Chunk:
        """Put a job in the place of the one with its number, or at the end."""
        if chunk.number == len(self.chunks):
            self.chunks.append(chunk)
        else:
            before = self.chunks[chunk.number]
            self.submitted -= before.token is not None
            self.ended -= before.ended
            self.chunks[chunk.number] = chunk
        self.submitted += chunk.token is not None
        self.ended += chunk.ended
        return chunk

    def unfinished(self) -> list[Chunk]:
        """The jobs that are not settled; how their target groups came out before is forgotten."""
        open_chunks = [chunk for chunk in self.chunks if not chunk.ended]
        self.ledger.reopen(id_ for chunk in open_chunks for id_ in chunk.ids)
        return open_chunks

    def report(self, plan: SweepPlan) -> SweepReport:
        """What became of it; what is still open is unknown."""
        return SweepReport(
            run_id=plan.run_id,
            action=plan.action,
            groups=self.ledger.close(),
            jobs=tuple(
                SweepJob(
                    job_id=chunk.job_id, project_id=chunk.project_id, idempotency_key=chunk.key, size=len(chunk.ids)
                )
                for chunk in self.chunks
                if chunk.job_id is not None
            ),
            started_at=datetime.fromtimestamp(self.started, UTC),
            finished_at=None if self.finished is None else datetime.fromtimestamp(self.finished, UTC),
        )
