"""Sweeps and other actions as real processes whose output is closed or full, and that are ended by signals."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from support.command_line import LOST_OUTPUTS, Cli, run_into

from fieldingkit.sandbox import Sandbox
from fieldingkit.sweeps import SweepReport

PROGRAM = f"{sys.executable} -m fieldingkit"
SWEEP = f"{PROGRAM} pause --all-projects --yes --report out.json"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Start a sandbox with 10 projects of 2 live target groups."""
    with Sandbox(job_seconds=0.1) as sandbox:
        for _ in range(10):
            sandbox.seed(live=2)
        yield sandbox


@pytest.mark.parametrize(
    "redirection",
    [
        "2>&1 | grep -m1 Run",
        "2>&1 | true",
        "| true",
        "--json | head -1",
        "--json 2>&1 | head -1",
        ">&- 2>&-",
        ">&-",
        "2>&-",
        "2>/dev/full",
    ],
)
def test_closed_output_does_not_stop_a_sweep(connected: Cli, sandbox: Sandbox, redirection: str) -> None:
    """A sweep goes to its end and writes its report although nobody reads its output."""
    assert connected
    command = f"{SWEEP} {redirection}\necho code ${{PIPESTATUS[0]}} >&9"
    ended = subprocess.run(
        ["bash", "-c", f"exec 9>code\n{command}"], env={**os.environ}, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in ended.stderr
    assert "Exception ignored" not in ended.stderr
    with open("code") as file:  # noqa: PTH123  # a script for a bare interpreter
        assert file.read() == "code 0\n"
    assert SweepReport.load("out.json").counts.updated == 20
    assert len(sandbox.jobs) == 10


def test_a_full_stdout_is_noted(connected: Cli, sandbox: Sandbox) -> None:
    """A result that could not be printed is noted on stderr; the sweep and its report are complete."""
    assert connected
    with open("/dev/full", "w") as full:  # noqa: PTH123  # a device, opened as shells do
        ended = subprocess.run(SWEEP.split(), stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 0
    assert "The result could not be printed: No space left on device" in ended.stderr
    assert SweepReport.load("out.json").counts.updated == 20
    assert len(sandbox.jobs) == 10


def test_a_list_ends_with_its_reader(connected: Cli, sandbox: Sandbox) -> None:
    """A list for nobody ends with the exit code of a broken pipe, and one onto a full disk fails."""
    assert connected
    assert sandbox
    words = f"{PROGRAM} groups list --all-projects"
    code = "echo ${PIPESTATUS[0]} >&2"
    ended = subprocess.run(["bash", "-c", f"{words} | true; {code}"], capture_output=True, text=True, check=False)
    assert ended.stderr.split() == ["141"]
    ended = subprocess.run(["bash", "-c", f"{words} >/dev/full"], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr == "fieldingkit: the output could not be written: No space left on device\n"


lost_outputs = pytest.mark.parametrize(("stdout", "reason"), LOST_OUTPUTS.items())


@lost_outputs
@pytest.mark.parametrize("json_flag", [(), ("--json",)], ids=str)
def test_a_lost_result_of_an_action_is_on_stderr(
    connected: Cli, sandbox: Sandbox, stdout: Callable[[], int], reason: str, json_flag: tuple[str, ...]
) -> None:
    """The run was paused: the exit code says so, and stderr what stdout could not take."""
    assert connected
    project = sandbox.seed(live=1)
    (group,) = project.ids("live")
    words = ("runs", "ensure", group, "paused", "--project", project.id, "--yes")
    ended = run_into(stdout(), *words, *json_flag)
    assert ended == (0, "", f"The result could not be printed: {reason}.\n{group} is now paused.\n")
    assert project.ids("paused") == [group]


@lost_outputs
def test_a_lost_result_of_a_webhook_is_on_stderr(
    connected: Cli, sandbox: Sandbox, stdout: Callable[[], int], reason: str
) -> None:
    """A webhook that was created, changed and deleted is said to be."""
    lost = f"The result could not be printed: {reason}.\n"
    words = ("https://example.com/cint", "--event", "target-group-updated", "--secret-file", "secret.txt")
    code, _, err = run_into(stdout(), "webhooks", "create", *words)
    (webhook,) = (line.split("\t")[0] for line in connected("webhooks", "list").out.splitlines())
    stored = "The secret is in secret.txt; the API does not return it again.\n"
    assert (code, err) == (0, f"{lost}Webhook {webhook} was created.\n{stored}")
    ended = run_into(stdout(), "webhooks", "update", webhook, "--url", "https://example.com/other")
    assert ended == (0, "", f"{lost}Webhook {webhook} was changed.\n")
    ended = run_into(stdout(), "webhooks", "delete", webhook, "--yes")
    assert ended == (0, "", f"{lost}Webhook {webhook} was deleted.\n")
    assert sandbox


@lost_outputs
def test_a_lost_result_of_a_report_is_on_stderr(
    connected: Cli, sandbox: Sandbox, stdout: Callable[[], int], reason: str
) -> None:
    """The file was saved: stderr names it and the report."""
    assert connected
    month = f"{sandbox.clock.now().replace(day=1) - timedelta(days=1):%Y-%m}"
    ended = run_into(stdout(), "reports", "run", "completes", "saved.csv", "--month", month)
    assert ended.code == 0
    requested, lost, report, file, *_ = ended.err.splitlines()
    assert lost == f"The result could not be printed: {reason}."
    assert report.split() == ["Report", requested.split()[1]]
    assert file.split() == ["File", "saved.csv"]
    assert os.path.exists("saved.csv")  # noqa: PTH110  # beside the process


def test_json_events_are_printed_as_they_happen(connected: Cli, sandbox: Sandbox) -> None:
    """The events of a sweep reach a pipe while the sweep runs."""
    assert connected
    sandbox.clock.freeze()  # no job ends before the first event was read
    words = [*SWEEP.split(), "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["event"] == "progress"
        sandbox.clock.thaw()
        *_, last = process.stdout
    assert json.loads(last)["event"] == "report"


@pytest.mark.parametrize(("how", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize("background", [False, True])
def test_a_signal_ends_a_sweep_like_ctrl_c(
    connected: Cli, sandbox: Sandbox, how: signal.Signals, code: int, background: bool
) -> None:
    """SIGTERM and SIGHUP write the report and name the journal; in the background of a script, too."""
    assert connected
    sandbox.clock.freeze()  # no job ends before the signal
    # The tests themselves may run under nohup, which ignores SIGHUP.
    wanted = {how: signal.SIG_DFL} | ({signal.SIGINT: signal.SIG_IGN} if background else {})
    before = {number: signal.signal(number, action) for number, action in wanted.items()}
    try:
        process = subprocess.Popen(SWEEP.split(), stderr=subprocess.PIPE, text=True)
    finally:
        for number, action in before.items():
            signal.signal(number, action)
    with process:
        assert process.stderr is not None
        text: list[str] = []
        for line in process.stderr:
            text.append(line)
            if "sweeping" in line:
                process.send_signal(how)
                break
        text += process.stderr.readlines()
        sandbox.clock.thaw()
    ended = "".join(text)
    assert process.returncode == code, ended
    assert "Traceback" not in ended
    assert "Report: out.json" in ended
    assert re.search(r"To resume: fieldingkit sweeps resume \S+", ended)
    assert ended.endswith(f"fieldingkit: terminated by {how.name}\n")
    counts = SweepReport.load("out.json").counts
    assert counts.unknown + counts.not_sent == 20
