"""The report file of a sweep: checks that writing it destroys nothing."""

import csv
import os
from collections.abc import Collection, Mapping
from pathlib import Path

from fieldingkit.cli.errors import UsageError
from fieldingkit.errors import ConfigurationError
from fieldingkit.rendering.files import check_report_path
from fieldingkit.rendering.preview import is_preview
from fieldingkit.rendering.text import pluralize
from fieldingkit.sweeps.report import SweepReport

__all__ = ["check_report_file", "free_report_path", "is_same_file", "overwrite_conflict"]


def check_report_file(path: Path, run_ids: Collection[str], *, force: bool, kept: Mapping[str, Path | None]) -> None:
    """Check, before anything is sent, that the report of a run can be written.

    Args:
        path: The report file.
        run_ids: The run id, and the ids of the runs that it continues.
        force: Overwrite the report of another run.
        kept: The files that are never overwritten, by what they are, such as ``--journal``.

    Raises:
        UsageError: The file cannot be written, or writing it would destroy something else.
    """
    try:
        check_report_path(path)
    except ConfigurationError as exc:
        raise UsageError(f"{exc.message}\nNothing was sent.") from exc
    for thing, other in kept.items():
        if other is not None and is_same_file(path, other):
            raise UsageError(f"--report and {thing} name the same file, {path}\nNothing was sent.")
    conflict = None if force else overwrite_conflict(path, run_ids)
    if conflict is not None:
        raise UsageError(f"{conflict}\nNothing was sent. Give another --report, or --force to overwrite this one.")


def is_same_file(path: Path, other: Path) -> bool:
    """Return True if two paths lead to one file, or would on a file system that ignores case.

    Symbolic links, hard links and files that do not exist yet are considered.
    """
    path, other = path.expanduser(), other.expanduser()
    try:
        if path.samefile(other):
            return True
    except OSError:
        pass  # one of them does not exist yet
    return os.path.realpath(path).casefold() == os.path.realpath(other).casefold()


def overwrite_conflict(path: Path, run_ids: Collection[str]) -> str | None:
    """Return the reason why the report of a run must not overwrite a file; None if it may.

    A run may update its own report and those of the runs that it continues, and overwrite the report of a dry run or of
    a run that changed nothing.
    """
    path = path.expanduser()
    try:
        if not path.stat().st_size or is_preview(path):
            return None
        run_id, changed = _read_csv(path) if path.suffix.lower() == ".csv" else _read_report(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, csv.Error, ConfigurationError):
        return f"{path} exists and is not a sweep report that this release can read"
    if run_id in run_ids or not changed:
        return None
    return f"{path} is the report of the run {run_id}, which changed {pluralize(changed)}"


def free_report_path(path: Path, run_id: str) -> Path:
    """Return a path beside a report file, for a run whose report must not overwrite it."""
    return path.with_name(f"{path.stem}-{run_id.replace(':', '-')}{path.suffix}")


def _read_report(path: Path) -> tuple[str, int]:
    """Return the run id of a report, and the number of target groups that the run changed, or may have changed."""
    report = SweepReport.load(path)
    return report.run_id, report.counts.updated + report.counts.unknown


def _read_csv(path: Path) -> tuple[str, int]:
    run_ids, changed = set[str](), 0
    with path.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            run_ids.add(row["run_id"])
            changed += row["outcome"] in {"updated", "unknown"}
    return " and ".join(sorted(run_ids)), changed
