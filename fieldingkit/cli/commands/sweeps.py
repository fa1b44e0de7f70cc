"""``fieldingkit sweeps``: list, show, report, resume, undo and prune the runs of earlier sweeps."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import attrs

from fieldingkit.cli.commands.undo import JOURNAL, connection_of, undo_report
from fieldingkit.cli.connection import DEFAULT_CONNECTION, Connection
from fieldingkit.cli.errors import ExitCode, UsageError
from fieldingkit.cli.output import Output
from fieldingkit.cli.prompts import ask, can_ask
from fieldingkit.cli.report_file import check_report_file
from fieldingkit.cli.run_store import in_state_folder
from fieldingkit.cli.stored_runs import StoredRun, find_run, read_run, stored_runs
from fieldingkit.cli.sweep_command import SweepCommand
from fieldingkit.cli.sweep_options import DEFAULT_OPTIONS, Duration, SweepOptions
from fieldingkit.cli.sweep_summary import result_text
from fieldingkit.errors import JournalError
from fieldingkit.rendering.text import format_duration, format_time, pluralize
from fieldingkit.rendering.wording import format_counts
from fieldingkit.sweeps.journal import Journal
from fieldingkit.sweeps.report import SweepJob, SweepReport
from fieldingkit.sweeps.report_files import to_document

__all__ = ["list_runs", "prune", "resume", "show", "undo", "write_report"]


T = TypeVar("T")

_MONTH: Final = 30 * 86400.0

_COLUMNS: Final[dict[str, Callable[[StoredRun], object]]] = {
    "Run": lambda run: run.run_id,
    "Action": lambda run: run.summary.action,
    "Account": lambda run: run.summary.account_id,
    "API": lambda run: urlsplit(run.summary.base_url).netloc,
    "Started": lambda run: run.summary.started_at,
    "Finished": lambda run: (
        run.summary.finished_at or (f"continued by {run.continued_by}" if run.continued_by else "open")
    ),
    "Groups": lambda run: run.summary.total,
    "Outcomes": lambda run: format_counts(run.summary.counts._asdict()),
}
_JOB_COLUMNS: Final[dict[str, Callable[[SweepJob], object]]] = {
    "Job": lambda job: job.job_id,
    "Project": lambda job: job.project_id,
    "Groups": lambda job: job.size,
    "Created": lambda job: job.created_at,
    "Ended": lambda job: job.ended_at or "not seen",
    "Trace": lambda job: job.trace_id,
}


async def list_runs(*, journal: Path | None = None, json: bool = False) -> int:
    """List the runs of all known journals, the latest first.

    Args:
        journal: List the runs of this journal instead.
        json: Print one JSON document a line.
    """
    output = Output(json=json)
    runs = stored_runs(journal, output.note)
    if not await output.print_items(_COLUMNS, _iterate(runs), document=_document):
        output.note("No runs.")
    return ExitCode.DONE


async def show(run: str, /, *, journal: Path | None = None, json: bool = False) -> int:
    """Show a run: its result, its jobs and its timeline.

    Args:
        run: The run id, as listed by `sweeps list`.
        journal: The journal that contains the run; by default all known ones are searched.
        json: Print one JSON document.
    """
    output = Output(json=json)
    stored = find_run(run, journal, output.note)
    if stored.summary.discovered_at is None:
        output.print_json({**_document(stored), "jobs": [], "timeline": [], "groups": []})
        output.print_text(f"Run {run} was interrupted before its target groups were known; nothing was sent.")
        return ExitCode.DONE
    found = read_run(stored)
    timeline = _timeline(found)
    output.print_json(
        {
            **_document(stored),
            "jobs": [job.to_dict() for job in found.jobs],
            "timeline": [{"at": at, "event": event} for at, event in timeline],
            "groups": [group.to_dict() for group in found.groups],
        }
    )
    summary = stored.summary
    output.print_fields(
        {
            "Run": summary.run_id,
            "Continues": summary.continues,
            "Action": summary.action,
            "Account": summary.account_id,
            "API": summary.base_url,
            "API version": summary.api_version,
            "Started": format_time(summary.started_at),
            "Finished": format_time(summary.finished_at) or "open",
            "Journal": stored.path,
        }
    )
    output.print_text(f"\n{result_text(to_document(found))}")
    if found.jobs and not json:
        output.print_text("")
        await output.print_items(_JOB_COLUMNS, _iterate(found.jobs))
    output.print_text("")
    for at, event in timeline:
        output.print_text(f"{format_duration((at - summary.started_at).total_seconds()):>12}  {event}")
    return ExitCode.DONE


def write_report(
    run: str, /, *, report: Path, force: bool = False, journal: Path | None = None, json: bool = False
) -> int:
    """Write the report of a run from its journal; no request is sent.

    Args:
        run: The run id, as listed by `sweeps list`.
        report: The file to write the report to, as JSON, CSV or HTML by its ending .json, .csv or .html.
        force: Overwrite the report of another run.
        journal: The journal that contains the run; by default all known ones are searched.
        json: Print one JSON document.
    """
    output = Output(json=json)
    stored = find_run(run, journal, output.note)
    found = read_run(stored)
    check_report_file(report, [found.run_id], force=force, kept={"the journal": stored.path})
    try:
        found.save(report)
    except OSError as exc:
        raise UsageError(f"the report {report} could not be written: {exc.strerror}") from exc
    output.print_json({**_document(stored), "report": str(report)})
    output.print_text(f"Report: {report}")
    return ExitCode.DONE


async def resume(
    run: str,
    /,
    *,
    options: SweepOptions = DEFAULT_OPTIONS,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Resume a run exactly as it was planned; one that has finished is reported again.

    Args:
        run: The run id, as listed by `sweeps list`.
        options: The options of the sweep; --journal names the journal that contains the run.
        connection: How to reach the API.
    """
    stored = find_run(run, options.journal, Output().note)
    try:
        with Journal(stored.path, read_only=True) as journal:
            plan = journal.plan(stored.run_id)
    except JournalError as exc:
        raise UsageError(exc.message) from exc
    configuration = connection_of(connection, stored.summary.base_url, stored.summary.account_id, "run")
    if options.concurrency == DEFAULT_OPTIONS.concurrency:
        options = attrs.evolve(options, concurrency=plan.concurrency)
    options = attrs.evolve(options, journal=stored.path)
    return await SweepCommand(plan, options, connection, configuration, named=True).run()


async def undo(
    run: str,
    /,
    *,
    no_history_check: bool = False,
    options: SweepOptions = DEFAULT_OPTIONS,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Undo a pause or a resume, for exactly the target groups that the run changed.

    Args:
        run: The run id, as listed by `sweeps list`.
        no_history_check: Do not read the changelog of each target group to skip those that were changed again since.
        options: The options of the sweep; --journal names the journal that contains the run.
        connection: How to reach the API.
    """
    stored = find_run(run, options.journal, Output().note)
    return await undo_report(
        read_run(stored),
        {JOURNAL: stored.path},
        no_history_check=no_history_check,
        options=options,
        connection=connection,
    )


def prune(
    *,
    older_than: Duration = _MONTH,
    dry_run: bool = False,
    yes: bool = False,
    journal: Path | None = None,
    json: bool = False,
) -> int:
    """Delete old runs. A run that is unfinished, or that can still be undone, is deleted only after a question.

    Args:
        older_than: The age from which runs are deleted, such as 30d.
        dry_run: Print what would be deleted; delete nothing.
        yes: Delete unfinished runs and those that can still be undone without a question.
        journal: Prune this journal; by default those of the state folder.
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
    finished = {run.run_id for run in runs if run.summary.finished_at is not None}
    undos = {run.undo_id for run in runs}
    reasons = [(chain, reason) for chain in chains if (reason := _reason_to_keep(chain, finished, undos))]
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
        output.print_json({**_document(run), "deleted": reason is None and not dry_run, "reason": reason})
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


def _reason_to_keep(chain: Sequence[StoredRun], finished: set[str], undos: set[str]) -> str | None:
    """Return the reason why a run must not be deleted without a question.

    Args:
        chain: The run, and those that it continues.
        finished: The ids of all finished runs.
        undos: The ids that the undo of each run has.
    """
    last = chain[0]
    if last.summary.finished_at is None:
        return "it is unfinished"
    if last.summary.counts.unknown:
        return f"the outcome of {pluralize(last.summary.counts.unknown)} is unknown"
    undoable = sum(run.summary.undoable for run in chain)
    if undoable and last.run_id not in undos and last.undo_id not in finished:
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


def _document(stored: StoredRun) -> dict[str, Any]:
    summary = stored.summary
    fields = {field.name: getattr(summary, field.name) for field in attrs.fields(type(summary))}
    return {
        **fields,
        "counts": summary.counts._asdict(),
        "undoable": summary.undoable,
        "continued_by": stored.continued_by,
        "journal": str(stored.path),
    }


def _timeline(report: SweepReport) -> list[tuple[datetime, str]]:
    """Return what happened when: the jobs and the end of the run."""
    events = [(report.started_at, "started")]
    for job in report.jobs:
        if job.created_at is not None:
            events.append((job.created_at, f"job {job.job_id} created for {pluralize(job.size)}"))
        if job.ended_at is not None:
            events.append((job.ended_at, f"job {job.job_id} ended"))
    if report.finished_at is not None:
        events.append((report.finished_at, "finished"))
    return sorted(events)


async def _iterate(items: Iterable[T]) -> AsyncIterator[T]:
    for item in items:
        yield item
