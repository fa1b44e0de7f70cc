"""The first target groups of a sweep: settled and read again before the others are sent."""

from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from fieldingkit import AsyncClient
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.sweeps import SweepPlan, SweepReport, TargetGroupQuery, sweep
from fieldingkit.sweeps.canary import Proceed, read_canary
from fieldingkit.sweeps.checkpoint import Checkpoint
from fieldingkit.sweeps.steps import discover, settle_first

PLAN = SweepPlan(action="pause", query=TargetGroupQuery(), run_id="careful", first=3)


def answer(yes: bool, seen: list[SweepReport]) -> Proceed:
    """Return a decision that keeps the reports it was shown."""

    async def proceed(report: SweepReport) -> bool:
        seen.append(report)
        return yes

    return proceed


async def test_the_others_are_sent_after_the_decision(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """The first target groups have jobs of their own, and are read before the decision; all are in one report."""
    projects = [sandbox.seed(live=2) for _ in range(3)]
    seen: list[SweepReport] = []
    sizes: list[int] = []

    async def proceed(report: SweepReport) -> bool:
        sizes.extend(len(job.target_group_ids) for job in sandbox.jobs.values())
        return await answer(True, seen)(report)

    report = await sweep(sweep_client, PLAN, proceed=proceed)

    assert sizes == [2, 1]
    assert [group.target_group_id for group in seen[0].groups] == [*projects[0].ids(), projects[1].ids()[0]]
    assert seen[0].ok
    assert seen[0].verified_at is not None
    assert report.counts.updated == 6
    assert len(report.jobs) == 4


@pytest.mark.parametrize("decide", [lambda seen: answer(False, seen), None])
async def test_after_a_no_the_others_are_not_sent(
    sweep_client: AsyncClient, sandbox: Sandbox, decide: Callable[[list[SweepReport]], Proceed] | None
) -> None:
    """Without a decision of its own, a sweep stops if the first target groups did not all succeed."""
    project = sandbox.seed(live=6)
    if decide is None:
        sandbox.faults.add("create_bulk_pause_target_groups_job", faults.Answer(403), times=1)

    report = await sweep(sweep_client, PLAN, proceed=None if decide is None else decide([]))

    assert report.counts.not_sent == 3
    assert {group.reason for group in report.of("not_sent")} == {
        "not sent, because the sweep was stopped after its first target groups"
    }
    assert not report.ok
    assert len(project.ids("live")) == (3 if decide else 6)


async def test_first_groups_that_moved_back_are_stragglers(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """What the API reported is read again: a target group that is live then is no success."""
    project = sandbox.seed(live=6)
    context = await discover(sweep_client, PLAN, Checkpoint())
    await settle_first(context)
    project.groups[1].act("resume", by="colleague")

    report = await read_canary(context, frozenset(project.ids()[:3]))

    assert [(straggler.target_group_id, straggler.status) for straggler in report.stragglers] == [
        (project.ids()[1], "live")
    ]
    assert not report.ok


async def test_first_groups_that_cannot_be_read_are_unverified(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """A decision is not based on what the API reported alone."""
    project = sandbox.seed(live=6)
    context = await discover(sweep_client, PLAN, Checkpoint())
    for operation in ("get_list_target_groups", "get_fielding_runs_by_target_group_id"):
        sandbox.faults.add(operation, faults.Answer(403), times=None)

    report = await settle_first(context)

    assert report is not None
    assert [item.project_id for item in report.unverified] == [project.id]
    assert report.counts.updated == 3
    assert not report.ok


async def test_a_resumed_sweep_decides_again_unless_it_had_gone_on(
    sweep_client: AsyncClient, sandbox: Sandbox, tmp_path: Path
) -> None:
    """After a no, the same run asks again and sends the others; nothing is sent twice."""
    project = sandbox.seed(live=6)
    seen: list[SweepReport] = []

    await sweep(sweep_client, PLAN, journal=tmp_path / "journal", proceed=answer(False, seen))
    report = await sweep(sweep_client, PLAN, journal=tmp_path / "journal", proceed=answer(True, seen))

    assert len(seen) == 2
    assert report.counts.updated == 6
    assert len(sandbox.jobs) == 2
    assert not project.ids("live")


@pytest.mark.parametrize("first", [6, 10])
async def test_without_others_there_is_nothing_to_decide(
    sweep_client: AsyncClient, sandbox: Sandbox, first: int
) -> None:
    """A sweep that is as small as its first part is not interrupted."""
    sandbox.seed(live=6)
    seen: list[SweepReport] = []

    report = await sweep(sweep_client, attrs.evolve(PLAN, first=first), proceed=answer(False, seen))

    assert (seen, report.counts.updated) == ([], 6)
