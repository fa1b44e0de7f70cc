"""The pictures of the tutorial on watching, made from a run against the sandbox that it starts.

Run: ``python -m support.watch_pictures docs/tutorials/pictures`` in the folder ``tests``; it needs a browser.
"""

import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

from fieldingkit.sandbox import Sandbox
from support.browser import screenshot

__all__ = ["SIZES", "make_pictures", "terminal_picture"]

WIDTH = 112
"""The columns of the terminal."""
SIZES = {"watch-page.png": (1200, 1400), "watch-phone.png": (390, 844)}
"""The pictures of the page, with the width and height of the screen."""
_FONT_FACE = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)


def make_pictures(sandbox: Sandbox, folder: Path) -> None:
    """Write the pictures of a watch of a sandbox into a folder."""
    environment = {**os.environ, **sandbox.environment}
    (folder / "watch-table.svg").write_text(terminal_picture(environment), encoding="utf-8")
    with tempfile.TemporaryDirectory() as scratch:
        page = Path(scratch) / "watch.html"
        _run([sys.executable, "-m", "fieldingkit", "watch", "--once", "--html", str(page)], environment)
        for name, size in SIZES.items():
            screenshot(page, Path(scratch), folder / name, *size)


def terminal_picture(environment: dict[str, str]) -> str:
    """Return what `fieldingkit watch --once` shows on a terminal, as SVG that loads nothing."""
    shown = _on_terminal([sys.executable, "-m", "fieldingkit", "watch", "--once"], environment)
    table = shown.rpartition("\x1b[2K")[2]  # after the line of progress, which is erased
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    console.print(Text.from_ansi(table.replace("\r\n", "\n")))
    return _FONT_FACE.sub("", console.export_svg(title="fieldingkit watch --once", unique_id="watch"))


def _run(command: list[str], environment: dict[str, str]) -> None:
    subprocess.run(command, env=environment, capture_output=True, timeout=250, check=False)


def _on_terminal(command: list[str], environment: dict[str, str]) -> str:
    """Run a command on a terminal, and return all that it wrote."""
    import pty

    ours, theirs = pty.openpty()
    variables = {**environment, "TERM": "xterm-256color", "COLUMNS": str(WIDTH), "LINES": "60"}
    with subprocess.Popen(command, env=variables, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs):
        os.close(theirs)
        written = bytearray()
        try:
            while part := os.read(ours, 65536):
                written += part
        except OSError:  # the other side is closed: Linux reports the end as an error
            pass
    os.close(ours)
    return written.decode()


if __name__ == "__main__":
    with Sandbox(seed=1) as served:
        served.seed_trouble()
        make_pictures(served, Path(sys.argv[1]))
