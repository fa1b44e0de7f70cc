"""Exclusion groups, exclusions within a project and by activity, and uploaded respondents: requests and answers."""

from collections.abc import Callable
from typing import Any

import pytest
from support.resource_wire import GROUP, OTHER, PROJECT, answer, sent

from fieldingkit.errors import InvalidCommandError, JobLocationError
from fieldingkit.files import Upload
from fieldingkit.idempotency import RetrySafety
from fieldingkit.resources.excluded_respondents import (
    ExclusionJobStatus,
    GetUploadExclusionsJob,
    ListExcludedAccessRespondents,
    ListExcludedRespondents,
    RemoveAllExclusions,
    UploadExclusions,
)
from fieldingkit.resources.exclusion_groups import (
    AddToExclusionGroup,
    CreateExclusionGroup,
    ListExclusionGroups,
    ListExclusionGroupTargetGroups,
    ListTargetGroupExclusionGroups,
    UpdateExclusionGroup,
)
from fieldingkit.resources.exclusions import (
    ActivityExclusion,
    GetProjectExclusions,
    SetActivityExclusions,
    UpdateProjectExclusions,
)

ID = "0f1ce179-a917-49ff-9d50-b05fc91f7bd4"
PATH: dict[str, Any] = {"project_id": PROJECT, "target_group_id": GROUP}
UPLOAD = UploadExclusions(**PATH, entity_type="RSID", file=[ID])
JOB: dict[str, Any] = {"job_id": OTHER, "created_at": "2026-01-01T00:00:00.000Z", "created_by": ID, "status": "Success"}


def test_project_exclusions_are_an_array_both_ways() -> None:
    """The mapping is sent as an array of pairs, and an array is read as a list."""
    request = sent(UpdateProjectExclusions(project_id=PROJECT, project_exclusion_enabled={GROUP: True, OTHER: False}))
    assert request.body == [
        {"target_group_id": GROUP, "project_exclusion_enabled": True},
        {"target_group_id": OTHER, "project_exclusion_enabled": False},
    ]
    read = answer(GetProjectExclusions(project_id=PROJECT), request.body)
    assert {one.target_group_id: one.project_exclusion_enabled for one in read} == {GROUP: True, OTHER: False}


def test_target_groups_are_added_by_their_name() -> None:
    """The ids are the API's data; nothing protects the command from a repetition, which does no harm."""
    request = sent(AddToExclusionGroup(exclusion_group_id=OTHER, target_group_ids=[GROUP]))
    assert request.path.endswith(f"/exclusion-groups/{OTHER}/target-groups/add")
    assert request.body == {"data": [GROUP]}
    assert AddToExclusionGroup.retry_safety() is RetrySafety.NONE


def test_lists_of_bare_ids_are_pages() -> None:
    """A page is a sequence of ids with the cursor of the next one; three of the lists take pages of 1000."""
    page = answer(ListExcludedRespondents(**PATH), {"data": [ID], "next_cursor": "x"})
    assert (list(page), page.next_cursor) == ([ID], "x")
    members = answer(ListExclusionGroupTargetGroups(exclusion_group_id=OTHER), {"data": [GROUP], "url": "x"})
    assert (list(members), members.next_cursor) == ([GROUP], None)
    kinds = (
        ListExclusionGroups,
        ListExclusionGroupTargetGroups,
        ListExcludedRespondents,
        ListExcludedAccessRespondents,
    )
    assert [kind.max_page_size for kind in (*kinds, ListTargetGroupExclusionGroups)] == [1000, 1000, 1000, 1000, 100]


def test_an_upload_is_a_form_with_a_file() -> None:
    """The ids are the only part of a form, and the kind of ids is in the query."""
    request = sent(UPLOAD)
    assert request.query == [("entity_type", "RSID")]
    assert request.headers["Content-Type"].startswith("multipart/form-data; boundary=")
    assert b'name="file"; filename="fieldingkit-' in request.body
    assert f"\r\n\r\n{ID}\n\r\n".encode() in request.body
    assert (UPLOAD.item_count(), UploadExclusions.retry_safety()) == (1, RetrySafety.NONE)


def test_the_body_names_the_job() -> None:
    """The id comes from the body; an answer without one is an error of unclear outcome."""
    assert answer(UPLOAD, {"job_id": OTHER}, status=201).job_id == OTHER
    with pytest.raises(JobLocationError) as caught:
        answer(UPLOAD, {}, status=201)
    assert caught.value.maybe_applied


def test_a_partial_success_is_a_note() -> None:
    """The sentence is lifted out of its object; there is none without one."""
    command = GetUploadExclusionsJob(**PATH, job_id=OTHER)
    partly = answer(command, {**JOB, "partial_success_reason": {"description": "1 failed."}})
    assert (partly.status, partly.note) == (ExclusionJobStatus.SUCCESS, "1 failed.")
    assert answer(command, {**JOB, "partial_success_reason": None}).note is None


@pytest.mark.parametrize("word", ["Success", "success", "SUCCESS"])
def test_success_is_the_end(word: str) -> None:
    """The API's word for the end is success, in any case; completed is not a word of these jobs."""
    assert UploadExclusions.words.is_done(word)
    assert UploadExclusions.words.is_failed("Failed")
    assert not UploadExclusions.words.is_done("Completed")


def test_the_wait_is_as_long_as_the_file() -> None:
    """A wait takes half an hour for 30,000 ids, which the API says it stores in 15 minutes at most."""
    pace = RemoveAllExclusions.pace
    assert pace is not None
    assert pace.timeout + 30_000 * pace.timeout_per_item == 1800


def _activity(**fields: Any) -> SetActivityExclusions:
    given: dict[str, Any] = {**PATH, "respondent_activity_exclusions": [], **fields}
    return SetActivityExclusions(**given)


def _excluded(**fields: Any) -> SetActivityExclusions:
    given: dict[str, Any] = {"type": "project", "id": OTHER, **fields}
    return _activity(respondent_activity_exclusions=[ActivityExclusion(**given)])


INVALID: list[tuple[str, Callable[..., object], dict[str, Any]]] = [
    ("tag", CreateExclusionGroup, {"tag": "", "description": ""}),
    ("tag", CreateExclusionGroup, {"tag": "x" * 129, "description": ""}),
    ("description", CreateExclusionGroup, {"tag": "x", "description": "x" * 501}),
    ("tag", UpdateExclusionGroup, {"exclusion_group_id": OTHER}),
    ("target_group_ids", AddToExclusionGroup, {"exclusion_group_id": OTHER, "target_group_ids": []}),
    ("target_group_ids", AddToExclusionGroup, {"exclusion_group_id": OTHER, "target_group_ids": [GROUP, GROUP]}),
    ("project_exclusion_enabled", UpdateProjectExclusions, {"project_id": PROJECT, "project_exclusion_enabled": {}}),
    (
        "project_exclusion_enabled",
        UpdateProjectExclusions,
        {"project_id": PROJECT, "project_exclusion_enabled": {GROUP: "yes"}},
    ),
    ("duration", _activity, {"duration": "P397D"}),
    ("duration", _activity, {"duration": "PT1H"}),
    ("respondent_activity_exclusions", _excluded, {"duration": "P0D"}),
    ("respondent_activity_exclusions", _excluded, {"id": PROJECT}),
    ("respondent_activity_exclusions", _excluded, {"type": "target-group", "id": GROUP}),
    ("page_size", ListExcludedRespondents, {**PATH, "page_size": 1001}),
    ("file", UploadExclusions, {**PATH, "entity_type": "RSID", "file": []}),
    ("file", UploadExclusions, {**PATH, "entity_type": "RSID", "file": [ID, ID.upper()]}),
    ("file", UploadExclusions, {**PATH, "entity_type": "RSID", "file": Upload(b"RSID\n" + ID.encode())}),
    (
        "file",
        UploadExclusions,
        {**PATH, "entity_type": "RSID", "file": (f"{number:08x}{ID[8:]}" for number in range(100_001))},
    ),
]


@pytest.mark.parametrize(("field", "make", "fields"), INVALID)
def test_invalid_fields_are_refused_by_name(field: str, make: Callable[..., object], fields: dict[str, Any]) -> None:
    """Values out of bounds are refused before anything is sent."""
    with pytest.raises(InvalidCommandError) as caught:
        make(**fields)
    assert caught.value.field == field
