"""Fielding runs: the period in which a target group takes completes, and the actions on it.

A launched target group has exactly one run, which is kept through pause, resume, complete and relaunch. The actions are
guarded by the run's ETag: read the run, decide, and send its ``etag`` as ``if_match``.
"""

from datetime import datetime
from typing import ClassVar

import attrs

from fieldingkit.commands import Endpoint, OpenEnum, TargetGroupCommand
from fieldingkit.results import Result, ResultList
from fieldingkit.validators import check_period, etag, opaque_id, timezone_aware

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
    """The status of a fielding run."""

    SCHEDULED = "scheduled"
    """It goes live at its start."""
    LIVE = "live"
    """Respondents can enter."""
    PAUSED = "paused"
    """No respondent can enter; it can be resumed."""
    COMPLETED = "completed"
    """It has ended; it can be relaunched."""


@attrs.frozen(kw_only=True)
class FieldingRun(Result):
    """A fielding run at the time it was read."""

    id: str
    """The run's id."""
    status: FieldingRunStatus
    """The run's status."""
    start_fielding_at: datetime
    """The start of fielding, past or planned, UTC."""
    end_fielding_at: datetime
    """The end of fielding, UTC."""
    version: int
    """The run's version; every change increases it."""
    last_changed_at: datetime | None = None
    """The time of the last change, UTC."""
    last_changed_by: str | None = None
    """The id of the user who made the last change."""
    etag: str = attrs.field(default="", metadata={"header": "etag"})
    """The tag to send as ``if_match``, byte for byte; empty in a list, which returns none."""


@attrs.frozen(kw_only=True, repr=False)
class FieldingRunList(ResultList[FieldingRun]):
    """The runs of one target group: none for a draft, else one."""

    data: tuple[FieldingRun, ...]
    """The runs."""


@attrs.frozen(kw_only=True)
class FieldingRunChange(Result):
    """The result of an action on a run."""

    etag: str = attrs.field(default="", metadata={"header": "etag"})
    """The run's new tag, for the next action; empty if the API did not send it."""
    id: str | None = None
    """The run's id, if the API sends it."""
    status: FieldingRunStatus | None = None
    """The run's new status, if the API sends it."""
    start_fielding_at: datetime | None = None
    """The new start, UTC, if the API sends it, as for ``LaunchFieldingRunNow``."""
    end_fielding_at: datetime | None = None
    """The new end, UTC, if the API sends it, as for ``LaunchFieldingRunNow``."""


@attrs.frozen(kw_only=True)
class ListFieldingRuns(TargetGroupCommand[FieldingRunList]):
    """List the fielding runs of a target group."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", _RUNS, operation_id="get_fielding_runs_by_target_group_id")


@attrs.frozen(kw_only=True)
class GetFieldingRun(TargetGroupCommand[FieldingRun]):
    """Read a fielding run and its ETag."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", _RUN, operation_id="get_fielding_run")
    fielding_run_id: str = attrs.field(validator=opaque_id)
    """The run's id; not the id of the job that launched it."""


@attrs.frozen(kw_only=True)
class _RunAction(TargetGroupCommand[FieldingRunChange]):
    """Base class of the actions on one run. A stale ETag raises ``PreconditionFailedError``; nothing was changed."""

    fielding_run_id: str = attrs.field(validator=opaque_id)
    """The run's id; not the id of the job that launched it."""
    if_match: str = attrs.field(validator=etag)
    """The run's current ETag, byte for byte as the API sent it."""


@attrs.frozen(kw_only=True)
class UpdateFieldingRun(_RunAction):
    """Change the dates of a scheduled, live or paused run.

    The API requires both dates. To extend a run that has started, send the start back as it was read.
    """

    endpoint: ClassVar[Endpoint] = Endpoint("PUT", _RUN, operation_id="update_fielding_run")
    start_fielding_at: datetime = attrs.field(validator=timezone_aware)
    """The start, with a time zone; a changed start must not be in the past."""
    end_fielding_at: datetime = attrs.field(validator=timezone_aware)
    """The end, with a time zone; not before the start."""

    def __attrs_post_init__(self) -> None:
        check_period(self, self.start_fielding_at, self.end_fielding_at)


@attrs.frozen(kw_only=True)
class PauseFieldingRun(_RunAction):
    """Pause a live fielding run, so that it takes no new completes until it is resumed."""

    endpoint: ClassVar[Endpoint] = Endpoint("POST", _RUN + "/pause", operation_id="pause_fielding_run")


@attrs.frozen(kw_only=True)
class ResumeFieldingRun(_RunAction):
    """Resume a paused fielding run that has reached neither its goal nor its end date."""

    endpoint: ClassVar[Endpoint] = Endpoint("POST", _RUN + "/resume", operation_id="resume_fielding_run")


@attrs.frozen(kw_only=True)
class CompleteFieldingRun(_RunAction):
    """Complete a live or scheduled fielding run now, whether or not its goal or end date has been reached."""

    endpoint: ClassVar[Endpoint] = Endpoint("POST", _RUN + "/complete", operation_id="complete_fielding_run")


@attrs.frozen(kw_only=True)
class RelaunchFieldingRun(_RunAction):
    """Relaunch a completed fielding run that has reached neither its goal nor its end date."""

    endpoint: ClassVar[Endpoint] = Endpoint("POST", _RUN + "/relaunch", operation_id="relaunch_fielding_run")


@attrs.frozen(kw_only=True)
class LaunchFieldingRunNow(_RunAction):
    """Launch a scheduled fielding run now. Its end moves with its start: the length of the run is kept."""

    endpoint: ClassVar[Endpoint] = Endpoint("POST", _RUN + "/launch-now", operation_id="launch_now_fielding_run")
