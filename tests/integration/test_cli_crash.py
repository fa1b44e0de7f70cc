"""Sweeps as real processes: complete, killed, interrupted and concurrent."""

import asyncio
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from aiohttp import web
from support.command_line import Cli

from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.sweeps import Counts, Outcome, SweepReport

PROGRAM = [sys.executable, "-m", "fieldingkit"]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Start a sandbox with 30 projects of 10 live target groups, and jobs of 0.3 s."""
    with Sandbox(job_seconds=0.3) as sandbox:
        for _ in range(30):
            sandbox.seed(live=10)
        yield sandbox


def stop(sandbox: Sandbox, how: signal.Signals, *words: str, again: bool = False) -> tuple[int, str]:
    """Run a sweep in its own process, signal it once its first jobs end; return exit code and stderr.

    The sweep cannot end before, because the clock of the sandbox stands still: only its first five jobs end. With
    ``again``, the signal comes twenty times.
    """
    command = [*PROGRAM, *words, "--concurrency", "5"]
    sandbox.clock.freeze()
    with subprocess.Popen(command, env={**os.environ}, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        text: list[str] = []
        try:
            while len(sandbox.jobs) < 5 and process.poll() is None:
                time.sleep(0.01)
            sandbox.clock.advance(0.3)
            for line in process.stderr:
                text.append(line)
                if re.search(r"sweeping +[1-9]", line):
                    process.send_signal(how)
                    break
            for _ in range(19 if again else 0):
                time.sleep(0.01)
                process.send_signal(how)
            text += process.stderr.readlines()
        except BaseException:
            process.kill()
            raise
    sandbox.clock.thaw()
    return process.returncode, "".join(text)


def test_killed_in_the_middle_every_group_is_accounted_for(connected: Cli, sandbox: Sandbox) -> None:
    """After a SIGKILL the same command continues: no job is duplicated, none is lost, and undo covers all."""
    words = ("pause", "--status", "live", "--all-projects", "--yes", "--journal", "j", "--report", "out.html")
    code, text = stop(sandbox, signal.SIGKILL, *words)
    assert code == -signal.SIGKILL, text
    ended = connected(*words)
    assert ended.code == 0, ended.err
    assert "did not finish. Its open jobs are followed" in " ".join(ended.err.split())
    report = SweepReport.load("out.html")
    assert report.counts.total == 300
    assert {group.outcome for group in report.groups} == {Outcome.UPDATED}
    assert {group.previous_status for group in report.groups} == {"live"}
    assert len(sandbox.jobs) == 30
    assert {sandbox.group(group.target_group_id).status for group in report.groups} == {"paused"}
    assert len({job.trace_id for job in report.jobs} - {None}) == 30
    assert connected("undo", "out.html", "--yes").code == 0
    assert {sandbox.group(group.target_group_id).status for group in report.groups} == {"live"}


@attrs.define
class SignalInVerification(faults.Fault):
    """Signal the client when it lists target groups after its jobs, and never answer."""

    sandbox: Sandbox
    how: signal.Signals
    process: "subprocess.Popen[str] | None" = None

    async def inject(self, exchange: faults.Exchange) -> web.StreamResponse:
        """Handle the request before there are jobs."""
        while self.process is None:
            await asyncio.sleep(0.01)
        if not self.sandbox.jobs:
            return await exchange.proceed()
        self.process.send_signal(self.how)
        return await faults.Hang().inject(exchange)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_stopped_in_verification_the_same_command_reports_every_change(
    connected: Cli, sandbox: Sandbox, how: signal.Signals
) -> None:
    """A run whose report was not delivered is continued: the report has its changes, and undo covers them."""
    words = ("pause", "--status", "live", "--all-projects", "--yes", "--report", "out.html")
    fault = SignalInVerification(sandbox, how)
    sandbox.faults.add("get_list_target_groups", fault, times=None)
    with subprocess.Popen([*PROGRAM, *words], env={**os.environ}, stderr=subprocess.PIPE, text=True) as process:
        fault.process = process
        text = process.communicate()[1]
    assert process.returncode == (-how if how == signal.SIGKILL else 143), text
    assert "submitted jobs continue" not in text
    sandbox.faults.clear()

    ended = connected(*words)

    assert ended.code == 0, ended.err
    assert "finished, but its report was not delivered" in " ".join(ended.err.split())
    assert "All 300 target groups are paused." in ended.out
    assert SweepReport.load("out.html").counts == Counts(updated=300)
    assert len(sandbox.jobs) == 30
    third = connected(*words)
    assert (third.code, "--force" in third.err) == (2, True)  # the report was delivered


@attrs.define
class SignalThenHang(faults.Fault):
    """Signal the client when the request arrives, and never answer."""

    how: signal.Signals
    process: "subprocess.Popen[str] | None" = None

    async def inject(self, exchange: faults.Exchange) -> web.StreamResponse:
        """Handle the request."""
        while self.process is None:
            await asyncio.sleep(0.01)
        self.process.send_signal(self.how)
        return await faults.Hang().inject(exchange)


@pytest.mark.parametrize("how", [signal.SIGHUP, signal.SIGTERM])
@pytest.mark.parametrize(
    ("flags", "operation", "said"),
    [
        (("--max-groups", "900"), "get_list_target_groups", "nothing was sent. To continue, run the same"),
        ((), "get_list_target_groups", "nothing was sent. To continue, run the same"),
        ((), "create_bulk_pause_target_groups_job", "0 of 300 target groups are settled"),
    ],
    ids=["preview", "finding", "sending"],
)
@pytest.mark.usefixtures("heeded_signals")
def test_an_interruption_says_what_was_sent_and_its_run_is_known(
    connected: Cli, sandbox: Sandbox, flags: tuple[str, ...], operation: str, said: str, how: signal.Signals
) -> None:
    """At every moment: a run id that was printed can be shown, and the advice that was printed ends the sweep."""
    words = ("pause", "--all-projects", "--yes", *flags)
    fault = SignalThenHang(how)
    sandbox.faults.add(operation, fault, times=None)
    with subprocess.Popen([*PROGRAM, *words], env={**os.environ}, stderr=subprocess.PIPE, text=True) as process:
        fault.process = process
        text = process.communicate()[1]
    assert process.returncode == 128 + how, text
    sandbox.faults.clear()
    assert f"Interrupted: {said}" in text
    run_id = re.search(r"^Run (.+)$", text, re.MULTILINE)
    assert (run_id is None) == bool(flags)
    if run_id is not None:
        assert connected("sweeps", "show", run_id[1]).code == 0
    resume = re.search(r"^To resume: fieldingkit (.+)$", text, re.MULTILINE)
    ended = connected(*(words if resume is None else (*shlex.split(resume[1]), "--yes")))
    assert ended.code == 0, ended.err
    assert connected("groups", "list", "--all-projects", "--status", "live").out == ""


def test_an_interrupted_sweep_names_its_journal(connected: Cli, sandbox: Sandbox) -> None:
    """Ctrl-C is exit code 130; the journal is named, and found again without --journal."""
    words = ("pause", "--all-projects", "--yes", "--report", "out.json")
    code, text = stop(sandbox, signal.SIGINT, *words)
    assert code == 130, text
    assert "Traceback" not in text
    journal = re.search(r"^Journal (\S+\.journal)$", text, re.MULTILINE)
    assert journal
    assert Path(journal[1]).is_file()
    assert not SweepReport.load("out.json").ok
    ended = connected(*words)
    assert ended.code == 0, ended.err
    assert "did not finish. Its open jobs are followed" in " ".join(ended.err.split())
    assert SweepReport.load("out.json").counts.updated == 300
    assert len(sandbox.jobs) == 30


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_comes_again_at_once_is_one_interruption(
    connected: Cli, sandbox: Sandbox, how: signal.Signals
) -> None:
    """Ctrl-C that is held down ends a sweep like one: the report is written, and how to resume is printed."""
    code, text = stop(sandbox, how, "pause", "--all-projects", "--yes", "--report", "out.json", again=True)
    assert code == 128 + how, text
    assert not SweepReport.load("out.json").ok
    line = re.search(r"^To resume: fieldingkit (.+)$", text, re.MULTILINE)
    assert line
    ended = connected(*shlex.split(line[1]), "--yes")
    assert ended.code == 0, ended.err
    assert SweepReport.load("out.json").ok


@pytest.mark.parametrize("undo", [("undo", "out.json"), ("sweeps", "undo", "early")])
def test_an_interrupted_sweep_is_finished_before_its_undo(
    connected: Cli, sandbox: Sandbox, undo: tuple[str, ...]
) -> None:
    """An undo while jobs are open would miss what they change: it sends nothing and names the commands to give."""
    code, text = stop(
        sandbox, signal.SIGTERM, "pause", "--all-projects", "--yes", "--report", "out.json", "--run-id", "early"
    )
    assert code == 143, text
    sandbox.requests.clear()

    ended = connected(*undo, "--yes")

    assert ended.code == 4, ended.err
    assert not [request for request in sandbox.requests if request.method == "POST"]
    resume = re.search(r"fieldingkit (sweeps resume early[^\n`]*)`", ended.err)
    assert resume, ended.err
    assert connected(*resume[1].split(), "--yes").code == 0
    assert connected("sweeps", "undo", "early", "--yes").code == 0
    groups = SweepReport.load("out.json").groups
    assert {sandbox.group(group.target_group_id).status for group in groups} == {"live"}


@pytest.mark.parametrize("how", ["out.json", "--last"])
def test_the_same_stop_three_times_can_be_undone(connected: Cli, sandbox: Sandbox, how: str) -> None:
    """With a Ctrl-C in between and a fixed report name, undo restores exactly what all of them changed."""
    before = sandbox.seed(paused=3).ids("paused")
    words = ("pause", "--all-projects", "--yes", "--report", "out.json")
    code, text = stop(sandbox, signal.SIGINT, *words)
    assert code == 130, text
    assert connected(*words).code == 0
    third = connected(*words)
    assert (third.code, "--force" in third.err) == (2, True)
    assert connected(*words[:3]).code == 0  # nothing is left to pause
    ended = connected("undo", how, "--yes")
    assert ended.code == 0, ended.err
    groups = [group.target_group_id for group in SweepReport.load("out.json").groups]
    assert {sandbox.group(id_).status for id_ in groups if id_ not in before} == {"live"}
    assert {sandbox.group(id_).status for id_ in before} == {"paused"}
    assert len(groups) == 303


def test_a_concurrent_sweep_of_one_run_is_refused(connected: Cli, sandbox: Sandbox) -> None:
    """While a sweep runs, the same command in another process is refused, and the first process is named."""
    words = ("pause", "--all-projects", "--yes", "--journal", "j", "--run-id", "r")
    sandbox.clock.freeze()  # no job ends before the second command was refused
    with subprocess.Popen([*PROGRAM, *words], env={**os.environ}, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "Run r" in process.stderr.readline()
        second = connected(*words)
        sandbox.clock.thaw()
        process.stderr.read()
    assert process.returncode == 0
    assert second.code == 2
    assert f"process {process.pid}" in second.err


def test_sandbox_and_sweep_work_together(cli: Cli, bare: pytest.MonkeyPatch) -> None:
    """A sweep pauses all live target groups of a sandbox with 40 projects in another process."""
    command = [*PROGRAM, "sandbox", "--port", "0", "--groups", "3000", "--projects", "40"]
    with subprocess.Popen(command, env={**os.environ}, stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout is not None
        for line in serving.stdout:
            if line.strip().startswith("export "):
                bare.setenv(*line.strip().removeprefix("export ").split("=", 1))
            elif line.startswith("Example request"):
                break
        ended = cli("pause", "--status", "live", "--all-projects", "--yes", "--report", "out.html")
        listed = cli("groups", "list", "--all-projects", "--status", "live")
        serving.send_signal(signal.SIGINT)
    assert ended.code == 0, ended.err
    counts = SweepReport.load("out.html").counts
    assert counts.updated == counts.total > 1400
    assert (listed.code, listed.out) == (0, "")
