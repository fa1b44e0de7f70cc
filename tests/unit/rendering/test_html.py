"""The HTML report: its content, its escaping, and its display in a real browser."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import attrs
import pytest
from support.sweep_reports import NASTY, TRACE, make_document, ulid

from fieldingkit.rendering.files import write_document
from fieldingkit.rendering.html import to_html
from fieldingkit.sweeps.report import Outcome

ALL = tuple(Outcome)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--log-level=0",
)


class Page(HTMLParser):
    """The elements and texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect an element."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Collect a text."""
        self.words.append(data)


def test_the_page_shows_counts_reasons_and_trace_ids() -> None:
    """The page shows the counts, each reason once with its advice, every failed target group and its trace id."""
    text = to_html(make_document(outcomes=ALL, each=6))
    assert "<h1>2 target groups: outcome unknown; 4 of 12 target groups are paused</h1>" in text
    assert "2 unknown, 2 not sent, 2 failed" in text
    assert text.count("StatusTransitionNotAllowed: it is failed for a reason</h3>") == 1
    assert "does not allow this" in text
    assert ulid("GGGG", 2) in text
    assert TRACE in text


def test_the_page_loads_nothing_and_runs_no_script() -> None:
    """No element loads anything, the policy forbids it, and the only script element contains data."""
    page = Page(to_html(make_document(outcomes=ALL, each=6)))
    for _, given in page.tags:
        assert not given.keys() & {"src", "href", "srcset", "action", "onload", "onclick", "onerror"}
    assert [given["type"] for name, given in page.tags if name == "script"] == ["application/json"]
    assert not re.search(r"url\(|@import", to_html(make_document()))
    policy = next(given for _, given in page.tags if given.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in (policy["content"] or "")


def test_text_of_the_api_is_escaped() -> None:
    """Hostile text from the API results in the same elements as plain text."""
    plain = Page(to_html(make_document(outcomes=ALL, each=6, reason="plain")))
    nasty_text = to_html(make_document(outcomes=ALL, each=6, reason=NASTY))
    assert [name for name, _ in Page(nasty_text).tags] == [name for name, _ in plain.tags]
    assert "\x1b" not in nasty_text
    assert "\u202e" not in nasty_text


def test_the_timeline_has_a_bar_for_each_job() -> None:
    """Each job has a bar with a part for each outcome, wide enough to see."""
    page = Page(to_html(make_document(projects=120, each=10, outcomes=(*[Outcome.UPDATED] * 9, Outcome.FAILED))))
    bars = [
        given for name, given in page.tags if name == "rect" and given.get("class") == "failed" and given["y"] != "0"
    ]
    assert len(bars) == 120
    assert all(float(given["width"] or 0) >= 1 for given in bars)


def test_jobs_without_times_are_counted_below_the_timeline() -> None:
    """Jobs whose end was not seen have no bar; without any times there is no timeline."""
    document = make_document(projects=3)
    unseen = tuple(attrs.evolve(job, ended_at=None) for job in document.jobs)
    text = to_html(attrs.evolve(document, jobs=(document.jobs[0], *unseen[1:])))
    assert "their end was not seen: 2" in text
    assert "Timeline" not in to_html(attrs.evolve(document, jobs=unseen))


def test_a_sweep_without_target_groups_has_a_page() -> None:
    """A sweep that found no target groups is reported as such."""
    document = attrs.evolve(make_document(), groups=(), jobs=(), finished_at=None)
    assert "No target groups were found" in to_html(document)


def console_messages(page: Path, folder: Path, *more: str) -> list[str]:
    """Open a page in a real browser and return the messages on its console."""
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed here: apt-get install chromium")
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={folder / 'profile'}", *more, page.as_uri()]
    result = subprocess.run(command, capture_output=True, text=True, timeout=50, check=True)
    return [line for line in result.stderr.splitlines() if ":CONSOLE" in line]


def test_a_browser_shows_the_page_without_console_messages(tmp_path: Path) -> None:
    """A real browser displays the page, with hostile reasons, without a message on its console."""
    write_document(make_document(projects=40, each=10, outcomes=ALL, reason=NASTY), tmp_path / "report.html")
    picture = tmp_path / "report.png"
    assert console_messages(tmp_path / "report.html", tmp_path, f"--screenshot={picture}") == []
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 10_000


def test_a_browser_reports_a_policy_violation(tmp_path: Path) -> None:
    """The browser check can fail: a foreign element in the page violates its policy."""
    page = tmp_path / "report.html"
    page.write_text(
        to_html(make_document()).replace("</h1>", "</h1><img src='data:image/png;base64,AAAA' onerror='x()'>")
    )
    assert "Content Security Policy" in " ".join(console_messages(page, tmp_path, "--dump-dom"))
