"""The pictures of the first page of the docs: the demo on a terminal, and a report.

Run: ``python -m support.home_pictures docs/pictures`` in the folder ``tests``; it needs a browser.
"""

import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

from fieldingkit.sandbox import Sandbox
from fieldingkit.sandbox.model.jobs import Job
from support.browser import screenshot

__all__ = ["REPORT", "demo_picture", "make_pictures", "write_report"]

REPORT: Final = (1000, 1100)
"""The width and height of the screen with the report."""
_WIDTH: Final = 80
_FONT_FACE: Final = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)
_FOLDER: Final = re.compile(r"\S+/(?=[\w-]+\.html$)", re.MULTILINE)


def make_pictures(folder: Path) -> None:
    """Write the pictures into a folder."""
    (folder / "demo.svg").write_text(demo_picture(), encoding="utf-8")
    with tempfile.TemporaryDirectory() as scratch:
        screenshot(write_report(Path(scratch)), Path(scratch), folder / "report.png", *REPORT)


def demo_picture() -> str:
    """Return what `fieldingkit demo` prints, as a terminal in SVG that loads nothing."""
    printed = _run(["demo"], {})
    console = Console(record=True, width=_WIDTH, file=io.StringIO(), force_terminal=True)
    for line in ["$ fieldingkit demo", "", *_FOLDER.sub("", printed).splitlines()]:
        console.print(Text(line, style="bold green" if line.startswith("$ ") else ""))
    return _FONT_FACE.sub("", console.export_svg(title="fieldingkit demo", unique_id="demo"))


def write_report(folder: Path) -> Path:
    """Pause the target groups of a sandbox, some of which fail, and return the report in HTML."""
    path = folder / "stopped.html"
    with Sandbox(seed=7, job_seconds=0.5, failing_items=_fail_some) as sandbox:
        sandbox.seed(live=24, paused=5, scheduled=4, completed=3)
        for live in (60, 48, 36):
            sandbox.seed(live=live, paused=6)
        arguments = [
            "pause",
            "--all-projects",
            "--status",
            "live",
            "--status",
            "scheduled",
            "--yes",
            "--report",
            str(path),
        ]
        _run(arguments, {**sandbox.environment, "XDG_STATE_HOME": str(folder)})
    return path


def _fail_some(job: Job, target_group_id: str) -> str | None:
    """Fail one of about thirty target groups."""
    del job
    return "InternalError" if target_group_id.endswith("7") else None


def _run(arguments: list[str], variables: dict[str, str]) -> str:
    environment = {**os.environ, **variables, "COLUMNS": str(_WIDTH)}
    command = [sys.executable, "-m", "fieldingkit", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=250, check=False).stdout


if __name__ == "__main__":
    make_pictures(Path(sys.argv[1]))
