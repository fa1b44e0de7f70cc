"""Metrics: names, units, attributes and values."""

import asyncio
from typing import Any

import pytest
from opentelemetry.metrics import NoOpMeterProvider
from support.examples import free_port
from support.fake_clock import FakeClock, settle
from support.fixture_types import MakeClient
from support.otel import Measurements, run_alone
from support.sandbox_commands import EVERY, PAUSES, READS, a_batch, a_failure, a_read, path_of

from fieldingkit import Client, RetryPolicy, fielding_jobs
from fieldingkit.errors import ApiError, ConnectionFailedError, JobFailedError, JobGoneError
from fieldingkit.sandbox import Sandbox, faults


@pytest.fixture
def measured() -> Measurements:
    """Return a meter provider that keeps its measurements."""
    return Measurements()


async def test_each_attempt_is_measured_by_the_conventions(
    sandbox: Sandbox, clock: FakeClock, make_client: MakeClient, measured: Measurements
) -> None:
    """Each attempt is measured under the conventions' name, in seconds, with their buckets and attributes."""
    sandbox.faults.add("get_fielding_runs*", faults.Answer(503))
    await make_client(meter_provider=measured.provider, clock=clock).send(a_read(sandbox))
    port = int(sandbox.url.split(":")[2].split("/")[0])
    common = {
        "http.request.method": "GET",
        "server.address": "127.0.0.1",
        "server.port": port,
        "network.protocol.version": "1.1",
    }
    points = measured.of("http.client.request.duration")
    assert [attributes for attributes, _ in points] == [
        {**common, "http.response.status_code": 503, "error.type": "503"},
        {**common, "http.response.status_code": 200},
    ]
    assert [point.count for _, point in points] == [1, 1]
    assert points[0][1].explicit_bounds == (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)


async def test_an_attempt_without_a_response_has_no_status(
    clock: FakeClock, make_client: MakeClient, measured: Measurements, sandbox: Sandbox
) -> None:
    """An attempt without a response is measured with the class of its error and without a status."""
    url = f"http://127.0.0.1:{free_port()}/v1"
    with pytest.raises(ConnectionFailedError):
        await make_client(meter_provider=measured.provider, clock=clock, base_url=url).send(a_read(sandbox))
    ((attributes, point),) = measured.of("http.client.request.duration")
    assert (attributes["error.type"], point.count) == ("ConnectionFailedError", 4)
    assert "http.response.status_code" not in attributes


async def test_retries_are_counted_by_operation_and_error(
    sandbox: Sandbox, clock: FakeClock, make_client: MakeClient, measured: Measurements
) -> None:
    """Retries are counted by operation and error."""
    sandbox.faults.add("get_fielding_runs*", faults.Answer(503))
    sandbox.faults.add("get_fielding_runs*", faults.DropBefore())
    await make_client(meter_provider=measured.provider, clock=clock).send(a_read(sandbox))
    counted = {attributes["error.type"]: point.value for attributes, point in measured.of("fieldingkit.client.retries")}
    assert counted == {"503": 1, "TransportError": 1}
    assert {attributes["fieldingkit.operation_id"] for attributes, _ in measured.of("fieldingkit.client.retries")} == {
        READS
    }


async def test_a_call_stopped_by_the_retry_budget_is_counted(
    sandbox: Sandbox, clock: FakeClock, make_client: MakeClient, measured: Measurements
) -> None:
    """A call that is not retried because the retry budget is exhausted is counted."""
    sandbox.faults.add("get_fielding_runs*", faults.Answer(503), times=None)
    policy = RetryPolicy(budget=1, budget_refill=1e-6)
    with pytest.raises(ApiError):
        await make_client(meter_provider=measured.provider, clock=clock, retry=policy).send(a_read(sandbox))
    ((attributes, point),) = measured.of("fieldingkit.client.retry_budget.exhausted")
    assert (attributes, point.value) == ({"fieldingkit.operation_id": READS}, 1)
    assert [point.value for _, point in measured.of("fieldingkit.client.retries")] == [1]


async def test_a_finished_job_is_measured_once(
    sandbox: Sandbox, sandbox_clock: FakeClock, make_client: MakeClient, measured: Measurements
) -> None:
    """A finished job is measured once, with its duration, its polls and its outcome."""
    client = make_client(meter_provider=measured.provider, clock=sandbox_clock, poll=EVERY)
    job = await client.submit(a_batch(sandbox))
    await asyncio.gather(job.wait(), job.wait())
    await job.wait()
    expected = {"fieldingkit.operation_id": PAUSES, "fieldingkit.job.outcome": "completed"}
    ((attributes, took),) = measured.of("fieldingkit.job.duration")
    assert (attributes, took.count, round(took.sum, 6)) == (expected, 1, 0.03)
    ((attributes, polls),) = measured.of("fieldingkit.job.polls")
    assert (attributes, polls.count, polls.sum) == (expected, 1, 2)


async def test_a_job_is_in_flight_while_it_is_awaited(
    sandbox: Sandbox, make_client: MakeClient, measured: Measurements
) -> None:
    """A job counts as in flight once while anyone waits for it, whether or not it ends."""
    clock = FakeClock(jump=0)
    client = make_client(meter_provider=measured.provider, clock=clock)
    first, second = [await client.submit(a_batch(sandbox)) for _ in range(2)]
    waiting = [asyncio.create_task(job.wait()) for job in (first, first, second)]
    await settle()

    def in_flight() -> list[Any]:
        return [(attributes, point.value) for attributes, point in measured.of("fieldingkit.job.in_flight")]

    attributes = {"fieldingkit.operation_id": PAUSES}
    assert in_flight() == [(attributes, 2)]
    waiting[0].cancel()
    waiting[2].cancel()
    await settle()
    assert in_flight() == [(attributes, 1)]
    waiting[1].cancel()
    await settle()
    assert in_flight() == [(attributes, 0)]
    assert measured.of("fieldingkit.job.duration") == []


async def test_failed_and_lost_jobs_have_their_own_outcome(
    sandbox: Sandbox, sandbox_clock: FakeClock, make_client: MakeClient, measured: Measurements
) -> None:
    """A failed job and a lost job have outcomes of their own."""
    client = make_client(meter_provider=measured.provider, clock=sandbox_clock)
    with pytest.raises(JobFailedError):
        await client.run(a_failure(sandbox))
    sandbox.faults.add("create_bulk_*", faults.JobGone(410))
    with pytest.raises(JobGoneError):
        await client.run(a_batch(sandbox))
    launch = fielding_jobs.LaunchFromDraft.endpoint.operation_id
    found = [tuple(attributes.values()) for attributes, _ in measured.of("fieldingkit.job.duration")]
    assert found == [(launch, "failed"), (PAUSES, "lost")]


async def test_a_resumed_job_has_no_duration(
    sandbox: Sandbox, sandbox_clock: FakeClock, make_client: MakeClient, measured: Measurements
) -> None:
    """A resumed job has no duration, since its creation was not seen here."""
    job = await make_client(clock=sandbox_clock).submit(a_batch(sandbox))
    await make_client(meter_provider=measured.provider, clock=sandbox_clock).job(job.token()).wait()
    assert [point.count for _, point in measured.of("fieldingkit.job.polls")] == [1]
    assert measured.of("fieldingkit.job.duration") == []


async def test_a_successful_job_uses_four_instruments(
    sandbox: Sandbox, sandbox_clock: FakeClock, make_client: MakeClient, measured: Measurements
) -> None:
    """A successful call and job are measured by these four instruments only."""
    client = make_client(meter_provider=measured.provider, clock=sandbox_clock)
    await client.run(a_batch(sandbox))
    assert measured.names == {
        "http.client.request.duration",
        "fieldingkit.job.in_flight",
        "fieldingkit.job.duration",
        "fieldingkit.job.polls",
    }


async def test_a_noop_meter_provider_breaks_nothing(sandbox: Sandbox, make_client: MakeClient) -> None:
    """A no-op meter provider breaks nothing."""
    client = make_client(meter_provider=NoOpMeterProvider())
    assert (await client.send(a_read(sandbox))).data


def test_the_blocking_client_measures_too(sandbox: Sandbox, measured: Measurements) -> None:
    """The blocking client measures its attempts."""
    with Client(account_id=101, auth=sandbox.token, base_url=sandbox.url, meter_provider=measured.provider) as client:
        client.send(a_read(sandbox))
    assert [point.count for _, point in measured.of("http.client.request.duration")] == [1]


def test_a_global_provider_may_be_set_after_the_client(sandbox: Sandbox) -> None:
    """Measurements go to the global provider by default, even if it is set after the client was made."""
    read = a_read(sandbox)
    path = path_of(read)
    script = f"""
import asyncio
from opentelemetry import metrics
from support.otel import Measurements
from fieldingkit import AsyncClient

async def main() -> None:
    async with AsyncClient(auth={sandbox.token!r}, base_url={sandbox.url!r}) as client:
        await client.request("GET", {path!r})
        measured = Measurements()
        metrics.set_meter_provider(measured.provider)
        await client.request("GET", {path!r})
        print([point.count for _, point in measured.of("http.client.request.duration")])

asyncio.run(main())
"""
    assert run_alone(script, PYTHONPATH="tests") == "[1]"
