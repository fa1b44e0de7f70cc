"""The report file of a sweep: checks that writing it destroys nothing."""

import csv
import os
from collections.abc import Collection
from pathlib import Path

from fieldingkit.cli.errors import UsageError
from fieldingkit.errors import ConfigurationError
from fieldingkit.rendering.files import check_report_path
from fieldingkit.rendering.preview import is_preview
from fieldingkit.rendering.text import pluralize
from fieldingkit.sweeps.report import SweepReport

__all__ = ["check_report_file", "free_report_path", "overwrite_conflict"]


def check_report_file(
    path: Path, run_ids: Collection[str], *, resumed: bool, force: bool, journal: Path | None, ids: Path | None
) -> None:
    """Check, before anything is sent, that the report of a run can be written.

    Args:
        path: The report file.
        run_ids: The ids of the run, and of those that it continues.
        resumed: The run was started by an earlier command.
        force: Overwrite the report of another run.
        journal: The journal of the run; None for a dry run.
        ids: The list of target groups, if there is one.

    Raises:
        UsageError: The file cannot be written, or writing it would destroy something else.
    """
    try:
        check_report_path(path)
    except ConfigurationError as exc:
        raise UsageError(f"{exc.message}\nNothing was sent.") from exc
    for flag, other in (("--journal", journal), ("--ids", ids)):
        if other is not None and os.path.realpath(path.expanduser()) == os.path.realpath(other.expanduser()):
            raise UsageError(f"--report and {flag} name the same file, {path}\nNothing was sent.")
    conflict = None if force else overwrite_conflict(path, run_ids, resumed=resumed)
    if conflict is not None:
        raise UsageError(f"{conflict}\nNothing was sent. Give another --report, or --force to overwrite this one.")


def overwrite_conflict(path: Path, run_ids: Collection[str], *, resumed: bool) -> str | None:
    """Return the reason why the report of a run must not overwrite a file; None if it may.

    A run may update its own report, and overwrite the report of a dry run or of a run that changed nothing. A CSV file
    does not name its run, so only a resumed run may update it.
    """
    path = path.expanduser()
    try:
        if not path.stat().st_size or is_preview(path):
            return None
        if path.suffix.lower() == ".csv":
            changed = 0 if resumed else _changes_in_csv(path)
            return f"{path} is the report of a run that changed {pluralize(changed)}" if changed else None
        report = SweepReport.load(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, csv.Error, ConfigurationError):
        return f"{path} exists and is not a sweep report that this release can read"
    changed = report.counts.updated + report.counts.unknown
    if report.run_id in run_ids or not changed:
        return None
    return f"{path} is the report of the run {report.run_id}, which changed {pluralize(changed)}"


def free_report_path(path: Path, run_id: str) -> Path:
    """Return a path beside a report file, for a run whose report must not overwrite it."""
    return path.with_name(f"{path.stem}-{run_id.replace(':', '-')}{path.suffix}")


def _changes_in_csv(path: Path) -> int:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return sum(row["outcome"] in {"updated", "unknown"} for row in csv.DictReader(file))
