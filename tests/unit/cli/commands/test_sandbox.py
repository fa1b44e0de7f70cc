"""``fieldingkit sandbox``, as a process of its own."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from support.command_line import Cli

from fieldingkit import Client, ClientCredentials
from fieldingkit.resources.accounts import ListAccounts

Start = Callable[..., tuple[subprocess.Popen[str], dict[str, Any]]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Yield a function that starts a sandbox and returns its process and what it printed."""
    with ExitStack() as stack:

        def run(*words: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
            command = [sys.executable, "-m", "fieldingkit", "sandbox", "--port", "0", "--json", *words]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            stack.enter_context(process)
            stack.callback(process.kill)
            assert process.stdout is not None
            return process, json.loads(process.stdout.readline())

        yield run


def status_of(printed: dict[str, Any]) -> int:
    """Request the accounts and return the HTTP status."""
    request = Request(
        f"{printed['url']}/accounts",
        headers={"Authorization": f"Bearer {printed['token']}", "Cint-API-Version": "2025-12-18"},
    )
    try:
        with urlopen(request) as response:
            return int(response.status)
    except OSError as exc:
        return int(getattr(exc, "code", 0))


def test_the_printed_credentials_work(start: Start) -> None:
    """The client credentials and the token URL that it prints lead to the account and the projects."""
    _, printed = start("--groups", "7", "--projects", "2", "--host", "0.0.0.0")
    auth = ClientCredentials(
        client_id=printed["client_id"], client_secret=printed["client_secret"], token_url=printed["token_url"]
    )
    with Client(account_id=printed["account_id"], auth=auth, base_url=printed["url"]) as client:
        assert [str(account.id) for account in client.send(ListAccounts()).accounts] == [printed["account_id"]]
    assert sum(map(len, printed["projects"].values())) == 7
    assert printed["environment"]["CINT_TOKEN_URL"] == printed["token_url"]


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_with_its_exit_code(start: Start, how: signal.Signals, code: int) -> None:
    """Ctrl-C and SIGTERM end it with the documented exit codes."""
    process, _ = start()
    process.send_signal(how)
    _, err = process.communicate(timeout=120)
    assert process.returncode == code
    assert "Traceback" not in err


def test_faults_and_latency_are_injected(start: Start) -> None:
    """``--fault`` answers requests with a status, and ``--latency`` delays each of them, failing ones too."""
    _, printed = start("--fault", "429:1@get_user_accounts", "--latency", "0.3")
    began = time.monotonic()
    assert status_of(printed) == 429
    assert time.monotonic() - began >= 0.3


def test_a_fault_may_be_limited_to_other_operations(start: Start) -> None:
    """A fault of other operations leaves a request as it is."""
    _, printed = start("--fault", "drop-before@create_bulk_*")
    assert status_of(printed) == 200


@pytest.mark.parametrize("spec", ["42", "nonsense", "429:2", "429:0", "429:x", "hang@no_such_operation", ""])
def test_an_invalid_fault_is_a_usage_error(cli: Cli, spec: str) -> None:
    """A fault that cannot be read is refused with the list of kinds."""
    ended = cli("sandbox", "--port", "0", "--fault", spec)
    assert ended.code == 2
    assert f"--fault {spec}" in ended.err
    assert "apply-then-drop" in ended.err


def test_an_occupied_port_is_a_usage_error(cli: Cli, start: Start) -> None:
    """A port that is in use is named."""
    _, printed = start()
    port = printed["url"].split(":")[2].split("/")[0]
    ended = cli("sandbox", "--port", port)
    assert ended.code == 2
    assert f"port {port}, cannot be used" in ended.err


def test_text_is_printed_for_people(cli: Cli) -> None:
    """Without --json the environment is printed as lines for a shell."""
    command = [sys.executable, "-m", "fieldingkit", "sandbox", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("  curl "):
                break
        process.terminate()
    text = "".join(lines)
    assert "export CINT_CLIENT_SECRET=" in text
    assert "1 project with 40 target groups" in text


def test_a_scenario_lists_what_is_planted(start: Start) -> None:
    """Each trouble has its rule, target group and cause, and its target group can be read at once."""
    _, printed = start("--scenario", "trouble", "--speed", "60")
    assert len({trouble["rule"] for trouble in printed["troubles"]}) == len(printed["troubles"]) == 11
    groups = {group for groups in printed["projects"].values() for group in groups}
    assert {trouble["target_group_id"] for trouble in printed["troubles"]} < groups
    assert status_of(printed) == 200


def test_a_scenario_is_printed_as_lines_with_the_ids() -> None:
    """Without --json the troubles are lines of a table, before the environment."""
    command = [sys.executable, "-m", "fieldingkit", "sandbox", "--port", "0", "--scenario", "trouble"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("Environment"):
                break
        process.terminate()
    table = lines[lines.index("Planted troubles:\n") + 1 :]
    assert sum("stuck" in line and "  cell_stuck  " in line for line in table) == 1
    assert sum(line.startswith("  01") for line in table) == 11


def test_the_clock_runs_faster_with_a_speed(start: Start) -> None:
    """Ten thousand seconds pass in one, so that a millisecond of the start is ten seconds in the dates of responses."""
    _, printed = start("--speed", "10000", "--groups", "1")
    with pytest.raises(HTTPError) as refused:
        urlopen(f"{printed['url']}/accounts")
    with refused.value as answer:
        shown = parsedate_to_datetime(answer.headers["Date"])
    assert shown - datetime.now(UTC) > timedelta(seconds=5)


def test_a_rate_is_for_real_time(cli: Cli) -> None:
    """A clock that runs faster would allow more requests than the rate."""
    ended = cli("sandbox", "--port", "0", "--rate", "5", "--speed", "60")
    assert ended.code == 2
    assert "--rate counts requests in real time" in ended.err


@pytest.mark.parametrize("option", ["--groups", "--projects"])
def test_a_scenario_has_its_own_numbers(cli: Cli, option: str) -> None:
    """Numbers beside a scenario are refused rather than ignored."""
    ended = cli("sandbox", "--port", "0", "--scenario", "trouble", option, "3")
    assert ended.code == 2
    assert "--scenario has its own" in ended.err
