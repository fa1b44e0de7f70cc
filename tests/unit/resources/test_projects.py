"""Projects, and batches that assign target groups to another manager."""

from typing import Any

import pytest
from support.resource_wire import GROUP, OTHER, PROJECT, PROJECT_PATH, answer, sent

from fieldingkit.errors import DecodeError, InvalidCommandError
from fieldingkit.idempotency import RetrySafety
from fieldingkit.job_commands import JobStatus
from fieldingkit.resources.batch_jobs import FailedTargetGroup, GetUpdateProjectManagersJob, UpdateProjectManagers
from fieldingkit.resources.projects import CreateProject, GetProject, ListProjects, ProjectStatus, UpdateProject

MANAGER = "b551326b-ac9d-4d32-8823-4f025787dab9"
STATISTICS: dict[str, Any] = {
    "filling_goal": 1000,
    "current_completes": 250,
    "current_prescreens": 400,
    "incidence_rate_median": 0.5,
    "length_of_interview_median_seconds": 600,
    "conversion_rate_average": 1,
    "drop_off_rate_average": 0,
    "novel": "ignored",
}
SUMMARY: dict[str, Any] = {
    "id": PROJECT,
    "account_id": 101,
    "name": "Yoghurt, wave 3",
    "status": "active",
    "target_group_count": 2,
    "last_activity_at": "2026-01-31T23:59:59.000Z",
    "statistics": STATISTICS,
}


def test_projects_are_chosen_by_query() -> None:
    """Filters and cursor go into the query, the account into the path."""
    command = ListProjects(
        account_id=7, status=ProjectStatus.INACTIVE, search_string="a & b", page_size=100, start_after="c/d"
    )
    request = sent(command)
    assert (request.method, request.path) == ("GET", "/demand/accounts/7/projects")
    assert sorted(request.query) == [
        ("page_size", "100"),
        ("search_string", "a & b"),
        ("start_after", "c/d"),
        ("status", "inactive"),
    ]
    assert request.body is None


def test_a_project_is_read_with_its_tag() -> None:
    """Its ETag is kept byte for byte."""
    body = {"id": PROJECT, "name": "n", "project_manager_id": MANAGER, "account_id": 101, "human_readable_id": None}
    project = answer(GetProject(project_id=PROJECT), body, headers={"etag": 'W/"3"'})
    assert (project.etag, project.human_readable_id) == ('W/"3"', None)
    assert sent(GetProject(project_id=PROJECT)).path == PROJECT_PATH


def test_a_number_as_text_is_refused() -> None:
    """Scalars are strict, and the error names the path."""
    with pytest.raises(DecodeError) as caught:
        answer(ListProjects(), {"projects": [{**SUMMARY, "target_group_count": "2"}]})
    assert caught.value.path == "$.projects[0].target_group_count"


def test_a_batch_gives_target_groups_to_another_manager() -> None:
    """The command has no idempotency key, since the contract has none, and nothing protects it."""
    command = UpdateProjectManagers(
        project_id=PROJECT, project_manager_id=MANAGER, target_group_ids=[GROUP, OTHER, GROUP]
    )
    request = sent(command)
    assert (request.method, request.path) == ("POST", PROJECT_PATH + "/batch-jobs/update-target-group-project-managers")
    assert request.body == {"project_manager_id": MANAGER, "target_group_ids": [GROUP, OTHER]}
    assert request.headers == {"Content-Type": "application/json"}
    assert command.retry_safety() is RetrySafety.NONE


@pytest.mark.parametrize(
    "wrong",
    [{"target_group_ids": ()}, {"target_group_ids": ("x",)}, {"project_manager_id": ""}, {"project_manager_id": "a/b"}],
)
def test_a_batch_without_sense_is_refused(wrong: dict[str, Any]) -> None:
    """A batch without target groups or a manager is rejected."""
    fields: dict[str, Any] = {"project_manager_id": MANAGER, "target_group_ids": (GROUP,), **wrong}
    with pytest.raises(InvalidCommandError) as caught:
        UpdateProjectManagers(project_id=PROJECT, **fields)
    assert caught.value.field in wrong


def test_a_manager_batch_is_read_while_it_is_processing() -> None:
    """Its lists are null while it is processing, and the API does not name its creator."""
    body = {
        "job_id": "j1",
        "status": "Processing",
        "created_at": "2026-01-01T00:00:00.000Z",
        "project_manager_id": MANAGER,
        "updated_target_groups": None,
        "failed_target_groups": None,
    }
    result = answer(GetUpdateProjectManagersJob(project_id=PROJECT, job_id="j1"), body)
    assert (result.status, result.updated, result.failed, result.created_by) == (JobStatus.PROCESSING, (), (), None)


def test_a_manager_batch_is_read_when_it_is_finished() -> None:
    """Additional names in the items are ignored."""
    body = {
        "job_id": "j1",
        "status": "Completed",
        "updated_target_groups": {
            "data": [{"target_group_id": GROUP, "target_group_name": "Women 18-34"}],
            "has_more": False,
        },
        "failed_target_groups": {
            "data": [
                {
                    "target_group_id": OTHER,
                    "target_group_name": "Men 18-34",
                    "failure_reason": {"code": "TargetGroupNotFound", "description": "not in this project"},
                }
            ],
            "has_more": False,
        },
    }
    result = answer(GetUpdateProjectManagersJob(project_id=PROJECT, job_id="j1"), body)
    assert result.updated == (GROUP,)
    assert result.failed == (
        FailedTargetGroup(target_group_id=OTHER, code="TargetGroupNotFound", description="not in this project"),
    )
    assert not result.ok


def test_a_project_is_created_with_a_key() -> None:
    """The key makes a repetition safe; the answer has the id, and the ETag in its header."""
    command = CreateProject(name="Yoghurt, wave 3", project_manager_id=MANAGER, idempotency_key="key")
    request = sent(command)
    assert (request.method, request.path) == ("POST", "/demand/accounts/101/projects")
    assert request.body == {"name": "Yoghurt, wave 3", "project_manager_id": MANAGER}
    assert request.headers["Idempotency-Key"] == "key"
    assert command.retry_safety() is RetrySafety.IDEMPOTENCY_KEY
    created = answer(command, {"id": PROJECT}, status=202, headers={"ETag": 'W/"1"'})
    assert (created.id, created.etag, created.human_readable_id) == (PROJECT, 'W/"1"', None)


def test_a_project_is_updated_as_a_whole() -> None:
    """An update has a key and a tag, and names all three settings; a reference is deleted only by None."""
    fields: dict[str, Any] = {
        "project_id": PROJECT,
        "name": "Yoghurt",
        "project_manager_id": MANAGER,
        "if_match": '"1"',
    }
    command = UpdateProject(**fields, project_customer_reference_number="PO-1")
    request = sent(command)
    assert (request.method, request.path) == ("PUT", PROJECT_PATH)
    assert request.body == {
        "name": "Yoghurt",
        "project_manager_id": MANAGER,
        "project_customer_reference_number": "PO-1",
    }
    assert (request.headers["If-Match"], len(request.headers["Idempotency-Key"])) == ('"1"', 36)
    assert answer(command, {"id": PROJECT, "human_readable_id": "FT354J"}).human_readable_id == "FT354J"
    with pytest.raises(InvalidCommandError, match="missing field project_customer_reference_number"):
        UpdateProject(**fields)
    deleted = sent(UpdateProject(**fields, project_customer_reference_number=None)).body
    assert deleted["project_customer_reference_number"] is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "four"},
        {"name": "x" * 129},
        {"project_manager_id": "ann"},
        {"project_customer_reference_number": "a/b"},
    ],
)
def test_settings_of_a_project_have_bounds(wrong: dict[str, Any]) -> None:
    """A name, manager or reference out of bounds is refused by name."""
    with pytest.raises(InvalidCommandError) as caught:
        CreateProject(**{"name": "Yoghurt", "project_manager_id": MANAGER, **wrong})
    assert caught.value.field in wrong
