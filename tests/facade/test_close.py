"""Closing the blocking client, and forgetting to."""

import asyncio
import gc
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.scripts import Eventually

from fieldingkit import AsyncClient, Client, batch_jobs, fielding_runs
from fieldingkit.errors import ClientClosedError, ConfigurationError
from fieldingkit.sandbox import Sandbox, faults

LOOK = "get_fielding_runs_by_target_group_id"


def our_threads() -> list[str]:
    """The names of fieldingkit's threads but for the sandbox's."""
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if name.startswith("fieldingkit") and name != "fieldingkit-sandbox"]


def test_closing(blocking_client: Client, look: fielding_runs.ListFieldingRuns) -> None:
    """58: after close() there is no thread of fieldingkit, and a call is refused."""
    blocking_client.send(look)
    assert our_threads() == ["fieldingkit"]
    blocking_client.close()
    assert our_threads() == []
    with pytest.raises(ClientClosedError, match="closed"):
        blocking_client.send(look)
    assert our_threads() == []


def test_closing_again(blocking_client: Client, look: fielding_runs.ListFieldingRuns) -> None:
    """58: close() may be called by many threads at once and again later; each returns when the thread has ended."""
    blocking_client.send(look)

    def close(_: int) -> list[str]:
        blocking_client.close()
        return our_threads()

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(close, range(64))) == [[]] * 64
    blocking_client.close()


def test_closing_unused(blocking_client: Client, look: fielding_runs.ListFieldingRuns) -> None:
    """58: a client that was never used can be closed, and is then closed."""
    blocking_client.close()
    with pytest.raises(ClientClosedError):
        blocking_client.send(look)


def test_never_used(sandbox: Sandbox) -> None:
    """70: making a client starts no thread, and one that was never used may be dropped without a warning."""
    client = Client(account_id=sandbox.account_id, auth=sandbox.token, base_url=sandbox.url)
    assert our_threads() == []
    del client


def test_closing_while_calls_go_on(
    sandbox: Sandbox,
    blocking_client: Client,
    look: fielding_runs.ListFieldingRuns,
    pause: batch_jobs.PauseTargetGroups,
    eventually: Eventually,
) -> None:
    """58: closing breaks off what other threads have going on, be it sent, between attempts, or a wait for a job."""
    sandbox.faults.add("create_bulk_pause_target_groups_job", faults.StuckJob())
    sandbox.faults.add("create_bulk_pause_target_groups_job", faults.Delay(60.0))
    sandbox.faults.add(LOOK, faults.Answer(503, headers={"Retry-After": "60"}))
    job = blocking_client.submit(pause)
    with ThreadPoolExecutor(3) as pool:
        waiting = pool.submit(job.wait)
        eventually(lambda: len(sandbox.requests) == 2)
        between = pool.submit(blocking_client.send, look)
        eventually(lambda: LOOK in {request.operation_id for request in sandbox.requests})
        sent = pool.submit(blocking_client.submit, pause)
        eventually(lambda: any(isinstance(request.fault, faults.Delay) for request in sandbox.requests))
        blocking_client.close()
        for call in (sent, between, waiting):
            with pytest.raises(ClientClosedError, match="the client was closed"):
                call.result()
    error = sent.exception()
    assert isinstance(error, ClientClosedError)
    assert (error.command, error.maybe_applied) == (pause, True)
    assert [attempt.sent for attempt in error.attempts] == [True]
    assert job.token() in "".join(getattr(waiting.exception(), "__notes__", ()))


def test_calls_that_race_with_the_end(sandbox: Sandbox, look: fielding_runs.ListFieldingRuns) -> None:
    """58: a call that begins just as the client is closed has its answer or an error; it does not hang."""
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
    """Do nothing in the loop."""
    del client


def test_in_its_own_loop(
    blocking_client: Client, look: fielding_runs.ListFieldingRuns, pause: batch_jobs.PauseTargetGroups
) -> None:
    """62: a blocking call on the client's own loop is refused at once, and the error names what to use there."""
    job = blocking_client.submit(pause)

    async def main(client: AsyncClient) -> None:
        with pytest.raises(ConfigurationError, match=r"AsyncClient\.send"):
            blocking_client.send(look)
        with pytest.raises(ConfigurationError, match=r"Job\.wait"):
            job.wait()
        with pytest.raises(ConfigurationError, match=r"Job\.watch"):
            next(job.watch())
        with pytest.raises(ConfigurationError, match=r"AsyncClient\.aclose"):
            blocking_client.close()

    blocking_client.call(main)
    assert blocking_client.send(look).data


def test_forgetting_it(sandbox: Sandbox, look: fielding_runs.ListFieldingRuns, eventually: Eventually) -> None:
    """59: a client that is dropped without close() is closed, with a warning that names the line where it was made."""
    client = Client(account_id=sandbox.account_id, auth=sandbox.token, base_url=sandbox.url)
    client.send(look)
    with pytest.warns(ResourceWarning, match="was not closed") as caught:
        del client
    assert [warning.filename for warning in caught] == [__file__]
    eventually(lambda: our_threads() == [])


def test_a_job_outlives_its_client(
    sandbox: Sandbox, pause: batch_jobs.PauseTargetGroups, eventually: Eventually
) -> None:
    """59: a job's handle keeps what it needs, also where nobody kept the client."""
    job = Client(account_id=sandbox.account_id, auth=sandbox.token, base_url=sandbox.url).submit(pause)
    gc.collect()
    assert job.wait().ok
    with pytest.warns(ResourceWarning, match="was not closed"):
        del job
    eventually(lambda: our_threads() == [])


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_a_server_that_takes_nothing() -> None:
    """58: closing does not wait for a server that takes no bytes any more; asyncio complains of the transport then."""
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


def test_a_stubborn_coroutine(blocking_client: Client) -> None:
    """58: close() waits for a coroutine that takes its time to clean up, and its caller has what it gave."""
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
