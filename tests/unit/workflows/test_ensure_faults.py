"""ensure_target_group and ensure_project under random faults and crashes: never two, and one in the end."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import draft_settings
from support.fake_clock import FakeClock
from support.workflow_crash import Crash

from fieldingkit import AsyncClient
from fieldingkit.errors import DuplicateReferenceError, FieldingKitError
from fieldingkit.resources.projects import ListProjects
from fieldingkit.resources.target_group_drafts import CreateTargetGroup
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.workflows import ensure_project, ensure_target_group

FAULTS: dict[str, Callable[[], faults.Fault]] = {
    "applied, and the connection breaks": faults.ApplyThenDrop,
    "applied, and the response is cut off": faults.ResetMidBody,
    "applied, and a gateway answers": lambda: faults.ApplyThenAnswer(503),
    "lost": faults.DropBefore,
    "refused by a gateway": lambda: faults.Answer(503),
}


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    """Return one sandbox for all examples, each of which has a reference of its own."""
    with Sandbox(project_seconds=0.01) as sandbox:
        yield sandbox


async def run_all(
    sandbox: Sandbox, run: Callable[[AsyncClient], Awaitable[Any]], operation: str, plan: list[str]
) -> Any:
    """Run a workflow once for each fault or crash, then once without; return the last result."""
    clock = FakeClock(sandbox.clock, jump=60.0)
    loop = asyncio.get_running_loop()
    async with AsyncClient(
        auth=sandbox.token, account_id=sandbox.account_id, base_url=sandbox.url, clock=clock, deadline=None
    ) as client:
        for name in plan:
            task = asyncio.ensure_future(run(client))

            def cancel(task: asyncio.Future[Any] = task) -> None:
                loop.call_soon_threadsafe(task.cancel)

            crash = name.startswith("crash")
            fault = Crash(cancel, is_applied=name == "crash after") if crash else FAULTS[name]()
            sandbox.faults.add(operation, fault)
            await asyncio.wait([task])
            sandbox.faults.clear()
            assert task.cancelled() or isinstance(task.exception(), FieldingKitError | None)
        return await run(client)


plans = st.lists(st.sampled_from([*FAULTS, "crash before", "crash after"]), max_size=4)
few = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


@few
@given(plan=plans)
def test_a_target_group_is_created_once_under_faults(shared: Sandbox, plan: list[str]) -> None:
    """After any lost answers, outages and crashes, one more run returns the only target group."""
    project = shared.seed(draft=1)
    command = CreateTargetGroup(project_id=project.id, **draft_settings.settings(project_manager_id=project.manager_id))
    ensured = asyncio.run(
        run_all(shared, lambda client: ensure_target_group(client, command), "create_target_group", plan)
    )
    assert [group.id for group in project.groups[1:]] == [ensured.target_group_id]
    assert (ensured.differences, ensured.not_compared) == ((), ())


@few
@given(plan=plans)
def test_a_project_is_created_once_under_faults(shared: Sandbox, plan: list[str]) -> None:
    """After any lost answers, outages and crashes, one more run returns the only project."""
    manager, reference = shared.seed(draft=1).manager_id, f"PO-{len(shared.requests)}"

    def run(client: AsyncClient) -> Awaitable[Any]:
        return ensure_project(client, name="A study of tea", project_manager_id=manager, reference=reference)

    async def listed(client: AsyncClient) -> list[str]:
        every = [item async for item in client.iter_items(ListProjects(page_size=100))]
        return [item.id for item in every if item.project_customer_reference_number == reference]

    ensured = asyncio.run(run_all(shared, run, "create_project", plan))
    assert asyncio.run(run_all(shared, listed, "create_project", [])) == [ensured.project.id]


@few
@given(number=st.integers(2, 4))
def test_runs_at_the_same_time_notice_each_other(shared: Sandbox, number: int) -> None:
    """If several processes create the same reference at once, at least one of them names all target groups."""
    project = shared.seed(draft=1)
    command = CreateTargetGroup(project_id=project.id, **draft_settings.settings(project_manager_id=project.manager_id))

    async def run_at_once() -> list[Any]:
        async with AsyncClient(auth=shared.token, account_id=shared.account_id, base_url=shared.url) as client:
            return await asyncio.gather(
                *(ensure_target_group(client, command) for _ in range(number)), return_exceptions=True
            )

    outcomes = asyncio.run(run_at_once())
    errors = [outcome for outcome in outcomes if isinstance(outcome, DuplicateReferenceError)]
    created = {group.id for group in project.groups[1:]}
    assert bool(errors) == (len(created) > 1)
    assert any(set(error.ids) == created for error in errors) or not errors
    assert {outcome.target_group_id for outcome in outcomes if outcome not in errors} <= created
