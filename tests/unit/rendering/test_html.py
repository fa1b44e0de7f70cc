"""A sweep's report as a page: what is on it, that nothing breaks out of it, and that a browser has no complaint."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import attrs
import pytest
from support.sweep_records import NASTY, TRACE, swept, ulid

from fieldingkit.rendering.files import write_report
from fieldingkit.rendering.html import as_html
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
    """What a page consists of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Some words."""
        self.words.append(data)


def test_the_page_tells_what_happened() -> None:
    """The page has the counts, each reason once with its advice, every failed target group and its trace id."""
    text = as_html(swept(outcomes=ALL, each=5))
    assert "4 of 10 target groups are paused" in text
    assert "2 unknown, 2 failed" in text
    assert text.count("StatusTransitionNotAllowed: it is failed for a reason</h3>") == 1
    assert "does not allow this" in text
    assert ulid("GGGG", 2) in text
    assert TRACE in text


def test_the_page_needs_nothing_else() -> None:
    """No element loads anything, the policy forbids it, and no script runs: the only one holds data."""
    page = Page(as_html(swept(outcomes=ALL, each=5)))
    for _, given in page.tags:
        assert not given.keys() & {"src", "href", "srcset", "action", "onload", "onclick", "onerror"}
    assert [given["type"] for name, given in page.tags if name == "script"] == ["application/json"]
    assert not re.search(r"url\(|@import", as_html(swept()))
    policy = next(given for _, given in page.tags if given.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in (policy["content"] or "")


def test_nothing_breaks_out_of_the_page() -> None:
    """What the API says is text on the page, whatever it says: the same elements stand there as with plain words."""
    plain = Page(as_html(swept(outcomes=ALL, each=5, reason="plain")))
    nasty_text = as_html(swept(outcomes=ALL, each=5, reason=NASTY))
    assert [name for name, _ in Page(nasty_text).tags] == [name for name, _ in plain.tags]
    assert "\x1b" not in nasty_text
    assert "\u202e" not in nasty_text


def test_the_timeline_has_a_bar_for_each_job() -> None:
    """Each job is drawn, with a part for each outcome that is wide enough to be seen."""
    page = Page(as_html(swept(projects=120, each=10, outcomes=(*[Outcome.UPDATED] * 9, Outcome.FAILED))))
    bars = [
        given for name, given in page.tags if name == "rect" and given.get("class") == "failed" and given["y"] != "0"
    ]
    assert len(bars) == 120
    assert all(float(given["width"] or 0) >= 1 for given in bars)


def test_jobs_of_another_process_are_not_drawn() -> None:
    """Jobs whose end another process saw are counted below the timeline; without any times there is none."""
    record = swept(projects=3)
    text = as_html(attrs.evolve(record, spans=record.spans[:1]))
    assert "ended in another process: 2" in text
    assert "Timeline" not in as_html(attrs.evolve(record, spans=()))


def test_an_empty_sweep_has_a_page() -> None:
    """A sweep that found nothing is reported as such."""
    record = swept()
    report = attrs.evolve(record.report, groups=(), jobs=(), finished_at=None)
    assert "No target groups were found" in as_html(attrs.evolve(record, report=report))


def complaints(page: Path, folder: Path, *more: str) -> list[str]:
    """Open a page in a real browser and give what its console says."""
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed here: apt-get install chromium")
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={folder / 'profile'}", *more, page.as_uri()]
    result = subprocess.run(command, capture_output=True, text=True, timeout=50, check=True)
    return [line for line in result.stderr.splitlines() if ":CONSOLE" in line]


def test_a_browser_has_no_complaint(tmp_path: Path) -> None:
    """A real browser shows the page, nasty reasons and all, without a word on its console."""
    write_report(swept(projects=40, each=10, outcomes=ALL, reason=NASTY), tmp_path / "report.html")
    picture = tmp_path / "report.png"
    assert complaints(tmp_path / "report.html", tmp_path, f"--screenshot={picture}") == []
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 10_000


def test_a_browser_would_complain(tmp_path: Path) -> None:
    """The check above can fail: the same page with something foreign in it is complained of."""
    page = tmp_path / "report.html"
    page.write_text(as_html(swept()).replace("</h1>", "</h1><img src='data:image/png;base64,AAAA' onerror='x()'>"))
    assert "Content Security Policy" in " ".join(complaints(page, tmp_path, "--dump-dom"))
