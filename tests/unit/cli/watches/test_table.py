"""The table of a watch: it fits the terminal, and shows trouble first."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from support.monitored_groups import NOON, hours_after
from support.sweep_reports import NASTY
from support.watch_states import troubled_state

from fieldingkit.cli.watches.table import fit, heading, table_lines
from fieldingkit.cli.watches.view import View
from fieldingkit.monitoring.watches.document import to_document
from fieldingkit.rendering.watches.model import WatchDocument
from fieldingkit.rendering.watches.plot import sparkline


def document_of(name: str = "Wave 3") -> WatchDocument:
    """Return a document with trouble of several kinds."""
    return to_document(troubled_state(name, name), account_id=None, base_url="https://api.example", every=60)


def screen(document: WatchDocument, width: int = 80, height: int = 60, view: View | None = None) -> list[str]:
    """Return the lines of the screen."""
    return fit(document, view or View(), hours_after(0.5), (width, height)).plain.split("\n")


def test_the_screen_says_how_many_are_in_trouble_and_how_old_that_is() -> None:
    """The first lines are for those who only glance at it."""
    first, second, *_ = screen(document_of())
    assert first == "3 of 7 target groups are in trouble, and not all could be read"
    assert second == "3 in trouble, 1 not fully read, 3 well. Read 12:00:00 UTC, 30 min ago."


def test_an_attempt_that_read_nothing_is_not_called_a_read() -> None:
    """The age of the figures is that of the latest read; the attempt has its own."""
    document = attrs.evolve(document_of(), read_at=hours_after(-1))
    assert "Read 11:00:00 UTC, 1 h 30 min ago; nothing could be read in the latest attempt, 12:00:00 UTC, 30 min" in (
        " ".join(screen(document, width=200)[:3])
    )


def test_trouble_is_below_its_group_with_the_next_step() -> None:
    """The most urgent target group is the first one."""
    lines = screen(document_of())
    place = next(number for number, line in enumerate(lines) if line.startswith("● Spain"))
    assert lines[place - 1].split() == ["Target", "group", "Reached", "Last", "12", "h", "Per", "h", "Closes"]
    assert "40 of 100" in lines[place]
    assert lines[place + 1 : place + 3] == [
        "  Paused by the API: the API paused it: high_drop_rates",
        "  → find the question at which respondents leave, then resume",
    ]


def test_what_was_not_read_is_said() -> None:
    """A target group that is not fully read has its reason, and its own mark."""
    lines = screen(attrs.evolve(document_of("oops"), problems=("the list of projects: 500",)))
    assert "Could not be read: the list of projects: 500" in lines
    place = next(number for number, line in enumerate(lines) if line.startswith("◐ Italy"))
    assert lines[place + 1] == "  not read: cells: oops"


@pytest.mark.parametrize("name", ["Wave 3", "Über" * 30, "日本語の調査対象" * 8, NASTY])
@pytest.mark.parametrize("width", [30, 60, 80, 120, 200])
def test_no_line_is_wider_than_the_terminal(name: str, width: int) -> None:
    """Endless names, wide characters and control characters do not break the table."""
    lines = screen(document_of(name), width)
    assert max(map(cell_len, lines)) <= width
    assert all(line.isprintable() for line in lines)


@given(st.integers(1, 250), st.integers(1, 80), st.integers(0, 10), st.booleans())
def test_the_screen_has_at_most_as_many_lines_as_the_terminal(
    width: int, height: int, first: int, only_trouble: bool
) -> None:
    """Target groups that do not fit are counted instead."""
    lines = screen(_DOCUMENT, width, height, View(first=first, only_trouble=only_trouble))
    assert len(lines) <= max(height, 2)


_DOCUMENT = document_of()


def test_hidden_groups_are_counted() -> None:
    """A part is not taken for the whole."""
    assert screen(_DOCUMENT, height=13, view=View(first=2, text="a"))[-2] == "2 above, 4 below"
    assert screen(_DOCUMENT, view=View(only_trouble=True))[-2] == "4 filtered out"


def test_a_note_stands_above_the_keys() -> None:
    """Such as that a call is retried; a terminal executes nothing of it."""
    lines = fit(
        _DOCUMENT, View(only_trouble=True), NOON, (80, 40), note="List target groups:\x1b[2J retrying"
    ).plain.split("\n")
    assert lines[-3:-1] == ["4 filtered out", "List target groups: [2J retrying"]


def test_the_footer_has_the_keys_the_order_and_the_filter() -> None:
    """Also while a filter is typed."""
    assert screen(_DOCUMENT)[-1] == "q quit   s sort   t trouble only   / filter   ↑↓ scroll   by trouble"
    assert screen(_DOCUMENT, view=View(is_typing=True, text="ge"))[-1].startswith("/ge")


def test_wide_terminals_have_a_day_of_completes_and_narrow_ones_none() -> None:
    """Columns go before the name does."""
    heads = {width: table_lines(_DOCUMENT.groups, width)[0][0].plain for width in (50, 70, 80, 120)}
    assert "Last 24 h" in heads[120]
    assert "Last 12 h" in heads[80]
    assert "Last" not in heads[70]
    assert "Closes" in heads[70]
    assert "Closes" not in heads[50]


def test_a_reconciliation_that_is_due_stands_above_the_table() -> None:
    """It is about a project, not about a target group."""
    lines = [line.plain for line in heading(_DOCUMENT, NOON, 80)]
    assert any(line.startswith("  Wave 3 (Ada Lovelace, until 2026-03-07") for line in lines)


@pytest.mark.parametrize(
    ("numbers", "blocks"), [((), ""), ((0, 0), "▁▁"), ((0, 1, 7), "▁▂█"), ((5,), "█"), ((1, 1000), "▂█")]
)
def test_a_sparkline_shows_each_complete(numbers: tuple[int, ...], blocks: str) -> None:
    """An hour with a single complete is higher than one without."""
    assert sparkline(numbers) == blocks
