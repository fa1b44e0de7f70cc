"""``fieldingkit runs``, in this process on a sandbox."""

import json

from support.command_line import Cli

from fieldingkit.sandbox import Sandbox, faults


def test_show_tells_the_run(connected: Cli, sandbox: Sandbox) -> None:
    """A run is shown to people by its facts, a line each."""
    project = sandbox.seed(live=1)
    ended = connected("runs", "show", project.ids()[0], "--project", project.id)
    assert ended.code == 0
    assert "Status       live" in ended.out
    assert 'W/"1"' in ended.out


def test_show_is_one_json_document(connected: Cli, sandbox: Sandbox) -> None:
    """With --json a run is one document with the API's own names."""
    project = sandbox.seed(live=1)
    ended = connected("runs", "show", project.ids()[0], "--project", project.id, "--json")
    run = project.groups[0].run
    assert json.loads(ended.out)["id"] == (run and run.id)


def test_a_draft_has_no_run(connected: Cli, sandbox: Sandbox) -> None:
    """Of a draft it is said that it is one, with exit code 1."""
    project = sandbox.seed(draft=1)
    ended = connected("runs", "show", project.ids()[0], "--project", project.id)
    assert (ended.code, ended.out) == (1, "")
    assert "is a draft" in ended.err


def test_ensure_asks_nothing_where_nothing_is_to_be_done(connected: Cli, sandbox: Sandbox) -> None:
    """A run that already is where it should be needs no --yes, and nothing is sent but reads."""
    project = sandbox.seed(paused=1)
    ended = connected("runs", "ensure", project.ids()[0], "paused", "--project", project.id)
    assert ended.code == 0
    assert "had been before" in ended.out
    assert {request.method for request in sandbox.requests} == {"GET"}


def test_ensure_needs_a_yes(connected: Cli, sandbox: Sandbox) -> None:
    """Without a terminal and without --yes nothing is changed, and --yes is named."""
    project = sandbox.seed(live=1)
    ended = connected("runs", "ensure", project.ids()[0], "paused", "--project", project.id)
    assert ended.code == 2
    assert "--yes" in ended.err
    assert project.ids("live")


def test_ensure_can_run_dry(connected: Cli, sandbox: Sandbox) -> None:
    """A dry run says what it would do and does nothing."""
    project = sandbox.seed(live=1)
    ended = connected("runs", "ensure", project.ids()[0], "paused", "--project", project.id, "--dry-run")
    assert ended.code == 0
    assert "PauseFieldingRun" in ended.err
    assert project.ids("live")


def test_ensure_pauses(connected: Cli, sandbox: Sandbox) -> None:
    """With --yes the run is brought where it should be."""
    project = sandbox.seed(live=1)
    ended = connected("runs", "ensure", project.ids()[0], "paused", "--project", project.id, "--yes", "--json")
    assert ended.code == 0
    assert json.loads(ended.out)["changed"] is True
    assert project.ids("paused")


def test_ensure_where_no_action_leads(connected: Cli, sandbox: Sandbox) -> None:
    """A status that no action leads to is told with the ones that can be reached."""
    project = sandbox.seed(completed=1)
    ended = connected("runs", "ensure", project.ids()[0], "paused", "--project", project.id, "--yes")
    assert ended.code == 1
    assert "one leads to live" in ended.err


def test_extend_by_days_and_until(connected: Cli, sandbox: Sandbox) -> None:
    """A run's end is moved by days, or to a time in UTC; never to an earlier one."""
    project = sandbox.seed(live=1)
    where = (project.ids()[0], "--project", project.id, "--yes")
    assert connected("runs", "extend", *where, "--days", "2").code == 0
    assert "2037-01-01T12:00:00Z" in connected("runs", "extend", *where, "--until", "2037-01-01T12:00").out
    ended = connected("runs", "extend", *where, "--until", "2036-01-01")
    assert ended.code == 1
    assert "later end" in ended.err
    assert connected("runs", "extend", *where).code == 2


def test_an_unknown_outcome_has_its_own_exit_code(connected: Cli, sandbox: Sandbox) -> None:
    """Where it is not known whether an action was applied, the exit code is 4 and the text says so."""
    project = sandbox.seed(live=1)
    sandbox.faults.add("pause_fielding_run", faults.DropBefore(), times=None)
    sandbox.faults.add("get_fielding_run", faults.Delay(0), times=2)
    sandbox.faults.add("get_fielding_run", faults.Answer(403), times=None)
    ended = connected("runs", "ensure", project.ids()[0], "paused", "--project", project.id, "--yes")
    assert ended.code == 4
    assert "may have been applied" in ended.err
