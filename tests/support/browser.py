"""Pages in a real browser, if one is installed."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

__all__ = ["console_messages", "cut_off", "rendered", "screenshot"]

_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_FLAGS = (
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


def console_messages(page: Path, folder: Path, *more: str) -> list[str]:
    """Open a page in a real browser and return the messages on its console.

    Args:
        page: The page.
        folder: A folder for the browser's files.
        more: Further flags of the browser.
    """
    return [line for line in _open(page, folder, *more).stderr.splitlines() if ":CONSOLE" in line]


def rendered(page: Path, folder: Path) -> str:
    """Open a page in a real browser and return it as its scripts left it."""
    return _open(page, folder, "--dump-dom").stdout


def screenshot(page: Path, folder: Path, target: Path, width: int, height: int) -> None:
    """Open a page in a real browser and write what a screen of a size shows to a PNG file."""
    _open(page, folder, f"--window-size={width},{height}", "--hide-scrollbars", f"--screenshot={target}")


def cut_off(page: Path, folder: Path, width: int) -> int:
    """Return the pixels by which a page is wider than a screen, with all lists open."""
    text = re.sub(r"<details(?! open)", "<details open", re.sub(r"<meta http-equiv[^>]*>", "", page.read_text()))
    (folder / "open.html").write_text(text)
    probe = folder / "probe.html"
    probe.write_text(
        f"<iframe src='open.html' style='width:{width}px;height:844px;border:0' onload='"
        "const page = this.contentDocument.documentElement; "
        'console.log("cut off: " + (page.scrollWidth - page.clientWidth))\'></iframe>'
    )
    (message,) = console_messages(probe, folder, "--allow-file-access-from-files", "--dump-dom")
    found = re.search(r'"cut off: (-?\d+)"', message)
    assert found is not None, message
    return int(found[1])


def _open(page: Path, folder: Path, *more: str) -> "subprocess.CompletedProcess[str]":
    if _CHROMIUM is None:
        pytest.skip("no Chromium is installed here: apt-get install chromium")
    command = [_CHROMIUM, *_FLAGS, f"--user-data-dir={folder / 'profile'}", *more, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=250, check=True)
