"""Interpreter exit without ``close()``, and calls in atexit handlers."""

from pathlib import Path

import pytest
from support.scripts import Run

UNCLOSED = """
    import sys
    from support.facade_scene import READ
    from fieldingkit import Client

    def main():
        client = Client.from_env()
        return client, client.send(READ).data

    client, runs = main()
    sys.exit(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    """


@pytest.mark.parametrize("options", [("-W", "default"), ("-X", "dev")], ids=" ".join)
def test_exit_without_close_warns_once(run: Run, tmp_path: Path, options: tuple[str, ...]) -> None:
    """A script that exits without close() succeeds, with one warning that names the line of the construction."""
    outcome = run(UNCLOSED, *options)
    assert (outcome.code, outcome.out) == (0, "")
    # In its debug mode asyncio remarks on what took long, which on a busy machine anything may.
    warning, line = (line for line in outcome.err.splitlines() if not line.startswith("Executing <"))
    assert warning.startswith(f"{tmp_path / 'script.py'}:6: ResourceWarning: ")
    assert line.strip() == "client = Client.from_env()"


def test_exit_without_close_is_silent_by_default(run: Run) -> None:
    """With default warning filters the exit is silent, also after a host name lookup on a thread."""
    outcome = run(
        """
        import os
        from support.facade_scene import READ
        from fieldingkit import Client

        client = Client.from_env(base_url=os.environ["CINT_BASE_URL"].replace("127.0.0.1", "localhost"))
        assert client.send(READ).data
        """
    )
    assert outcome == (0, "", "")


def test_exit_does_not_wait_for_calls_of_other_threads(run: Run) -> None:
    """Calls in other threads neither delay the exit nor print anything."""
    outcome = run(
        """
        import asyncio, threading
        from fieldingkit import Client

        def work():
            client.call(sleep)

        async def sleep(client):
            begun.set()
            await asyncio.sleep(60)

        begun = threading.Event()
        client = Client.from_env()
        threading.excepthook = lambda failure: print(failure.exc_type.__name__)
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        begun.wait()
        """
    )
    assert (outcome.code, outcome.err) == (0, "")


def test_calls_work_in_an_atexit_handler(run: Run) -> None:
    """A call in an atexit handler works, also if it is the first to resolve a host name."""
    outcome = run(
        """
        import asyncio, atexit, os
        from support.facade_scene import GROUPS, READ, PAUSE
        from fieldingkit import Client

        @atexit.register
        def leave():
            print(len(client.send(READ).data), client.run(PAUSE).ok)
            client.close()

        client = Client.from_env(base_url=os.environ["CINT_BASE_URL"].replace("127.0.0.1", "localhost"))
        client.call(lambda client: asyncio.sleep(0))
        """,
        "-W",
        "error",
    )
    assert outcome == (0, "1 True\n", "")


def test_first_call_in_an_atexit_handler_works_or_is_refused(run: Run) -> None:
    """The very first call works in an atexit handler, or reports that this Python starts no thread any more."""
    outcome = run(
        """
        import atexit
        from support.facade_scene import READ
        from fieldingkit import Client
        from fieldingkit.errors import ConfigurationError

        @atexit.register
        def leave():
            try:
                with Client.from_env() as client:
                    print(len(client.send(READ).data))
            except ConfigurationError as error:
                print("thread" in str(error))
        """,
        "-W",
        "error",
    )
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out in {"1\n", "True\n"}


def test_call_after_interpreter_shutdown_fails_at_once(run: Run) -> None:
    """A call from a ``__del__`` after the shutdown raises ClientClosedError instead of waiting for a dead loop."""
    outcome = run(
        """
        from support.facade_scene import READ
        from fieldingkit import Client
        from fieldingkit.errors import ClientClosedError

        class Last:
            def __del__(self, refused=ClientClosedError, say=print):
                try:
                    client.send(READ)
                except refused:
                    say("refused")

        client = Client.from_env()
        client.send(READ)
        last = Last()
        """
    )
    assert outcome == (0, "refused\n", "")
