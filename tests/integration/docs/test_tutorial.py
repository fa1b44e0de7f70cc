"""Run docs/tutorial.md as it stands: the blocks as one script in an event loop, and the blocking script."""

import ast
import asyncio
import inspect
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "tutorial.md"


def blocks(kind: str) -> list[str]:
    """Return the blocks of one kind."""
    found: list[str] = re.findall(rf"^```{kind}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return found


def test_the_blocks_are_one_script(capsys: pytest.CaptureFixture[str]) -> None:
    """From an empty account to completes: the same names from block to block, with nothing else given."""
    script = compile("\n".join(blocks("python")), str(PAGE), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    outcome = eval(script, {})
    assert inspect.iscoroutine(outcome)
    asyncio.run(outcome)

    printed = capsys.readouterr().out
    assert "Sandbox Americas USD eng_us" in printed
    assert "live until" in printed
    assert "found launched" in printed
    assert re.search(r"<TargetGroupOverview 'Tea and coffee, United States', live, [1-9]\d* of 400>", printed)


def test_the_blocking_script_fills_the_target_group(capsys: pytest.CaptureFixture[str]) -> None:
    """The script reaches its goal at the suggested price by the end of fielding."""
    (script,) = blocks("python script")
    exec(compile(script, str(PAGE), "exec"), {})
    assert capsys.readouterr().out.splitlines() == ["live", "paused 400 of 400"]
