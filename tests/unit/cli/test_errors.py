"""Errors: one or two lines, the right exit code, no traceback, no secret."""

import re
import socket
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from unittest import mock

import pytest
from support.command_line import Cli

from fieldingkit import errors
from fieldingkit.cli.errors import EXIT_CODES, ExitCode, exit_code_for, format_error
from fieldingkit.resources.fielding_runs import PauseFieldingRun
from fieldingkit.resources.projects import ListProjects
from fieldingkit.sandbox import Sandbox, faults

PAUSE = PauseFieldingRun(project_id="P" * 26, target_group_id="G" * 26, fielding_run_id="R" * 26, if_match="1")
CODES = [
    (errors.InvalidCommandError("no"), ExitCode.USAGE),
    (errors.ConfigurationError("no"), ExitCode.USAGE),
    (errors.UnauthorizedError("no", status=401), ExitCode.REFUSED),
    (errors.NotFoundError("no", status=404), ExitCode.REFUSED),
    (errors.PreconditionFailedError("no", status=412), ExitCode.REFUSED),
    (errors.ServerError("no", status=500), ExitCode.REFUSED),
    (errors.ServerError("no", status=500, maybe_applied=True), ExitCode.UNKNOWN),
    (errors.ConnectionFailedError("no", sent=False), ExitCode.REFUSED),
    (errors.AmbiguousOutcomeError("no", maybe_applied=True), ExitCode.UNKNOWN),
    (errors.DecodeError("no", command=ListProjects()), ExitCode.REFUSED),
    (errors.DecodeError("no", command=PAUSE), ExitCode.UNKNOWN),
    (errors.JobFailedError("no"), ExitCode.FAILED),
    (errors.JobTimeoutError("no"), ExitCode.UNKNOWN),
    (errors.JobGoneError("no"), ExitCode.UNKNOWN),
    (errors.JournalError("no"), ExitCode.UNKNOWN),
    (errors.StatusUnreachableError("no", status="draft"), ExitCode.FAILED),
    (errors.TooManyConflictsError("no"), ExitCode.FAILED),
    (errors.TooManyConflictsError("no", maybe_applied=True), ExitCode.UNKNOWN),
]


@pytest.mark.parametrize(("error", "code"), CODES, ids=lambda value: getattr(type(value), "__name__", ""))
def test_each_error_has_its_exit_code(error: errors.FieldingKitError, code: ExitCode) -> None:
    """The exit code distinguishes wrong usage, refusal, failure and an unknown outcome."""
    assert exit_code_for(error) is code


@pytest.mark.parametrize("name", [name for name in errors.__all__ if name not in {"Attempt", "InvalidParam"}])
def test_every_error_fits_on_two_lines(name: str) -> None:
    """Every error is one or two lines without control characters, and keeps its trace id."""
    kind = getattr(errors, name)
    needed = {"status": 400} if issubclass(kind, errors.ApiError) else {}
    if kind is errors.StatusUnreachableError:
        needed = {"status": "draft"}
    error = kind("first\nsecond\x1b[2J\u202e" + "x" * 5000, **needed)
    error.trace_id, error.maybe_applied = "0123456789abcdef", True
    text = format_error(error)
    assert text.count("\n") == 1
    assert len(text) < 900
    assert not {"\x1b", "\u202e", "\r"} & {*text}
    assert "It may have been applied." in text
    assert "Trace id 0123456789abcdef." in text


def test_an_error_of_a_read_names_the_earlier_action() -> None:
    """If an earlier action of a workflow may have been applied, the second line names it."""
    error = errors.NotFoundError("404", status=404, operation_id="get_fielding_run", maybe_applied=True)
    error.unclear_command = PAUSE
    assert "\nPause fielding run may have been applied." in format_error(error)


def test_an_unreadable_answer_claims_an_application_only_of_a_write() -> None:
    """An answer that cannot be read says that the action was applied for a write only."""
    assert "The status, if it is the API's, says that it was." in format_error(errors.DecodeError("no", command=PAUSE))
    assert "Nothing was changed." in format_error(errors.DecodeError("no", command=ListProjects()))
    assert "applied" not in str(errors.DecodeError("no"))


def test_every_exit_code_is_documented(cli: Cli) -> None:
    """`fieldingkit --help` lists each exit code."""
    assert EXIT_CODES in cli("--help").out
    assert sorted(map(int, re.findall(r"^  (\d+) ", EXIT_CODES, re.MULTILINE))) == sorted(ExitCode)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (errors.InvalidCommandError("SweepPlan.run_id must be short; got 'a b'"), "--run-id must be short; got 'a b'"),
        (errors.InvalidCommandError("ListProjects: search_string has 5 characters"), "--search has 5 characters"),
        (errors.InvalidCommandError("a plan needs target_groups"), "a plan needs target groups"),
        (errors.ConfigurationError("account_id must be a number"), "--account must be a number"),
        (errors.ConfigurationError("x: use https, or set allow_insecure=True"), "x: use https, or a server on this"),
        (errors.ConfigurationError("/etc/my_app/token_file cannot be read"), "/etc/my_app/token_file cannot be read"),
        (errors.NotFoundError("404 not_found_error", status=404), "404 not_found_error"),
    ],
)
def test_messages_name_flags_instead_of_python_names(error: errors.FieldingKitError, text: str) -> None:
    """Names of the Python API become flags or words; files and the API's codes stay as they are."""
    assert format_error(error).startswith(text)


def test_a_refusal_has_advice_and_a_trace_id(connected: Cli, sandbox: Sandbox) -> None:
    """A refusal says what happened, what to do, and the trace id for the API's support."""
    project = sandbox.seed(live=1)
    ended = connected("runs", "show", "01BTGNYV6HRNK8K8VKZASZCFP0", "--project", project.id)
    first, second = ended.err.splitlines()
    assert ended.code == 3
    assert first.startswith("fieldingkit: list fielding runs: 404 not_found_error")
    assert "Check the ids" in second
    assert "Trace id " in second


def test_no_secret_is_ever_shown(connected: Cli, sandbox: Sandbox, bare: pytest.MonkeyPatch) -> None:
    """The token is in no output, whichever way a call fails, also with FIELDINGKIT_DEBUG."""
    bare.setenv("FIELDINGKIT_DEBUG", "1")
    for fault in (
        faults.Answer(401),
        faults.HtmlPage(),
        faults.TruncatedJson(),
        faults.Garbage(),
        faults.Redirect("https://elsewhere.invalid"),
    ):
        sandbox.faults.clear()
        sandbox.faults.add("list_account_projects", fault, times=None)
        ended = connected("projects", "list", "--deadline", "0.3")
        assert ended.code
        assert sandbox.token not in ended.out + ended.err
        assert "Traceback" not in ended.err


def test_a_bug_prints_no_traceback_by_default(cli: Cli, bare: pytest.MonkeyPatch) -> None:
    """A bug is reported by its type alone; FIELDINGKIT_DEBUG adds the traceback."""
    bare.setattr("fieldingkit.cli.app.call", mock.MagicMock(side_effect=KeyError("canary")))
    ended = cli("projects", "list")
    assert ended.code == 70
    assert "internal error: KeyError. This is a bug in fieldingkit; please report it." in ended.err
    assert "canary" not in ended.err
    assert "Traceback" not in ended.err
    bare.setenv("FIELDINGKIT_DEBUG", "1")
    assert "Traceback" in cli("projects", "list").err


_INTERRUPTED_IMPORT = """
import signal, sys

class Interrupt:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "MODULE":
            signal.raise_signal(signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Interrupt)
from fieldingkit.cli.__main__ import main
main()
"""


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("fieldingkit.cli.main", "interrupted; nothing was sent"),
        ("fieldingkit.cli.catalog", "interrupted; nothing was sent"),
        ("fieldingkit.cli.telemetry", "interrupted"),
        ("cyclopts", "interrupted"),
        ("fieldingkit.cli.commands.projects", "interrupted"),
    ],
)
def test_ctrl_c_while_the_program_is_loaded_is_one_line(cli: Cli, module: str, said: str) -> None:
    """Ctrl-C in the first moment is exit code 130, without a traceback, whichever module is being imported."""
    assert cli
    program = _INTERRUPTED_IMPORT.replace("MODULE", module)
    words = [sys.executable, "-c", program, "projects", "list"]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=240, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", f"fieldingkit: {said}\n")


def test_ctrl_c_after_a_command_changes_nothing_of_its_end(cli: Cli, bare: pytest.MonkeyPatch) -> None:
    """While the telemetry of an ended command is exported, Ctrl-C ends only the export."""

    @contextmanager
    def export(words: str) -> Generator[Callable[[int], None]]:
        del words
        yield lambda code: None
        raise KeyboardInterrupt

    bare.setattr("fieldingkit.cli.telemetry.export_telemetry", export)
    ended = cli("completion", "bash")
    assert (ended.code, ended.err) == (0, "")


def test_ctrl_c_is_exit_code_130(cli: Cli, bare: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends a command with exit code 130."""
    bare.setattr("fieldingkit.cli.app.call", mock.MagicMock(side_effect=KeyboardInterrupt))
    ended = cli("projects", "list")
    assert (ended.code, ended.err) == (130, "fieldingkit: interrupted\n")


def test_a_closed_pipe_is_no_error() -> None:
    """`fieldingkit ... | head -1` prints no error."""
    line = f"{sys.executable} -m fieldingkit --help | head -1"
    ended = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=120, check=False)
    assert (ended.stdout.count("\n"), ended.stderr) == (1, "")


@pytest.mark.parametrize("words", [["puase"], ["runs", "shw"], ["pause", "--jurnal", "x"]], ids=" ".join)
def test_a_typo_gets_a_suggestion(cli: Cli, words: list[str]) -> None:
    """A misspelled word is a usage error with a suggestion and the --help command."""
    ended = cli(*words)
    assert ended.code == 2
    assert "did you mean" in ended.err.casefold()
    assert "--help" in ended.err


def test_a_refused_connection_names_the_host_once(connected: Cli, bare: pytest.MonkeyPatch) -> None:
    """The reason follows in the words of the operating system, without the details of a library."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{unused.getsockname()[1]}"
        bare.setenv("CINT_BASE_URL", f"http://{host}/v1")
        ended = connected("projects", "list")
    assert ended.code == 3
    assert f"no connection to {host}: Connection refused" in ended.err
    assert ended.err.count(host) == 1
    assert "ssl" not in ended.err
