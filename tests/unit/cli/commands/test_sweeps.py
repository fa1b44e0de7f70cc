"""``fieldingkit sweeps``: the runs of earlier sweeps, from their journals."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from support.command_line import Cli

from fieldingkit.cli.run_store import state_folder
from fieldingkit.sandbox import Sandbox
from fieldingkit.sweeps import Journal, SweepReport
from fieldingkit.sweeps.journal import Statement


def paused(connected: Cli, sandbox: Sandbox, run_id: str, *words: str, live: int = 2) -> None:
    """Pause a new project under a run id."""
    project = sandbox.seed(live=live)
    ended = connected("pause", "--project", project.id, "--yes", "--run-id", run_id, *words)
    assert ended.code == 0, ended.err


def documents(text: str) -> list[dict[str, Any]]:
    """Return the JSON documents of some lines."""
    return [json.loads(line) for line in text.splitlines()]


def journals() -> list[Path]:
    """Return the journals of the state folder."""
    return sorted(state_folder().glob("sweeps/*/*.journal"))


def age(days: float) -> None:
    """Make all runs of the state folder older."""
    for path in journals():
        with sqlite3.connect(path) as database:
            seconds = days * 86400
            database.execute(
                "UPDATE runs SET started_at = started_at - ?, finished_at = finished_at - ?", [seconds] * 2
            )
        database.close()


def interrupt(run_id: str) -> None:
    """Make a run unfinished."""
    for path in journals():
        with sqlite3.connect(path) as database:
            database.execute("UPDATE runs SET finished_at = NULL, reported_at = NULL WHERE run_id = ?", [run_id])
        database.close()


def test_list_prints_every_run_the_latest_first(connected: Cli, sandbox: Sandbox) -> None:
    """A run has its id, action, account, API host, times and outcomes; one that is not finished is open."""
    paused(connected, sandbox, "first", live=3)
    paused(connected, sandbox, "second")
    interrupt("second")
    rows = [line.split("\t") for line in connected("sweeps", "list").out.splitlines()]
    assert [row[0] for row in rows] == ["second", "first"]
    host = sandbox.url.split("/")[2]
    assert rows[1][1:4] == ["pause", "101", host]
    assert (rows[0][5], rows[1][6:]) == ("open", ["3", "3 updated"])
    printed = documents(connected("sweeps", "list", "--json").out)
    assert [(run["run_id"], run["undoable"]) for run in printed] == [("second", 2), ("first", 3)]
    assert printed[1]["counts"]["updated"] == 3
    assert Path(printed[0]["journal"]) in journals()


def test_list_sends_no_request_and_needs_no_credentials(connected: Cli, sandbox: Sandbox, cli: Cli) -> None:
    """Journals are read from the disk alone."""
    paused(connected, sandbox, "first")
    sandbox.requests.clear()
    for name in [name for name in os.environ if name.startswith("CINT_")]:
        os.environ.pop(name)
    assert "first" in cli("sweeps", "list").out
    assert cli("sweeps", "show", "first").code == 0
    assert cli("sweeps", "report", "first", "--report", "out.html").code == 0
    assert not sandbox.requests


def test_damaged_and_newer_journals_are_named_and_skipped(connected: Cli, sandbox: Sandbox) -> None:
    """A journal that cannot be read hides no other run; if it was named, that is a usage error."""
    paused(connected, sandbox, "first")
    folder = journals()[0].parent
    (folder / "torn.journal").write_bytes(b"SQLite format 3\x00 and then nothing")
    (folder / "newer.journal").write_bytes(journals()[0].read_bytes())
    with sqlite3.connect(folder / "newer.journal") as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    ended = connected("sweeps", "list")
    assert ended.code == 0
    assert [line.split("\t")[0] for line in ended.out.splitlines()] == ["first"]
    assert ended.err.count("Skipped a journal") == 2
    assert "torn.journal" in ended.err
    assert "newer.journal" in ended.err
    assert connected("sweeps", "list", "--journal", str(folder / "torn.journal")).code == 2


def test_a_named_journal_is_read_instead(connected: Cli, sandbox: Sandbox) -> None:
    """--journal lists the runs of one journal."""
    paused(connected, sandbox, "here", "--journal", "own.journal")
    paused(connected, sandbox, "there")
    assert [run["run_id"] for run in documents(connected("sweeps", "list", "--json").out)] == ["there", "here"]
    ended = connected("sweeps", "list", "--json", "--journal", "own.journal")
    assert [run["run_id"] for run in documents(ended.out)] == ["here"]
    assert connected("sweeps", "show", "there", "--journal", "own.journal").code == 2
    assert connected("sweeps", "show", "here").code == 0
    assert connected("sweeps", "show", "here", "--journal", "own.journal").code == 0


def test_an_open_run_whose_journal_is_in_use_is_in_progress(connected: Cli, sandbox: Sandbox) -> None:
    """A user who took it for interrupted would resume it, or plan again; a finished run in the journal is finished."""
    paused(connected, sandbox, "earlier", "--journal", "own.journal")
    paused(connected, sandbox, "now", "--journal", "own.journal")
    with sqlite3.connect("own.journal") as database:
        database.execute("UPDATE runs SET finished_at = NULL WHERE run_id = 'now'")
    database.close()
    with Journal("own.journal"):
        rows = [line.split("\t") for line in connected("sweeps", "list").out.splitlines()]
        shown = connected("sweeps", "show", "now").out
        document = json.loads(connected("sweeps", "show", "now", "--json").out)
    assert rows[0][5] == "in progress"
    assert rows[1][5] not in {"in progress", "open"}
    assert "wait, and show the run again" in shown
    assert f"process {os.getpid()} on " in document["in_use_by"]
    shown = connected("sweeps", "show", "now").out
    assert "open" in shown
    assert "wait" not in shown


def test_show_prints_result_jobs_and_timeline(connected: Cli, sandbox: Sandbox) -> None:
    """A run is shown with each of its jobs, and what happened when."""
    paused(connected, sandbox, "first")
    ended = connected("sweeps", "show", "first")
    assert ended.code == 0
    (job_id,) = sandbox.jobs
    assert f"job {job_id} created for 2 target groups" in ended.out
    assert f"job {job_id} ended" in ended.out
    assert "finished" in ended.out
    printed = json.loads(connected("sweeps", "show", "first", "--json").out)
    assert [job["job_id"] for job in printed["jobs"]] == [job_id]
    assert printed["timeline"][0]["event"] == "started"
    assert len(printed["groups"]) == 2


def test_an_unknown_run_is_a_usage_error(connected: Cli) -> None:
    """A run that no journal contains is named, with the command that lists the runs."""
    ended = connected("sweeps", "show", "nowhere")
    assert ended.code == 2
    assert "there is no run nowhere" in ended.err
    assert "sweeps list" in ended.err


def test_report_writes_the_report_again(connected: Cli, sandbox: Sandbox) -> None:
    """The report of a run is written from its journal, and overwrites that of no other run, and no journal."""
    paused(connected, sandbox, "first")
    paused(connected, sandbox, "second", "--report", "out.html", "--journal", "second.json")
    ended = connected("sweeps", "report", "first", "--report", "out.html")
    assert ended.code == 2
    assert "--force" in ended.err
    assert SweepReport.load("out.html").run_id == "second"
    words = ("sweeps", "report", "second", "--journal", "second.json")
    assert connected(*words, "--report", "second.json", "--force").code == 2
    os.link("second.json", "hard.json")
    assert connected(*words, "--report", "hard.json", "--force").code == 2
    assert connected("sweeps", "report", "first", "--report", "out.html", "--force").code == 0
    assert SweepReport.load("out.html").run_id == "first"
    printed = json.loads(connected("sweeps", "report", "first", "--report", "out.html", "--json").out)
    assert (printed["run_id"], printed["report"]) == ("first", "out.html")


def test_prune_keeps_what_is_still_of_use(connected: Cli, sandbox: Sandbox) -> None:
    """Without a terminal, only old runs that are finished and cannot be undone any more are deleted."""
    paused(connected, sandbox, "undoable")
    paused(connected, sandbox, "open")
    interrupt("open")
    project = sandbox.seed(live=1)
    connected("complete", "--project", project.id, "--yes", "--run-id", "completed")
    age(40)
    paused(connected, sandbox, "young")
    ended = connected("sweeps", "prune")
    assert ended.code == 0
    assert "Kept undoable: it can still be undone, for 2 target groups" in ended.out
    assert "Kept open: it is unfinished" in ended.out
    assert "Deleted completed" in ended.out
    assert {run["run_id"] for run in documents(connected("sweeps", "list", "--json").out)} == {
        "undoable",
        "open",
        "young",
    }
    assert not list(state_folder().rglob("completed*"))
    ended = connected("sweeps", "prune", "--yes", "--json")
    assert [(run["run_id"], run["deleted"]) for run in documents(ended.out)] == [("open", True), ("undoable", True)]
    assert [run["run_id"] for run in documents(connected("sweeps", "list", "--json").out)] == ["young"]


def test_prune_keeps_or_deletes_continued_runs_together(connected: Cli, sandbox: Sandbox) -> None:
    """The report of a run needs the runs that it continues; they are listed as continued, and as old as it is."""
    for name in ("first", "second"):
        project = sandbox.seed(live=1)
        connected("complete", "--project", project.id, "--yes", "--run-id", name, "--journal", "own.journal")
    with sqlite3.connect("own.journal") as database:
        database.execute("UPDATE runs SET continues = 'first' WHERE run_id = 'second'")
        database.execute("UPDATE runs SET started_at = started_at - 4e6, finished_at = NULL WHERE run_id = 'first'")
    database.close()
    words = ("--journal", "own.journal")
    assert "continued by second" in connected("sweeps", "list", *words).out
    assert connected("sweeps", "prune", *words).out == ""
    assert connected("sweeps", "show", "second", *words).code == 0
    with sqlite3.connect("own.journal") as database:
        database.execute("UPDATE runs SET started_at = started_at - 4e6, finished_at = finished_at - 4e6")
    database.close()
    ended = connected("sweeps", "prune", *words)
    assert ended.out.splitlines() == ["Deleted second", "Deleted first"]
    assert Path("own.journal").exists()


def test_a_run_without_target_groups_is_shown(connected: Cli, sandbox: Sandbox) -> None:
    """A run that was interrupted while its target groups were being found says that nothing was sent."""
    paused(connected, sandbox, "first")
    with sqlite3.connect(journals()[0]) as database:
        database.execute("UPDATE runs SET discovered_at = NULL, finished_at = NULL")
    database.close()
    ended = connected("sweeps", "show", "first")
    assert ended.code == 0
    assert "nothing was sent" in ended.out
    sandbox.requests.clear()
    ended = connected("sweeps", "resume", "first", "--yes")
    assert ended.code != 0
    assert "Nothing was sent. Give the command that began it again." in ended.err
    assert not sandbox.requests


def test_prune_asks_at_a_terminal(connected: Cli, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """At a terminal a person decides on runs that can still be undone; "no" keeps them."""
    paused(connected, sandbox, "undoable")
    age(40)
    for name in ("stdin", "stderr"):
        monkeypatch.setattr(f"sys.{name}.isatty", lambda: True, raising=False)
    for answer, left in (("n\n", 1), ("y\n", 0)):
        monkeypatch.setattr("sys.stdin.readline", lambda answer=answer: answer, raising=False)
        ended = connected("sweeps", "prune", "--older-than", "30d")
        assert "can still be resumed, read or undone" in ended.err
        assert len(journals()) == left


def test_prune_with_dry_run_deletes_nothing(connected: Cli, sandbox: Sandbox) -> None:
    """A dry run prints what would be deleted."""
    project = sandbox.seed(live=1)
    connected("complete", "--project", project.id, "--yes", "--run-id", "completed")
    age(2)
    assert connected("sweeps", "prune").out == ""
    assert "Would delete completed" in connected("sweeps", "prune", "--older-than", "1d", "--dry-run").out
    assert len(journals()) == 1


def test_prune_skips_a_journal_in_use(connected: Cli, sandbox: Sandbox) -> None:
    """The journal of a running sweep is kept, and named with exit code 1."""
    from fieldingkit.sweeps import Journal

    project = sandbox.seed(live=1)
    connected("complete", "--project", project.id, "--yes", "--run-id", "completed")
    age(40)
    with Journal(journals()[0]):
        ended = connected("sweeps", "prune")
    assert ended.code == 1
    assert "in use" in ended.out
    assert len(journals()) == 1


def test_a_run_that_was_undone_may_be_pruned(connected: Cli, sandbox: Sandbox) -> None:
    """A run whose undo has finished, and the undo itself, are deleted without a question."""
    paused(connected, sandbox, "first", "--report", "out.json")
    assert connected("undo", "out.json", "--yes").code == 0
    age(40)
    assert connected("sweeps", "prune").code == 0
    assert not journals()


def test_resume_goes_on_with_an_unfinished_run(connected: Cli, sandbox: Sandbox) -> None:
    """A run is resumed by its id alone, whatever its age; a finished one is reported again without a request."""
    assert connected
    project = sandbox.seed(live=2)
    sandbox.clock.freeze()  # no job ends before the signal
    command = [sys.executable, "-m", "fieldingkit", "pause", "--project", project.id, "--yes", "--run-id", "first"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while not sandbox.jobs and process.poll() is None:
            time.sleep(0.02)
        process.terminate()
        process.communicate(timeout=120)
    sandbox.clock.thaw()
    age(3)
    ended = connected("sweeps", "resume", "first")  # it asks, and there is no terminal
    assert ended.code == 2
    assert "This command changed nothing." in ended.err  # the run may have: its job was submitted
    assert "Nothing was" not in ended.err
    ended = connected("sweeps", "resume", "first", "--yes", "--report", "out.json")
    assert ended.code == 0, ended.err
    assert len(sandbox.jobs) == 1
    assert SweepReport.load("out.json").run_id == "first"
    sandbox.requests.clear()
    assert "has already finished" in connected("sweeps", "resume", "first", "--yes").err
    assert {request.method for request in sandbox.requests} <= {"GET"}


def test_a_run_of_another_account_is_not_resumed(connected: Cli, sandbox: Sandbox) -> None:
    """A connection to another account or API is refused with both named; nothing is sent."""
    paused(connected, sandbox, "first")
    sandbox.requests.clear()
    for words in (("--account", "102"), ("--base-url", "http://127.0.0.1:9/v1")):
        for command in ("resume", "undo"):
            ended = connected("sweeps", command, "first", "--yes", *words)
            assert ended.code == 2
            assert "account 101 at" in ended.err
            assert words[1] in ended.err
    assert not sandbox.requests


def test_undo_by_run_id_needs_no_report(connected: Cli, sandbox: Sandbox) -> None:
    """A run is undone from its journal; doing so again changes nothing."""
    project = sandbox.seed(live=2, paused=1)
    connected("pause", "--project", project.id, "--yes", "--run-id", "first")
    ended = connected("sweeps", "undo", "first", "--yes")
    assert ended.code == 0
    assert len(project.ids("live")) == 2
    assert len(project.ids("paused")) == 1


def test_undo_last_undoes_the_last_sweep_that_changed_something(connected: Cli, sandbox: Sandbox) -> None:
    """Sweeps without a change are passed over; the chosen run is named, and so is one that was undone already."""
    older, newer = sandbox.seed(live=1), sandbox.seed(live=2)
    connected("pause", "--project", older.id, "--yes", "--run-id", "older")
    connected("pause", "--project", newer.id, "--yes", "--run-id", "newer")
    connected("pause", "--project", newer.id, "--yes", "--run-id", "nothing-left")
    ended = connected("undo", "--last", "--yes")
    assert ended.code == 0, ended.err
    assert "The last sweep is the pause of" in ended.err
    assert "run newer." in ended.err
    assert (len(newer.ids("live")), len(older.ids("live"))) == (2, 0)
    again = connected("undo", "--last", "--yes")
    assert (again.code, len(older.ids("live")), len(newer.ids("live"))) == (1, 0, 2)  # never an older one
    assert "run newer, was undone already by run newer-undo" in " ".join(again.err.split())
    assert "fieldingkit sweeps undo newer-undo --journal" in " ".join(again.err.split())


def test_undo_last_undoes_the_undo_of_an_undo(connected: Cli, sandbox: Sandbox) -> None:
    """After pause, undo and undo of the undo, the last sweep is the third; a repetition of either undo names it."""
    project = sandbox.seed(live=2)
    connected("pause", "--project", project.id, "--yes", "--run-id", "r", "--report", "r.json")
    connected("undo", "r.json", "--yes", "--report", "u.json")
    connected("undo", "u.json", "--yes")
    assert len(project.ids("paused")) == 2
    again = connected("undo", "r.json", "--yes")
    assert (again.code, len(project.ids("paused"))) == (1, 2)
    assert "run r was undone by run r-undo, which was undone in turn" in " ".join(again.err.split())
    assert "fieldingkit sweeps undo r-undo-undo --journal" in " ".join(again.err.split())
    ended = connected("undo", "--last", "--yes")
    assert ended.code == 0, ended.err
    assert "run r-undo-undo." in ended.err
    assert len(project.ids("live")) == 2


def test_undo_last_delivers_the_report_of_an_interrupted_undo(connected: Cli, sandbox: Sandbox) -> None:
    """An undo that was killed before its report was delivered is neither undone nor called a success unseen."""
    project = sandbox.seed(live=2)
    connected("pause", "--project", project.id, "--yes", "--run-id", "r")
    connected("undo", "--last", "--yes")
    for path in journals():
        with sqlite3.connect(path) as database:
            database.execute("UPDATE runs SET reported_at = NULL WHERE run_id = 'r-undo'")
        database.close()
    ended = connected("undo", "--last", "--yes", "--report", "u.json")
    assert ended.code == 0, ended.err
    assert SweepReport.load("u.json").counts.updated == 2
    assert len(project.ids("live")) == 2


def test_undo_last_recognizes_an_undo_with_a_run_id_of_its_own(connected: Cli, sandbox: Sandbox) -> None:
    """An undo is known by the run that it undoes, not by its run id; an interrupted one is continued under its id."""
    project = sandbox.seed(live=2)
    connected("pause", "--project", project.id, "--yes", "--run-id", "r")
    connected("sweeps", "report", "r", "--report", "r.json")
    connected("undo", "r.json", "--yes", "--run-id", "back")
    assert len(project.ids("live")) == 2
    again = connected("undo", "--last", "--yes")
    assert (again.code, len(project.ids("live"))) == (1, 2)
    assert "run r, was undone already by run back" in " ".join(again.err.split())
    interrupt("back")
    ended = connected("undo", "--last", "--yes", "--report", "u.json")
    assert ended.code == 0, ended.err
    assert SweepReport.load("u.json").run_id == "back"


def test_an_undo_of_a_pruned_sweep_is_not_undone_by_last(connected: Cli, sandbox: Sandbox) -> None:
    """Where only the undo is left in the journals, it is still the end of its sweep."""
    project = sandbox.seed(live=1)
    connected("pause", "--project", project.id, "--yes", "--run-id", "r")
    connected("undo", "--last", "--yes")
    for path in journals():
        with sqlite3.connect(path) as database:
            database.execute("DELETE FROM runs WHERE run_id = 'r'")
        database.close()
    ended = connected("undo", "--last", "--yes")
    assert (ended.code, len(project.ids("live"))) == (1, 1)
    assert "run r was undone already by run r-undo" in " ".join(ended.err.split())


def test_undo_last_knows_sweeps_with_a_journal_elsewhere(connected: Cli, sandbox: Sandbox) -> None:
    """A journal that --journal named is remembered; once it is gone, the last sweep of the others is the last."""
    one, other = sandbox.seed(live=1), sandbox.seed(live=1)
    connected("pause", "--project", one.id, "--yes", "--run-id", "one")
    connected("pause", "--project", other.id, "--yes", "--journal", "own.journal", "--run-id", "other")
    assert [line.split()[0] for line in connected("sweeps", "list").out.splitlines()] == ["other", "one"]
    assert connected("sweeps", "prune", "--older-than", "0s", "--yes").out == "Deleted one\n"
    connected("resume", "--project", one.id, "--yes")
    connected("pause", "--project", one.id, "--yes", "--journal", "own.journal", "--run-id", "one")
    assert connected("undo", "--last", "--yes").code == 0
    assert (len(one.ids("live")), len(other.ids("live"))) == (1, 0)
    Path("own.journal").unlink()
    assert "other" not in connected("sweeps", "list").out


def test_undo_last_searches_a_named_journal(connected: Cli, sandbox: Sandbox) -> None:
    """With --journal, the last sweep is that of the journal."""
    one, other = sandbox.seed(live=1), sandbox.seed(live=1)
    connected("pause", "--project", one.id, "--yes", "--journal", "own.journal")
    connected("pause", "--project", other.id, "--yes")
    assert connected("undo", "--last", "--yes", "--journal", "own.journal").code == 0
    assert (len(one.ids("live")), len(other.ids("live"))) == (1, 0)


def test_undo_last_does_not_pass_over_an_interrupted_sweep(connected: Cli, sandbox: Sandbox) -> None:
    """An interrupted sweep may have changed something, so no older sweep is undone in its place."""
    older = sandbox.seed(live=1)
    connected("pause", "--project", older.id, "--yes", "--run-id", "older")
    paused(connected, sandbox, "newer")
    interrupt("newer")
    for path in journals():
        with sqlite3.connect(path) as database:
            database.execute("UPDATE groups SET outcome = NULL WHERE run_id = 'newer'")
        database.close()
    ended = connected("undo", "--last", "--yes")
    assert ended.code == 4
    assert "run newer." in ended.err
    assert "fieldingkit sweeps resume newer" in ended.err
    assert not older.ids("live")


def test_undo_last_without_a_sweep_is_explained(connected: Cli, sandbox: Sandbox) -> None:
    """Without a journal there is nothing to undo, which is exit code 1; a report and --last are one too many."""
    assert sandbox
    ended = connected("undo", "--last", "--yes")
    assert ended.code == 1
    assert "sweeps undo" in ended.err
    assert connected("undo", "--yes").code == 2
    assert connected("undo", "out.json", "--last", "--yes").code == 2


def test_a_completion_is_not_undone_in_favor_of_an_older_pause(connected: Cli, sandbox: Sandbox) -> None:
    """If the last sweep cannot be undone, --last says so, and does not choose another one."""
    project = sandbox.seed(live=2)
    connected("pause", "--project", project.id, "--yes")
    connected("complete", "--project", project.id, "--yes")
    ended = connected("undo", "--last", "--yes")
    assert ended.code == 2
    assert "cannot be undone" in ended.err


def test_a_full_disk_is_named_and_the_sweep_resumed_after_it(
    connected: Cli, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every write after the one that failed names the reason of the first, and nothing is sent twice."""
    projects = [sandbox.seed(live=1) for _ in range(8)]
    with monkeypatch.context() as patch:
        commit = Journal._commit

        def full_commit(journal: Journal, database: sqlite3.Connection, statements: Sequence[Statement]) -> None:
            if sandbox.jobs:
                raise sqlite3.OperationalError("database or disk is full")
            commit(journal, database, statements)

        patch.setattr(Journal, "_commit", full_commit)
        ended = connected("pause", "--all-projects", "--yes")
    assert ended.code == 4
    assert "database or disk is full" in ended.err.partition("fieldingkit: ")[2], ended.err
    assert "Free space" in ended.err
    assert connected("pause", "--all-projects", "--yes").code == 0
    assert [project.ids("paused") for project in projects] == [project.ids() for project in projects]
    assert len(sandbox.jobs) == 8
