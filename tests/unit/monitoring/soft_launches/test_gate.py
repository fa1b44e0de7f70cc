"""next_step: the step that follows from what was read, and nothing else."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldingkit.monitoring import CheckedFigure, SoftLaunchCheck, SoftLaunchLimit
from fieldingkit.monitoring.soft_launches.gate import Reading, Step, next_step
from fieldingkit.resources.fielding_assistant import FieldingAssistantAssignment, PricingType, SoftLaunch
from fieldingkit.resources.fielding_runs import FieldingRun, FieldingRunStatus
from fieldingkit.resources.money import Money
from fieldingkit.resources.target_group_changelog import (
    ChangelogEntry,
    ChangelogUser,
    StatusChangeReason,
    TargetGroupChange,
    TargetGroupChangeType,
    UserKind,
)
from fieldingkit.resources.target_group_progress import TargetGroupOverview
from fieldingkit.resources.target_groups import FillingStrategy, TargetGroupProgress, TargetGroupStatus

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)
MODULE = SoftLaunch(end_at=NOW, filling_goal_percentage=10, demographics_strictness_percentage=0)
UNTIL = SoftLaunchLimit(percent=10)
CHECK = SoftLaunchCheck(min_conversion_rate=0.3)
LAUNCHED = ("us", "status_change", "draft", "live")
SET = ("us", "soft_launch_assisted_change", None, True)
PAUSED = ("us", "status_change", "live", "paused")

Line = tuple[Any, ...]


def changelog(lines: Iterable[Line]) -> list[ChangelogEntry]:
    """Return entries an hour apart, newest first; the author None is the API, and a fifth item is its reason."""
    return [
        ChangelogEntry(
            occurred_at=NOW + timedelta(hours=hour),
            user=ChangelogUser(type=UserKind.SYSTEM_USER if author is None else UserKind.LAS_USER, las_user_id=author),
            changes=(
                TargetGroupChange(
                    object=TargetGroupChangeType(kind),
                    old_value=old,
                    new_value=new,
                    reason_code=reason[0] if reason else None,
                ),
            ),
        )
        for hour, (author, kind, old, new, *reason) in enumerate(lines)
    ][::-1]


def reading(status: str, *lines: Line, completes: int = 20, is_on: bool = True, strategy: str = "completes") -> Reading:
    """Return what was read of a target group with a goal of 200."""
    progress = TargetGroupProgress(
        current_completes=completes,
        current_prescreens=2 * completes,
        filling_goal=200,
        filling_strategy=FillingStrategy(strategy),
    )
    overview = TargetGroupOverview(
        project_name="Tea",
        target_group_name="Tea and coffee",
        project_manager_id="us",
        status=TargetGroupStatus(status),
        progress=progress,
        pricing_model=PricingType.DYNAMIC,
        is_pricing_restricted=False,
        current_cost_per_interview=Money(),
        current_cost=Money(),
        country_code="us",
        language_code="eng",
        conversion_rate=0.4,
        drop_off_rate=0.2,
        incidence_rate=0.5,
        created_at=NOW,
    )
    run = FieldingRun(
        id="1",
        status=FieldingRunStatus(status),
        start_fielding_at=NOW,
        end_fielding_at=NOW + timedelta(days=9),
        version=1,
    )
    assignment = FieldingAssistantAssignment(soft_launch=MODULE if is_on else None)
    return Reading(200, assignment, run, overview, changelog(lines))


def step_of(seen: Reading) -> Step:
    """Return the next step."""
    return next_step(seen, UNTIL, CHECK).step


def test_the_course_without_disturbance() -> None:
    """Each state leads to the next step."""
    assert step_of(reading("live", SET, LAUNCHED, completes=19)) == Step.WAIT
    assert step_of(reading("live", SET, LAUNCHED)) == Step.PAUSE
    assert step_of(reading("paused", SET, LAUNCHED, PAUSED)) == Step.RELEASE
    off = ("us", "soft_launch_assisted_change", True, False)
    assert step_of(reading("paused", SET, LAUNCHED, PAUSED, off, is_on=False)) == Step.RESUME
    resumed = ("us", "status_change", "paused", "live")
    assert step_of(reading("live", SET, LAUNCHED, PAUSED, off, resumed, is_on=False)) == Step.STOP_RESUMED


@pytest.mark.parametrize("reason", [*StatusChangeReason])
def test_only_pauses_at_the_limit_are_resumed(reason: StatusChangeReason) -> None:
    """A pause that the API made for another reason is reported with it, also at the limit."""
    decision = next_step(
        reading("paused", SET, LAUNCHED, (None, "status_change", "live", "paused", reason)), UNTIL, CHECK
    )
    is_limit = reason in ("total_completes_reached", "past_soft_launch_end_date")
    assert decision.step == (Step.RELEASE if is_limit else Step.STOP_INTERRUPTED)
    assert is_limit or reason in decision.reason


def test_a_limit_that_is_not_in_the_changelog_belongs_to_the_one_who_launched() -> None:
    """A changelog without the changes of a draft does not make the own pause another user's."""
    assert step_of(reading("paused", LAUNCHED, PAUSED)) == Step.RELEASE
    assert step_of(reading("paused", LAUNCHED, ("her", *PAUSED[1:]))) == Step.STOP_INTERRUPTED


def test_a_launch_by_another_user_keeps_the_limit() -> None:
    """The gate belongs to the user who set the limit; the launch itself is what was wanted."""
    launched = ("her", *LAUNCHED[1:])
    assert step_of(reading("live", SET, launched, completes=3)) == Step.WAIT
    assert step_of(reading("paused", SET, launched, PAUSED)) == Step.RELEASE


@pytest.mark.parametrize("status", ["live", "paused"])
def test_a_soft_launch_that_is_off_for_no_known_reason_ends_it(status: str) -> None:
    """Without a change that switched it off, a target group is neither resumed nor said to have passed."""
    last = PAUSED if status == "paused" else LAUNCHED
    decision = next_step(reading(status, SET, LAUNCHED, last, is_on=False), UNTIL, CHECK)
    assert (decision.step, decision.is_settled) == (Step.STOP_INTERRUPTED, False)
    assert next_step(reading(status, SET, LAUNCHED, last, is_on=False), UNTIL, CHECK, has_released=True).step in (
        Step.RESUME,
        Step.STOP_RESUMED,
    )


def test_an_unknown_author_is_another_user() -> None:
    """A pause whose author the API does not send is not taken for the own one."""
    seen = reading("paused", SET, LAUNCHED, PAUSED)
    entries = [ChangelogEntry(occurred_at=NOW + timedelta(hours=9), changes=seen.changelog[0].changes), *seen.changelog]
    assert step_of(seen._replace(changelog=entries)) == Step.STOP_INTERRUPTED
    undated = ChangelogEntry(changes=seen.changelog[0].changes)
    assert step_of(seen._replace(changelog=[undated, *seen.changelog])) == Step.STOP_INTERRUPTED


def test_a_goal_of_prescreens_counts_prescreens() -> None:
    """The limit is of the kind of respondents that the goal counts."""
    assert step_of(reading("live", SET, LAUNCHED, completes=10, strategy="prescreens")) == Step.PAUSE
    assert step_of(reading("live", SET, LAUNCHED, completes=9, strategy="prescreens")) == Step.WAIT


@given(
    status=st.sampled_from(["scheduled", "live", "paused", "completed"]),
    lines=st.lists(
        st.sampled_from(
            [
                SET,
                LAUNCHED,
                PAUSED,
                ("us", "status_change", "paused", "live"),
                ("us", "soft_launch_assisted_change", True, False),
                (None, "status_change", "live", "paused", StatusChangeReason.HIGH_DROP_RATES),
                (None, "status_change", "live", "completed"),
                ("us", "filling_goal_change", 100, 200),
            ]
        ),
        max_size=5,
    ),
    other=st.sampled_from(["status_change", "filling_goal_change", "soft_launch_end_date_change"]),
    is_on=st.booleans(),
    completes=st.integers(0, 200),
)
def test_nothing_is_done_after_another_users_change(
    status: str, lines: list[Line], other: str, is_on: bool, completes: int
) -> None:
    """A change by another user after the launch ends the gate, and is named."""
    seen = reading(status, SET, LAUNCHED, *lines, ("her", other, "1", "2"), completes=completes, is_on=is_on)
    decision = next_step(seen, UNTIL, CHECK)
    assert decision.step == Step.STOP_INTERRUPTED
    assert [(one.user_id, one.change) for one in decision.others] == [("her", other)]


@pytest.mark.parametrize(
    ("figure", "is_within", "text"),
    [
        (CheckedFigure(name="a_rate", value=0.3, minimum=0.3), True, "a rate is 0.3, wanted at least 0.3"),
        (CheckedFigure(name="a_rate", value=0.29, minimum=0.3), False, "a rate is 0.29, wanted at least 0.3"),
        (CheckedFigure(name="a_rate", value=0.3, maximum=0.3), True, "a rate is 0.3, wanted at most 0.3"),
        (CheckedFigure(name="a_rate", value=None, maximum=0.3), False, "a rate is unknown, wanted at most 0.3"),
    ],
)
def test_a_figure_says_whether_it_is_within_its_limit(figure: CheckedFigure, is_within: bool, text: str) -> None:
    """The limit itself is allowed, and an unknown figure is not."""
    assert (figure.is_within, str(figure)) == (is_within, text)
