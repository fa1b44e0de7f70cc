"""The operators in one process, with an in-memory task instance."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk import DAG, Asset, BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException, TaskDeferred
from airflow.sdk.execution_time.context import OutletEventAccessors
from support.airflow_site import connection_json
from support.fake_task import FakeTask, posts, run_task

from fieldingkit.airflow import (
    EnsureFieldingStatusOperator,
    FieldingBatchOperator,
    FieldingJobsTrigger,
    FieldingReportOperator,
    FieldingStatusSensor,
    FieldingSweepOperator,
)
from fieldingkit.sandbox import Sandbox, faults
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
    assert datetime.fromisoformat(result.pop("verified_at")) <= datetime.now(UTC)
    assert result == {
        "task": {"dag_id": "nightly", "run_id": "scheduled__2026-01-01", "task_id": "pause", "map_index": -1},
        "action": "pause",
        "headline": "3 of 4 target groups are paused",
        "counts": {"updated": 3, "unchanged": 0, "failed": 1, "skipped": 0, "not_sent": 0, "unknown": 0},
        "failures": {"StatusTransitionNotAllowed": 1},
        "changed": 0,
        "unclaimed": 0,
        "jobs": 1,
        "stragglers": 0,
        "unlisted": 0,
        "unverified": 0,
        "as_of": None,
    }
    (problem,) = task.pushed["details"]["problems"]
    assert problem["target_group_id"] == project.ids("draft")[0]
    assert (problem["outcome"], problem["code"]) == ("failed", "StatusTransitionNotAllowed")


def test_a_sweep_that_does_not_defer_runs_on_the_worker(connected: Sandbox) -> None:
    """``deferrable=False`` returns the same result from one call."""
    project = connected.seed(live=3)
    operator = FieldingSweepOperator(
        task_id="pause", action="pause", query={"project_ids": [project.id]}, deferrable=False
    )
    task = FakeTask()
    result = task.start(operator)
    assert result["counts"]["updated"] == result["changed"] == 3
    (changed,) = task.pushed["details"]["changed"]
    assert list(connected.jobs) == [changed["job_id"]] == [job["job_id"] for job in task.pushed["details"]["jobs"]]
    assert changed == {
        "project_id": project.id,
        "job_id": changed["job_id"],
        "target_group_ids": list(project.ids()),
    }


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
        ({"action": "pause", "query": {"statu": ["live"]}}, "query has no fields statu"),
        ({"action": "pause", "query": "{'status': ['live']}"}, "render_template_as_native_obj"),
        ({"action": "pause", "target_groups": ["x"]}, "target_groups must be a mapping"),
        ({"action": "pause", "target_groups": {"x": None}}, "target_groups"),
        ({"action": "pause", "target_groups": {"01K0000000000000000000000P": "x, y"}}, r"target_groups.*'x, y'"),
        ({"action": "pause", "changed_by": "x"}, "changed_by must be a mapping"),
        ({"action": "pause", "changed_by": {"task": {}, "counts": {}}}, "changed_by must be the `task` of a result"),
    ],
)
def test_an_invalid_plan_fails_without_a_retry(connected: Sandbox, fields: dict[str, Any], message: str) -> None:
    """The task fails at once and names the parameter."""
    with pytest.raises(AirflowFailException, match=message):
        FakeTask().start(FieldingSweepOperator(task_id="x", **fields))
    assert not connected.requests


@pytest.mark.parametrize("ids", [[], "", None, 7, ["x"]])
def test_a_batch_without_valid_ids_fails_without_a_retry(connected: Sandbox, ids: Any) -> None:
    """Without target groups there is no job, and no request is sent; a template may also render to None."""
    project = connected.seed(live=1)
    with pytest.raises(AirflowFailException, match="target_groups"):
        FakeTask().start(
            FieldingBatchOperator(task_id="x", action="pause", project_id=project.id, target_group_ids=ids)
        )
    assert not connected.requests


SWEEP: dict[str, Any] = {"action": "pause", "query": {"status": ["live"]}}
ONE: dict[str, Any] = {"project_id": "01K0000000000000000000000P", "target_group_id": "01K0000000000000000000000G"}
REPORT: dict[str, Any] = {
    "report_type": "completes",
    "period_start": datetime.now(UTC).date() - timedelta(days=1),
    "period_end": datetime.now(UTC).date(),
    "path": "completes.csv",
}
TASKS = [
    pytest.param(FieldingSweepOperator, SWEEP, id="sweep"),
    pytest.param(EnsureFieldingStatusOperator, {**ONE, "status": "paused"}, id="ensure"),
    pytest.param(FieldingStatusSensor, {**ONE, "status": "paused"}, id="sensor"),
    pytest.param(FieldingReportOperator, REPORT, id="report"),
]


@pytest.mark.parametrize(("operator", "fields"), TASKS)
@pytest.mark.parametrize(
    ("connection", "message"),
    [
        ({"password": ""}, "has no credentials"),
        ({"extra": {"acount_id": "101"}}, "unknown fields acount_id"),
        ({"extra": {"rate": "fast"}}, "rate must be a number"),
        ({"host": "api.cint.com/v1"}, "base_url"),
    ],
)
def test_a_wrong_connection_fails_a_task_without_a_retry(
    connected: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    operator: type[BaseOperator],
    fields: dict[str, Any],
    connection: dict[str, Any],
    message: str,
) -> None:
    """The message says what is wrong with the connection, shows no credential, and nothing is sent."""
    stored = json.loads(connection_json(connected)) | connection
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", json.dumps(stored))
    with pytest.raises(AirflowFailException, match=message) as failed:
        FakeTask().start(operator(task_id="x", fielding_conn_id="other", **fields))
    assert connected.client_secret not in str(failed.value)
    assert not connected.requests


@pytest.mark.parametrize(("operator", "fields"), TASKS)
@pytest.mark.parametrize("rendered", ["nowhere", "None"])
def test_a_connection_that_does_not_exist_is_named(
    connected: Sandbox, operator: type[BaseOperator], fields: dict[str, Any], rendered: str
) -> None:
    """A template of the connection id may render to anything; nothing is sent."""
    with pytest.raises(AirflowException, match=rendered):
        FakeTask().start(operator(task_id="x", fielding_conn_id=rendered, **fields))
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
    morning = FakeTask(dag_id="morning", elsewhere={tuple(paused["task"].values()): night})
    resumed = run_task(morning, FieldingSweepOperator(task_id="x", action="resume", changed_by=paused["task"]))
    assert resumed["counts"]["updated"] == 2
    assert Counter(group.status for group in project.groups) == {"live": 2, "paused": 2}
    with pytest.raises(AirflowFailException, match="has no result in XCom"):
        FakeTask().start(FieldingSweepOperator(task_id="x", action="resume", changed_by=paused["task"]))


@pytest.mark.parametrize("check", [True, False])
def test_an_undo_skips_what_was_changed_again(connected: Sandbox, *, check: bool) -> None:
    """A target group that a colleague resumed and paused again stays paused, unless the history is not checked."""
    project = connected.seed(live=3)
    moved = project.ids()[0]
    night = FakeTask()
    paused = run_task(night, FieldingSweepOperator(task_id="x", action="pause", query={"project_ids": [project.id]}))
    for action in ("resume", "pause"):
        run_task(
            FakeTask(run_id=f"colleague {action}"),
            FieldingBatchOperator(task_id="x", action=action, project_id=project.id, target_group_ids=moved),
        )
    morning = FakeTask(dag_id="morning", elsewhere={tuple(paused["task"].values()): night})
    undo = FieldingSweepOperator(task_id="x", action="resume", changed_by=paused["task"], check_history=check)
    resumed = run_task(morning, undo)
    assert resumed["counts"]["updated"] == (2 if check else 3)
    assert resumed["counts"]["skipped"] == (1 if check else 0)
    assert list(project.ids("paused")) == ([moved] if check else [])
    reads = [request.operation_id for request in connected.requests].count("get_target_group_changelog")
    assert reads == (3 if check else 0)
    assert run_task(morning, undo)["counts"] == resumed["counts"]  # the next try keeps what was skipped


def test_an_undo_checks_again_what_it_could_not_check(connected: Sandbox) -> None:
    """A changelog that cannot be read leaves its target group unknown, until a retry can read it."""
    project = connected.seed(live=3)
    night = FakeTask()
    paused = run_task(night, FieldingSweepOperator(task_id="x", action="pause", query={"project_ids": [project.id]}))
    morning = FakeTask(dag_id="morning", elsewhere={tuple(paused["task"].values()): night})
    undo = FieldingSweepOperator(task_id="x", action="resume", changed_by=paused["task"])
    connected.faults.add("get_target_group_changelog", faults.Answer(403))
    with pytest.raises(AirflowException, match="1 outcomes are unknown: not undone: its changelog") as failed:
        run_task(morning, undo)
    assert not isinstance(failed.value, AirflowFailException)
    assert len(project.ids("live")) == 2
    connected.requests.clear()
    assert run_task(morning, undo)["counts"]["updated"] == 3
    assert [request.operation_id for request in connected.requests].count("get_target_group_changelog") == 1
    connected.requests.clear()
    assert run_task(morning, undo)["counts"]["updated"] == 3
    assert not connected.requests


def test_an_undo_names_what_the_other_task_left_unknown(connected: Sandbox) -> None:
    """A target group that the night may have paused is not resumed, and the morning says so."""
    project = connected.seed(live=3)
    night = FakeTask()
    paused = run_task(night, FieldingSweepOperator(task_id="x", action="pause", query={"project_ids": [project.id]}))
    details = night.pushed["details"]
    details["changed"][0]["target_group_ids"].remove(project.ids()[0])
    unknown = {"target_group_id": project.ids()[0], "project_id": project.id, "outcome": "unknown"}
    details["problems"] = [{**unknown, "name": "Germany", "short_id": "TG-1", "code": None, "reason": "?"}]
    morning = FakeTask(dag_id="morning", elsewhere={tuple(paused["task"].values()): night})
    undo = FieldingSweepOperator(
        task_id="x", action="resume", changed_by=paused["task"], check_history=False, fail_on="never"
    )
    resumed = run_task(morning, undo)
    assert (resumed["counts"]["updated"], resumed["counts"]["unknown"]) == (2, 1)
    assert list(project.ids("paused")) == [project.ids()[0]]
    (problem,) = morning.pushed["details"]["problems"]
    assert (problem["name"], problem["outcome"]) == ("Germany", "unknown")


def test_an_undo_names_what_no_job_of_the_other_task_reported(connected: Sandbox) -> None:
    """Target groups that are paused, but perhaps not by the night, are not resumed, and the morning says so."""
    project = connected.seed(live=3)
    night = FakeTask()
    pause = FieldingSweepOperator(task_id="x", action="pause", query={"project_ids": [project.id]}, max_retries=0)
    connected.faults.add("get_bulk_pause_target_groups_job", faults.JobGone(410), times=None)
    paused = run_task(night, pause)
    assert (paused["changed"], paused["unclaimed"]) == (0, 3)
    assert len(night.pushed["details"]["unclaimed"]) == 3
    morning = FakeTask(dag_id="morning", elsewhere={tuple(paused["task"].values()): night})
    undo = FieldingSweepOperator(task_id="x", action="resume", changed_by=paused["task"], fail_on="never")
    assert run_task(morning, undo)["counts"]["unknown"] == 3
    assert len(project.ids("paused")) == 3


def test_an_undo_of_another_account_is_refused(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep of one account is not undone with the connection of another one."""
    project = connected.seed(live=1)
    night = FakeTask()
    paused = run_task(night, FieldingSweepOperator(task_id="x", action="pause", query={"project_ids": [project.id]}))
    connected.requests.clear()
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", connection_json(connected, account_id="202"))
    morning = FakeTask(dag_id="morning", elsewhere={tuple(paused["task"].values()): night})
    for check in (True, False):
        operator = FieldingSweepOperator(
            task_id="x", action="resume", changed_by=paused["task"], check_history=check, fielding_conn_id="other"
        )
        with pytest.raises(AirflowFailException, match=r"account 101 at .* account 202 at .*nothing was sent"):
            morning.start(operator)
    assert not connected.requests


def test_a_target_group_that_went_live_meanwhile_fails_the_task(connected: Sandbox) -> None:
    """The statuses are read after the last job: what is live then is reported, and no headline claims all."""
    project = connected.seed(live=2, scheduled=1)
    (late,) = project.ids("scheduled")
    task = FakeTask()
    operator = FieldingSweepOperator(task_id="x", action="pause", query={"project_ids": [project.id]})
    deferred = task.start(operator)
    launch = FieldingBatchOperator(task_id="x", action="launch", project_id=project.id, target_group_ids=late)
    assert run_task(FakeTask(run_id="colleague"), launch)["counts"]["updated"] == 1
    with pytest.raises(AirflowFailException, match="1 target groups do not have the status: went live since"):
        task.come_back(operator, deferred, {"jobs": []})
    result = task.pushed["return_value"]
    assert result["stragglers"] == 1
    assert not result["headline"].startswith("All")
    (problem,) = task.pushed["details"]["problems"]
    assert (problem["outcome"], problem["target_group_id"]) == ("straggler", late)


def test_a_task_without_verification_reads_nothing_after_its_jobs(connected: Sandbox) -> None:
    """``verify=False`` leaves out the last list, and the result has no time of a verification."""
    project = connected.seed(live=3)

    def lists(task: FakeTask, *, verify: bool) -> int:
        connected.requests.clear()
        operator = FieldingBatchOperator(
            task_id="x", action="pause", project_id=project.id, target_group_ids=project.ids(), verify=verify
        )
        assert (run_task(task, operator)["verified_at"] is not None) is verify
        return [request.operation_id for request in connected.requests].count("get_list_target_groups")

    assert lists(FakeTask(), verify=False) == 0
    assert lists(FakeTask(run_id="next"), verify=True) == 1


def test_a_large_result_has_a_small_value_in_xcom(connected: Sandbox) -> None:
    """A task's result has counts; its target groups are in another XCom, which aggregating tasks do not read."""
    projects = [connected.seed(live=100) for _ in range(3)]
    task = FakeTask()
    query = {"project_ids": [project.id for project in projects]}
    result = run_task(task, FieldingSweepOperator(task_id="x", action="pause", query=query))
    assert result["changed"] == 300
    assert len(json.dumps(result)) < 1000
    changed = [id_ for entry in task.pushed["details"]["changed"] for id_ in entry["target_group_ids"]]
    assert sorted(changed) == sorted(id_ for project in projects for id_ in project.ids())


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
