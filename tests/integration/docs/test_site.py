"""The site: every page is in its navigation, and the check of the built pages finds what a reader would miss."""

import re
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from support.site_check import problems

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"


INCLUDED = re.compile(r'^--8<-- "(.+)"$', re.MULTILINE)


def text_of(page: Path) -> str:
    """Return the text of a page; the pages of the project are files of the repository's root."""
    return INCLUDED.sub(lambda match: (ROOT / match[1]).read_text(), page.read_text())


def paths(nav: object) -> list[str]:
    """Return the pages of a part of the navigation."""
    if isinstance(nav, str):
        return [nav]
    return [path for part in (nav if isinstance(nav, list) else nav.values()) for path in paths(part)]


def test_every_page_is_in_the_navigation_once() -> None:
    """A page that is added, moved or removed changes `mkdocs.yml` in the same commit."""
    nav = paths(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"])
    assert sorted(nav) == sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda path: path.relative_to(DOCS).as_posix())
def test_a_page_has_one_title(page: Path) -> None:
    """The title is the first line, outside of code there is no other, and no heading skips a level."""
    text = re.sub(r"^```.*?^```$", "", text_of(page), flags=re.MULTILINE | re.DOTALL)
    levels = [len(level) for level in re.findall(r"^(#+) ", text, re.MULTILINE)]
    assert text.startswith("# ")
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda path: path.relative_to(DOCS).as_posix())
def test_a_code_block_has_at_most_a_language_and_a_title(page: Path) -> None:
    """Markdown for the site reads a block with any other word after the language as text."""
    openings = re.findall(r"^ *```(.*)$", text_of(page), re.MULTILINE)[::2]
    assert [opening for opening in openings if not re.fullmatch(r'([a-z]+)?( title="[^"]+")?', opening)] == []


def write(site: Path, **pages: str) -> None:
    """Write the articles of pages."""
    for name, text in pages.items():
        path = site / name / "index.html"
        path.parent.mkdir(parents=True)
        path.write_text(f"<article>{text}</article>")


def test_links_to_pages_and_sections_are_accepted(tmp_path: Path) -> None:
    """Relative links, with and without a section, and those to other hosts."""
    links = ['<a href="../two/">', '<a href="../two/#part">', '<a href="#own">', '<a href="https://example.com">']
    write(tmp_path, one=f'<h2 id="own">{"".join(links)}', two='<h2 id="part"><a href="../one/">')
    assert list(problems(tmp_path)) == []


def test_a_page_that_only_leads_to_itself_is_an_orphan(tmp_path: Path) -> None:
    """Each page shows the navigation, so a page outside of it is one that no other page leads to."""
    write(tmp_path, one='<a href="../two/">', two='<a href="../one/">', three='<a href="../one/"><a href="../three/">')
    assert list(problems(tmp_path)) == ["three/index.html: no page leads to it"]


@pytest.mark.parametrize(
    ("article", "problem"),
    [
        ('<a href="../three/">', "../three/ leads to no page"),
        ('<a href="../two/#other">', "../two/#other leads to no section"),
        ('<img src="picture.png">', "picture.png leads to no page"),
        ('<script src="https://cdn.example/x.js">', "https://cdn.example/x.js is loaded from another host"),
        ("word " * 1000, "1000 words without a table of contents"),
    ],
)
def test_a_problem_of_a_page_is_reported(tmp_path: Path, article: str, problem: str) -> None:
    """A missing page or section, a file of another host, and a long page without contents."""
    write(tmp_path, one='<a href="../two/">' + article, two='<h2 id="part"><a href="../one/">')
    assert list(problems(tmp_path)) == [f"one/index.html: {problem}"]
