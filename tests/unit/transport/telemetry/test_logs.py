"""Logs: facts as fields, nothing above INFO for what was handled, and no secrets."""

import logging
import os
import subprocess
import sys
from typing import Any

import pytest
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient
from support.otel import run_alone
from support.sandbox_commands import EVERY, PAUSES, POLLS, READS, a_batch, a_read, path_of

from fieldingkit import AttemptEvent, Client, ClientCredentials, RetryPolicy
from fieldingkit.errors import ApiError, ConfigurationError, JobGoneError
from fieldingkit.sandbox import LocationForm, Sandbox, faults
from fieldingkit.transport.telemetry import logs

CANARY = "canary-5fbd1c"

_STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


def fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return the fields that a record has in addition to the standard ones."""
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def logged(caplog: pytest.LogCaptureFixture, name: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Return level, message and fields of each record of one logger."""
    return [(record.levelname, record.getMessage(), fields(record)) for record in caplog.records if record.name == name]


async def test_each_attempt_is_logged_at_debug(
    sandbox: Sandbox, clock: FakeClock, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    """Each attempt is logged at DEBUG with its number and its outcome."""
    sandbox.faults.add("get_fielding_runs*", faults.Answer(503, headers={"Retry-After": "2"}))
    with caplog.at_level(logging.DEBUG, "fieldingkit.attempts"):
        await make_client(clock=clock).send(a_read(sandbox))
    (_, _, first), (level, message, second) = logged(caplog, "fieldingkit.attempts")
    assert (level, message) == ("DEBUG", "attempt ended")
    assert set(second) == {
        "operation_id",
        "method",
        "attempt",
        "status",
        "error",
        "duration",
        "delay",
        "trace_id",
        "headers",
    }
    assert [(entry["attempt"], entry["status"], entry["error"]) for entry in (first, second)] == [
        (1, 503, "503"),
        (2, 200, None),
    ]
    assert second["delay"] >= 2
    assert first["headers"]["retry-after"] == "2"


async def test_retries_are_logged_with_error_and_delay(
    sandbox: Sandbox, clock: FakeClock, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    """A retry is logged with its error and delay, and a call that is not retried with the reason."""
    sandbox.faults.add("get_fielding_runs*", faults.Answer(503), times=None)
    policy = RetryPolicy(budget=1, budget_refill=1e-6)
    with caplog.at_level(logging.DEBUG, "fieldingkit.retry"), pytest.raises(ApiError):
        await make_client(clock=clock, retry=policy).send(a_read(sandbox))
    repeated, given_up = logged(caplog, "fieldingkit.retry")
    assert repeated[:2] == ("INFO", "a failed attempt is retried")
    assert set(repeated[2]) == {"operation_id", "attempt", "error", "delay", "elapsed", "remaining"}
    assert (repeated[2]["operation_id"], repeated[2]["attempt"], repeated[2]["error"]) == (READS, 1, "503")
    assert given_up[:2] == ("INFO", "a failed attempt is not retried")
    assert (given_up[2]["attempt"], given_up[2]["error"]) == (2, "503")
    assert "too many recent retries" in given_up[2]["reason"]


async def test_token_requests_are_logged_without_the_token(
    sandbox: Sandbox, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    """A fetched token is logged without the token, and so is a rejected one that is replaced."""
    credentials = ClientCredentials(
        client_id=sandbox.client_id, client_secret=sandbox.client_secret, token_url=sandbox.token_url
    )
    sandbox.faults.add("get_fielding_runs*", faults.Answer(401))
    with caplog.at_level(logging.DEBUG, "fieldingkit.auth"):
        await make_client(auth=credentials).send(a_read(sandbox))
    fetched = ("DEBUG", "access token fetched", {"lifetime": 86400.0})
    refused = {"operation_id": READS, "attempt": 1, "status": 401}
    assert logged(caplog, "fieldingkit.auth") == [
        fetched,
        fetched,
        ("INFO", "access token rejected; retrying with a new token", refused),
    ]


async def test_a_failed_poll_and_the_end_of_a_job_are_logged(
    sandbox: Sandbox, sandbox_clock: FakeClock, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    """A failed poll and the end of a job are logged, both with the job's id."""
    sandbox.faults.add(POLLS, faults.TruncatedJson())
    with caplog.at_level(logging.DEBUG, "fieldingkit.jobs"):
        job = await make_client(clock=sandbox_clock, poll=EVERY).submit(a_batch(sandbox))
        await job.wait()
    names = {"job_id": job.id, "operation_id": PAUSES}
    failed, ended = logged(caplog, "fieldingkit.jobs")
    assert failed == ("INFO", "poll failed; polling continues", {**names, "polls": 1, "error": "DecodeError"})
    assert ended[:2] == ("DEBUG", "job ended")
    assert {**ended[2], "duration": None} == {**names, "polls": 2, "status": "Completed", "duration": None}


async def test_a_job_that_is_given_up_is_logged(
    sandbox: Sandbox, sandbox_clock: FakeClock, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    """A job that cannot be polled any further is logged."""
    sandbox.faults.add("create_bulk_*", faults.JobGone(410))
    with caplog.at_level(logging.DEBUG, "fieldingkit.jobs"), pytest.raises(JobGoneError):
        await make_client(clock=sandbox_clock).run(a_batch(sandbox))
    *before, (level, message, _) = logged(caplog, "fieldingkit.jobs")
    assert (level, message) == ("INFO", "poll failed; polling ends")
    assert {message for _, message, _ in before} == {"poll failed; polling continues"}


async def test_an_unknown_job_status_is_logged_once(
    sandbox: Sandbox, sandbox_clock: FakeClock, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    """A status that is unknown to this release is logged once a job."""
    client = make_client(clock=sandbox_clock, poll=EVERY)
    with caplog.at_level(logging.INFO, "fieldingkit.jobs"):
        job = await client.submit(a_batch(sandbox))
        body = {"job_id": job.id, "status": "Pondering"}
        sandbox.faults.add(POLLS, faults.Answer(200, body), times=3)
        await job.wait()
    ((_, message, entry),) = logged(caplog, "fieldingkit.jobs")
    assert message == "job has an unknown status"
    assert (entry["job_id"], entry["status"]) == (job.id, "Pondering")


async def test_a_foreign_location_is_logged(caplog: pytest.LogCaptureFixture, make_client: MakeClient) -> None:
    """A ``Location`` on another origin is logged."""
    async with Sandbox(location_form=LocationForm.FOREIGN) as sandbox:
        client = make_client(base_url=sandbox.url, auth=sandbox.token)
        with caplog.at_level(logging.INFO, "fieldingkit.jobs"):
            job = await client.submit(a_batch(sandbox))
    ((level, message, entry),) = logged(caplog, "fieldingkit.jobs")
    assert (level, message) == ("INFO", "job Location names another origin; polling the client's own origin")
    assert entry["job_id"] == job.id


async def test_no_record_holds_a_secret(
    sandbox: Sandbox, sandbox_clock: FakeClock, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    """At no level does a record hold a credential, an unlisted header or a body."""
    credentials = ClientCredentials(
        client_id=sandbox.client_id, client_secret=sandbox.client_secret, token_url=sandbox.token_url
    )

    def fail(event: AttemptEvent) -> None:
        raise LookupError(event.operation_id)

    headers = {"Set-Cookie": f"session={CANARY}", "X-Internal": CANARY, "WWW-Authenticate": CANARY}
    sandbox.faults.add("get_fielding_runs*", faults.Answer(401, {"detail": CANARY}, headers=headers))
    sandbox.faults.add("get_fielding_runs*", faults.Answer(503, {"detail": CANARY}, headers=headers))
    sandbox.faults.add(POLLS, faults.Answer(502, CANARY.encode(), headers=headers))
    client = make_client(
        auth=credentials,
        clock=sandbox_clock,
        poll=EVERY,
        on_attempt=fail,
        retry=RetryPolicy(max_attempts=2),
    )
    with caplog.at_level(logging.DEBUG):
        await client.send(a_read(sandbox))
        await client.run(a_batch(sandbox).replace(idempotency_key=CANARY))
    text = "\n".join(f"{record.getMessage()} {fields(record)}" for record in caplog.records)
    assert {record.name for record in caplog.records} >= {
        "fieldingkit.attempts",
        "fieldingkit.auth",
        "fieldingkit.callbacks",
        "fieldingkit.jobs",
        "fieldingkit.retry",
    }
    tokens = [seen.headers.get("Authorization", "").removeprefix("Bearer ") for seen in sandbox.requests]
    for secret in (CANARY, sandbox.client_secret, *filter(None, tokens)):
        assert secret not in text


async def test_handled_failures_are_logged_at_info_at_most(
    sandbox: Sandbox, sandbox_clock: FakeClock, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    """Retries, token refreshes and failed polls that were handled are not logged above INFO."""
    credentials = ClientCredentials(
        client_id=sandbox.client_id, client_secret=sandbox.client_secret, token_url=sandbox.token_url
    )
    sandbox.faults.add("get_fielding_runs*", faults.Answer(401))
    sandbox.faults.add("get_fielding_runs*", faults.DropBefore())
    sandbox.faults.add(POLLS, faults.TruncatedJson())
    client = make_client(auth=credentials, clock=sandbox_clock, poll=EVERY)
    with caplog.at_level(logging.DEBUG):
        await client.send(a_read(sandbox))
        await client.run(a_batch(sandbox))
    assert max(record.levelno for record in caplog.records if record.name.startswith("fieldingkit")) == logging.INFO


def test_the_library_configures_no_logger() -> None:
    """The library sets no handler, level or filter on any logger."""
    script = """
import logging
before = [list(logging.root.handlers), logging.root.level]
import fieldingkit
from fieldingkit import AsyncClient, Client, blocking
AsyncClient(auth="t"), Client(auth="t")
assert [list(logging.root.handlers), logging.root.level] == before
own = [logger for name, logger in logging.root.manager.loggerDict.items() if name.startswith("fieldingkit")]
print([(logger.handlers, logger.level, logger.filters) for logger in own if isinstance(logger, logging.Logger)])
"""
    assert set(run_alone(script).strip("[]").split("), ")) <= {"([], 0, []", "([], 0, [])"}


LOGGING_PROGRAM = """
import asyncio, logging, sys
from fieldingkit import AsyncClient, Client, ClientCredentials

async def main() -> None:
    auth = ClientCredentials(client_id=sys.argv[1], client_secret=sys.argv[2], token_url=sys.argv[3])
    Client(auth="t")
    async with AsyncClient(auth=auth, base_url=sys.argv[4], account_id=101) as client:
        response = await client.request("GET", sys.argv[5], params={"search_string": "secret plan"})
    others = [logger for name, logger in logging.root.manager.loggerDict.items() if name.startswith("fieldingkit.")]
    handlers = [handler for logger in others for handler in getattr(logger, "handlers", [])]
    print(len(logging.getLogger("fieldingkit").handlers), logging.root.handlers, handlers)

asyncio.run(main())
"""


@pytest.mark.parametrize(("level", "lines"), [("debug", 5), ("INFO", 2), ("", 0), (None, 0)])
def test_fieldingkit_log_prints_the_facts(sandbox: Sandbox, level: str | None, lines: int) -> None:
    """``FIELDINGKIT_LOG`` prints one line a record with its facts, and no secret, on the logger fieldingkit only."""
    read = a_read(sandbox)
    sandbox.faults.add("get_fielding_runs*", faults.Answer(503, {"detail": CANARY}))
    sandbox.faults.add("get_fielding_runs*", faults.Answer(401, {"detail": CANARY}))
    arguments = [sandbox.client_id, sandbox.client_secret, sandbox.token_url, sandbox.url, path_of(read)]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LOGGING_PROGRAM, *arguments],
        env={**os.environ, **({} if level is None else {"FIELDINGKIT_LOG": level})},
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )
    assert done.stdout.strip() == f"{1 if level else 0} [] []"
    printed = done.stderr.splitlines()
    ours = [line for line in printed if " fieldingkit." in line]
    assert len(ours) == len(printed)
    assert len(printed) >= lines
    assert bool(printed) is bool(lines)
    tokens = {seen.headers.get("Authorization", "").removeprefix("Bearer ") for seen in sandbox.requests} - {""}
    for secret in (CANARY, sandbox.client_secret, "secret plan", *tokens):
        assert secret not in done.stderr
    if level == "debug":
        (last,) = [line for line in printed if "status=200" in line and "GET request" in line]
        assert " DEBUG fieldingkit.attempts: attempt ended operation_id='GET request' method=GET attempt=3" in last
        assert (
            f"trace_id={sandbox.requests[-1].headers.get('traceparent', '--').split('-')[1]}" in last
            or "trace_id=" in last
        )
    if lines:
        assert any("fieldingkit.retry" in line and "error=503" in line and "delay=" in line for line in printed)


def test_an_unknown_value_of_fieldingkit_log_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value other than debug and info is refused when a client is made."""
    monkeypatch.setenv("FIELDINGKIT_LOG", "loud")
    with pytest.raises(ConfigurationError, match="FIELDINGKIT_LOG must be 'debug' or 'info'; got 'loud'"):
        Client(auth="t")


def test_a_printed_record_is_one_line() -> None:
    """A value with control characters or blanks is quoted, so that each record stays one line."""
    record = logging.makeLogRecord({"name": "fieldingkit.x", "levelname": "INFO", "msg": "m", "error": "a\nb\x1b[31m"})
    assert logs._Formatter().format(record).endswith(r"INFO fieldingkit.x: m error='a\nb\x1b[31m'")
