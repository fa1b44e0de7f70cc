"""Fielding runs: the period in which a target group takes completes, and the actions on it.

A launched target group has exactly one run, which is kept through pause, resume, complete and relaunch. The actions are
guarded by the run's ETag: read the run, look at it, and send its ``etag`` along as ``if_match``.
"""

from datetime import datetime
from typing import ClassVar

import attrs

from fieldingkit.commands import Command, Endpoint, OpenEnum
from fieldingkit.validators import account, aware, ends_after, etag, opaque_id, ulid

__all__ = [
    "CompleteFieldingRun",
    "FieldingRun",
    "FieldingRunChange",
    "FieldingRunList",
    "FieldingRunStatus",
    "GetFieldingRun",
    "LaunchFieldingRunNow",
    "ListFieldingRuns",
    "PauseFieldingRun",
    "RelaunchFieldingRun",
    "ResumeFieldingRun",
    "UpdateFieldingRun",
]

_RUNS = "/demand/accounts/{account_id}/projects/{project_id}/target-groups/{target_group_id}/fielding-runs"
_RUN = _RUNS + "/{fielding_run_id}"


class FieldingRunStatus(OpenEnum):
    """Where a fielding run stands."""

    SCHEDULED = "scheduled"
    LIVE = "live"
    PAUSED = "paused"
    COMPLETED = "completed"


@attrs.frozen(kw_only=True)
class FieldingRun:
    """A fielding run as it was when it was read."""

    id: str
    """The run's id."""
    status: FieldingRunStatus
    """Where it stands."""
    start_fielding_at: datetime
    """When fielding starts or started, UTC."""
    end_fielding_at: datetime
    """When fielding ends, UTC."""
    version: int
    """Counts the changes of the run."""
    last_changed_at: datetime | None = None
    """When it was last changed, UTC."""
    last_changed_by: str | None = None
    """The id of the user who last changed it."""
    etag: str = attrs.field(default="", metadata={"header": "etag"})
    """The tag to send as ``if_match``, byte for byte; empty in a list, which gives none."""


@attrs.frozen(kw_only=True)
class FieldingRunList:
    """The runs of one target group: none for a draft, else one."""

    data: tuple[FieldingRun, ...]
    """The runs."""


@attrs.frozen(kw_only=True)
class FieldingRunChange:
    """What an action left behind."""

    etag: str = attrs.field(default="", metadata={"header": "etag"})
    """The run's new tag, for the next action; empty if the API did not send it."""
    start_fielding_at: datetime | None = None
    """The new start, UTC, where the API tells it (``LaunchFieldingRunNow``)."""
    end_fielding_at: datetime | None = None
    """The new end, UTC, where the API tells it (``LaunchFieldingRunNow``)."""


@attrs.frozen(kw_only=True)
class ListFieldingRuns(Command[FieldingRunList]):
    """List the fielding runs of a target group."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", _RUNS, operation_id="get_fielding_runs_by_target_group_id")
    account_id: str | int | None = attrs.field(default=None, validator=account)
    """The account's number; the client's own if left out."""
    project_id: str = attrs.field(validator=ulid)
    """The project's ULID."""
    target_group_id: str = attrs.field(validator=ulid)
    """The target group's ULID."""


@attrs.frozen(kw_only=True)
class GetFieldingRun(Command[FieldingRun]):
    """Read a fielding run and its ETag."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", _RUN, operation_id="get_fielding_run")
    account_id: str | int | None = attrs.field(default=None, validator=account)
    """The account's number; the client's own if left out."""
    project_id: str = attrs.field(validator=ulid)
    """The project's ULID."""
    target_group_id: str = attrs.field(validator=ulid)
    """The target group's ULID."""
    fielding_run_id: str = attrs.field(validator=opaque_id)
    """The run's id; not the id of the job that launched it."""


@attrs.frozen(kw_only=True)
class _RunAction(Command[FieldingRunChange]):
    """A change of one run, guarded by its ETag. A refused tag is ``PreconditionFailedError``, nothing was done."""

    account_id: str | int | None = attrs.field(default=None, validator=account)
    """The account's number; the client's own if left out."""
    project_id: str = attrs.field(validator=ulid)
    """The project's ULID."""
    target_group_id: str = attrs.field(validator=ulid)
    """The target group's ULID."""
    fielding_run_id: str = attrs.field(validator=opaque_id)
    """The run's id; not the id of the job that launched it."""
    if_match: str = attrs.field(validator=etag)
    """The run's current ETag, byte for byte as the API sent it."""


@attrs.frozen(kw_only=True)
class UpdateFieldingRun(_RunAction):
    """Change the dates of a scheduled, live or paused run.

    The API wants both dates. To extend a run that has started, send the start back as it was read.
    """

    endpoint: ClassVar[Endpoint] = Endpoint("PUT", _RUN, operation_id="update_fielding_run")
    start_fielding_at: datetime = attrs.field(validator=aware)
    """The new start, with a time zone; a start that is not the present one must not be in the past."""
    end_fielding_at: datetime = attrs.field(validator=aware)
    """The new end, with a time zone; not before the start."""

    def __attrs_post_init__(self) -> None:
        ends_after(self.start_fielding_at, self.end_fielding_at, self)


@attrs.frozen(kw_only=True)
class PauseFieldingRun(_RunAction):
    """Pause a live fielding run, so that it takes no new completes until it is resumed."""

    endpoint: ClassVar[Endpoint] = Endpoint("POST", _RUN + "/pause", operation_id="pause_fielding_run")


@attrs.frozen(kw_only=True)
class ResumeFieldingRun(_RunAction):
    """Put a paused fielding run back to live, if neither its goal nor its end date has been reached."""

    endpoint: ClassVar[Endpoint] = Endpoint("POST", _RUN + "/resume", operation_id="resume_fielding_run")


@attrs.frozen(kw_only=True)
class CompleteFieldingRun(_RunAction):
    """Complete a live or scheduled fielding run now, whatever its goal and end date."""

    endpoint: ClassVar[Endpoint] = Endpoint("POST", _RUN + "/complete", operation_id="complete_fielding_run")


@attrs.frozen(kw_only=True)
class RelaunchFieldingRun(_RunAction):
    """Put a completed fielding run back to live, if neither its goal nor its end date has been reached."""

    endpoint: ClassVar[Endpoint] = Endpoint("POST", _RUN + "/relaunch", operation_id="relaunch_fielding_run")


@attrs.frozen(kw_only=True)
class LaunchFieldingRunNow(_RunAction):
    """Launch a scheduled fielding run now. Its end moves with its start: the length of the run is kept."""

    endpoint: ClassVar[Endpoint] = Endpoint("POST", _RUN + "/launch-now", operation_id="launch_now_fielding_run")
