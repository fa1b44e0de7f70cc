"""The sensors and triggers of fields: closed target groups, and forecasts past their end."""

import json
from collections import Counter
from datetime import timedelta
from functools import partial
from importlib import import_module
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException, TaskDeferred
from airflow.triggers.base import BaseTrigger
from support.airflow_site import connection_json
from support.fake_clock import FakeClock
from support.fake_task import FakeTask
from support.soft_launches import Interruption

from fieldingkit.airflow import FieldingClosedSensor, FieldingForecastSensor, FieldingStatusSensor, client_pool
from fieldingkit.airflow.client_pool import pooled_client
from fieldingkit.airflow.connections import triggerer_options
from fieldingkit.airflow.field_conditions import ClosedCondition
from fieldingkit.airflow.polling import poll
from fieldingkit.airflow.sensors import FieldingSensor
from fieldingkit.airflow.triggers import FieldingClosedTrigger, FieldingForecastTrigger, FieldingStatusTrigger
from fieldingkit.sandbox import ArrivalProcess, Project, Sandbox, faults

CONNECTION = "fieldingkit_default"
LIST = "get_list_target_groups"
HOUR = 3600.0
STEADY = ArrivalProcess(course="steady", completes_a_day=240, seed=1)


@pytest.fixture
def clock(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """Give the triggerer's clients a clock that jumps to the end of each wait, and the sandbox with it."""
    clock = FakeClock(connected.clock)
    monkeypatch.setattr(
        client_pool, "triggerer_options", lambda stored: {**triggerer_options(stored), "clock": clock, "deadline": 60.0}
    )
    return clock


async def event_of(trigger: BaseTrigger) -> Any:
    """Return the payload of the event of a trigger, as another triggerer restores it from the database."""
    classpath, kwargs = trigger.serialize()
    module, name = classpath.rsplit(".", 1)
    restored = getattr(import_module(module), name)(**json.loads(json.dumps(kwargs)))
    assert isinstance(restored, BaseTrigger)
    (event,) = [event async for event in restored.run()]
    return json.loads(json.dumps(event.payload))


def of_project(project: Project) -> dict[str, Any]:
    """Return the condition of all target groups of a project."""
    return {"query": {"project_ids": [project.id]}}


def of_group(project: Project, number: int = 0) -> dict[str, Any]:
    """Return the condition of one target group."""
    return {"project_id": project.id, "target_group_id": project.groups[number].id}


async def test_a_field_is_closed_when_all_its_goals_are_reached(connected: Sandbox, clock: FakeClock) -> None:
    """Completed and archived target groups are closed, and so is one whose goal is reached; one request a read."""
    project = connected.seed(live=1, completed=1, archived=1)
    (live, *_) = project.groups
    connected.faults.add(LIST, Interruption(2, lambda: setattr(live, "completes", live.goal)), times=None)
    event = await event_of(FieldingClosedTrigger(of_project(project), 300.0, CONNECTION))
    statuses = {"paused": 1, "completed": 1, "archived": 1}  # the API pauses a run that reaches its goal
    assert event == {"value": {"target_groups": 3, "statuses": statuses, "goals_reached": 1}}
    assert clock.sleeps.count(300.0) == 2
    assert Counter(one.operation_id for one in connected.requests) == {LIST: 3, "request_access_token": 1}


async def test_one_target_group_is_closed_regardless_of_the_others(connected: Sandbox, clock: FakeClock) -> None:
    """The other target groups of its project do not matter."""
    project = connected.seed(live=1, completed=1)
    event = await event_of(FieldingClosedTrigger(of_group(project, 1), 300.0, CONNECTION))
    assert event == {"value": {"target_groups": 1, "statuses": {"completed": 1}, "goals_reached": 0}}
    assert clock.sleeps == []


def test_a_draft_is_never_closed(connected: Sandbox) -> None:
    """Its field has not begun; a query that matches nothing is not closed either."""
    project, empty = connected.seed(draft=1), connected.seed(draft=1, completed=1)
    for condition in (of_project(project), {"query": {"project_ids": [empty.id], "country": ["xx"]}}):
        sensor = FieldingClosedSensor(task_id="x", **condition)
        assert isinstance(FakeTask().start(sensor), TaskDeferred)


async def test_a_project_that_cannot_be_listed_is_not_taken_for_closed(connected: Sandbox, clock: FakeClock) -> None:
    """Its read counts as failed, even if all that was read is closed."""
    closed, gone = connected.seed(completed=1), "01BTGNYV6HRNK8K8VKZASZCFP0"
    condition = {"query": {"project_ids": [closed.id, gone]}}
    event = await event_of(FieldingClosedTrigger(condition, 300.0, CONNECTION, max_failed_reads=3))
    assert event["error"].startswith("3 reads in a row failed, the last one with: not all could be read: project 01BT")
    assert clock.sleeps.count(300.0) == 2


@pytest.mark.parametrize("kind", [FieldingClosedTrigger, FieldingForecastTrigger])
async def test_a_long_outage_ends_the_wait_with_its_reason(connected: Sandbox, clock: FakeClock, kind: Any) -> None:
    """A 503 is retried by each read, then by the trigger, and after a limit it is an error, not a result."""
    project = connected.seed(completed=1)
    connected.faults.add(LIST, faults.Answer(503), times=None)
    event = await event_of(kind(of_project(project), 300.0, CONNECTION, max_failed_reads=4))
    assert list(event) == ["error"]
    assert "4 reads in a row failed" in event["error"]
    assert "503" in event["error"]


async def test_each_failed_read_is_reported(connected: Sandbox, clock: FakeClock) -> None:
    """With its number and its reason; an error that cannot pass ends the poll at once."""
    project, said = connected.seed(completed=1), list[str]()
    async with pooled_client(CONNECTION) as client:
        poll_it = partial(poll, client, ClosedCondition(**of_project(project)), interval=300.0, warn=said.append)
        connected.faults.add(LIST, faults.Answer(503), times=None)
        assert "2 reads in a row failed" in (await poll_it(max_failed_reads=2))["error"]
        assert len(said) == 1
        assert said[0].startswith("read 1 of 2 failed; the next one is in 300 s: ListTargetGroups: 503")
        connected.faults.clear()
        connected.faults.add(LIST, faults.Answer(403), times=None)
        assert "403" in (await poll_it(max_failed_reads=2))["error"]
        assert len(said) == 1


async def test_an_outage_below_the_limit_is_survived(connected: Sandbox, clock: FakeClock) -> None:
    """Failures in a row count, not all of them: each read that succeeds begins a new row."""
    project = connected.seed(live=1)
    (group,) = project.groups
    reads = 0

    class Flaky(faults.Fault):
        async def inject(self, exchange: faults.Exchange) -> Any:
            nonlocal reads
            reads += 1
            if reads == 10:
                group.completes = group.goal
            return await (exchange.proceed() if reads % 2 == 0 else faults.TruncatedJson().inject(exchange))

    connected.faults.add(LIST, Flaky(), times=None)
    condition = {"query": {"project_ids": [project.id]}, "status": "paused"}
    event = await event_of(FieldingStatusTrigger(condition, 300.0, CONNECTION, max_failed_reads=2))
    assert event == {"value": {"status": "paused", "target_groups": 1}}


async def test_a_project_that_does_not_exist_ends_the_wait_at_once(connected: Sandbox, clock: FakeClock) -> None:
    """The API says that it is not there, so waiting is of no use."""
    condition = {"query": {"project_ids": ["01BTGNYV6HRNK8K8VKZASZCFP0"]}}
    event = await event_of(FieldingClosedTrigger(condition, 300.0, CONNECTION))
    assert "404" in event["error"]
    assert clock.sleeps == []


async def test_a_target_group_that_is_not_in_its_project_is_reported(connected: Sandbox, clock: FakeClock) -> None:
    """A list may lag, so it is read again; then the error names both."""
    project = connected.seed(live=1)
    condition = {"project_id": project.id, "target_group_id": "01BTGNYV6HRNK8K8VKZASZCFP0"}
    event = await event_of(FieldingForecastTrigger(condition, 300.0, CONNECTION, max_failed_reads=2))
    assert f"project {project.id} has no target group 01BTGNYV6HRNK8K8VKZASZCFP0" in event["error"]


async def test_a_forecast_past_its_end_is_a_finding(connected: Sandbox, clock: FakeClock) -> None:
    """While it is too early the trigger waits; then the finding says what was seen, since when, and what to do."""
    slow = connected.seed(live=1, goal=2000, completes=0, ends_in=4 * 86_400, arrivals=STEADY)
    connected.seed(project_id=slow.id, live=1, goal=200, completes=0, ends_in=20 * 86_400, arrivals=STEADY)
    start = clock.time
    event = await event_of(FieldingForecastTrigger(of_project(slow), 6 * HOUR, CONNECTION))
    (finding,) = event["value"]["findings"]
    assert (finding["rule"], finding["target_group_id"]) == ("end_before_goal", slow.groups[0].id)
    assert "fills before its end" in finding["seen"]
    assert finding["action"].startswith("extend the end of fielding")
    assert event["value"]["target_groups"] == 2
    assert clock.time - start <= 72 * HOUR


def test_only_the_forecast_of_one_target_group_counts(connected: Sandbox) -> None:
    """The details of the others are not read: two lists and three details."""
    project = connected.seed(live=1, goal=900, completes=0, arrivals=STEADY)
    connected.seed(project_id=project.id, live=1, goal=9000, completes=0, ends_in=4 * 86_400, arrivals=STEADY)
    connected.clock.advance(2 * 86_400)
    assert isinstance(FakeTask().start(FieldingForecastSensor(task_id="x", **of_group(project))), TaskDeferred)
    assert len(connected.requests) == 1 + 2 + 3
    found = FakeTask().start(FieldingForecastSensor(task_id="x", **of_group(project, 1)))
    assert [one["target_group_id"] for one in found["findings"]] == [project.groups[1].id]


def test_the_chance_that_is_accepted_can_be_lowered(connected: Sandbox) -> None:
    """A field that fills with a small probability is no finding if none is asked for."""
    project = connected.seed(live=1, goal=9000, completes=0, ends_in=4 * 86_400, arrivals=STEADY)
    connected.clock.advance(2 * 86_400)
    sensor = FieldingForecastSensor(task_id="x", chance=0.0, **of_project(project))
    assert isinstance(FakeTask().start(sensor), TaskDeferred)


async def test_a_field_that_closes_first_skips_the_task(connected: Sandbox, clock: FakeClock) -> None:
    """A forecast can then no longer be past its end: neither success nor failure would be true."""
    project = connected.seed(live=1, goal=60, completes=0, arrivals=STEADY)
    event = await event_of(FieldingForecastTrigger(of_project(project), 6 * HOUR, CONNECTION))
    assert event == {"never": "no forecast was past the end of fielding, and 1 target group closed"}
    sensor = FieldingForecastSensor(task_id="x", **of_project(project))
    with pytest.raises(AirflowSkipException, match="1 target group closed"):
        sensor.execute_complete(FakeTask().context(sensor), event)


def test_a_field_that_is_closed_skips_the_task_without_waiting(connected: Sandbox) -> None:
    """The first read sees it."""
    sensor = FieldingForecastSensor(task_id="x", **of_project(connected.seed(completed=2)))
    with pytest.raises(AirflowSkipException, match="2 target groups closed"):
        FakeTask().start(sensor)


async def test_a_detail_that_cannot_be_read_makes_no_forecast(connected: Sandbox, clock: FakeClock) -> None:
    """Without the completes by hour, nothing is claimed; the error names what is missing."""
    project = connected.seed(live=1, goal=9000, completes=0, ends_in=4 * 86_400, arrivals=STEADY)
    connected.clock.advance(2 * 86_400)
    connected.faults.add("get_target_group_completes_aggregated_by_interval", faults.Answer(403), times=None)
    event = await event_of(FieldingForecastTrigger(of_project(project), HOUR, CONNECTION, max_failed_reads=2))
    assert f"completes of target group {project.groups[0].id}" in event["error"]


def test_a_paused_field_keeps_waiting(connected: Sandbox) -> None:
    """It may be resumed."""
    project = connected.seed(paused=1, completed=1)
    assert isinstance(FakeTask().start(FieldingForecastSensor(task_id="x", **of_project(project))), TaskDeferred)


def test_an_error_of_the_trigger_fails_the_task(connected: Sandbox) -> None:
    """The task never succeeds on what was not seen."""
    sensor = FieldingClosedSensor(task_id="x", query={})
    with pytest.raises(AirflowException, match="not known whether the condition is met: 4 reads"):
        sensor.execute_complete(FakeTask().context(sensor), {"error": "4 reads in a row failed"})


def test_a_first_read_that_fails_still_defers(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """An outage at the start is left to the triggerer; a refusal fails the task."""
    monkeypatch.setenv("AIRFLOW_CONN_FIELDINGKIT_DEFAULT", connection_json(sandbox, deadline=0.2))
    project = sandbox.seed(live=1)
    sandbox.faults.add(LIST, faults.Answer(503), times=None)
    assert isinstance(FakeTask().start(FieldingClosedSensor(task_id="x", **of_project(project))), TaskDeferred)
    sandbox.faults.clear()
    sandbox.faults.add(LIST, faults.Answer(403), times=None)
    with pytest.raises(Exception, match="403"):
        FakeTask().start(FieldingClosedSensor(task_id="x", **of_project(project)))


async def test_a_connection_that_was_removed_is_an_error_of_the_trigger(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event has the reason, and the task fails with it."""
    monkeypatch.setenv("AIRFLOW_CONN_EMPTY", '{"conn_type": "fieldingkit"}')
    event = await event_of(FieldingClosedTrigger({"query": {}}, 300.0, "empty"))
    assert "has no credentials" in event["error"]


@pytest.mark.parametrize("kind", [FieldingClosedSensor, FieldingForecastSensor])
def test_the_trigger_has_what_the_sensor_was_given(connected: Sandbox, kind: type[FieldingSensor]) -> None:
    """The condition, the interval, the limit and the connection, and no secret."""
    project = connected.seed(draft=1)
    sensor = kind(task_id="x", poke_interval=timedelta(minutes=7), max_failed_reads=5, **of_project(project))
    deferred = FakeTask().start(sensor)
    assert isinstance(deferred, TaskDeferred)
    assert isinstance(deferred.trigger, kind.trigger_class)
    kwargs = deferred.trigger.serialize()[1]
    assert (kwargs["poke_interval"], kwargs["max_failed_reads"]) == (420.0, 5)
    assert kwargs["condition"]["query"] == {"project_ids": [project.id]}
    assert connected.client_secret not in repr(kwargs)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (FieldingClosedSensor, {}),
        (FieldingClosedSensor, {"project_id": "01BTGNYV6HRNK8K8VKZASZCFP0"}),
        (FieldingClosedSensor, {"query": {"status": ["live"]}}),
        (FieldingForecastSensor, {"query": {}, "chance": 2}),
        (FieldingForecastSensor, {"query": {}, "chance": "{{ params.chance }}"}),
    ],
)
def test_an_invalid_field_condition_sends_nothing(connected: Sandbox, kind: Any, fields: dict[str, Any]) -> None:
    """It fails the task without a retry."""
    with pytest.raises(AirflowFailException):
        FakeTask().start(kind(task_id="x", **fields))
    assert not connected.requests


def test_a_limit_of_no_failed_reads_is_refused() -> None:
    """The DAG file fails, not the task."""
    with pytest.raises(ValueError, match="at least 1"):
        FieldingStatusSensor(task_id="x", status="live", query={}, max_failed_reads=0)
