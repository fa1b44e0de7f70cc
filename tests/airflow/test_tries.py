"""Retries and cleared tasks: no job is created twice, and the result is correct in the end."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest
import structlog
from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException, TaskDeferred
from support.airflow_site import connection_json
from support.fake_task import FakeTask, MemoryStore, posts, run_task

from fieldingkit.airflow import (
    EnsureFieldingStatusOperator,
    FieldingBatchOperator,
    FieldingJobsTrigger,
    FieldingSweepOperator,
)
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.sandbox.model.jobs import Job


def test_keys_depend_on_the_task_and_the_run_but_not_on_the_try(connected: Sandbox) -> None:
    """The same task of the same run sends the same key, and any other task another key."""
    project = connected.seed(live=3)

    def key(task: FakeTask, action: str = "pause", ids: tuple[str, ...] = project.ids()) -> str:
        connected.requests.clear()
        task.start(FieldingBatchOperator(task_id="any", action=action, project_id=project.id, target_group_ids=ids))
        return posts(connected)[0]

    first = key(FakeTask())
    assert key(FakeTask()) == first
    others = [
        key(FakeTask(dag_id="other")),
        key(FakeTask(run_id="other")),
        key(FakeTask(task_id="other")),
        key(FakeTask(map_index=0)),
        key(FakeTask(), action="resume"),
        key(FakeTask(), ids=project.ids()[:2]),
    ]
    assert len({first, *others}) == 7


def test_a_try_killed_after_its_post_leaves_its_job_to_the_next(connected: Sandbox) -> None:
    """A try that is killed before it saves the acceptance: the next one sends the same key and gets the same job."""
    project = connected.seed(live=3)
    task = FakeTask()

    class Killed(MemoryStore):
        """A store that fails after three writes: the target groups, the run, and the key that is about to be used."""

        def set(self, key: str, value: Any) -> None:
            if self.writes < 3:
                super().set(key, value)
            else:
                raise KeyboardInterrupt

    task.store = Killed()
    sweep = {"task_id": "pause", "action": "pause", "query": {"project_ids": [project.id], "status": ["live"]}}
    with pytest.raises(KeyboardInterrupt):
        task.start(FieldingSweepOperator(**sweep))
    assert len(connected.jobs) == 1
    store = MemoryStore()
    store.update(task.store)
    task.store = store
    connected.clock.advance(10)  # the job ends between the tries: its target groups are no longer live
    result = run_task(task, FieldingSweepOperator(**sweep))
    assert result["counts"] == {"updated": 3, "unchanged": 0, "failed": 0, "skipped": 0, "not_sent": 0, "unknown": 0}
    assert result["changed"] == 3
    assert len(connected.jobs) == 1
    assert len(posts(connected)) == 2
    assert len(set(posts(connected))) == 1


def test_a_try_killed_while_it_waited_resumes_its_job(connected: Sandbox) -> None:
    """The token is in the store, so nothing is discovered or sent again."""
    project = connected.seed(live=3)
    task = FakeTask()
    sweep = {"task_id": "pause", "action": "pause", "query": {"project_ids": [project.id], "status": ["live"]}}
    assert isinstance(task.start(FieldingSweepOperator(**sweep)), TaskDeferred)
    requests = len(connected.requests)
    again = task.start(FieldingSweepOperator(**sweep))
    assert isinstance(again, TaskDeferred)
    assert len(connected.requests) == requests
    assert run_task(task, FieldingSweepOperator(**sweep))["counts"]["updated"] == 3
    assert len(connected.jobs) == 1


def test_an_event_of_an_earlier_try_settles_the_jobs_of_all(connected: Sandbox) -> None:
    """A task that was restarted twice while it waited resumes with any of its events, and an event counts once."""
    project = connected.seed(live=3)
    task = FakeTask()
    operator = FieldingSweepOperator(task_id="pause", action="pause", query={"project_ids": [project.id]})
    deferrals = [task.start(operator) for _ in range(3)]
    connected.clock.advance(10)
    results = [task.come_back(operator, deferred, {"jobs": []}) for deferred in deferrals]
    assert [result["changed"] for result in results] == [3, 3, 3]
    assert [result["as_of"] is None for result in results] == [True, False, False]
    assert len(posts(connected)) == len(connected.jobs) == 1


@pytest.mark.parametrize("pushed", ["details", "return_value"])
def test_a_result_that_airflow_does_not_store_is_returned_by_the_next_try(connected: Sandbox, pushed: str) -> None:
    """An XCom backend may refuse a value, such as a large one: nothing is lost, and nothing is sent again."""
    project = connected.seed(live=2, draft=1)

    class Full(FakeTask):
        """A task whose XCom backend refuses a value."""

        def xcom_push(self, key: str, value: Any) -> None:
            if key == pushed:
                raise AirflowException("the value is too large")
            super().xcom_push(key, value)

    fields = {"action": "pause", "project_id": project.id, "target_group_ids": project.ids()}
    full = Full()
    with pytest.raises(AirflowException, match="too large"):
        run_task(full, FieldingBatchOperator(task_id="x", **fields))
    result = run_task(FakeTask(store=full.store), FieldingBatchOperator(task_id="x", **fields, fail_on="never"))
    assert (result["counts"]["updated"], result["counts"]["failed"]) == (2, 1)
    assert len(posts(connected)) == 1


def test_a_cleared_task_warns_that_its_result_is_old(connected: Sandbox) -> None:
    """A cleared task reports its run again without a request, and says when that run was finished."""
    project = connected.seed(live=3)
    task = FakeTask()
    sweep = {"task_id": "pause", "action": "pause", "query": {"project_ids": [project.id]}}
    with structlog.testing.capture_logs() as logs:
        result = run_task(task, FieldingSweepOperator(**sweep))
    assert result["headline"] == "All 3 target groups are paused"
    assert not [entry for entry in logs if "an earlier try" in entry["event"]]
    connected.requests.clear()
    with structlog.testing.capture_logs() as logs:
        again = run_task(task, FieldingSweepOperator(**sweep))
    assert not connected.requests
    assert again["counts"] == result["counts"]
    assert datetime.fromisoformat(again["as_of"]) <= datetime.fromisoformat(result["verified_at"])
    assert "are paused" not in again["headline"]
    (warning,) = [entry for entry in logs if "an earlier try" in entry["event"]]
    assert warning["log_level"] == "warning"
    assert "nothing was sent" in warning["event"]


def test_a_task_killed_before_its_verification_verifies_in_the_next_try(connected: Sandbox) -> None:
    """The end of the run is saved before the statuses are read; the next try reads them."""
    project = connected.seed(live=3)
    task = FakeTask()
    sweep = {"task_id": "pause", "action": "pause", "query": {"project_ids": [project.id]}}
    assert run_task(task, FieldingSweepOperator(**sweep, verify=False))["verified_at"] is None
    assert run_task(task, FieldingSweepOperator(**sweep))["verified_at"] is not None
    assert len(posts(connected)) == 1


def test_projects_that_could_not_be_verified_are_read_by_the_next_try(connected: Sandbox) -> None:
    """A verification that fails is no final failure: the jobs have ended, and only the reading is repeated."""
    project = connected.seed(live=3)
    task = FakeTask()
    operator = FieldingSweepOperator(task_id="x", action="pause", query={"project_ids": [project.id]})
    deferred = task.start(operator)
    connected.faults.add("get_list_target_groups", faults.Answer(403))
    with pytest.raises(AirflowException, match="1 projects could not be verified") as failed:
        task.come_back(operator, deferred, {"jobs": []})
    assert not isinstance(failed.value, AirflowFailException)
    connected.faults.clear()
    assert run_task(task, operator)["unverified"] == 0
    assert len(posts(connected)) == 1


def test_an_expired_key_is_not_sent_again(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hours later the API may have forgotten a key: the target groups are read, and none is claimed as changed."""
    project = connected.seed(live=3)
    task = FakeTask()
    sweep = {"task_id": "pause", "action": "pause", "query": {"project_ids": [project.id]}}
    task.start(FieldingSweepOperator(**sweep))
    (rows,) = (value for key, value in task.store.items() if ".chunk." in key)
    rows[0]["state"] = "sending"
    del rows[0]["token"], rows[0]["job_id"]
    connected.clock.advance(7200)
    result = run_task(task, FieldingSweepOperator(**sweep))
    assert result["counts"]["unchanged"] == 3
    assert len(posts(connected)) == 1


def test_a_changed_plan_starts_a_new_sweep(connected: Sandbox) -> None:
    """A DAG that was edited between two tries runs its new plan with other keys."""
    project = connected.seed(live=3)
    task = FakeTask()
    run_task(task, FieldingSweepOperator(task_id="x", action="pause", target_groups={project.id: project.ids()[:1]}))
    result = run_task(
        task, FieldingSweepOperator(task_id="x", action="pause", target_groups={project.id: project.ids()})
    )
    assert result["counts"] == {"updated": 2, "unchanged": 1, "failed": 0, "skipped": 0, "not_sent": 0, "unknown": 0}
    assert len(connected.jobs) == 2


def test_a_plan_that_returns_reads_no_state_of_its_first_run(connected: Sandbox) -> None:
    """A DAG that is edited and edited back starts a new sweep each time, and reads no state of earlier ones."""
    project = connected.seed(live=3)
    task = FakeTask()
    one = {project.id: project.ids()[:1]}
    run_task(task, FieldingSweepOperator(task_id="x", action="pause", target_groups=one))
    run_task(task, FieldingSweepOperator(task_id="x", action="pause", target_groups={project.id: project.ids()}))
    again = run_task(task, FieldingSweepOperator(task_id="x", action="pause", target_groups=one))
    assert again["counts"]["unchanged"] == 1
    assert len(connected.jobs) == 2


def test_a_connection_to_another_account_is_refused(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is edited between two tries: both accounts are named, and nothing is sent."""
    project = connected.seed(live=3)
    task = FakeTask()
    sweep = {"task_id": "pause", "action": "pause", "query": {"project_ids": [project.id]}}
    task.start(FieldingSweepOperator(**sweep))
    connected.requests.clear()
    monkeypatch.setenv("AIRFLOW_CONN_FIELDINGKIT_DEFAULT", connection_json(connected, account_id="202"))
    with pytest.raises(AirflowFailException, match=r"account 101 at .* account 202 at .*nothing was"):
        task.start(FieldingSweepOperator(**sweep))
    assert not connected.requests


@pytest.mark.parametrize("operator", [FieldingSweepOperator, EnsureFieldingStatusOperator])
def test_a_task_without_a_state_store_fails_before_it_sends_anything(
    connected: Sandbox, operator: type[BaseOperator]
) -> None:
    """An Airflow before 3.3 has no state store, without which a retry could not resume the task."""
    sweep = {"action": "pause", "query": {}}
    ensure = {"project_id": "p", "target_group_id": "g", "status": "paused"}
    task = operator(task_id="x", **(sweep if operator is FieldingSweepOperator else ensure))
    context = FakeTask().context(task)
    del context["task_state_store"]
    with pytest.raises(AirflowFailException, match=r"Airflow 3\.3 or newer; nothing was sent"):
        task.execute(context)
    assert not connected.requests


def test_internal_errors_of_the_api_are_retried_in_another_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """Failed target groups are sent again with a new key, and the trigger waits for that job too."""
    failing: list[str] = []

    def code(job: Job, id_: str) -> str | None:
        return "unexpected_internal_error" if id_ in failing and list(sandbox.jobs) == [job.id] else None

    with Sandbox(failing_items=code) as sandbox:
        monkeypatch.setenv("AIRFLOW_CONN_FIELDINGKIT_DEFAULT", connection_json(sandbox))
        project = sandbox.seed(live=3)
        failing.append(project.ids()[0])
        task = FakeTask()
        operator = FieldingSweepOperator(task_id="x", action="pause", target_groups={project.id: project.ids()})
        first = task.start(operator)
        sandbox.clock.advance(10)
        second = task.come_back(operator, first, {"jobs": []})
        assert isinstance(second, TaskDeferred)
        assert isinstance(second.trigger, FieldingJobsTrigger)
        assert len(sandbox.jobs) == 2
        assert len(second.trigger.tokens) == 1
        result = task.come_back(operator, second, {"jobs": []})
        assert result["counts"]["updated"] == result["changed"] == 3
        assert [job["job_id"] for job in task.pushed["details"]["jobs"]] == list(sandbox.jobs)
        again = run_task(task, operator)
        assert again["counts"] == result["counts"]  # the next try finds the follow-up in the store as well
        assert [job["job_id"] for job in task.pushed["details"]["jobs"]] == list(sandbox.jobs)


def test_a_job_that_could_not_be_sent_is_sent_by_the_next_try(connected: Sandbox) -> None:
    """An outage fails the task so that Airflow retries it, and the retry resumes the sweep."""
    project = connected.seed(live=2)
    connected.faults.add("create_bulk_pause_target_groups_job", faults.Answer(403, {"object": "forbidden"}))
    task = FakeTask()
    batch = {"action": "pause", "project_id": project.id, "target_group_ids": project.ids(), "fail_on": "unknown"}
    with pytest.raises(AirflowException, match="2 target groups are not settled") as failed:
        task.start(FieldingBatchOperator(task_id="x", **batch))
    assert not isinstance(failed.value, AirflowFailException)
    connected.faults.clear()
    assert run_task(task, FieldingBatchOperator(task_id="x", **batch))["counts"]["updated"] == 2


def test_a_project_that_could_not_be_listed_is_listed_by_the_next_try(connected: Sandbox) -> None:
    """The other projects are swept at once; the task is retried until each project was listed and swept once."""
    projects = [connected.seed(live=2), connected.seed(live=2)]
    query = {"project_ids": [project.id for project in projects], "status": ["live"]}
    operator = FieldingSweepOperator(task_id="x", action="pause", query=query, deferrable=False)
    connected.faults.add("get_list_target_groups", faults.Answer(403))
    task = FakeTask()
    with pytest.raises(AirflowException, match="1 projects could not be listed") as failed:
        run_task(task, operator)
    assert not isinstance(failed.value, AirflowFailException)
    assert sorted(len(project.ids("paused")) for project in projects) == [0, 2]
    result = run_task(task, operator)
    assert result["counts"]["updated"] == result["changed"] == 4
    assert result["unlisted"] == 0
    assert len(posts(connected)) == len(connected.jobs) == 2


def test_jobs_that_time_out_are_settled_by_reading(connected: Sandbox) -> None:
    """After the timeout the target groups are read: those with the status are updated, the others unknown."""
    project = connected.seed(live=2)
    connected.faults.add("create_bulk_pause_target_groups_job", faults.StuckJob())
    task = FakeTask()
    operator = FieldingBatchOperator(
        task_id="x",
        action="pause",
        project_id=project.id,
        target_group_ids=project.ids(),
        job_timeout=0.3,
    )
    deferred = task.start(operator)
    assert isinstance(deferred, TaskDeferred)
    assert deferred.timeout is not None
    assert deferred.timeout.total_seconds() == 0.3
    with pytest.raises(AirflowException, match="not settled") as failed:
        operator.resume_execution("__fail__", {"error": "Trigger timeout"}, task.context(operator))
    assert not isinstance(failed.value, AirflowFailException)
    assert task.pushed["return_value"]["counts"]["unknown"] == 2
    assert [problem["target_group_id"] for problem in task.pushed["details"]["problems"]] == list(project.ids())


def test_two_tries_at_the_same_moment_create_one_job_for_each_chunk(connected: Sandbox) -> None:
    """A worker that Airflow takes for dead may still run when the next try starts: both send the same keys."""
    connected.clock.freeze()
    projects = [connected.seed(live=4) for _ in range(3)]
    query = {"project_ids": [project.id for project in projects], "status": ["live"]}
    task = FakeTask()
    operators = [FieldingSweepOperator(task_id="x", action="pause", query=query, chunk_size=2) for _ in range(2)]
    together = threading.Barrier(2)

    def start(operator: FieldingSweepOperator) -> Any:
        together.wait()
        return task.start(operator)

    with ThreadPoolExecutor(2) as threads:
        deferred = list(threads.map(start, operators))
    assert len(connected.jobs) == len(set(posts(connected))) == 6
    connected.clock.advance(10)
    results = [task.come_back(operator, each, {}) for operator, each in zip(operators, deferred, strict=True)]
    assert [result["changed"] for result in results] == [12, 12]
    assert len(connected.jobs) == len(set(posts(connected))) == 6


def test_a_try_whose_writes_are_refused_sends_nothing(connected: Sandbox) -> None:
    """Airflow refuses the writes of a try that another one has replaced, and a key is saved before it is used."""
    project = connected.seed(live=3)

    class Refusing(MemoryStore):
        """A store that refuses all writes after the target groups and the run."""

        def set(self, key: str, value: Any) -> None:
            if self.writes == 2:
                raise AirflowException("the task instance was not found")
            super().set(key, value)

    task = FakeTask(store=Refusing())
    with pytest.raises(AirflowException, match="was not found"):
        task.start(FieldingSweepOperator(task_id="x", action="pause", query={"project_ids": [project.id]}))
    assert not posts(connected)
