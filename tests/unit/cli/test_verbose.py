"""Log output on stderr: ``-v``, ``-vv`` and ``FIELDINGKIT_LOG``; facts in each line, no secrets."""

import os
import subprocess
import sys

import pytest
from support.command_line import Cli

from fieldingkit.sandbox import Sandbox, faults


def run(sandbox: Sandbox, *words: str) -> str:
    """List projects in its own process while the API answers 503 once, and return stderr."""
    sandbox.faults.clear()
    sandbox.faults.add("list_account_projects", faults.Answer(503), times=1)
    command = [sys.executable, "-m", "fieldingkit", "projects", "list", *words]
    ended = subprocess.run(command, env={**os.environ}, capture_output=True, text=True, timeout=120, check=True)
    assert sandbox.token not in ended.stderr
    return ended.stderr


@pytest.mark.usefixtures("connected")
def test_verbose_logs_retries_and_twice_attempts(sandbox: Sandbox, bare: pytest.MonkeyPatch) -> None:
    """-v logs retries, -vv also attempts, each with its facts; FIELDINGKIT_LOG does the same without a flag."""
    sandbox.seed(live=1)
    assert run(sandbox) == ""
    for words, variable in ((["-v"], ""), ([], "info")):
        bare.setenv("FIELDINGKIT_LOG", variable)
        (line,) = run(sandbox, *words).splitlines()
        for fact in (
            "INFO fieldingkit.retry",
            "operation_id=list_account_projects",
            "attempt=1",
            "error=503",
            "delay=",
        ):
            assert fact in line
    for words, variable in ((["-vv"], ""), ([], "debug")):
        bare.setenv("FIELDINGKIT_LOG", variable)
        first, *_, last = (line for line in run(sandbox, *words).splitlines() if "fieldingkit.attempts" in line)
        for fact in ("operation_id=list_account_projects", "attempt=1", "status=503", "delay=", "trace_id="):
            assert fact in first
        assert "attempt=2 status=200" in last


def test_an_unknown_log_level_is_a_usage_error(connected: Cli, bare: pytest.MonkeyPatch) -> None:
    """FIELDINGKIT_LOG with another value is a usage error that names the valid ones."""
    bare.setenv("FIELDINGKIT_LOG", "loud")
    ended = connected("projects", "list")
    assert ended.code == 2
    assert "'debug' or 'info'" in ended.err
