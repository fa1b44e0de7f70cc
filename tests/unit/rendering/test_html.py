"""The HTML report: its content, its escaping, its size, and its display in a real browser."""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import attrs
import pytest
from support.browser import console_messages, cut_off
from support.sweep_reports import NASTY, TRACE, make_document, ulid

from fieldingkit.errors import ConfigurationError
from fieldingkit.rendering.files import check_report_path, read_data, table_beside, write_document
from fieldingkit.rendering.html import iter_html, to_fragment
from fieldingkit.rendering.model import StragglerRow, SweepDocument
from fieldingkit.sweeps.report import Outcome

ALL = tuple(Outcome)
STRAGGLER = StragglerRow(
    project_id=ulid("PPPP", 0), target_group_id=ulid("GGGG", 99), status="live", reason="went live since"
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

    @property
    def text(self) -> str:
        """The text as one line."""
        return " ".join(" ".join(self.words).split())


def to_html(document: SweepDocument, **options: Any) -> str:
    """Return the page of a document."""
    return "".join(iter_html(document, **options))


def test_the_page_shows_counts_reasons_and_trace_ids() -> None:
    """The page shows the counts, each reason once with its advice, every failed target group and its trace id."""
    text = to_html(make_document(outcomes=ALL, each=6))
    assert re.search(r"<h1>2 target groups: outcome unknown <span>4 of 12 target groups were paused", text)
    assert "2 unknown, 2 not sent, 2 failed" in text
    assert text.count("StatusTransitionNotAllowed: it is failed for a reason</h3>") == 1
    assert "does not allow this" in text
    assert ulid("GGGG", 2) in text
    assert TRACE in text


def test_names_and_short_ids_stand_before_the_ids() -> None:
    """Projects and target groups are shown with the names that people know them by."""
    document = make_document(projects=1, each=2, outcomes=(Outcome.FAILED,))
    named = attrs.evolve(document.groups[0], name="DE adults", short_id="TG-7")
    text = to_html(attrs.evolve(document, groups=(named,)))
    assert re.search(rf"<bdi>DE adults</bdi></b> .*TG-7.*{named.target_group_id}", text)
    assert "<bdi>Tracker</bdi>" in to_html(make_document(projects=1, name="Tracker"))


def test_each_target_group_is_listed_once() -> None:
    """Each target group is in the section of its outcome, and nowhere else."""
    text = to_html(make_document(outcomes=ALL, each=6))
    assert [text.count(ulid("GGGG", number)) for number in range(12)] == [1] * 12


def test_lists_are_folded_until_they_are_opened_or_printed() -> None:
    """Each list of target groups is in a closed element, which the style sheet opens on paper."""
    page = Page(to_html(make_document(outcomes=ALL, each=6)))
    assert [given for name, given in page.tags if name == "details" and "open" in given] == []
    assert [name for name, _ in page.tags].count("details") == 7  # six outcomes and the jobs
    assert "details::details-content { content-visibility: visible;" in to_html(make_document())


def test_stragglers_and_unlisted_projects_need_attention() -> None:
    """Target groups found afterwards, and projects that could not be listed, are named with advice."""
    document = attrs.evolve(make_document(), stragglers=(STRAGGLER,), unlisted={ulid("PPPP", 7): "403: no access"})
    text = Page(to_html(document)).text
    assert "Needs attention" in text
    assert f"{ulid('GGGG', 99)} {ulid('PPPP', 0)} live" in text
    assert f"{ulid('PPPP', 7)} 403: no access" in text


@pytest.mark.parametrize(
    ("outcomes", "badge"),
    [
        ((Outcome.UPDATED,), "not verified"),
        ((Outcome.UPDATED, Outcome.SKIPPED), "4 skipped"),
        ((Outcome.SKIPPED, Outcome.FAILED), "4 failed"),
    ],
)
def test_the_badge_claims_no_more_than_is_known(outcomes: tuple[Outcome, ...], badge: str) -> None:
    """The badge names the problems, then what was skipped, then that nothing was verified."""
    assert re.search(rf'<p class="badge \w+">{badge}</p>', to_html(make_document(outcomes=outcomes)))


def test_an_undo_is_offered_only_where_there_is_one() -> None:
    """The page names the command that undoes the sweep, unless nothing was changed or nothing undoes the action."""
    path = Path("my stop.html")
    document = make_document()
    assert "8 target groups that the API reported as paused: fieldingkit undo 'my stop.html'" in re.sub(
        r"</?code>", "", to_html(document, path=path)
    ).replace("&#39;", "'")
    assert "fieldingkit undo" not in to_html(make_document(outcomes=(Outcome.FAILED,)), path=path)
    assert "fieldingkit undo" not in to_html(make_document(outcomes=(Outcome.UNCHANGED,)), path=path)
    assert "fieldingkit undo" not in to_html(attrs.evolve(document, undoable=0), path=path)


def test_the_page_loads_nothing_and_runs_no_script() -> None:
    """No element loads anything, the policy forbids it, and the only script element contains data."""
    page = Page(to_html(make_document(outcomes=ALL, each=6)))
    for _, given in page.tags:
        assert not given.keys() & {"src", "href", "srcset", "action", "onload", "onclick", "onerror"}
    assert [given["type"] for name, given in page.tags if name == "script"] == ["application/gzip"]
    assert not re.search(r"url\(|@import", to_html(make_document()))
    policy = next(given for _, given in page.tags if given.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in (policy["content"] or "")


@pytest.mark.parametrize("render", [to_html, to_fragment])
def test_text_of_the_api_is_escaped(render: Any) -> None:
    """Hostile names and reasons result in the same elements as plain ones, without control characters."""

    def document(text: str) -> SweepDocument:
        document = make_document(outcomes=ALL, each=6, reason=text, name=text)
        straggler = attrs.evolve(STRAGGLER, name=text, short_id=text, status=text, reason=text)
        return attrs.evolve(document, stragglers=(straggler,), unlisted={text: text}, account_id=text)

    text = render(document(NASTY))
    assert [name for name, _ in Page(text).tags] == [name for name, _ in Page(render(document("plain"))).tags]
    for mark in ("\x1b", "\u202e", "onerror=alert(1)>"):
        assert mark not in text


def test_half_a_character_does_not_prevent_a_report(tmp_path: Path) -> None:
    """JSON can contain a lone surrogate, which no file can; the report is written in each format."""
    document = make_document(name="half \ud83d of it", reason="\udc00", outcomes=(Outcome.FAILED,))
    for extension in ("html", "json", "csv"):
        write_document(document, tmp_path / f"report.{extension}")
    assert "half \ufffd of it" in (tmp_path / "report.html").read_text()
    assert read_data(tmp_path / "report.html")["groups"][0]["name"] == "half \ud83d of it"


def test_the_timeline_has_a_bar_for_each_job_and_a_legend() -> None:
    """Each job has a bar with a part for each outcome, wide enough to see; the legend names the colors."""
    page = Page(to_html(make_document(projects=120, each=10, outcomes=(*[Outcome.UPDATED] * 9, Outcome.FAILED))))
    bars = [given for name, given in page.tags if name == "rect" and given.get("class") == "failed" and "y" in given]
    assert len(bars) == 120
    assert all(float(given["width"] or 0) >= 1 for given in bars)
    assert [given["class"] for name, given in page.tags if name == "li" and given.get("class") in ALL][-2:] == [
        "updated",
        "failed",
    ]


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


def test_a_large_page_lists_problems_and_changes_and_names_the_table(tmp_path: Path) -> None:
    """Above 5,000 rows, what was not changed is in a table beside the page; all rows can be read from the page."""
    outcomes = (Outcome.UPDATED, Outcome.FAILED, Outcome.UNKNOWN, Outcome.UNCHANGED, Outcome.SKIPPED)
    document = make_document(projects=60, each=100, outcomes=outcomes)
    path = tmp_path / "stop.html"
    write_document(document, path)
    text = path.read_text()
    listed = {group.outcome for group in document.groups if group.target_group_id in text}
    assert listed == {"updated", "failed", "unknown"}
    assert "<code>stop-a-run.csv</code>" in text
    assert table_beside(document, path) == tmp_path / "stop-a-run.csv"
    assert table_beside(make_document(), path) is None
    assert (tmp_path / "stop-a-run.csv").read_text(encoding="utf-8-sig").count("\n") == 6001
    assert len(read_data(path)["groups"]) == 6000


def test_a_page_never_lists_more_than_its_limit() -> None:
    """If more than 5,000 target groups have problems, the first 5,000 are listed."""
    document = make_document(projects=60, each=100, outcomes=(Outcome.FAILED,))
    text = to_html(document)
    assert sum(group.target_group_id in text for group in document.groups) == 5000
    assert "The first 5,000" in text


def test_a_frequent_cause_leaves_room_for_rare_ones() -> None:
    """On a page that cannot list all failed target groups, each rare cause lists all of its own."""
    document = make_document(projects=60, each=100, outcomes=(Outcome.FAILED,))
    rare = tuple(attrs.evolve(group, reason="a rare cause") for group in document.groups[-3:])
    text = to_html(attrs.evolve(document, groups=(*document.groups[:-3], *rare)))
    assert all(group.target_group_id in text for group in rare)
    assert "The first 4,997" in text


def test_very_many_causes_are_merged() -> None:
    """Reasons that all differ do not make a page of single causes; each row still shows its own."""
    document = make_document(projects=1, each=300, outcomes=(Outcome.FAILED,))
    groups = tuple(
        attrs.evolve(group, reason=f"cause {number} of many") for number, group in enumerate(document.groups)
    )
    text = to_html(attrs.evolve(document, groups=groups))
    assert text.count("<article") == 101
    assert "200 other reasons" in text
    assert all(f"cause {number} of many" in text for number in range(300))


def test_a_page_needs_jinja2_and_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Jinja2 a page is refused before the sweep and when it is saved; other formats work."""
    monkeypatch.setitem(sys.modules, "jinja2", None)
    for refused in (check_report_path, lambda path: write_document(make_document(), path)):
        with pytest.raises(ConfigurationError, match=r'pip install "fieldingkit\[cli\]"'):
            refused(tmp_path / "report.html")
    for name in ("report.json", "report.csv"):
        check_report_path(tmp_path / name)
        write_document(make_document(), tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.csv", "report.json"]


def test_a_fragment_styles_nothing_but_itself() -> None:
    """In a notebook, every rule of the style sheet is inside the rule of the report."""
    text = to_fragment(make_document(outcomes=ALL, each=6))
    style = text.partition("<style>")[2].partition("</style>")[0]
    assert style.strip().startswith(".sweep-report {")
    depth = 0
    for position, character in enumerate(style.strip()):
        depth += (character == "{") - (character == "}")
        assert depth > 0 or position in range(len(".sweep-report {")) or position == len(style.strip()) - 1
    assert "<html" not in text
    assert "fieldingkit-sweep" not in text


def test_a_browser_shows_the_page_without_console_messages(tmp_path: Path) -> None:
    """A real browser displays the page, with hostile names and reasons, without a message on its console."""
    document = make_document(projects=40, each=10, outcomes=ALL, reason=NASTY, name=NASTY)
    write_document(document, tmp_path / "report.html")
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


def test_nothing_is_cut_on_a_phone(tmp_path: Path) -> None:
    """At 390 pixels, with all lists open, no element is wider than the screen."""
    write_document(make_document(projects=3, outcomes=ALL, each=6, name="Über" * 30), tmp_path / "report.html")
    assert cut_off(tmp_path / "report.html", tmp_path, 390) == 0
