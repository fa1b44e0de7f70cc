"""Run the pages that are scripts as they stand: the blocks as one script, and the blocking script."""

import ast
import asyncio
import inspect
import re
from decimal import Decimal
from pathlib import Path

import pytest
from support.pages import code_of

DOCS = Path(__file__).parents[3] / "docs"
TUTORIAL = DOCS / "tutorials" / "brief-to-field.md"
FULFILLMENT = DOCS / "how-to" / "fulfillment.md"
RECONCILIATIONS = DOCS / "how-to" / "reconciliations.md"


def run_blocks(page: Path) -> None:
    """Run the blocks of a page as one script in an event loop."""
    script = compile("\n".join(code_of(page, "python")), str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    outcome = eval(script, {})
    assert inspect.iscoroutine(outcome)
    asyncio.run(outcome)


def run_script(page: Path) -> None:
    """Run the blocking script of a page."""
    (script,) = code_of(page, "python", title="script.py")
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


def test_a_study_runs_from_its_project_to_an_accepted_reconciliation(capsys: pytest.CaptureFixture[str]) -> None:
    """The rejected completes are paid no more, to the cent; a list that is cut short is refused before it is sent."""
    run_blocks(RECONCILIATIONS)
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "0 completes are due next month"
    cost, saved = (Decimal(line.split()[index]) for line, index in ((printed[1], 3), (printed[-1], 5)))
    assert printed[1] == f"400 completes cost {cost} USD"
    terminated = f"(2.0%) would be terminated, worth {saved} USD of {cost} USD"
    assert printed[2].startswith(f"8 of 400 eligible completes of the projects concerned {terminated}")
    assert printed[3] == "complete 8 terminated as expected"
    assert "196 of 392 eligible completes of the project (50.0%) would be terminated" in printed[4]
    assert printed[5:] == ["392 approved, 0 terminated", f"392 completes are paid, and {saved} USD are saved"]


def test_the_blocking_study_adds_up_to_the_cent(capsys: pytest.CaptureFixture[str]) -> None:
    """The report, the due completes and the ledger have the same cost after the reconciliation."""
    run_script(RECONCILIATIONS)
    assert capsys.readouterr().out.splitlines() == ["complete 8", "392 completes are paid, and none is missing"]
