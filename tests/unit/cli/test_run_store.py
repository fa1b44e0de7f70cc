"""The journal of a sweep, and the run that it resumes."""

import sqlite3
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from support.command_line import Cli
from support.sweep_reports import ulid

from fieldingkit.cli.run_store import choose_journal, journal_folder
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.sweeps.actions import Action
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.sweeps.report import SweepReport

PROJECT, GROUP = ulid("PPPP", 1), ulid("GGGG", 1)
URL = "https://api.cint.com/v1"


def test_the_same_command_resumes_an_unfinished_sweep(connected: Cli, sandbox: Sandbox) -> None:
    """A sweep that ended with unknown outcomes is continued by the same command, under a run id of its own."""
    project = sandbox.seed(live=2)
    for operation in ("get_bulk_pause_target_groups_job", "get_fielding_runs_by_target_group_id"):
        sandbox.faults.add(operation, faults.Answer(403), times=None)
    assert connected("pause", "--project", project.id, "--yes").code == 4
    sandbox.faults.clear()
    ended = connected("pause", "--project", project.id, "--yes")
    assert ended.code == 0
    assert "did not finish. Its open jobs are followed" in ended.err
    assert len(sandbox.jobs) == 1
    ended = connected("pause", "--project", project.id, "--yes")
    assert "did not finish" not in ended.err


def test_what_went_live_meanwhile_is_paused_by_the_same_command(
    connected: Cli, sandbox: Sandbox, tmp_path: Path
) -> None:
    """After an incomplete run, somebody resumes a target group and another one is launched: both are paused."""
    project, refused = sandbox.seed(live=3), sandbox.seed(live=1)
    words = ("pause", "--status", "live", "--all-projects", "--yes", "--report", "out.json", "--chunk-size", "1")
    sandbox.faults.add("create_bulk_pause_target_groups_job", faults.Answer(400))
    assert connected(*words).code == 1
    next(group for group in project.groups if group.status == "paused").act("resume", by="colleague")
    sandbox.seed(project_id=project.id, live=1)

    ended = connected(*words)

    assert ended.code == 0, ended.err
    assert not [*project.ids("live"), *refused.ids("live")]
    assert "All 5 target groups are paused" in ended.out
    report = SweepReport.load(tmp_path / "out.json")
    assert report.counts.updated == 5
    assert {group.previous_status for group in report.groups} == {"live"}
    assert connected("undo", "out.json", "--yes", "--no-history-check").code == 0
    assert len([*project.ids("live"), *refused.ids("live")]) == 5


def test_a_resumed_run_claims_nothing_that_it_has_not_read(connected: Cli, sandbox: Sandbox) -> None:
    """By its id, a run of which one job was refused is resumed: what somebody resumed meanwhile is named."""
    project = sandbox.seed(live=3)
    words = ("pause", "--project", project.id, "--yes", "--chunk-size", "1", "--run-id", "tonight", "--journal", "j")
    sandbox.faults.add("create_bulk_pause_target_groups_job", faults.Answer(400))
    assert connected(*words).code == 1
    next(group for group in project.groups if group.status == "paused").act("resume", by="colleague")

    ended = connected(*words)

    assert ended.code == 1
    assert len(project.ids("live")) == 1
    assert "All 3" not in ended.out
    assert "moved since" in ended.out


def test_a_run_of_another_account_is_never_resumed(connected: Cli, sandbox: Sandbox) -> None:
    """The same command with another account is a run of its own; by its id, a run of another account is refused."""
    project = sandbox.seed(live=2)
    for operation in ("get_bulk_pause_target_groups_job", "get_fielding_runs_by_target_group_id"):
        sandbox.faults.add(operation, faults.Answer(403), times=None)
    words = ("pause", "--project", project.id, "--yes")
    assert connected(*words, "--run-id", "tonight").code == 4
    sandbox.faults.clear()
    before = len(sandbox.requests)

    ended = connected(*words, "--account", "202")
    assert "Resuming" not in ended.err
    assert all("/accounts/202/" in request.path for request in sandbox.requests[before:])
    before = len(sandbox.requests)
    ended = connected(*words, "--account", "202", "--run-id", "tonight")
    assert ended.code == 2
    assert f"is of account 101 at {sandbox.url}, and the connection is to account 202" in " ".join(ended.err.split())
    assert len(sandbox.requests) == before


def test_another_selection_is_another_run(connected: Cli, sandbox: Sandbox) -> None:
    """An unfinished sweep of other target groups is not resumed."""
    project, other = sandbox.seed(live=2), sandbox.seed(live=2)
    for operation in ("get_bulk_pause_target_groups_job", "get_fielding_runs_by_target_group_id"):
        sandbox.faults.add(operation, faults.Answer(403), times=None)
    assert connected("pause", "--project", project.id, "--yes", "--journal", "j").code == 4
    sandbox.faults.clear()
    ended = connected("pause", "--project", other.id, "--yes", "--journal", "j")
    assert ended.code == 0
    assert "Resuming" not in ended.err


def test_an_old_run_is_resumed_only_by_its_id(
    connected: Cli, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an hour the same command is a new run, and prints how to resume the old one."""
    project = sandbox.seed(live=2)
    words = ("pause", "--project", project.id, "--yes")
    for operation in ("get_bulk_pause_target_groups_job", "get_fielding_runs_by_target_group_id"):
        sandbox.faults.add(operation, faults.Answer(403), times=None)
    assert connected(*words).code == 4
    sandbox.faults.clear()
    sandbox.seed(project_id=project.id, live=1)
    monkeypatch.setattr("fieldingkit.cli.run_store._MAX_AGE", timedelta(0))
    ended = connected(*words)
    assert ended.code == 0
    assert not project.ids("live")
    assert "did not finish" in ended.err
    old = ended.err.split("To resume the old one: ")[1].splitlines()[0].split()
    assert "Resuming the run of" in connected(*words, *old).err


def test_another_file_is_refused_as_a_journal(connected: Cli, sandbox: Sandbox, tmp_path: Path) -> None:
    """A file that is no journal is not written to, and nothing is sent."""
    project = sandbox.seed(live=1)
    (tmp_path / "notes.txt").write_text("something else " * 100)
    ended = connected("pause", "--project", project.id, "--yes", "--journal", "notes.txt")
    assert ended.code == 2
    assert "This command sent nothing" in ended.err
    assert (tmp_path / "notes.txt").read_text() == "something else " * 100
    assert project.ids("live")


def test_each_api_has_its_own_journal_folder(bare: pytest.MonkeyPatch) -> None:
    """Journals of different APIs are kept apart, and choosing a journal creates no file."""
    assert journal_folder(URL) != journal_folder("http://127.0.0.1:8080/v1")
    plan = SweepPlan(action=Action.PAUSE, target_groups={PROJECT: [GROUP]}, run_id="a:b")
    target = choose_journal(plan, None, base_url=URL, named=False, warn=print)
    assert target.path == journal_folder(URL) / "a-b.journal"
    assert not target.path.parent.exists()


def test_an_unreadable_journal_is_named_and_skipped(connected: Cli, sandbox: Sandbox) -> None:
    """A damaged journal in the journal folder is named in a warning, and neither it nor a newer plan blocks a sweep."""
    project = sandbox.seed(live=1)
    folder = journal_folder(sandbox.url)
    folder.mkdir(parents=True)
    (folder / "damaged.journal").write_text("nonsense")
    newer = folder / "newer.journal"
    assert connected("resume", "--project", project.id, "--yes", "--journal", str(newer)).code == 0
    with sqlite3.connect(newer) as database:
        database.execute("""UPDATE runs SET plan = '{"v": 99}'""")
    database.close()
    ended = connected("pause", "--project", project.id, "--yes")
    assert ended.code == 0
    assert "Skipped a journal" in ended.err
    assert "damaged.journal" in ended.err
    assert "newer.journal" not in ended.err
    assert project.ids("paused")
    ended = connected("resume", "--project", project.id, "--yes", "--journal", str(folder / "damaged.journal"))
    assert ended.code == 2
    assert "damaged.journal" in ended.err
    assert project.ids("paused")


def test_the_same_sweep_at_the_same_time_is_refused(connected: Cli, sandbox: Sandbox, tmp_path: Path) -> None:
    """A second process with the same sweep is refused and names the first, with any journal and any run id."""
    project, other = sandbox.seed(live=1), sandbox.seed(live=1)
    sandbox.clock.freeze()  # no job ends before the second command was refused
    words = ["pause", "--project", project.id, "--yes"]
    command = [sys.executable, "-m", "fieldingkit", *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "Run " in process.stderr.readline()
        (tmp_path / "link").symlink_to(tmp_path)
        for more in ([], ["--journal", "link/j"], ["--run-id", "another"]):
            ended = connected(*words, *more)
            assert ended.code == 2
            assert f"the same sweep is in progress: process {process.pid} on " in ended.err
        sandbox.clock.thaw()
        assert connected("pause", "--project", other.id, "--yes").code == 0
        process.stderr.read()
    assert process.returncode == 0
    assert len(sandbox.jobs) == 2
    assert connected(*words).code == 0


def test_an_unwritablestate_folder_does_not_stop_a_sweep(connected: Cli, sandbox: Sandbox, tmp_path: Path) -> None:
    """Without a state folder, a sweep with a named journal runs, and notes that it cannot see its equals."""
    project = sandbox.seed(live=1)
    (tmp_path / "home").write_text("a file in the place of the folder")
    ended = connected("pause", "--project", project.id, "--yes", "--journal", "j")
    assert ended.code == 0
    assert "cannot be locked" in ended.err
