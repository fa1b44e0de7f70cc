"""``fieldingkit sweeps``: list, show, report, resume, undo and prune the runs of earlier sweeps."""

from pathlib import Path
from typing import Final

from fieldingkit.cli.connection import DEFAULT_CONNECTION, Connection
from fieldingkit.cli.sweep_options import DEFAULT_OPTIONS, Duration, SweepOptions

__all__ = ["list_runs", "prune", "resume", "show", "undo", "write_report"]

_MONTH: Final = 30 * 86400.0


async def list_runs(*, journal: Path | None = None, json: bool = False) -> int:
    """List the runs of earlier sweeps, from their journals. The latest is first.

    Args:
        journal: List the runs of this journal instead.
        json: Print one JSON document a line.
    """
    from fieldingkit.cli.run_history import print_runs

    return await print_runs(journal, json=json)


async def show(run: str, /, *, journal: Path | None = None, json: bool = False) -> int:
    """Show the result, the jobs and the timeline of a run.

    Args:
        run: The run id, as listed by `sweeps list`.
        journal: The journal that contains the run; by default all known ones are searched.
        json: Print one JSON document.
    """
    from fieldingkit.cli.run_history import print_run

    return await print_run(run, journal, json=json)


def write_report(
    run: str, /, *, report: Path, force: bool = False, journal: Path | None = None, json: bool = False
) -> int:
    """Write the report of a run; no request is sent.

    Args:
        run: The run id, as listed by `sweeps list`.
        report: The file to write the report to, as JSON, CSV or HTML by its ending .json, .csv or .html.
        force: Overwrite the report of another run.
        journal: The journal that contains the run; by default all known ones are searched.
        json: Print one JSON document.
    """
    from fieldingkit.cli.run_history import write_run_report

    return write_run_report(run, report, force=force, journal=journal, json=json)


async def resume(
    run: str,
    /,
    *,
    options: SweepOptions = DEFAULT_OPTIONS,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Resume a run exactly as it was planned. One that has finished is reported again.

    Args:
        run: The run id, as listed by `sweeps list`.
        options: The options of the sweep; --journal names the journal that contains the run.
        connection: How to reach the API.
    """
    from fieldingkit.cli.run_history import resume_run

    return await resume_run(run, options, connection)


async def undo(
    run: str,
    /,
    *,
    no_history_check: bool = False,
    options: SweepOptions = DEFAULT_OPTIONS,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Undo a pause or a resume, by its run id. Exactly the target groups that it changed are changed back.

    Args:
        run: The run id, as listed by `sweeps list`.
        no_history_check: Do not read the changelog of each target group to skip those that were changed again since.
        options: The options of the sweep; --journal names the journal that contains the run.
        connection: How to reach the API.
    """
    from fieldingkit.cli.run_history import undo_run

    return await undo_run(run, options, connection, no_history_check=no_history_check)


def prune(
    *,
    older_than: Duration = _MONTH,
    dry_run: bool = False,
    yes: bool = False,
    journal: Path | None = None,
    json: bool = False,
) -> int:
    """Delete old runs from the journals. Those that are unfinished or can be undone are deleted only after a question.

    Args:
        older_than: The age from which runs are deleted, such as 30d.
        dry_run: Print what would be deleted; delete nothing.
        yes: Delete unfinished runs and those that can still be undone without a question.
        journal: Prune this journal; by default those of the state folder.
        json: Print one JSON document for each run.
    """
    from fieldingkit.cli.pruning import prune_runs

    return prune_runs(older_than, dry_run=dry_run, yes=yes, journal=journal, json=json)
