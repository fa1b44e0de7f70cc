"""Ctrl-C: the caller is free at once, and what it had begun is cancelled."""

import asyncio
import signal
import threading
import time
from typing import Any

import pytest
from support.scripts import LIMIT, Eventually, Run, Start

from fieldingkit import AsyncClient, Client
from fieldingkit.sandbox import Sandbox, faults

pytestmark = pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="there is no such signal here")


def test_during_a_call(start: Start, sandbox: Sandbox, eventually: Eventually) -> None:
    """60: Ctrl-C during a call raises KeyboardInterrupt at once, and a script that does not catch it ends by it."""
    sandbox.faults.add("get_fielding_runs_by_target_group_id", faults.Delay(60.0))
    script = start(
        """
        from support.facade_scene import LOOK
        from fieldingkit import Client

        with Client.from_env() as client:
            client.send(LOOK)
        """
    )
    eventually(lambda: sandbox.requests)
    pressed = time.monotonic()
    script.process.send_signal(signal.SIGINT)
    outcome = script.outcome()
    assert time.monotonic() - pressed < 5.0
    assert outcome.code == -signal.SIGINT
    assert outcome.err.rstrip().endswith("KeyboardInterrupt")
    assert "Exception ignored" not in outcome.err


def test_while_waiting_for_a_job(start: Start, sandbox: Sandbox, eventually: Eventually) -> None:
    """60: Ctrl-C while a job is waited for stops the looking, and the client can be used on."""
    sandbox.faults.add("create_bulk_pause_target_groups_job", faults.StuckJob())
    script = start(
        """
        from support.facade_scene import LOOK, PAUSE
        from fieldingkit import Client, PollPolicy

        client = Client.from_env(poll=PollPolicy(max_interval=0.1))
        job = client.submit(PAUSE)
        try:
            job.wait()
        except KeyboardInterrupt:
            print(len(client.send(LOOK).data), "after", job.token()[:3])
        client.close()
        """
    )
    eventually(lambda: len(sandbox.requests) > 2)
    script.process.send_signal(signal.SIGINT)
    outcome = script.outcome()
    assert (outcome.code, outcome.out[:7], outcome.err) == (0, "1 after", "")


def test_the_coroutine_cleans_up(start: Start) -> None:
    """60: the cancelled coroutine comes to the end of its clean-up before KeyboardInterrupt goes on."""
    script = start(
        """
        import asyncio
        from fieldingkit import Client, portal

        portal.GRACE_PERIOD = 60.0  # a busy machine may take longer than the usual second for the clean-up

        async def work(client):
            try:
                print("begun", flush=True)
                await asyncio.sleep(60)
            finally:
                await asyncio.sleep(0.1)
                print("cleaned up")

        with Client.from_env() as client:
            try:
                client.call(work)
            except KeyboardInterrupt:
                print("interrupted")
        """
    )
    assert script.process.stdout is not None
    assert script.process.stdout.readline() == "begun\n"
    script.process.send_signal(signal.SIGINT)
    assert script.outcome() == (0, "cleaned up\ninterrupted\n", "")


@pytest.mark.parametrize("begun", [False, True])
def test_on_the_way_in(begun: bool, blocking_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """60: an interruption just before or just after the loop gets the call leaves nothing running either."""
    loop = blocking_client.call(loop_of)
    told, story = threading.Event(), list[str]()
    schedule, interruption = loop.call_soon_threadsafe, pytest.MonkeyPatch()

    async def work(client: AsyncClient) -> None:
        del client
        try:
            story.append("begun")
            told.set()
            await asyncio.sleep(60)
        finally:
            story.append("cleaned up")

    def interrupted(*args: Any) -> None:
        interruption.undo()
        if begun:
            schedule(*args)
            told.wait(LIMIT)
        raise KeyboardInterrupt

    monkeypatch.setattr("fieldingkit.portal.GRACE_PERIOD", LIMIT)
    interruption.setattr(loop, "call_soon_threadsafe", interrupted)
    with pytest.raises(KeyboardInterrupt):
        blocking_client.call(work)
    assert story == ["begun", "cleaned up"] * begun
    assert blocking_client.call(loop_of) is loop


async def loop_of(client: AsyncClient) -> asyncio.AbstractEventLoop:
    """The loop that a blocking client's calls run in."""
    del client
    return asyncio.get_running_loop()


def test_the_coroutine_does_not_listen(start: Start) -> None:
    """60: a coroutine that does not let itself be cancelled holds up neither the caller nor the end for long."""
    script = start(
        """
        import asyncio, os
        from fieldingkit import Client, portal

        portal.GRACE_PERIOD = 0.1

        async def work(client):
            print("begun", flush=True)
            while True:
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    os.write(1, b"no\\n")

        client = Client.from_env()
        client.call(work)
        """
    )
    assert script.process.stdout is not None
    assert script.process.stdout.readline() == "begun\n"
    pressed = time.monotonic()
    script.process.send_signal(signal.SIGINT)
    outcome = script.outcome()
    assert time.monotonic() - pressed < 10.0
    assert outcome.code == -signal.SIGINT
    assert outcome.out.startswith("no\n")


def test_a_handler_makes_calls(run: Run) -> None:
    """58: a signal handler may make a call of its own in the midst of any other, and close the client at last."""
    outcome = run(
        """
        import asyncio, signal
        from fieldingkit import Client
        from fieldingkit.errors import ClientClosedError

        async def nothing(client):
            pass

        def handle(*_):
            global handled
            handled += 1
            if handled < 300:
                client.call(nothing)
                signal.setitimer(signal.ITIMER_REAL, 0.0005)
            else:
                client.close()

        handled = 0
        client = Client.from_env()
        client.call(nothing)
        signal.signal(signal.SIGALRM, handle)
        signal.setitimer(signal.ITIMER_REAL, 0.0005)
        try:
            while True:
                client.call(nothing)
        except ClientClosedError:
            print("closed")
        """
    )
    assert outcome == (0, "closed\n", "")
