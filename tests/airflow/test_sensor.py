"""The sensor that waits for a status."""

import json
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSensorTimeout, TaskDeferred
from support.fake_task import FakeTask

from fieldingkit.airflow import FieldingStatusSensor
from fieldingkit.airflow.conditions import StatusCondition
from fieldingkit.airflow.triggers import FieldingStatusTrigger
from fieldingkit.sandbox import Sandbox
from fieldingkit.sweeps import TargetGroupQuery


def test_a_condition_that_is_met_does_not_defer(connected: Sandbox) -> None:
    """One check is enough, for all target groups of a query and for a single one."""
    project = connected.seed(paused=2)
    sensor = FieldingStatusSensor(task_id="x", status="paused", query={"project_ids": [project.id]})
    assert FakeTask().start(sensor) == {"status": "paused", "target_groups": 2}
    one = {"project_id": project.id, "target_group_id": project.ids()[0]}
    assert FakeTask().start(FieldingStatusSensor(task_id="x", status="paused", **one))["target_groups"] == 1


def test_a_condition_that_is_not_met_defers_to_the_triggerer(connected: Sandbox) -> None:
    """The trigger has the condition and the intervals of the sensor, and no secret."""
    project = connected.seed(live=1, draft=1)
    sensor = FieldingStatusSensor(
        task_id="x", status="live", query={"project_ids": [project.id]}, poke_interval=7, timeout=60
    )
    task = FakeTask()
    deferred = task.start(sensor)
    assert isinstance(deferred, TaskDeferred)
    assert isinstance(deferred.trigger, FieldingStatusTrigger)
    assert deferred.method_name == "execute_complete"
    assert deferred.timeout is not None
    assert deferred.timeout.total_seconds() == 60
    kwargs = deferred.trigger.serialize()[1]
    assert kwargs["poke_interval"] == 7
    assert kwargs["condition"]["query"] == {"project_ids": [project.id]}
    value = {"status": "live", "target_groups": 2}
    assert task.come_back(sensor, deferred, {"value": value}) == value
    with pytest.raises(AirflowSensorTimeout):
        sensor.resume_execution("__fail__", {"error": "Trigger timeout"}, task.context(sensor))


def test_a_query_object_is_accepted_like_its_fields(connected: Sandbox) -> None:
    """The trigger gets the fields of the query that are set, as plain JSON."""
    project = connected.seed(live=1, paused=1)
    query = TargetGroupQuery(project_ids=[project.id], exclusion_status=False, project_status="active")
    deferred = FakeTask().start(FieldingStatusSensor(task_id="x", status="live", query=query))
    assert isinstance(deferred, TaskDeferred)
    condition = deferred.trigger.serialize()[1]["condition"]
    assert json.loads(json.dumps(condition)) == condition
    assert condition["query"] == {"project_ids": [project.id], "exclusion_status": False, "project_status": "active"}
    assert StatusCondition(**condition) == StatusCondition(status="live", query=query)


def test_a_draft_counts_and_an_empty_query_does_not(connected: Sandbox) -> None:
    """A draft has the status draft without a run; a query without a match does not meet the condition."""
    project = connected.seed(draft=1)
    draft = FieldingStatusSensor(task_id="x", status="draft", project_id=project.id, target_group_id=project.ids()[0])
    assert FakeTask().start(draft)["target_groups"] == 1
    none = FieldingStatusSensor(task_id="x", status="live", query={"project_ids": [project.id], "country": ["xx"]})
    assert isinstance(FakeTask().start(none), TaskDeferred)


def test_a_query_without_projects_checks_all_projects(connected: Sandbox) -> None:
    """A query without projects covers all projects of the account."""
    for _ in range(3):
        connected.seed(live=1)
    sensor = FieldingStatusSensor(task_id="x", status="live", query={}, deferrable=False)
    assert FakeTask().start(sensor) == {"status": "live", "target_groups": 3}


@pytest.mark.parametrize("named", [True, False])
def test_excluded_projects_are_not_checked(connected: Sandbox, *, named: bool) -> None:
    """A query may exclude projects, of those that it names or of all."""
    project, excluded = connected.seed(live=2), connected.seed(paused=1)
    query: dict[str, Any] = {"exclude_project_ids": [excluded.id]}
    if named:
        query["project_ids"] = [project.id, excluded.id]
    sensor = FieldingStatusSensor(task_id="x", status="live", query=query, deferrable=False)
    assert FakeTask().start(sensor) == {"status": "live", "target_groups": 2}


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "live"},
        {"status": "live", "project_id": "01BTGNYV6HRNK8K8VKZASZCFP0"},
        {"status": "lively", "query": {}},
        {"status": "live", "query": {"status": ["live"]}},
        {"status": "live", "query": TargetGroupQuery(status=["live"])},
        {"status": "live", "query": {"countries": ["de"]}},
        {"status": "live", "query": "{'country': ['de']}"},
        {"status": "live", "query": {}, "project_id": "p", "target_group_id": "g"},
    ],
)
def test_an_invalid_condition_fails_without_a_request(connected: Sandbox, fields: dict[str, Any]) -> None:
    """An invalid condition fails the task without a retry and without a request."""
    with pytest.raises(AirflowFailException):
        FakeTask().start(FieldingStatusSensor(task_id="x", **fields))
    assert not connected.requests
