"""History: whether the latest status change of a target group is the one that a sweep made, by the API's changelog."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from fieldingkit.client import AsyncClient
from fieldingkit.errors import ApiError, DecodeError, TransportError
from fieldingkit.resources.target_group_changelog import (
    ChangelogEntry,
    GetTargetGroupChangelog,
    TargetGroupChangelog,
    TargetGroupChangeType,
    UserKind,
)
from fieldingkit.sweeps.concurrency import run_limited, wait_for_capacity
from fieldingkit.sweeps.report import GroupOutcome, Outcome, SweepJob, SweepReport
from fieldingkit.workflows.reading import send_read

__all__ = ["Verdict", "check_history", "unchanged_since"]

_READS_AT_ONCE = 16
_SLACK = timedelta(seconds=5)
"""The tolerance for the end of a job, whose duration is known by the local clock only."""


class Verdict(NamedTuple):
    """The outcome of a target group that must not be undone, with the reason."""

    outcome: Outcome
    """``skipped`` if somebody changed it after the sweep; ``unknown`` if the changelog does not show that."""
    reason: str
    """The reason."""


async def check_history(client: AsyncClient, report: SweepReport, rows: list[GroupOutcome]) -> Mapping[str, Verdict]:
    """Read the changelog of updated target groups; return those whose latest status change is not the sweep's.

    The change of the sweep is the only one since the API created the job. It leads to the target status, was made
    before the end of the job, and by the user who created the job, as far as the API names both.

    Args:
        client: The client to use.
        report: The report of the sweep.
        rows: Updated target groups of the report.
    """
    jobs = {job.job_id: job for job in report.jobs}
    verdicts: dict[str, Verdict] = {}
    authors: dict[str, tuple[ChangelogEntry, SweepJob]] = {}

    async def check(row: GroupOutcome) -> None:
        job = jobs.get(row.job_id or "")
        result = await _check(client, report, row, job)
        if isinstance(result, Verdict):
            verdicts[row.target_group_id] = result
        elif job is not None:
            authors[row.target_group_id] = result, job

    await run_limited(rows, check, limit=_READS_AT_ONCE)
    known = {id_: pair for id_, pair in authors.items() if None not in (_author(pair[0]), pair[1].created_by)}
    others = {id_: entry for id_, (entry, job) in known.items() if _author(entry) != job.created_by}
    # Both are user ids by the contract. If they never agree, others made all changes, or the API means two users.
    verdicts |= {
        id_: _changed_again(entry, "by another user")
        if len(others) < len(known)
        else _unclear("the API names another user for the change than for the job")
        for id_, entry in others.items()
    }
    return verdicts


async def unchanged_since(
    client: AsyncClient, account_id: str | int | None, project_id: str, ids: Sequence[str], since: datetime
) -> Collection[str]:
    """Return the target groups whose changelog shows no status change since a time; one that cannot be read does not.

    Args:
        client: The client to use.
        account_id: The account's number; None for the client's account.
        project_id: The project's ULID.
        ids: The target groups' ULIDs.
        since: The time, by the API's clock.
    """
    unchanged: set[str] = set()

    async def check(target_group_id: str) -> None:
        try:
            page = await _read_changelog(client, account_id, project_id, target_group_id)
        except (ApiError, TransportError, DecodeError):
            return
        times = _times(page)
        if times is not None and all(moment < since for moment in times):
            unchanged.add(target_group_id)

    await run_limited(ids, check, limit=_READS_AT_ONCE)
    return unchanged


async def _read_changelog(
    client: AsyncClient, account_id: str | int | None, project_id: str, target_group_id: str
) -> TargetGroupChangelog:
    """Return the first page of the status changes of a target group."""
    await wait_for_capacity(client)
    command = GetTargetGroupChangelog(
        account_id=account_id,
        project_id=project_id,
        target_group_id=target_group_id,
        change_types=[TargetGroupChangeType.STATUS_CHANGE],
    )
    return await send_read(client, command)


def _times(page: TargetGroupChangelog) -> Sequence[datetime] | None:
    """Return the times of all changes on a page; None if the page may lack the latest change."""
    times = [entry.occurred_at for entry in page.changelog if entry.occurred_at is not None]
    if len(times) < len(page.changelog) or (page.next_cursor and times != sorted(times, reverse=True)):
        return None
    return times


async def _check(
    client: AsyncClient, report: SweepReport, row: GroupOutcome, job: SweepJob | None
) -> Verdict | ChangelogEntry:
    """Return the one status change since the job was created, or the reason why it is not the sweep's."""
    if job is None or job.api_created_at is None:
        return _unclear("the API's time of the job that changed it is not known")
    try:
        page = await _read_changelog(client, report.plan.account_id, row.project_id, row.target_group_id)
    except (ApiError, TransportError, DecodeError) as exc:
        return _unclear(f"its changelog could not be read: {exc.message}")
    return _judge(report, page, job)


def _judge(report: SweepReport, page: TargetGroupChangelog, job: SweepJob) -> Verdict | ChangelogEntry:
    dated = [(entry.occurred_at, entry) for entry in page.changelog if entry.occurred_at is not None]
    if _times(page) is None:
        return _unclear("its changelog does not show the latest change")
    later = [entry for moment, entry in dated if job.api_created_at is None or moment >= job.api_created_at]
    if not later:
        return _unclear(f"its changelog does not show the {report.action}")
    latest = max(later, key=lambda entry: entry.occurred_at or report.started_at)
    if len(later) > 1:
        return _changed_again(latest)
    if any(_leads_elsewhere(change.new_value, report) for change in latest.changes):
        return _changed_again(latest)
    if latest.user is not None and latest.user.type not in (None, UserKind.LAS_USER):
        return _changed_again(latest, "by the API itself")
    if latest.occurred_at is not None and latest.occurred_at > _end(job):
        return _changed_again(latest, "after the end of its job")
    return latest


def _leads_elsewhere(new_value: object, report: SweepReport) -> bool:
    return isinstance(new_value, str) and new_value.lower() != report.action.target


def _end(job: SweepJob) -> datetime:
    """Return the latest time at which the job can have made its changes, by the API's clock."""
    if job.api_created_at is None or job.created_at is None or job.ended_at is None or job.ended_at < job.created_at:
        return datetime.max.replace(tzinfo=UTC)
    return job.api_created_at + (job.ended_at - job.created_at) + _SLACK


def _author(entry: ChangelogEntry) -> str | None:
    return None if entry.user is None else entry.user.las_user_id


def _changed_again(entry: ChangelogEntry, how: str = "") -> Verdict:
    at = "" if entry.occurred_at is None else f" at {entry.occurred_at:%Y-%m-%d %H:%M:%S} UTC"
    return Verdict(Outcome.SKIPPED, f"not undone: its status was changed again{at}{f' {how}' if how else ''}")


def _unclear(reason: str) -> Verdict:
    return Verdict(Outcome.UNKNOWN, f"not undone: {reason}")
