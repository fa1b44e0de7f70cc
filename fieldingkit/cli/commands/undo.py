"""``fieldingkit undo``: undo a sweep, from its report."""

from pathlib import Path

from fieldingkit.cli.connection import DEFAULT_CONNECTION, Connection
from fieldingkit.cli.errors import UsageError
from fieldingkit.cli.sweep_options import DEFAULT_OPTIONS, SweepOptions

__all__ = ["undo"]


async def undo(
    report: Path | None = None,
    /,
    *,
    last: bool = False,
    no_history_check: bool = False,
    run_id: str | None = None,
    options: SweepOptions = DEFAULT_OPTIONS,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Undo a pause or a resume, from its report. Exactly the target groups that it changed are changed back.

    Args:
        report: The report of the sweep, .json or .html.
        last: Undo the last sweep of this account that changed something, from its journal.
        no_history_check: Do not read the changelog of each target group to skip those that were changed again since.
        run_id: The run id of the undo; by default that of the sweep with -undo.
        options: The options of the sweep.
        connection: How to reach the API.
    """
    if (report is None) is not last:
        raise UsageError("no sweep to undo was selected\nGive exactly one of a report and --last.")
    from fieldingkit.cli.undo_command import load_last_run, load_report, undo_report

    original, kept, interrupted = (
        load_last_run(connection.load(), options.journal)
        if report is None
        else (load_report(report), {"the report to undo": report}, None)
    )
    return await undo_report(
        original,
        kept,
        no_history_check=no_history_check,
        run_id=run_id or interrupted,
        options=options,
        connection=connection,
    )
