"""Jobs on the respondents of one target group, such as the upload of a file of ids or the removal of all ids."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, Literal, NamedTuple, Self

import attrs

from fieldingkit.sandbox.model.jobs import Failure, Job, JobStatus
from fieldingkit.sandbox.model.target_groups import TargetGroup

__all__ = [
    "MAX_IDS",
    "FileJob",
    "FileJobFailedError",
    "IdFile",
    "add_ids",
    "read_ids",
]

MAX_IDS: Final = 100_000
"""The number of ids that a target group can hold."""

_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class FileJobFailedError(Exception):
    """A file job cannot be executed.

    Args:
        failure: The reason.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.description)
        self.failure: Failure = failure


@attrs.frozen(kw_only=True)
class FileJob(Job):
    """A job on the respondents of one target group. It takes a time for each row, and nothing is changed before."""

    target_group_id: str
    """The target group."""
    family: str
    """The kind of list, such as `exclusions`: only one job of a family can run on a target group at a time."""
    success: Literal["Success", "Completed"]
    """The status of a job that succeeded, in the words of its family."""
    rows: int
    """The number of rows of the file, or of ids to remove."""
    act: Callable[[TargetGroup, datetime], str | None]
    """Executes the job; returns the sentence about rows that were left out, or raises a `FileJobFailedError`."""
    file_name: str | None = None
    """The name of the uploaded file; None for a job without a file."""
    content: bytes = attrs.field(default=b"", repr=False)
    """The uploaded file."""
    note: str | None = None
    """The sentence about rows that were left out; None if there are none."""
    failure: Failure | None = None
    """The reason of the failure, if the job failed. A fault sets it before the job is executed."""

    @property
    def _outcome(self) -> JobStatus:
        return "Failed" if self.failure else self.success

    def execute(
        self, groups: Mapping[str, TargetGroup], at: datetime, failing_items: Callable[..., str | None]
    ) -> Self:
        """Change the target group, unless a fault lets the job fail."""
        del failing_items
        if self.failure is not None:
            return attrs.evolve(self, applied_at=at)
        try:
            return attrs.evolve(self, applied_at=at, note=self.act(groups[self.target_group_id], at))
        except FileJobFailedError as error:
            return attrs.evolve(self, applied_at=at, failure=error.failure)


class IdFile(NamedTuple):
    """The rows of a file of ids."""

    ids: tuple[str, ...]
    """The ids in lower case, in order, without duplicates."""
    invalid: int
    """The number of rows that are empty or no UUID."""
    rows: int
    """The number of all rows."""


def read_ids(content: bytes) -> IdFile:
    """Return the ids of a file with one UUID a line and no header."""
    lines = [line.strip().lower() for line in content.decode(errors="replace").splitlines()]
    valid = [line for line in lines if _ID.fullmatch(line)]
    return IdFile(tuple(dict.fromkeys(valid)), len(lines) - len(valid), len(lines))


def add_ids(known: dict[str, None], ids: tuple[str, ...], failed: int) -> str | None:
    """Add the ids of a file to those of a target group.

    Args:
        known: The ids of the target group, which are changed.
        ids: The ids to add; those that are known already do no harm.
        failed: The number of rows that cannot be added.

    Returns:
        The sentence about the rows that were left out; None if all were added.

    Raises:
        FileJobFailedError: If the target group would hold too many ids; none is added then.
    """
    added = dict.fromkeys(ids)
    if len(known | added) > MAX_IDS:
        raise FileJobFailedError(
            Failure("MaximumRespondentsExceeded", f"A target group can hold {MAX_IDS} respondent IDs.")
        )
    known.update(added)
    return (
        f"Upload partially successful. {len(ids)} respondent IDs uploaded successfully, "
        f"{failed} failed (invalid or empty)."
        if failed
        else None
    )
