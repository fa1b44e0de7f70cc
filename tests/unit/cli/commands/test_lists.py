"""Lists: a table on a terminal, tab-separated lines in a pipe, JSON documents with ``--json``."""

import json

import pytest
from support.command_line import Cli

from fieldingkit.sandbox import Sandbox


def test_projects_are_listed_one_a_line(connected: Cli, sandbox: Sandbox) -> None:
    """In a pipe each project is a line of tab-separated fields that starts with its id."""
    projects = [sandbox.seed(live=1).id for _ in range(3)]
    ended = connected("projects", "list")
    assert ended.code == 0
    assert sorted(line.split("\t")[0] for line in ended.out.splitlines()) == sorted(projects)


def test_groups_are_listed_across_pages(connected: Cli, sandbox: Sandbox) -> None:
    """A list of several pages is printed as one list."""
    project = sandbox.seed(live=230)
    lines = connected("groups", "list", "--project", project.id).out.splitlines()
    assert [line.split("\t")[1] for line in lines] == project.ids()


def test_groups_are_filtered_by_the_api(connected: Cli, sandbox: Sandbox) -> None:
    """--status may be repeated; the API applies the filters."""
    project = sandbox.seed(live=2, paused=1, draft=1)
    lines = connected("groups", "list", "--project", project.id, "--status", "live", "--status", "paused").out
    assert len(lines.splitlines()) == 3


def test_a_list_and_a_sweep_select_the_same_groups(connected: Cli, sandbox: Sandbox) -> None:
    """The filters of `groups list` are those of a sweep, so that a list shows what a sweep would find."""
    chosen, other = sandbox.seed(live=2, paused=1), sandbox.seed(live=1)
    filters = ("--all-projects", "--exclude-project", other.id, "--status", "live")
    listed = connected("groups", "list", *filters).out.splitlines()
    found = connected("pause", *filters, "--dry-run").out.splitlines()
    assert sorted(line.split("\t")[1] for line in listed) == sorted(chosen.ids("live"))
    assert {line.split("\t")[1] for line in found if "\t" in line} == set(chosen.ids("live"))
    assert connected("groups", "list", "--project", chosen.id, "--project-search", "Wave 1").code == 2
    assert "--short-id" in connected("groups", "list", "--help").out


def test_json_has_the_names_of_the_api(connected: Cli, sandbox: Sandbox) -> None:
    """With --json each line is a document with every field of the model."""
    project = sandbox.seed(live=1)
    document = json.loads(connected("groups", "list", "--project", project.id, "--json").out)
    assert document["project_id"] == project.id
    assert document["status"] == "live"
    assert document["created_at"].endswith("Z")


def test_a_terminal_gets_a_table_with_headings(
    connected: Cli, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal the list has headings."""
    project = sandbox.seed(live=1)
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    out = connected("groups", "list", "--project", project.id).out
    assert "Target group" in out
    assert project.ids()[0] in out


@pytest.mark.parametrize("columns", ["80", "60", "20"])
def test_a_narrow_terminal_gets_every_word_of_the_table(
    connected: Cli, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    """Columns that do not fit continue on the next line; no id and no name is cut or broken."""
    project = sandbox.seed(live=3)
    words = [
        word for line in connected("groups", "list", "--project", project.id).out.splitlines() for word in line.split()
    ]
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    monkeypatch.setenv("COLUMNS", columns)
    lines = connected("groups", "list", "--project", project.id).out.splitlines()
    assert " ".join(lines).split() == ["Project", "Target", "group", "Status", "Completes", "Name", *words]
    assert max(map(len, lines)) <= max(int(columns), 28)


def test_an_empty_list_is_a_note_on_stderr(connected: Cli, sandbox: Sandbox) -> None:
    """An empty list is no error, and stdout stays empty."""
    project = sandbox.seed(live=1)
    ended = connected("groups", "list", "--project", project.id, "--status", "archived")
    assert (ended.code, ended.out) == (0, "")
    assert "No matching target groups" in ended.err


def test_groups_list_requires_a_selection(connected: Cli, sandbox: Sandbox) -> None:
    """Without --project and --all-projects the command is a usage error, not a list of everything."""
    ended = connected("groups", "list")
    assert ended.code == 2
    assert "--all-projects" in ended.err
    assert not sandbox.requests


def test_two_selections_of_projects_are_a_conflict(connected: Cli, sandbox: Sandbox) -> None:
    """Both flags are named, and nothing is sent."""
    ended = connected("groups", "list", "--project", "01BTGNYV6HRNK8K8VKZASZCFP0", "--all-projects")
    assert ended.code == 2
    assert "--project and --all-projects cannot be combined" in ended.err
    assert not sandbox.requests
