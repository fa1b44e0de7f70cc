"""The lists of target groups that --ids reads."""

import io
from pathlib import Path

import pytest
from support.command_line import Cli
from support.sweep_reports import ulid

from fieldingkit.cli.errors import UsageError
from fieldingkit.cli.id_list import parse_ids
from fieldingkit.rendering.csv import CSV_COLUMNS
from fieldingkit.sandbox import Sandbox

PROJECT, GROUP, OTHER = ulid("PPPP", 1), ulid("GGGG", 1), ulid("GGGG", 2)


@pytest.mark.parametrize(
    "text",
    [
        f"{PROJECT} {GROUP}\n{PROJECT} {OTHER}",
        f"\ufeff{PROJECT} {GROUP}\n{PROJECT} {OTHER}",
        f"# mine\n\n{PROJECT}\t{GROUP}\tlive\tA name, with a comma\n{PROJECT}\t{OTHER}",
        f"{','.join(CSV_COLUMNS)}\r\n{PROJECT},{GROUP},failed\r\n{PROJECT},{OTHER},\r\n",
        f"Project    Target group    Status  Completes  Name\n{PROJECT}  {GROUP}  live\n{PROJECT}  {OTHER}  live",
        f"{GROUP}\n{OTHER}\n{GROUP}",
        f"project_id;target_group_id\r\n{PROJECT};{GROUP}\r\n{PROJECT};{OTHER}",
        f'"project_id","target_group_id"\r\n"{PROJECT}","{GROUP}"\r\n"{PROJECT}","{OTHER}"',
    ],
)
def test_lists_of_ids_are_parsed(text: str) -> None:
    """Ids are separated by blanks, tabs or commas; headings and comments are skipped, duplicates removed."""
    assert parse_ids(text.splitlines(), "ids", PROJECT) == {PROJECT: (GROUP, OTHER)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "lists no target groups"),
        (f"{PROJECT} {GROUP}\nnonsense", "line 2 of ids .*'nonsense'"),
        (f"project target group\n{PROJECT} {GROUP}", "line 1 of ids .*'project target group'"),
        (f"{PROJECT} {GROUP}\nProject Target group Status Completes Name", "line 2"),
        (GROUP, "line 1 of ids has no project id"),
        (f"{PROJECT} {GROUP}".lower(), "line 1 .*\n.*capital letters: convert the list"),
    ],
)
def test_invalid_lists_are_refused(text: str, message: str) -> None:
    """A line that is not a pair of ids is refused with its number and its text, the first line too."""
    with pytest.raises(UsageError, match=message):
        parse_ids(text.splitlines(), "ids", None)


@pytest.mark.parametrize("first", [f"{PROJECT} {GROUP}".lower(), f"{PROJECT} {GROUP[:-1]}"])
def test_a_mistyped_first_line_sends_nothing(connected: Cli, sandbox: Sandbox, tmp_path: Path, first: str) -> None:
    """A first line that is not a pair of ids ends the command; with --project too, where one id would do."""
    project = sandbox.seed(live=2)
    (tmp_path / "ids.txt").write_text(f"{first}\n{project.id} {project.ids()[1]}\n")
    for words in ((), ("--project", project.id)):
        ended = connected("pause", "--ids", "ids.txt", "--yes", *words)
        assert ended.code == 2
        assert "line 1 of ids.txt" in ended.err
        assert first in ended.err
    assert not sandbox.requests


def test_a_byte_order_mark_on_stdin_is_no_part_of_the_first_id(
    connected: Cli, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list from a Windows editor is read whole, from stdin too."""
    project = sandbox.seed(live=2)
    lines = "".join(f"{project.id} {group_id}\r\n" for group_id in project.ids())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(lines.encode("utf-8-sig")), encoding="utf-8"))
    assert connected("pause", "--ids", "-", "--yes").code == 0
    assert len(project.ids("paused")) == 2


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_list_of_a_windows_program_is_read(connected: Cli, sandbox: Sandbox, tmp_path: Path, encoding: str) -> None:
    """Excel separates columns by semicolons, and PowerShell quotes fields and writes UTF-16."""
    project = sandbox.seed(live=2)
    lines = ["project_id;target_group_id", *(f'"{project.id}";"{group_id}"' for group_id in project.ids())]
    (tmp_path / "ids.csv").write_bytes("\r\n".join(lines).encode(encoding))
    ended = connected("pause", "--ids", "ids.csv", "--yes")
    assert ended.code == 0, ended.err
    assert len(project.ids("paused")) == 2


def test_powershell_pipes_utf_16_to_stdin(connected: Cli, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list in UTF-16 is read from stdin as well; without a byte order mark it is refused by name."""
    project = sandbox.seed(live=2)
    lines = "".join(f"{project.id} {group_id}\r\n" for group_id in project.ids())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(lines.encode("utf-16-le"))))
    ended = connected("pause", "--ids", "-", "--yes")
    assert ended.code == 2
    assert "stdin is neither UTF-8 text nor UTF-16 text with a byte order mark" in ended.err
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(lines.encode("utf-16"))))
    assert connected("pause", "--ids", "-", "--yes").code == 0
    assert len(project.ids("paused")) == 2


def test_names_in_another_encoding_do_not_matter(connected: Cli, sandbox: Sandbox, tmp_path: Path) -> None:
    """A table of a spreadsheet in a Windows encoding is read: only the ids matter."""
    project = sandbox.seed(live=1)
    (tmp_path / "ids.csv").write_bytes(f"{project.id};{project.ids()[0]};Käufer\r\n".encode("cp1252"))
    ended = connected("pause", "--ids", "ids.csv", "--dry-run")
    assert ended.code == 0, ended.err


def test_swapped_columns_are_named(connected: Cli, sandbox: Sandbox, tmp_path: Path) -> None:
    """A list with the target group first is refused with a question that explains it, and nothing is sent."""
    project = sandbox.seed(live=2)
    (tmp_path / "ids.txt").write_text("".join(f"{group_id} {project.id}\n" for group_id in project.ids()))
    ended = connected("pause", "--ids", "ids.txt", "--yes")
    assert ended.code == 2
    assert "line 2 of ids.txt" in ended.err
    assert "Are the columns swapped?" in ended.err
    assert not sandbox.requests


def test_ids_of_other_places_are_explained(connected: Cli, sandbox: Sandbox, tmp_path: Path) -> None:
    """A preview counts target groups that were not found, and the result of swapped ids says what to check."""
    project, other = sandbox.seed(live=1), sandbox.seed(live=1)
    (tmp_path / "ids.txt").write_text(f"{project.id} {project.ids()[0]}\n{project.id} {other.ids()[0]}\n")
    ended = connected("pause", "--ids", "ids.txt", "--dry-run")
    assert "1 not found, or not read" in ended.out
    assert "Would pause 2 target groups: 1 job, at least 2 requests." in ended.out
    assert "1 of them was not found, or not read: the API decides." in ended.out
    (tmp_path / "ids.txt").write_text(f"{project.ids()[0]} {project.id}\n")
    ended = connected("pause", "--ids", "ids.txt", "--yes")
    assert ended.code == 1
    assert "check the ids, their order and the account" in " ".join(ended.out.split())
