"""The operator of a soft launch: kills, retries, cleared tasks, outages and other users."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import attrs
import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, TaskDeferralTimeout, TaskDeferred
from support import draft_settings
from support.fake_clock import FakeClock
from support.fake_task import FakeTask
from support.soft_launches import FAILING, GOAL, LIMIT, PASSING, Crash, switch_off

from fieldingkit import Client
from fieldingkit.airflow import FieldingSoftLaunchOperator, client_pool, connections
from fieldingkit.airflow.triggers import FieldingSoftLaunchTrigger
from fieldingkit.errors import FieldingKitError, TooManyConflictsError
from fieldingkit.monitoring import SoftLaunchLimit
from fieldingkit.monitoring.soft_launches import workflow
from fieldingkit.resources.target_group_drafts import CreateTargetGroup, FieldingSpecification
from fieldingkit.sandbox import Sandbox, TargetGroup, faults

LAUNCH, ASSIGN = "create_launch_fielding_run_from_draft_job", "create_or_update_fielding_assistant_assignment"
OVERVIEW = "get_target_group_overview"
ALL_STEPS = ["limited", "launched", "paused", "released", "resumed"]


@pytest.fixture(autouse=True)
def clock(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """Give workers and triggerers a clock that jumps to the end of each short wait, and the sandbox with it."""
    clock = FakeClock(connected.clock, jump=60.0)
    for module, name in ((connections, "client_options"), (client_pool, "triggerer_options")):
        made: Callable[[Any], dict[str, Any]] = getattr(module, name)
        monkeypatch.setattr(module, name, lambda stored, made=made: {**made(stored), "clock": clock})
    return clock


@pytest.fixture
def draft(connected: Sandbox) -> TargetGroup:
    """Create a draft that gets completes from the test alone."""
    project, now = connected.seed(draft=1), connected.clock.now()
    period = FieldingSpecification(start_at=now, end_at=now + timedelta(days=20))
    changes = {"project_manager_id": project.manager_id, "fielding_specification": period, "completes_goal": GOAL}
    command = CreateTargetGroup(project_id=project.id, **draft_settings.settings(**changes))
    with Client(auth=connected.token, account_id=connected.account_id, base_url=connected.url) as client:
        return connected.group(client.send(command).id)


def operator(draft: TargetGroup, **fields: Any) -> FieldingSoftLaunchOperator:
    """Return an operator for the draft; its limits are those that the sandbox's figures keep."""
    check = attrs.asdict(PASSING)
    arguments = {"until": {"completes": LIMIT}, "check": check, "accept_infeasible": True, **fields}
    return FieldingSoftLaunchOperator(task_id="x", project_id=draft.project_id, target_group_id=draft.id, **arguments)


def actions(draft: TargetGroup) -> list[str]:
    """Return the names of the changes."""
    return [change.action for change in draft.history]


def finish(task: FakeTask, launch: FieldingSoftLaunchOperator, draft: TargetGroup) -> Any:
    """Run a try to its end; the completes arrive when it defers."""
    outcome = task.start(launch)
    if isinstance(outcome, TaskDeferred):
        draft.completes = LIMIT
        outcome = task.come_back(launch, outcome, {"value": {}})
    return outcome


def test_a_soft_launch_waits_on_the_triggerer_and_resumes(connected: Sandbox, draft: TargetGroup) -> None:
    """The limit is set before the launch; the trigger has the condition, a limit of time, and no secret."""
    task, launch = FakeTask(), operator(draft)
    deferred = task.start(launch)
    assert isinstance(deferred, TaskDeferred)
    assert isinstance(deferred.trigger, FieldingSoftLaunchTrigger)
    assert deferred.timeout == timedelta(hours=49)
    assert connected.client_secret not in repr(deferred.trigger.serialize())
    assert actions(draft) == ["update_fielding_assistant", "launch_from_draft"]
    draft.completes = LIMIT
    result = json.loads(json.dumps(task.come_back(launch, deferred, {"value": {}})))
    assert (result["outcome"], result["status"], result["counted"], result["limit"]) == ("resumed", "live", 21, 21)
    assert result["steps"] == ALL_STEPS
    assert [figure["name"] for figure in result["figures"]] == [
        "length_of_interview_minutes",
        "incidence_rate",
        "drop_off_rate",
        "conversion_rate",
    ]


async def test_the_trigger_fires_when_a_step_is_due(connected: Sandbox, draft: TargetGroup, clock: FakeClock) -> None:
    """A restored trigger reads only, survives failed reads, and fires at the limit, or for another user's change."""
    deferred = await asyncio.to_thread(FakeTask().start, operator(draft))
    assert isinstance(deferred, TaskDeferred)
    connected.requests.clear()
    trigger = FieldingSoftLaunchTrigger(**json.loads(json.dumps(deferred.trigger.serialize()[1])))
    connected.faults.add(OVERVIEW, faults.Answer(503), times=30)
    waiting = asyncio.create_task(trigger.wait())
    while sum(request.operation_id == OVERVIEW for request in connected.requests) < 35:
        await asyncio.sleep(0.01)
    assert not waiting.done()
    switch_off(connected, draft)
    assert await waiting == {"value": {"target_group_id": draft.id}}
    assert all(request.method == "GET" for request in connected.requests if "/oauth/" not in request.path)


@pytest.mark.parametrize("is_applied", [False, True])
@pytest.mark.parametrize("number", range(0, 40, 3))
def test_a_killed_try_is_continued_and_launches_nothing_twice(
    connected: Sandbox, draft: TargetGroup, monkeypatch: pytest.MonkeyPatch, number: int, is_applied: bool
) -> None:
    """A worker that dies at any request, before or after it took effect, leaves the rest to the retry."""
    task, launch = FakeTask(), operator(draft)
    soft_launch = workflow.soft_launch
    fault: list[Crash] = []

    async def killable(*args: Any, **kwargs: Any) -> Any:
        current = asyncio.current_task()
        assert current is not None
        if not fault:
            fault.append(Crash(number, current, is_applied=is_applied))
            connected.faults.add("*", fault[0], times=None)
        fault[0].task, fault[0].loop = current, asyncio.get_running_loop()
        return await soft_launch(*args, **kwargs)

    monkeypatch.setattr(workflow, "soft_launch", killable)
    try:
        result = finish(task, launch, draft)
    except FieldingKitError as exc:
        assert "the call was cancelled" in exc.message  # all that is left of the worker
        connected.faults.clear()
        monkeypatch.setattr(workflow, "soft_launch", soft_launch)
        result = finish(task, launch, draft)
    connected.faults.clear()
    assert result["outcome"] == "resumed"
    done = actions(draft)
    assert done[0] == "update_fielding_assistant"
    assert [done.count(name) for name in ("launch_from_draft", "pause", "resume")] == [1, 1, 1]


def test_a_reduced_goal_is_the_limit_where_the_assistant_is_refused(connected: Sandbox, draft: TargetGroup) -> None:
    """The condition of the trigger has the whole goal, too."""
    connected.faults.add(ASSIGN, faults.Answer(403), times=None)
    task, launch = FakeTask(), operator(draft, until={"completes": LIMIT, "whole_goal": GOAL})
    deferred = task.start(launch)
    assert isinstance(deferred, TaskDeferred)
    assert deferred.trigger.serialize()[1]["condition"]["until"]["whole_goal"] == GOAL
    assert (draft.goal, draft.status) == (LIMIT, "live")
    draft.completes = LIMIT
    result = task.come_back(launch, deferred, {"value": {}})
    assert (result["outcome"], draft.goal, draft.status) == ("resumed", GOAL, "live")


def test_a_task_that_is_cleared_while_it_waits_continues(connected: Sandbox, draft: TargetGroup) -> None:
    """Cleared or retried, with or without its state: the next try launches nothing, and waits for the same launch."""
    launch = operator(draft)
    for task in (FakeTask(), FakeTask(), FakeTask(run_id="another")):
        assert isinstance(task.start(launch), TaskDeferred)
    assert actions(draft) == ["update_fielding_assistant", "launch_from_draft"]


def test_a_task_that_is_cleared_after_its_end_changes_nothing(draft: TargetGroup) -> None:
    """It finds the target group resumed, and says so."""
    task, launch = FakeTask(), operator(draft)
    first, done = finish(task, launch, draft), actions(draft)
    again = task.start(launch)
    assert (again["outcome"], again["steps"]) == ("resumed", first["steps"])
    assert actions(draft) == done


def test_a_figure_out_of_its_limit_fails_the_task_for_good(draft: TargetGroup) -> None:
    """The message has the figure; the result is in XCom; the target group stays paused."""
    task, launch = FakeTask(), operator(draft, check=FAILING)
    with pytest.raises(AirflowFailException, match="held, and the target group is paused: length of interview"):
        finish(task, launch, draft)
    assert task.pushed["return_value"]["outcome"] == "held"
    assert draft.status == "paused"


def test_a_warning_leaves_the_decision_to_what_follows(draft: TargetGroup) -> None:
    """The task succeeds with the outcome in its result."""
    result = finish(FakeTask(), operator(draft, check=FAILING, on_stop="warn"), draft)
    assert (result["outcome"], result["steps"]) == ("held", ["limited", "launched", "paused"])


def test_a_change_by_another_user_is_kept_and_reported(connected: Sandbox, draft: TargetGroup) -> None:
    """The task fails with the author and the change; a retry reads again, and takes no action."""
    task, launch = FakeTask(), operator(draft)
    deferred = task.start(launch)
    assert isinstance(deferred, TaskDeferred)
    switch_off(connected, draft)
    done = actions(draft)
    with pytest.raises(AirflowException, match=r"interrupted, and the target group is live: .* made a") as caught:
        task.come_back(launch, deferred, {"value": {}})
    assert not isinstance(caught.value, AirflowFailException)
    assert actions(draft) == done


def test_a_trigger_that_could_not_read_fails_the_task(draft: TargetGroup) -> None:
    """The message says what is known; a retry continues with the same launch."""
    task, launch = FakeTask(), operator(draft)
    deferred = task.start(launch)
    assert isinstance(deferred, TaskDeferred)
    with pytest.raises(AirflowException, match="limit set at the API, and a retry continues: 10 reads"):
        task.come_back(launch, deferred, {"error": "10 reads in a row failed, the last one with: 503."})
    assert finish(task, launch, draft)["steps"] == ALL_STEPS


def test_an_outage_between_two_steps_is_continued_by_a_retry(connected: Sandbox, draft: TargetGroup) -> None:
    """The limit is set, the launch is refused for long: the try fails, and the target group is a draft."""
    task, launch = FakeTask(), operator(draft)
    connected.faults.add(LAUNCH, faults.Answer(503), times=None)
    with pytest.raises(TooManyConflictsError, match="4 launches were sent"):
        task.start(launch)
    assert draft.status == "draft"
    connected.faults.clear()
    assert finish(task, launch, draft)["outcome"] == "resumed"
    assert actions(draft).count("launch_from_draft") == 1


def test_a_pause_that_the_api_forgets_ends_the_wait(draft: TargetGroup) -> None:
    """After the longest time of the soft launch the state is read once more, and the message has the figures."""
    task, launch = FakeTask(), operator(draft, until=SoftLaunchLimit(completes=LIMIT, max_hours=2))
    deferred = task.start(launch)
    assert isinstance(deferred, TaskDeferred)
    assert deferred.timeout == timedelta(hours=3)
    draft.completes = 4
    with pytest.raises(AirflowException, match="still live with 4 of 21, an hour after the 2 hours"):
        launch.resume_execution("__fail__", {"error": "Trigger timeout"}, task.context(launch))
    draft.completes = LIMIT
    late = launch.resume_execution("__fail__", {"error": "Trigger timeout"}, task.context(launch))
    assert late["outcome"] == "resumed"
    with pytest.raises(TaskDeferralTimeout):
        super(FieldingSoftLaunchOperator, launch).resume_execution(
            "__fail__", {"error": "Trigger timeout"}, task.context(launch)
        )


def test_a_worker_may_wait_itself(draft: TargetGroup, connected: Sandbox) -> None:
    """Without deferral one try does all."""

    class Arrival(faults.Fault):
        reads = 0

        async def inject(self, exchange: faults.Exchange) -> Any:
            self.reads += 1
            if self.reads == 3:
                draft.completes = LIMIT
            return await exchange.proceed()

    connected.faults.add(OVERVIEW, Arrival(), times=None)
    assert FakeTask().start(operator(draft, deferrable=False))["steps"] == ALL_STEPS


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"until": {"percent": 10, "completes": 5}}, "either completes or percent"),
        ({"until": {"percents": 10}}, "until has no fields percents"),
        ({"until": "{'percent': 10}"}, "render_template_as_native_obj"),
        ({"until": {"percent": "10"}}, "percent"),
        ({"check": {}}, "at least one limit"),
        ({"end_fielding_at": "tomorrow"}, "end_fielding_at must be a time"),
        ({"end_fielding_at": "2036-01-01T00:00:00"}, "end_fielding_at"),
        ({"accept_infeasible": False}, "feasible"),
    ],
)
def test_an_argument_that_cannot_be_used_launches_nothing(
    draft: TargetGroup, fields: dict[str, Any], message: str
) -> None:
    """It fails the task for good."""
    with pytest.raises(AirflowFailException, match=message):
        FakeTask().start(operator(draft, **fields))
    assert draft.status == "draft"


@pytest.mark.parametrize("fields", [{"on_stop": "ignore"}, {"max_failed_reads": 0}])
def test_a_wrong_option_fails_the_dag_file(fields: dict[str, Any]) -> None:
    """It is found when the file is parsed."""
    with pytest.raises(ValueError, match=next(iter(fields))):
        FieldingSoftLaunchOperator(task_id="x", project_id="p", target_group_id="g", until={}, check={}, **fields)
