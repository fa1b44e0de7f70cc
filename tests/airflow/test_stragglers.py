"""``until_none_left``: a task also sweeps what its verification finds, across deferrals, kills and cleared tasks."""

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, TaskDeferred
from support.fake_task import FakeTask, MemoryStore, posts, run_task

from fieldingkit.airflow import FieldingJobsTrigger, FieldingSweepOperator
from fieldingkit.sandbox import Project, Sandbox, faults
from fieldingkit.sandbox.model.jobs import BatchJob


class KillingStore(MemoryStore):
    """A store whose task is killed instead of one of its writes.

    Args:
        writes: The number of writes before that.
    """

    def __init__(self, writes: int) -> None:
        super().__init__()
        self.left = writes

    def set(self, key: str, value: Any) -> None:
        """Store a value."""
        self.left -= 1
        if self.left == -1:
            raise KeyboardInterrupt
        super().set(key, value)


def pause(project: Project, **fields: Any) -> FieldingSweepOperator:
    """Return an operator that pauses the live target groups of a project until none is left."""
    query = {"project_ids": [project.id], "status": ["live"]}
    return FieldingSweepOperator(task_id="x", action="pause", query=query, until_none_left=True, **fields)


def go_live(sandbox: Sandbox, project: Project) -> None:
    """Add a live target group to a project."""
    sandbox.seed(project_id=project.id, live=1)


def finish(task: FakeTask, operator: FieldingSweepOperator, outcome: Any) -> Any:
    """Return the result of a try; whenever it defers, its trigger reports the end of the jobs at once."""
    while isinstance(outcome, TaskDeferred):
        outcome = task.come_back(operator, outcome, {"jobs": []})
    return outcome


def test_a_task_defers_for_its_stragglers_until_none_is_left(connected: Sandbox) -> None:
    """Each round of stragglers is a job that the triggerer waits for, and the result covers all of them."""
    project, task = connected.seed(live=3), FakeTask()
    operator = pause(project)
    outcome = task.start(operator)
    for _ in range(2):
        assert isinstance(outcome, TaskDeferred)
        assert isinstance(outcome.trigger, FieldingJobsTrigger)
        assert len(outcome.trigger.tokens) == 1
        go_live(connected, project)
        outcome = task.come_back(operator, outcome, {"jobs": []})
    result = task.come_back(operator, outcome, {"jobs": []})
    assert result["headline"] == "All 5 target groups are paused"
    assert (result["counts"]["updated"], result["changed"], result["jobs"], result["stragglers"]) == (5, 5, 3, 0)
    assert not project.ids("live")
    assert len(posts(connected)) == len(connected.jobs) == 3


def test_a_task_that_does_not_defer_sweeps_its_stragglers_on_the_worker(connected: Sandbox) -> None:
    """One try sends the job of its own run and that of the stragglers."""
    project, task = connected.seed(live=2), FakeTask()
    run_task(task, pause(project, deferrable=False))
    killed = FakeTask(run_id="next", store=KillingStore(writes=6))  # the verification is not saved
    go_live(connected, project)
    with pytest.raises(KeyboardInterrupt):
        run_task(killed, pause(project, deferrable=False))
    go_live(connected, project)
    assert run_task(killed, pause(project, deferrable=False))["changed"] == 2
    assert not project.ids("live")
    assert len(connected.jobs) == 3


@pytest.mark.parametrize("writes", range(17))
def test_a_task_that_is_killed_at_any_step_ends_with_one_job_for_each_chunk(connected: Sandbox, writes: int) -> None:
    """Regardless of the last step that was saved, the next try finishes the sweep and its stragglers."""
    project, task = connected.seed(live=2), FakeTask(store=KillingStore(writes))
    late = iter(range(2))

    def run() -> Any:
        operator = pause(project)
        outcome = task.start(operator)
        while isinstance(outcome, TaskDeferred):
            if next(late, None) is not None:
                go_live(connected, project)
            outcome = task.come_back(operator, outcome, {"jobs": []})
        return outcome

    try:
        result = run()
    except KeyboardInterrupt:
        result = run()
    assert not project.ids("live")
    assert result["stragglers"] == 0
    assert result["changed"] == len(project.ids("paused"))
    assert len(connected.jobs) == len(set(posts(connected))) == result["jobs"]
    sent = [id_ for job in connected.jobs.values() if isinstance(job, BatchJob) for id_ in job.target_group_ids]
    assert len(sent) == len(set(sent))


def test_a_cleared_task_sweeps_no_stragglers_again(connected: Sandbox) -> None:
    """Target groups that were resumed since stay live: the earlier result is returned without a request."""
    project, task = connected.seed(live=2), FakeTask()
    operator = pause(project)
    outcome = task.start(operator)
    go_live(connected, project)
    result = finish(task, operator, outcome)
    for group in project.groups:
        group.act("resume", by="colleague")
    connected.requests.clear()
    again = run_task(task, operator)
    assert not connected.requests
    assert again["as_of"] is not None
    assert (again["counts"], again["jobs"]) == (result["counts"], 2)
    assert len(project.ids("live")) == 3


def test_stragglers_of_a_run_that_ended_long_ago_are_only_reported(connected: Sandbox) -> None:
    """A task whose verification is repeated the next day does not pause what was resumed in between."""
    project, task = connected.seed(live=2), FakeTask()
    run_task(task, FieldingSweepOperator(task_id="x", action="pause", query=pause(project).query, verify=False))
    (end,) = (key for key in task.store if key.endswith(".end"))
    task.store.set(end, {"finished_at": task.store[end]["finished_at"] - 7200})
    for group in project.groups:
        group.act("resume", by="colleague")
    with pytest.raises(AirflowFailException, match="2 target groups do not have the status: moved since"):
        run_task(task, pause(project))
    assert len(project.ids("live")) == 2


def test_a_changed_plan_reads_no_round_of_an_earlier_one(connected: Sandbox) -> None:
    """A DAG that is edited between two tries sweeps its own stragglers, under keys of their own."""
    project, other, task = connected.seed(live=1), connected.seed(live=1), FakeTask()
    for each in (project, other):
        operator = pause(each)
        outcome = task.start(operator)
        go_live(connected, each)
        result = finish(task, operator, outcome)
        assert (result["changed"], result["jobs"]) == (2, 2)
        assert not each.ids("live")


def test_a_round_that_could_not_be_sent_is_sent_by_the_next_try(connected: Sandbox) -> None:
    """A refusal fails the task so that Airflow retries it, and the retry resumes the round."""
    project, task = connected.seed(live=1), FakeTask()
    operator = pause(project)
    outcome = task.start(operator)
    go_live(connected, project)
    connected.faults.add("create_bulk_pause_target_groups_job", faults.Answer(403, {"object": "forbidden"}), times=9)
    with pytest.raises(AirflowException, match="1 target groups are not settled") as failed:
        finish(task, operator, outcome)
    assert not isinstance(failed.value, AirflowFailException)
    connected.faults.clear()
    assert run_task(task, operator)["changed"] == 2
    assert not project.ids("live")


def test_until_none_left_cannot_be_used_without_verification() -> None:
    """The verification is what finds the stragglers; the mistake is reported when the DAG is parsed."""
    with pytest.raises(ValueError, match="until_none_left"):
        FieldingSweepOperator(task_id="x", action="pause", query={}, until_none_left=True, verify=False)
