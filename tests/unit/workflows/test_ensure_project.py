"""ensure_project: one project for a reference, even if answers are lost."""

import pytest
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient

from fieldingkit import AsyncClient, Client
from fieldingkit.errors import (
    BadRequestError,
    DuplicateReferenceError,
    InvalidCommandError,
    NotFoundError,
    TransportError,
    WorkflowError,
)
from fieldingkit.resources.accounts import ListAccountUsers
from fieldingkit.resources.projects import CreateProject, ListProjects, UpdateProject
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.workflows import ensure_project
from fieldingkit.workflows.projects import EnsuredProject

REFERENCE = "PO-7"
NAME = "A study of tea"


@pytest.fixture
def client(sandbox_clock: FakeClock, make_client: MakeClient) -> AsyncClient:
    """Return a client whose waits take no time."""
    return make_client(clock=sandbox_clock)


@pytest.fixture
def manager(sandbox: Sandbox) -> str:
    """Return the id of a project manager."""
    return sandbox.seed(draft=1).manager_id


async def ensure(client: AsyncClient, manager: str, name: str = NAME) -> EnsuredProject:
    """Ensure the project of these tests."""
    return await ensure_project(client, name=name, project_manager_id=manager, reference=REFERENCE)


async def projects(client: AsyncClient) -> int:
    """Return the number of projects with the reference."""
    return sum(
        [item.project_customer_reference_number == REFERENCE async for item in client.iter_items(ListProjects())]
    )


def created(sandbox: Sandbox) -> int:
    """Return the number of requests that create a project."""
    return sum(request.operation_id == "create_project" for request in sandbox.requests)


async def test_a_missing_project_is_created_once(sandbox: Sandbox, client: AsyncClient, manager: str) -> None:
    """The first call creates it and waits until it can be read; every other one finds it."""
    first = await ensure(client, manager)
    assert (first.created, first.differences, first.conflicts) == (True, (), ())
    assert (first.project.name, first.project.project_customer_reference_number) == (NAME, REFERENCE)
    again = await ensure(client, manager)
    assert (again.created, again.project, again.differences) == (False, first.project, ())
    assert (created(sandbox), await projects(client)) == (1, 1)


async def test_a_different_project_is_reported_and_not_changed(
    sandbox: Sandbox, client: AsyncClient, manager: str
) -> None:
    """The name and the manager that differ are named; nothing is overwritten."""
    await ensure(client, manager)
    users = await client.send(ListAccountUsers(user_type="project_manager"))
    other = next(user.id for user in users if user.id != manager)
    outcome = await ensure(client, other, name="A study of coffee")
    assert {difference.path: difference.found for difference in outcome.differences} == {
        "name": NAME,
        "project_manager_id": manager,
    }
    assert (created(sandbox), outcome.project.name) == (1, NAME)
    same = await ensure(client, manager.upper(), name=f" {NAME} ")
    assert same.differences == ()


async def test_every_page_of_projects_is_read(sandbox: Sandbox, client: AsyncClient, manager: str) -> None:
    """A project on a later page is found: the API cannot search by reference."""
    await ensure(client, manager)
    for _ in range(120):
        sandbox.seed(draft=1)
    assert not (await ensure(client, manager)).created
    sandbox.faults.add("list_account_projects", faults.TruncatedJson())
    assert not (await ensure(client, manager)).created
    assert created(sandbox) == 1


@pytest.mark.parametrize("fault", [faults.ApplyThenDrop(), faults.ApplyThenAnswer(503), faults.DropBefore()])
async def test_a_lost_answer_is_repeated_with_the_same_key(
    sandbox: Sandbox, client: AsyncClient, manager: str, fault: faults.Fault
) -> None:
    """The client repeats a creation that lost its answer; the key keeps the API from creating a second project."""
    sandbox.faults.add("create_project", fault)
    assert (await ensure(client, manager)).created
    assert (created(sandbox), await projects(client)) == (2, 1)


@pytest.mark.parametrize("is_applied", [True, False])
async def test_an_unclear_outcome_is_resolved_by_listing(
    sandbox: Sandbox, client: AsyncClient, sandbox_clock: FakeClock, manager: str, is_applied: bool
) -> None:
    """A project whose creation never got an answer is searched for; if it is not there, the next run creates it."""
    fault = faults.ApplyThenDrop() if is_applied else faults.DropBefore()
    sandbox.faults.add("create_project", fault, times=None)
    if is_applied:
        outcome = await ensure(client, manager)
        assert (outcome.created, len(outcome.conflicts)) == (True, 1)
        assert isinstance(outcome.conflicts[0], TransportError)
    else:
        with pytest.raises(WorkflowError, match="unclear outcome") as caught:
            await ensure(client, manager)
        assert caught.value.maybe_applied
    sandbox.faults.clear()
    assert (await ensure(client, manager)).created is not is_applied
    assert await projects(client) == 1


async def test_a_crash_after_the_creation_makes_no_second_project(
    sandbox: Sandbox, client: AsyncClient, manager: str
) -> None:
    """A run that follows at once, before the list has the new project, gets the same one by its key."""
    command = CreateProject(name=NAME, project_manager_id=manager, project_customer_reference_number=REFERENCE)
    sandbox.faults.add("get_project_by_id", faults.Answer(403))
    with pytest.raises(Exception, match="403") as caught:
        await ensure(client, manager)
    assert getattr(caught.value, "maybe_applied", None) is True
    key = next(r.headers["Idempotency-Key"] for r in sandbox.requests if r.operation_id == "create_project")
    again = await client.send(command.replace(idempotency_key=key))
    assert (await ensure(client, manager)).project.id == again.id
    assert await projects(client) == 1


async def test_a_project_that_was_renamed_is_not_created_now(
    sandbox: Sandbox, client: AsyncClient, manager: str
) -> None:
    """The API answers an old key with an old project: with another reference now it is refused by name."""
    first = (await ensure(client, manager)).project
    changed = UpdateProject(
        project_id=first.id,
        name="An old study",
        project_manager_id=manager,
        project_customer_reference_number="OTHER",
        if_match=first.etag,
    )
    await client.send(changed)
    with pytest.raises(WorkflowError, match=f"{first.id}, which has the reference 'OTHER' now") as caught:
        await ensure(client, manager)
    assert not caught.value.maybe_applied
    assert await projects(client) == 0


async def test_a_project_that_stays_unreadable_is_named(sandbox: Sandbox, client: AsyncClient, manager: str) -> None:
    """The error names the project that was created, and says that a repetition creates no other."""
    sandbox.faults.add("get_project_by_id", faults.Answer(404), times=None)
    with pytest.raises(WorkflowError, match=r"was created, and cannot be read 60 s later.*no second one") as caught:
        await ensure(client, manager)
    assert caught.value.maybe_applied
    assert isinstance(caught.value.__cause__, NotFoundError)
    sandbox.faults.clear()
    assert (await ensure(client, manager)).project.id in str(caught.value)
    assert await projects(client) == 1


async def test_several_projects_with_the_reference_are_named(
    sandbox: Sandbox, client: AsyncClient, manager: str
) -> None:
    """Two projects with one reference are an error that names both, before and after the creation."""
    command = CreateProject(name=NAME, project_manager_id=manager, project_customer_reference_number=REFERENCE)
    ids = {(await client.send(command)).id for _ in range(2)}
    await client.clock.sleep(1)
    with pytest.raises(DuplicateReferenceError) as caught:
        await ensure(client, manager)
    assert set(caught.value.ids) == ids
    assert all(id_ in str(caught.value) for id_ in ids)
    assert not caught.value.maybe_applied


async def test_a_project_that_cannot_be_created_is_refused(sandbox: Sandbox, client: AsyncClient, manager: str) -> None:
    """An invalid argument is refused before anything is sent, an unknown manager by the API."""
    with pytest.raises(InvalidCommandError, match="must be a reference"):
        await ensure_project(client, name=NAME, project_manager_id=manager, reference="a/b")
    assert list(sandbox.requests) == []
    with pytest.raises(BadRequestError) as caught:
        await ensure(client, "00000000-0000-4000-8000-000000000000")
    assert not caught.value.maybe_applied


def test_the_blocking_client_ensures_a_project(sandbox: Sandbox, blocking_client: Client, manager: str) -> None:
    """The blocking client runs ensure_project with call."""
    outcome = blocking_client.call(ensure_project, name=NAME, project_manager_id=manager, reference=REFERENCE)
    assert outcome.created
