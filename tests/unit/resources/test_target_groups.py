"""Target groups: lists, drafts, transitions, goals and the changelog."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from support.resource_wire import GROUP, GROUP_PATH, OTHER, PROJECT, PROJECT_PATH, answer, sent

from fieldingkit.errors import InvalidCommandError, RedirectError
from fieldingkit.resources.fielding_assistant import PricingType
from fieldingkit.resources.money import Money
from fieldingkit.resources.profiles import ProfileKind, Range
from fieldingkit.resources.target_group_changelog import (
    GetTargetGroupChangelog,
    StatusChangeReason,
    TargetGroupChangeType,
    UserKind,
)
from fieldingkit.resources.target_group_drafts import GetTargetGroup
from fieldingkit.resources.target_group_goals import (
    ProfileGoal,
    QuotaGoal,
    TargetGoal,
    UpdateProfileFillingGoal,
)
from fieldingkit.resources.target_groups import (
    ComputeTargetGroupTransitions,
    FillingStrategy,
    IssueNote,
    IssueType,
    ListTargetGroups,
    StatisticIssue,
    TargetGroupFilters,
    TargetGroupStatus,
)

MANAGER = "b551326b-ac9d-4d32-8823-4f025787dab9"
CREATED = "2026-01-01T00:00:00.000Z"
PROGRESS: dict[str, Any] = {
    "current_completes": 40,
    "current_prescreens": 90,
    "filling_goal": 100,
    "filling_strategy": "completes",
}
ISSUE: dict[str, Any] = {
    "issue_type": "warning",
    "reason": {"code": "2131", "description": "slow"},
    "suggestions": [{"code": "7", "description": "pay more"}],
}
SUMMARY: dict[str, Any] = {
    "id": GROUP,
    "name": "Women 18-34",
    "project_manager_id": MANAGER,
    "locale": "eng_us",
    "status": "live",
    "created_at": CREATED,
    "updated_at": None,
    "statistics": {
        "progress": {"value": PROGRESS, "issues": [ISSUE]},
        "earnings_per_click": {"value": {"value": "0.4217", "currency_code": "USD"}, "issues": []},
        "last_complete_date": {"value": None, "issues": []},
        "conversion_rate": {"value": 0, "issues": [{"issue_type": "alarm", "suggestions": []}]},
        "novel": {"value": {"x": 1}, "issues": []},
        "very_novel": 5,
    },
}
OVERVIEW: dict[str, Any] = {
    "project_name": "Yoghurt",
    "target_group_name": "Women 18-34",
    "project_manager_id": MANAGER,
    "progress": PROGRESS,
    "pricing_model": "dynamic",
    "is_pricing_restricted": False,
    "current_cost_per_interview": {"value": "2.7352", "currency_code": "USD", "currency_scale": 2},
    "current_cost": {"value": "109.41", "currency_code": "USD"},
    "status": "paused",
    "country_code": "us",
    "language_code": "eng",
    "conversion_rate": 0.5,
    "drop_off_rate": 0,
    "incidence_rate": 1,
    "median_length_of_interview_seconds": None,
    "created_at": CREATED,
}
IDS: dict[str, Any] = {"project_id": PROJECT, "target_group_id": GROUP}


def test_target_groups_are_listed() -> None:
    """A page contains target groups with flat statistics, and the cursor of the next page."""
    command = ListTargetGroups(project_id=PROJECT)
    page = answer(command, {"target_groups": [SUMMARY], "url": "/x", "has_more": False, "next_cursor": None})
    (group,) = page
    assert (group.id, group.status, group.updated_at) == (GROUP, TargetGroupStatus.LIVE, None)
    statistics = group.statistics
    assert statistics.progress.current_completes == 40
    assert statistics.progress.filling_strategy is FillingStrategy.COMPLETES
    assert statistics.earnings_per_click == Money(value=Decimal("0.4217"), currency_code="USD")
    assert (statistics.conversion_rate, statistics.incidence_rate) == (0.0, None)
    assert statistics.last_complete_date is None
    assert command.after(page) is None


def test_issues_of_all_statistics_are_in_one_list() -> None:
    """Each issue names its statistic; new severities are kept."""
    page = answer(ListTargetGroups(project_id=PROJECT), {"target_groups": [SUMMARY]})
    first, second = page.target_groups[0].statistics.issues
    assert first == StatisticIssue(
        statistic="progress",
        issue_type=IssueType.WARNING,
        reason=IssueNote(code="2131", description="slow"),
        suggestions=(IssueNote(code="7", description="pay more"),),
    )
    assert (second.statistic, second.issue_type.value, second.reason) == ("conversion_rate", "alarm", None)


def test_target_groups_are_chosen_by_query() -> None:
    """Lists become repeated keys, booleans are lower case, and missing filters are not sent."""
    request = sent(
        ListTargetGroups(
            project_id=PROJECT,
            status=[TargetGroupStatus.LIVE, TargetGroupStatus.PAUSED],
            country=["us", "se"],
            human_readable_ids=("TG00001",),
            exclusion_status=False,
            search_string="women & men",
        )
    )
    assert (request.method, request.path) == ("GET", PROJECT_PATH + "/target-groups")
    assert sorted(request.query, key=lambda pair: pair[0]) == [
        ("country", "us"),
        ("country", "se"),
        ("exclusion_status", "false"),
        ("human_readable_ids", "TG00001"),
        ("search_string", "women & men"),
        ("status", "live"),
        ("status", "paused"),
    ]


def test_a_single_value_counts_as_a_list_of_one() -> None:
    """A filter accepts a single value and never splits a text."""
    one = ListTargetGroups(project_id=PROJECT, status=TargetGroupStatus.LIVE, country="us")
    assert one == ListTargetGroups(project_id=PROJECT, status=["live"], country=["us"])


@pytest.mark.parametrize("name", ["status", "country", "human_readable_ids"])
def test_an_empty_filter_is_refused(name: str) -> None:
    """An empty filter would select everything although the caller meant nothing."""
    fields: dict[str, Any] = {name: []}
    with pytest.raises(InvalidCommandError, match="empty"):
        ListTargetGroups(project_id=PROJECT, **fields)


def test_a_draft_is_read() -> None:
    """The settings for fielding are read, amounts exactly; profiling is ignored."""
    body = {
        "name": "Women 18-34",
        "business_unit_id": 4,
        "pricing_model": "dynamic",
        "cost_per_interview": {"value": "2.50", "currency_code": "SEK"},
        "client_id": None,
        "fielding_specification": {"start_at": CREATED, "end_at": "2026-02-01T00:00:00.000Z"},
        "completes_goal": 100,
        "expected_incidence_rate": 0.35,
        "fielding_assistant_assignment": {"pacing": {"type": "linear", "increment_interval": "P1D"}, "pricing": None},
        "profiling": {"profile_adjustment_type": "percentage", "profiles": [{"object": "regular"}]},
        "links": {"test_client_survey": "https://example.com"},
    }
    draft = answer(GetTargetGroup(**IDS), body)
    assert (draft.completes_goal, draft.client_id, draft.pricing_model) == (100, None, PricingType.DYNAMIC)
    assert draft.fielding_specification is not None
    assert draft.fielding_specification.end_at == datetime(2026, 2, 1, tzinfo=UTC)
    assert draft.fielding_assistant_assignment is not None
    assert draft.fielding_assistant_assignment.etag == ""
    assert sent(GetTargetGroup(**IDS)).path == GROUP_PATH


def test_a_launched_target_group_is_no_draft() -> None:
    """The API redirects to its details, and redirects are not followed."""
    with pytest.raises(RedirectError, match="left draft"):
        answer(GetTargetGroup(**IDS), status=301, headers={"Location": f"/v1{GROUP_PATH}/details"})


def test_a_redirect_to_elsewhere_says_nothing_about_the_draft() -> None:
    """Only a redirect to the details of a target group means that it was launched."""
    with pytest.raises(RedirectError, match="redirect, not followed") as caught:
        answer(GetTargetGroup(**IDS), status=301, headers={"Location": "/elsewhere"})
    assert not caught.value.left_draft


def test_transitions_are_asked_for() -> None:
    """Filters are an object in the body; missing fields are not sent."""
    command = ComputeTargetGroupTransitions(
        project_id=PROJECT,
        filters=TargetGroupFilters(status=["live"], country="us"),
        excluded_target_group_ids=[OTHER],
    )
    request = sent(command)
    assert (request.method, request.path) == ("POST", PROJECT_PATH + "/compute-target-group-transitions")
    assert request.body == {
        "filters": {"status": ["live"], "country": ["us"]},
        "excluded_target_group_ids": [OTHER],
    }
    assert sent(ComputeTargetGroupTransitions(project_id=PROJECT)).body == {}


@pytest.mark.parametrize("name", ["included_target_group_ids", "excluded_target_group_ids"])
@pytest.mark.parametrize("wrong", [[], ["x"]])
def test_ids_that_are_none_are_refused(name: str, wrong: list[str]) -> None:
    """An empty list of ids would select the whole project."""
    fields: dict[str, Any] = {name: wrong}
    with pytest.raises(InvalidCommandError):
        ComputeTargetGroupTransitions(project_id=PROJECT, **fields)


def test_goals_are_changed() -> None:
    """The total goal or the goals of quotas are sent."""
    goal = TargetGoal(id=OTHER, quota=QuotaGoal(completes_goal=75))
    command = UpdateProfileFillingGoal(**IDS, profiles=[ProfileGoal(profile_id="p1", targets=[goal])])
    request = sent(command)
    assert (request.method, request.path) == ("PUT", GROUP_PATH + "/profiles/completes-goal")
    assert request.body == {
        "profiles": [{"profile_id": "p1", "targets": [{"id": OTHER, "quota": {"completes_goal": 75}}]}],
    }
    assert sent(UpdateProfileFillingGoal(**IDS, completes_goal=150)).body == {"completes_goal": 150}


def test_a_change_of_no_goal_is_refused() -> None:
    """A command that changes nothing is rejected."""
    with pytest.raises(InvalidCommandError):
        UpdateProfileFillingGoal(**IDS)
    with pytest.raises(InvalidCommandError):
        UpdateProfileFillingGoal(**IDS, profiles=[])
    with pytest.raises(InvalidCommandError):
        ProfileGoal(profile_id="p1", targets=[])


def test_changed_goals_are_read() -> None:
    """Quotas and conditions are typed, and a target may have no quota."""
    quota = {"completes_goal_percentage": 37.5, "quota_nominal": 75, "completes_goal": 75, "completes": 3}
    profile = {
        "object": "blended",
        "id": "p1",
        "quotas_enabled": True,
        "name": "Age",
        "description": "18-34",
        "targets": [
            {"id": "q1", "conditions": [{"object": "range", "question_id": 42, "min": 18}], "quota": quota},
            {"id": "q2"},
        ],
    }
    command = UpdateProfileFillingGoal(**IDS, completes_goal=200)
    goals = answer(command, {"locale": "eng_us", "completes_goal": 200, "profiles": [profile]})
    (read,) = goals.profiles
    assert read.object is ProfileKind.BLENDED
    first, second = read.targets
    assert first.quota is not None
    assert first.conditions == (Range(question_id=42, min=18),)
    assert (first.quota.completes_goal_percentage, first.quota.prescreens, second.quota) == (37.5, None, None)
    assert answer(command, {"locale": "eng_us", "completes_goal": 200, "profiles": None}).profiles == ()


def test_the_changelog_is_read() -> None:
    """Values stay as the API wrote them, reasons and kinds are open, and the author is a person or a system."""
    changes = [
        {"object": "status_change", "new_value": "paused", "old_value": "live", "reason_code": "high_median_loi"},
        {"object": "cpi_change", "new_value": {"value": "2.5", "currency_code": "USD"}, "old_value": None},
        {"object": "private_exchange_cpi_change", "supplier_id": "980", "new_value": {"value": "3"}},
        {"object": "novel_change", "new_value": [1], "reason_code": None},
    ]
    entry = {
        "id": "e1",
        "occurred_at": "2026-01-31T23:59:59.123Z",
        "user": {"type": "system_user"},
        "changes": changes,
    }
    command = GetTargetGroupChangelog(**IDS)
    page = answer(command, {"changelog": [entry], "next_cursor": ""})
    (read,) = page
    assert read.user is not None
    assert (read.user.type, read.user.las_user_id) == (UserKind.SYSTEM_USER, None)
    assert read.occurred_at == datetime(2026, 1, 31, 23, 59, 59, 123000, tzinfo=UTC)
    status, price, supplier, novel = read.changes
    assert status.object is TargetGroupChangeType.STATUS_CHANGE
    assert (status.new_value, status.reason_code) == ("paused", StatusChangeReason.HIGH_MEDIAN_LOI)
    assert (price.new_value, price.old_value) == ({"value": "2.5", "currency_code": "USD"}, None)
    assert supplier.supplier_id == "980"
    assert novel.object is not None
    assert (novel.object.value, novel.object.known, novel.new_value) == ("novel_change", False, [1])
    assert command.after(page) is None


def test_the_changelog_is_chosen_by_query() -> None:
    """Kinds of changes become repeated keys."""
    command = GetTargetGroupChangelog(
        **IDS, change_types=["status_change", TargetGroupChangeType.FILLING_GOAL_CHANGE], page_size=50
    )
    request = sent(command)
    assert request.path == GROUP_PATH + "/changelog"
    assert request.query == [
        ("page_size", "50"),
        ("change_types", "status_change"),
        ("change_types", "filling_goal_change"),
    ]
