"""DAGs in a real Airflow in one process, against a sandbox in another."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from support import draft_settings
from support.airflow_site import AirflowSite
from support.soft_launches import Interruption

from fieldingkit import Client
from fieldingkit.resources.target_group_drafts import CreateTargetGroup, FieldingSpecification
from fieldingkit.sandbox import Sandbox, TargetGroup
from fieldingkit.sandbox.model.jobs import BatchJob

DAGS = Path(__file__).with_name("dags")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Start a sandbox with short jobs."""
    with Sandbox(job_seconds=0.05) as sandbox:
        yield sandbox


def statuses(sandbox: Sandbox) -> Counter[str]:
    """Return the number of target groups of all jobs by status."""
    return Counter(
        group.status
        for job in sandbox.jobs.values()
        if isinstance(job, BatchJob)
        for group in map(sandbox.group, job.target_group_ids)
    )


def jobs_by_chunk(sandbox: Sandbox) -> Counter[tuple[str, tuple[str, ...]]]:
    """Return the number of jobs for each action and chunk."""
    return Counter((job.kind, job.target_group_ids) for job in sandbox.jobs.values() if isinstance(job, BatchJob))


@pytest.mark.timeout(4800)
def test_the_documented_dags_pause_at_night_and_resume_in_the_morning(
    site: AirflowSite, sandbox: Sandbox, docs_folder: Path
) -> None:
    """200 projects get one job each at night and in the morning, and manually paused groups stay paused.

    A second pause in the same night changes nothing.
    """
    projects = [sandbox.seed(live=3, paused=1, draft=1) for _ in range(200)]
    site.connect(sandbox)
    site.add_dags(docs_folder / "nightly_pause.py", docs_folder / "morning_resume.py")
    site.run("dags", "test", "nightly_pause", timeout=1500)
    assert site.run_state("nightly_pause") == "success"
    assert Counter(group.status for project in projects for group in project.groups) == {"paused": 800, "draft": 200}
    assert len(sandbox.jobs) == 200
    assert set(jobs_by_chunk(sandbox).values()) == {1}
    asked = Counter(request.operation_id for request in sandbox.requests)  # the figures of docs/how-to/airflow.md
    assert asked["list_account_projects"] == 2
    assert asked["create_bulk_pause_target_groups_job"] == 200
    assert asked["get_list_target_groups"] == 200 + 200  # found, and verified after the jobs
    assert 400 <= asked["get_bulk_pause_target_groups_job"] <= 600
    # In line each trigger has an event loop, and so a client, of its own.
    assert asked["request_access_token"] <= 1 + 3 * 20
    site.run("dags", "test", "nightly_pause", timeout=1500)  # once more: it finds nothing, and must not hide the first
    assert len(sandbox.jobs) == 200
    site.run("dags", "test", "morning_resume", timeout=1500)
    assert site.run_state("morning_resume") == "success"
    everything = Counter(group.status for project in projects for group in project.groups)
    assert everything == {"live": 600, "paused": 200, "draft": 200}
    assert len(sandbox.jobs) == 400
    changelogs = [request for request in sandbox.requests if request.operation_id == "get_target_group_changelog"]
    assert len(changelogs) == 600  # no other change was found
    assert set(jobs_by_chunk(sandbox).values()) == {1}
    extras = [extra for (extra,) in site.query("SELECT extra FROM asset_event ORDER BY id DESC LIMIT 2")]
    assert '"updated": 0' in extras[0]
    assert '"updated": 600' in extras[1]


@pytest.mark.timeout(1800)
def test_a_task_can_be_mapped_over_projects(site: AirflowSite, sandbox: Sandbox) -> None:
    """Each project has a mapped task with its result in XCom, and batches have arguments of their own."""
    projects = [sandbox.seed(live=2) for _ in range(20)]
    site.connect(sandbox)
    site.add_dags(DAGS / "twenty_projects.py")
    site.run("dags", "test", "twenty_projects", timeout=1500)
    states = site.states("twenty_projects")
    for task_id in ("pause", "all_paused", "resume"):
        assert [states[task_id, index] for index in range(20)] == ["success"] * 20
    assert Counter(group.status for project in projects for group in project.groups) == {"live": 18, "paused": 22}
    assert Counter(job.kind for job in sandbox.jobs.values()) == {"pause": 20, "resume": 20}
    assert set(jobs_by_chunk(sandbox).values()) == {1}
    ensured = {"status": "paused", "changed": True, "previous_status": "live", "conflicts": 0}
    assert [site.result("twenty_projects", "one", index) for index in range(2)] == [ensured] * 2
    result = site.result("twenty_projects", "pause", 7)
    assert result["counts"] == {"updated": 2, "unchanged": 0, "failed": 0, "skipped": 0, "not_sent": 0, "unknown": 0}
    assert result["task"]["map_index"] == 7


@pytest.mark.timeout(1200)
def test_a_rejected_task_has_a_result_and_is_not_retried(site: AirflowSite, sandbox: Sandbox) -> None:
    """A rejection by the API fails the task for good; the outcome of the other target groups is in XCom."""
    sandbox.seed(live=2, draft=1)
    site.connect(sandbox)
    site.add_dags(DAGS / "refused.py")
    site.run("dags", "test", "refused", expect=None)
    assert site.run_state("refused") == "failed"
    assert site.query("SELECT try_number, state FROM task_instance WHERE task_id = 'refused'") == [(1, "failed")]
    result = site.result("refused", "refused")
    assert result["counts"] == {"updated": 2, "unchanged": 0, "failed": 1, "skipped": 0, "not_sent": 0, "unknown": 0}
    assert len(sandbox.jobs) == 1


@pytest.mark.timeout(1200)
def test_a_run_killed_after_its_post_resumes_the_same_job(site: AirflowSite, sandbox: Sandbox) -> None:
    """The task state store is lost with the process, and the key alone leads to the first job."""
    sandbox.seed(live=3)
    site.connect(sandbox)
    site.add_dags(DAGS / "killed.py")
    (site.home / "killed").unlink(missing_ok=True)
    date = "2026-01-02T00:00:00+00:00"
    site.run("dags", "test", "killed", date, expect=-9)
    assert len(sandbox.jobs) == 1
    site.run("dags", "test", "killed", date)
    assert site.run_state("killed") == "success"
    posts = [request for request in sandbox.requests if request.operation_id == "create_bulk_pause_target_groups_job"]
    assert len(sandbox.jobs) == len({request.headers["Idempotency-Key"] for request in posts}) == 1


@pytest.mark.timeout(1800)
def test_the_documented_watch_reports_a_new_trouble_once(
    site: AirflowSite, sandbox: Sandbox, docs_folder: Path
) -> None:
    """A run fails for a new finding without a retry, and the next one succeeds: a variable keeps what is known."""
    project = sandbox.seed(paused=1, completes=10)
    sandbox.seed(project_id=project.id, live=1, goal_reached=True)
    site.connect(sandbox)
    site.add_dags(docs_folder / "watch_field.py")
    site.run("dags", "test", "watch_field", expect=None)
    assert site.run_state("watch_field") == "failed"
    assert site.query("SELECT try_number FROM task_instance WHERE dag_id = 'watch_field'") == [(1,)]
    (finding,) = site.result("watch_field", "trouble", key="details")["new"]
    assert (finding["rule"], finding["action"]) == ("paused_by_api", "complete it, or raise the goal and resume")
    site.run("dags", "test", "watch_field")
    assert site.run_state("watch_field") == "success"
    counts = site.result("watch_field", "trouble")["counts"]
    assert (counts["new"], counts["continuing"]) == (0, 1)


@pytest.mark.timeout(1800)
def test_the_documented_soft_launch_fields_the_whole_goal(
    site: AirflowSite, sandbox: Sandbox, docs_folder: Path, tmp_path: Path
) -> None:
    """It waits for a tenth, checks it and resumes; then one sensor sees the closed field, and the other is skipped."""
    draft = feasible_draft(sandbox)
    site.connect(sandbox)
    # With shorter intervals, the same waits.
    text = (docs_folder / "soft_launch.py").read_text()
    for seconds in ("60", "600", "900"):
        text = text.replace(f"poke_interval={seconds},", "poke_interval=1,")
    (tmp_path / "soft_launch.py").write_text(text)
    site.add_dags(tmp_path / "soft_launch.py")
    sandbox.faults.add("get_target_group_overview", Interruption(4, lambda: set_completes(draft, 5)), times=None)
    sandbox.faults.add("get_list_target_groups", Interruption(3, lambda: set_completes(draft, 50)), times=None)
    conf = json.dumps({"project_id": draft.project_id, "target_group_id": draft.id})
    site.run("dags", "test", "soft_launch", "--conf", conf, timeout=1500)
    assert site.run_state("soft_launch") == "success"
    result = site.result("soft_launch", "launch")
    assert (result["outcome"], result["limit"], result["goal"]) == ("resumed", 5, 50)
    assert 5 <= result["counted"] < 50
    assert result["steps"] == ["limited", "launched", "released", "resumed"]  # the API paused it at its limit
    assert [change.action for change in draft.history].count("launch_from_draft") == 1
    assert site.result("soft_launch", "closed")["goals_reached"] == 1
    states = {task_id: state for (task_id, _), state in site.states("soft_launch").items()}
    assert states == {"launch": "success", "closed": "success", "too_slow": "skipped", "report": "skipped"}


@pytest.mark.timeout(1200)
def test_a_soft_launch_killed_after_its_launch_is_continued(site: AirflowSite, sandbox: Sandbox) -> None:
    """The state of the first try is lost with its process; the API keeps the limit, and nothing is launched twice."""
    draft = feasible_draft(sandbox)
    site.connect(sandbox)
    site.add_dags(DAGS / "killed_soft_launch.py")
    run = ("dags", "test", "killed_soft_launch", "2026-01-02T00:00:00+00:00", "--conf")
    conf = json.dumps({"project_id": draft.project_id, "target_group_id": draft.id})
    site.run(*run, conf, expect=-9)
    assert (draft.status, bool(draft.assistant and draft.assistant["soft_launch"])) == ("live", True)
    draft.completes = 5
    site.run(*run, conf)
    assert site.run_state("killed_soft_launch") == "success"
    result = site.result("killed_soft_launch", "launch")
    assert (result["outcome"], result["steps"]) == ("resumed", ["released", "resumed"])  # the API paused it
    assert [change.action for change in draft.history].count("launch_from_draft") == 1


def feasible_draft(sandbox: Sandbox) -> TargetGroup:
    """Create a draft whose goal is feasible."""
    project, now = sandbox.seed(draft=1), sandbox.clock.now()
    period = FieldingSpecification(start_at=now, end_at=now + timedelta(days=20))
    changes = {"project_manager_id": project.manager_id, "fielding_specification": period, "profiling": None}
    command = CreateTargetGroup(project_id=project.id, **draft_settings.settings(**changes, completes_goal=50))
    with Client(auth=sandbox.token, account_id=sandbox.account_id, base_url=sandbox.url) as client:
        return sandbox.group(client.send(command).id)


def set_completes(group: TargetGroup, completes: int) -> None:
    """Let completes arrive."""
    group.completes = completes
