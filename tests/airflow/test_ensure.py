"""The operator that ensures the status of one run."""

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException
from support.fake_task import FakeTask

from fieldingkit.airflow import EnsureFieldingStatusOperator
from fieldingkit.sandbox import Project, Sandbox, faults


def operator(project: Project, status: str, **fields: Any) -> EnsureFieldingStatusOperator:
    """Return an operator for the one target group of a project."""
    (group,) = project.groups
    return EnsureFieldingStatusOperator(
        task_id="x", project_id=project.id, target_group_id=group.id, status=status, **fields
    )


def test_it_changes_a_run_only_if_necessary(connected: Sandbox) -> None:
    """The run is found by its target group; the result shows whether it was changed."""
    project = connected.seed(live=1)
    first = FakeTask().start(operator(project, "paused"))
    assert first == {"status": "paused", "changed": True, "previous_status": "live", "conflicts": 0}
    second = FakeTask(run_id="next").start(operator(project, "paused"))
    assert second == {"status": "paused", "changed": False, "previous_status": "paused", "conflicts": 0}


def test_a_retry_reports_the_change_of_the_first_try(connected: Sandbox) -> None:
    """A try that was killed after its action: the next one finds the status, and knows the previous one."""
    project = connected.seed(live=1)
    task = FakeTask()
    first = task.start(operator(project, "paused"))
    connected.requests.clear()
    assert task.start(operator(project, "paused")) == first
    assert all(request.method == "GET" for request in connected.requests if "/oauth/" not in request.path)


def test_a_conflict_is_resolved_by_reading_again(connected: Sandbox) -> None:
    """Someone else changes the run between read and action, so that it is read again."""
    project = connected.seed(live=1)
    connected.faults.add("pause_fielding_run", faults.ChangeEtag())
    assert FakeTask().start(operator(project, "paused"))["conflicts"] == 1


@pytest.mark.parametrize(
    ("seed", "status", "message"), [("draft", "live", "is a draft"), ("completed", "paused", "no")]
)
def test_an_unreachable_status_fails_without_a_retry(connected: Sandbox, seed: str, status: str, message: str) -> None:
    """A status that no action leads to fails the task for good."""
    project = connected.seed(**{seed: 1})
    with pytest.raises(AirflowFailException, match=message):
        FakeTask().start(operator(project, status))
