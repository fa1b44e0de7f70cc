"""fieldingkit watch: once, as a log, as JSON, as a page, and as a table on a real terminal."""

import codecs
import json
import os
import pty
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from support.command_line import Cli
from support.post_receiver import PostReceiver

from fieldingkit.sandbox import Sandbox, faults

pytestmark = pytest.mark.usefixtures("heeded_signals")

PROGRAM = [sys.executable, "-m", "fieldingkit", "watch"]
SILENT = "[no_completes]\nhours = 0.5\n[end_before_goal]\nenabled = false\n"


class Receiver(PostReceiver):
    """Keeps the documents that it receives."""

    def __init__(self) -> None:
        super().__init__()
        self.documents: list[dict[str, Any]] = []

    def receive(self, path: str, headers: Mapping[str, str], body: bytes) -> None:
        """Keep a document."""
        del path, headers
        self.documents.append(json.loads(body))


@pytest.fixture
def rules(tmp_path: Path) -> str:
    """Return a file of rules by which a target group without completes is in trouble at once."""
    path = tmp_path / "rules.toml"
    path.write_text(SILENT)
    return str(path)


def test_once_prints_the_groups_by_trouble_and_fails_if_there_is_any(
    connected: Cli, sandbox: Sandbox, rules: str
) -> None:
    """In a pipe: tab-separated lines on stdout, the state in a sentence on stderr, and exit code 1."""
    well, silent = sandbox.seed(live=1, completes=50), sandbox.seed(live=1, completes=0)
    ended = connected("watch", "--once", "--rules", rules)
    assert ended.code == 1
    rows = [line.split("\t") for line in ended.out.splitlines()]
    assert [(row[0], row[2], row[8]) for row in rows] == [
        ("trouble", silent.groups[0].id, "No completes"),
        ("well", well.groups[0].id, ""),
    ]
    assert "1 of 2 target groups is in trouble." in ended.err


def test_once_ends_with_0_if_all_is_well_and_with_4_if_not_all_was_read(
    connected: Cli, sandbox: Sandbox, rules: str
) -> None:
    """A part that could not be read is never taken for a part that is well."""
    sandbox.seed(live=1, completes=50)
    ended = connected("watch", "--once", "--rules", rules)
    assert (ended.code, "All is well in 1 target group." in ended.err) == (0, True)
    sandbox.faults.add("list_profiles", faults.Answer(403))
    ended = connected("watch", "--once", "--rules", rules)
    assert (ended.code, "but not all could be read" in ended.err) == (4, True)


def test_once_says_what_could_not_be_read_in_a_line_for_each_reason(
    connected: Cli, sandbox: Sandbox, rules: str
) -> None:
    """Also beside trouble elsewhere: the sentence does not pass over it, and stderr and JSON have the reasons."""
    sandbox.seed(live=2, completes=50)
    silent = sandbox.seed(live=1, completes=0)
    sandbox.faults.add("list_profiles", faults.Answer(403), times=None)
    sandbox.faults.add("get_target_group_overview", faults.Answer(403), times=None)
    ended = connected("watch", "--once", "--rules", rules)
    reason = "403 authorization_error: Injected by a fault of the sandbox."
    assert ended.code == 1
    assert "1 of 3 target groups is in trouble, and not all could be read." in ended.err
    assert f"Could not be read: price, cells of 3 target groups: {reason}" in ended.err
    ended = connected("watch", "--once", "--json", "--rules", rules, "--project", silent.id)
    assert json.loads(ended.out)["problems"] == [f"price, cells of target group {silent.groups[0].id}: {reason}"]


def test_once_does_not_say_that_all_is_well_if_nothing_matches(
    connected: Cli, sandbox: Sandbox, tmp_path: Path
) -> None:
    """A wrong filter of a cron job is not taken for a field without trouble, and the page is not green."""
    sandbox.seed(live=1, completes=50)
    page = tmp_path / "page.html"
    ended = connected("watch", "--once", "--html", str(page), "--search", "no such name")
    assert (ended.code, "No matching target groups." in ended.err) == (4, True)
    assert '<main class="sweep-report watch unknown"' in page.read_text()


def test_only_live_and_paused_groups_are_watched_unless_asked_otherwise(connected: Cli, sandbox: Sandbox) -> None:
    """Filters are those of the other commands."""
    project = sandbox.seed(live=1, paused=1, completed=1, draft=1, completes=50)
    assert len(connected("watch", "--once").out.splitlines()) == 2
    ended = connected("watch", "--once", "--project", project.id, "--status", "completed")
    assert [line.split("\t")[3] for line in ended.out.splitlines()] == ["completed"]


def test_json_is_one_document_with_rows_findings_and_forecasts(connected: Cli, sandbox: Sandbox, rules: str) -> None:
    """The exit code is the same."""
    sandbox.seed(live=1, completes=0)
    ended = connected("watch", "--once", "--json", "--rules", rules)
    assert ended.code == 1
    document = json.loads(ended.out)
    assert (document["event"], document["complete"]) == ("state", True)
    assert document["read_at"] == document["at"]
    assert [one["rule"] for one in document["findings"]] == ["no_completes"]
    assert document["groups"][0]["forecast"]["goal"] == document["groups"][0]["goal"]


def test_the_page_is_written_and_replaced(connected: Cli, sandbox: Sandbox, tmp_path: Path, rules: str) -> None:
    """It says what the command says."""
    page = tmp_path / "page.html"
    for number in (1, 2):
        sandbox.seed(live=1, completes=0)
        connected("watch", "--once", "--html", str(page), "--rules", rules)
        assert f"{number} of {number} target group" in page.read_text()


def test_a_read_that_succeeded_is_not_said_to_have_read_nothing(
    connected: Cli, sandbox: Sandbox, tmp_path: Path
) -> None:
    """Also if its lists took some time: the page has one time of the read, not that of an attempt beside it."""
    sandbox.seed(live=1, completes=50)
    sandbox.faults.add("get_list_target_groups", faults.Delay(0.05))
    page = tmp_path / "page.html"
    connected("watch", "--once", "--html", str(page))
    assert "Read " in page.read_text()
    assert "nothing could be read" not in page.read_text()


def test_a_page_of_another_program_is_not_replaced(connected: Cli, sandbox: Sandbox, tmp_path: Path) -> None:
    """It is refused before anything is read, and stays as it was."""
    page = tmp_path / "index.html"
    page.write_text("<h1>Welcome</h1>")
    ended = connected("watch", "--once", "--html", str(page))
    assert ended.code == 2
    assert "is not a page of fieldingkit watch and would be replaced; choose another name" in ended.err
    assert page.read_text() == "<h1>Welcome</h1>"
    assert not sandbox.requests


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--html", "page.txt"], "must end with .html"),
        (["--rules", "missing.toml"], "missing.toml cannot be read"),
        (["--receivers", "missing.toml"], "missing.toml cannot be read"),
        (["--every", "0s"], "--every"),
        (["--status", "lively"], "--status"),
        (["--listen", "8080", "--secret-file", "s"], "--listen is for a watch that continues"),
    ],
)
def test_a_wrong_flag_is_refused_before_anything_is_sent(
    connected: Cli, sandbox: Sandbox, flags: list[str], message: str
) -> None:
    """A mistake is found before the first read."""
    ended = connected("watch", "--once", *flags)
    assert ended.code == 2
    assert message in ended.err
    assert not sandbox.requests


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--listen", "8080"], "--listen and --secret-file belong together"),
        (["--secret-file", "secret"], "--listen and --secret-file belong together"),
        (["--listen", "nowhere", "--secret-file", "secret"], "--listen must be a port, or a host with a port"),
        (["--listen", "8080", "--secret-file", "missing"], "missing cannot be read: No such file or directory"),
        (["--listen", "8080", "--secret-file", "secret"], "the webhook's secret is empty or not base64"),
    ],
)
def test_a_listener_without_a_secret_of_a_webhook_is_refused(
    connected: Cli, sandbox: Sandbox, flags: list[str], message: str
) -> None:
    """Deliveries that nobody signed would be accepted, or none at all."""
    Path("secret").write_text("canary!")
    ended = connected("watch", *flags)
    assert ended.code == 2
    assert message in ended.err
    assert "Nothing was read." in ended.err or "--help` for the usage" in ended.err
    assert "canary" not in ended.err
    assert not sandbox.requests


@pytest.mark.parametrize(
    ("flag", "name", "text", "message"),
    [
        ("--rules", "r.toml", "[no_completes]\nhourz = 1", "r.toml: [no_completes] 'hourz' is an unknown key;"),
        (
            "--rules",
            "r.toml",
            "[no_completes]\nhours = true",
            "hours must not be true or false; got true",
        ),
        (
            "--receivers",
            "r.toml",
            "[chat]\nshape = 'slack'",
            "r.toml: [chat] must have url_file, for a webhook",
        ),
        ("--findings", "f.json", "[]", "f.json has no findings that this release reads; delete it to begin again"),
        ("--history", "h.sqlite", "no database", "h.sqlite"),
        ("--html", "p.html", "<p>", "p.html is not a page of fieldingkit watch"),
    ],
)
def test_a_wrong_file_is_said_with_its_own_words(
    connected: Cli, sandbox: Sandbox, flag: str, name: str, text: str, message: str
) -> None:
    """Its keys keep their names, on one line; nothing advises to check the configuration of the client."""
    Path(name).write_text(text)
    ended = connected("watch", "--once", flag, name)
    assert ended.code == 2
    line, state = ended.err.splitlines()
    assert message in line
    assert state == "  Nothing was read."
    assert not sandbox.requests


def test_findings_are_reported_once_and_kept_for_the_next_run(
    connected: Cli, sandbox: Sandbox, tmp_path: Path, rules: str
) -> None:
    """A cron job with --findings reports what is new and what is over, nothing twice."""
    project = sandbox.seed(live=1, completes=0)
    with closing(Receiver()) as receiver:
        (tmp_path / "url").write_text(receiver.origin)
        (tmp_path / "receivers.toml").write_text('[field-channel]\nurl_file = "url"\n')
        flags = ["--once", "--rules", rules, "--findings", "findings.json", "--receivers", "receivers.toml"]
        connected("watch", *flags)
        connected("watch", *flags)
        assert [(len(one["new"]), len(one["ended"])) for one in receiver.documents] == [(1, 0)]
        project.groups[0].completes = 1
        ended = connected("watch", *flags)
        assert [(len(one["new"]), len(one["ended"])) for one in receiver.documents] == [(1, 0), (0, 1)]
        assert ended.code == 0


def test_a_report_that_is_not_delivered_is_noted_and_kept(
    connected: Cli, sandbox: Sandbox, tmp_path: Path, rules: str
) -> None:
    """The watch continues, and the file has what was not delivered."""
    sandbox.seed(live=1, completes=0)
    letters = tmp_path / "letters.jsonl"
    (tmp_path / "receivers.toml").write_text(f'[pager]\narguments = ["{sys.executable}", "-c", "raise SystemExit(3)"]')
    flags = ["--receivers", "receivers.toml", "--dead-letters", str(letters)]
    ended = connected("watch", "--once", "--rules", rules, *flags)
    assert ended.code == 1
    assert "its exit code is 3" in ended.err
    assert json.loads(letters.read_text())["document"]["new"][0]["rule"] == "no_completes"


def test_a_history_keeps_what_was_read(connected: Cli, sandbox: Sandbox, tmp_path: Path) -> None:
    """The file is one of SnapshotHistory."""
    from fieldingkit.monitoring import SnapshotHistory

    sandbox.seed(live=2, completes=50)
    connected("watch", "--once", "--history", str(tmp_path / "history.sqlite"))
    with SnapshotHistory(tmp_path / "history.sqlite") as history:
        assert len(history.rows()) == 2


def test_what_was_read_is_shown_although_the_history_fails(connected: Cli, sandbox: Sandbox, rules: str) -> None:
    """The trouble is known: it is printed, and the history is said to lack it; the exit code is not 0."""
    group = sandbox.seed(live=1, completes=0).groups[0]
    connected("watch", "--once", "--history", "history.sqlite")
    with closing(sqlite3.connect("history.sqlite", isolation_level=None)) as database:
        database.execute("CREATE TRIGGER full BEFORE INSERT ON groups BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    ended = connected("watch", "--once", "--rules", rules, "--history", "history.sqlite")
    assert ended.code == 1
    assert group.id in ended.out
    assert "1 target group could not be kept: the history history.sqlite failed" in ended.err
    assert "disk full" in ended.err
    assert "doctor" not in ended.err


def test_a_log_has_a_line_for_each_finding_and_ends_with_its_reader(
    connected: Cli, sandbox: Sandbox, rules: str
) -> None:
    """Another program follows the lines; the watch ends when that has ended."""
    assert connected
    group = sandbox.seed(live=1, completes=0).groups[0]
    with WatchProcess("--every", "0.2s", "--rules", rules, "--json") as process:
        assert process.stdout is not None
        # On a slow machine the first state comes before the target group was read in full.
        found = next(state for state in map(json.loads, process.stdout) if state["new"])
        assert [one["target_group_id"] for one in found["new"]] == [group.id]
        assert json.loads(process.stdout.readline())["new"] == []
        process.stdout.close()
        assert process.wait(250) == 141


def test_a_log_begins_with_the_findings_that_are_open_already(
    connected: Cli, sandbox: Sandbox, rules: str, tmp_path: Path
) -> None:
    """Another watch with the same file has reported them; without this line, all would seem to be well."""
    group = sandbox.seed(live=1, completes=0).groups[0]
    findings = str(tmp_path / "findings.json")
    connected("watch", "--once", "--rules", rules, "--findings", findings)
    with WatchProcess("--every", "60s", "--rules", rules, "--findings", findings) as process:
        assert process.stdout is not None
        _, kind, text = process.stdout.readline().split("\t")
        assert kind == "open"
        assert text.startswith(group.id)


@pytest.mark.parametrize(("number", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_ends_the_watch(connected: Cli, sandbox: Sandbox, number: str, code: int) -> None:
    """With the exit codes of the other commands."""
    assert connected
    sandbox.seed(live=1, completes=0)
    with WatchProcess("--every", "1s") as process:
        assert process.stdout is not None
        assert "new" in process.stdout.readline()
        process.send_signal(getattr(signal, number))
        assert process.wait(250) == code


def test_each_planted_trouble_is_found_and_nothing_else(connected: Cli, sandbox: Sandbox, tmp_path: Path) -> None:
    """Of the scenario of the sandbox: in JSON and on the page, with the default rules and without an earlier run."""
    scenario = sandbox.seed_trouble()
    page = tmp_path / "page.html"
    ended = connected("watch", "--once", "--json", "--html", str(page))
    document = json.loads(ended.out)
    expected = {
        (one.rule, None if one.rule == "reconciliation_due" else one.group.id)
        for one in scenario.troubles
        if one.is_open_at(sandbox.clock.now())
    }
    found = [(one["rule"], one["target_group_id"]) for one in document["findings"]]
    assert (ended.code, document["complete"], len(found)) == (1, True, len(expected))
    assert set(found) == expected
    text = page.read_text()
    assert f"{len(expected - {('reconciliation_due', None)})} of 20 target groups are in trouble" in text
    assert all(one.group.name in text for one in scenario.troubles if (one.rule, one.group.id) in expected)


class WatchProcess:
    """A watch in a process of its own, with its output in a pipe; killed if the test ends first."""

    def __init__(self, *flags: str) -> None:
        self.process = subprocess.Popen(
            [*PROGRAM, *flags], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, stdin=subprocess.DEVNULL
        )

    def __enter__(self) -> "subprocess.Popen[str]":
        return self.process

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


class Terminal:
    """A watch on a terminal of its own."""

    def __init__(self, *flags: str, columns: int = 80, lines: int = 30) -> None:
        import fcntl
        import struct
        import termios

        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.before = termios.tcgetattr(theirs)
        self._theirs = theirs
        environment = {**os.environ, "TERM": "xterm-256color"}
        environment.pop("COLUMNS", None)
        environment.pop("LINES", None)
        self.process = subprocess.Popen(
            [*PROGRAM, *flags], stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
        )
        self._decoder = codecs.getincrementaldecoder("utf-8")()  # a read may end within a character
        self.screen = ""

    def wait_for(self, text: str) -> None:
        """Read until the screen has shown a text since the last key."""
        until = time.monotonic() + 250
        while text not in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.screen):
            assert time.monotonic() < until, self.screen
            self.screen += self._decoder.decode(os.read(self._ours, 65536))

    def press(self, keys: str) -> None:
        """Send keys, and forget what the screen has shown."""
        self.screen = ""
        os.write(self._ours, keys.encode())

    def end(self) -> int:
        """Read to the end and return the exit code."""
        code = None
        until = time.monotonic() + 250
        os.set_blocking(self._ours, False)
        while code is None:
            assert time.monotonic() < until, self.screen
            with suppress(BlockingIOError, OSError):
                self.screen += self._decoder.decode(os.read(self._ours, 65536))
            with suppress(subprocess.TimeoutExpired):
                code = self.process.wait(0.05)
        with suppress(BlockingIOError, OSError):
            self.screen += self._decoder.decode(os.read(self._ours, 65536))
        return code

    def settings(self) -> list[object]:
        """Return the settings of the terminal as they are now."""
        import termios

        return termios.tcgetattr(self._theirs)

    def close(self) -> None:
        """Kill the watch if it still runs, and close the terminal."""
        self.process.kill()
        self.process.wait()
        os.close(self._ours)
        os.close(self._theirs)


@pytest.fixture
def terminal(connected: Cli, sandbox: Sandbox, rules: str) -> Iterator[Terminal]:
    """Start a watch of three target groups on a terminal, of which one is in trouble."""
    assert connected
    sandbox.seed(live=2, completes=50)
    sandbox.seed(live=1, completes=0)
    started = Terminal("--every", "60s", "--rules", rules)
    yield started
    started.close()


def test_a_terminal_shows_a_table_that_keys_sort_and_filter(terminal: Terminal) -> None:
    """Without Enter; q closes it, and the terminal is as it was before."""
    terminal.wait_for("1 of 3 target groups is in trouble")
    terminal.wait_for("by trouble")
    terminal.press("s")
    terminal.wait_for("by end")
    terminal.press("t")
    terminal.wait_for("2 filtered out")
    terminal.press("t/group 1\r")
    terminal.wait_for("/group 1")
    terminal.press("q")
    assert terminal.end() == 0
    assert "\x1b[?1049l" in terminal.screen  # the alternate screen is left
    assert "1 of 3 target groups is in trouble. Read " in " ".join(terminal.screen.split())
    assert terminal.settings() == terminal.before


def test_the_table_says_where_it_listens_for_events(connected: Cli, sandbox: Sandbox, rules: str) -> None:
    """Below the target groups, with the time of the latest event, so that a user sees whether any comes."""
    assert connected
    sandbox.seed(live=1, completes=50)
    Path("secret").write_text("c2VjcmV0")
    started = Terminal("--every", "60s", "--rules", rules, "--listen", "0", "--secret-file", "secret")
    try:
        started.wait_for("All is well in 1 target group")
        started.wait_for("Listening for webhook events at http://127.0.0.1:")
        started.wait_for("none came yet.")
        started.press("q")
        assert started.end() == 0
    finally:
        started.close()


def test_a_page_that_cannot_be_replaced_is_said_below_the_table(
    connected: Cli, sandbox: Sandbox, rules: str, tmp_path: Path
) -> None:
    """The table stays in place, and the watch continues."""
    assert connected
    sandbox.seed(live=1, completes=50)
    (tmp_path / "pages").mkdir()
    terminal = Terminal("--every", "0.5s", "--rules", rules, "--html", str(tmp_path / "pages" / "page.html"))
    try:
        terminal.wait_for("All is well")
        shutil.rmtree(tmp_path / "pages")
        terminal.press("")
        terminal.wait_for("The page")
        terminal.press("q")
        assert terminal.end() == 0
    finally:
        terminal.close()


@pytest.mark.parametrize(("number", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_leaves_the_terminal_as_it_was(terminal: Terminal, number: str, code: int) -> None:
    """The cursor is back, letters are shown again, and nothing is printed but the reason."""
    terminal.wait_for("in trouble")
    terminal.press("")
    terminal.process.send_signal(getattr(signal, number))
    assert terminal.end() == code
    assert "\x1b[?1049l" in terminal.screen
    assert "Traceback" not in terminal.screen
    assert terminal.settings() == terminal.before


def test_a_failure_of_the_first_read_leaves_the_terminal_and_is_said(
    connected: Cli, sandbox: Sandbox, rules: str
) -> None:
    """As in every other command."""
    assert connected
    sandbox.faults.add("*", faults.Answer(403), times=None)
    terminal = Terminal("--rules", rules)
    try:
        assert terminal.end() == 3
        assert "\x1b[?1049l" in terminal.screen
        assert terminal.settings() == terminal.before
    finally:
        terminal.close()


def test_a_watch_in_the_background_of_a_shell_does_not_touch_the_terminal(
    connected: Cli, sandbox: Sandbox, rules: str
) -> None:
    """It prints its findings as lines, and is not stopped, as a program is that sets up a terminal of another one."""
    assert connected
    if shutil.which("setsid") is None:
        pytest.skip("setsid of util-linux is not installed, which gives a program a terminal")
    sandbox.seed(live=1, completes=0)
    watching = shlex.join([*PROGRAM, "--every", "60s", "--rules", rules])
    shell = ["setsid", "--ctty", "--wait", "bash", "-c", f"set -m; {watching} & echo pid $!; wait"]
    ours, theirs = pty.openpty()
    with subprocess.Popen(shell, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True) as process:
        screen = ""
        try:
            while "No completes" not in screen:
                screen += os.read(ours, 65536).decode(errors="replace")
        finally:
            if (started := re.search(r"pid (\d+)", screen)) is not None:
                os.kill(int(started[1]), signal.SIGKILL)
            process.wait(250)
            os.close(ours)
            os.close(theirs)
    assert "\x1b[?1049h" not in screen


def test_once_on_a_terminal_prints_the_whole_table(connected: Cli, sandbox: Sandbox, rules: str) -> None:
    """It does not depend on the height of the terminal, and no line is wider than it."""
    assert connected
    sandbox.seed(live=40, completes=50)
    terminal = Terminal("--once", "--rules", rules, lines=10)
    try:
        assert terminal.end() == 0
        text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.screen)
        rows = [line for line in text.replace("\r", "\n").splitlines() if line.startswith("○")]
        assert len(rows) == 40
        assert max(map(len, rows)) <= 80
    finally:
        terminal.close()
