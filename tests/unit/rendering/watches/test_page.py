"""The page of a watch: its content, its escaping, its limits, and its display in a real browser."""

import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
from support.browser import console_messages, cut_off, rendered
from support.monitored_groups import live_group
from support.sweep_reports import NASTY
from support.watch_states import state_of, troubled_state

from fieldingkit.errors import ConfigurationError
from fieldingkit.monitoring.watches.document import to_document
from fieldingkit.rendering.watches import page as page_module
from fieldingkit.rendering.watches.model import WatchDocument
from fieldingkit.rendering.watches.page import check_page_path, iter_page, write_page

NOW = datetime.now(UTC)


def document_of(name: str = "Wave 3", **changes: Any) -> WatchDocument:
    """Return a document with trouble of several kinds."""
    made = to_document(troubled_state(name, name), account_id=101, base_url="https://api.example", every=300.0)
    return attrs.evolve(made, **changes)


def page_of(document: WatchDocument) -> str:
    """Return the page of a document."""
    return "".join(iter_page(document))


def words(page: str) -> str:
    """Return the text of a page in one line."""
    body = re.sub(r"<(style|script)>.*?</\1>", "", page, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", body).split())


def test_groups_in_trouble_come_first_with_what_was_seen_and_what_to_do() -> None:
    """The page answers, from the top: how many, which, what was seen since when, and the next step."""
    text = words(page_of(document_of()))
    assert "3 of 7 target groups are in trouble" in text
    places = [text.index(name) for name in ("Spain Wave 3", "France Wave 3", "Germany Wave 3", "Italy", "Market 0")]
    assert places == sorted(places)
    assert "Paused by the API the API paused it: high_drop_rates" in text
    assert "find the question at which respondents leave, then resume" in text
    assert "no complete since 2026-03-05 03:00:00 UTC" in text
    assert "Quota cell stuck GENDER: women Wave 3" in text


def test_each_group_has_its_progress_cells_figures_and_forecast() -> None:
    """Quota cells have their fill, unknown figures are said to be, and the forecast is a sentence and a plot."""
    page = page_of(document_of())
    text = words(page)
    assert "GENDER: women Wave 3 2 of 50" in text
    assert "GENDER: others 0 of unknown" in text
    assert "Price 2.50 USD" in text
    assert "Length in minutes 10.0, bid 10" in text
    assert "It fills in time with a probability of" in text
    assert page.count('<svg class="field"') == 7
    assert 'style="width:40.0%"' in page


def test_reconciliations_have_their_deadline_and_money() -> None:
    """Those that a rule found are marked, and all are in the table."""
    page = page_of(document_of())
    text = words(page)
    assert "The deadline is 2026-03-07 12:00:00 UTC" in text
    assert "Ada Lovelace 4 512 1,280.50 USD" in text
    assert '<tr class="urgent">' in page


def test_the_page_says_how_old_its_figures_are_without_a_script() -> None:
    """The time of the read, of the details, and of what could not be read are text of the page."""
    stale = attrs.evolve(
        document_of().groups[0], read_at=datetime(2026, 3, 5, 9, tzinfo=UTC), problems=("its list: 403",)
    )
    text = words(page_of(document_of(groups=(stale,), problems=("the target groups of project p1: 403",))))
    assert "Read 2026-03-05 12:00:00 UTC" in text
    assert "Listed 2026-03-05 09:00:00 UTC" in text
    assert "Details read 2026-03-05 12:00:00 UTC" in text
    assert "Could not be read the target groups of project p1: 403" in text
    assert "its list: 403" in text


def test_an_attempt_that_read_nothing_is_not_called_a_read() -> None:
    """The page has both times."""
    page = page_of(attrs.evolve(document_of(), read_at=datetime(2026, 3, 5, 9, tzinfo=UTC)))
    text = words(page)
    assert "Read 2026-03-05 09:00:00 UTC" in text
    assert "nothing could be read in the latest attempt, 2026-03-05 12:00:00 UTC" in text
    assert "latest attempt" not in words(page_of(document_of()))


@pytest.mark.parametrize(
    ("changes", "headline"),
    [
        ({"groups": (), "notes": ()}, "No matching target groups"),
        ({"groups": (), "notes": (), "problems": ("x",)}, "No matching target groups, but not all could be read"),
        ({"problems": ("x",)}, "3 of 7 target groups are in trouble, and not all could be read"),
        ({"groups": document_of().by_condition["well"], "notes": ()}, "All is well in 3 target groups"),
        ({"groups": document_of().by_condition["well"][:1], "notes": (), "problems": ("x",)}, "No trouble seen in 1"),
        ({"groups": document_of().by_condition["unknown"], "notes": ()}, "but not all could be read"),
        ({"groups": document_of().by_condition["well"]}, "Reconciliations are due"),
    ],
)
def test_all_is_well_is_said_only_if_all_was_read(changes: dict[str, Any], headline: str) -> None:
    """A page that could not see everything never says that all is well."""
    document = document_of(**changes)
    assert headline in words(page_of(document))
    assert (document.condition == "well") == ("All is well" in document.headline)


def test_texts_of_the_api_are_text() -> None:
    """Names and reasons are escaped, in markup and in attributes, and have no control characters."""
    page = page_of(document_of(NASTY))
    assert "<img" not in page.replace("&lt;img", "")
    assert "\x1b" not in page
    assert page.count("<script") == 1


def test_a_page_loads_nothing_and_its_policy_names_its_script() -> None:
    """There is no address in it that a browser would open, and only the script with this hash runs."""
    page = page_of(document_of(base_url="https://api.example"))
    assert not re.search(r"\s(src|action|poster|data)=|\shref=\"[^#]|@import|url\(", page)
    assert re.search(r"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-[\w+/=&#;]+'", page)


def test_a_page_that_is_written_once_is_not_loaded_again() -> None:
    """With an interval, the browser loads the page again, at least every 30 seconds."""
    assert "data-reload" not in page_of(document_of(every=None)).partition("<script")[0]
    assert 'data-reload="30"' in page_of(document_of(every=300.0))
    assert 'data-reload="5"' in page_of(document_of(every=5.0))
    assert '<noscript><meta http-equiv="refresh" content="30"></noscript>' in page_of(document_of())


def test_a_page_of_very_many_groups_lists_most_of_them_without_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page stays small; it says how many it leaves out."""
    monkeypatch.setattr(page_module, "MAX_DETAILED", 3)
    monkeypatch.setattr(page_module, "MAX_LISTED", 8)
    state = state_of(*(live_group(target_group_id=f"t{n}", name=f"Group {n}") for n in range(10)))
    page = page_of(to_document(state, account_id=None, base_url="https://api.example", every=60))
    assert page.count('<svg class="field"') == 3
    assert "7 further target groups" in words(page)
    assert "and 2 more" in words(page)


def test_a_page_replaces_an_earlier_one_as_a_whole(tmp_path: Path) -> None:
    """The folder has no other file afterwards."""
    path = tmp_path / "page.html"
    path.write_text("before")
    write_page(document_of(), path)
    assert path.read_text().endswith("</html>")
    assert [one.name for one in tmp_path.iterdir()] == ["page.html"]


@pytest.mark.parametrize("name", ["page.txt", "missing/page.html", ""])
def test_a_page_that_cannot_be_written_is_refused_before_the_first_read(tmp_path: Path, name: str) -> None:
    """The ending, the folder and the path itself are checked."""
    with pytest.raises(ConfigurationError, match="the page"):
        check_page_path(tmp_path / name)


def test_a_page_needs_jinja2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it the page is refused, and the message says what to install."""
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ConfigurationError, match=r"fieldingkit\[cli\]"):
        check_page_path(tmp_path / "page.html")


def test_a_long_name_is_cut_on_the_page() -> None:
    """It would take the place of the figures; the id beside it is whole."""
    document = document_of("x" * 500)
    page = page_of(document)
    assert f"<bdi>Spain {'x' * 113}…</bdi>" in page
    assert max(map(len, re.findall(r"<bdi>(.*?)</bdi>", page))) == 120
    assert all(group.target_group_id in page for group in document.by_condition["trouble"])


def test_only_an_empty_file_and_an_earlier_page_are_replaced(tmp_path: Path) -> None:
    """Another file would be lost."""
    path = tmp_path / "page.html"
    path.touch()
    check_page_path(path)
    write_page(document_of(NASTY, base_url="https://api.example/" + "x" * 5000), path)
    check_page_path(path)
    path.write_text("<!doctype html><p>fieldingkit watch</p>")
    with pytest.raises(ConfigurationError, match="is not a page of fieldingkit watch"):
        check_page_path(path)


def test_a_browser_shows_the_page_and_computes_ages(tmp_path: Path) -> None:
    """A real browser shows hostile names without a message on its console, and each age in words."""
    path, picture = tmp_path / "page.html", tmp_path / "page.png"
    write_page(document_of(NASTY, at=NOW), path)
    assert console_messages(path, tmp_path, f"--screenshot={picture}", "--window-size=1280,2400") == []
    assert picture.stat().st_size > 20_000
    page = rendered(path, tmp_path)
    assert not re.search(r'data-age="[^"]*"></span>', page)
    assert re.search(r'data-age="[^"]*">\d+ (s|min) ago</span>', page)


def test_a_browser_says_that_an_old_page_is_old(tmp_path: Path) -> None:
    """A watch that ended leaves a page that says so, as soon as two reads are missing."""
    for age, is_old in ((timedelta(hours=3), True), (timedelta(0), False)):
        path = tmp_path / f"{is_old}.html"
        write_page(document_of(at=NOW - age), path)
        assert ('class="sweep-report watch trouble old"' in rendered(path, tmp_path)) is is_old


@pytest.mark.parametrize("width", [375, 1280])
def test_nothing_is_cut_off_on_a_phone_or_a_desktop(tmp_path: Path, width: int) -> None:
    """With all lists open and endless names, no element is wider than the screen."""
    path = tmp_path / "page.html"
    write_page(document_of("Über" * 30), path)
    assert cut_off(path, tmp_path, width) == 0
