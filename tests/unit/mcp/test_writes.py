"""Writes: a plan that is shown and then applied, once, as long as nothing moved."""

import asyncio
from pathlib import Path
from typing import Any, Literal

import attrs
import pytest
from aiohttp import web
from mcp.server.mcpserver import MCPServer
from mcp.types import ElicitResult
from support.agents import Mode, accept, agent, members, server_of
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient

from fieldingkit import AsyncClient
from fieldingkit.mcp import progress as reports
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.sandbox.model.arrival_processes import ArrivalProcess
from fieldingkit.sweeps import Journal, RunIdentity, SweepPlan, lock_sweep, sweep

CREATE, LIST = "create_bulk_pause_target_groups_job", "get_list_target_groups"
RUNS = "get_fielding_runs_by_target_group_id"
MODES: list[Mode] = ["auto", "legacy"]


@pytest.fixture
def server(sweep_client: AsyncClient, tmp_path: Path) -> MCPServer:
    """Return a server with writes, whose waits take no time."""
    return server_of(sweep_client, tmp_path)


@attrs.frozen
class LoseSight(faults.ApplyThenDrop):
    """Applies a job and drops its answer; from then on, no status can be read."""

    sandbox: Sandbox

    async def inject(self, exchange: faults.Exchange) -> web.Response:
        """Inject the fault."""
        for operation in (RUNS, LIST):
            self.sandbox.faults.add(operation, faults.Answer(503), times=None)
        return await super().inject(exchange)


def writes(sandbox: Sandbox) -> list[str | None]:
    """Return the operations of all requests that are no reads."""
    return [request.operation_id for request in sandbox.requests if request.method not in {"GET", "HEAD"}]


async def test_an_agent_pauses_exactly_the_groups_in_trouble(
    sandbox: Sandbox, sandbox_clock: FakeClock, server: MCPServer
) -> None:
    """It finds them, plans to pause them, and applies the plan; all others stay live."""
    project = sandbox.seed(live=2, completes=20)
    sandbox.seed(project_id=project.id, live=2, completes=0, arrivals=ArrivalProcess(completes_a_day=60.0))
    troubled, well = project.ids()[:2], project.ids()[2:]
    sandbox_clock.advance(10 * 3600.0)
    async with agent(server) as scripted:
        found = await scripted.call("find_trouble", project_ids=[project.id])
        silent = [one for one in found["findings"] if one["rule"] == "no_completes"]
        groups = [{name: one[name] for name in ("project_id", "target_group_id")} for one in silent]
        plan = await scripted.plan("pause", *groups)
        assert not writes(sandbox).count(CREATE)
        result = await scripted.call("apply_sweep", plan_id=plan["plan_id"])
    assert [group["target_group_id"] for group in groups] == troubled
    assert (plan["to_send"], plan["account_id"], plan["action"]) == (2, str(sandbox.account_id), "pause")
    assert (result["all_done"], result["counts"]["updated"], result["run_id"]) == (True, 2, plan["run_id"])
    assert (project.ids("paused"), project.ids("live")) == (troubled, well)


async def test_without_the_flag_there_is_nothing_to_write_with(
    sandbox: Sandbox, client: AsyncClient, tmp_path: Path
) -> None:
    """The tools are not listed, and calling them by name is an error that sends nothing."""
    project = sandbox.seed(live=1)
    async with agent(server_of(client, tmp_path, allow_writes=False)) as scripted:
        assert not {"plan_sweep", "apply_sweep"} & {*await scripted.tools()}
        text = await scripted.refused("plan_sweep", action="pause", target_groups=members(project))
        assert "Unknown tool" in text
        assert "Unknown tool" in await scripted.refused("apply_sweep", plan_id="any")
    assert not sandbox.requests
    assert project.ids("live")


@pytest.mark.parametrize("action", ["complete", "relaunch", "launch", "delete"])
async def test_only_pause_and_resume_can_be_planned(sandbox: Sandbox, server: MCPServer, action: str) -> None:
    """Every other action is refused before anything is sent."""
    project = sandbox.seed(live=1)
    async with agent(server) as scripted:
        assert "'pause' or 'resume'" in await scripted.refused(
            "plan_sweep", action=action, target_groups=members(project)
        )
    assert not sandbox.requests


async def test_resume_is_planned_alike(sandbox: Sandbox, server: MCPServer) -> None:
    """The plan shows which target groups are sent and which are not, and why."""
    project = sandbox.seed(live=1, paused=1, completed=1)
    async with agent(server) as scripted:
        groups = [one for status in ("live", "paused", "completed") for one in members(project, status)]
        plan = await scripted.plan("resume", *groups)
        would = [(group["status"], group["would"]) for group in plan["target_groups"]]
        assert sorted(would) == [("completed", "skipped"), ("live", "unchanged"), ("paused", "resume")]
        result = await scripted.call("apply_sweep", plan_id=plan["plan_id"])
    assert result["counts"]["updated"] == 1
    assert len(project.ids("live")) == 2


async def test_a_plan_with_nothing_to_send_has_no_id(sandbox: Sandbox, server: MCPServer) -> None:
    """There is nothing to apply then."""
    project = sandbox.seed(paused=1)
    async with agent(server) as scripted:
        plan = await scripted.plan("pause", *members(project, "paused"))
    assert (plan["plan_id"], plan["run_id"], plan["to_send"]) == (None, None, 0)


async def test_a_plan_works_once(sandbox: Sandbox, server: MCPServer) -> None:
    """The second time it is refused, and its run is named."""
    project = sandbox.seed(live=1)
    async with agent(server) as scripted:
        plan = await scripted.plan("pause", *members(project))
        await scripted.call("apply_sweep", plan_id=plan["plan_id"])
        text = await scripted.refused("apply_sweep", plan_id=plan["plan_id"])
    assert f"it was applied before, as the run {plan['run_id']}" in text
    assert writes(sandbox) == [CREATE]


async def test_a_plan_that_is_applied_twice_at_once_is_sent_once(sandbox: Sandbox, server: MCPServer) -> None:
    """One of two calls takes it."""
    project = sandbox.seed(live=1)
    async with agent(server) as scripted:
        plan = await scripted.plan("pause", *members(project))
        calls = (scripted.client.call_tool("apply_sweep", {"plan_id": plan["plan_id"]}) for _ in range(2))
        results = await asyncio.gather(*calls)
    assert sorted(result.is_error for result in results) == [False, True]
    assert writes(sandbox) == [CREATE]


@pytest.mark.parametrize(("seconds", "expired"), [(599.0, False), (601.0, True)])
async def test_a_plan_expires_after_ten_minutes(
    sandbox: Sandbox, sandbox_clock: FakeClock, server: MCPServer, seconds: float, *, expired: bool
) -> None:
    """Then it is refused, and nothing is sent."""
    project = sandbox.seed(live=1)
    async with agent(server) as scripted:
        plan = await scripted.plan("pause", *members(project))
        sandbox_clock.advance(seconds)
        if expired:
            text = await scripted.refused("apply_sweep", plan_id=plan["plan_id"])
            assert "it has expired" in text
            assert "This call sent nothing" in text
        else:
            await scripted.call("apply_sweep", plan_id=plan["plan_id"])
    assert len(project.ids("live")) == expired


async def test_a_plan_that_drifted_is_refused_as_a_whole(
    sandbox: Sandbox, sweep_client: AsyncClient, server: MCPServer
) -> None:
    """One target group moved since, so none of them is sent; the plan is used up."""
    project = sandbox.seed(live=3)
    async with agent(server) as scripted:
        plan = await scripted.plan("pause", *members(project))
        moved = project.ids()[1]
        await sweep(sweep_client, SweepPlan(action="pause", target_groups={project.id: [moved]}))
        sandbox.requests.clear()
        text = await scripted.refused("apply_sweep", plan_id=plan["plan_id"])
        assert f"1 target group of the plan moved since it was shown, such as {moved}" in text
        again = await scripted.refused("apply_sweep", plan_id=plan["plan_id"])
        assert "it was refused before, and nothing was sent for it" in again
        assert "There is no such run" in await scripted.refused("show_sweep", run_id=plan["run_id"])
    assert not writes(sandbox)
    assert len(project.ids("live")) == 2


@pytest.mark.parametrize("groups", [1, 4])
async def test_a_status_that_cannot_be_read_is_not_said_to_have_moved(
    sandbox: Sandbox, client_without_retries: AsyncClient, tmp_path: Path, groups: int
) -> None:
    """The plan is refused with the API's reason, whether the project was to be listed or its only target group read."""
    project = sandbox.seed(live=groups)
    async with agent(server_of(client_without_retries, tmp_path)) as scripted:
        plan = await scripted.plan("pause", *members(project))
        for operation in (LIST, RUNS):
            sandbox.faults.add(operation, faults.Answer(503), times=None)
        text = await scripted.refused("apply_sweep", plan_id=plan["plan_id"])
        again = await scripted.refused("apply_sweep", plan_id=plan["plan_id"])
    assert "could not be read, such as" in text
    assert "so it cannot be compared with the plan" in text
    assert "503" in text
    assert "moved since" not in text
    assert "This call sent nothing" in text
    assert "it was refused before, and nothing was sent for it" in again
    assert not writes(sandbox)


async def test_a_plan_names_what_moved_and_what_could_not_be_read(
    sandbox: Sandbox, client_without_retries: AsyncClient, tmp_path: Path
) -> None:
    """Each of the two reasons has its own number."""
    project = sandbox.seed(live=2)
    moved = {project.id: [project.ids()[1]]}
    async with agent(server_of(client_without_retries, tmp_path)) as scripted:
        plan = await scripted.plan("pause", *members(project))
        await sweep(client_without_retries, SweepPlan(action="pause", target_groups=moved))
        sandbox.faults.add(RUNS, faults.Answer(503))
        text = await scripted.refused("apply_sweep", plan_id=plan["plan_id"])
    assert "1 target group of the plan moved since it was shown" in text
    assert "The status of 1 target group of the plan could not be read" in text


async def test_a_plan_of_another_server_is_refused(
    sandbox: Sandbox, server: MCPServer, make_client: MakeClient, tmp_path: Path
) -> None:
    """Each process knows its own plans alone, and guesses are answered alike."""
    project = sandbox.seed(live=1)
    async with agent(server) as scripted, agent(server_of(make_client(), tmp_path / "other")) as other:
        plan = await scripted.plan("pause", *members(project))
        texts = [await other.refused("apply_sweep", plan_id=id_) for id_ in (plan["plan_id"], "guess", "")]
    assert len({*texts}) == 1
    assert "this server did not make it" in texts[0]
    assert not writes(sandbox)


async def test_overlapping_plans_of_two_agents_are_not_both_applied(
    sandbox: Sandbox, server: MCPServer, make_client: MakeClient, sandbox_clock: FakeClock, tmp_path: Path
) -> None:
    """The second plan has drifted, because of the first one."""
    project = sandbox.seed(live=2)
    second = server_of(make_client(clock=sandbox_clock), tmp_path)
    async with agent(server) as scripted, agent(second) as other:
        plan = await scripted.plan("pause", *members(project))
        late = await other.plan("pause", *members(project)[:1])
        await scripted.call("apply_sweep", plan_id=plan["plan_id"])
        assert "moved since it was shown" in await other.refused("apply_sweep", plan_id=late["plan_id"])
    assert writes(sandbox) == [CREATE]


@pytest.mark.parametrize("mode", MODES)
async def test_a_user_who_can_be_asked_is_asked_before_anything_is_sent(
    sandbox: Sandbox, server: MCPServer, mode: Mode
) -> None:
    """The question has the action, the number, the account and the names; yes applies the plan."""
    project = sandbox.seed(live=12)
    questions: list[str] = []

    def answer(question: str) -> dict[str, bool]:
        assert not writes(sandbox)
        questions.append(question)
        return {"apply": True}

    async with agent(server, answer=answer, mode=mode) as scripted:
        plan = await scripted.plan("pause", *members(project))
        result = await scripted.call("apply_sweep", plan_id=plan["plan_id"])
    assert result["counts"]["updated"] == 12
    (question,) = questions
    first, *names, last = question.splitlines()
    assert first == f"Pause 12 target groups of account {sandbox.account_id} at {sandbox.url}?"
    assert names[0] == f'- {project.ids()[0]}: "Target group 1"'
    assert (len(names), last) == (10, "and 2 more")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("form", [None, {"apply": False}])
async def test_a_declined_plan_is_withdrawn(
    sandbox: Sandbox, server: MCPServer, mode: Mode, form: dict[str, bool] | None
) -> None:
    """No applies nothing, and the same plan is not asked about again."""
    project = sandbox.seed(live=1)
    questions: list[str] = []

    def answer(question: str) -> dict[str, bool] | None:
        questions.append(question)
        return form

    async with agent(server, answer=answer, mode=mode) as scripted:
        plan = await scripted.plan("pause", *members(project))
        assert "The user did not accept the plan" in await scripted.refused("apply_sweep", plan_id=plan["plan_id"])
        assert "the user declined it" in await scripted.refused("apply_sweep", plan_id=plan["plan_id"])
    assert (len(questions), writes(sandbox), len(project.ids("live"))) == (1, [], 1)


@pytest.mark.parametrize("mode", MODES)
async def test_a_plan_that_expires_while_the_user_thinks_is_refused(
    sandbox: Sandbox, sandbox_clock: FakeClock, server: MCPServer, mode: Mode
) -> None:
    """A late yes applies nothing."""
    project = sandbox.seed(live=1)

    def answer(question: str) -> dict[str, bool]:
        sandbox_clock.advance(700.0)
        return accept(question)

    async with agent(server, answer=answer, mode=mode) as scripted:
        plan = await scripted.plan("pause", *members(project))
        assert "it has expired" in await scripted.refused("apply_sweep", plan_id=plan["plan_id"])
    assert not writes(sandbox)


async def test_target_groups_that_are_not_found_cannot_be_planned(sandbox: Sandbox, server: MCPServer) -> None:
    """A mixed up project is a mistake, and not a target group of unknown status to send anyway."""
    one, other = sandbox.seed(live=1), sandbox.seed(live=1)
    async with agent(server) as scripted:
        text = await scripted.refused(
            "plan_sweep",
            action="pause",
            target_groups=[{"project_id": one.id, "target_group_id": other.ids()[0]}],
        )
    assert "are not in their project" in text
    assert "Nothing was changed" in text


async def test_a_plan_names_at_most_a_hundred_target_groups(sandbox: Sandbox, server: MCPServer) -> None:
    """All of a plan is shown, so a larger one is refused; larger sweeps are for the command line."""
    project = sandbox.seed(live=101)
    async with agent(server) as scripted:
        plan = await scripted.plan("pause", *members(project)[:100])
        assert len(plan["target_groups"]) == 100
        assert "at most 100" in await scripted.refused("plan_sweep", action="pause", target_groups=members(project))


async def test_an_unknown_outcome_is_reported_as_unknown(
    sandbox: Sandbox, client_without_retries: AsyncClient, tmp_path: Path
) -> None:
    """The job may have been created, and no status can be read: neither success nor failure is claimed."""
    project = sandbox.seed(live=2)
    async with agent(server_of(client_without_retries, tmp_path)) as scripted:
        plan = await scripted.plan("pause", *members(project))
        sandbox.faults.add(CREATE, LoseSight(sandbox), times=None)
        result = await scripted.call("apply_sweep", plan_id=plan["plan_id"])
        shown = await scripted.call("show_sweep", run_id=plan["run_id"])
    assert (result["all_done"], result["counts"]["unknown"]) == (False, 2)
    assert (result["finished"], shown["finished"]) == (False, False)
    assert result["what_to_do"] == shown["what_to_do"]
    assert f"fieldingkit sweeps resume {plan['run_id']}" in shown["what_to_do"]
    assert {problem["what_to_do"] for problem in result["problems"]} == {
        "Read its status with list_target_groups before you plan anything for it."
    }
    assert "outcome unknown" in result["headline"]
    assert {problem["outcome"] for problem in result["problems"]} == {"unknown"}
    assert "It is not known whether 2 target groups changed. Read their status" in result["what_to_do"]


async def test_failures_are_named_with_code_and_advice(sandbox: Sandbox, server: MCPServer) -> None:
    """The API's code and reason are there, and what to do."""
    project = sandbox.seed(live=1, goal_reached=True)
    async with agent(server) as scripted:
        plan = await scripted.plan("resume", *members(project, "paused"))
        result = await scripted.call("apply_sweep", plan_id=plan["plan_id"])
    (problem,) = result["problems"]
    assert (problem["outcome"], problem["code"]) == ("failed", "StatusTransitionNotAllowed")
    assert "Their status does not allow this" in problem["what_to_do"]


@pytest.mark.parametrize("mode", MODES)
async def test_a_cancelled_call_leaves_a_run_that_can_be_continued(
    sandbox: Sandbox, make_client: MakeClient, sweep_client: AsyncClient, tmp_path: Path, mode: Mode
) -> None:
    """Its journal says what was sent, and the same run is continued in another process."""
    project = sandbox.seed(live=2)
    frozen = make_client(clock=FakeClock(jump=0.0), deadline=None)
    async with agent(server_of(frozen, tmp_path), mode=mode) as scripted:
        plan = await scripted.plan("pause", *members(project))
        call = asyncio.create_task(scripted.client.call_tool("apply_sweep", {"plan_id": plan["plan_id"]}))
        while not sandbox.jobs:
            await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        shown = await scripted.ended(plan["run_id"])
        assert (shown["finished"], shown["all_done"]) == (False, False)
        assert f"fieldingkit sweeps resume {plan['run_id']}" in shown["what_to_do"]
        text = await scripted.refused("apply_sweep", plan_id=plan["plan_id"])
        assert f"may have applied it as the run {plan['run_id']}; see show_sweep" in text
    with Journal(tmp_path / "journals" / f"{plan['run_id']}.journal") as journal:
        report = await sweep(sweep_client, journal.plan(plan["run_id"]), journal=journal)
    assert (report.counts.updated, len(sandbox.jobs)) == (2, 1)


async def test_a_journal_that_cannot_be_written_stops_the_plan_before_it_is_sent(
    sandbox: Sandbox, sweep_client: AsyncClient, tmp_path: Path
) -> None:
    """Without a journal, an interrupted run could not be continued."""
    project = sandbox.seed(live=1)
    (tmp_path / "journals").write_text("a file where the folder should be")
    async with agent(server_of(sweep_client, tmp_path)) as scripted:
        plan = await scripted.plan("pause", *members(project))
        text = await scripted.refused("apply_sweep", plan_id=plan["plan_id"])
    assert "Its journal cannot be written" in text
    assert "This call sent nothing" in text
    assert not writes(sandbox)


async def test_a_plan_is_refused_while_the_same_sweep_is_in_progress(
    sandbox: Sandbox, sweep_client: AsyncClient, server: MCPServer, tmp_path: Path
) -> None:
    """A sweep of the command line with the same target groups is in progress, so the plan is refused."""
    project = sandbox.seed(live=1)
    same = SweepPlan(action="pause", target_groups={project.id: project.ids()})
    async with agent(server) as scripted:
        plan = await scripted.plan("pause", *members(project))
        with lock_sweep(RunIdentity.of(sweep_client, same), same, tmp_path / "locks"):
            text = await scripted.refused("apply_sweep", plan_id=plan["plan_id"])
        again = await scripted.refused("apply_sweep", plan_id=plan["plan_id"])
    assert "the same sweep is in progress: process" in text
    assert "it was refused before, and nothing was sent for it" in again
    assert "This call sent nothing" in text
    assert not writes(sandbox)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("form", [{"apply": "perhaps"}, {}, "nothing"])
async def test_an_answer_that_is_no_answer_applies_nothing(
    sandbox: Sandbox, server: MCPServer, mode: Mode, form: dict[str, str] | Literal["nothing"]
) -> None:
    """A client that accepts without a yes or no has not accepted; the plan may be asked about again."""
    project = sandbox.seed(live=1)
    unreadable = ElicitResult(action="accept", content=None if form == "nothing" else dict[str, Any](form))
    answers = iter([unreadable, {"apply": True}])
    async with agent(server, answer=lambda _: next(answers), mode=mode) as scripted:
        plan = await scripted.plan("pause", *members(project))
        text = await scripted.refused("apply_sweep", plan_id=plan["plan_id"])
        assert "accepted the question without a readable yes or no" in text
        assert "This call sent nothing. The plan can still be applied" in text
        assert "Resolver" not in text
        assert not writes(sandbox)
        assert (await scripted.call("apply_sweep", plan_id=plan["plan_id"]))["counts"]["updated"] == 1


@pytest.mark.parametrize("mode", MODES)
async def test_a_question_that_is_closed_is_no_answer(sandbox: Sandbox, server: MCPServer, mode: Mode) -> None:
    """The user is not said to have declined; nothing is applied, and the plan may be asked about again."""
    project = sandbox.seed(live=1)
    answers = iter([ElicitResult(action="cancel"), {"apply": True}])
    async with agent(server, answer=lambda _: next(answers), mode=mode) as scripted:
        plan = await scripted.plan("pause", *members(project))
        text = await scripted.refused("apply_sweep", plan_id=plan["plan_id"])
        assert "The user closed the question without an answer. This call sent nothing." in text
        assert not writes(sandbox)
        assert (await scripted.call("apply_sweep", plan_id=plan["plan_id"]))["counts"]["updated"] == 1


async def test_invalid_arguments_are_named_in_plain_words(sandbox: Sandbox, server: MCPServer) -> None:
    """Each has its place and what is wrong; nothing was sent, and no page of another library is named."""
    async with agent(server) as scripted:
        text = await scripted.refused("plan_sweep", action="delete", target_groups=[{"project_id": "one"}])
    assert "The arguments of plan_sweep are not valid, so nothing was sent." in text
    assert "action: Input should be 'pause' or 'resume'" in text
    assert "target_groups.0.target_group_id: Field required" in text
    assert "pydantic" not in text
    assert not sandbox.requests


@pytest.mark.parametrize("mode", MODES)
async def test_an_agent_cannot_answer_for_its_user(sandbox: Sandbox, server: MCPServer, mode: Mode) -> None:
    """The answer is no argument of the tool: a call that brings its own is refused, and the user is not passed over."""
    project = sandbox.seed(live=1)
    questions: list[str] = []

    def answer(question: str) -> None:
        questions.append(question)

    async with agent(server, answer=answer, mode=mode) as scripted:
        plan = await scripted.plan("pause", *members(project))
        for forged in ({"apply": True}, {"action": "accept", "data": {"apply": True}}):
            text = await scripted.refused("apply_sweep", plan_id=plan["plan_id"], answer=forged)
            assert "apply_sweep has no answer, so nothing was sent. It has plan_id." in text
        assert not questions
        await scripted.refused("apply_sweep", plan_id=plan["plan_id"])
    assert (len(questions), writes(sandbox), len(project.ids("live"))) == (1, [], 1)


async def test_a_failure_before_anything_is_sent_says_so(sandbox: Sandbox, server: MCPServer) -> None:
    """The statuses cannot be compared with the plan, so it is not applied; the plan is used up."""
    project = sandbox.seed(live=2)
    async with agent(server) as scripted:
        plan = await scripted.plan("pause", *members(project))
        for operation in (LIST, RUNS):
            sandbox.faults.add(operation, faults.Answer(403), times=None)
        text = await scripted.refused("apply_sweep", plan_id=plan["plan_id"])
    assert "ForbiddenError" in text
    assert "This call sent nothing" in text
    assert not writes(sandbox)


async def test_progress_is_reported_to_the_agent(sandbox: Sandbox, server: MCPServer) -> None:
    """Settled target groups are counted up to all of them, also those that need not be sent."""
    project = sandbox.seed(live=3, paused=1)
    seen: list[tuple[float, float | None]] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        seen.append((progress, total))

    async with agent(server) as scripted:
        plan = await scripted.plan("pause", *members(project), *members(project, "paused"))
        await scripted.client.call_tool("apply_sweep", {"plan_id": plan["plan_id"]}, progress_callback=note)
    assert seen == sorted(set(seen))
    assert seen[-1] == (4, 5)  # the fifth is the reading of the statuses afterwards


async def test_progress_is_reported_while_nothing_settles(
    sandbox: Sandbox, make_client: MakeClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each report is larger than the one before, and claims no target group that is not settled."""
    monkeypatch.setattr(reports, "BEAT", 0.001)
    project = sandbox.seed(live=2)
    seen: list[tuple[float, str | None]] = []
    several = asyncio.Event()

    async def note(progress: float, total: float | None, message: str | None) -> None:
        seen.append((progress, message))
        if sandbox.jobs and len(seen) > 5:
            several.set()

    async with agent(server_of(make_client(clock=FakeClock(jump=0.0), deadline=None), tmp_path)) as scripted:
        plan = await scripted.plan("pause", *members(project))
        arguments = {"plan_id": plan["plan_id"]}
        call = asyncio.create_task(scripted.client.call_tool("apply_sweep", arguments, progress_callback=note))
        await several.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    values = [value for value, _ in seen]
    assert values == sorted(set(values))
    assert values[-1] < 1
    assert seen[-1][1] == "sweeping: 0 of 2 target groups settled"
