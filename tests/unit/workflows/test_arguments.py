"""Arguments of the workflows: those of a wrong kind are refused before anything is sent."""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import pytest
from support.draft_settings import MANAGER, PROJECT, settings
from support.examples import KEYED, READ
from support.fixture_types import MakeClient

from fieldingkit.errors import ConfigurationError, FieldingKitError, InvalidCommandError
from fieldingkit.jobs.scheduler import as_completed
from fieldingkit.resources.excluded_respondents import RemoveAllExclusions, UploadExclusions
from fieldingkit.resources.recontacts import UploadRecontacts
from fieldingkit.resources.reports import GenerateReport
from fieldingkit.resources.target_group_drafts import CreateTargetGroup, GetTargetGroup
from fieldingkit.workflows import (
    copy_target_group,
    due,
    ensure_project,
    ensure_status,
    ensure_target_group,
    preview_reconciliation,
    reconcile,
    remove_all_exclusions,
    run_report,
    update_run,
    upload_exclusions,
    upload_recontacts,
    wait_for_status,
)

DRAFT: Any = CreateTargetGroup(project_id=PROJECT, **settings())
COPIED: Any = GetTargetGroup(project_id=PROJECT, target_group_id=PROJECT)
RID = "b551326b-ac9d-4d32-8823-4f025787dab9"
PROJECT_FIELDS: dict[str, Any] = {"name": "A study of tea", "project_manager_id": MANAGER, "reference": "PO-7"}
WORKFLOWS: list[Callable[[Any, Any], Awaitable[object]]] = [
    lambda client, run: ensure_status(client, run, "paused"),
    lambda client, run: wait_for_status(client, run, "paused"),
    lambda client, run: update_run(client, run, lambda now: now),
]


@pytest.fixture
def client(make_client: MakeClient) -> Any:
    """Return a client whose transport must not be used."""

    async def send(call: Any) -> Any:
        pytest.fail(f"{call} was sent")

    return make_client(base_url="https://api.example.org", transport=send)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=["ensure", "wait", "update"])
async def test_workflows_refuse_what_is_no_client_or_no_run(
    workflow: Callable[[Any, Any], Awaitable[object]], client: Any
) -> None:
    """Each workflow names the argument that is no client, or no command that reads a run."""
    for wrong in (None, 5, "client", [1]):
        with pytest.raises(ConfigurationError, match="client must be an AsyncClient"):
            await workflow(wrong, READ)
    for wrong in (None, 5, KEYED, type(READ)):
        with pytest.raises(InvalidCommandError, match="GetFieldingRun"):
            await workflow(client, wrong)


@pytest.mark.parametrize("status", [None, 5, [1], {"a": 1}, True])
async def test_workflows_refuse_a_status_of_a_wrong_kind(status: Any, client: Any) -> None:
    """A status that is no text is an error that names the argument and the statuses."""
    for workflow in (ensure_status, wait_for_status):
        with pytest.raises(InvalidCommandError, match=r"status must be one of .*paused") as caught:
            await workflow(client, READ, status)
        assert caught.value.field == "status"


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda client: ensure_status(client, READ, "paused", max_conflicts="3"), "max_conflicts"),
        (lambda client: update_run(client, READ, lambda run: run, max_conflicts=-1), "max_conflicts"),
        (lambda client: update_run(client, READ, 5), "change"),
        (lambda client: wait_for_status(client, READ, "paused", timeout=None), "timeout"),
        (lambda client: wait_for_status(client, READ, "paused", timeout=10**400), "timeout"),
        (lambda client: client.run(KEYED, 10**400), "timeout"),
        (lambda client: ensure_target_group(client, DRAFT, timeout=None), "timeout"),
        (lambda client: ensure_target_group(client, READ), "CreateTargetGroup"),
        (lambda client: copy_target_group(client, DRAFT, reference="REF 8"), "GetTargetGroup"),
        (lambda client: copy_target_group(client, COPIED, reference="REF 8", timeout="5"), "timeout"),
        (lambda client: ensure_project(client, name="n", project_manager_id="m", reference="r"), "name"),
        (lambda client: ensure_project(client, **PROJECT_FIELDS, timeout=[]), "timeout"),
        (lambda _: ensure_project(None, **PROJECT_FIELDS), "client must be an AsyncClient"),
        (reconcile, "rows"),
        (lambda client: reconcile(client, [(RID, 11)], valid_ids=[RID]), "rows"),
        (lambda client: reconcile(client, valid_ids=[RID]), "project_id"),
        (lambda client: reconcile(client, [("RID", "code")]), "rows"),
        (lambda client: reconcile(client, [(RID, 11)], max_share=10), "max_share"),
        (lambda client: reconcile(client, [(RID, 11)], max_share="0.1"), "max_share"),
        (lambda client: reconcile(client, [(RID, 11)], timeout="5"), "timeout"),
        (lambda client: preview_reconciliation(client, [(RID, 11)], project_id=PROJECT), "project_id"),
        (lambda client: due(client, "December"), "month"),
        (lambda _: due(None), "client must be an AsyncClient"),
        (lambda _: ensure_target_group(None, DRAFT), "client must be an AsyncClient"),
        (lambda _: copy_target_group(None, COPIED, reference="REF 8"), "client must be an AsyncClient"),
    ],
)
async def test_other_arguments_of_a_wrong_kind_are_refused_by_name(
    call: Callable[[Any], Awaitable[object]], argument: str, client: Any
) -> None:
    """A number, function or time limit of a wrong kind is an error that names the argument."""
    with pytest.raises(FieldingKitError, match=argument):
        await call(client)


async def _asynchronous(_: object) -> None:
    pytest.fail("it was called")


@pytest.mark.parametrize("callback", [5, _asynchronous], ids=["number", "asynchronous"])
async def test_callbacks_that_cannot_be_called_are_refused(client: Any, callback: Any) -> None:
    """An asynchronous callback would never run, so that what it should stop would be sent."""
    period = {"start_date": date(2026, 1, 1), "end_date": date(2026, 2, 1)}
    path = {"project_id": PROJECT, "target_group_id": PROJECT}
    recontacts = UploadRecontacts(**path, file=[RID], entity_type="RSID")
    calls: list[Callable[..., Awaitable[object]]] = [
        lambda **given: reconcile(client, [(RID, 11)], **given),
        lambda **given: run_report(client, GenerateReport(report_type="completes", **period), "file.csv", **given),
        lambda **given: upload_recontacts(client, recontacts, **given),
        lambda **given: upload_exclusions(client, UploadExclusions(**path, file=[RID], entity_type="RSID"), **given),
        lambda **given: remove_all_exclusions(client, RemoveAllExclusions(**path, entity_type="RSID"), **given),
    ]
    for call in calls:
        with pytest.raises(ConfigurationError, match="on_start must be a function that is not asynchronous"):
            await call(on_start=callback)
    with pytest.raises(ConfigurationError, match="on_preview must be a function that is not asynchronous"):
        await calls[0](on_preview=callback)


@pytest.mark.parametrize("jobs", [None, 5, [None], [[1]], "token"])
async def test_as_completed_refuses_what_is_no_handle(jobs: Any) -> None:
    """Anything but job handles is an error that names the argument."""
    with pytest.raises(ConfigurationError, match="jobs must be a list of job handles"):
        async for _ in as_completed(jobs):
            pass
