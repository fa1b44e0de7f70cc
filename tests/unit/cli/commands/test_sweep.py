"""The sweep commands on a sandbox: selection, preview, confirmation, output and exit codes."""

import csv
import json
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import attrs
import pytest
from aiohttp import web
from support.command_line import Cli
from support.sweep_reports import make_report

from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.sweeps import Outcome, SweepReport

P0, P1 = "01BTGNYV6HRNK8K8VKZASZCFP0", "01BTGNYV6HRNK8K8VKZASZCFP1"


def events(text: str) -> list[dict[str, Any]]:
    """Return the JSON documents of some lines."""
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [
        ("pause", "live", "paused"),
        ("resume", "paused", "live"),
        ("complete", "live", "completed"),
        ("relaunch", "completed", "live"),
        ("launch", "scheduled", "live"),
    ],
)
def test_each_action_leads_to_its_status(
    connected: Cli, sandbox: Sandbox, action: str, before: Any, after: Any
) -> None:
    """Each of the five actions brings a whole project to its status, and reports it."""
    project = sandbox.seed(**{before: 3})
    ended = connected(action, "--project", project.id, "--yes")
    assert ended.code == 0
    assert f"All 3 target groups are {after}." in ended.out
    assert len(project.ids(after)) == 3


def test_a_sweep_covers_all_projects(connected: Cli, sandbox: Sandbox) -> None:
    """--all-projects with --status finds the live target groups of every project, one job each."""
    projects = [sandbox.seed(live=3, draft=2) for _ in range(4)]
    ended = connected("pause", "--status", "live", "--all-projects", "--yes", "--json")
    assert ended.code == 0
    assert events(ended.out)[-1]["counts"]["updated"] == 12
    assert len(sandbox.jobs) == 4
    assert not any(project.ids("live") for project in projects)


def test_ids_reads_the_output_of_groups_list(
    connected: Cli, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--ids reads the output of `groups list`, from a file or from stdin."""
    projects = [sandbox.seed(live=2) for _ in range(2)]
    listed = connected("groups", "list", "--all-projects", "--status", "live").out
    (tmp_path / "live.txt").write_text(listed)
    assert connected("pause", "--ids", "live.txt", "--yes").code == 0
    assert all(len(project.ids("paused")) == 2 for project in projects)
    with (tmp_path / "live.txt").open() as lines, monkeypatch.context() as patch:
        patch.setattr("sys.stdin", lines)
        assert connected("resume", "--ids", "-", "--yes").code == 0
    assert all(len(project.ids("live")) == 2 for project in projects)


def test_a_dry_run_changes_nothing(connected: Cli, sandbox: Sandbox, tmp_path: Path) -> None:
    """A dry run prints the effect, the number of requests and the duration at a rate, and leaves no journal."""
    project = sandbox.seed(live=3, paused=1, draft=1)
    ended = connected("pause", "--project", project.id, "--dry-run", "--rate", "4")
    assert ended.code == 0
    assert "Would pause 3 target groups: 1 job, at least 2 requests" in ended.out
    assert "Already paused: 1." in ended.out
    assert len(project.ids("live")) == 3
    assert {request.method for request in sandbox.requests} == {"GET"}
    assert not list(tmp_path.rglob("*.journal"))
    seen = events(connected("pause", "--project", project.id, "--dry-run", "--json").out)
    assert (seen[-1]["event"], seen[-1]["to_send"], seen[-1]["skipped"]) == ("preview", 3, 1)


def test_without_a_terminal_yes_is_required(connected: Cli, sandbox: Sandbox) -> None:
    """Without a terminal to ask on, the command is a usage error that names --yes, before any request."""
    project = sandbox.seed(live=1)
    ended = connected("pause", "--project", project.id)
    assert ended.code == 2
    assert "--yes" in ended.err
    assert not sandbox.requests


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], "no target groups selected"),
        (["--project", P0, "--all-projects"], "--project and --all-projects cannot be combined"),
        (["--project", P0, "--exclude-project", P0], "--project and --exclude-project cannot be combined"),
        (["--project", P0, "--project-status", "active"], "--project and --project-status cannot be combined"),
        (["--ids", "ids.txt", "--status", "live"], "--ids and --status cannot be combined"),
        (["--ids", "ids.txt", "--country", "us"], "--ids and --country cannot be combined"),
        (["--ids", "ids.txt", "--project", P0, "--project", P1], "--ids takes one --project"),
        (["--ids", "nowhere.txt"], "cannot be read"),
        (["--project", "x"], "--project must be an id of 26 capital letters and digits; got 'x'"),
        (["--all-projects", "--exclude-project", "x"], "--exclude-project must be an id of"),
        (["--all-projects", "--country", "USA"], "--country must be a country of two small letters"),
        (["--all-projects", "--short-id", "1"], "--short-id must have 7 to 7 characters"),
        (["--all-projects", "--manager", "me"], "--manager must be a UUID"),
        (["--all-projects", "--project-search", "x"], "--project-search must have 5 to 128 characters"),
        (["--all-projects", "--report", "report.pdf"], ".json, .csv, .html"),
        (["--all-projects", "--run-id", "a b"], "--run-id must be"),
        (["--all-projects", "--rate", "0"], "--rate must be above 0; got '0'"),
        (["--all-projects", "--status", "alive"], "alive"),
    ],
)
def test_an_invalid_combination_is_a_usage_error(
    connected: Cli, sandbox: Sandbox, tmp_path: Path, words: list[str], text: str
) -> None:
    """Invalid flags end with exit code 2 and a reason; nothing is sent."""
    (tmp_path / "ids.txt").write_text(f"{P0} {P1}\n")
    ended = connected("pause", *words, "--yes")
    assert (ended.code, ended.out) == (2, "")
    assert text in ended.err
    assert not sandbox.requests


def test_every_filter_of_the_lists_is_a_flag(connected: Cli, sandbox: Sandbox) -> None:
    """The filters reach the lists of projects and target groups, and excluded projects are not listed."""
    kept, excluded = sandbox.seed(live=2), sandbox.seed(live=2)
    filters = {
        "status": "live",
        "country": "us",
        "language": "eng",
        "search": "Wave",
        "short-id": "ABCDEFG",
        "reference": "REF-1",
        "manager": "0b2c7a1e-0000-4000-8000-000000000000",
        "exclusions": "applied",
        "project-status": "active",
    }
    words = [word for name, value in filters.items() for word in (f"--{name}", value)]
    ended = connected("pause", "--all-projects", "--exclude-project", excluded.id, *words, "--yes")
    assert ended.code == 0
    projects, groups, _ = sandbox.requests
    assert projects.query["status"] == "active"
    assert kept.id in groups.path
    assert {*filters.values()} - {*groups.query.values()} == {"active", "applied"}
    assert groups.query["exclusion_status"] == "true"


def test_a_configuration_file_cannot_confirm(connected: Cli, sandbox: Sandbox, tmp_path: Path) -> None:
    """A table with ``yes`` is refused by name, also in a subcommand, and for every command."""
    for table in ("[pause]", "[runs.ensure]"):
        (tmp_path / "home" / "fieldingkit").mkdir(parents=True, exist_ok=True)
        (tmp_path / "home" / "fieldingkit" / "config.toml").write_text(f"{table}\nyes = true\n")
        ended = connected("pause", "--all-projects")
        assert ended.code == 2
        assert f"sets yes in {table}" in ended.err
    assert not sandbox.requests


def test_failures_are_reported_by_reason_with_trace_ids(connected: Cli, sandbox: Sandbox) -> None:
    """Failures are exit code 1; each reason is printed once, with advice, target groups and trace ids."""
    project = sandbox.seed(paused=2, goal_reached=True)
    sandbox.seed(project_id=project.id, paused=2)
    ended = connected("resume", "--project", project.id, "--yes")
    assert ended.code == 1
    assert "2 of 4 target groups are live." in ended.out
    assert ended.out.count("StatusTransitionNotAllowed") == 1
    assert "raise the goal" in ended.out
    assert "trace " in ended.out


def test_unknown_outcomes_have_their_own_exit_code(connected: Cli, sandbox: Sandbox) -> None:
    """A job whose status cannot be read leaves its target groups unknown: exit code 4, with advice."""
    project = sandbox.seed(live=2)
    sandbox.faults.add("get_bulk_pause_target_groups_job", faults.Answer(403), times=None)
    sandbox.faults.add("get_list_target_groups", faults.Delay(0), times=1)
    for operation in ("get_list_target_groups", "get_fielding_runs_by_target_group_id"):
        sandbox.faults.add(operation, faults.Answer(403), times=None)
    ended = connected("pause", "--project", project.id, "--yes")
    assert ended.code == 4
    assert "Unknown, 2 target groups" in ended.out
    assert "run the same command again" in " ".join(ended.out.split())


def test_unknown_outcomes_are_the_headline_and_one_cause(connected: Cli, sandbox: Sandbox) -> None:
    """If all jobs are accepted and none can be read, the headline says unknown, and the cause is printed once."""
    for _ in range(4):
        sandbox.seed(live=2)
    sandbox.faults.add("get_list_target_groups", faults.Delay(0), times=4)
    for operation in (
        "get_bulk_pause_target_groups_job",
        "get_list_target_groups",
        "get_fielding_runs_by_target_group_id",
    ):
        sandbox.faults.add(operation, faults.Answer(403), times=None)
    ended = connected("pause", "--all-projects", "--yes")
    assert ended.code == 4
    assert ended.out.startswith("8 target groups: outcome unknown.\n")
    assert ended.out.count("Unknown, ") == 1
    assert "sent" not in ended.out


def test_a_refusal_of_everything_has_its_own_exit_code(connected: Cli, sandbox: Sandbox) -> None:
    """If the API refuses the credentials, the exit code is 3."""
    project = sandbox.seed(live=2)
    sandbox.faults.add("create_bulk_pause_target_groups_job", faults.Answer(403), times=None)
    assert connected("pause", "--project", project.id, "--yes").code == 3
    sandbox.faults.add("list_account_projects", faults.Answer(403), times=None)
    ended = connected("pause", "--all-projects", "--yes")
    assert ended.code == 3
    assert "403" in ended.err


def test_a_pipe_gets_a_line_for_each_event(connected: Cli, sandbox: Sandbox) -> None:
    """In a pipe, progress is lines on stderr, the result is on stdout, and there are no escape sequences."""
    project = sandbox.seed(live=2)
    ended = connected("pause", "--project", project.id, "--yes")
    assert "1 of 1 jobs submitted, 1 settled" in ended.err
    assert "settled" not in ended.out
    assert "\x1b" not in ended.out + ended.err


def test_json_output_is_documents_only(connected: Cli, sandbox: Sandbox) -> None:
    """With --json each line of stdout is a document, and the last one lists the unchanged target groups."""
    project = sandbox.seed(live=2, draft=1)
    documents = events(connected("pause", "--project", project.id, "--yes", "--json").out)
    assert {document["event"] for document in documents} == {"progress", "report"}
    assert documents[-1]["exit"] == 0
    assert documents[-1]["counts"] == {
        "updated": 2,
        "unchanged": 0,
        "failed": 0,
        "skipped": 1,
        "not_sent": 0,
        "unknown": 0,
    }
    assert [group["target_group_id"] for group in documents[-1]["groups"]] == project.ids("draft")


def test_a_report_is_written_and_undone(connected: Cli, sandbox: Sandbox) -> None:
    """Undo restores exactly the target groups that the pause changed, not those that were paused before."""
    project = sandbox.seed(live=3, paused=2)
    before = project.ids("live")
    ended = connected("pause", "--project", project.id, "--yes", "--report", "out.html")
    assert "fieldingkit undo out.html" in ended.err
    assert not project.ids("live")
    ended = connected("undo", "out.html", "--yes", "--report", "back.csv")
    assert ended.code == 0
    assert project.ids("live") == before
    with Path("back.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [row["target_group_id"] for row in csv.DictReader(file)] == before


@pytest.mark.parametrize("flags", [(), ("--no-history-check",)])
def test_an_undo_skips_what_was_changed_again(connected: Cli, sandbox: Sandbox, flags: tuple[str, ...]) -> None:
    """The number of reads is stated first, and ``--no-history-check`` leaves them out."""
    project = sandbox.seed(live=2)
    connected("pause", "--project", project.id, "--yes", "--report", "out.json")
    connected("resume", "--project", project.id, "--yes")
    connected("pause", "--project", project.id, "--yes")

    ended = connected("undo", "out.json", "--yes", *flags)

    assert ended.code == 0
    assert ("Reading the changelog of 2 target groups" in ended.err) is (not flags)
    assert len(project.ids("paused")) == (0 if flags else 2)


def test_a_second_undo_sends_nothing(connected: Cli, sandbox: Sandbox) -> None:
    """A second undo of one report sends nothing, and says that the run has finished."""
    project = sandbox.seed(live=2)
    connected("pause", "--project", project.id, "--yes", "--report", "out.json")
    assert connected("undo", "out.json", "--yes").code == 0
    jobs = len(sandbox.jobs)
    ended = connected("undo", "out.json", "--yes")
    assert ended.code == 0
    assert "has already finished" in ended.err
    assert len(sandbox.jobs) == jobs


@pytest.mark.parametrize("applied", [True, False])
def test_an_undo_names_what_it_does_not_touch(connected: Cli, sandbox: Sandbox, *, applied: bool) -> None:
    """A target group that the sweep may have changed is named, and an unknown outcome is exit code 4."""
    report = make_report(projects=1, each=2, outcomes=(Outcome.UNKNOWN,))
    groups = report.groups
    if applied:
        groups = tuple(attrs.evolve(group, outcome=Outcome.UNCHANGED, verified=True) for group in groups)
    attrs.evolve(report, groups=groups, base_url=sandbox.url, account_id=str(sandbox.account_id)).save("stopped.json")

    ended = connected("undo", "stopped.json", "--yes")

    assert ended.code == 4
    assert all(group.target_group_id in ended.err for group in groups)
    assert "Not undone, 2 target groups: " in ended.err
    assert ("it is not known which change was this sweep's" in ended.err) == applied
    assert not sandbox.jobs


@pytest.mark.parametrize("flags", [(), ("--no-history-check",)])
def test_an_undo_of_some_unknown_outcomes_is_exit_code_4(
    connected: Cli, sandbox: Sandbox, flags: tuple[str, ...]
) -> None:
    """What is known is undone, and what is not is reported as unknown, with and without the changelogs."""
    project = sandbox.seed(live=2)
    connected("pause", "--project", project.id, "--yes", "--report", "out.json")
    report = SweepReport.load("out.json")
    first, second = report.groups
    attrs.evolve(report, groups=(first, attrs.evolve(second, outcome=Outcome.UNKNOWN))).save("out.json")

    ended = connected("undo", "out.json", "--yes", *flags)

    assert ended.code == 4
    assert second.target_group_id in ended.out
    assert project.ids("live") == [first.target_group_id]


def test_an_impossible_undo_is_explained(connected: Cli, sandbox: Sandbox) -> None:
    """Undo explains why it refuses a completion, another account's report and a sweep without changes."""
    project = sandbox.seed(live=2)
    connected("complete", "--project", project.id, "--yes", "--report", "done.json")
    ended = connected("undo", "done.json", "--yes")
    assert ended.code == 2
    assert "a complete cannot be undone" in ended.err
    connected("pause", "--project", project.id, "--yes", "--report", "nothing.json")
    ended = connected("undo", "nothing.json", "--yes")
    assert (ended.code, sandbox.jobs.keys()) == (0, sandbox.jobs.keys())
    assert "nothing to undo" in ended.err
    ended = connected("undo", "nothing.json", "--yes", "--account", "102")
    assert ended.code == 2
    assert "of account 101 at" in ended.err


def test_a_report_has_the_times_of_its_jobs(connected: Cli, sandbox: Sandbox) -> None:
    """Each job of a report has its start, its end and its trace id."""
    project = sandbox.seed(live=2)
    connected("pause", "--project", project.id, "--yes", "--report", "out.json")
    (swept,) = SweepReport.load("out.json").jobs
    assert swept.trace_id == sandbox.jobs[swept.job_id].trace_id
    assert swept.created_at
    assert swept.ended_at
    assert swept.created_at <= swept.ended_at


def test_an_unwritable_report_keeps_the_result(
    connected: Cli, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk at the end loses only the report: the result is printed and the exit code is 1."""
    project = sandbox.seed(live=1)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fieldingkit.rendering.files.os.fdopen", full)
    ended = connected("pause", "--project", project.id, "--yes", "--report", "out.json")
    assert ended.code == 1
    assert "1 target group is paused." in ended.out
    assert "No space left" in ended.err


def test_a_run_id_makes_a_sweep_happen_once(connected: Cli, sandbox: Sandbox) -> None:
    """The same run id with the same journal is the same sweep; with another plan it is refused."""
    project, other = sandbox.seed(live=1), sandbox.seed(live=1)
    words = ["--yes", "--run-id", "night", "--journal", "night.journal"]
    assert connected("pause", "--project", project.id, *words).code == 0
    assert "has already finished" in connected("pause", "--project", project.id, *words).err
    assert len(sandbox.jobs) == 1
    ended = connected("pause", "--project", other.id, *words)
    assert ended.code == 2
    assert "of another plan" in ended.err


def test_rate_and_concurrency_reach_the_client(connected: Cli, sandbox: Sandbox) -> None:
    """--rate limits the requests of the client, and --concurrency the jobs in progress at once."""
    projects = [sandbox.seed(live=1) for _ in range(3)]
    words = [word for project in projects for word in ("--project", project.id)]
    started = time.monotonic()
    assert connected("pause", *words, "--yes", "--rate", "20", "--concurrency", "1").code == 0
    # A turn that comes late is made up for, but no more than one.
    assert time.monotonic() - started > (len(sandbox.requests) - 2) / 20
    operations = [request.operation_id for request in sandbox.requests]
    jobs = [operation for operation in operations if operation is not None and operation.endswith("_job")]
    assert (jobs[0], jobs[0]) not in pairwise(jobs)  # each job is polled before the next one is created


def test_groups_that_were_not_sent_fail_the_sweep(connected: Cli, sandbox: Sandbox) -> None:
    """Target groups that were not sent after a refusal make the sweep fail, and are reported."""
    projects = [sandbox.seed(live=1) for _ in range(3)]
    sandbox.faults.add("create_bulk_pause_target_groups_job", faults.Answer(401), times=None)
    ended = connected("pause", "--all-projects", "--yes", "--concurrency", "1", "--report", "out.json")
    assert ended.code in {1, 3}
    assert not SweepReport.load("out.json").ok
    assert all(project.ids("live") for project in projects)
    assert "Not sent, 2 target groups: not sent, because nothing can be sent" in ended.out
    assert "should have been sent, and were not: run the same command again" in ended.out


class Remove(faults.Fault):
    """A request during which a file is removed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def inject(self, exchange: faults.Exchange) -> web.StreamResponse:
        """Remove the file, and handle the request."""
        self._path.unlink()
        return await exchange.proceed()


def test_a_journal_that_is_removed_meanwhile_is_noticed(connected: Cli, sandbox: Sandbox, tmp_path: Path) -> None:
    """Without its journal a run can be undone only from its report, which is written even if none was asked for."""
    project = sandbox.seed(live=2)
    sandbox.faults.add("get_bulk_pause_*", Remove(tmp_path / "own.journal"))
    ended = connected("pause", "--project", project.id, "--yes", "--journal", "own.journal", "--run-id", "r:1")
    assert ended.code == 0, ended.err
    assert "own.journal was removed during the sweep" in " ".join(ended.err.split())
    assert connected("undo", "r-1.json", "--yes").code == 0
    assert len(project.ids("live")) == 2
