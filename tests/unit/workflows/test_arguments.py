"""Arguments of the workflows: those of a wrong kind are refused before anything is sent."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from support.examples import KEYED, READ
from support.fixture_types import MakeClient

from fieldingkit.errors import ConfigurationError, FieldingKitError, InvalidCommandError
from fieldingkit.jobs.scheduler import as_completed
from fieldingkit.workflows import ensure_status, update_run, wait_for_status

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
    ],
)
async def test_other_arguments_of_a_wrong_kind_are_refused_by_name(
    call: Callable[[Any], Awaitable[object]], argument: str, client: Any
) -> None:
    """A number, function or time limit of a wrong kind is an error that names the argument."""
    with pytest.raises(FieldingKitError, match=argument):
        await call(client)


@pytest.mark.parametrize("jobs", [None, 5, [None], [[1]], "token"])
async def test_as_completed_refuses_what_is_no_handle(jobs: Any) -> None:
    """Anything but job handles is an error that names the argument."""
    with pytest.raises(ConfigurationError, match="jobs must be a list of job handles"):
        async for _ in as_completed(jobs):
            pass
