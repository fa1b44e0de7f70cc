"""Run docs/tutorial.md and docs/fulfillment.md as they stand: the blocks as one script, and the blocking script."""

import ast
import asyncio
import inspect
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[3] / "docs"
TUTORIAL = DOCS / "tutorial.md"
FULFILLMENT = DOCS / "fulfillment.md"


def blocks(page: Path, kind: str) -> list[str]:
    """Return the blocks of one kind."""
    found: list[str] = re.findall(rf"^```{kind}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    return found


def run_blocks(page: Path) -> None:
    """Run the blocks of a page as one script in an event loop."""
    script = compile("\n".join(blocks(page, "python")), str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    outcome = eval(script, {})
    assert inspect.iscoroutine(outcome)
    asyncio.run(outcome)


def run_script(page: Path) -> None:
    """Run the blocking script of a page."""
    (script,) = blocks(page, "python script")
    exec(compile(script, str(page), "exec"), {})


def test_the_blocks_are_one_script(capsys: pytest.CaptureFixture[str]) -> None:
    """From an empty account to completes: the same names from block to block, with nothing else given."""
    run_blocks(TUTORIAL)

    printed = capsys.readouterr().out
    assert "Sandbox Americas USD eng_us" in printed
    assert "live until" in printed
    assert "found launched" in printed
    assert re.search(r"<TargetGroupOverview 'Tea and coffee, United States', live, [1-9]\d* of 400>", printed)


def test_the_blocking_script_fills_the_target_group(capsys: pytest.CaptureFixture[str]) -> None:
    """The script reaches its goal at the suggested price by the end of fielding."""
    run_script(TUTORIAL)
    assert capsys.readouterr().out.splitlines() == ["live", "paused 400 of 400"]


def test_the_page_for_survey_hosts_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """A status is read, reported, reported again, and then refused."""
    run_blocks(FULFILLMENT)
    assert capsys.readouterr().out.splitlines() == ["1 False", "COMPLETE True", "COMPLETE False", "refused: 5"]


def test_the_script_for_survey_hosts_reports_all_sessions(capsys: pytest.CaptureFixture[str]) -> None:
    """The script reports every respondent who is in the survey."""
    run_script(FULFILLMENT)
    assert set(capsys.readouterr().out.splitlines()) == {"COMPLETE True"}
