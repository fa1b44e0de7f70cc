"""The operator for one run."""

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException
from support.fake_task import FakeTask

from fieldingkit.airflow import EnsureFieldingStatusOperator
from fieldingkit.sandbox import Project, Sandbox, faults


def operator(project: Project, status: str, **fields: Any) -> EnsureFieldingStatusOperator:
    """An operator for the project's one target group."""
    (group,) = project.groups
    return EnsureFieldingStatusOperator(
        task_id="x", project_id=project.id, target_group_id=group.id, status=status, **fields
    )


def test_it_brings_a_run_there_and_leaves_one_that_is_there_alone(connected: Sandbox) -> None:
    """The run is looked up by its target group; the result says whether it was changed."""
    project = connected.seed(live=1)
    first = FakeTask().start(operator(project, "paused"))
    assert first == {"status": "paused", "changed": True, "before": "live", "conflicts": 0}
    second = FakeTask(run_id="next").start(operator(project, "paused"))
    assert second == {"status": "paused", "changed": False, "before": "paused", "conflicts": 0}


def test_another_try_tells_what_the_first_has_done(connected: Sandbox) -> None:
    """A first try that was killed after its action: the next finds the run there, and knows where it was before."""
    project = connected.seed(live=1)
    task = FakeTask()
    first = task.start(operator(project, "paused"))
    connected.requests.clear()
    assert task.start(operator(project, "paused")) == first
    assert all(request.method == "GET" for request in connected.requests if "/oauth/" not in request.path)


def test_a_conflict_is_dealt_with(connected: Sandbox) -> None:
    """Somebody else changes the run between the read and the action: it is judged again."""
    project = connected.seed(live=1)
    connected.faults.add("pause_fielding_run", faults.ChangeEtag())
    assert FakeTask().start(operator(project, "paused"))["conflicts"] == 1


@pytest.mark.parametrize(
    ("seed", "status", "message"), [("draft", "live", "is a draft"), ("completed", "paused", "no")]
)
def test_what_no_action_leads_to_fails_for_good(connected: Sandbox, seed: str, status: str, message: str) -> None:
    """Trying again would not help, so Airflow does not."""
    project = connected.seed(**{seed: 1})
    with pytest.raises(AirflowFailException, match=message):
        FakeTask().start(operator(project, status))
