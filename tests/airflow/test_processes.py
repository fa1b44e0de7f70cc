"""A whole Airflow: API server, scheduler, DAG processor, triggerer and workers as separate processes."""

import json
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
# Their logs are not needed, and the port to serve them may be in use.
SCHEDULER, TRIGGERER = ["scheduler", "--skip-serve-logs"], ["triggerer", "--skip-serve-logs"]
TRACES = {"AIRFLOW__TRACES__OTEL_ON": "True", "OTEL_TRACES_EXPORTER": "console"}
LIST = "get_list_target_groups"
POST, POLL = "create_bulk_pause_target_groups_job", "get_bulk_pause_target_groups_job"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """Start a sandbox whose jobs take an hour of a clock that the test advances."""
    with Sandbox(job_seconds=3600) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox, docs_folder: Path) -> Iterator[AirflowSite]:
    """Start all processes of an Airflow whose scheduler knows only the DAGs of this module."""
    site = AirflowSite(tmp_path_factory.mktemp("airflow"), **TRACES)
    site.migrate()
    site.connect(sandbox)
    site.add_dags(DAGS / "waiting.py", DAGS / "killed.py", DAGS / "closed_field.py")
    # The test triggers it; without a schedule it does not also run at ten in the evening.
    nightly = (docs_folder / "nightly_pause.py").read_text().replace('schedule="0 22 * * *"', "schedule=None")
    assert "schedule=None" in nightly
    (site.home / "dags" / "nightly_pause.py").write_text(nightly)
    try:
        for command in (["api-server"], SCHEDULER, ["dag-processor"], TRIGGERER):
            site.start(*command)
        known = "SELECT count(*) FROM dag WHERE is_stale = 0"
        site.until(lambda: site.query(known) == [(4,)], within=600, what="the DAGs are known")
        yield site
    finally:
        site.stop_all()


@pytest.fixture
def project(sandbox: Sandbox) -> Iterator[Project]:
    """Seed the only project with live target groups; all of them are paused at the end."""
    sandbox.requests.clear()
    project = sandbox.seed(live=4)
    yield project
    assert project.ids("paused") == project.ids()


def count_requests(sandbox: Sandbox, operation_id: str) -> int:
    """Return the number of requests of an operation."""
    return sum(request.operation_id == operation_id for request in sandbox.requests)


def only_job(sandbox: Sandbox, project: Project) -> Any:
    """Return the only job of a project."""
    (job,) = [job for job in sandbox.jobs.values() if job.project_id == project.id]
    return job


def wait_for_deferral(running: AirflowSite, sandbox: Sandbox, dag_id: str) -> None:
    """Wait until a task of a new run is deferred and the triggerer has polled its job."""
    running.until(
        lambda: running.states(dag_id).get(("pause", -1)) == "deferred" and count_requests(sandbox, POLL) > 0,
        within=600,
        what=f"{dag_id} waits for its job",
    )


def wait_for_success(running: AirflowSite, dag_id: str) -> None:
    """Wait until a run has succeeded."""
    running.until(lambda: running.run_state(dag_id) != "running", within=600, what=f"the run of {dag_id} ends")
    assert running.run_state(dag_id) == "success", running.output()


def test_a_triggerer_can_be_killed_and_restarted(running: AirflowSite, sandbox: Sandbox) -> None:
    """The jobs of 200 projects end while no triggerer runs; the next one sees it, and the results are correct."""
    projects = [sandbox.seed(live=2) for _ in range(200)]
    running.run("dags", "trigger", "nightly_pause")
    mapped = {("pause", index): "deferred" for index in range(20)}
    running.until(
        lambda: mapped.items() <= running.states("nightly_pause").items() and count_requests(sandbox, POLL) > 0,
        within=900,
        what="all tasks wait for their jobs",
    )
    running.kill("triggerer")
    sandbox.clock.advance(3600)
    assert Counter(group.status for project in projects for group in project.groups) == {"paused": 400}
    polls = count_requests(sandbox, POLL)
    running.start(*TRIGGERER)
    wait_for_success(running, "nightly_pause")
    assert count_requests(sandbox, POLL) > polls
    assert count_requests(sandbox, POST) == 200
    chunks = Counter(frozenset(job.target_group_ids) for job in sandbox.jobs.values() if isinstance(job, BatchJob))
    assert chunks == {frozenset(project.ids()): 1 for project in projects}
    results = [running.result("nightly_pause", "pause", index) for index in range(20)]
    assert [result["counts"]["updated"] for result in results] == [20] * 20
    details = [running.result("nightly_pause", "pause", index, key="details") for index in range(20)]
    assert {job["job_id"] for each in details for job in each["jobs"]} == set(sandbox.jobs)
    ((executor,),) = running.query(
        "SELECT context_carrier FROM dag_run WHERE dag_id = 'nightly_pause' ORDER BY id DESC LIMIT 1"
    )
    for request in sandbox.requests:  # of the workers and of both triggerers
        assert request.traceparent is not None
        assert request.traceparent.split("-")[1] in executor


def test_a_task_that_is_cleared_while_deferred_resumes_its_job(
    running: AirflowSite, sandbox: Sandbox, project: Project
) -> None:
    """The next try finds the token of the previous one, so nothing is sent again."""
    running.run("dags", "trigger", "waiting")
    wait_for_deferral(running, sandbox, "waiting")
    running.run("tasks", "clear", "--yes", "waiting")
    tries = "SELECT max(try_number) FROM task_instance WHERE dag_id = 'waiting'"
    running.until(lambda: running.query(tries) >= [(2,)], within=600, what="the task is tried again")
    wait_for_deferral(running, sandbox, "waiting")
    sandbox.clock.advance(3600)
    wait_for_success(running, "waiting")
    assert count_requests(sandbox, POST) == 1
    (job,) = running.result("waiting", "pause", key="details")["jobs"]
    assert job["job_id"] == only_job(sandbox, project).id
    assert running.result("waiting", "pause")["counts"]["updated"] == 4


def test_a_worker_killed_after_its_post_leaves_its_job_to_the_retry(
    running: AirflowSite, sandbox: Sandbox, project: Project
) -> None:
    """Airflow retries a task that was killed before it saved the answer; key and job are the same."""
    running.run("dags", "trigger", "killed")
    wait_for_deferral(running, sandbox, "killed")
    assert running.query("SELECT max(try_number) FROM task_instance WHERE dag_id = 'killed'") >= [(2,)]
    sandbox.clock.advance(3600)
    wait_for_success(running, "killed")
    posts = [request for request in sandbox.requests if request.operation_id == POST]
    assert len(posts) == 2
    assert len({request.headers["Idempotency-Key"] for request in posts}) == 1
    (job,) = running.result("killed", "pause", key="details")["jobs"]
    assert job["job_id"] == only_job(sandbox, project).id
    assert running.result("killed", "pause")["counts"]["updated"] == 4


def test_a_restarted_triggerer_still_waits_for_a_field(running: AirflowSite, sandbox: Sandbox) -> None:
    """The condition is in Airflow's database; the field closes while no triggerer runs, and the next one sees it."""
    sandbox.requests.clear()
    project = sandbox.seed(live=1)
    running.run("dags", "trigger", "closed_field", "--conf", json.dumps({"project_id": project.id}))
    running.until(
        lambda: running.states("closed_field").get(("closed", -1)) == "deferred" and count_requests(sandbox, LIST) > 2,
        within=600,
        what="the triggerer reads the field",
    )
    running.kill("triggerer")
    (group,) = project.groups
    group.completes = group.goal
    running.start(*TRIGGERER)
    wait_for_success(running, "closed_field")
    value = {"target_groups": 1, "statuses": {"paused": 1}, "goals_reached": 1}
    assert running.result("closed_field", "closed") == value


def test_no_file_of_airflow_contains_a_secret(running: AirflowSite, sandbox: Sandbox, project: Project) -> None:
    """Credentials appear in no trigger, XCom, task state or log."""
    running.run("dags", "trigger", "waiting")
    wait_for_deferral(running, sandbox, "waiting")
    polls = [request for request in sandbox.requests if request.operation_id == POLL]
    sandbox.clock.advance(3600)
    wait_for_success(running, "waiting")
    for secret in (sandbox.client_secret, *(poll.headers["Authorization"].removeprefix("Bearer ") for poll in polls)):
        assert running.files_with(secret) == []
    assert running.files_with(only_job(sandbox, project).id)  # the search does find what is stored
