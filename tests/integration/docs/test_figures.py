"""One page has the measured figures; the others quote the same ones, or none."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FIGURE = re.compile(r"(?<![\d.])\d+\.\d{2,}(?![\d.])")


def section(page: str, heading: str) -> str:
    """The text below a heading of a page."""
    _, found, rest = (ROOT / page).read_text().partition(f"## {heading}\n")
    assert found, f"{page} has no section {heading}"
    return rest.partition("\n## ")[0]


@pytest.mark.parametrize(("page", "heading"), [("docs/how-to/sweeps.md", "Rate and cost")])
def test_a_quoted_figure_is_a_figure_of_the_table(page: str, heading: str) -> None:
    """A ratio in another page is in the table of the last run, as it was measured or as a budget."""
    rows = section("docs/explanation/performance.md", "The last run").splitlines()
    measured = {float(figure) for row in rows if row.startswith("|") for figure in re.findall(r"\d+\.\d+", row)}
    assert {float(figure) for figure in FIGURE.findall(section(page, heading))} <= measured


def test_an_exceeded_budget_is_listed_below_the_table() -> None:
    """The page does not hide the rows that are over their budget, nor what was not measured or failed."""
    text = section("docs/explanation/performance.md", "The last run")
    over = [row.split(" | ")[0].removeprefix("| ") for row in text.splitlines() if " | over | " in row]
    listed = next(line for line in text.splitlines() if line.startswith("Over: "))
    assert all(what in listed for what in over)
    assert "Failed: " not in text
