"""watch: reads on the client's clock, requests as stated, and no figure without its age."""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, closing
from datetime import timedelta
from pathlib import Path

import pytest
from support.fake_clock import FakeClock, settle
from support.fixture_types import MakeClient

from fieldingkit import AsyncClient
from fieldingkit.errors import ConfigurationError, ForbiddenError, UnauthorizedError
from fieldingkit.events import TargetGroupUpdated, Waker
from fieldingkit.monitoring import (
    Condition,
    Forecast,
    ForecastStatus,
    GroupSnapshot,
    NoCompletes,
    RuleName,
    Rules,
    SnapshotHistory,
    WatchState,
    forecast_group,
    requests_per_day,
    watch,
)
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.sweeps import TargetGroupQuery

LISTS = "get_list_target_groups"
FULL_READ = 7
"""Requests of a full read of a live target group: six details and the fielding assistant."""


@pytest.fixture
def watching(make_client: MakeClient, sandbox: Sandbox) -> AsyncClient:
    """Return a client whose waits take no time, and without a deadline, which such a wait would let pass."""
    return make_client(clock=FakeClock(sandbox.clock), deadline=None, auth=sandbox.issue_token(90 * 86_400))


def operations(sandbox: Sandbox) -> Counter[str]:
    """Return the number of requests of each operation since the last call."""
    counted = Counter(str(one.operation_id) for one in sandbox.requests if one.path.startswith("/v1/demand"))
    sandbox.requests.clear()
    return counted


def go_to(sandbox: Sandbox, day: int) -> None:
    """Advance the sandbox's clock to a day of the next month, at noon."""
    now = sandbox.clock.now()
    there = (now.replace(day=1) + timedelta(days=32)).replace(day=day, hour=12)
    sandbox.clock.advance((there - now).total_seconds())


async def states_of(states: AsyncGenerator[WatchState], count: int) -> list[WatchState]:
    """Return the first states of a watch, and close it."""
    async with aclosing(states):
        return [await anext(states) for _ in range(count)]


async def test_a_first_read_takes_the_lists_and_each_group_in_full(sandbox: Sandbox, watching: AsyncClient) -> None:
    """Six details and the fielding assistant of each target group, and the reason of a paused one."""
    go_to(sandbox, day=10)
    sandbox.seed(live=3, paused=1, completed=2)
    (state,) = await states_of(watch(watching), 1)
    assert len(state.groups) == 4
    assert operations(sandbox) == {
        "list_account_projects": 1,
        LISTS: 1,
        "get_eligible_target_groups": 1,
        "get_target_group_overview": 4,
        "get_fielding_runs_by_target_group_id": 4,
        "list_profiles": 4,
        "get_target_group_details": 4,
        "get_target_group_completes_aggregated_by_interval": 4,
        "get_target_group_performance": 4,
        "get_fielding_assistant_assignment": 4,
        "get_target_group_changelog": 1,
    }
    assert state.is_complete
    assert {one.details_at for one in state.groups} == {one.group.read_at for one in state.groups}


async def test_a_second_read_takes_the_lists_only_and_says_how_old_details_are(
    sandbox: Sandbox, watching: AsyncClient
) -> None:
    """Five minutes later nothing is due but the lists: the completes are new, the details have their time."""
    project = sandbox.seed(live=2, completes=10)
    states = watch(watching, TargetGroupQuery(project_ids=[project.id]))
    async with aclosing(states):
        first = await anext(states)
        operations(sandbox)
        project.groups[0].completes = 12
        second = await anext(states)
    assert operations(sandbox) == {LISTS: 1}
    assert second.at - first.at == timedelta(seconds=300)
    assert {one.group.read_at for one in second.groups} == {second.at}
    assert {one.details_at for one in second.groups} == {one.group.read_at for one in first.groups}
    assert sorted(one.group.completes for one in second.groups) == [10, 12]
    assert {one.group.entrants for one in second.groups} == {one.group.entrants for one in first.groups}


async def test_a_paused_group_is_read_in_full_at_the_next_read(sandbox: Sandbox, watching: AsyncClient) -> None:
    """The list shows another status, so that the reason is known at once, and the finding is new."""
    project = sandbox.seed(live=2, goal=10, completes=5)
    async with aclosing(watch(watching)) as states:
        await anext(states)
        operations(sandbox)
        project.groups[0].goal_reached = True
        state = await anext(states)
    counted = operations(sandbox)
    assert counted["get_target_group_changelog"] == counted["list_profiles"] == 1
    assert [(one.rule, one.target_group_id) for one in state.changes.new] == [
        (RuleName.PAUSED_BY_API, project.groups[0].id)
    ]
    assert state.groups[0].findings == state.changes.new
    assert (state.groups[0].group.status, state.groups[0].group.reason_code) == ("paused", "total_completes_reached")


async def test_a_day_of_watching_takes_the_stated_requests(sandbox: Sandbox, watching: AsyncClient) -> None:
    """Measured over a simulated day: those of ``requests_per_day``, which are the most.

    After the deadline of a month each read of the reconciliations takes two requests; before it, as here, one.
    """
    go_to(sandbox, day=10)
    for _ in range(2):
        sandbox.seed(live=4, goal=1000, completes=10)
    every, refresh = 1800.0, 7200.0
    day = round(86_400 / every)
    states = await states_of(watch(watching, every=every, refresh=refresh), 1 + day)
    first = 8 * FULL_READ + 4
    sent = sum(operations(sandbox).values()) - first
    assert sent == requests_per_day(8, 2, every=every, refresh=refresh) - 12
    assert states[-1].at - states[0].at == timedelta(days=1)


async def test_a_project_that_cannot_be_read_keeps_its_groups_and_their_age(
    sandbox: Sandbox, watching: AsyncClient
) -> None:
    """The figures are those of the last read, with its time and the reason; findings stay open, unconfirmed."""
    for _ in range(2):
        sandbox.seed(live=1, completes=0)
    rules = Rules(no_completes=NoCompletes(hours=0.5))
    async with aclosing(watch(watching, rules=rules)) as states:
        first = await anext(states)
        sandbox.faults.add(LISTS, faults.Answer(403), times=1)
        second = await anext(states)
        third = await anext(states)
    stale, fresh = sorted(second.groups, key=lambda one: one.problem is None)
    assert (stale.group.read_at, fresh.group.read_at) == (first.at, second.at)
    assert stale.problem is not None
    assert fresh.problem is None
    assert [one.target_group_id for one in second.findings.unconfirmed] == [stale.group.target_group_id]
    assert stale.findings == second.findings.unconfirmed
    assert second.changes.ended == ()
    assert stale.group.project_id in second.problems[0]
    assert second.failures == second.problems
    assert not second.is_complete
    assert third.is_complete
    assert third.findings.unconfirmed == ()


async def test_a_read_of_which_every_list_fails_is_an_attempt(sandbox: Sandbox, watching: AsyncClient) -> None:
    """The projects were listed, but no figure is newer: the time of the latest read stays that of the one before."""
    for _ in range(2):
        sandbox.seed(live=1)
    async with aclosing(watch(watching)) as states:
        first = await anext(states)
        sandbox.faults.add(LISTS, faults.Answer(403), times=2)
        lost = await anext(states)
        sandbox.faults.add(LISTS, faults.Answer(403), times=1)
        partly = await anext(states)
    assert lost.read_at == first.at < lost.at
    assert all(one.problem for one in lost.groups)
    assert partly.read_at == partly.at
    assert not partly.is_complete


async def test_an_outage_after_the_first_read_ends_nothing(sandbox: Sandbox, watching: AsyncClient) -> None:
    """All figures keep their times, no finding is reported as over, and the watch continues when the API is back."""
    sandbox.seed(live=1, completes=0)
    async with aclosing(watch(watching, rules=Rules(no_completes=NoCompletes(hours=0.5)))) as states:
        first = await anext(states)
        sandbox.faults.add("*", faults.Answer(401), times=None)
        lost = await anext(states)
        sandbox.faults.clear()
        back = await anext(states)
    assert first.read_at == first.at == lost.read_at < lost.at < back.read_at == back.at
    assert lost.groups[0].group == first.groups[0].group
    assert lost.groups[0].condition is Condition.TROUBLE
    assert (len(lost.problems), lost.changes.has_news, lost.is_complete) == (1, False, False)
    assert back.is_complete
    assert back.groups[0].problem is None


async def test_a_first_read_that_fails_raises(sandbox: Sandbox, watching: AsyncClient) -> None:
    """There is nothing to show, and the reason is the caller's: wrong credentials, or a forbidden account."""
    sandbox.seed(live=1)
    sandbox.faults.add(LISTS, faults.Answer(403), times=None)
    with pytest.raises(ForbiddenError):
        await states_of(watch(watching), 1)
    sandbox.faults.add("list_account_projects", faults.Answer(401), times=None)
    with pytest.raises(UnauthorizedError):
        await states_of(watch(watching), 1)


async def test_a_detail_that_cannot_be_read_is_named_and_read_again(sandbox: Sandbox, watching: AsyncClient) -> None:
    """Its figures are unknown, not the earlier ones; the next full read brings them back."""
    sandbox.seed(live=1)
    async with aclosing(watch(watching, every=3600)) as states:
        first = await anext(states)
        sandbox.faults.add("list_profiles", faults.Answer(403), times=1)
        second, third = await anext(states), await anext(states)
    conditions = [one.groups[0].condition for one in (first, second, third)]
    assert conditions == [Condition.WELL, Condition.UNKNOWN, Condition.WELL]
    assert second.groups[0].group.cells is None
    assert [one.detail for one in second.groups[0].group.unread] == ["cells"]


async def test_figures_without_sense_cost_the_forecast_only(
    sandbox: Sandbox, watching: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A forecast that cannot be made ends neither the watch nor the forecasts of others; the next read tries again."""
    odd, well = sandbox.seed(live=2, completes=50).groups
    impossible = {odd.id}

    def fail_for_one(snapshots: Sequence[GroupSnapshot]) -> Forecast:
        if snapshots[-1].target_group_id in impossible:
            impossible.clear()
            raise ValueError("a goal is at least 0; got -5")
        return forecast_group(snapshots)

    monkeypatch.setattr("fieldingkit.monitoring.watches.loop.forecast_group", fail_for_one)
    broken, still_broken, mended = await states_of(watch(watching, every=1800), 3)
    for state in (broken, still_broken):
        groups = {one.group.target_group_id: one for one in state.groups}
        assert [one.reason for one in groups[odd.id].group.unread] == ["none can be made: a goal is at least 0; got -5"]
        assert (groups[odd.id].forecast, groups[odd.id].condition) == (None, Condition.UNKNOWN)
        assert groups[well.id].forecast is not None
    assert mended.is_complete
    assert all(one.forecast for one in mended.groups)


async def test_a_forecast_without_its_details_is_not_known_and_says_why(
    sandbox: Sandbox, watching: AsyncClient
) -> None:
    """It is not too early for it: the reads of its details were refused."""
    sandbox.seed(live=1, completes=50)
    for operation in ("get_fielding_runs_by_target_group_id", "get_target_group_completes_aggregated_by_interval"):
        sandbox.faults.add(operation, faults.Answer(403), times=None)
    (state,) = await states_of(watch(watching), 1)
    (group,) = state.groups
    assert group.forecast is not None
    assert (group.forecast.status, group.condition) == (ForecastStatus.UNKNOWN, Condition.UNKNOWN)
    (figure,) = (one for one in state.findings.unknown if one.rule is RuleName.END_BEFORE_GOAL)
    assert [figure.reason] == [f"the forecast: {one.reason}" for one in group.group.unread if one.detail == "period"]


async def test_an_assistant_that_cannot_be_read_keeps_what_is_known_of_it(
    sandbox: Sandbox, watching: AsyncClient
) -> None:
    """The failure is named; a finding that needs the assistant is not reported as over for it."""
    sandbox.seed(live=1)
    sandbox.faults.add("get_fielding_assistant_assignment", faults.Answer(403), times=1)
    first, second = await states_of(watch(watching, every=3600), 2)
    assert [one.detail for one in first.groups[0].group.unread] == ["assistant"]
    assert second.is_complete


async def test_reconciliations_that_cannot_be_read_are_named(sandbox: Sandbox, watching: AsyncClient) -> None:
    """An account without the right to reconcile is watched without, and the state says so."""
    sandbox.seed(live=1)
    sandbox.faults.add("get_eligible_target_groups", faults.Answer(403), times=None)
    (state,) = await states_of(watch(watching), 1)
    assert state.due is None
    assert state.problems[0].startswith("the reconciliations that are due: ")
    assert RuleName.RECONCILIATION_DUE in {one.rule for one in state.findings.unknown}


@pytest.mark.parametrize(("day", "months"), [(10, 0), (27, 1)])
async def test_the_deadline_is_the_next_one(sandbox: Sandbox, make_client: MakeClient, day: int, months: int) -> None:
    """After the 25th, the completes that must be reconciled next are those of this month."""
    go_to(sandbox, day)
    sandbox.seed(live=1)
    client = make_client(clock=FakeClock(sandbox.clock), deadline=None, auth=sandbox.issue_token(86_400))
    (state,) = await states_of(watch(client), 1)
    assert state.due is not None
    assert state.due.deadline > state.at
    assert (state.due.deadline.month - state.at.month) % 12 == months


async def test_reconciliations_are_those_of_the_projects_that_the_query_names(
    sandbox: Sandbox, watching: AsyncClient
) -> None:
    """A watch of one project says nothing of the others; without such a filter it has all of them."""
    go_to(sandbox, day=27)  # after the deadline, those of this month are due next
    one, other = (sandbox.seed(live=1, completes=number) for number in (10, 4))
    queries = {
        TargetGroupQuery(project_ids=[one.id]): (10, {one.id}),
        TargetGroupQuery(exclude_project_ids=[one.id]): (4, {other.id}),
        TargetGroupQuery(status=["live"]): (14, {one.id, other.id}),
    }
    for query, (completes, projects) in queries.items():
        (state,) = await states_of(watch(watching, query, every=None), 1)
        assert state.due is not None
        assert (state.due.completes, {project.project_id for project in state.due.projects}) == (completes, projects)
        assert {group.project_id for group in state.due.target_groups} == projects


async def test_groups_that_are_listed_no_more_are_watched_no_more(sandbox: Sandbox, watching: AsyncClient) -> None:
    """A target group that was completed is out of the default query, which ends its findings with that reason."""
    project = sandbox.seed(live=2, completes=0)
    async with aclosing(watch(watching, rules=Rules(no_completes=NoCompletes(hours=0.5)))) as states:
        assert len((await anext(states)).groups) == 2
        project.groups[0].act("complete", by="someone")
        state = await anext(states)
    assert [one.group.target_group_id for one in state.groups] == [project.groups[1].id]
    assert [one.reason for one in state.changes.ended] == ["its target group is no longer in the snapshot"]


async def test_an_event_brings_the_read_of_its_project_forward(sandbox: Sandbox, make_client: MakeClient) -> None:
    """Many events within 15 seconds are one read, of one list; the regular read keeps its time."""
    project, other = sandbox.seed(live=1), sandbox.seed(live=1)
    clock, waker = FakeClock(sandbox.clock, jump=60.0), Waker()
    client = make_client(clock=clock, deadline=None)
    event = TargetGroupUpdated(id="e", type="t", name="target-group-updated", project_id=project.id)
    async with aclosing(watch(client, waker=waker)) as states:
        first = await anext(states)
        operations(sandbox)
        project.groups[0].goal_reached = True
        pending = asyncio.create_task(anext(states))
        await settle()
        for _ in range(50):
            waker.wake(event)
        second = await pending
        counted = operations(sandbox)
        assert counted[LISTS] == 1
        assert counted["list_account_projects"] == 0
        assert second.at - first.at == timedelta(seconds=15)
        assert {one.group.project_id: one.group.read_at for one in second.groups} == {
            project.id: second.at,
            other.id: first.at,
        }
        assert [one.rule for one in second.changes.new] == [RuleName.PAUSED_BY_API]
        pending = asyncio.create_task(anext(states))
        await clock.is_waited_for()
        while not pending.done():
            await settle()
            clock.advance(15)
        assert (await pending).at - first.at >= timedelta(seconds=300)


@pytest.mark.parametrize(("every", "reads"), [(10.0, [0, 10, 20]), (20.0, [0, 15, 20, 35])])
async def test_events_bring_no_read_within_15_seconds_of_another(
    sandbox: Sandbox, make_client: MakeClient, every: float, reads: list[int]
) -> None:
    """Also shortly before the next regular read, and however many of them come."""
    project = sandbox.seed(live=1)
    waker = Waker()
    client = make_client(clock=FakeClock(sandbox.clock, jump=60.0), deadline=None)
    event = TargetGroupUpdated(id="e", type="t", name="target-group-updated", project_id=project.id)
    times: list[float] = []
    async with aclosing(watch(client, every=every, waker=waker)) as states:
        async for state in states:
            times.append(state.at.timestamp())
            waker.wake(event)
            if len(times) == len(reads):
                break
    assert [round(at - times[0]) for at in times] == reads


def changed(project_id: str) -> TargetGroupUpdated:
    """Return an event of a project."""
    return TargetGroupUpdated(id="e", type="t", name="target-group-updated", project_id=project_id)


async def test_an_event_during_the_first_read_is_not_lost(sandbox: Sandbox, make_client: MakeClient) -> None:
    """Its change may be later than the list; it was acknowledged, and the API does not send it again."""
    project = sandbox.seed(live=1)
    waker = Waker()
    client = make_client(clock=FakeClock(sandbox.clock, jump=60.0), deadline=None)
    async with aclosing(watch(client, every=3600, waker=waker)) as states:
        first = asyncio.create_task(anext(states))
        async with asyncio.timeout(250):
            while not sandbox.requests:
                await asyncio.sleep(0)
        waker.wake(changed(project.id))
        project.groups[0].goal_reached = True
        at = (await first).at
        second = await anext(states)
    assert second.at - at == timedelta(seconds=15)
    assert [one.rule for one in second.changes.new or second.findings.open] == [RuleName.PAUSED_BY_API]


async def test_an_event_of_a_new_project_has_the_list_of_projects_read(
    sandbox: Sandbox, make_client: MakeClient
) -> None:
    """A launch in it is shown as soon as others; a project that the filters leave out is read for no second event."""
    sandbox.seed(live=1)
    waker = Waker()
    clock = FakeClock(sandbox.clock, jump=60.0)
    client = make_client(clock=clock, deadline=None)
    query = TargetGroupQuery(status=["live"], exclude_project_ids=["01AAAAAAAAAAAAAAAAAAAAAAAA"])
    async with aclosing(watch(client, query, every=3600, waker=waker)) as states:
        await anext(states)
        new = sandbox.seed(live=1)
        waker.wake(changed(new.id))
        assert new.id in {one.group.project_id for one in (await anext(states)).groups}
        waker.wake(changed("01AAAAAAAAAAAAAAAAAAAAAAAA"))
        await anext(states)
        operations(sandbox)
        pending = asyncio.create_task(anext(states))
        for _ in range(3):
            waker.wake(changed("01AAAAAAAAAAAAAAAAAAAAAAAA"))
            await settle()
            clock.advance(20)
            await settle()
        assert not operations(sandbox)
        assert not pending.done()
        waker.wake(changed(new.id))
        await pending
        assert operations(sandbox)["list_account_projects"] == 0


async def test_a_history_that_fails_does_not_end_the_watch(
    sandbox: Sandbox, watching: AsyncClient, tmp_path: Path
) -> None:
    """The state has the reason, until a later attempt succeeds."""
    sandbox.seed(live=2)
    with SnapshotHistory(tmp_path / "history.sqlite") as history:
        states = watch(watching, every=3600, refresh=3600, history=history)
        async with aclosing(states):
            with closing(sqlite3.connect(tmp_path / "history.sqlite", isolation_level=None)) as other:
                other.execute("CREATE TRIGGER full BEFORE INSERT ON groups BEGIN SELECT RAISE(ABORT, 'disk full'); END")
                failed = await anext(states)
                other.execute("DROP TRIGGER full")
            kept = await anext(states)
        assert len(history.rows()) == 2
    assert failed.history_problem is not None
    assert "2 target groups could not be kept" in failed.history_problem
    assert "disk full" in failed.history_problem
    assert failed.is_complete
    assert failed.to_document()["history_problem"] == failed.history_problem
    assert kept.history_problem is None


async def test_a_read_ends_in_time_and_the_rest_is_read_next(sandbox: Sandbox, watching: AsyncClient) -> None:
    """With a slow rate, the first state comes in time: it says what was not read yet, and findings need no figure."""
    sandbox.seed(live=40, completes=10)
    slow = watching.with_options()
    slow.rate_limiter.rate = 1.0
    states = await states_of(watch(slow, every=60), 8)
    read = [sum(one.details_at is not None for one in state.groups) for state in states]
    assert 0 < read[0] < 40
    assert read == sorted(read)
    assert read[-1] == 40
    waiting = next(one for one in states[0].groups if one.details_at is None)
    assert (waiting.condition, waiting.group.completes) == (Condition.UNKNOWN, 10)
    assert {one.reason for one in waiting.group.unread} == {"it was not read yet"}
    assert not states[0].is_complete
    assert not states[0].failures


async def test_a_group_that_was_read_in_full_has_its_forecast(sandbox: Sandbox, watching: AsyncClient) -> None:
    """Also when there is no time for all: none is well, and the read is not complete, before its forecast was made."""
    sandbox.seed(live=24, completes=40)  # 16 are read at a time
    slow = watching.with_options()
    slow.rate_limiter.rate = 1.0
    states = await states_of(watch(slow, every=20, refresh=20), 12)
    for state in states:
        read = [one for one in state.groups if one.details_at is not None]
        assert all(one.forecast is not None for one in read)
        assert all(one.details_at is not None for one in state.groups if one.condition is Condition.WELL)
    assert [one for one in states[0].groups if one.details_at is None], "there was time for all"
    assert all(one.forecast is not None for one in states[-1].groups), "a target group was never forecast"


async def test_a_changed_group_is_not_well_until_it_is_read_again(sandbox: Sandbox, watching: AsyncClient) -> None:
    """The list shows another status; whether that is a trouble is known only after the full read."""
    project = sandbox.seed(live=24, completes=5, goal=100)  # 16 are read at a time
    slow = watching.with_options()
    async with aclosing(watch(slow, every=20)) as states:
        first = await anext(states)
        slow.rate_limiter.rate = 1.0
        for group in project.groups:
            group.act("pause", by="someone")
        second = await anext(states)
    assert {one.condition for one in first.groups} == {Condition.WELL}
    again = [one for one in second.groups if one.details_at == second.groups[0].group.read_at]
    others = [one for one in second.groups if one.details_at == first.groups[0].details_at]
    assert others, "there was time for all"
    assert len(again) + len(others) == 24
    assert {(one.group.status, one.condition) for one in others} == {("paused", Condition.UNKNOWN)}
    assert not second.is_complete


async def test_without_every_it_reads_once_and_ends(sandbox: Sandbox, watching: AsyncClient) -> None:
    """All target groups are read in full, however long it takes."""
    sandbox.seed(live=20)
    states = [state async for state in watch(watching, every=None)]
    assert [state.is_complete for state in states] == [True]


async def test_full_reads_are_kept_in_the_history(sandbox: Sandbox, watching: AsyncClient, tmp_path: Path) -> None:
    """One row for each full read, none for a read of the lists."""
    sandbox.seed(live=2)
    with SnapshotHistory(tmp_path / "history.sqlite") as history:
        await states_of(watch(watching, every=1800, history=history), 5)
        assert len(history.rows()) == 6


async def test_findings_of_an_earlier_run_continue(sandbox: Sandbox, watching: AsyncClient) -> None:
    """A finding that was reported before is not new again."""
    sandbox.seed(live=1, completes=0)
    rules = Rules(no_completes=NoCompletes(hours=0.5))
    (first,) = await states_of(watch(watching, rules=rules), 1)
    (second,) = await states_of(watch(watching, rules=rules, earlier=first.findings), 1)
    assert [one.rule for one in first.changes.new] == [RuleName.NO_COMPLETES]
    assert (second.changes.new, len(second.changes.continuing)) == ((), 1)


async def test_findings_of_another_query_are_refused_before_a_read(sandbox: Sandbox, watching: AsyncClient) -> None:
    """Their target groups are not read, so that none may end; the same filters in another order are the same."""
    first, other = (sandbox.seed(live=1, completes=0) for _ in range(2))
    rules = Rules(no_completes=NoCompletes(hours=0.5))
    queries = [TargetGroupQuery(project_ids=ids) for ids in ([first.id, other.id], [other.id, first.id], [other.id])]
    (state,) = await states_of(watch(watching, queries[0], rules=rules), 1)
    (again,) = await states_of(watch(watching, queries[1], rules=rules, earlier=state.findings), 1)
    assert len(again.changes.continuing) == 2
    operations(sandbox)
    with pytest.raises(ConfigurationError, match="another selection"):
        await states_of(watch(watching, queries[2], rules=rules, earlier=state.findings), 1)
    assert not operations(sandbox)


@pytest.mark.parametrize("wrong", [{"every": 0.0}, {"refresh": -1.0}, {"every": float("nan")}])
async def test_times_that_are_not_above_zero_are_refused(
    watching: AsyncClient, sandbox: Sandbox, wrong: dict[str, float]
) -> None:
    """Nothing is sent."""
    with pytest.raises(ConfigurationError, match="must be above 0 seconds"):
        await states_of(watch(watching, **wrong), 1)
    assert not sandbox.requests
