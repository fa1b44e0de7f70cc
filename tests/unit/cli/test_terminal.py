"""On a terminal: a preview, a question, a bar; and what an answer does."""

import io
import os
import pty
import subprocess
import sys

import pytest
from support.command_line import Cli

from fieldingkit.sandbox import Sandbox


class Terminal(io.StringIO):
    """Text that a person types."""

    def isatty(self) -> bool:
        """It is one."""
        return True


@pytest.mark.parametrize(("answer", "paused"), [("y", 2), ("YES", 2), ("n", 0), ("", 0), ("yeah", 0)])
def test_only_a_yes_is_a_yes(
    connected: Cli, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, answer: str, paused: int
) -> None:
    """The preview comes first, and anything but a yes leaves everything as it is."""
    project = sandbox.seed(live=2)
    monkeypatch.setattr("sys.stdin", Terminal(f"{answer}\n"))
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    ended = connected("pause", "--project", project.id)
    assert ended.code == 0
    assert "Would pause 2 target groups" in ended.out
    assert "Pause 2 target groups? [y/N]" in ended.err
    assert len(project.ids("paused")) == paused
    assert ("Nothing was done." in ended.err) == (not paused)


def at_terminal(answer: bytes, *words: str) -> tuple[int, str]:
    """Run a command on a terminal of its own and answer its question; gives the exit code and the screen."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "fieldingkit.cli", *words]
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"}
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    ) as process:
        os.close(theirs)
        screen = b""
        try:
            while b"[y/N]" not in screen:
                screen += os.read(ours, 4096)
            if answer == b"\x03":
                process.send_signal(2)
            else:
                os.write(ours, answer)
            while more := os.read(ours, 4096):
                screen += more
        except OSError:
            pass  # the other end was closed: the program has ended
        except BaseException:
            process.kill()
            raise
    os.close(ours)
    return process.returncode, screen.decode()


def test_a_real_terminal(connected: Cli, sandbox: Sandbox) -> None:
    """A program on a real terminal asks there and shows a bar."""
    project = sandbox.seed(live=2)
    code, screen = at_terminal(b"y\n", "pause", "--project", project.id)
    assert code == 0
    assert "sweeping" in screen
    assert "\x1b[" in screen
    assert "All 2 target groups are paused." in screen
    assert len(project.ids("paused")) == 2


def test_an_interrupted_question_is_a_no(connected: Cli, sandbox: Sandbox) -> None:
    """Ctrl-C at the question ends the program at once, and nothing is done."""
    project = sandbox.seed(live=2)
    code, screen = at_terminal(b"\x03", "pause", "--project", project.id)
    assert code == 130
    assert "Traceback" not in screen
    assert len(project.ids("live")) == 2
