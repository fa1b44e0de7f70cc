"""Interruptions: what a sweep has sent, and how to continue it, said by the exception that ends it."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Self

from fieldingkit.errors import FieldingKitError, JournalError
from fieldingkit.rendering.text import pluralize
from fieldingkit.sweeps.checkpoint import Checkpoint, JournalCheckpoint
from fieldingkit.sweeps.chunks import Chunk
from fieldingkit.sweeps.identity import RunIdentity
from fieldingkit.sweeps.journal import Journal
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.sweeps.report import GroupOutcome
from fieldingkit.sweeps.state import SweepState

__all__ = ["TrackedCheckpoint", "note_outcome"]


class TrackedCheckpoint(Checkpoint):
    """A checkpoint that passes every step on to another one, and remembers the runs of the sweep.

    Args:
        inner: The checkpoint that saves the steps.
        journal: The path of its journal; None if there is none.
        keeps: True if the steps are saved.
    """

    def __init__(self, inner: Checkpoint, *, journal: str | None = None, keeps: bool = True) -> None:
        self.journal: str | None = journal
        """The path of the journal; None if there is none."""
        self.keeps: bool = keeps
        """True if the steps are saved, so that another process can resume the sweep."""
        self.begun: bool = False
        """True once a step was saved, or was to be saved: nothing is sent before."""
        self._inner = inner
        self._root = self
        self._states: dict[str, SweepState] = {}

    @classmethod
    def of(cls, journal: Journal | None, run_id: str) -> Self:
        """Return the checkpoint of a run in a journal; without one, it only remembers the runs."""
        if journal is None:
            return cls(Checkpoint(), keeps=False)
        return cls(JournalCheckpoint(journal, run_id), journal=str(journal.path))

    @property
    def created(self) -> int:
        """The number of jobs that the API has accepted, in all runs of the sweep."""
        return sum(state.submitted for state in self._states.values())

    @property
    def unclear(self) -> int:
        """The number of jobs that may exist besides, in all runs of the sweep."""
        return sum(state.unclear for state in self._states.values())

    async def load(self, plan: SweepPlan, identity: RunIdentity) -> SweepState | None:
        """Return the state that an earlier process left; None for a new run."""
        state = await self._inner.load(plan, identity)
        if state is not None:
            self._states[plan.run_id] = state
        return state

    def for_run(self, run_id: str) -> Checkpoint:
        """Return the checkpoint of another run of the same sweep."""
        other = TrackedCheckpoint(self._inner.for_run(run_id))
        other._root, other._states = self._root, self._states
        return other

    async def plan(self) -> SweepPlan | None:
        """Return the plan of the run; None if it is not known."""
        return await self._inner.plan()

    async def discovering(
        self, plan: SweepPlan, identity: RunIdentity, *, started_at: float, continues: str | None = None
    ) -> None:
        """Save that a run exists."""
        self._root.begun = True
        await self._inner.discovering(plan, identity, started_at=started_at, continues=continues)

    async def discovered(self, state: SweepState) -> None:
        """Save the target groups and the chunks of a run."""
        self._root.begun = True
        self._states[state.identity.run_id] = state
        await self._inner.discovered(state)

    async def save(
        self, chunk: Chunk, outcomes: Sequence[GroupOutcome] = (), *, follow_up: Chunk | None = None
    ) -> None:
        """Save a chunk after a transition."""
        self._root.begun = True
        await self._inner.save(chunk, outcomes, follow_up=follow_up)

    async def finished(self, state: SweepState) -> None:
        """Save that this process has nothing left to do for the run."""
        self._root.begun = True
        await self._inner.finished(state)

    async def verified(self, state: SweepState) -> None:
        """Save what the verification after the last job found."""
        self._root.begun = True
        await self._inner.verified(state)


@contextmanager
def note_outcome(plan: SweepPlan, checkpoint: TrackedCheckpoint) -> Generator[None]:
    """Let any exception that ends a sweep say whether the action may have been applied, and how to continue.

    An error of fieldingkit that follows a send gets ``maybe_applied``; before that, it has refused the sweep, and is
    left as it is. Any other exception, such as a cancellation, gets a note in any case.

    Args:
        plan: The plan of the sweep.
        checkpoint: The checkpoint of its run.
    """
    try:
        yield
    except BaseException as exc:
        sent = _sent(checkpoint)
        if not isinstance(exc, FieldingKitError):
            exc.add_note(_note(plan, checkpoint, sent))
        elif sent and checkpoint.begun:
            exc.maybe_applied = True
            if isinstance(exc, JournalError):
                repeat = _repeat(plan, "journal")
                exc.run_id, exc.sent = plan.run_id, sent
                exc.next_step = (
                    f"{repeat[0].upper()}{repeat[1:]} to resume it; without the journal, read the statuses first."
                )
            else:
                exc.add_note(_note(plan, checkpoint, sent))
        raise


def _sent(checkpoint: TrackedCheckpoint) -> str:
    """Return what was sent, as the predicate of a run; empty if nothing was."""
    created, unclear = checkpoint.created, checkpoint.unclear
    parts = [f"has created {pluralize(created, 'job')}"] if created else []
    if unclear:
        parts.append(f"may have created {f'{unclear:,} more' if created else pluralize(unclear, 'job')}")
    return " and ".join(parts)


def _note(plan: SweepPlan, checkpoint: TrackedCheckpoint, sent: str) -> str:
    """Return the note for an exception that ends a sweep."""
    kind, place = "", "no journal"
    if checkpoint.journal is not None:
        kind, place = "journal", f"journal {checkpoint.journal}"
    elif checkpoint.keeps:
        kind, place = "checkpoint", "a checkpoint"
    run = f"run {plan.run_id} ({place})"
    if not sent:
        return f"{run} has sent nothing; {_repeat(plan, kind)}"
    # Without a journal, a job is not created twice as long as the API remembers its key; it documents no time for that.
    advice = f"{_repeat(plan, kind)} to resume it" if kind else f"read the statuses first, or {_repeat(plan)} soon"
    return f"the {plan.action} may have been applied: {run} {sent}; {advice}"


def _repeat(plan: SweepPlan, kind: str = "") -> str:
    """Return how to repeat a sweep with its run id, which an undo derives from its report, and where it is saved."""
    what, needed = ("sweep the same plan", ["run_id"]) if plan.undoes is None else ("undo the same report", [])
    needed += [kind] if kind else []
    return f"{what} with this {' and '.join(needed)} again" if needed else f"{what} again"
