"""``fieldingkit doctor``: its findings and its advice."""

import base64
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from support.command_line import Cli

from fieldingkit import API_VERSION, BearerToken
from fieldingkit.cli.checks import Severity
from fieldingkit.cli.commands.doctor import check_clock, check_failure, check_token, check_version
from fieldingkit.configuration import Configuration, ResolvedCredentials
from fieldingkit.errors import Attempt, DeadlineExceededError
from fieldingkit.sandbox import Sandbox, faults

NOW = datetime(2036, 1, 1, tzinfo=UTC)


def test_a_correct_setup_is_ok(connected: Cli) -> None:
    """With a correct setup every check is ok, and the exit code is 0."""
    ended = connected("doctor")
    assert ended.code == 0
    for subject in ("Configuration", "Credentials", "Connection", "API version", "Clock", "Account", "Projects"):
        assert f"ok      {subject}" in ended.out


def test_another_api_version_earns_a_warning(connected: Cli, bare: pytest.MonkeyPatch) -> None:
    """The API version is shown; one that this release is not made for is a warning, and no failure."""
    assert f"{API_VERSION} is accepted; this release is made for it" in connected("doctor").out
    bare.setenv("CINT_API_VERSION", "2025-05-27")
    ended = connected("doctor")
    assert ended.code == 0
    assert "warning API version" in ended.out
    assert check_version("2025-05-27").message == f"2025-05-27 is accepted, but this release is made for {API_VERSION}"


def test_missing_credentials_send_nothing(cli: Cli) -> None:
    """Without credentials the doctor names the variables to set, and calls nothing."""
    ended = cli("doctor")
    assert ended.code == 2
    assert "error   Configuration" in ended.out
    assert "CINT_CLIENT_ID" in ended.out


def test_a_deadline_of_the_file_is_checked_although_the_doctor_has_its_own(
    connected: Cli, bare: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A configuration under which every other command fails is not ok."""
    path = tmp_path / "config.toml"
    path.write_text("deadline = -1")
    bare.setenv("FIELDINGKIT_CONFIG", str(path))
    ended = connected("doctor")
    assert ended.code == connected("projects", "list").code == 2
    assert "'deadline' must be a number of seconds above 0" in " ".join((ended.out + ended.err).split())


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CINT_ACCOUNT_ID", "abc"),
        ("CINT_API_VERSION", "a\nb"),
        ("CINT_BASE_URL", "127.0.0.1:8730"),
        ("CINT_CONNECTION", "other"),
        ("CINT_PROXY", "canary"),
        ("CINT_TOKEN", "canary\nb"),
        ("CINT_TOKEN_FILE", "nowhere"),
        ("FIELDINGKIT_CONFIG", "nowhere.toml"),
        ("FIELDINGKIT_LOG", "loud"),
    ],
)
def test_a_wrong_value_is_named_by_its_variable(
    connected: Cli, bare: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    """The message and the advice name what the user wrote; a value that may be a secret is not shown."""
    if variable == "CINT_TOKEN_FILE":
        bare.delenv("CINT_TOKEN")
    bare.setenv(variable, value)
    ended = connected("projects", "list")
    assert (ended.code, ended.err.startswith(f"fieldingkit: {variable}")) == (2, True), ended.err
    checked = connected("doctor")
    assert f"Configuration {variable}" in checked.out
    assert f"-> Correct {variable}.\n" in checked.out
    assert "canary" not in ended.err + checked.out


@pytest.mark.parametrize(
    "line", ['account = "abc"', 'proxy = "canary"', 'token-file = "nowhere"', "x[", "[puase]\na = 1"]
)
def test_a_wrong_file_is_a_failed_check_of_the_doctor(
    connected: Cli, bare: pytest.MonkeyPatch, tmp_path: Path, line: str
) -> None:
    """The doctor reports a file with which no command begins as a check, and does not advise to run the doctor."""
    path = tmp_path / "config.toml"
    path.write_text(line)
    bare.setenv("FIELDINGKIT_CONFIG", str(path))
    bare.delenv("CINT_TOKEN" if "token" in line else "CINT_ACCOUNT_ID")
    ended = connected("doctor", "--json")
    assert (ended.code, ended.err) == (2, "")
    check = json.loads(ended.out)
    assert (check["subject"], check["severity"], check["advice"]) == ("Configuration", "error", "Correct this file.")
    assert check["message"].startswith(str(path))
    if "=" in line and "[" not in line:
        assert repr(line.split(maxsplit=1)[0]) in check["message"]
    assert "canary" not in ended.out


def test_a_wrong_flag_is_named_by_the_doctor(connected: Cli) -> None:
    """A flag overrides its variable, and is named as it was given."""
    ended = connected("doctor", "--account", "abc", "--json")
    check = json.loads(ended.out)
    assert check["message"] == "--account must be the number of an account; got 'abc'"
    assert check["advice"] == "Correct --account."


def test_a_rejected_token_is_never_shown(connected: Cli, bare: pytest.MonkeyPatch) -> None:
    """A token that the API rejects is reported as such, and never shown."""
    bare.setenv("CINT_TOKEN", "wrong-canary")
    ended = connected("doctor")
    assert ended.code == 3
    assert "rejected: 401" in ended.out
    assert "canary" not in ended.out + ended.err


def test_a_wrong_account_lists_the_right_ones(connected: Cli, bare: pytest.MonkeyPatch) -> None:
    """A wrong or missing account is reported together with the accounts that the credentials give access to."""
    ended = connected("doctor", "--account", "999")
    assert ended.code == 2
    assert "give access to: 101" in ended.out
    bare.delenv("CINT_ACCOUNT_ID")
    assert "none is selected" in connected("doctor").out


def test_an_unreachable_host_is_reported(cli: Cli, bare: pytest.MonkeyPatch) -> None:
    """A host without a server is reported as a missing connection."""
    bare.setenv("CINT_TOKEN", "token")
    ended = cli("doctor", "--base-url", "http://127.0.0.1:9/v1", "--deadline", "1")
    assert ended.code == 3
    assert "no connection to" in ended.out
    assert "--proxy" in ended.out


def test_a_rejected_api_version_is_reported(connected: Cli) -> None:
    """A version that the API rejects is reported as such."""
    ended = connected("doctor", "--api-version", "yesterday")
    assert ended.code == 3
    assert "error   API version" in ended.out


def test_a_failing_api_is_no_configuration_error(connected: Cli, sandbox: Sandbox) -> None:
    """A failing API is distinguished from a wrong configuration."""
    sandbox.faults.add("get_user_accounts", faults.Answer(500), times=None)
    ended = connected("doctor", "--deadline", "0.5")
    assert ended.code == 3
    assert "status.cint.com" in ended.out


def test_a_last_attempt_without_time_does_not_hide_the_failing_api() -> None:
    """If the deadline ends the last attempt, the responses before it decide the advice."""
    attempts = [Attempt(1, 500, None, True, 0.0, 0.1, 0.0), Attempt(2, None, "TimeoutError", True, 0.4, 0.1, 0.3)]
    error = DeadlineExceededError("no response within 0.1 s", attempts=attempts)
    configuration = Configuration(
        base_url="https://api.test/v1",
        api_version="2025-12-18",
        credentials=ResolvedCredentials(BearerToken("token"), "a test"),
    )
    check = check_failure(error, configuration)
    assert "status.cint.com" in check.advice


def test_clock_skew_is_reported(connected: Cli, sandbox: Sandbox) -> None:
    """A clock that disagrees with the API's is reported with the difference."""
    sandbox.faults.add("get_user_accounts", faults.SkewedDate(timedelta(hours=-3).total_seconds()), times=None)
    ended = connected("doctor")
    assert ended.code == 1
    assert "error   Clock" in ended.out
    assert "3 h 0 min ahead" in ended.out


def test_a_token_file_readable_by_others_is_a_warning(connected: Cli, sandbox: Sandbox, tmp_path: Path) -> None:
    """A token file with open permissions is a warning that names the command to run."""
    path = tmp_path / "token"
    path.write_text(sandbox.token)
    path.chmod(0o644)
    ended = connected("doctor", "--token-file", "token")
    assert ended.code == 0
    assert "chmod 600 token" in ended.out
    path.chmod(0o600)
    assert "chmod" not in connected("doctor", "--token-file", "token").out


def test_json_prints_one_document_a_check(connected: Cli) -> None:
    """With --json each check is a document."""
    checks = [json.loads(line) for line in connected("doctor", "--json").out.splitlines()]
    assert {check["severity"] for check in checks} == {"ok"}
    assert {*checks[0]} == {"subject", "severity", "message", "advice"}


@pytest.mark.parametrize(
    ("left", "severity"),
    [(-3600, Severity.ERROR), (600, Severity.WARNING), (80_000, Severity.OK)],
    ids=str,
)
def test_the_expiry_of_a_jwt_is_checked(left: int, severity: Severity) -> None:
    """The expiry of a JWT is read from its claims."""
    claims = json.dumps({"exp": NOW.timestamp() + left}).encode()
    token = f"e30.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.sig"
    check = check_token(token, NOW)
    assert check
    assert check.severity is severity


@pytest.mark.parametrize("token", ["", "abc", "a.b.c", "a.e30.c", "a.bnVsbA.c", "a.eyJleHAiOiJ4In0.c"])
def test_an_opaque_token_is_not_checked(token: str) -> None:
    """A token that is no JWT, or has no expiry, has no check."""
    assert check_token(token, NOW) is None


@pytest.mark.parametrize("headers", [{}, {"date": "nonsense"}], ids=["none", "nonsense"])
def test_without_a_date_the_clock_check_is_skipped(headers: dict[str, str]) -> None:
    """Without a usable date the clock check is skipped."""
    assert check_clock(headers, NOW).severity is Severity.SKIPPED


def test_half_a_minute_is_no_clock_skew() -> None:
    """The date has whole seconds and the response took its time, so 30 seconds are tolerated."""
    headers = {"date": format_datetime(NOW, usegmt=True)}
    assert check_clock(headers, NOW + timedelta(seconds=20)).severity is Severity.OK
