"""In the midst of things: what a signal handler, Ctrl-C or the exit of a task finds half done."""

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
    return [thread.name for thread in threading.enumerate()]
"""


def test_a_handler_calls_during_the_first_call(run: Run) -> None:
    """58: a signal handler may make a call while the first call starts the thread; both come to one loop."""
    outcome = run(
        AS_THE_THREAD_STARTS
        + """
from support.facade_scene import LOOK
from fieldingkit import Client

client = Client.from_env()
signal.signal(signal.SIGUSR1, lambda *_: print("handler", len(client.send(LOOK).data)))
signal_as_the_thread_starts(signal.SIGUSR1)
print("caller", len(client.send(LOOK).data))
print("again", len(client.send(LOOK).data))
client.close()
print(threads())
""",
        "-W",
        "error",
    )
    assert outcome == (0, "handler 1\ncaller 1\nagain 1\n['MainThread']\n", "")


def test_ctrl_c_during_the_first_call(run: Run) -> None:
    """60: Ctrl-C while the thread starts leaves no thread behind, and the client can be used on."""
    outcome = run(
        AS_THE_THREAD_STARTS
        + """
from support.facade_scene import LOOK
from fieldingkit import Client

client = Client.from_env()
signal_as_the_thread_starts(signal.SIGINT)
try:
    client.send(LOOK)
except KeyboardInterrupt:
    print("interrupted", len(client.send(LOOK).data))
client.close()
while len(threads()) > 1:
    pass
""",
        "-W",
        "error",
    )
    assert outcome == (0, "interrupted 1\n", "")


def test_a_handler_closes_while_the_loop_gets_the_call(run: Run) -> None:
    """58: a call whose request has left is not denied because a signal handler closes the client just then."""
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


def test_a_task_exits_as_the_client_is_closed(run: Run) -> None:
    """58: the end is not forgotten because a task raises SystemExit in the same turn of the loop."""
    outcome = run(
        """
        import asyncio, sys, threading, time
        from fieldingkit import Client
        from fieldingkit.loop_thread import LoopThread

        stop, asked = LoopThread.stop, threading.Event()
        def stop_and_tell(self, **options):
            stop(self, **options)
            asked.set()
        LoopThread.stop = stop_and_tell

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


def test_a_task_exits_when_it_is_cancelled(run: Run) -> None:
    """58: who waits for another call is freed although a task answers its cancellation with SystemExit."""
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
