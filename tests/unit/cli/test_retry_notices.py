"""Notices on stderr while a call is retried for more than 5 seconds."""

import math
import re

import pytest
from support.command_line import Cli
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient
from support.sandbox_commands import a_read

from fieldingkit.cli.retry_notices import show_retries
from fieldingkit.errors import FieldingKitError
from fieldingkit.sandbox import Sandbox, faults

pytestmark = pytest.mark.usefixtures("bare")


async def test_a_long_retry_is_announced_once(
    sandbox: Sandbox,
    clock: FakeClock,
    make_client: MakeClient,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A call that is retried for 5 seconds or more prints one notice in an interval, with the reason and the end."""
    monkeypatch.setattr("fieldingkit.cli.retry_notices._INTERVAL", math.inf)
    sandbox.faults.add("get_fielding_runs*", faults.Answer(503, headers={"Retry-After": "4"}), times=None)
    show_retries()
    with pytest.raises(FieldingKitError):
        await make_client(clock=clock, deadline=60).send(a_read(sandbox))
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("Get fielding runs")
    assert re.search(
        r": the API answered 503\. Retrying until \d\d:\d\d:\d\d UTC; the next attempt is in \d+ s\.$", line
    )


async def test_a_short_retry_is_silent(
    sandbox: Sandbox, clock: FakeClock, make_client: MakeClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """A retry within the first 5 seconds of a call prints nothing."""
    sandbox.faults.add("get_fielding_runs*", faults.Answer(503, headers={"Retry-After": "2"}), times=1)
    show_retries()
    await make_client(clock=clock).send(a_read(sandbox))
    assert capsys.readouterr().err == ""


def test_every_command_announces_long_retries(
    connected: Cli, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command prints the notice on stderr; its result is not affected."""
    sandbox.seed(live=1)
    sandbox.faults.add("list_account_projects", faults.DropBefore(), times=1)
    monkeypatch.setattr("fieldingkit.cli.retry_notices._AFTER", 0.0)
    ended = connected("projects", "list")
    assert (ended.code, ended.out.count("\n")) == (0, 1)
    assert "List account projects: the connection broke." in ended.err
    assert "Retrying until" in ended.err


def test_a_job_that_cannot_be_polled_is_announced(
    connected: Cli, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep prints a notice while the status of a job cannot be read; its result is not affected."""
    project = sandbox.seed(live=1)
    sandbox.faults.add("get_bulk_pause_target_groups_job", faults.Answer(404), times=1)
    monkeypatch.setattr("fieldingkit.cli.retry_notices._AFTER", 0.0)
    ended = connected("pause", "--project", project.id, "--yes")
    assert ended.code == 0
    assert re.search(
        r"Job \w+: its status cannot be read: the API answered 404\. Polling until \d\d:\d\d:\d\d UTC\.", ended.err
    )
