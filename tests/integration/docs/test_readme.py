"""The README: short, true, and readable where its links would not work."""

import re
from typing import Final

import pytest
from support.pages import ROOT, code_of, read

from fieldingkit import API_VERSION

PAGE: Final = read("README.md")


def test_the_first_screen_names_the_api_version() -> None:
    """A reader of the first lines knows for which API version the release is made."""
    assert f"API version `{API_VERSION}`" in " ".join(PAGE.split("\n## ")[0].split())


def test_it_has_no_link_to_a_file() -> None:
    """A package index cannot follow them: pages are named by their paths, and these exist."""
    assert re.findall(r"\]\((?!https?://)[^)]*\)", PAGE) == []
    named = re.findall(r"`([\w./-]+\.md|docs/[\w./-]*)`", PAGE)
    assert len(named) >= 8
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_script_prints_what_the_page_shows(capsys: pytest.CaptureFixture[str]) -> None:
    """The script runs with nothing given, and fails in the same way for everyone."""
    (script,), (shown,) = code_of("README.md", "python"), code_of("README.md", "text")
    exec(compile(script, "README.md", "exec"), {})
    assert capsys.readouterr().out == shown
