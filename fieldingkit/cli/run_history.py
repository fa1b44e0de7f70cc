"""The runs of earlier sweeps: print, report, resume and undo them."""

from collections.abc import AsyncIterator, Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import attrs

from fieldingkit.cli.connection import Connection
from fieldingkit.cli.errors import ExitCode, NotPossibleError, UsageError
from fieldingkit.cli.output import Output
from fieldingkit.cli.report_file import check_report_file
from fieldingkit.cli.stored_runs import StoredRun, find_run, read_run, stored_runs
from fieldingkit.cli.sweep_command import SweepCommand
from fieldingkit.cli.sweep_options import DEFAULT_OPTIONS, SweepOptions
from fieldingkit.cli.sweep_summary import result_text
from fieldingkit.cli.undo_command import JOURNAL, connection_of, undo_report
from fieldingkit.errors import JournalError
from fieldingkit.rendering.text import format_duration, format_time, pluralize
from fieldingkit.rendering.wording import format_counts
from fieldingkit.sweeps.journal import Journal
from fieldingkit.sweeps.report import SweepJob, SweepReport
from fieldingkit.sweeps.report_files import to_document

__all__ = ["print_run", "print_runs", "resume_run", "run_fields", "undo_run", "write_run_report"]


T = TypeVar("T")

_COLUMNS: Final[dict[str, Callable[[StoredRun], object]]] = {
    "Run": lambda run: run.run_id,
    "Action": lambda run: run.summary.action,
    "Account": lambda run: run.summary.account_id,
    "API": lambda run: urlsplit(run.summary.base_url).netloc,
    "Started": lambda run: run.summary.started_at,
    "Finished": lambda run: (
        run.summary.finished_at or (f"continued by {run.continued_by}" if run.continued_by else _open(run))
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
_WAIT: Final = "A sweep with this journal is in progress: wait, and show the run again."


async def print_runs(journal: Path | None, *, json: bool) -> ExitCode:
    """Print the runs of all known journals, the latest first.

    Args:
        journal: Print the runs of this journal instead.
        json: Print one JSON document a line.
    """
    output = Output(json=json)
    runs = stored_runs(journal, output.note)
    if not await output.print_items(_COLUMNS, _iterate(runs), document=run_fields):
        output.note("No runs.")
    return ExitCode.DONE


async def print_run(run_id: str, journal: Path | None, *, json: bool) -> ExitCode:
    """Print a run: its result, its jobs and its timeline.

    Args:
        run_id: The run id.
        journal: The journal that contains the run; None to search all known ones.
        json: Print one JSON document.
    """
    output = Output(json=json)
    stored = find_run(run_id, journal, output.note)
    if stored.summary.discovered_at is None:
        output.print_json({**run_fields(stored), "jobs": [], "timeline": [], "groups": []})
        output.print_text(
            f"Run {run_id} was interrupted before its target groups were known; nothing was sent."
            if stored.writer is None
            else f"The target groups of run {run_id} are not known yet; nothing was sent so far. {_WAIT}"
        )
        return ExitCode.DONE
    found = read_run(stored)
    timeline = _timeline(found)
    output.print_json(
        {
            **run_fields(stored),
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
            "Finished": format_time(summary.finished_at) or _open(stored),
            "Journal": stored.path,
            "In use by": stored.writer,
        }
    )
    if stored.writer is not None:
        output.print_text(f"\n{_WAIT}")
    output.print_text(f"\n{result_text(to_document(found))}")
    if found.jobs and not json:
        output.print_text("")
        await output.print_items(_JOB_COLUMNS, _iterate(found.jobs))
    output.print_text("")
    for at, event in timeline:
        output.print_text(f"{format_duration((at - summary.started_at).total_seconds()):>12}  {event}")
    return ExitCode.DONE


def write_run_report(run_id: str, path: Path, *, force: bool, journal: Path | None, json: bool) -> ExitCode:
    """Write the report of a run from its journal.

    Args:
        run_id: The run id.
        path: The file to write the report to.
        force: Overwrite the report of another run.
        journal: The journal that contains the run; None to search all known ones.
        json: Print one JSON document.

    Raises:
        UsageError: There is no such run, or the file cannot be written.
    """
    output = Output(json=json)
    stored = find_run(run_id, journal, output.note)
    found = read_run(stored)
    check_report_file(path, [found.run_id], force=force, kept={"the journal": stored.path})
    try:
        found.save(path)
    except OSError as exc:
        raise UsageError(f"the report {path} could not be written: {exc.strerror}") from exc
    output.print_json({**run_fields(stored), "report": str(path)})
    output.print_text(f"Report: {path}")
    return ExitCode.DONE


async def resume_run(run_id: str, options: SweepOptions, connection: Connection) -> ExitCode:
    """Resume a run exactly as it was planned; report one that has finished again.

    Args:
        run_id: The run id.
        options: The options of the sweep, with the journal that contains the run if it is given.
        connection: How to reach the API.
    """
    stored = find_run(run_id, options.journal, Output().note)
    if stored.summary.discovered_at is None:
        raise NotPossibleError(
            f"run {run_id} was interrupted before its target groups were known\n"
            "Nothing was sent. Give the command that began it again."
        )
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


async def undo_run(run_id: str, options: SweepOptions, connection: Connection, *, no_history_check: bool) -> ExitCode:
    """Undo a pause or a resume, for exactly the target groups that the run changed.

    Args:
        run_id: The run id.
        options: The options of the sweep, with the journal that contains the run if it is given.
        connection: How to reach the API.
        no_history_check: Do not read the changelog of each target group.
    """
    stored = find_run(run_id, options.journal, Output().note)
    return await undo_report(
        read_run(stored),
        {JOURNAL: stored.path},
        no_history_check=no_history_check,
        options=options,
        connection=connection,
    )


def run_fields(stored: StoredRun) -> dict[str, Any]:
    """Return a run as a JSON document."""
    summary = stored.summary
    fields = {field.name: getattr(summary, field.name) for field in attrs.fields(type(summary))}
    return {
        **fields,
        "counts": summary.counts._asdict(),
        "undoable": summary.undoable,
        "continued_by": stored.continued_by,
        "in_use_by": stored.writer,
        "journal": str(stored.path),
    }


def _open(run: StoredRun) -> str:
    return "open" if run.writer is None else "in progress"


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
