"""Seeding, ids and the clock."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from fieldingkit.sandbox import FieldingRun, Sandbox, SandboxClock, TargetGroup
from fieldingkit.sandbox.model.fielding_runs import GroupStatus
from fieldingkit.sandbox.model.settlements import settle

ALL: list[GroupStatus] = ["draft", "scheduled", "live", "paused", "completed", "archived"]


def test_a_seed_has_one_group_of_each_status() -> None:
    """A seed without numbers creates one target group in each status."""
    project = Sandbox().seed()
    assert [group.status for group in project.groups] == ALL
    assert [project.ids(status) for status in ALL] == [[id_] for id_ in project.ids()]


def test_a_seed_has_the_given_numbers() -> None:
    """A seed with numbers creates exactly those."""
    project = Sandbox().seed(live=2, draft=1)
    assert [len(project.ids(status)) for status in ALL] == [1, 0, 2, 0, 0, 0]


def test_a_seed_can_add_to_a_project() -> None:
    """A seed with the id of a project adds to it."""
    sandbox = Sandbox()
    project = sandbox.seed(live=1)
    assert sandbox.seed(project_id=project.id, paused=1) is project
    assert [group.status for group in project.groups] == ["live", "paused"]
    assert sandbox.seed(live=1) is not project


def test_only_drafts_have_no_run() -> None:
    """Every target group but a draft has a run; that of an archived one is completed."""
    groups = Sandbox().seed().groups
    assert [group.run and group.run.status for group in groups] == [
        None,
        "scheduled",
        "live",
        "paused",
        "completed",
        "completed",
    ]


def test_seeded_runs_have_the_given_dates(clock: SandboxClock) -> None:
    """Seeded runs started yesterday or start at the given time, and end at the given time."""
    for group in Sandbox(clock=clock).seed(scheduled=1, live=1, starts_in=60, ends_in=600).groups:
        assert group.run is not None
        begins = timedelta(seconds=60) if group.status == "scheduled" else timedelta(days=-1)
        assert (group.run.start_at - clock.now(), group.run.end_at - clock.now()) == (begins, timedelta(seconds=600))


def test_an_invalid_seed_is_refused() -> None:
    """A seed refuses an invalid project id, another account's project, invalid dates and invalid numbers."""
    sandbox = Sandbox()
    project = sandbox.seed(live=1)
    with pytest.raises(ValueError, match="ULID"):
        sandbox.seed(project_id="mine")
    with pytest.raises(ValueError, match="account"):
        sandbox.seed(project_id=project.id, account_id=7)
    with pytest.raises(ValueError, match="before they start"):
        sandbox.seed(scheduled=1, ends_in=60)
    with pytest.raises(ValueError, match="goal"):
        sandbox.seed(live=1, goal=0)
    with pytest.raises(ValueError, match="completes"):
        sandbox.seed(live=1, completes=-1)


def test_seeded_groups_have_40_percent_of_their_goal() -> None:
    """Seeded groups have 40 % of their goal or the given completes; drafts and scheduled ones have none."""
    sandbox = Sandbox()
    completes = [group.completes for group in sandbox.seed(goal=50).groups]
    assert completes == [0, 0, 20, 20, 20, 20]
    (group,) = sandbox.seed(live=1, goal=50, completes=7).groups
    assert (group.goal, group.completes, group.goal_reached) == (50, 7, False)
    (group,) = sandbox.seed(live=1, goal=50, goal_reached=True).groups
    assert (group.completes, group.goal_reached, group.status) == (50, True, "paused")


def test_short_ids_are_unique() -> None:
    """No two target groups, and no two projects, have the same short id."""
    sandbox = Sandbox()
    projects = [sandbox.seed(live=20) for _ in range(50)]
    assert len({project.human_readable_id for project in projects}) == 50
    assert len({group.settings.human_readable_id for project in projects for group in project.groups}) == 1000


def test_names_and_locales_follow_the_number() -> None:
    """Names and locales follow the sequence number of a target group."""
    group, other = Sandbox().seed(draft=2).groups
    assert (group.name, group.settings.locale, other.settings.locale) == ("Target group 1", "eng_us", "eng_gb")


def test_a_group_is_found_by_its_id() -> None:
    """A target group is found by its id, and its repr shows its status."""
    sandbox = Sandbox()
    project = sandbox.seed(live=1)
    group = sandbox.group(project.ids()[0])
    assert group is project.groups[0]
    assert repr(group) == f"<TargetGroup {group.id} live>"
    assert repr(project) == f"<Project {project.id} with 1 target groups>"
    with pytest.raises(KeyError):
        sandbox.group("unknown")


def test_the_same_seed_makes_the_same_ids() -> None:
    """Ids, tokens and credentials depend only on the seed."""
    first, second, third = Sandbox(seed=1), Sandbox(seed=1), Sandbox(seed=2)
    assert first.seed().ids() == second.seed().ids() != third.seed().ids()
    assert (first.token, first.client_secret) == (second.token, second.client_secret)
    assert first.token != third.token


def test_ids_sort_in_the_order_of_creation() -> None:
    """ULIDs sort in the order they were created."""
    ids = Sandbox().seed(live=50).ids()
    assert ids == sorted(set(ids))


def test_reading_a_group_does_not_read_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cost of reading a target group does not depend on the number of the others."""
    sandbox = Sandbox()
    ids = [sandbox.seed(live=100).ids()[-1] for _ in range(150)]
    read: list[TargetGroup] = []
    run_at = TargetGroup.run_at

    def counted(group: TargetGroup, at: datetime) -> FieldingRun | None:
        read.append(group)
        return run_at(group, at)

    monkeypatch.setattr(TargetGroup, "run_at", counted)
    assert all(sandbox.group(id_).status == "live" for id_ in ids)
    assert [group.id for group in read] == ids


def test_the_clock_runs_with_real_time() -> None:
    """The clock runs with real time, in UTC and in whole milliseconds."""
    clock = SandboxClock()
    first = clock.now()
    assert abs(first - datetime.now(UTC)) < timedelta(seconds=1)
    assert first.microsecond % 1000 == 0
    while clock.now() == first:
        pass
    assert clock.now() > first


def test_the_clock_is_moved_and_frozen() -> None:
    """The clock can be moved ahead, frozen, moved while frozen, and thawed."""
    clock = SandboxClock()
    clock.freeze()
    stopped = clock.now()
    clock.freeze()
    clock.advance(60)
    assert clock.now() == stopped + timedelta(seconds=60)
    clock.thaw()
    clock.thaw()
    while clock.now() == stopped + timedelta(seconds=60):
        pass
    clock.advance(60)
    assert clock.now() > stopped + timedelta(seconds=120)


def test_the_clock_starts_at_any_time() -> None:
    """The clock can start at any time that has a timezone, and shows it in UTC."""
    start = datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    clock = SandboxClock(start)
    clock.freeze()
    assert clock.now() - datetime(2026, 1, 1, tzinfo=UTC) < timedelta(seconds=1)
    assert clock.now().tzinfo is UTC
    with pytest.raises(ValueError, match="timezone"):
        SandboxClock(datetime(2026, 1, 1))


def test_the_clock_never_goes_back() -> None:
    """The clock cannot be moved back."""
    with pytest.raises(ValueError, match="back"):
        SandboxClock().advance(-1)


def test_a_respondent_is_found_by_the_session(clock: SandboxClock) -> None:
    """A RID leads to its target group and its respondent, also in groups that were seeded later."""
    sandbox = Sandbox(clock=clock)
    first = sandbox.seed(live=2).groups[1].respondents[0]
    assert sandbox.respondent(first.rid.upper()) == first
    last = sandbox.seed(paused=1).groups[0].respondents[-1]
    assert sandbox.respondent(last.rid) == last
    for unknown in ("", last.respondent_id):
        with pytest.raises(KeyError):
            sandbox.respondent(unknown)


def test_changed_outcomes_follow_the_goal(clock: SandboxClock) -> None:
    """A run pauses when an approved respondent reaches the goal; a completed one that falls below it is live again."""
    group = Sandbox(clock=clock).seed(live=1, goal=10, completes=9).groups[0]
    settle(group, {1: "complete"}, at=clock.now(), origin="s2s")
    assert (group.completes, group.status) == (10, "paused")
    assert group.history[-1].action == "goal_reached"
    group.act("complete", by="a colleague")
    settle(group, {1: "screenout", 3: "complete"}, at=clock.now(), origin="reconciliation")
    assert (group.completes, group.status) == (10, "completed")
    settle(group, {3: "screenout"}, at=clock.now(), origin="reconciliation")
    assert (group.completes, group.status, group.history[-1].action) == (9, "live", "reopen")


def test_an_ended_run_stays_completed(clock: SandboxClock) -> None:
    """A completed run whose end is past does not become live again."""
    group = Sandbox(clock=clock).seed(completed=1, goal=4, completes=4, ended=True).groups[0]
    settle(group, {2: "quality_terminate"}, at=clock.now(), origin="reconciliation")
    assert (group.completes, group.status) == (3, "completed")
