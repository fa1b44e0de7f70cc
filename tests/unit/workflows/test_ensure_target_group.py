"""ensure_target_group and copy_target_group: one target group for a reference, even if answers are lost."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import attrs
import pytest
from support.draft_settings import settings
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient

from fieldingkit import AsyncClient, Client, exclusions
from fieldingkit.errors import (
    AmbiguousOutcomeError,
    BadRequestError,
    DuplicateReferenceError,
    InvalidCommandError,
    RedirectError,
    ServerError,
    WorkflowError,
)
from fieldingkit.resources.fielding_jobs import LaunchFromDraft
from fieldingkit.resources.money import Money
from fieldingkit.resources.target_group_drafts import CreateTargetGroup, GetTargetGroup, UpdateTargetGroup
from fieldingkit.sandbox import Project, Sandbox, faults
from fieldingkit.workflows import copy_target_group, ensure_target_group

REFERENCE = "REF 7"


@pytest.fixture
def project(sandbox: Sandbox) -> Project:
    """Return a project with one target group, which has another reference."""
    return sandbox.seed(draft=1)


@pytest.fixture
def client(sandbox_clock: FakeClock, make_client: MakeClient) -> AsyncClient:
    """Return a client whose waits take no time."""
    return make_client(clock=sandbox_clock)


def create(project: Project, **changes: Any) -> CreateTargetGroup:
    """Return the command that creates a draft with everything."""
    return CreateTargetGroup(project_id=project.id, **settings(project_manager_id=project.manager_id, **changes))


def created(sandbox: Sandbox) -> int:
    """Return the number of requests that create a target group."""
    return sum(request.operation_id == "create_target_group" for request in sandbox.requests)


def colleague_creates(command: CreateTargetGroup, then: faults.Fault | None = None) -> faults.Fault:
    """Return a fault: another user sends the same request just before this one is handled."""

    class Colleague(faults.Fault):
        async def inject(self, exchange: faults.Exchange) -> object:
            await exchange.proceed()
            return await (exchange.proceed() if then is None else then.inject(exchange))

    assert command.target_group_customer_reference_number == REFERENCE
    return Colleague()


async def test_a_missing_target_group_is_created_once(sandbox: Sandbox, client: AsyncClient, project: Project) -> None:
    """The first call creates it, every other one finds it equal and sends nothing."""
    command = create(project)
    first = await ensure_target_group(client, command)
    assert (first.created, first.status, first.differences) == (True, "draft", ())
    for _ in range(2):
        again = await ensure_target_group(client, command)
        assert (again.created, again.target_group_id) == (False, first.target_group_id)
        assert (again.differences, again.not_compared) == ((), ())
        assert again.settings is not None
        assert again.settings.name == "Women and men"
    assert created(sandbox) == 1


DIFFERENT: list[tuple[dict[str, Any], set[str]]] = [
    ({"name": "Men and women"}, {"name"}),
    ({"completes_goal": 300, "live_url": None}, {"completes_goal", "live_url"}),
    ({"profiling": None}, {"profiling"}),
    ({"exclusion": exclusions.Exclusion(enabled=False)}, {"exclusion.enabled"}),
    ({"respondent_activity_exclusions": ()}, {"respondent_activity_exclusions"}),
    (
        {"cost_per_interview": Money(value=Decimal("3.10"), currency_code="USD")},
        {"cost_per_interview.value"},
    ),
]


@pytest.mark.parametrize(("changes", "paths"), DIFFERENT)
async def test_a_different_target_group_is_reported_and_not_changed(
    sandbox: Sandbox, client: AsyncClient, project: Project, changes: dict[str, Any], paths: set[str]
) -> None:
    """Each setting that differs is named with both values; nothing is overwritten."""
    await client.send(create(project))
    before = await client.send(GetTargetGroup(project_id=project.id, target_group_id=project.groups[-1].id))
    outcome = await ensure_target_group(client, create(project, **changes))
    assert not outcome.created
    assert {difference.path for difference in outcome.differences} == paths
    assert all(difference.path in str(difference) for difference in outcome.differences)
    assert {difference["path"] for difference in outcome.to_dict()["differences"]} == paths
    assert created(sandbox) == 1
    assert await client.send(GetTargetGroup(project_id=project.id, target_group_id=outcome.target_group_id)) == before


async def test_the_changed_cell_of_a_quota_is_named(client: AsyncClient, project: Project) -> None:
    """A difference in a quota names the profile and the target, not the whole profiling."""
    command = create(project)
    await client.send(command)
    assert command.profiling is not None
    blended, postal = command.profiling.profiles
    cells = [
        attrs.evolve(target, quota=attrs.evolve(target.quota, completes_goal_percentage=share))
        for target, share in zip(blended.targets, (30, 20, 25, 25), strict=True)
        if target.quota is not None
    ]
    profiling = attrs.evolve(command.profiling, profiles=[attrs.evolve(blended, targets=cells), postal])
    outcome = await ensure_target_group(client, command.replace(profiling=profiling))
    assert [(difference.path, difference.wanted, difference.found) for difference in outcome.differences] == [
        (f"profiling.profiles[0].targets[{index}].quota.completes_goal_percentage", wanted, 25)
        for index, wanted in ((0, 30), (1, 20))
    ]


async def test_equal_settings_may_be_written_in_several_ways(client: AsyncClient, project: Project) -> None:
    """Weeks and days, 3 and 3.00, and suppliers in another order are the same."""
    command = create(
        project,
        respondent_activity_exclusions=[exclusions.ActivityExclusion(type="project", id=project.id, duration="P2W")],
    )
    await client.send(command)
    group = command.allocations.open_exchange_allocations.groups[0]
    swapped = attrs.evolve(group, suppliers=group.suppliers[::-1])
    other = command.replace(
        project_manager_id=project.manager_id.upper(),
        cost_per_interview=Money(value=Decimal(3), currency_code="USD"),
        allocations=attrs.evolve(
            command.allocations,
            open_exchange_allocations=attrs.evolve(command.allocations.open_exchange_allocations, groups=[swapped]),
        ),
        # left to the API
        study_type_code=None,
        re_entry_configuration=None,
        exclusion=None,
    )
    outcome = await ensure_target_group(client, other)
    assert (outcome.differences, outcome.not_compared) == ((), ())


async def test_a_launched_target_group_is_found(sandbox: Sandbox, client: AsyncClient, project: Project) -> None:
    """One that has left draft is compared as far as it can be read, and the rest is named."""
    first = await ensure_target_group(client, create(project))
    ids = {"project_id": project.id, "target_group_id": first.target_group_id}
    await client.run(LaunchFromDraft(end_fielding_at=sandbox.clock.now() + timedelta(days=9), **ids))
    outcome = await ensure_target_group(client, create(project, name="Men and women"))
    assert (outcome.created, outcome.status) == (False, "live")
    assert [difference.path for difference in outcome.differences] == ["name"]
    assert {"profiling", "allocations", "cost_per_interview", "exclusion"} <= set(outcome.not_compared)
    assert "locale" not in outcome.not_compared


async def test_settings_that_were_not_read_are_named(client: AsyncClient, project: Project) -> None:
    """A draft that was read without allocations is not said to be equal in them."""
    seeded = project.groups[0]
    command = create(project, target_group_customer_reference_number=seeded.settings.reference)
    outcome = await ensure_target_group(client, command)
    assert outcome.target_group_id == seeded.id
    assert set(outcome.not_compared) == {"allocations", "fielding_assistant_assignment"}


async def test_a_reference_is_compared_as_a_whole(sandbox: Sandbox, client: AsyncClient, project: Project) -> None:
    """Target groups of other projects, and those with a similar reference, are other target groups."""
    await client.send(create(project, target_group_customer_reference_number="REF 77"))
    await client.send(create(sandbox.seed(draft=1)))
    assert (await ensure_target_group(client, create(project))).created


async def test_a_reference_is_wanted(sandbox: Sandbox, client: AsyncClient, project: Project) -> None:
    """Without a reference the target group could not be found; nothing is sent."""
    command = create(project, target_group_customer_reference_number=None)
    with pytest.raises(InvalidCommandError, match="needs a target_group_customer_reference_number"):
        await ensure_target_group(client, command)
    assert list(sandbox.requests) == []


# Faults

LOST: list[Callable[[], faults.Fault]] = [
    faults.ApplyThenDrop,
    lambda: faults.ApplyThenAnswer(503),
    lambda: faults.ApplyThenAnswer(500),
    faults.TruncatedJson,
    faults.EmptyBody,
    faults.ResetMidBody,
]


@pytest.mark.parametrize("fault", LOST)
async def test_a_lost_answer_is_resolved_by_listing(
    sandbox: Sandbox, client: AsyncClient, project: Project, fault: Callable[[], faults.Fault]
) -> None:
    """A creation that was applied and lost its answer is found; it is not sent again."""
    sandbox.faults.add("create_target_group", fault())
    outcome = await ensure_target_group(client, create(project))
    assert outcome.created
    assert outcome.target_group_id == project.groups[-1].id
    assert [conflict.maybe_applied for conflict in outcome.conflicts] == [True]
    assert (created(sandbox), len(project.groups)) == (1, 2)


@pytest.mark.parametrize("fault", [faults.DropBefore(), faults.Answer(503), faults.Answer(500)])
async def test_a_creation_that_was_not_applied_is_not_repeated(
    sandbox: Sandbox, client: AsyncClient, sandbox_clock: FakeClock, project: Project, fault: faults.Fault
) -> None:
    """A request that was lost on its way could still be applied: it is searched for, then the next run creates it."""
    sandbox.faults.add("create_target_group", fault)
    started = sandbox_clock.now()
    with pytest.raises(WorkflowError, match=r"unclear outcome.*may still appear.*creates it only if") as caught:
        await ensure_target_group(client, create(project), timeout=20)
    assert caught.value.maybe_applied
    assert isinstance(caught.value.conflicts[0], AmbiguousOutcomeError | ServerError)
    assert sandbox_clock.now() - started >= 20
    assert (created(sandbox), len(project.groups)) == (1, 1)
    assert (await ensure_target_group(client, create(project))).created
    assert len(project.groups) == 2


async def test_a_late_creation_is_found(
    sandbox: Sandbox, client: AsyncClient, sandbox_clock: FakeClock, project: Project
) -> None:
    """A request that is handled seconds after its connection broke is found, and is the only one."""
    command = create(project)
    late: list[faults.Exchange] = []

    class Late(faults.Fault):
        async def inject(self, exchange: faults.Exchange) -> object:
            late.append(exchange)
            return await faults.DropBefore().inject(exchange)

    class ThenHandled(faults.Fault):
        async def inject(self, exchange: faults.Exchange) -> object:
            await late.pop().proceed()
            return await exchange.proceed()

    sandbox.faults.add("create_target_group", Late())
    sandbox.faults.add("get_list_target_groups", faults.SkewedDate(0), times=3)
    sandbox.faults.add("get_list_target_groups", ThenHandled())
    outcome = await ensure_target_group(client, command)
    assert outcome.created
    assert (created(sandbox), len(project.groups)) == (1, 2)


async def test_a_refused_creation_is_raised(sandbox: Sandbox, client: AsyncClient, project: Project) -> None:
    """A creation that the API refuses is raised at once, and was not applied."""
    with pytest.raises(BadRequestError) as caught:
        await ensure_target_group(client, create(project, locale="eng_xx"))
    assert not caught.value.maybe_applied
    assert len(project.groups) == 1


async def test_a_colleague_with_the_same_reference_is_named(
    sandbox: Sandbox, client: AsyncClient, project: Project
) -> None:
    """If another user creates the same reference in between, both target groups are named."""
    command = create(project)
    sandbox.faults.add("create_target_group", colleague_creates(command))
    for maybe_applied in (True, False):  # when it happens, and in every later run
        with pytest.raises(DuplicateReferenceError) as caught:
            await ensure_target_group(client, command)
        assert set(caught.value.ids) == {group.id for group in project.groups[1:]}
        assert all(id_ in str(caught.value) for id_ in caught.value.ids)
        assert caught.value.maybe_applied is maybe_applied
    assert created(sandbox) == 1


async def test_a_colleague_is_found_where_the_own_request_was_lost(
    sandbox: Sandbox, client: AsyncClient, project: Project
) -> None:
    """If the own request was lost and another user's target group differs, its creation is not claimed."""
    theirs = create(project, name="Of a colleague")

    class Colleague(faults.Fault):
        async def inject(self, exchange: faults.Exchange) -> object:
            async with AsyncClient(auth=token, account_id=sandbox.account_id, base_url=sandbox.url) as other:
                await other.send(theirs)
            return await faults.DropBefore().inject(exchange)

    token = sandbox.token
    sandbox.faults.add("create_target_group", Colleague())
    outcome = await ensure_target_group(client, create(project))
    assert (outcome.created, [difference.path for difference in outcome.differences]) == (False, ["name"])
    assert len(outcome.conflicts) == 1


async def test_a_failed_search_for_a_second_one_loses_nothing(
    sandbox: Sandbox, client: AsyncClient, project: Project
) -> None:
    """The id of a draft that was created is returned even if the list cannot be read afterwards."""
    sandbox.faults.add("get_list_target_groups", faults.SkewedDate(0))
    sandbox.faults.add("get_list_target_groups", faults.Answer(403), times=None)
    outcome = await ensure_target_group(client, create(project))
    assert (outcome.created, outcome.target_group_id) == (True, project.groups[-1].id)
    assert [conflict.maybe_applied for conflict in outcome.conflicts] == [False]


async def test_a_cancelled_search_for_a_second_one_names_the_first(
    sandbox: Sandbox, client: AsyncClient, project: Project
) -> None:
    """A workflow that is cancelled after the creation says which draft was created."""
    task = asyncio.ensure_future(ensure_target_group(client, create(project)))
    loop = asyncio.get_running_loop()

    class Cancel(faults.Fault):
        async def inject(self, exchange: faults.Exchange) -> object:
            loop.call_soon_threadsafe(task.cancel)
            return await faults.Hang().inject(exchange)

    sandbox.faults.add("get_list_target_groups", faults.SkewedDate(0))
    sandbox.faults.add("get_list_target_groups", Cancel())
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert caught.value.__notes__ == [f"the target group {project.groups[-1].id} was created"]


@pytest.mark.parametrize("operation", ["get_list_target_groups", "get_target_group"])
async def test_a_failed_search_keeps_the_ambiguity(
    sandbox: Sandbox, client: AsyncClient, project: Project, operation: str
) -> None:
    """The error of a search that fails after an unclear outcome says that the draft may have been created."""
    sandbox.faults.add("create_target_group", faults.ApplyThenDrop())
    sandbox.faults.add("get_list_target_groups", faults.SkewedDate(0), times=1 + (operation == "get_target_group"))
    sandbox.faults.add(operation, faults.Answer(403), times=None)
    with pytest.raises(Exception, match="403") as caught:
        await ensure_target_group(client, create(project))
    assert getattr(caught.value, "maybe_applied", None) is True


async def test_an_incomplete_list_is_not_believed(sandbox: Sandbox, client: AsyncClient, project: Project) -> None:
    """A page that is cut off is read again, so that a target group on it is not created a second time."""
    await client.send(create(project))
    for fault in (faults.TruncatedJson(), faults.ResetMidBody()):
        sandbox.faults.add("get_list_target_groups", fault)
        assert not (await ensure_target_group(client, create(project))).created
    assert len(project.groups) == 2


# Copies


async def test_a_draft_is_copied_to_another_locale(sandbox: Sandbox, client: AsyncClient, project: Project) -> None:
    """The copy has all settings of the source but the changed ones; a repetition finds it."""
    source = await ensure_target_group(client, create(project))
    read = GetTargetGroup(project_id=project.id, target_group_id=source.target_group_id)
    copy = await copy_target_group(client, read, reference="REF 7 GB", locale="eng_gb")
    assert copy.created
    draft = await client.send(read)
    twin = await client.send(GetTargetGroup(project_id=project.id, target_group_id=copy.target_group_id))
    different = {name for name in attrs.fields_dict(type(draft)) if getattr(draft, name) != getattr(twin, name)}
    own = {"human_readable_id", "created_at", "profiling", "allocations"}  # times and ids
    assert different - own == {"locale", "target_group_customer_reference_number"}
    again = await copy_target_group(client, read, reference="REF 7 GB", locale="eng_gb")
    assert (again.created, again.target_group_id, again.differences) == (False, copy.target_group_id, ())
    assert created(sandbox) == 2


async def test_a_draft_is_copied_to_another_project(sandbox: Sandbox, client: AsyncClient, project: Project) -> None:
    """In another project the copy may have the same reference; a change of the source shows as a difference."""
    source = await ensure_target_group(client, create(project))
    ids = {"project_id": project.id, "target_group_id": source.target_group_id}
    wave = sandbox.seed(draft=1)
    copy = await copy_target_group(client, GetTargetGroup(**ids), reference=REFERENCE, project_id=wave.id)
    assert (copy.created, copy.project_id, copy.target_group_id) == (True, wave.id, wave.groups[-1].id)
    draft = await client.send(GetTargetGroup(**ids))
    await client.send(UpdateTargetGroup.of(draft, **ids, completes_goal=400))
    again = await copy_target_group(client, GetTargetGroup(**ids), reference=REFERENCE, project_id=wave.id)
    assert [difference.path for difference in again.differences] == ["completes_goal"]


async def test_a_launched_source_is_not_copied(sandbox: Sandbox, client: AsyncClient) -> None:
    """A target group that has left draft cannot be read as a whole, so it is not copied in part."""
    live = sandbox.seed(live=1)
    read = GetTargetGroup(project_id=live.id, target_group_id=live.groups[0].id)
    with pytest.raises(RedirectError):
        await copy_target_group(client, read, reference="REF 9")
    draft = sandbox.seed(draft=1)
    source = GetTargetGroup(project_id=draft.id, target_group_id=draft.groups[0].id)
    with pytest.raises(InvalidCommandError):
        await copy_target_group(client, source, reference="REF 9", goal=7)
    assert created(sandbox) == 0


def test_blocking_clients_ensure_and_copy(sandbox: Sandbox, blocking_client: Client, project: Project) -> None:
    """The blocking client runs both workflows with call."""
    outcome = blocking_client.call(ensure_target_group, create(project))
    read = GetTargetGroup(project_id=project.id, target_group_id=outcome.target_group_id)
    copy = blocking_client.call(copy_target_group, read, reference="REF 8", name="The second wave")
    assert (outcome.created, copy.created) == (True, True)
