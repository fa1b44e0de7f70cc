"""``fieldingkit doctor``: what it finds, and what it advises."""

import base64
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from support.command_line import Cli

from fieldingkit.cli.commands.doctor import SubmitDecision, check_clock, check_lifetime
from fieldingkit.sandbox import Sandbox, faults

NOW = datetime(2036, 1, 1, tzinfo=UTC)


def test_all_is_well(connected: Cli) -> None:
    """With everything as it should be each subject is ok, and the exit code is 0."""
    ended = connected("doctor")
    assert ended.code == 0
    for subject in ("Configuration", "Credentials", "Reach", "API version", "Clock", "Account", "Projects"):
        assert f"ok  {subject}" in ended.out


def test_no_credentials(cli: Cli) -> None:
    """Without credentials it says how to give some, and calls nothing."""
    ended = cli("doctor")
    assert ended.code == 1
    assert "BAD Credentials" in ended.out
    assert "CINT_CLIENT_ID" in ended.out


def test_a_refused_token(connected: Cli, bare: pytest.MonkeyPatch) -> None:
    """A token that the API refuses is told as that, and never shown."""
    bare.setenv("CINT_TOKEN", "wrong-canary")
    ended = connected("doctor")
    assert ended.code == 1
    assert "the API refuses them" in ended.out
    assert "canary" not in ended.out + ended.err


def test_an_account_that_is_not_reached(connected: Cli, bare: pytest.MonkeyPatch) -> None:
    """A wrong account is told together with those that the credentials do reach; so is a missing one."""
    ended = connected("doctor", "--account", "999")
    assert ended.code == 1
    assert "they reach: 101" in ended.out
    bare.delenv("CINT_ACCOUNT_ID")
    assert "none is chosen" in connected("doctor").out


def test_a_wrong_address(cli: Cli, bare: pytest.MonkeyPatch) -> None:
    """An address where nobody listens is told as that, before the patience of a person ends."""
    bare.setenv("CINT_TOKEN", "token")
    ended = cli("doctor", "--base-url", "http://127.0.0.1:9/v1", "--deadline", "1")
    assert ended.code == 1
    assert "there is no connection" in ended.out
    assert "--proxy" in ended.out


def test_a_wrong_version(connected: Cli) -> None:
    """A version that the API refuses is told as that."""
    ended = connected("doctor", "--api-version", "yesterday")
    assert ended.code == 1
    assert "BAD API version" in ended.out


def test_an_api_that_is_out_of_order(connected: Cli, sandbox: Sandbox) -> None:
    """A failing API is told apart from a wrong configuration."""
    sandbox.faults.add("get_user_accounts", faults.Answer(500), times=None)
    ended = connected("doctor", "--deadline", "0.5")
    assert ended.code == 1
    assert "status.cint.com" in ended.out


def test_a_clock_that_is_wrong(connected: Cli, sandbox: Sandbox) -> None:
    """A clock that disagrees with the API's is told with the difference."""
    sandbox.faults.add("get_user_accounts", faults.SkewedDate(timedelta(hours=-3).total_seconds()), times=None)
    ended = connected("doctor")
    assert "BAD Clock" in ended.out
    assert "3 hours ahead" in ended.out


def test_a_token_file_that_others_may_read(connected: Cli, sandbox: Sandbox, tmp_path: Path) -> None:
    """A token file with open permissions is odd, and the remedy stands beside it."""
    path = tmp_path / "token"
    path.write_text(sandbox.token)
    path.chmod(0o644)
    ended = connected("doctor", "--token-file", "token")
    assert ended.code == 0
    assert "chmod 600 token" in ended.out
    path.chmod(0o600)
    assert "chmod" not in connected("doctor", "--token-file", "token").out


def test_a_machine_gets_a_document_for_each_finding(connected: Cli) -> None:
    """With --json each finding is a document."""
    findings = [json.loads(line) for line in connected("doctor", "--json").out.splitlines()]
    assert {finding["verdict"] for finding in findings} == {"ok"}


@pytest.mark.parametrize(
    ("left", "verdict"),
    [(-3600, SubmitDecision.BAD), (600, SubmitDecision.ODD), (80_000, SubmitDecision.GOOD)],
    ids=str,
)
def test_a_token_tells_how_long_it_is_good(left: int, verdict: SubmitDecision) -> None:
    """The lifetime of a JWT is read from it."""
    claims = json.dumps({"exp": NOW.timestamp() + left}).encode()
    token = f"e30.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.sig"
    finding = check_lifetime(token, NOW)
    assert finding
    assert finding.verdict is verdict


@pytest.mark.parametrize("token", ["", "abc", "a.b.c", "a.e30.c", "a.bnVsbA.c", "a.eyJleHAiOiJ4In0.c"])
def test_a_token_that_tells_nothing(token: str) -> None:
    """A token that is no JWT, or has no expiry, is nothing to complain of."""
    assert check_lifetime(token, NOW) is None


@pytest.mark.parametrize(("date", "verdict"), [(None, SubmitDecision.SKIPPED), ("nonsense", SubmitDecision.SKIPPED)])
def test_an_api_that_tells_no_time(date: str | None, verdict: SubmitDecision) -> None:
    """Without a usable date the clock is not judged."""
    assert check_clock({} if date is None else {"date": date}, NOW).verdict is verdict


def test_a_few_seconds_are_no_skew() -> None:
    """The date is to the second and the answer took its time: half a minute is let pass."""
    assert (
        check_clock({"date": format_datetime(NOW, usegmt=True)}, NOW + timedelta(seconds=20)).verdict
        is SubmitDecision.GOOD
    )
