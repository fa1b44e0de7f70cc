"""snapshot: the state of target groups with the stated number of requests; what cannot be read is named."""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient

from fieldingkit import AsyncClient, Client
from fieldingkit.errors import ConfigurationError, ForbiddenError, InvalidCommandError
from fieldingkit.monitoring import Detail, snapshot
from fieldingkit.monitoring.snapshots import completes_per_hour, last_status_change
from fieldingkit.resources.profiles import Profile, Profiling, Quota, ReplaceProfiles, Selection, Target
from fieldingkit.resources.target_group_changelog import (
    ChangelogEntry,
    GetTargetGroupChangelog,
    StatusChangeReason,
    TargetGroupChange,
    TargetGroupChangeType,
)
from fieldingkit.resources.target_group_progress import CompletesInterval
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.sweeps import TargetGroupQuery

ALL = TargetGroupQuery()
NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)


def operations(sandbox: Sandbox) -> Counter[str | None]:
    """Return the number of requests of each operation."""
    return Counter(request.operation_id for request in sandbox.requests if request.path.startswith("/v1/demand"))


def hourly(*counts: int, last: datetime = NOW) -> list[CompletesInterval]:
    """Return totals at the ends of hours, the last one at the given time."""
    start = last - timedelta(hours=len(counts) - 1)
    return [CompletesInterval(timestamp=start + timedelta(hours=n), count=count) for n, count in enumerate(counts)]


async def test_requests_are_those_that_the_docstring_states(sandbox: Sandbox, client: AsyncClient) -> None:
    """N target groups in P projects: lists by the hundred, and one request for each detail of each target group."""
    sandbox.seed(live=11, paused=2, draft=3)
    sandbox.seed(live=1, completed=2)
    found = await snapshot(client, ALL)
    assert len(found.groups) == 19
    launched, stopped = 16, 4
    assert operations(sandbox) == {
        "list_account_projects": 1,
        "get_list_target_groups": 2,
        "get_target_group_overview": launched,
        "get_fielding_runs_by_target_group_id": launched,
        "list_profiles": launched,
        "get_target_group_details": launched,
        "get_target_group_completes_aggregated_by_interval": launched,
        "get_target_group_performance": launched,
        "get_target_group_changelog": stopped,
    }


async def test_without_details_only_the_lists_are_read(sandbox: Sandbox, client: AsyncClient) -> None:
    """With projects named by the query and no details, 250 target groups take three requests."""
    project = sandbox.seed(live=250)
    found = await snapshot(client, TargetGroupQuery(project_ids=[project.id]), details=())
    assert len(found.groups) == 250
    assert operations(sandbox) == {"get_list_target_groups": 3}
    assert found.is_complete


async def test_the_times_are_right_after_the_machine_slept(sandbox: Sandbox, make_client: MakeClient) -> None:
    """A monotonic clock stands still meanwhile, so what it says of the API's clock is wrong until a response."""
    sandbox.seed(live=1)
    client = make_client(clock=FakeClock(), auth=sandbox.issue_token(86_400), deadline=None)
    await snapshot(client, ALL, details=())
    sandbox.clock.advance(8 * 3600.0)
    woken = sandbox.clock.now() - timedelta(seconds=1)  # a response has its time in whole seconds
    found = await snapshot(client, ALL, details=())
    assert found.at >= woken
    assert found.groups[0].read_at >= woken


async def test_an_excluded_project_and_other_statuses_are_not_read(sandbox: Sandbox, client: AsyncClient) -> None:
    """The filters of the query hold, with projects that it names and with those that are listed."""
    kept, excluded = sandbox.seed(live=1, paused=1), sandbox.seed(live=1)
    for projects in (None, [kept.id, excluded.id]):
        query = TargetGroupQuery(project_ids=projects, exclude_project_ids=[excluded.id], status=["live"])
        found = await snapshot(client, query, details=())
        assert [(one.project_id, one.status) for one in found.groups] == [(kept.id, "live")]


async def test_a_row_has_all_figures_of_a_live_group(sandbox: Sandbox, client: AsyncClient) -> None:
    """Figures come from the list and from each detail, with their units."""
    project = sandbox.seed(live=1, goal=100, completes=40)
    group = project.groups[0]
    found = await snapshot(client, ALL)
    (row,) = found.rows()
    assert row["target_group_id"] == group.id
    assert row["project_name"] == project.name
    assert (row["completes"], row["goal"], row["status"]) == (40, 100, "live")
    assert isinstance(row["price"], Decimal)
    assert row["price_currency"] == row["cost_currency"] == "USD"
    assert row["cost"] == row["price"] * 40
    assert row["ends_at"] - row["starts_at"] == timedelta(days=31)
    assert (row["bid_incidence_rate"], row["bid_length_of_interview_minutes"]) == (0.5, 10)
    assert row["entrants"] > row["prescreens"] >= 40
    assert row["completes_per_hour"] == pytest.approx(40 / 24, rel=0.1)
    assert (row["reason_code"], row["unread"]) == (None, None)


async def test_columns_are_the_same_for_every_group_and_choice_of_details(
    sandbox: Sandbox, client: AsyncClient
) -> None:
    """A data frame has the same columns, read in whole or in part; the snapshot names the details of its choice."""
    sandbox.seed()
    full, lists_only = await snapshot(client, ALL), await snapshot(client, ALL, details=())
    assert (full.details, lists_only.details) == (tuple(Detail), ())
    assert len({tuple(row) for row in full.rows() + lists_only.rows()}) == 1


async def test_the_reason_of_a_pause_by_the_api_is_read(sandbox: Sandbox, client: AsyncClient) -> None:
    """A target group that reached its goal was paused by the API, which gives the reason."""
    sandbox.seed(live=1, goal_reached=True)
    (group,) = (await snapshot(client, ALL, details=["reason"])).groups
    assert (group.status, group.reason_code) == ("paused", "total_completes_reached")
    command = GetTargetGroupChangelog(project_id=group.project_id, target_group_id=group.target_group_id)
    log = [one for one in await client.send(command) if one.changes[0].object == "status_change"]
    assert group.status_changed_at == max(one.occurred_at for one in log if one.occurred_at is not None)


async def test_quota_cells_have_their_goals_and_completes(sandbox: Sandbox, client: AsyncClient) -> None:
    """A cell has a name, a goal and its completes; its row has the ids of the target group."""
    project = sandbox.seed(live=1, completes=0)
    group = project.groups[0]
    targets = [
        Target(conditions=[Selection(question_id=43, option=option)], quota=Quota(completes_goal_percentage=share))
        for option, share in (("1", 40), ("2", 60))
    ]
    await client.send(
        ReplaceProfiles(
            project_id=project.id,
            target_group_id=group.id,
            completes_goal=100,
            profiling=Profiling(profiles=[Profile(name="GENDER", targets=targets)]),
        )
    )
    group.completes = 20
    rows = (await snapshot(client, ALL, details=["cells"])).cell_rows()
    assert [(row["target_group_id"], row["profile"], row["goal"]) for row in rows] == [
        (group.id, "GENDER", 40),
        (group.id, "GENDER", 60),
    ]
    assert sum(row["completes"] for row in rows) == 20
    assert all(row["fill"] == row["completes"] / row["goal"] for row in rows)


async def test_a_detail_that_fails_is_named_and_the_others_are_kept(
    sandbox: Sandbox, client_without_retries: AsyncClient
) -> None:
    """A detail of one target group that cannot be read is named with the reason; nothing else is lost."""
    sandbox.seed(live=2)
    sandbox.faults.add("list_profiles", faults.Answer(500))
    found = await snapshot(client_without_retries, ALL)
    failed, whole = sorted(found.groups, key=lambda group: not group.unread)
    assert [(one.detail, "500" in one.reason) for one in failed.unread] == [("cells", True)]
    assert failed.cells is None
    assert failed.price is not None
    assert whole.unread == ()
    assert whole.cells is not None
    assert not found.is_complete


@pytest.mark.parametrize(
    ("operation", "place", "detail", "named"),
    [
        ("get_list_target_groups", ("target_groups", 0, "statistics", "incidence_rate"), "list", "incidence_rate"),
        ("get_target_group_changelog", ("changelog", 0, "changes", 0, "reason_code"), "reason", "reason_code"),
        ("get_fielding_runs_by_target_group_id", ("data",), "period", "fielding run"),
        ("list_profiles", ("profiles",), "cells", "profiles"),
    ],
)
async def test_a_figure_that_is_not_readable_is_named(
    sandbox: Sandbox, client: AsyncClient, operation: str, place: tuple[str | int, ...], detail: str, named: str
) -> None:
    """A figure that the API sent in another form is None, and its target group names it."""
    sandbox.seed(live=1, goal_reached=True)
    await snapshot(client, ALL)
    (sent,) = [request.answer for request in sandbox.requests if request.operation_id == operation]
    assert sent is not None
    body = json.loads(sent.body)
    inner = body
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = [] if place == ("data",) else {"value": "half"}
    sandbox.faults.add(operation, faults.Answer(200, body))
    (group,) = (await snapshot(client, ALL)).groups
    (unread,) = group.unread
    assert unread.detail == detail
    assert named in unread.reason
    assert group.completes == 100


async def test_a_project_that_cannot_be_listed_is_named(sandbox: Sandbox, client_without_retries: AsyncClient) -> None:
    """One of two projects cannot be listed: it is named with the reason, the other one is read."""
    projects = {sandbox.seed(live=1).id, sandbox.seed(live=1).id}
    sandbox.faults.add("get_list_target_groups", faults.Answer(500))
    found = await snapshot(client_without_retries, ALL, details=())
    assert {found.groups[0].project_id, found.unlisted[0].project_id} == projects
    assert "500" in found.unlisted[0].reason
    assert not found.is_complete


async def test_a_snapshot_of_nothing_but_failures_raises(sandbox: Sandbox, client: AsyncClient) -> None:
    """If no project can be listed, the error is raised instead of an empty snapshot."""
    sandbox.seed(live=1)
    sandbox.faults.add("get_list_target_groups", faults.Answer(403), times=None)
    with pytest.raises(ForbiddenError):
        await snapshot(client, ALL)


def test_a_blocking_client_takes_a_snapshot(sandbox: Sandbox, blocking_client: Client) -> None:
    """``client.call(snapshot, query)`` is the blocking form."""
    sandbox.seed(live=1)
    assert len(blocking_client.call(snapshot, ALL, details=()).groups) == 1


@pytest.mark.parametrize("details", [["prize"], "price"])
async def test_an_unknown_detail_is_refused_before_any_request(
    sandbox: Sandbox, client: AsyncClient, details: Any
) -> None:
    """A detail that does not exist, or plain text instead of a list, is refused."""
    with pytest.raises(InvalidCommandError, match="details must be a list of some of price, period"):
        await snapshot(client, ALL, details=details)
    assert not sandbox.requests


async def test_a_blocking_client_is_refused_as_the_argument(blocking_client: Any) -> None:
    """The function takes an asynchronous client; the message says so."""
    with pytest.raises(ConfigurationError, match="AsyncClient"):
        await snapshot(blocking_client, ALL)


@pytest.mark.parametrize(
    ("intervals", "rate"),
    [
        ([], None),
        (hourly(6, 12), 6.0),
        (hourly(*range(0, 960, 20)), 20.0),
        (hourly(*[0] * 24, *range(10, 250, 10)), 10.0),
        (hourly(6, 9, last=NOW + timedelta(minutes=30)), 6.0),
        (hourly(9, last=NOW + timedelta(minutes=30)), None),
        (hourly(6, 12, last=NOW - timedelta(days=9)), 6.0),
    ],
    ids=["none", "from the start", "last day", "after a pause", "hour in progress", "too short", "ended"],
)
def test_completes_per_hour_is_of_the_last_day_of_fielding(
    intervals: Sequence[CompletesInterval], rate: float | None
) -> None:
    """The rate covers the last 24 hours, or all of fielding if it is shorter; less than an hour has none."""
    assert completes_per_hour(intervals, NOW) == (None if rate is None else pytest.approx(rate))


def test_the_reason_and_its_time_are_of_the_latest_status_change() -> None:
    """The order of the changelog does not matter; other changes do not count."""

    def entry(hour: int, kind: str, reason: str | None) -> ChangelogEntry:
        code = None if reason is None else StatusChangeReason(reason)
        change = TargetGroupChange(object=TargetGroupChangeType(kind), reason_code=code)
        return ChangelogEntry(occurred_at=NOW + timedelta(hours=hour), changes=(change,))

    changes = [
        entry(1, "status_change", "low_epc"),
        entry(3, "cpi_change", None),
        entry(2, "status_change", "high_drop_rates"),
    ]
    latest = (StatusChangeReason.HIGH_DROP_RATES, NOW + timedelta(hours=2))
    assert last_status_change(changes) == last_status_change(changes[::-1]) == latest
    assert last_status_change([*changes, entry(4, "status_change", None)]) == (None, NOW + timedelta(hours=4))
    assert last_status_change([]) == (None, None)
