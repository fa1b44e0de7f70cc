"""The execution of plans: what is said of a run that failed, and one plan at a time."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

import pytest
from mcp.server.mcpserver.exceptions import ToolError

from fieldingkit import AsyncClient
from fieldingkit.errors import JournalError
from fieldingkit.mcp.execution import PlanExecutor
from fieldingkit.mcp.plans import PlanRefusedError
from fieldingkit.mcp.runs import SweepCommands
from fieldingkit.sandbox import Sandbox
from fieldingkit.sandbox.model.projects import Project
from fieldingkit.sweeps import Journal, SweepPlan, SweepPreview, preview
from fieldingkit.sweeps.journal import Statement


@pytest.fixture
def executor(sweep_client: AsyncClient, tmp_path: Path) -> PlanExecutor:
    """Return an executor whose state is in the folder of the test."""
    return PlanExecutor(
        sweep_client, journals=tmp_path / "journals", locks=tmp_path / "locks", commands=SweepCommands()
    )


async def planned(client: AsyncClient, project: Project, action: str = "pause") -> SweepPreview:
    """Return a plan for all target groups of a project."""
    return await preview(client, SweepPlan(action=action, target_groups={project.id: project.ids()}))


def fill_disk(monkeypatch: pytest.MonkeyPatch, is_full: Callable[[], bool]) -> None:
    """Let a journal fail to write once the disk is full."""
    write = Journal.write

    def fail(journal: Journal, statements: Sequence[Statement]) -> "Future[None]":
        if is_full():
            raise JournalError("the disk is full")
        return write(journal, statements)

    monkeypatch.setattr(Journal, "write", fail)


async def test_a_run_that_fails_after_it_sent_may_have_been_applied(
    sandbox: Sandbox, sweep_client: AsyncClient, executor: PlanExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says so, names the run, and how to resume it."""
    plan = await planned(sweep_client, sandbox.seed(live=1))
    fill_disk(monkeypatch, lambda: bool(sandbox.jobs))
    with pytest.raises(ToolError) as caught:
        await executor.apply(plan, lambda _: None)
    text = str(caught.value)
    assert "the disk is full" in text
    assert f"It may have been applied: see show_sweep with the run_id {plan.plan.run_id}." in text
    assert f"fieldingkit sweeps resume {plan.plan.run_id}" in text
    assert len(sandbox.jobs) == 1


async def test_a_run_that_fails_before_it_sends_was_not_applied(
    sandbox: Sandbox, sweep_client: AsyncClient, executor: PlanExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal does not know any target group, so nothing was sent."""
    plan = await planned(sweep_client, sandbox.seed(live=1))
    fill_disk(monkeypatch, lambda: True)
    with pytest.raises(PlanRefusedError, match=r"the disk is full.* This call sent nothing\. Make a new plan"):
        await executor.apply(plan, lambda _: None)
    assert not sandbox.jobs


async def test_plans_are_applied_one_at_a_time(
    sandbox: Sandbox, sweep_client: AsyncClient, executor: PlanExecutor
) -> None:
    """The second one compares the statuses after the first one has ended, and is refused if they moved."""
    project = sandbox.seed(live=2)
    first, second = [await planned(sweep_client, project) for _ in range(2)]
    results = await asyncio.gather(
        *(executor.apply(plan, lambda _: None) for plan in (first, second)), return_exceptions=True
    )
    applied, refused = results
    assert not isinstance(applied, BaseException)
    assert (applied.report.counts.updated, applied.finished) == (2, True)
    assert isinstance(refused, ToolError)
    assert "2 target groups of the plan moved" in str(refused)
    assert len(sandbox.jobs) == 1
