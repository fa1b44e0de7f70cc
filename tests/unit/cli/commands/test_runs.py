"""``fieldingkit runs``, in this process, on a sandbox."""

import json

import pytest
from support.command_line import Cli

from fieldingkit.sandbox import Sandbox, faults


def test_show_prints_one_field_a_line(connected: Cli, sandbox: Sandbox) -> None:
    """A run is printed as text, one field a line."""
    project = sandbox.seed(live=1)
    ended = connected("runs", "show", project.ids()[0], "--project", project.id)
    assert ended.code == 0
    assert "Status       live" in ended.out
    assert 'W/"1"' in ended.out


def test_show_is_one_json_document(connected: Cli, sandbox: Sandbox) -> None:
    """With --json a run is one document with the names of the API."""
    project = sandbox.seed(live=1)
    ended = connected("runs", "show", project.ids()[0], "--project", project.id, "--json")
    run = project.groups[0].run
    assert json.loads(ended.out)["id"] == (run and run.id)


def test_a_draft_has_no_run(connected: Cli, sandbox: Sandbox) -> None:
    """A draft has no fielding run: exit code 1, and the message says that it is a draft."""
    project = sandbox.seed(draft=1)
    ended = connected("runs", "show", project.ids()[0], "--project", project.id)
    assert (ended.code, ended.out) == (1, "")
    assert "is a draft" in ended.err


def test_ensure_without_a_change_asks_nothing(connected: Cli, sandbox: Sandbox) -> None:
    """A run that already has the status needs no --yes, and only reads are sent."""
    project = sandbox.seed(paused=1)
    ended = connected("runs", "ensure", project.ids()[0], "paused", "--project", project.id)
    assert ended.code == 0
    assert "already paused" in ended.out
    assert {request.method for request in sandbox.requests} == {"GET"}


def test_ensure_requires_a_confirmation(connected: Cli, sandbox: Sandbox) -> None:
    """Without a terminal and without --yes nothing is changed, and the message names --yes."""
    project = sandbox.seed(live=1)
    ended = connected("runs", "ensure", project.ids()[0], "paused", "--project", project.id)
    assert ended.code == 2
    assert "--yes" in ended.err
    assert project.ids("live")


def test_ensure_with_dry_run_changes_nothing(connected: Cli, sandbox: Sandbox) -> None:
    """A dry run prints the action and does not send it; with --json as a document."""
    project = sandbox.seed(live=1)
    words = ("runs", "ensure", project.ids()[0], "paused", "--project", project.id, "--dry-run")
    ended = connected(*words)
    assert ended.code == 0
    assert f"Dry run: pause the run of {project.ids()[0]}, which is live. Nothing was sent." in ended.err
    printed = json.loads(connected(*words, "--json").out)
    assert (printed["status"], printed["changed"], printed["action"]) == ("live", False, "pause")
    assert project.ids("live")


def test_extend_with_dry_run_changes_nothing(connected: Cli, sandbox: Sandbox) -> None:
    """A dry run prints both ends with --json, and sends no update."""
    project = sandbox.seed(live=1)
    words = ("runs", "extend", project.ids()[0], "--project", project.id, "--days", "1", "--dry-run", "--json")
    ended = connected(*words)
    assert ended.code == 0
    printed = json.loads(ended.out)
    assert printed["end_fielding_at"] < printed["new_end_fielding_at"]
    assert {request.method for request in sandbox.requests} == {"GET"}


def test_no_at_the_prompt_is_exit_code_1(connected: Cli, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """An action that was declined was not done, so a script does not take it for done."""
    project = sandbox.seed(live=1)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdin.readline", lambda: "n\n", raising=False)
    words = ("runs", "ensure", project.ids()[0], "paused", "--project", project.id)
    assert connected(*words).code == 1
    assert project.ids("live")


def test_ensure_pauses_a_live_run(connected: Cli, sandbox: Sandbox) -> None:
    """With --yes the run is brought to the wanted status."""
    project = sandbox.seed(live=1)
    ended = connected("runs", "ensure", project.ids()[0], "paused", "--project", project.id, "--yes", "--json")
    assert ended.code == 0
    assert json.loads(ended.out)["changed"] is True
    assert project.ids("paused")


def test_an_unreachable_status_names_the_reachable_ones(connected: Cli, sandbox: Sandbox) -> None:
    """A status that no action leads to is refused with the reachable ones."""
    project = sandbox.seed(completed=1)
    ended = connected("runs", "ensure", project.ids()[0], "paused", "--project", project.id, "--yes")
    assert ended.code == 1
    assert "only to live" in ended.err


def test_extend_by_days_and_until(connected: Cli, sandbox: Sandbox) -> None:
    """The end of a run is moved by days or to a time in UTC, never to an earlier time."""
    project = sandbox.seed(live=1)
    where = (project.ids()[0], "--project", project.id, "--yes")
    assert connected("runs", "extend", *where, "--days", "2").code == 0
    assert "2037-01-01T12:00:00Z" in connected("runs", "extend", *where, "--until", "2037-01-01T12:00").out
    ended = connected("runs", "extend", *where, "--until", "2036-01-01")
    assert ended.code == 1
    assert "must be later" in ended.err
    assert connected("runs", "extend", *where).code == 2


def test_an_unknown_outcome_has_its_own_exit_code(connected: Cli, sandbox: Sandbox) -> None:
    """An action that may have been applied is exit code 4, and the message says so."""
    project = sandbox.seed(live=1)
    sandbox.faults.add("pause_fielding_run", faults.DropBefore(), times=None)
    sandbox.faults.add("get_fielding_run", faults.Delay(0), times=2)
    sandbox.faults.add("get_fielding_run", faults.Answer(403), times=None)
    ended = connected("runs", "ensure", project.ids()[0], "paused", "--project", project.id, "--yes")
    assert ended.code == 4
    assert "may have been applied" in ended.err
