"""The interpreter's end: without ``close()``, and from within atexit handlers."""

from pathlib import Path

import pytest
from support.scripts import Run

UNCLOSED = """
    import sys
    from support.facade_scene import LOOK
    from fieldingkit import Client

    def main():
        client = Client.from_env()
        return client, client.send(LOOK).data

    client, runs = main()
    sys.exit(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    """


@pytest.mark.parametrize("options", [("-W", "default"), ("-X", "dev")], ids=" ".join)
def test_unclosed(run: Run, tmp_path: Path, options: tuple[str, ...]) -> None:
    """59: a script that ends without ``close()`` ends well, and one warning names the line where it made the client."""
    outcome = run(UNCLOSED, *options)
    assert (outcome.code, outcome.out) == (0, "")
    # In its debug mode asyncio remarks on what took long, which on a busy machine anything may.
    warning, line = (line for line in outcome.err.splitlines() if not line.startswith("Executing <"))
    assert warning.startswith(f"{tmp_path / 'script.py'}:6: ResourceWarning: ")
    assert line.strip() == "client = Client.from_env()"


def test_unclosed_and_nobody_asked(run: Run) -> None:
    """59: where warnings are not asked for it ends in silence, also after a host name was looked up on a thread."""
    outcome = run(
        """
        import os
        from support.facade_scene import LOOK
        from fieldingkit import Client

        client = Client.from_env(base_url=os.environ["CINT_BASE_URL"].replace("127.0.0.1", "localhost"))
        assert client.send(LOOK).data
        """
    )
    assert outcome == (0, "", "")


def test_unclosed_while_calls_go_on(run: Run) -> None:
    """59: calls that other threads have going on at the end do not hold it up, nor make it noisy."""
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


def test_in_an_atexit_handler(run: Run) -> None:
    """56: a call in an atexit handler works, also where it is the first to need a host name."""
    outcome = run(
        """
        import asyncio, atexit, os
        from support.facade_scene import GROUPS, LOOK, PAUSE
        from fieldingkit import Client

        @atexit.register
        def leave():
            print(len(client.send(LOOK).data), client.run(PAUSE).ok)
            client.close()

        client = Client.from_env(base_url=os.environ["CINT_BASE_URL"].replace("127.0.0.1", "localhost"))
        client.call(lambda client: asyncio.sleep(0))
        """,
        "-W",
        "error",
    )
    assert outcome == (0, "1 True\n", "")


def test_first_used_in_an_atexit_handler(run: Run) -> None:
    """56: the first call of all works in an atexit handler, or says that this Python starts no thread any more."""
    outcome = run(
        """
        import atexit
        from support.facade_scene import LOOK
        from fieldingkit import Client
        from fieldingkit.errors import ConfigurationError

        @atexit.register
        def leave():
            try:
                with Client.from_env() as client:
                    print(len(client.send(LOOK).data))
            except ConfigurationError as error:
                print("thread" in str(error))
        """,
        "-W",
        "error",
    )
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out in {"1\n", "True\n"}


def test_after_the_end_of_everything(run: Run) -> None:
    """59: a call from a ``__del__`` that runs when all is over fails at once, and does not wait for a dead loop."""
    outcome = run(
        """
        from support.facade_scene import LOOK
        from fieldingkit import Client
        from fieldingkit.errors import ClientClosedError

        class Last:
            def __del__(self, refused=ClientClosedError, say=print):
                try:
                    client.send(LOOK)
                except refused:
                    say("refused")

        client = Client.from_env()
        client.send(LOOK)
        last = Last()
        """
    )
    assert outcome == (0, "refused\n", "")
