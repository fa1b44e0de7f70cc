"""Ctrl-C: the caller is released at once, and its coroutine is cancelled."""

import asyncio
import gc
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from support.scripts import LIMIT, Run, Start, WaitUntil

import fieldingkit
from fieldingkit import AsyncClient, Client, Job, batch_jobs, portal
from fieldingkit.sandbox import Sandbox, faults

PACKAGE = str(Path(fieldingkit.__file__).parent)

pytestmark = pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="there is no such signal here")


def test_interrupt_ends_a_call_at_once(start: Start, sandbox: Sandbox, wait_until: WaitUntil) -> None:
    """Ctrl-C during a call raises KeyboardInterrupt at once, and an unhandled one ends the script by its signal."""
    sandbox.faults.add("get_fielding_runs_by_target_group_id", faults.Delay(60.0))
    script = start(
        """
        from support.facade_scene import READ
        from fieldingkit import Client

        with Client.from_env() as client:
            client.send(READ)
        """
    )
    wait_until(lambda: sandbox.requests)
    pressed = time.monotonic()
    script.process.send_signal(signal.SIGINT)
    outcome = script.outcome()
    assert time.monotonic() - pressed < 50.0
    assert outcome.code == -signal.SIGINT
    assert outcome.err.rstrip().endswith("KeyboardInterrupt")
    assert "Exception ignored" not in outcome.err


def test_interrupt_of_a_wait_ends_polling_and_keeps_the_client(
    start: Start, sandbox: Sandbox, wait_until: WaitUntil
) -> None:
    """Ctrl-C during a wait for a job ends its polling, and the client remains usable."""
    sandbox.faults.add("create_bulk_pause_target_groups_job", faults.StuckJob())
    script = start(
        """
        from support.facade_scene import READ, PAUSE
        from fieldingkit import Client, PollPolicy

        client = Client.from_env(poll=PollPolicy(min_interval=0.1, max_interval=0.1))
        job = client.submit(PAUSE)
        try:
            job.wait()
        except KeyboardInterrupt:
            print(len(client.send(READ).data), "after", job.token()[:3])
        client.close()
        """
    )
    wait_until(lambda: len(sandbox.requests) > 2)
    script.process.send_signal(signal.SIGINT)
    outcome = script.outcome()
    assert (outcome.code, outcome.out[:7], outcome.err) == (0, "1 after", "")


def test_interrupted_write_tells_its_key_and_that_it_may_have_been_applied(
    start: Start, sandbox: Sandbox, wait_until: WaitUntil
) -> None:
    """Ctrl-C during a write raises KeyboardInterrupt with the notes of a cancellation: the outcome and the key."""
    sandbox.faults.add("create_bulk_pause_target_groups_job", faults.Delay(60.0))
    script = start(
        """
        from support.facade_scene import PAUSE
        from fieldingkit import Client

        with Client.from_env() as client:
            try:
                client.run(PAUSE.replace(idempotency_key="mine"))
            except KeyboardInterrupt as exc:
                print(*exc.__notes__)
        """
    )
    wait_until(lambda: sandbox.requests)
    script.process.send_signal(signal.SIGINT)
    outcome = script.outcome()
    assert (outcome.code, outcome.err) == (0, "")
    assert "create_bulk_pause_target_groups_job may have been applied" in outcome.out
    assert "idempotency_key='mine'" in outcome.out


def test_interrupted_run_tells_the_token_of_its_job(start: Start, sandbox: Sandbox, wait_until: WaitUntil) -> None:
    """Ctrl-C while ``run`` waits raises KeyboardInterrupt with a note that resumes the job."""
    sandbox.faults.add("create_bulk_pause_target_groups_job", faults.StuckJob())
    script = start(
        """
        import re
        from support.facade_scene import PAUSE
        from fieldingkit import Client

        with Client.from_env() as client:
            try:
                client.run(PAUSE)
            except KeyboardInterrupt as exc:
                token = re.search(r"client\\.job\\('(.+)'\\)", " ".join(exc.__notes__))[1]
                print(client.job(token).status().status)
        """
    )
    wait_until(lambda: len(sandbox.requests) > 1)
    script.process.send_signal(signal.SIGINT)
    assert script.outcome() == (0, "Processing\n", "")


def test_interrupted_sweep_tells_its_run_and_jobs(start: Start, sandbox: Sandbox, wait_until: WaitUntil) -> None:
    """Ctrl-C during a sweep raises KeyboardInterrupt with the note of a cancelled sweep."""
    sandbox.faults.add("create_bulk_pause_target_groups_job", faults.StuckJob())
    script = start(
        """
        from support.facade_scene import PAUSE
        from fieldingkit import Client
        from fieldingkit.sweeps import SweepPlan, sweep

        groups = {PAUSE.project_id: PAUSE.target_group_ids}
        with Client.from_env() as client:
            try:
                client.call(sweep, SweepPlan(action="pause", target_groups=groups, run_id="tonight"))
            except KeyboardInterrupt as exc:
                print(*exc.__notes__)
        """
    )
    wait_until(lambda: any("batch-jobs" in request.path and request.method == "GET" for request in sandbox.requests))
    script.process.send_signal(signal.SIGINT)
    outcome = script.outcome()
    assert (outcome.code, outcome.err) == (0, "")
    assert "the pause may have been applied: run tonight (no journal) has created 1 job; read the" in outcome.out


def test_interrupt_after_the_result_tells_the_job(
    blocking_client: Client, pause: batch_jobs.PauseTargetGroups, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupt that arrives when the job was just submitted carries a note with its token."""
    wait = portal._Call.wait

    def interrupted(call: Any) -> None:
        wait(call)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(portal._Call, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt) as caught:
            blocking_client.submit(pause)
    (note,) = caught.value.__notes__
    token = note.partition("client.job('")[2].partition("')")[0]
    assert blocking_client.job(token).wait().ok


def test_interrupt_waits_for_the_cleanup_of_the_coroutine(start: Start) -> None:
    """The cancelled coroutine finishes its cleanup before KeyboardInterrupt is raised."""
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
def test_interrupt_during_submission_leaves_nothing_running(
    begun: bool, blocking_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupt just before or just after the call is submitted leaves nothing running."""
    loop = blocking_client.call(loop_of)
    running, story = threading.Event(), list[str]()
    schedule, interruption = loop.call_soon_threadsafe, pytest.MonkeyPatch()

    async def work(client: AsyncClient) -> None:
        del client
        try:
            story.append("begun")
            running.set()
            await asyncio.sleep(60)
        finally:
            story.append("cleaned up")

    def interrupted(*args: Any) -> None:
        interruption.undo()
        if begun:
            schedule(*args)
            running.wait(LIMIT)
        raise KeyboardInterrupt

    monkeypatch.setattr("fieldingkit.portal.GRACE_PERIOD", LIMIT)
    interruption.setattr(loop, "call_soon_threadsafe", interrupted)
    with pytest.raises(KeyboardInterrupt):
        blocking_client.call(work)
    assert story == ["begun", "cleaned up"] * begun
    assert blocking_client.call(loop_of) is loop


async def loop_of(client: AsyncClient) -> asyncio.AbstractEventLoop:
    """Return the event loop of a blocking client."""
    del client
    return asyncio.get_running_loop()


def test_coroutine_that_ignores_cancellation_delays_only_briefly(start: Start) -> None:
    """A coroutine that ignores its cancellation delays neither the caller nor the exit for long."""
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
    assert time.monotonic() - pressed < 50.0
    assert outcome.code == -signal.SIGINT
    assert outcome.out.startswith("no\n")


def test_signal_handler_may_call_and_close(run: Run) -> None:
    """A signal handler may make calls during other calls, and may close the client."""
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


class InterruptAtCall:
    """A trace function that raises KeyboardInterrupt at the n-th call within the package, as a signal may."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.calls = 0

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        """Count a call."""
        del argument
        if event == "call" and PACKAGE in frame.f_code.co_filename:
            self.calls += 1
            if self.calls == self.number:
                sys.settrace(None)
                raise KeyboardInterrupt


def _interrupted(action: Callable[[], object], number: int) -> KeyboardInterrupt | None:
    """Return the interrupt that an action raises if it is interrupted at its n-th call; None if it ends before."""
    before = sys.gettrace()
    gc.disable()  # no finalizer of an earlier test may be the call that is interrupted
    sys.settrace(InterruptAtCall(number))
    try:
        action()
    except KeyboardInterrupt as exc:
        return exc
    finally:
        sys.settrace(before)
        gc.enable()
    return None


@pytest.mark.parametrize("started", [False, True], ids=["first call", "later call"])
@pytest.mark.parametrize("name", ["submit", "run"])
def test_no_moment_of_a_submission_loses_its_job(
    name: str, started: bool, sandbox: Sandbox, pause: batch_jobs.PauseTargetGroups
) -> None:
    """An interrupt at any call within the client has a note once the request was sent, and an untouched client."""
    for number in range(1, 100):
        with Client(auth=sandbox.token, account_id=sandbox.account_id, base_url=sandbox.url) as client:
            if started:
                client.call(loop_of)
            before = len(sandbox.requests)
            exc = _interrupted(partial(getattr(client, name), pause), number)
            assert len(sandbox.requests) == before or exc is None or exc.__notes__
            client.call(loop_of)
        if exc is None:
            break
    else:
        pytest.fail("the action never ended")


@pytest.mark.parametrize("name", ["status", "wait", "watch"])
def test_no_moment_of_a_wait_loses_its_job(
    name: str, blocking_client: Client, pause: batch_jobs.PauseTargetGroups
) -> None:
    """An interrupt at any call within a wait has a note with the job's token, unless its handle has the result."""

    def wait(job: Job[Any]) -> None:
        outcome = getattr(job, name)()
        if name == "watch":
            list(outcome)

    for number in range(3, 200):  # the first two are the method itself and its context manager
        job = blocking_client.submit(pause)
        exc = _interrupted(partial(wait, job), number)
        if exc is None:
            break
        assert job.ended or f"client.job('{job.token()}')" in exc.__notes__[-1]
    else:
        pytest.fail("the wait never ended")
