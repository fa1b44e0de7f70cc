"""Run docs/tutorials/watch-your-field.md on the sandbox that it starts, and make its pictures from a run."""

import asyncio
import os
import struct
import sys
from pathlib import Path
from typing import Any

import pytest
from support.command_line import Cli, Ended
from support.pages import DOCS, blocks, commands, matches, run_line, run_python, write_files
from support.watch_pictures import SIZES, make_pictures, terminal_picture

from fieldingkit.sandbox import Sandbox
from fieldingkit.sandbox.scenarios import TroubleScenario

PAGE = "docs/tutorials/watch-your-field.md"
FOLDER = DOCS / "tutorials" / "pictures"
ALREADY_DONE = ("python -m pip ", "python -m venv")


@pytest.fixture
def planted(sandbox: Sandbox) -> TroubleScenario:
    """Serve the scenario of the page."""
    return sandbox.seed_trouble()


@pytest.fixture
def field(bare: pytest.MonkeyPatch, sandbox: Sandbox, planted: TroubleScenario) -> Sandbox:
    """Name the sandbox in the environment."""
    for name, value in sandbox.environment.items():
        bare.setenv(name, value)
    bare.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)  # as in an environment that is activated
    return sandbox


def test_a_newcomer_finds_the_trouble_pauses_it_and_undoes_that(
    field: Sandbox,
    planted: TroubleScenario,
    cli: Cli,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The commands and the code of the page run in their order, and end as the page says."""
    write_files(PAGE)
    ended: list[Ended] = []
    names: dict[str, Any] = {"__name__": "page"}
    with asyncio.Runner() as runner:
        for block in blocks(PAGE, "python", "sh", "console"):
            if block.kind == "python" and not block.title:
                run_python(block, names, runner)
                assert capsys.readouterr().out.startswith("Customer survey US: ends before its goal: ")
                continue
            for line, shown in commands(block) if block.kind != "python" else ():
                if line.startswith(ALREADY_DONE):
                    continue
                ended.append(run_line(cli, line, monkeypatch))
                assert not shown or matches(shown, ended[-1].out), f"{line}\n{ended[-1].out}{ended[-1].err}"
    found = [one.out.count("trouble\t") for one in ended if "trouble\t" in one.out]
    assert found == [10, 10, 8, 8, 8, 7]
    assert Path("watch.html").read_text(encoding="utf-8").count("Quota cell stuck") >= 1
    news = Path("news.txt").read_text(encoding="utf-8").splitlines()
    # From the 20th to the 25th of a month the reconciliation is one more.
    assert len([line for line in news if line.startswith("NEW ") and ": reconciliation_due: " not in line]) == 8
    (over,) = (line for line in news if line.startswith("OVER "))
    assert over.startswith("OVER Customer survey DE: no completes (")
    assert over.endswith("no_completes: its target group is paused now.")
    (trouble,) = (one for one in planted.troubles if one.rule == "no_completes")
    assert trouble.group.status == "live"


def test_the_pictures_of_the_page_are_there_and_load_nothing() -> None:
    """Each has the size of its screen, and the table the headline of the page."""
    text = (DOCS.parent / PAGE).read_text(encoding="utf-8")
    assert {path.name for path in FOLDER.iterdir()} == {"watch-table.svg", *SIZES}
    assert all(f"(pictures/{path.name})" in text for path in FOLDER.iterdir())
    table = (FOLDER / "watch-table.svg").read_text(encoding="utf-8").replace("&#160;", " ")
    assert "10 of 20 target groups are in trouble" in table
    assert "url(http" not in table
    for name, size in SIZES.items():
        assert struct.unpack(">II", (FOLDER / name).read_bytes()[16:24]) == size


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_the_picture_of_the_table_is_made_from_a_run(field: Sandbox) -> None:
    """It shows the trouble, what was seen, and what to do."""
    table = terminal_picture({**os.environ, **field.environment}).replace("&#160;", " ")
    assert "10 of 20 target groups are in trouble" in table
    assert "Customer survey FR: quota cell stuck" in table
    assert "raise the cap, or relax the quotas and profiles" in table
    assert "Reading" not in table
    assert "url(http" not in table


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_the_pictures_of_the_page_are_made_by_a_browser(field: Sandbox, tmp_path: Path) -> None:
    """The script of the pictures writes all of them."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    make_pictures(field, folder)
    for name, size in SIZES.items():
        assert struct.unpack(">II", (folder / name).read_bytes()[16:24]) == size
