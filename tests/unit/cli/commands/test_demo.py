"""``fieldingkit demo``, in this process."""

import json
import re
import shlex
from pathlib import Path

import pytest
from support.command_line import Cli, check_command_line

from fieldingkit.sweeps import SweepReport


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Have the demo save its report in the folder of the test."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def test_the_demo_shows_a_batch_a_stop_its_report_and_its_undo(cli: Cli) -> None:
    """Without credentials it shows who failed and why, stops all projects, saves the report, and undoes the stop."""
    ended = cli("demo")
    assert ended.code == 0, ended.err
    assert "29 are paused now; 5 of them already were." in ended.out
    assert "  4 the action pause is not allowed on a draft target group\n" in ended.out
    assert "All 180 target groups are paused.\n      180 paused by this sweep\n" in ended.out
    assert "All 180 target groups are live.\n      180 resumed by this sweep\n" in ended.out
    path = re.search(r"^  (\S+stopped\.html)$", ended.out, re.MULTILINE)
    assert path
    assert SweepReport.load(path[1]).counts.updated == 180


def test_its_lines_fit_a_terminal_and_its_commands_can_be_copied(cli: Cli, tmp_path: Path) -> None:
    """No line has more than 80 columns, and each line after a dollar sign is a valid command."""
    out = cli("demo").out.replace(str(tmp_path), "/tmp")
    assert max(map(len, out.splitlines())) <= 80
    commands = re.findall(r"^\$ fieldingkit (.+)$", out, re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        check_command_line(shlex.split(command))


def test_json_is_one_document(cli: Cli) -> None:
    """With --json the results are one document, and nothing else is on stdout."""
    printed = json.loads(cli("demo", "--json").out)
    assert len(printed["paused"]) + len(printed["failed"]) == 40
    assert printed["stopped"]["updated"] == printed["undone"]["updated"] == 180
