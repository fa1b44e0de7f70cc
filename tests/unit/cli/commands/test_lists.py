"""Lists: a table on a terminal, lines with tabs in a pipe, documents for a machine."""

import json

import pytest
from support.command_line import Cli

from fieldingkit.sandbox import Sandbox


def test_projects_are_listed(connected: Cli, sandbox: Sandbox) -> None:
    """In a pipe each project is a line of fields between tabs, its id first."""
    projects = [sandbox.seed(live=1).id for _ in range(3)]
    ended = connected("projects", "list")
    assert ended.code == 0
    assert sorted(line.split("\t")[0] for line in ended.out.splitlines()) == sorted(projects)


def test_groups_are_listed_across_pages(connected: Cli, sandbox: Sandbox) -> None:
    """A list that the API gives in several pages is one list."""
    project = sandbox.seed(live=230)
    lines = connected("groups", "list", "--project", project.id).out.splitlines()
    assert [line.split("\t")[1] for line in lines] == project.ids()


def test_groups_are_filtered(connected: Cli, sandbox: Sandbox) -> None:
    """--status may be repeated, and the filters are the API's own."""
    project = sandbox.seed(live=2, paused=1, draft=1)
    lines = connected("groups", "list", "--project", project.id, "--status", "live", "--status", "paused").out
    assert len(lines.splitlines()) == 3


def test_a_machine_gets_the_api_s_names(connected: Cli, sandbox: Sandbox) -> None:
    """With --json each line is a document with every field of the model."""
    project = sandbox.seed(live=1)
    document = json.loads(connected("groups", "list", "--project", project.id, "--json").out)
    assert document["project_id"] == project.id
    assert document["status"] == "live"
    assert document["created_at"].endswith("Z")


def test_a_terminal_gets_a_table(connected: Cli, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal there are headings."""
    project = sandbox.seed(live=1)
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    out = connected("groups", "list", "--project", project.id).out
    assert "Target group" in out
    assert project.ids()[0] in out


def test_nothing_found_is_said(connected: Cli, sandbox: Sandbox) -> None:
    """An empty list is no error, and stdout stays empty."""
    project = sandbox.seed(live=1)
    ended = connected("groups", "list", "--project", project.id, "--status", "archived")
    assert (ended.code, ended.out) == (0, "")
    assert "no such target groups" in ended.err


def test_it_must_be_said_which_projects(connected: Cli, sandbox: Sandbox) -> None:
    """Neither --project nor --all-projects is a usage error, not a list of everything."""
    ended = connected("groups", "list")
    assert ended.code == 2
    assert "--all-projects" in ended.err
    assert not sandbox.requests
