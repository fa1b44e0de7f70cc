"""Delete old runs from the journals, but none without a question that can still be resumed, read or undone."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fieldingkit.cli.errors import ExitCode
from fieldingkit.cli.output import Output
from fieldingkit.cli.prompts import ask, can_ask
from fieldingkit.cli.run_history import run_fields
from fieldingkit.cli.run_store import in_state_folder
from fieldingkit.cli.stored_runs import StoredRun, stored_runs
from fieldingkit.errors import JournalError
from fieldingkit.rendering.text import pluralize
from fieldingkit.sweeps.journal import Journal

__all__ = ["prune_runs"]


def prune_runs(older_than: float, *, dry_run: bool, yes: bool, journal: Path | None, json: bool) -> ExitCode:
    """Delete old runs.

    Args:
        older_than: The age in seconds from which runs are deleted.
        dry_run: Print what would be deleted; delete nothing.
        yes: Delete unfinished runs and those that can still be undone without a question.
        journal: Prune this journal; None for those of the state folder.
        json: Print one JSON document for each run.
    """
    output = Output(json=json)
    runs = stored_runs(journal, output.note)
    before = datetime.now(UTC) - timedelta(seconds=older_than)
    chains = [
        chain
        for chain in _chains(runs)
        if _ended_at(chain[0]) < before and (journal is not None or in_state_folder(chain[0].path))
    ]
    old = [run for chain in chains for run in chain]
    undone = {run.summary.undoes for run in runs if run.summary.finished_at is not None}
    reasons = [(chain, reason) for chain in chains if (reason := _reason_to_keep(chain, undone))]
    if reasons and not dry_run and (yes or _may_delete({chain[0].run_id: reason for chain, reason in reasons}, output)):
        reasons = []
    needed = {run.run_id: reason for chain, reason in reasons for run in chain}
    failed: dict[str, str] = {}
    if not dry_run:
        for path in dict.fromkeys(run.path for run in old):
            gone = [run.run_id for run in old if run.path == path and run.run_id not in needed]
            if reason := _delete(path, gone, all_of_it=journal is None):
                failed |= dict.fromkeys(gone, reason)
    for run in old:
        reason = needed.get(run.run_id) or failed.get(run.run_id)
        output.print_json({**run_fields(run), "deleted": reason is None and not dry_run, "reason": reason})
        verb = "Kept" if reason else "Would delete" if dry_run else "Deleted"
        output.print_text(f"{verb} {run.run_id}{f': {reason}' if reason else ''}")
    if needed and not yes:
        output.note(f"{pluralize(len(needed), 'run')} kept; --yes deletes what can still be resumed, read or undone.")
    if not old:
        output.note("No runs of that age.")
    return ExitCode.FAILED if failed else ExitCode.DONE


def _chains(runs: Sequence[StoredRun]) -> list[list[StoredRun]]:
    """Return the runs with those that they continue, the last run of each chain first: a report needs all of them."""
    chains: dict[str, list[StoredRun]] = {}
    successors = {run.run_id: run.continued_by for run in runs}
    for run in runs:
        last = run.run_id
        while (successor := successors.get(last)) is not None:
            last = successor
        chains.setdefault(last, []).append(run)
    return list(chains.values())


def _ended_at(run: StoredRun) -> datetime:
    return run.summary.finished_at or run.summary.started_at


def _reason_to_keep(chain: Sequence[StoredRun], undone: Collection[str | None]) -> str | None:
    """Return the reason why a run must not be deleted without a question.

    Args:
        chain: The run, and those that it continues.
        undone: The ids of the runs whose undo has finished.
    """
    last = chain[0]
    if last.summary.finished_at is None:
        return "it is unfinished"
    if last.summary.counts.unknown:
        return f"the outcome of {pluralize(last.summary.counts.unknown)} is unknown"
    undoable = sum(run.summary.undoable for run in chain)
    if undoable and last.summary.undoes is None and last.run_id not in undone:
        return f"it can still be undone, for {pluralize(undoable)}"
    return None


def _may_delete(needed: Mapping[str, str], output: Output) -> bool:
    """Ask whether to delete runs that are still of use; without a terminal they are kept."""
    if not can_ask():
        return False
    for run_id, reason in needed.items():
        output.note(f"  {run_id}: {reason}")
    return ask(f"Delete {pluralize(len(needed), 'run')} that can still be resumed, read or undone")


def _delete(path: Path, run_ids: Sequence[str], *, all_of_it: bool) -> str | None:
    """Delete runs, and the journal if it is empty then; return the reason if that is not possible."""
    if not run_ids:
        return None
    try:
        with Journal(path) as journal:
            for run_id in run_ids:
                journal.delete(run_id)
            empty = not journal.runs()
    except JournalError as exc:
        return exc.message
    if all_of_it and empty:
        for suffix in ("", "-wal", "-shm", ".lock"):
            path.with_name(f"{path.name}{suffix}").unlink(missing_ok=True)
    return None
