"""The pictures of docs/index.md are made from runs."""

import struct
from pathlib import Path

import pytest
from support.browser import screenshot
from support.home_pictures import REPORT, demo_picture, write_report
from support.pages import DOCS, read

FOLDER = DOCS / "pictures"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the report of the picture."""
    return write_report(tmp_path_factory.mktemp("report"))


def size(picture: Path) -> tuple[int, ...]:
    """Return the width and height of a PNG file."""
    return struct.unpack(">II", picture.read_bytes()[16:24])


def test_the_pictures_are_shown_and_load_nothing() -> None:
    """The first page shows each picture of the folder, and the terminal needs no font of another host."""
    assert {path.name for path in FOLDER.iterdir()} == {"demo.svg", "report.png"}
    assert all(f"](pictures/{path.name})" in read("docs/index.md") for path in FOLDER.iterdir())
    assert "url(http" not in (FOLDER / "demo.svg").read_text(encoding="utf-8")
    assert size(FOLDER / "report.png") == REPORT


def test_the_picture_of_the_demo_is_made_from_a_run() -> None:
    """It shows the batch, the stop, the report and the undo."""
    text = demo_picture().replace("&#160;", " ")
    assert "All 180 target groups are paused." in text
    assert "$ fieldingkit undo stopped.html --yes" in text
    assert "All 180 target groups are live." in text
    assert "url(http" not in text


def test_the_report_in_the_picture_is_made_from_a_run(report: Path) -> None:
    """Some of its target groups fail, and some are skipped."""
    text = report.read_text(encoding="utf-8")
    assert "of 172 target groups are paused" in text
    assert "An internal error occurred." in text


def test_a_browser_makes_the_picture_of_the_report(report: Path, tmp_path: Path) -> None:
    """It has the size of the picture in the docs."""
    screenshot(report, tmp_path, tmp_path / "report.png", *REPORT)
    assert size(tmp_path / "report.png") == REPORT
