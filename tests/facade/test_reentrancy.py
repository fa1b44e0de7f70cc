"""Reentrancy: signal handlers, Ctrl-C and exiting tasks in the middle of opening and closing."""

import signal

import pytest
from support.scripts import Run

pytestmark = pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="there is no such signal here")

AS_THE_THREAD_STARTS = """
import signal, threading

def signal_as_the_thread_starts(number):
    start = threading.Thread.start
    def start_and_be_interrupted(self):
        start(self)
        if self.name == "fieldingkit":
            threading.Thread.start = start
            signal.raise_signal(number)
    threading.Thread.start = start_and_be_interrupted

def threads():
    for thread in threading.enumerate():
        if "ThreadPoolExecutor" in thread.name:
            thread.join(60)  # with uvloop, the thread that resolved the host's name ends a moment later
    return [thread.name for thread in threading.enumerate()]
"""


def test_signal_handler_may_call_while_the_thread_starts(run: Run) -> None:
    """A signal handler may call while the first call starts the thread; both use one loop."""
    outcome = run(
        AS_THE_THREAD_STARTS
        + """
from support.facade_scene import READ
from fieldingkit import Client

client = Client.from_env()
signal.signal(signal.SIGUSR1, lambda *_: print("handler", len(client.send(READ).data)))
signal_as_the_thread_starts(signal.SIGUSR1)
print("caller", len(client.send(READ).data))
print("again", len(client.send(READ).data))
client.close()
print(threads())
""",
        "-W",
        "error",
    )
    assert outcome == (0, "handler 1\ncaller 1\nagain 1\n['MainThread']\n", "")


def test_interrupt_while_the_thread_starts_leaves_no_thread(run: Run) -> None:
    """Ctrl-C while the thread starts leaves no thread behind, and the client remains usable."""
    outcome = run(
        AS_THE_THREAD_STARTS
        + """
from support.facade_scene import READ
from fieldingkit import Client

client = Client.from_env()
signal_as_the_thread_starts(signal.SIGINT)
try:
    client.send(READ)
except KeyboardInterrupt:
    print("interrupted", len(client.send(READ).data))
client.close()
while len(threads()) > 1:
    pass
""",
        "-W",
        "error",
    )
    assert outcome == (0, "interrupted 1\n", "")


def test_submitted_call_completes_although_a_signal_handler_closes(run: Run) -> None:
    """A call that was already sent returns its result although a signal handler closes the client."""
    outcome = run(
        """
        import asyncio, signal, threading
        from support.facade_scene import PAUSE
        from fieldingkit import Client

        async def loop_of(client):
            return asyncio.get_running_loop()

        answered = threading.Event()
        client = Client.from_env(on_attempt=lambda attempt: answered.set())
        loop = client.call(loop_of)
        schedule = loop.call_soon_threadsafe

        def schedule_and_be_interrupted(*args):
            loop.call_soon_threadsafe = schedule
            schedule(*args)
            answered.wait()
            signal.raise_signal(signal.SIGUSR1)

        signal.signal(signal.SIGUSR1, lambda *_: client.close())
        loop.call_soon_threadsafe = schedule_and_be_interrupted
        print(client.submit(PAUSE).idempotency_key is not None)
        """
    )
    assert outcome == (0, "True\n", "")


def test_close_completes_although_a_task_raises_system_exit(run: Run) -> None:
    """close() completes although a task raises SystemExit in the same iteration of the loop."""
    outcome = run(
        """
        import asyncio, sys, threading, time
        from fieldingkit import Client
        from fieldingkit.loop_thread import LoopThread

        stop, asked = LoopThread.stop, threading.Event()
        def stop_and_report(self, **options):
            stop(self, **options)
            asked.set()
        LoopThread.stop = stop_and_report

        async def leave():
            sys.exit(3)

        async def work(client):
            threading.Thread(target=client_of_all.close).start()
            asked.wait()  # the loop stands still meanwhile
            task = asyncio.create_task(leave())
            await asyncio.sleep(60)

        client_of_all = Client.from_env()
        try:
            client_of_all.call(work)
        except Exception as exc:
            print(type(exc).__name__)
        client_of_all.close()
        """
    )
    assert outcome[:2] == (0, "ClientClosedError\n")


def test_system_exit_in_a_cancelled_task_releases_other_callers(run: Run) -> None:
    """Other callers are released although a task answers its cancellation with SystemExit."""
    outcome = run(
        """
        import asyncio, sys, threading
        from fieldingkit import Client

        both = threading.Barrier(3)

        async def leave():
            try:
                await asyncio.sleep(60)
            finally:
                sys.exit(3)

        async def exits(client):
            task = asyncio.create_task(leave())
            await asyncio.sleep(0)
            await asyncio.to_thread(both.wait)
            await task

        async def cleans_up(client):
            await asyncio.to_thread(both.wait)
            try:
                await asyncio.sleep(60)
            finally:
                await asyncio.sleep(0.05)

        def call(function):
            try:
                client.call(function)
            except BaseException as exc:
                ends.append(exc)

        ends, client = [], Client.from_env()
        threads = [threading.Thread(target=call, args=(function,)) for function in (exits, cleans_up)]
        for thread in threads:
            thread.start()
        both.wait()
        client.close()
        for thread in threads:
            thread.join()
        print(len(ends))
        """
    )
    assert outcome[:2] == (0, "2\n")
