"""change_allocations: what others changed meanwhile is noticed, and an ambiguous outcome is resolved by reading."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from support.examples import GROUP, PROJECT
from support.fixture_types import MakeClient, Serve
from support.raw_server import answer

from fieldingkit import AsyncClient, Client
from fieldingkit.errors import BadRequestError, ConfigurationError, DecodeError, InvalidCommandError, WorkflowError
from fieldingkit.resources.allocations import (
    AllocationGroup,
    Allocations,
    GetAllocationSpecification,
    OpenExchange,
    PrivateExchange,
    UpdateAllocationSpecification,
)
from fieldingkit.sandbox import Sandbox, TargetGroup, faults
from fieldingkit.workflows import change_allocations

READ, WRITE = "get_target_group_allocation_specification", "update_target_group_allocation_specification"
GROUPED = Allocations(
    open_exchange_allocations=OpenExchange(
        groups=[AllocationGroup(group_name="Best", min_percentage=40, suppliers=["4321", "4350"])],
        exchange_max_percentage=60,
    ),
    private_exchange_allocations=PrivateExchange(
        groups=[AllocationGroup(group_name="Own", max_percentage=10, suppliers=["4351"])]
    ),
)


async def seeded(sandbox: Sandbox, client: AsyncClient) -> tuple[TargetGroup, GetAllocationSpecification]:
    """Return a live target group with two groups of suppliers, and the command that reads them."""
    project = sandbox.seed(live=1)
    group = project.groups[0]
    ids = {"project_id": project.id, "target_group_id": group.id}
    await client.send(UpdateAllocationSpecification(**ids, allocations=GROUPED))
    sandbox.requests.clear()
    return group, GetAllocationSpecification(**ids)


def blocking(supplier: int) -> Callable[[Allocations], Allocations]:
    """Return the change that blocks a supplier."""
    return lambda now: attrs.evolve(now, open_exchange_allocations=now.open_exchange_allocations.blocking(supplier))


def writes(sandbox: Sandbox) -> int:
    """Return the number of updates that reached the API."""
    return sum(request.operation_id == WRITE for request in sandbox.requests)


def blocked(group: TargetGroup) -> list[int]:
    """Return the blocked suppliers of the open exchange."""
    assert group.settings.allocations is not None
    return [one["id"] for one in group.settings.allocations["open_exchange_allocations"]["blocked_suppliers"]]


def by_colleague(group: TargetGroup, supplier: int) -> None:
    """Block a supplier as a colleague would."""
    stored = group.settings.allocations
    assert stored is not None
    opened = stored["open_exchange_allocations"]
    theirs = {**opened, "blocked_suppliers": [{"id": supplier, "name": "Theirs"}]}
    group.settings = attrs.evolve(group.settings, allocations={**stored, "open_exchange_allocations": theirs})


async def test_a_supplier_is_blocked_and_the_rest_stays(sandbox: Sandbox, client: AsyncClient) -> None:
    """One supplier leaves its group and is blocked; groups keep their ids, and the private exchange stays."""
    group, read = await seeded(sandbox, client)
    outcome = await change_allocations(client, read, blocking(4321))
    assert (outcome.changed, outcome.conflicts, blocked(group)) == (True, (), [4321])
    before, after = outcome.before.open_exchange_allocations, outcome.after.open_exchange_allocations
    assert [supplier.id for supplier in after.groups[0].suppliers] == ["4350"]
    assert after.groups[0].group_id == before.groups[0].group_id
    assert outcome.after.private_exchange_allocations == outcome.before.private_exchange_allocations
    assert outcome.after == await client.send(read)


async def test_the_test_supplier_alone(sandbox: Sandbox, client: AsyncClient) -> None:
    """All respondents come from the test supplier; the private exchange is left as it is if the change has none."""
    _, read = await seeded(sandbox, client)
    wanted = Allocations(open_exchange_allocations=OpenExchange.only(980))
    outcome = await change_allocations(client, read, lambda _: wanted)
    (only,) = outcome.after.open_exchange_allocations.groups
    assert [supplier.id for supplier in only.suppliers] == ["980"]
    assert outcome.after.private_exchange_allocations == outcome.before.private_exchange_allocations


@pytest.mark.parametrize(
    "change",
    [
        lambda now: now,
        lambda _: GROUPED,
        lambda _: attrs.evolve(GROUPED, private_exchange_allocations=None),
    ],
    ids=["as read", "without ids", "without the private exchange"],
)
async def test_nothing_is_sent_if_nothing_changes(sandbox: Sandbox, client: AsyncClient, change: Any) -> None:
    """The present allocations are no change: with ids or without, with counters or without."""
    _, read = await seeded(sandbox, client)
    outcome = await change_allocations(client, read, change)
    assert (outcome.changed, outcome.before, writes(sandbox)) == (False, outcome.after, 0)


async def test_a_renamed_group_keeps_its_id(sandbox: Sandbox, client: AsyncClient) -> None:
    """A group that was read is the same one under another name; a group of another target group is a new one."""
    _, read = await seeded(sandbox, client)

    def rename(now: Allocations) -> Allocations:
        opened = now.open_exchange_allocations
        renamed = [attrs.evolve(group, group_name="Better") for group in opened.groups]
        foreign = AllocationGroup(group_name="New", suppliers=["980"], group_id="7")
        return attrs.evolve(now, open_exchange_allocations=attrs.evolve(opened, groups=[*renamed, foreign]))

    outcome = await change_allocations(client, read, rename)
    (old,) = outcome.before.open_exchange_allocations.groups
    better, new = outcome.after.open_exchange_allocations.groups
    assert (better.group_name, better.group_id) == ("Better", old.group_id)
    assert new.group_id not in {"7", old.group_id}


async def test_a_colleague_before_the_write_is_noticed(sandbox: Sandbox, client: AsyncClient) -> None:
    """A change between the first reading and the write is not overwritten: nothing was sent."""
    group, read = await seeded(sandbox, client)

    def change(now: Allocations) -> Allocations:
        by_colleague(group, 4351)
        return blocking(4321)(now)

    with pytest.raises(WorkflowError, match=r"another user changed the allocations.*nothing was sent") as caught:
        await change_allocations(client, read, change)
    assert not caught.value.maybe_applied
    assert (writes(sandbox), blocked(group)) == (0, [4351])


async def test_a_colleague_after_the_write_is_noticed(sandbox: Sandbox, client: AsyncClient) -> None:
    """A change between the write and the last reading is reported: the wanted allocations are not those there."""
    group, read = await seeded(sandbox, client)

    class ThenColleague(faults.Fault):
        async def inject(self, exchange: faults.Exchange) -> Any:
            response = await exchange.proceed()
            by_colleague(group, 4351)
            return response

    sandbox.faults.add(WRITE, ThenColleague())
    with pytest.raises(WorkflowError, match=r"accepted, but.*open_exchange_allocations differ") as caught:
        await change_allocations(client, read, blocking(4321))
    assert caught.value.maybe_applied
    assert (writes(sandbox), blocked(group)) == (1, [4351])


@pytest.mark.parametrize("fault", [faults.ApplyThenDrop(), faults.ApplyThenAnswer(500)])
async def test_a_lost_answer_is_found_by_reading(sandbox: Sandbox, client: AsyncClient, fault: faults.Fault) -> None:
    """The write was applied and its answer lost: it is not repeated, and the outcome says so."""
    group, read = await seeded(sandbox, client)
    sandbox.faults.add(WRITE, fault)
    outcome = await change_allocations(client, read, blocking(4321))
    assert (writes(sandbox), blocked(group), outcome.changed) == (1, [4321], True)
    assert [conflict.maybe_applied for conflict in outcome.conflicts] == [True]


async def test_a_lost_request_is_not_repeated(sandbox: Sandbox, client: AsyncClient) -> None:
    """The allocations are as before: the error says that, and that the update may yet be applied."""
    group, read = await seeded(sandbox, client)
    sandbox.faults.add(WRITE, faults.Answer(502))
    with pytest.raises(WorkflowError, match=r"still the former ones; the update may yet be applied") as caught:
        await change_allocations(client, read, blocking(4321))
    assert caught.value.maybe_applied
    assert len(caught.value.conflicts) == 1
    assert (writes(sandbox), blocked(group)) == (1, [])


async def test_an_outcome_that_cannot_be_read_stays_unclear(sandbox: Sandbox, client: AsyncClient) -> None:
    """If reading fails after the write, the error says that it may have been applied."""
    _, read = await seeded(sandbox, client)

    class Hide(faults.Fault):
        async def inject(self, exchange: faults.Exchange) -> Any:
            sandbox.faults.add(READ, faults.Answer(404))
            return await exchange.proceed()

    sandbox.faults.add(WRITE, Hide())
    with pytest.raises(WorkflowError, match="accepted, but the allocations could not be read afterwards") as caught:
        await change_allocations(client, read, blocking(4321))
    assert caught.value.maybe_applied
    assert str(caught.value).startswith("UpdateAllocationSpecification: ")


async def test_a_refusal_is_raised_as_it_is(sandbox: Sandbox, client: AsyncClient) -> None:
    """An unknown supplier is a BadRequestError; nothing was changed."""
    group, read = await seeded(sandbox, client)
    with pytest.raises(BadRequestError):
        await change_allocations(client, read, blocking(77))
    assert blocked(group) == []


async def test_a_change_that_cannot_be_sent_is_refused(sandbox: Sandbox, client: AsyncClient) -> None:
    """A change that returns something else, or allocations that break a rule, sends nothing."""
    _, read = await seeded(sandbox, client)
    broken = Allocations(open_exchange_allocations=OpenExchange(exchange_min_percentage=101))
    changes: list[tuple[Any, str]] = [
        (lambda _: None, "change must return Allocations; got None"),
        (lambda _: broken, "must have shares from 0 to 100"),
        (GROUPED, "change must be a function"),
    ]
    for change, problem in changes:
        with pytest.raises(InvalidCommandError, match=problem):
            await change_allocations(client, read, change)
    wrong: Any = 7
    with pytest.raises(ConfigurationError, match="client must be an AsyncClient"):
        await change_allocations(wrong, read, blocking(4321))
    with pytest.raises(InvalidCommandError, match="GetAllocationSpecification"):
        await change_allocations(client, wrong, blocking(4321))
    assert writes(sandbox) == 0


async def test_a_cancelled_reading_keeps_the_outcome(sandbox: Sandbox, client: AsyncClient) -> None:
    """A cancellation while the outcome is read says that the allocations may have been replaced."""
    _, read = await seeded(sandbox, client)
    is_reading = threading.Event()  # the sandbox has a thread of its own

    class WaitForCancellation(faults.Fault):
        async def inject(self, exchange: faults.Exchange) -> Any:
            is_reading.set()
            return await faults.Hang().inject(exchange)

    class ThenWait(faults.Fault):
        async def inject(self, exchange: faults.Exchange) -> Any:
            sandbox.faults.add(READ, WaitForCancellation())
            return await exchange.proceed()

    sandbox.faults.add(WRITE, ThenWait())
    task = asyncio.create_task(change_allocations(client, read, blocking(4321)))
    assert await asyncio.to_thread(is_reading.wait, 60)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert any("may have been replaced" in note for note in caught.value.__notes__)


def test_a_blocking_client_changes_allocations(sandbox: Sandbox, blocking_client: Client) -> None:
    """The same workflow runs with a blocking client."""
    group = sandbox.seed(live=1).groups[0]
    read = GetAllocationSpecification(project_id=group.project_id, target_group_id=group.id)
    outcome = blocking_client.call(change_allocations, read, blocking(4321))
    assert (outcome.changed, blocked(group)) == (True, [4321])


@pytest.mark.parametrize("body", [{}, {"open_exchange_allocations": None, "private_exchange_allocations": None}])
async def test_an_answer_without_allocations_is_not_taken_for_empty_ones(
    serve: Serve, make_client: MakeClient, body: object
) -> None:
    """What was not read is not written back: empty allocations would delete all groups."""
    server = await serve(answer(200, body))
    read = GetAllocationSpecification(project_id=PROJECT, target_group_id=GROUP)
    with pytest.raises(DecodeError, match="no open_exchange_allocations"):
        await change_allocations(make_client(base_url=server.url), read, blocking(3334))
    assert {request.method for request in server.requests} == {"GET"}
