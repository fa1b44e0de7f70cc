"""One unreadable secondary field does not make an answer unreadable: it is None, and ``undecoded`` names it."""

from typing import Any

import pytest
from support.examples import RUN_BODY
from support.resource_wire import GROUP, OTHER, PROJECT, answer, sent

from fieldingkit.commands import Command
from fieldingkit.errors import DecodeError
from fieldingkit.resources.batch_jobs import GetPauseTargetGroupsJob
from fieldingkit.resources.fielding_assistant import (
    GetFieldingAssistantAssignment,
    Pacing,
    PacingType,
    PutFieldingAssistantAssignment,
)
from fieldingkit.resources.fielding_jobs import GetLaunchFromDraftJob
from fieldingkit.resources.fielding_runs import GetFieldingRun
from fieldingkit.resources.projects import ListProjects
from fieldingkit.resources.target_group_drafts import GetTargetGroup
from fieldingkit.resources.target_group_goals import UpdateProfileFillingGoal
from fieldingkit.resources.target_groups import ListTargetGroups

IDS: dict[str, Any] = {"project_id": PROJECT, "target_group_id": GROUP}
LIST = ListTargetGroups(project_id=PROJECT)
PROGRESS = {"current_completes": 1, "current_prescreens": 1, "filling_goal": 1, "filling_strategy": "completes"}
SUMMARY: dict[str, Any] = {
    "id": GROUP,
    "name": "n",
    "status": "live",
    "project_manager_id": "m",
    "locale": "eng_us",
    "created_at": "2026-01-01T00:00:00.000Z",
    "statistics": {"progress": {"value": PROGRESS, "issues": []}},
}
PROFILE = {"object": "regular", "id": "p1", "quotas_enabled": True, "description": "Age", "targets": [{"id": "q1"}]}


def test_an_unreadable_secondary_field_is_none_and_named() -> None:
    """A page stays readable, the field is None, and ``undecoded`` has its path."""
    page = answer(LIST, {"target_groups": [SUMMARY, {**SUMMARY, "id": OTHER, "updated_at": "yesterday"}]})
    assert [group.id for group in page] == [GROUP, OTHER]
    assert page[1].updated_at is None
    assert page.undecoded == ("$.target_groups[1].updated_at",)
    assert page.to_dict()["undecoded"] == ["$.target_groups[1].updated_at"]


def test_a_readable_answer_has_no_undecoded_fields() -> None:
    """Nothing is undecoded in an answer that matches the contract."""
    page = answer(LIST, {"target_groups": [SUMMARY]})
    assert page.undecoded == ()
    assert "undecoded" not in page.to_dict()


def test_the_smallest_unreadable_part_is_named() -> None:
    """Only the smallest optional part that cannot be read is None."""
    body = {**SUMMARY, "statistics": {**SUMMARY["statistics"], "earnings_per_click": {"value": {"value": 5}}}}
    page = answer(LIST, {"target_groups": [body]})
    assert page[0].statistics.earnings_per_click is not None
    assert page.undecoded == ("$.target_groups[0].statistics.earnings_per_click.value",)


@pytest.mark.parametrize("number", [3337, "3337"])
def test_a_business_unit_is_a_number_or_a_text(number: object) -> None:
    """The contract's schema has a number, its example a text; both are the same business unit."""
    draft = answer(GetTargetGroup(**IDS), {"name": "n", "business_unit_id": number})
    assert (draft.business_unit_id, draft.undecoded) == ("3337", ())


def test_a_profile_may_have_no_name() -> None:
    """The contract's example of changed goals has a profile without a name."""
    command = UpdateProfileFillingGoal(**IDS, completes_goal=10)
    goals = answer(command, {"locale": "eng_us", "completes_goal": 10, "profiles": [PROFILE]})
    assert (goals.profiles[0].name, goals.undecoded) == (None, ())


@pytest.mark.parametrize(
    ("command", "body", "path"),
    [
        (LIST, {"target_groups": [{**SUMMARY, "id": 7}]}, "$.target_groups[0].id"),
        (LIST, {"target_groups": [{**SUMMARY, "status": 7}]}, "$.target_groups[0].status"),
        (LIST, {"target_groups": [SUMMARY], "next_cursor": 7}, "$.next_cursor"),
        (LIST, {"target_groups": None}, "$.target_groups"),
        (ListProjects(), {"projects": {}}, "$.projects"),
        (GetFieldingRun(**IDS, fielding_run_id="r"), {**RUN_BODY, "version": "1"}, "$.version"),
        (
            GetPauseTargetGroupsJob(project_id=PROJECT, job_id="j"),
            {"job_id": "j", "status": "Completed", "created_by": 7},
            "$.created_by",
        ),
        (
            GetLaunchFromDraftJob(**IDS, job_id="j"),
            {"job_id": "j", "status": "Completed", "created_fielding_run_id": 7},
            "$.created_fielding_run_id",
        ),
    ],
)
def test_ids_statuses_cursors_and_jobs_stay_strict(command: Command[Any], body: dict[str, Any], path: str) -> None:
    """An unreadable id, status, cursor, list of items, required field or job is a DecodeError that names it."""
    with pytest.raises(DecodeError) as caught:
        answer(command, body)
    assert caught.value.path == path


def test_an_error_names_the_strict_field_not_a_secondary_one() -> None:
    """If both a secondary and a strict field are unreadable, the error names the strict one."""
    body = {**SUMMARY, "updated_at": "yesterday", "id": None}
    with pytest.raises(DecodeError) as caught:
        answer(LIST, {"target_groups": [body]})
    assert caught.value.path == "$.target_groups[0].id"


def test_an_unreadable_module_is_written_back_as_it_was_read() -> None:
    """A module that cannot be read is None, and a write of the assignment sends it back unchanged."""
    overlay = {"balance_fill": True}
    body = {"quota_overlay": overlay, "pacing": {"type": "linear", "increment_interval": "P1D"}}
    read = answer(GetFieldingAssistantAssignment(**IDS), body, headers={"ETag": '"7"'})
    assert (read.quota_overlay, read.undecoded) == (None, ("$.quota_overlay",))
    changed = read.replace(pacing=Pacing(type=PacingType.LINEAR, increment_interval="P2D"))
    request = sent(PutFieldingAssistantAssignment(**IDS, assignment=changed))
    assert request.body == {"quota_overlay": overlay, "pacing": {"type": "linear", "increment_interval": "P2D"}}
