"""Make the pictures of the docs: `python docs/scripts/pictures.py [FOLDER]`.

The pictures of pages need Chromium; without it only those of the terminal are made.
"""

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from fieldingkit.sandbox import Sandbox
from fieldingkit.sandbox.model.jobs import Job

_FOLDER: Final = Path(__file__).parents[1] / "pictures"
_BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
_WIDTH: Final = 80
_FONTS: Final = re.compile(r"@font-face \{\{.*?\}\}\s*", re.DOTALL)
"""Fonts of another host; the reader's machine has its own."""


def main() -> None:
    """Make all pictures."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else _FOLDER
    folder.mkdir(exist_ok=True)
    draw_terminal("fieldingkit demo", {}, folder / "terminal.svg")
    if browser := find_browser():
        with tempfile.TemporaryDirectory() as temporary:
            photograph(browser, report(Path(temporary)), folder / "report.png", height=1100)


def find_browser() -> str | None:
    """Return the path of a browser that can photograph a page; None if there is none."""
    return next(filter(None, map(shutil.which, _BROWSERS)), None)


def draw_terminal(command: str, environment: dict[str, str], path: Path) -> None:
    """Run a command and draw its output as a terminal of 80 columns."""
    text = f"$ {command}\n\n{run(command, environment)}"
    text = re.sub(r"\S+/(?=[\w-]+\.html$)", "", text, flags=re.MULTILINE)  # a temporary folder
    console = Console(record=True, width=_WIDTH, file=io.StringIO(), force_terminal=True)
    for line in text.splitlines():
        console.print(Text(line, style="bold green" if line.startswith("$ ") else ""))
    path.write_text(console.export_svg(title=command, code_format=_FONTS.sub("", CONSOLE_SVG_FORMAT)), encoding="utf-8")


def report(folder: Path) -> Path:
    """Pause all target groups of a sandbox, of which some fail, and return the report."""
    path = folder / "stopped.html"
    with Sandbox(seed=7, job_seconds=0.5, failing_items=fail_some) as sandbox:
        sandbox.seed(live=24, paused=5, scheduled=4, completed=3)
        for live in (60, 48, 36):
            sandbox.seed(live=live, paused=6)
        command = f"fieldingkit pause --all-projects --status live --status scheduled --yes --report {path}"
        run(command, {**sandbox.environment, "XDG_STATE_HOME": str(folder)})
    return path


def fail_some(job: Job, target_group_id: str) -> str | None:
    """Fail one of about thirty target groups."""
    del job
    return "InternalError" if target_group_id.endswith("7") else None


def run(command: str, environment: dict[str, str]) -> str:
    """Return what a command of ours prints to stdout; a sweep in which some target groups fail ends with 1."""
    program, *arguments = command.split()
    executable = Path(sys.executable).with_name(program)
    result = subprocess.run(  # noqa: S603  # our own command
        [executable, *arguments],
        env={**os.environ, **environment, "COLUMNS": str(_WIDTH)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if result.returncode not in {0, 1}:
        raise SystemExit(result.stderr)
    return result.stdout


def photograph(browser: str, page: Path, path: Path, *, height: int, width: int = 1000) -> None:
    """Save the picture of a page as it is on the screen."""
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--window-size={width},{height}"]
    subprocess.run(  # noqa: S603  # a browser that was found here
        [browser, *flags, f"--screenshot={path}", page.as_uri()], check=True, capture_output=True, timeout=120
    )


if __name__ == "__main__":
    main()
