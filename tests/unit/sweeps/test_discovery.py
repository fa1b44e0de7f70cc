"""Reading where target groups stand, with as few requests as will do."""

import asyncio
from collections import Counter

import pytest

from fieldingkit import AsyncClient
from fieldingkit.errors import DecodeError, ForbiddenError
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.sweeps import SweepPlan, TargetGroupQuery, sweep
from fieldingkit.sweeps.concurrency import run_limited
from fieldingkit.sweeps.discovery import read_statuses

LIST, RUNS = "get_list_target_groups", "get_fielding_runs_by_target_group_id"


def asked(sandbox: Sandbox) -> tuple[int, int]:
    """How many pages and how many single target groups were read."""
    operations = Counter(request.operation_id for request in sandbox.requests)
    return operations[LIST], operations[RUNS]


@pytest.mark.parametrize(
    ("size", "wanted", "requests"),
    [(5, 5, (1, 0)), (250, 250, (3, 0)), (250, 100, (1, 0)), (5, 2, (0, 2)), (5, 1, (0, 1))],
)
async def test_a_project_is_read_by_its_list_and_a_few_are_read_one_by_one(
    sweep_client: AsyncClient, sandbox: Sandbox, size: int, wanted: int, requests: tuple[int, int]
) -> None:
    """A page shows a hundred; reading ends when everybody was found."""
    project = sandbox.seed(live=size)

    statuses = await read_statuses(sweep_client, None, project.id, project.ids()[:wanted])

    assert statuses == dict.fromkeys(project.ids()[:wanted], "live")
    assert asked(sandbox) == requests


async def test_a_few_at_the_end_of_a_long_list_do_not_cost_the_whole_list(
    sweep_client: AsyncClient, sandbox: Sandbox
) -> None:
    """Never more than twice the better way."""
    project = sandbox.seed(live=1000)

    statuses = await read_statuses(sweep_client, None, project.id, project.ids()[-3:])

    assert len(statuses) == 3
    assert asked(sandbox) == (3, 3)


async def test_drafts_have_a_status_too(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """By the list, and one by one, where they have no run."""
    project = sandbox.seed(draft=1, live=2, paused=1)

    by_list = await read_statuses(sweep_client, None, project.id, project.ids())
    by_run = {id_: (await read_statuses(sweep_client, None, project.id, [id_]))[id_] for id_ in project.ids()}

    assert by_list == by_run
    assert sorted(by_list.values()) == ["draft", "live", "live", "paused"]


async def test_who_does_not_exist_is_left_out(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """In a list, one by one, and in a project that does not exist."""
    project, strangers = sandbox.seed(live=3), [f"01BTGNYV6HRNK8K8VKZASZCFA{number}" for number in range(4)]

    assert set(await read_statuses(sweep_client, None, project.id, [*project.ids(), *strangers])) == set(project.ids())
    assert await read_statuses(sweep_client, None, project.id, strangers[:1]) == {}
    assert await read_statuses(sweep_client, None, strangers[0], strangers) == {}
    assert await read_statuses(sweep_client, None, project.id, []) == {}


async def test_a_list_in_trouble_is_gone_around(hasty: AsyncClient, sandbox: Sandbox) -> None:
    """Each one is read by itself then; what cannot be read is left out."""
    project = sandbox.seed(live=4)
    sandbox.faults.add(LIST, faults.Answer(500))
    sandbox.faults.add(RUNS, faults.Answer(500))

    assert len(await read_statuses(hasty, None, project.id, project.ids())) == 3


async def test_an_answer_that_says_nothing_is_not_taken_for_one_that_says_that_there_is_nothing(
    hasty: AsyncClient, sandbox: Sandbox
) -> None:
    """A target group without a run is a draft; one of whose runs nothing was said is not."""
    project = sandbox.seed(live=4)
    sandbox.faults.add(LIST, faults.EmptyBody())
    sandbox.faults.add(RUNS, faults.EmptyBody())

    assert sorted((await read_statuses(hasty, None, project.id, project.ids())).values()) == ["live"] * 3
    assert asked(sandbox) == (1, 4)


async def test_a_query_whose_answer_is_empty_is_an_error(hasty: AsyncClient, sandbox: Sandbox) -> None:
    """Half a fleet must not pass for the whole one."""
    sandbox.seed(live=4)
    plan = SweepPlan(action="pause", query=TargetGroupQuery())

    for operation in ("list_account_projects", LIST):
        sandbox.faults.add(operation, faults.EmptyBody())
        with pytest.raises(DecodeError, match=r"the body is empty"):
            await sweep(hasty, plan)

    assert not sandbox.jobs


async def test_a_refusal_that_would_meet_everything_is_raised(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """Without the permission to read there is nothing to go around."""
    project = sandbox.seed(live=4)
    sandbox.faults.add(LIST, faults.Answer(403), times=None)

    with pytest.raises(ForbiddenError):
        await read_statuses(sweep_client, None, project.id, project.ids())


async def test_work_side_by_side_is_limited_and_ends_with_its_first_failure() -> None:
    """No more at once than allowed; nothing goes on after a failure."""
    at_work, most, done = 0, 0, list[int]()

    async def work(item: int) -> None:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        try:
            await asyncio.sleep(0)
            if item == 7:
                raise ValueError(item)
            done.append(item)
        finally:
            at_work -= 1

    await run_limited(range(7), work, limit=3)
    assert (most, sorted(done), at_work) == (3, list(range(7)), 0)

    with pytest.raises(ValueError, match="7"):
        await run_limited(range(100), work, limit=3)
    assert max(done) < 12
    assert at_work == 0
    await run_limited([], work, limit=3)
