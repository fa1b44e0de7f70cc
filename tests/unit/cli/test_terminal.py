"""The preview, the confirmation and the progress bar on a terminal."""

import io
import os
import pty
import re
import signal
import subprocess
import sys
from contextlib import suppress

import pytest
from support.command_line import Cli

from fieldingkit.sandbox import Sandbox


class Terminal(io.StringIO):
    """The input of a person at a terminal."""

    def isatty(self) -> bool:
        """Return True, as for a terminal."""
        return True


@pytest.mark.parametrize(("answer", "paused"), [("y", 2), ("YES", 2), ("n", 0), ("", 0), ("yeah", 0)])
def test_only_yes_confirms_a_sweep(
    connected: Cli, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, answer: str, paused: int
) -> None:
    """The preview comes first, and any answer except yes changes nothing."""
    project = sandbox.seed(live=2)
    monkeypatch.setattr("sys.stdin", Terminal(f"{answer}\n"))
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    ended = connected("pause", "--project", project.id)
    assert ended.code == (0 if paused else 1)
    assert "Would pause 2 target groups" in ended.out
    question = f"Pause 2 target groups of account 101 at {sandbox.url.split('/')[2]} with 1 job, at least 2 requests?"
    assert f"{question} [y/N]" in " ".join(ended.err.split())
    asked = ended.err.partition("[y/N]")[0]
    assert not [line for line in asked[asked.index("Pause 2") :].splitlines() if len(line) >= 80]
    assert len(project.ids("paused")) == paused
    assert ("This command changed nothing." in ended.err) == (not paused)


@pytest.mark.parametrize(("answer", "completed"), [("2", 2), ("y", 0), ("3", 0), ("", 0)])
def test_a_completion_wants_the_count_typed(
    connected: Cli, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, answer: str, completed: int
) -> None:
    """Nothing undoes a completion, so the question says so, and only the number of target groups confirms it."""
    project = sandbox.seed(live=2)
    monkeypatch.setattr("sys.stdin", Terminal(f"{answer}\n"))
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    ended = connected("complete", "--project", project.id)
    assert ended.code == (0 if completed else 1)
    assert "no way back" in ended.err
    assert "Type 2 to confirm:" in " ".join(ended.err.split())
    assert len(project.ids("completed")) == completed


def at_terminal(answer: bytes, *words: str, columns: int = 100) -> tuple[int, str]:
    """Run a command on its own terminal, answer its question, and return the exit code and the screen."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "fieldingkit", *words]
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(columns)}
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    ) as process:
        os.close(theirs)
        screen = b""
        try:
            while b"[y/N]" not in screen:
                screen += os.read(ours, 4096)
            if answer == b"\x03":
                _interrupt(process)
            else:
                os.write(ours, answer)
            while more := os.read(ours, 4096):
                screen += more
        except OSError:
            pass  # the program ended and closed its side
        except BaseException:
            process.kill()
            raise
    os.close(ours)
    return process.returncode, screen.decode()


def _interrupt(process: "subprocess.Popen[bytes]") -> None:
    """Press Ctrl-C; again if it came in the microseconds before the answer is read, which Python does not notice."""
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)


def test_a_real_terminal_shows_a_progress_bar(connected: Cli, sandbox: Sandbox) -> None:
    """On a real terminal the command asks for confirmation and shows a progress bar."""
    project = sandbox.seed(live=2)
    code, screen = at_terminal(b"y\n", "pause", "--project", project.id)
    assert code == 0
    assert "sweeping" in screen
    assert "1 of 1 jobs submitted, 1 settled" in screen
    assert "\x1b[" in screen
    assert "All 2 target groups are paused." in screen
    assert len(project.ids("paused")) == 2


def test_ctrl_c_at_the_question_changes_nothing(connected: Cli, sandbox: Sandbox) -> None:
    """Ctrl-C at the question ends the program at once, and nothing is changed."""
    project = sandbox.seed(live=2)
    code, screen = at_terminal(b"\x03", "pause", "--project", project.id)
    assert code == 130
    assert "Traceback" not in screen
    assert re.search(r"fieldingkit: interrupted\s+This command changed nothing\.\s*$", screen)
    assert len(project.ids("live")) == 2


@pytest.mark.parametrize("answer", [b"y\n", b"n\n"])
def test_no_line_is_wider_than_the_terminal(connected: Cli, sandbox: Sandbox, answer: bytes) -> None:
    """Messages, questions and results break between words; only a path may be longer than a line."""
    project = sandbox.seed(live=2, draft=1)
    _, screen = at_terminal(answer, "pause", "--project", project.id, "--first", "1", "--after", "0s", columns=60)
    lines = [line for line in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen).replace("\r", "\n").splitlines() if line]
    long = [line for line in lines if len(line) > 80 and "/" not in line]
    assert long == []
    assert not [line for line in lines if len(line) > 60 and line.startswith(("Pause", "fieldingkit", "The"))]
