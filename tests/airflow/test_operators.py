"""The operators, each in this process, with what Airflow gives them kept in memory."""

from collections import Counter
from typing import Any

import pytest
from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowException, AirflowFailException, TaskDeferred
from airflow.sdk.execution_time.context import OutletEventAccessors
from support.fake_task import FakeTask, carry, posts

from fieldingkit.airflow import FieldingBatchOperator, FieldingJobsTrigger, FieldingSweepOperator
from fieldingkit.sandbox import Sandbox


def test_a_batch_defers_with_its_token_and_comes_back_with_plain_json(connected: Sandbox) -> None:
    """One job, a trigger with nothing but token and connection id, and counts with failures by reason."""
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
        "counts": {"updated": 3, "unchanged": 0, "failed": 1, "skipped": 0, "unknown": 0},
        "failures": {"StatusTransitionNotAllowed": list(project.ids("draft"))},
        "unknown": [],
        "changed": {},
        "jobs": list(connected.jobs),
    }


def test_without_deferring_it_is_all_done_on_the_worker(connected: Sandbox) -> None:
    """``deferrable=False`` gives the same result from one call."""
    project = connected.seed(live=3)
    operator = FieldingSweepOperator(
        task_id="pause", action="pause", query={"project_ids": [project.id]}, deferrable=False
    )
    result = FakeTask().start(operator)
    assert result["counts"]["updated"] == 3
    assert result["changed"] == {project.id: list(project.ids())}
    assert len(connected.jobs) == 1


def test_ids_may_come_as_text(connected: Sandbox) -> None:
    """What a template renders to is a text: ids in it are separated by spaces or commas."""
    project = connected.seed(live=3)
    operator = FieldingBatchOperator(
        task_id="pause", action="pause", project_id=project.id, target_group_ids=", ".join(project.ids())
    )
    assert carry(FakeTask(), operator)["counts"]["updated"] == 3


def test_failing_is_for_the_dag_to_choose(connected: Sandbox) -> None:
    """``any`` fails for a refusal, for good; ``unknown`` and ``never`` do not; the result is in XCom all the same."""
    project = connected.seed(live=2, draft=1)

    def outcome(fail_on: Any) -> tuple[FakeTask, Any]:
        task = FakeTask(task_id=fail_on)
        batch = {"action": "pause", "project_id": project.id, "target_group_ids": project.ids(), "fail_on": fail_on}
        try:
            return task, carry(task, FieldingBatchOperator(task_id="x", **batch))
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
        ({"action": "pause"}, "target_groups or a query"),
        ({"action": "sing", "query": {}}, "action must be one of"),
        ({"action": "pause", "query": {"project_ids": "x"}}, "project_ids"),
        ({"action": "pause", "query": {"statu": ["live"]}}, "a query has no statu"),
        ({"action": "pause", "query": "{'status': ['live']}"}, "render_template_as_native_obj"),
        ({"action": "pause", "target_groups": ["x"]}, "target_groups must be a mapping"),
        ({"action": "pause", "changed_by": "x"}, "changed_by must be a mapping"),
    ],
)
def test_a_plan_that_makes_no_sense_fails_for_good(connected: Sandbox, fields: dict[str, Any], message: str) -> None:
    """Trying again would not help: the task fails at once, by the field's name."""
    with pytest.raises(AirflowFailException, match=message):
        FakeTask().start(FieldingSweepOperator(task_id="x", **fields))
    assert not connected.requests


def test_a_batch_of_nothing_fails_for_good(connected: Sandbox) -> None:
    """No target groups are no job: the API is not asked."""
    project = connected.seed(live=1)
    with pytest.raises(AirflowFailException, match="target_groups"):
        FakeTask().start(FieldingBatchOperator(task_id="x", action="pause", project_id=project.id, target_group_ids=[]))
    assert not connected.requests


def test_nothing_found_is_nothing_done(connected: Sandbox) -> None:
    """A query without a match is a success with no jobs, and without a trigger."""
    project = connected.seed(draft=1)
    operator = FieldingSweepOperator(
        task_id="x", action="pause", query={"project_ids": [project.id], "status": ["live"]}
    )
    assert FakeTask().start(operator)["counts"] == dict.fromkeys(
        ("updated", "unchanged", "failed", "skipped", "unknown"), 0
    )


def test_a_sweep_takes_back_what_another_has_changed(connected: Sandbox) -> None:
    """``changed_by`` is exactly what the other sweep changed: what had been paused before stays paused."""
    project = connected.seed(live=2, paused=2)
    night = FakeTask(task_id="pause", map_index=4)
    paused = carry(night, FieldingSweepOperator(task_id="x", action="pause", query={"project_ids": [project.id]}))
    assert paused["counts"] == {"updated": 2, "unchanged": 2, "failed": 0, "skipped": 0, "unknown": 0}
    morning = FakeTask(dag_id="morning", elsewhere={tuple(paused["task"].values()): paused})
    resumed = carry(morning, FieldingSweepOperator(task_id="x", action="resume", changed_by=paused["task"]))
    assert resumed["counts"]["updated"] == 2
    assert Counter(group.status for group in project.groups) == {"live": 2, "paused": 2}
    with pytest.raises(AirflowFailException, match="left no result"):
        FakeTask().start(FieldingSweepOperator(task_id="x", action="resume", changed_by=paused["task"]))


def test_the_assets_of_a_task_are_told_what_came_of_it(connected: Sandbox) -> None:
    """The event of each asset among the outlets has the counts."""
    project = connected.seed(live=2)
    asset = Asset("paused")
    task = FakeTask(outlet_events=OutletEventAccessors())
    carry(
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
        "unknown": 0,
    }


def test_a_sweep_of_many_projects_has_one_job_for_each_chunk(connected: Sandbox) -> None:
    """Chunks do not cross projects; each is one job with a key of its own."""
    fleet = [connected.seed(live=5) for _ in range(3)]
    operator = FieldingSweepOperator(
        task_id="x", action="pause", target_groups={project.id: project.ids() for project in fleet}, chunk_size=2
    )
    result = carry(FakeTask(), operator)
    assert result["counts"]["updated"] == 15
    assert len(connected.jobs) == 9
    assert len(set(posts(connected))) == len(posts(connected)) == 9
