"""The report of a dry run: everything is escaped, and it is known as such."""

from pathlib import Path

import pytest
from support.sweep_reports import NASTY, STARTED, make_document, ulid

from fieldingkit.errors import ConfigurationError
from fieldingkit.rendering.files import read_data, write_document
from fieldingkit.rendering.preview import PreviewDocument, PreviewRow, is_preview, write_preview


def make_preview_document(count: int = 2) -> PreviewDocument:
    """Return a preview whose texts try to escape from every format."""
    rows = (
        PreviewRow(
            project_id=ulid("PPPP", 1),
            target_group_id=ulid("GGGG", number),
            project_name=NASTY,
            short_id="ABCDEFG",
            name=f"=1+1 {NASTY}",
            status="live",
            would="pause",
        )
        for number in range(count)
    )
    return PreviewDocument(
        action="pause",
        base_url="https://api.cint.com/v1",
        account_id="101",
        created_at=STARTED,
        groups=tuple(rows),
        unlisted={ulid("PPPP", 2): NASTY},
    )


@pytest.mark.parametrize("suffix", [".html", ".csv", ".json"])
def test_a_preview_is_known_and_is_no_report(tmp_path: Path, suffix: str) -> None:
    """A later report may replace it, and an undo cannot be made of it."""
    path, other = tmp_path / f"dry{suffix}", tmp_path / f"report{suffix}"
    write_preview(make_preview_document(), path)
    write_document(make_document(), other)

    assert is_preview(path)
    assert not is_preview(other)
    with pytest.raises(ConfigurationError):
        read_data(path)


def test_no_text_escapes_from_the_page_or_the_table(tmp_path: Path) -> None:
    """Names come from other people: they run nothing in a browser, a spreadsheet or a terminal."""
    for suffix in (".html", ".csv"):
        write_preview(make_preview_document(), tmp_path / f"dry{suffix}")

    page, table = (tmp_path / "dry.html").read_text(), (tmp_path / "dry.csv").read_text()
    assert "<img" not in page
    assert "</script>" not in page
    assert "\x1b" not in page + table
    assert "'=1+1" in table


def test_the_page_of_a_large_preview_is_limited(tmp_path: Path) -> None:
    """The page lists 5,000 target groups and names the formats that list all."""
    write_preview(make_preview_document(5001), tmp_path / "dry.html")

    page = (tmp_path / "dry.html").read_text()
    assert page.count("ABCDEFG") == 5000
    assert "the first 5,000 of 5,001 target groups" in page
