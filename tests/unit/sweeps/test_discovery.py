"""Discovery: reading statuses and queries with few requests."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from fieldingkit import AsyncClient
from fieldingkit.errors import DecodeError, ForbiddenError
from fieldingkit.rendering.wording import headline
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.sweeps import Journal, SweepPlan, SweepReport, TargetGroupQuery, read_report, sweep
from fieldingkit.sweeps.concurrency import run_limited
from fieldingkit.sweeps.discovery import read_groups, read_statuses
from fieldingkit.sweeps.report_files import to_document

LIST, RUNS = "get_list_target_groups", "get_fielding_runs_by_target_group_id"


def count_reads(sandbox: Sandbox) -> tuple[int, int]:
    """Return the number of pages and of single target groups that were read."""
    operations = Counter(request.operation_id for request in sandbox.requests)
    return operations[LIST], operations[RUNS]


@pytest.mark.parametrize(
    ("size", "wanted", "requests"),
    [(5, 5, (1, 0)), (250, 250, (3, 0)), (250, 100, (1, 0)), (5, 2, (0, 2)), (5, 1, (0, 1))],
)
async def test_a_project_is_listed_and_one_or_two_are_read_alone(
    sweep_client: AsyncClient, sandbox: Sandbox, size: int, wanted: int, requests: tuple[int, int]
) -> None:
    """A page shows a hundred target groups, and reading ends when all are found."""
    project = sandbox.seed(live=size)

    statuses = await read_statuses(sweep_client, None, project.id, project.ids()[:wanted])

    assert statuses == dict.fromkeys(project.ids()[:wanted], "live")
    assert count_reads(sandbox) == requests


async def test_reading_a_few_does_not_list_a_long_project(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """It takes at most twice the requests of the better way."""
    project = sandbox.seed(live=1000)

    statuses = await read_statuses(sweep_client, None, project.id, project.ids()[-3:])

    assert len(statuses) == 3
    assert count_reads(sandbox) == (3, 3)


async def test_a_project_that_does_not_answer_takes_few_requests(
    client_without_retries: AsyncClient, sandbox: Sandbox
) -> None:
    """After three target groups in a row that cannot be read, the others are named as unread, with the reason."""
    project = sandbox.seed(live=40)
    for name in (LIST, RUNS):
        sandbox.faults.add(name, faults.Answer(503), times=None)

    read = await read_groups(client_without_retries, None, project.id, project.ids())

    assert not read.found
    assert list(read.unread) == project.ids()
    assert read.unread[project.ids()[39]].startswith("not read, because others could not be read: ")
    assert count_reads(sandbox) == (1, 3)


async def test_a_draft_has_a_status_without_a_run(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """The list and the single read agree, also for drafts."""
    project = sandbox.seed(draft=1, live=2, paused=1)

    by_list = await read_statuses(sweep_client, None, project.id, project.ids())
    by_run = {id_: (await read_statuses(sweep_client, None, project.id, [id_]))[id_] for id_ in project.ids()}

    assert by_list == by_run
    assert sorted(by_list.values()) == ["draft", "live", "live", "paused"]


async def test_missing_target_groups_are_left_out(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """Missing target groups are left out of the list, of single reads and of a missing project."""
    project, strangers = sandbox.seed(live=3), [f"01BTGNYV6HRNK8K8VKZASZCFA{number}" for number in range(4)]

    assert set(await read_statuses(sweep_client, None, project.id, [*project.ids(), *strangers])) == set(project.ids())
    assert await read_statuses(sweep_client, None, project.id, strangers[:1]) == {}
    assert await read_statuses(sweep_client, None, strangers[0], strangers) == {}
    assert await read_statuses(sweep_client, None, project.id, []) == {}


async def test_single_reads_replace_a_failing_list(client_without_retries: AsyncClient, sandbox: Sandbox) -> None:
    """Target groups are read one by one then; those that cannot be read are left out."""
    project = sandbox.seed(live=4)
    sandbox.faults.add(LIST, faults.Answer(500))
    sandbox.faults.add(RUNS, faults.Answer(500))

    assert len(await read_statuses(client_without_retries, None, project.id, project.ids())) == 3


async def test_an_empty_response_is_not_an_empty_list(client_without_retries: AsyncClient, sandbox: Sandbox) -> None:
    """A target group without a run is a draft; one with an unreadable response is not."""
    project = sandbox.seed(live=4)
    sandbox.faults.add(LIST, faults.EmptyBody(), times=3)
    sandbox.faults.add(RUNS, faults.EmptyBody(), times=3)

    assert (
        sorted((await read_statuses(client_without_retries, None, project.id, project.ids())).values()) == ["live"] * 3
    )
    assert count_reads(sandbox) == (3, 6)


async def test_an_empty_response_to_a_query_is_an_error(client_without_retries: AsyncClient, sandbox: Sandbox) -> None:
    """A partial result must not be taken for all target groups."""
    sandbox.seed(live=4)
    plan = SweepPlan(action="pause", query=TargetGroupQuery())

    for operation in ("list_account_projects", LIST):
        sandbox.faults.add(operation, faults.EmptyBody(), times=3)
        with pytest.raises(DecodeError):
            await sweep(client_without_retries, plan)

    assert not sandbox.jobs


async def test_a_truncated_page_is_read_again(client_without_retries: AsyncClient, sandbox: Sandbox) -> None:
    """A response that cannot be decoded is no reason to miss a project."""
    project = sandbox.seed(live=4)
    sandbox.faults.add("list_account_projects", faults.TruncatedJson(), times=2)
    sandbox.faults.add(LIST, faults.TruncatedJson(), times=2)

    report = await sweep(client_without_retries, SweepPlan(action="pause", query=TargetGroupQuery()))

    assert report.ok
    assert project.ids("paused") == project.ids()


@pytest.mark.parametrize("fault", [faults.Answer(403), faults.Answer(404), faults.TruncatedJson()])
async def test_a_project_that_cannot_be_listed_does_not_affect_the_others(
    client_without_retries: AsyncClient, sandbox: Sandbox, fault: faults.Fault, tmp_path: Path
) -> None:
    """It is named in the report, which is not ok, also when the journal returns it again."""
    one, other = sandbox.seed(live=4), sandbox.seed(live=4)
    query = TargetGroupQuery(project_ids=[one.id, other.id])
    plan = SweepPlan(action="pause", query=query, concurrency=1)
    sandbox.faults.add(LIST, fault, times=5 if isinstance(fault, faults.TruncatedJson) else 1)

    report = await sweep(client_without_retries, plan, journal=tmp_path / "sweeps.db")

    (unlisted,) = report.unlisted
    assert unlisted.project_id in (one.id, other.id)
    assert tuple(report.counts) == (4, 0, 0, 0, 0, 0)
    assert not report.ok
    assert headline(to_document(report)).endswith("4 of 4 target groups are paused; 1 project could not be listed")
    with Journal(tmp_path / "sweeps.db", read_only=True) as journal:
        assert read_report(journal, plan.run_id).unlisted == report.unlisted
    report.save(tmp_path / "report.html")
    assert SweepReport.load(tmp_path / "report.html") == report


async def test_a_strict_plan_sends_nothing_if_a_project_cannot_be_listed(
    client_without_retries: AsyncClient, sandbox: Sandbox
) -> None:
    """All or nothing, for those who ask for it."""
    projects = [sandbox.seed(live=4) for _ in range(2)]
    query = TargetGroupQuery(project_ids=[project.id for project in projects])
    sandbox.faults.add(LIST, faults.Answer(403))

    with pytest.raises(ForbiddenError):
        await sweep(client_without_retries, SweepPlan(action="pause", query=query, strict=True))

    assert not sandbox.jobs


async def test_named_target_groups_of_an_unreadable_project_are_sent(
    client_without_retries: AsyncClient, sandbox: Sandbox
) -> None:
    """The API decides about target groups whose status cannot be read."""
    projects = [sandbox.seed(live=4) for _ in range(2)]
    sandbox.faults.add(LIST, faults.Answer(403))
    plan = SweepPlan(action="pause", target_groups={project.id: project.ids() for project in projects})

    report = await sweep(client_without_retries, plan)

    assert tuple(report.counts) == (8, 0, 0, 0, 0, 0)
    assert sum(group.previous_status is None for group in report.groups) == 4


async def test_a_missing_permission_is_raised(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """Without the permission to read, single reads would fail as well."""
    project = sandbox.seed(live=4)
    sandbox.faults.add(LIST, faults.Answer(403), times=None)

    with pytest.raises(ForbiddenError):
        await read_statuses(sweep_client, None, project.id, project.ids())


async def test_run_limited_stops_at_the_first_failure() -> None:
    """Concurrency is limited, and a failure cancels the rest."""
    running, most, done = 0, 0, list[int]()

    async def work(item: int) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        try:
            await asyncio.sleep(0)
            if item == 7:
                raise ValueError(item)
            done.append(item)
        finally:
            running -= 1

    await run_limited(range(7), work, limit=3)
    assert (most, sorted(done), running) == (3, list(range(7)), 0)

    with pytest.raises(ValueError, match="7"):
        await run_limited(range(100), work, limit=3)
    assert max(done) < 12
    assert running == 0
    await run_limited([], work, limit=3)
