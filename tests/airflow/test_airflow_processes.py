"""The whole of Airflow: API server, scheduler, DAG processor, triggerer and workers as processes of their own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow_site import AirflowSite

from fieldingkit.sandbox import Project, Sandbox

pytestmark = pytest.mark.timeout(600)

DAGS = Path(__file__).with_name("dags")
POST, LOOK = "create_bulk_pause_target_groups_job", "get_bulk_pause_target_groups_job"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox whose jobs take as long as the test wants: an hour of a clock that the test moves."""
    with Sandbox(job_seconds=3600) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def running(site: AirflowSite, sandbox: Sandbox) -> Iterator[AirflowSite]:
    """An Airflow that is at work, and whose processes all end afterwards."""
    site.connect(sandbox)
    site.add_dags(DAGS / "waiting.py", DAGS / "killed.py")
    (site.home / "killed").unlink(missing_ok=True)
    traced = {"AIRFLOW__TRACES__OTEL_ON": "True", "OTEL_TRACES_EXPORTER": "console"}
    site.environment.update(traced)
    try:
        for name in ("api-server", "scheduler", "dag-processor", "triggerer"):
            site.start(name)
        known = "SELECT count(*) FROM dag WHERE dag_id IN ('waiting', 'killed') AND is_stale = 0"
        site.until(lambda: site.query(known) == [(2,)], within=180, what="the DAGs are known")
        yield site
    finally:
        site.stop_all()
        for name in traced:
            del site.environment[name]


@pytest.fixture
def project(sandbox: Sandbox) -> Iterator[Project]:
    """The one project with live target groups: they are not live any more afterwards."""
    sandbox.requests.clear()
    project = sandbox.seed(live=4)
    yield project
    assert project.ids("paused") == project.ids()


def seen(sandbox: Sandbox, operation_id: str) -> int:
    """How many requests there were for an operation."""
    return sum(request.operation_id == operation_id for request in sandbox.requests)


def the_job(sandbox: Sandbox, project: Project) -> Any:
    """The one job that there ever was for a project."""
    (job,) = [job for job in sandbox.jobs.values() if job.project_id == project.id]
    return job


def wait_for_deferral(running: AirflowSite, sandbox: Sandbox, dag_id: str) -> None:
    """Until a task of a new run waits on the triggerer, and the triggerer has looked at its job."""
    running.until(
        lambda: running.states(dag_id).get(("pause", -1)) == "deferred" and seen(sandbox, LOOK) > 0,
        within=120,
        what=f"{dag_id} waits for its job",
    )


def wait_for_success(running: AirflowSite, dag_id: str) -> None:
    """Until a run has ended well."""
    running.until(lambda: running.run_state(dag_id) != "running", within=120, what=f"the run of {dag_id} ends")
    assert running.run_state(dag_id) == "success", running.output()


def test_a_triggerer_that_is_killed_and_started_again_changes_nothing(
    running: AirflowSite, sandbox: Sandbox, project: Project
) -> None:
    """The job ends while no triggerer lives; the next one hears of it, and the task has its true result."""
    running.run("dags", "trigger", "waiting")
    wait_for_deferral(running, sandbox, "waiting")
    running.kill("triggerer")
    sandbox.clock.advance(3600)
    assert project.ids("paused") == project.ids()
    looks = seen(sandbox, LOOK)
    running.start("triggerer")
    wait_for_success(running, "waiting")
    assert seen(sandbox, LOOK) > looks
    assert seen(sandbox, POST) == 1
    result = running.result("waiting", "pause")
    assert result["counts"] == {"updated": 4, "already": 0, "failed": 0, "skipped": 0, "unknown": 0}
    assert result["jobs"] == [the_job(sandbox, project).id]
    ((carrier,),) = running.query("SELECT context_carrier FROM dag_run WHERE dag_id = 'waiting'")
    for request in sandbox.requests:  # of the worker, of both triggerers, of the worker again
        assert request.traceparent is not None
        assert request.traceparent.split("-")[1] in carrier


def test_a_task_that_is_cleared_in_the_middle_follows_its_job(
    running: AirflowSite, sandbox: Sandbox, project: Project
) -> None:
    """The next try finds the token that the one before has written down: nothing is sent again."""
    running.run("dags", "trigger", "waiting")
    wait_for_deferral(running, sandbox, "waiting")
    running.run("tasks", "clear", "--yes", "waiting")
    tries = "SELECT max(try_number) FROM task_instance WHERE dag_id = 'waiting'"
    running.until(lambda: running.query(tries) == [(2,)], within=60, what="the task is tried again")
    wait_for_deferral(running, sandbox, "waiting")
    sandbox.clock.advance(3600)
    wait_for_success(running, "waiting")
    assert seen(sandbox, POST) == 1
    assert running.result("waiting", "pause")["jobs"] == [the_job(sandbox, project).id]
    assert running.result("waiting", "pause")["counts"]["updated"] == 4


def test_a_worker_that_is_killed_after_its_post_leaves_its_job_to_the_next_try(
    running: AirflowSite, sandbox: Sandbox, project: Project
) -> None:
    """Killed before the answer was written down: Airflow tries again, the key is the same, and so is the job."""
    running.run("dags", "trigger", "killed")
    wait_for_deferral(running, sandbox, "killed")
    assert running.query(
        "SELECT try_number FROM task_instance WHERE dag_id = 'killed' ORDER BY try_number DESC LIMIT 1"
    ) == [(2,)]
    sandbox.clock.advance(3600)
    wait_for_success(running, "killed")
    posts = [request for request in sandbox.requests if request.operation_id == POST]
    assert len(posts) == 2
    assert len({request.headers["Idempotency-Key"] for request in posts}) == 1
    assert running.result("killed", "pause")["jobs"] == [the_job(sandbox, project).id]
    assert running.result("killed", "pause")["counts"]["updated"] == 4
