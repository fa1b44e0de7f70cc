"""The operators in one process, with an in-memory task instance."""

from collections import Counter
from typing import Any

import pytest
from airflow.sdk import DAG, Asset, BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException, TaskDeferred
from airflow.sdk.execution_time.context import OutletEventAccessors
from support.fake_task import FakeTask, posts, run_task

from fieldingkit.airflow import (
    EnsureFieldingStatusOperator,
    FieldingBatchOperator,
    FieldingJobsTrigger,
    FieldingStatusSensor,
    FieldingSweepOperator,
)
from fieldingkit.sandbox import Sandbox
from fieldingkit.sweeps import TargetGroupQuery


def test_a_batch_defers_with_its_token_and_returns_plain_json(connected: Sandbox) -> None:
    """One job, a trigger with only tokens and a connection id, and counts with failures by code."""
    project = connected.seed(live=3, draft=1)
    task, operator = (
        FakeTask(),
        FieldingBatchOperator(
            task_id="pause", action="pause", project_id=project.id, target_group_ids=project.ids(), fail_on="never"
        ),
    )
    deferred = task.start(operator)
    assert isinstance(deferred, TaskDeferred)
    assert isinstance(deferred.trigger, FieldingJobsTrigger)
    assert deferred.trigger.serialize()[1].keys() == {"tokens", "fielding_conn_id"}
    assert len(connected.jobs) == 1
    result = task.come_back(operator, deferred, {"jobs": []})
    assert result == {
        "task": {"dag_id": "nightly", "run_id": "scheduled__2026-01-01", "task_id": "pause", "map_index": -1},
        "action": "pause",
        "counts": {"updated": 3, "unchanged": 0, "failed": 1, "skipped": 0, "not_sent": 0, "unknown": 0},
        "failures": {"StatusTransitionNotAllowed": list(project.ids("draft"))},
        "unknown": [],
        "changed": {},
        "jobs": list(connected.jobs),
    }


def test_a_sweep_that_does_not_defer_runs_on_the_worker(connected: Sandbox) -> None:
    """``deferrable=False`` returns the same result from one call."""
    project = connected.seed(live=3)
    operator = FieldingSweepOperator(
        task_id="pause", action="pause", query={"project_ids": [project.id]}, deferrable=False
    )
    result = FakeTask().start(operator)
    assert result["counts"]["updated"] == 3
    assert result["changed"] == {project.id: list(project.ids())}
    assert len(connected.jobs) == 1


def test_ids_are_accepted_as_a_string(connected: Sandbox) -> None:
    """A template renders to a string, in which spaces or commas separate the ids."""
    project = connected.seed(live=3)
    operator = FieldingBatchOperator(
        task_id="pause", action="pause", project_id=project.id, target_group_ids=", ".join(project.ids())
    )
    assert run_task(FakeTask(), operator)["counts"]["updated"] == 3


def test_a_query_object_is_accepted_like_its_fields(connected: Sandbox) -> None:
    """A DAG file may write a query with the class or as a mapping."""
    project = connected.seed(live=2, paused=1)
    query = TargetGroupQuery(project_ids=[project.id], status=["live"])
    result = run_task(FakeTask(), FieldingSweepOperator(task_id="x", action="pause", query=query))
    assert result["counts"]["updated"] == 2


@pytest.mark.parametrize(
    "operator", [FieldingSweepOperator, FieldingBatchOperator, EnsureFieldingStatusOperator, FieldingStatusSensor]
)
def test_the_connection_can_be_templated(operator: type[BaseOperator]) -> None:
    """A DAG selects the account of a run with a template of the connection id."""
    fields: dict[str, Any] = {"action": "pause", "query": {}}
    if operator is not FieldingSweepOperator:
        fields = {"project_id": "p", "target_group_id": "g", "status": "live"}
    if operator is FieldingBatchOperator:
        fields = {"action": "pause", "project_id": "p", "target_group_ids": "g"}
    with DAG("d", schedule=None):
        task = operator(task_id="x", fielding_conn_id="cint_{{ params.account }}", **fields)
    task.render_template_fields({"params": {"account": "de"}})
    assert vars(task)["fielding_conn_id"] == "cint_de"


def test_a_resumed_task_calls_execute_complete(connected: Sandbox) -> None:
    """The method has the name that Airflow's own deferrable operators use."""
    project = connected.seed(live=1)
    operator = FieldingSweepOperator(task_id="x", action="pause", query={"project_ids": [project.id]})
    task = FakeTask()
    deferred = task.start(operator)
    assert isinstance(deferred, TaskDeferred)
    assert deferred.method_name == "execute_complete"
    assert operator.execute_complete(task.context(operator), {"jobs": []})["counts"]["updated"] == 1


def test_fail_on_selects_when_a_task_fails(connected: Sandbox) -> None:
    """``any`` fails for a rejection, ``unknown`` and ``never`` do not; the result is in XCom in every case."""
    project = connected.seed(live=2, draft=1)

    def outcome(fail_on: Any) -> tuple[FakeTask, Any]:
        task = FakeTask(task_id=fail_on)
        batch = {"action": "pause", "project_id": project.id, "target_group_ids": project.ids(), "fail_on": fail_on}
        try:
            return task, run_task(task, FieldingBatchOperator(task_id="x", **batch))
        except AirflowException as exc:
            return task, exc

    task, failed = outcome("any")
    assert isinstance(failed, AirflowFailException)
    assert "1 StatusTransitionNotAllowed" in str(failed)
    assert task.pushed["return_value"]["counts"]["failed"] == 1
    assert outcome("unknown")[1]["counts"]["failed"] == 1
    assert outcome("never")[1]["counts"]["failed"] == 1


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"action": "pause"}, "either target_groups or a query"),
        ({"action": "sing", "query": {}}, "action must be one of"),
        ({"action": "pause", "query": {"project_ids": "x"}}, "project_ids"),
        ({"action": "pause", "query": {"statu": ["live"]}}, "a query has no fields statu"),
        ({"action": "pause", "query": "{'status': ['live']}"}, "render_template_as_native_obj"),
        ({"action": "pause", "target_groups": ["x"]}, "target_groups must be a mapping"),
        ({"action": "pause", "changed_by": "x"}, "changed_by must be a mapping"),
    ],
)
def test_an_invalid_plan_fails_without_a_retry(connected: Sandbox, fields: dict[str, Any], message: str) -> None:
    """The task fails at once and names the parameter."""
    with pytest.raises(AirflowFailException, match=message):
        FakeTask().start(FieldingSweepOperator(task_id="x", **fields))
    assert not connected.requests


def test_an_empty_batch_fails_without_a_retry(connected: Sandbox) -> None:
    """Without target groups there is no job, and no request is sent."""
    project = connected.seed(live=1)
    with pytest.raises(AirflowFailException, match="target_groups"):
        FakeTask().start(FieldingBatchOperator(task_id="x", action="pause", project_id=project.id, target_group_ids=[]))
    assert not connected.requests


def test_a_query_without_a_match_succeeds_without_jobs(connected: Sandbox) -> None:
    """A query without a match is a success without jobs and without a trigger."""
    project = connected.seed(draft=1)
    operator = FieldingSweepOperator(
        task_id="x", action="pause", query={"project_ids": [project.id], "status": ["live"]}
    )
    assert FakeTask().start(operator)["counts"] == dict.fromkeys(
        ("updated", "unchanged", "failed", "skipped", "not_sent", "unknown"), 0
    )


def test_a_sweep_undoes_what_another_task_changed(connected: Sandbox) -> None:
    """``changed_by`` selects what the other sweep changed: target groups that were paused before stay paused."""
    project = connected.seed(live=2, paused=2)
    night = FakeTask(task_id="pause", map_index=4)
    paused = run_task(night, FieldingSweepOperator(task_id="x", action="pause", query={"project_ids": [project.id]}))
    assert paused["counts"] == {"updated": 2, "unchanged": 2, "failed": 0, "skipped": 0, "not_sent": 0, "unknown": 0}
    morning = FakeTask(dag_id="morning", elsewhere={tuple(paused["task"].values()): paused})
    resumed = run_task(morning, FieldingSweepOperator(task_id="x", action="resume", changed_by=paused["task"]))
    assert resumed["counts"]["updated"] == 2
    assert Counter(group.status for group in project.groups) == {"live": 2, "paused": 2}
    with pytest.raises(AirflowFailException, match="has no result in XCom"):
        FakeTask().start(FieldingSweepOperator(task_id="x", action="resume", changed_by=paused["task"]))


def test_asset_events_contain_the_counts(connected: Sandbox) -> None:
    """The event of each asset among the outlets contains the counts."""
    project = connected.seed(live=2)
    asset = Asset("paused")
    task = FakeTask(outlet_events=OutletEventAccessors())
    run_task(
        task, FieldingSweepOperator(task_id="x", action="pause", query={"project_ids": [project.id]}, outlets=[asset])
    )
    extra = task.outlet_events[asset].extra
    assert extra == {
        "action": "pause",
        "jobs": 1,
        "updated": 2,
        "unchanged": 0,
        "failed": 0,
        "skipped": 0,
        "not_sent": 0,
        "unknown": 0,
    }


def test_a_sweep_of_many_projects_has_one_job_for_each_chunk(connected: Sandbox) -> None:
    """Chunks do not cross projects; each is one job with its own key."""
    projects = [connected.seed(live=5) for _ in range(3)]
    operator = FieldingSweepOperator(
        task_id="x", action="pause", target_groups={project.id: project.ids() for project in projects}, chunk_size=2
    )
    result = run_task(FakeTask(), operator)
    assert result["counts"]["updated"] == 15
    assert len(connected.jobs) == 9
    assert len(set(posts(connected))) == len(posts(connected)) == 9
