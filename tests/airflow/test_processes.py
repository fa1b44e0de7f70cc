"""The whole of Airflow: API server, scheduler, DAG processor, triggerer and workers as processes of their own."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.airflow_site import AirflowSite

from fieldingkit.sandbox import Project, Sandbox
from fieldingkit.sandbox.model.jobs import BatchJob

pytestmark = pytest.mark.timeout(2400)

DAGS = Path(__file__).with_name("dags")
# Their logs are for nobody, and would be served at a port that somebody else may have.
SCHEDULER, TRIGGERER = ["scheduler", "--skip-serve-logs"], ["triggerer", "--skip-serve-logs"]
TRACES = {"AIRFLOW__TRACES__OTEL_ON": "True", "OTEL_TRACES_EXPORTER": "console"}
POST, LOOK = "create_bulk_pause_target_groups_job", "get_bulk_pause_target_groups_job"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox whose jobs take as long as the test wants: an hour of a clock that the test moves."""
    with Sandbox(job_seconds=3600) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox, docs_folder: Path) -> Iterator[AirflowSite]:
    """An Airflow that is at work, and whose processes all end afterwards; its scheduler knows no other tests' DAGs."""
    site = AirflowSite(tmp_path_factory.mktemp("airflow"), **TRACES)
    site.migrate()
    site.connect(sandbox)
    site.add_dags(DAGS / "waiting.py", DAGS / "killed.py")
    # It is to run when the test says so, and not at ten in the evening as well.
    nightly = (docs_folder / "nightly_pause.py").read_text().replace('schedule="0 22 * * *"', "schedule=None")
    assert "schedule=None" in nightly
    (site.home / "dags" / "nightly_pause.py").write_text(nightly)
    try:
        for command in (["api-server"], SCHEDULER, ["dag-processor"], TRIGGERER):
            site.start(*command)
        known = "SELECT count(*) FROM dag WHERE dag_id IN ('nightly_pause', 'waiting', 'killed') AND is_stale = 0"
        site.until(lambda: site.query(known) == [(3,)], within=600, what="the DAGs are known")
        yield site
    finally:
        site.stop_all()


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
        within=600,
        what=f"{dag_id} waits for its job",
    )


def wait_for_success(running: AirflowSite, dag_id: str) -> None:
    """Until a run has ended well."""
    running.until(lambda: running.run_state(dag_id) != "running", within=600, what=f"the run of {dag_id} ends")
    assert running.run_state(dag_id) == "success", running.output()


def test_a_triggerer_that_is_killed_and_started_again_changes_nothing(running: AirflowSite, sandbox: Sandbox) -> None:
    """200 projects: their jobs end while no triggerer lives; the next one hears of it, and the results are true."""
    fleet = [sandbox.seed(live=2) for _ in range(200)]
    running.run("dags", "trigger", "nightly_pause")
    mapped = {("pause", index): "deferred" for index in range(20)}
    running.until(
        lambda: mapped.items() <= running.states("nightly_pause").items() and seen(sandbox, LOOK) > 0,
        within=900,
        what="all tasks wait for their jobs",
    )
    running.kill("triggerer")
    sandbox.clock.advance(3600)
    assert Counter(group.status for project in fleet for group in project.groups) == {"paused": 400}
    looks = seen(sandbox, LOOK)
    running.start(*TRIGGERER)
    wait_for_success(running, "nightly_pause")
    assert seen(sandbox, LOOK) > looks
    assert seen(sandbox, POST) == 200
    chunks = Counter(frozenset(job.target_group_ids) for job in sandbox.jobs.values() if isinstance(job, BatchJob))
    assert chunks == {frozenset(project.ids()): 1 for project in fleet}
    results = [running.result("nightly_pause", "pause", index) for index in range(20)]
    assert [result["counts"]["updated"] for result in results] == [20] * 20
    assert {id_ for result in results for id_ in result["jobs"]} == set(sandbox.jobs)
    ((executor,),) = running.query(
        "SELECT context_carrier FROM dag_run WHERE dag_id = 'nightly_pause' ORDER BY id DESC LIMIT 1"
    )
    for request in sandbox.requests:  # of the workers, of both triggerers, of the workers again
        assert request.traceparent is not None
        assert request.traceparent.split("-")[1] in executor


def test_a_task_that_is_cleared_in_the_middle_follows_its_job(
    running: AirflowSite, sandbox: Sandbox, project: Project
) -> None:
    """The next try finds the token that the one before has written down: nothing is sent again."""
    running.run("dags", "trigger", "waiting")
    wait_for_deferral(running, sandbox, "waiting")
    running.run("tasks", "clear", "--yes", "waiting")
    tries = "SELECT max(try_number) FROM task_instance WHERE dag_id = 'waiting'"
    running.until(lambda: running.query(tries) >= [(2,)], within=600, what="the task is tried again")
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
    assert running.query("SELECT max(try_number) FROM task_instance WHERE dag_id = 'killed'") >= [(2,)]
    sandbox.clock.advance(3600)
    wait_for_success(running, "killed")
    posts = [request for request in sandbox.requests if request.operation_id == POST]
    assert len(posts) == 2
    assert len({request.headers["Idempotency-Key"] for request in posts}) == 1
    assert running.result("killed", "pause")["jobs"] == [the_job(sandbox, project).id]
    assert running.result("killed", "pause")["counts"]["updated"] == 4


def test_no_secret_is_written_down(running: AirflowSite, sandbox: Sandbox, project: Project) -> None:
    """Credentials are in no trigger, XCom, task state or log: not in any file that Airflow has written."""
    running.run("dags", "trigger", "waiting")
    wait_for_deferral(running, sandbox, "waiting")
    looks = [request for request in sandbox.requests if request.operation_id == LOOK]
    sandbox.clock.advance(3600)
    wait_for_success(running, "waiting")
    for secret in (sandbox.client_secret, *(look.headers["Authorization"].removeprefix("Bearer ") for look in looks)):
        assert running.files_with(secret) == []
    assert running.files_with(the_job(sandbox, project).id)  # what is written down would be found
