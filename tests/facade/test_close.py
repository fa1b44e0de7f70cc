"""Closing the blocking client, and dropping it unclosed."""

import asyncio
import gc
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from support.scripts import WaitUntil

from fieldingkit import AsyncClient, AttemptEvent, Client, batch_jobs, fielding_runs
from fieldingkit.errors import ClientClosedError, ConfigurationError
from fieldingkit.sandbox import Sandbox, faults

LIST_RUNS = "get_fielding_runs_by_target_group_id"


def our_threads() -> list[str]:
    """Return the names of fieldingkit's threads, without the sandbox's."""
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if name.startswith("fieldingkit") and name != "fieldingkit-sandbox"]


def test_close_ends_the_thread_and_refuses_further_calls(
    blocking_client: Client, read: fielding_runs.ListFieldingRuns
) -> None:
    """After close() fieldingkit has no thread, and a call raises ClientClosedError."""
    blocking_client.send(read)
    assert our_threads() == ["fieldingkit"]
    blocking_client.close()
    assert our_threads() == []
    with pytest.raises(ClientClosedError, match="closed"):
        blocking_client.send(read)
    assert our_threads() == []


def test_close_is_idempotent_and_thread_safe(blocking_client: Client, read: fielding_runs.ListFieldingRuns) -> None:
    """close() may be called repeatedly and from many threads; each call returns after the thread has ended."""
    blocking_client.send(read)

    def close(_: int) -> list[str]:
        blocking_client.close()
        return our_threads()

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(close, range(64))) == [[]] * 64
    blocking_client.close()


def test_closing_an_unused_client_refuses_further_calls(
    blocking_client: Client, read: fielding_runs.ListFieldingRuns
) -> None:
    """A client that was never used can be closed, and then refuses calls."""
    blocking_client.close()
    with pytest.raises(ClientClosedError):
        blocking_client.send(read)


def test_unused_client_starts_no_thread_and_needs_no_closing(sandbox: Sandbox) -> None:
    """Constructing a client starts no thread, and an unused client is dropped without a warning."""
    client = Client(account_id=sandbox.account_id, auth=sandbox.token, base_url=sandbox.url)
    assert our_threads() == []
    del client


def test_job_of_a_closed_client_may_have_been_executed(
    blocking_client: Client, pause: batch_jobs.PauseTargetGroups
) -> None:
    """A wait for a job of a closed client says that the job may have been executed, and has its token."""
    job = blocking_client.submit(pause)
    blocking_client.close()
    for read in (job.wait, job.status, lambda: next(job.watch())):
        with pytest.raises(ClientClosedError, match=f"job {job.id} cannot be polled any more") as caught:
            read()
        assert (caught.value.maybe_applied, caught.value.command) == (True, pause)
        assert job.token() in "".join(caught.value.__notes__)


def test_close_ends_the_calls_of_other_threads(
    sandbox: Sandbox,
    blocking_client: Client,
    read: fielding_runs.ListFieldingRuns,
    pause: batch_jobs.PauseTargetGroups,
    wait_until: WaitUntil,
) -> None:
    """close() ends the calls of other threads: a sent one, one between attempts, and a wait for a job."""
    sandbox.faults.add("create_bulk_pause_target_groups_job", faults.StuckJob())
    sandbox.faults.add("create_bulk_pause_target_groups_job", faults.Delay(60.0))
    sandbox.faults.add(LIST_RUNS, faults.Answer(503, headers={"Retry-After": "60"}))
    job = blocking_client.submit(pause)
    with ThreadPoolExecutor(3) as pool:
        waiting = pool.submit(job.wait)
        wait_until(lambda: len(sandbox.requests) == 2)
        between = pool.submit(blocking_client.send, read)
        wait_until(lambda: LIST_RUNS in {request.operation_id for request in sandbox.requests})
        sent = pool.submit(blocking_client.submit, pause)
        wait_until(lambda: any(isinstance(request.fault, faults.Delay) for request in sandbox.requests))
        blocking_client.close()
        for call in (sent, between, waiting):
            with pytest.raises(ClientClosedError, match="the client was closed"):
                call.result()
    error = sent.exception()
    assert isinstance(error, ClientClosedError)
    assert (error.command, error.maybe_applied) == (pause, True)
    assert [attempt.sent for attempt in error.attempts] == [True]
    assert job.token() in "".join(getattr(waiting.exception(), "__notes__", ()))


def test_calls_that_race_with_close_never_hang(sandbox: Sandbox, read: fielding_runs.ListFieldingRuns) -> None:
    """A call that starts while the client is closed gets its result or ClientClosedError; it never hangs."""
    for _ in range(20):
        client = Client(account_id=sandbox.account_id, auth=sandbox.token, base_url=sandbox.url)
        client.call(nothing)
        gate = threading.Barrier(5)

        def work(client: Client = client, gate: threading.Barrier = gate) -> bool:
            gate.wait()
            try:
                while True:
                    client.call(nothing)
            except ClientClosedError:
                return True

        with ThreadPoolExecutor(4) as pool:
            calls = [pool.submit(work) for _ in range(4)]
            gate.wait()
            client.close()
            assert all(call.result() for call in calls)


async def nothing(client: AsyncClient) -> None:
    """Do nothing, in the loop."""
    del client


def test_blocking_call_on_its_own_loop_is_refused(
    blocking_client: Client, read: fielding_runs.ListFieldingRuns, pause: batch_jobs.PauseTargetGroups
) -> None:
    """A blocking call on the client's own loop is refused at once; the error names the method to await."""
    job = blocking_client.submit(pause)

    async def main(client: AsyncClient) -> None:
        with pytest.raises(ConfigurationError, match=r"AsyncClient\.send"):
            blocking_client.send(read)
        with pytest.raises(ConfigurationError, match=r"Job\.wait"):
            job.wait()
        with pytest.raises(ConfigurationError, match=r"Job\.watch"):
            next(job.watch())
        with pytest.raises(ConfigurationError, match=r"AsyncClient\.aclose"):
            blocking_client.close()

    blocking_client.call(main)
    assert blocking_client.send(read).data


def test_dropped_client_is_closed_with_a_warning(
    sandbox: Sandbox, read: fielding_runs.ListFieldingRuns, wait_until: WaitUntil
) -> None:
    """A client that is dropped without close() is closed, with a warning that names the line of its construction."""
    client = Client(account_id=sandbox.account_id, auth=sandbox.token, base_url=sandbox.url)
    client.send(read)
    with pytest.warns(ResourceWarning, match="was not closed") as caught:
        del client
    assert [warning.filename for warning in caught] == [__file__]
    wait_until(lambda: our_threads() == [])


def test_job_keeps_its_client_alive(
    sandbox: Sandbox, pause: batch_jobs.PauseTargetGroups, wait_until: WaitUntil
) -> None:
    """A job keeps the client that it needs, even if nothing else refers to it."""
    job = Client(account_id=sandbox.account_id, auth=sandbox.token, base_url=sandbox.url).submit(pause)
    gc.collect()
    assert job.wait().ok
    with pytest.warns(ResourceWarning, match="was not closed"):
        del job
    wait_until(lambda: our_threads() == [])


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_close_does_not_wait_for_a_stalled_server() -> None:
    """close() does not wait for a server that has stopped reading; asyncio warns about the transport then."""
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        client = Client(account_id=1, auth="token", base_url=f"http://127.0.0.1:{server.getsockname()[1]}")
        call = pool.submit(client.request, "POST", "/demand", json="x" * 32 * 2**20)
        connection, _ = server.accept()
        with connection:
            assert connection.recv(1)
            client.close()
            assert isinstance(call.exception(), ClientClosedError)
    del call, client
    gc.collect()


def test_close_waits_for_the_cleanup_of_a_coroutine(blocking_client: Client) -> None:
    """close() waits while a cancelled coroutine cleans up, and its caller gets its result."""
    begun = threading.Event()

    async def work(client: AsyncClient) -> str:
        begun.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(0.05)
            return "put away"
        return "not cancelled"

    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(blocking_client.call, work)
        begun.wait()
        blocking_client.close()
        assert call.result() == "put away"


def test_close_during_a_delay_reports_the_key_and_the_outcome_of_the_call(
    sandbox: Sandbox, pause: batch_jobs.PauseTargetGroups, wait_until: WaitUntil
) -> None:
    """A call that close() ends between two attempts raises an error with its own key, attempts and outcome."""
    later = {"Retry-After": "60"}
    sandbox.faults.add("create_bulk_pause_target_groups_job", faults.Answer(503, headers=later))
    sandbox.faults.add(LIST_RUNS, faults.Answer(503, headers=later))
    read = fielding_runs.ListFieldingRuns(project_id=pause.project_id, target_group_id=pause.target_group_ids[0])
    attempts: list[AttemptEvent] = []
    options = {"account_id": sandbox.account_id, "auth": sandbox.token, "base_url": sandbox.url}
    with ThreadPoolExecutor(2) as pool, Client(**options, on_attempt=attempts.append) as client:
        calls = [
            pool.submit(client.submit, pause.replace(idempotency_key="mine")),
            pool.submit(client.send, read),
        ]
        wait_until(lambda: len(attempts) == 2)
        client.close()
        write, reading = (call.exception() for call in calls)
    assert isinstance(write, ClientClosedError)
    assert (write.idempotency_key, write.maybe_applied, write.command is not None) == ("mine", True, True)
    assert [attempt.status for attempt in write.attempts] == [503]
    assert isinstance(reading, ClientClosedError)
    assert (reading.maybe_applied, reading.operation_id) == (False, LIST_RUNS)


def test_close_does_not_wait_for_a_coroutine_that_ignores_cancellation(
    blocking_client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """A coroutine that ignores its cancellation delays close() by the grace period; its caller gets an error."""
    begun, ignoring = threading.Event(), True

    async def work(client: AsyncClient) -> None:
        begun.set()
        while ignoring:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(60)

    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(blocking_client.call, work)
        begun.wait()
        blocking_client.close()
        assert our_threads() == []
        with pytest.raises(ClientClosedError, match="did not end"):
            call.result()
    ignoring = False
    (record,) = caplog.records
    assert record.message == "tasks ignored their cancellation"
    assert vars(record)["tasks"] == ["test_close_does_not_wait_for_a_coroutine_that_ignores_cancellation.<locals>.work"]
