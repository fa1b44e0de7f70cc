"""Run docs/how-to/reports.md as it stands: the blocks as one script in an event loop, and the blocking script."""

import ast
import asyncio
import inspect
import re
from pathlib import Path

import pytest
from support.pages import code_of

from fieldingkit.resources.reports import GenerateReport, ReportType

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "reports.md"


@pytest.fixture(autouse=True)
def _no_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Poll reports as quickly as other jobs."""
    monkeypatch.setattr(GenerateReport, "pace", None)


def test_the_blocks_are_one_script(capsys: pytest.CaptureFixture[str]) -> None:
    """The same names from block to block, with nothing else given; the money is that of 80 completes."""
    script = compile("\n".join(code_of(PAGE, "python")), str(PAGE), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    outcome = eval(script, {})
    assert inspect.iscoroutine(outcome)
    asyncio.run(outcome)

    printed = capsys.readouterr().out
    assert re.search(r"^bought\.csv text/csv \d+ bytes$", printed, re.MULTILINE)
    assert re.search(r"^\{'USD': Decimal\('\d+\.\d\d'\)\}$", printed, re.MULTILINE)
    assert re.search(r"^\S+ sample-bought project completed$", printed, re.MULTILINE)


def test_the_blocking_script_saves_a_report(capsys: pytest.CaptureFixture[str]) -> None:
    """The script saves a file with a line for each complete and one for the columns."""
    (script,) = code_of(PAGE, "python", title="script.py")
    exec(compile(script, str(PAGE), "exec"), {})
    assert capsys.readouterr().out.splitlines() == ["text/csv 41 lines"]


def test_the_page_names_every_type() -> None:
    """The table has a row for each type of report."""
    rows = re.findall(r"^\| `([a-z-]+)` \|", PAGE.read_text(), re.MULTILINE)
    assert sorted(rows) == sorted(ReportType)
