"""Seeding, looking, and the clock."""

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest

from fieldingkit.sandbox import Sandbox, SandboxClock
from fieldingkit.sandbox.model.fielding_runs import GroupStatus

ALL: list[GroupStatus] = ["draft", "scheduled", "live", "paused", "completed", "archived"]


def test_one_of_each() -> None:
    """Without numbers a seed makes one target group in each state."""
    project = Sandbox().seed()
    assert [group.status for group in project.groups] == ALL
    assert [project.ids(status) for status in ALL] == [[id_] for id_ in project.ids()]


def test_so_many_of_each() -> None:
    """With numbers a seed makes just those."""
    project = Sandbox().seed(live=2, draft=1)
    assert [len(project.ids(status)) for status in ALL] == [1, 0, 2, 0, 0, 0]


def test_a_project_grows() -> None:
    """A seed with the id of a project adds to it."""
    sandbox = Sandbox()
    project = sandbox.seed(live=1)
    assert sandbox.seed(project_id=project.id, paused=1) is project
    assert [group.status for group in project.groups] == ["live", "paused"]
    assert sandbox.seed(live=1) is not project


def test_only_drafts_have_no_run() -> None:
    """Every target group but a draft has a run, which an archived one has completed."""
    groups = Sandbox().seed().groups
    assert [group.run and group.run.status for group in groups] == [
        None,
        "scheduled",
        "live",
        "paused",
        "completed",
        "completed",
    ]


def test_seeded_dates(clock: SandboxClock) -> None:
    """Seeded runs started yesterday or start when told, and end when told."""
    for group in Sandbox(clock=clock).seed(scheduled=1, live=1, starts_in=60, ends_in=600).groups:
        assert group.run is not None
        begins = timedelta(seconds=60) if group.status == "scheduled" else timedelta(days=-1)
        assert (group.run.start_at - clock.now(), group.run.end_at - clock.now()) == (begins, timedelta(seconds=600))


def test_seeds_that_make_no_sense() -> None:
    """A seed refuses a project id that is no ULID, another account's project, and runs that end before they start."""
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


def test_seeded_goals() -> None:
    """Seeded groups have two fifths of their goal, or what they are told; drafts and scheduled ones have nothing."""
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


def test_groups_are_numbered() -> None:
    """Names and locales go by the number of a target group in the sandbox."""
    group, other = Sandbox().seed(draft=2).groups
    assert (group.name, group.settings.locale, other.settings.locale) == ("Target group 1", "eng_us", "eng_gb")


def test_a_group_is_looked_up() -> None:
    """A target group is found by its id, and shows its status in its repr."""
    sandbox = Sandbox()
    project = sandbox.seed(live=1)
    group = sandbox.group(project.ids()[0])
    assert group is project.groups[0]
    assert repr(group) == f"<TargetGroup {group.id} live>"
    assert repr(project) == f"<Project {project.id} with 1 target groups>"
    with pytest.raises(KeyError):
        sandbox.group("unknown")


def test_the_same_seed_makes_the_same_ids() -> None:
    """Ids, tokens and credentials depend on the seed alone."""
    first, second, third = Sandbox(seed=1), Sandbox(seed=1), Sandbox(seed=2)
    assert first.seed().ids() == second.seed().ids() != third.seed().ids()
    assert (first.token, first.client_secret) == (second.token, second.client_secret)
    assert first.token != third.token


def test_ids_sort_by_age() -> None:
    """ULIDs sort in the order in which they were made."""
    ids = Sandbox().seed(live=50).ids()
    assert ids == sorted(set(ids))


def test_a_large_world_is_not_scanned() -> None:
    """To look at a target group takes no longer for the many others that there are."""
    sandbox = Sandbox()
    ids = [sandbox.seed(live=100).ids()[-1] for _ in range(150)]
    began = time.perf_counter()
    assert all(sandbox.group(id_).status == "live" for id_ in ids)
    # It takes milliseconds; a scan of all groups for each would take a minute.
    assert time.perf_counter() - began < 2


def test_the_clock_runs() -> None:
    """A clock runs with real time and in UTC, in whole milliseconds."""
    clock = SandboxClock()
    first = clock.now()
    assert abs(first - datetime.now(UTC)) < timedelta(seconds=1)
    assert first.microsecond % 1000 == 0
    while clock.now() == first:
        pass
    assert clock.now() > first


def test_the_clock_is_moved_and_stopped() -> None:
    """A clock can be moved ahead, stopped, moved while it is stopped, and let go again."""
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


def test_the_clock_starts_anywhere() -> None:
    """A clock can start at any moment that has a timezone, and shows it in UTC."""
    start = datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    clock = SandboxClock(start)
    clock.freeze()
    assert clock.now() - datetime(2026, 1, 1, tzinfo=UTC) < timedelta(seconds=1)
    assert clock.now().tzinfo is UTC
    with pytest.raises(ValueError, match="timezone"):
        SandboxClock(datetime(2026, 1, 1))


def test_the_clock_never_goes_back() -> None:
    """A clock cannot be moved back."""
    with pytest.raises(ValueError, match="back"):
        SandboxClock().advance(-1)
