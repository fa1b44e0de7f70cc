"""Defects that are put into the engine, to show that the simulation finds them."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import attrs

from fieldingkit.sweeps import (
    checkpoint,
    engine,
    executor,
    identity,
    inverse,
    key_age,
    plan_file,
    state,
    status_age,
    steps,
    submitter,
    verification,
)
from fieldingkit.sweeps.chunks import ChunkState
from fieldingkit.sweeps.report import SweepReport
from fieldingkit.workflows import runs
from simulation import actors

__all__ = ["MUTANTS", "Mutant"]

Patches = Callable[[], list[Any]]


@attrs.frozen
class Mutant:
    """One defect."""

    code: str
    """The invariant that it breaks."""
    patches: Patches
    """Returns the patches that put it into the engine."""

    @contextmanager
    def applied(self) -> Generator[None]:
        """Put the defect into the engine for a while."""
        patches = self.patches()
        for patch in patches:
            patch.start()
        try:
            yield
        finally:
            for patch in patches:
                patch.stop()


async def _nothing(*args: Any, **options: Any) -> None:
    del args, options


def _claims_of_earlier_processes() -> list[Any]:
    return [mock.patch.object(state.SweepState, "decided_earlier", return_value=frozenset())]


def _same_command_resumes() -> list[Any]:
    original = actors.choose_run

    def choose(*args: Any, **options: Any) -> Any:
        choice = original(*args, **options)
        return choice._replace(kind="resume") if choice.kind == "continue" else choice

    return [mock.patch.object(actors, "choose_run", choose)]


def _statuses_not_read_again() -> list[Any]:
    return [mock.patch.object(status_age.StatusAge, "read_again", _nothing)]


def _identity_not_compared() -> list[Any]:
    return [mock.patch.object(identity.RunIdentity, "mismatch", return_value=None)]


def _history_not_checked() -> list[Any]:
    async def check(*args: Any) -> dict[str, Any]:
        del args
        return {}

    return [mock.patch.object(inverse, "read_history", check)]


def _ambiguity_of_update_forgotten() -> list[Any]:
    original = runs.optimistic_update

    async def forgetful(client: Any, run: Any, decide: Any, confirms: Any, max_conflicts: int) -> Any:
        return await original(client, run, lambda now, _: decide(now, []), confirms, max_conflicts)

    return [mock.patch.object(runs, "optimistic_update", forgetful)]


def _old_keys_trusted() -> list[Any]:
    async def expired(self: Any, chunk: Any) -> bool:
        del self, chunk
        return False

    return [mock.patch.object(key_age.KeyAge, "expired", expired)]


def _ok_although_unsent() -> list[Any]:
    def ok(self: SweepReport) -> bool:
        return not (self.counts.failed or self.counts.unknown or self.unlisted)

    return [mock.patch.object(SweepReport, "ok", property(ok))]


def _not_recorded(state: ChunkState) -> Callable[[], list[Any]]:
    original = checkpoint.JournalCheckpoint.save

    async def save(self: Any, chunk: Any, *args: Any, **options: Any) -> None:
        if chunk.state is not state:
            await original(self, chunk, *args, **options)

    return lambda: [mock.patch.object(checkpoint.JournalCheckpoint, "save", save)]


def _missing_called_updated() -> list[Any]:
    original = state.partition_result

    def partition(ids: Any, result: Any) -> Any:
        parts = original(ids, result)
        return parts._replace(updated=(*parts.updated, *parts.missing), missing=())

    return [mock.patch.object(executor, "partition_result", partition)]


def _ambiguous_called_failed() -> list[Any]:
    original = submitter.Submitter.submit

    async def submit(self: Any, chunk: Any) -> Any:
        sent = await original(self, chunk)
        return sent._replace(ambiguous=False) if isinstance(sent, submitter.NotSubmitted) else sent

    return [mock.patch.object(submitter.Submitter, "submit", submit)]


def _nothing_verified() -> list[Any]:
    async def verify(context: Any) -> None:
        context.state.verified_at = context.client.clock.wall()

    return [mock.patch.object(verification, "verify", verify)]


def _decision_ignored() -> list[Any]:
    original = engine.settle_first

    async def settle_first(context: Any) -> Any:
        await original(context)

    return [mock.patch.object(engine, "settle_first", settle_first)]


def _all_sent_at_once() -> list[Any]:
    return [mock.patch.object(steps, "canary_ids", return_value=frozenset())]


def _moves_since_the_plan_ignored() -> list[Any]:
    def compare(action: Any, planned: Any, now: Any) -> Any:
        del action
        return planned if now.status is None else attrs.evolve(planned, status=now.status)

    return [mock.patch.object(plan_file, "_compare", compare)]


MUTANTS = {
    "outcomes of earlier processes are claimed": Mutant("A5", _claims_of_earlier_processes),
    "the same command resumes the old run": Mutant("A8", _same_command_resumes),
    "old statuses are not read again": Mutant("A7", _statuses_not_read_again),
    "a run does not know its account": Mutant("A9", _identity_not_compared),
    "undo does not judge by the changelog": Mutant("A6", _history_not_checked),
    "update_run forgets what was ambiguous": Mutant("A11", _ambiguity_of_update_forgotten),
    "old keys are trusted": Mutant("A2", _old_keys_trusted),
    "a report is ok although parts were not sent": Mutant("A10", _ok_although_unsent),
    "the send is not recorded": Mutant("A3", _not_recorded(ChunkState.SENDING)),
    "the job is not recorded": Mutant("A4", _not_recorded(ChunkState.SUBMITTED)),
    "missing items are called updated": Mutant("A4", _missing_called_updated),
    "ambiguous sends are called failed": Mutant("A4", _ambiguous_called_failed),
    "nothing is read after the last job": Mutant("A8", _nothing_verified),
    "a decision after the first part is ignored": Mutant("A16", _decision_ignored),
    "the first part is not awaited": Mutant("A16", _all_sent_at_once),
    "moves since a plan file are ignored": Mutant("A17", _moves_since_the_plan_ignored),
}
