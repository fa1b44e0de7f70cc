"""Run the shell commands of docs/how-to/sweeps.md in their order."""

import json
import re
from pathlib import Path

import pytest
from support.command_line import Cli
from support.pages import blocks, code_of, commands, read, run_line

from fieldingkit.cli.errors import EXIT_CODES
from fieldingkit.sandbox import Sandbox
from fieldingkit.sweeps import SweepReport

PAGE = "docs/how-to/sweeps.md"
LINES = [line for block in blocks(PAGE, "sh") for line, _ in commands(block)]


def test_the_commands_of_the_page_work(connected: Cli, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command of the page does what the page says, against ten projects."""
    projects = [sandbox.seed(live=4, paused=1, draft=1) for _ in range(10)]
    for line in LINES:
        ended = run_line(connected, line, monkeypatch)
        if "--dry-run" in line:
            assert "Would pause 40 target groups" in ended.out
        if "--report out.html" in line:
            assert not any(project.ids("live") for project in projects)
            assert SweepReport.load("out.html").counts.updated == 40
        if " undo " in line:
            assert all(len(project.ids("live")) == 4 for project in projects)
            assert Path("back.csv").read_text(encoding="utf-8-sig").count("updated") == 40
    assert len(LINES) >= 7
    assert all(len(project.ids("live")) == 5 for project in projects)  # the last line resumes all that are paused


def test_the_page_lists_the_exit_codes() -> None:
    """The page and --help list the same exit codes."""
    of_page = re.findall(r"^\| (\d+) \|", read(PAGE), re.MULTILINE)
    assert of_page == re.findall(r"^  (\d+) ", EXIT_CODES, re.MULTILINE)


def test_the_configuration_file_of_the_page_works(
    cli: Cli, bare: pytest.MonkeyPatch, sandbox: Sandbox, tmp_path: Path
) -> None:
    """The configuration file of the page works with the credentials of the sandbox."""
    (tmp_path / "secret").write_text(sandbox.client_secret)
    (content,) = code_of(PAGE, "toml")
    text = content.replace("my-client", sandbox.client_id)
    text = text.replace("~/.config/fieldingkit/secret", str(tmp_path / "secret"))
    (tmp_path / "config.toml").write_text(text)
    bare.setenv("FIELDINGKIT_CONFIG", str(tmp_path / "config.toml"))
    bare.setenv("CINT_BASE_URL", sandbox.url)
    bare.setenv("CINT_TOKEN_URL", sandbox.token_url)
    project = sandbox.seed(live=1)
    ended = cli("pause", "--project", project.id, "--dry-run", "--json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out.splitlines()[-1])["seconds"] == pytest.approx(1 / 20)
