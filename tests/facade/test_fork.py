"""After a fork: the child begins anew, and the parent's connections stay whole."""

import os

import pytest
from support.scripts import Run

from fieldingkit.sandbox import Sandbox, faults

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")

QUIET = ("-W", "error", "-W", "ignore:This process:DeprecationWarning")
"""Every warning counts but Python's own, of forks in a process with threads."""


def test_the_child_uses_it_and_so_does_the_parent(run: Run) -> None:
    """57: parent and child both go on with it, and the parent's connection survives the child and its end."""
    outcome = run(
        """
        import os, sys
        from support.facade_scene import GROUPS, LOOK, PAUSE
        from fieldingkit import Client

        with Client.from_env() as client:
            assert client.send(LOOK).data
            child = os.fork()
            if child == 0:
                assert client.run(PAUSE).ok
                client.close()
                sys.exit(7)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
            answer = client.send_detailed(LOOK)
            print(len(answer.attempts), len(answer.result.data))
        """,
        *QUIET,
    )
    assert outcome == (0, "1 1\n", "")


def test_the_child_drops_it(run: Run) -> None:
    """57: a child that has no use for it and lets go of it closes nothing of the parent's, and complains of nothing."""
    outcome = run(
        """
        import gc, os, sys
        from support.facade_scene import LOOK
        from fieldingkit import Client

        client = Client.from_env()
        assert client.send(LOOK).data
        child = os.fork()
        if child == 0:
            del client
            gc.collect()
            sys.exit()
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        print(len(client.send_detailed(LOOK).attempts))
        client.close()
        """,
        *QUIET,
    )
    assert outcome == (0, "1\n", "")


def test_the_lock_is_held_in_the_parent(run: Run) -> None:
    """57: a lock that the parent held at the fork does not hang the child."""
    outcome = run(
        """
        import os, threading
        from support.facade_scene import LOOK
        from fieldingkit import Client

        held, forked = threading.Event(), threading.Event()

        def hold():
            with client._portal._lock:
                held.set()
                forked.wait()

        with Client.from_env() as client:
            assert client.send(LOOK).data
            thread = threading.Thread(target=hold)
            thread.start()
            held.wait()
            child = os.fork()
            if child == 0:
                assert client.send(LOOK).data
                os._exit(0)
            forked.set()
            thread.join()
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
            assert client.send(LOOK).data
        """,
        *QUIET,
    )
    assert outcome == (0, "", "")


def test_calls_are_going_on(run: Run, sandbox: Sandbox) -> None:
    """57: a call and a wait that were going on go on in the parent, and the child can wait for the same job."""
    sandbox.faults.add("get_fielding_runs_by_target_group_id", faults.Delay(1.0))
    outcome = run(
        """
        import os, threading, time
        from support.facade_scene import LOOK, PAUSE
        from fieldingkit import Client, PollPolicy

        done = []
        with Client.from_env(poll=PollPolicy(first_delay=1.0)) as client:
            job = client.submit(PAUSE)
            threads = [
                threading.Thread(target=lambda: done.append(client.send_detailed(LOOK).attempts)),
                threading.Thread(target=lambda: done.append(job.wait())),
            ]
            for thread in threads:
                thread.start()
            time.sleep(0.3)
            child = os.fork()
            if child == 0:
                assert client.send(LOOK).data
                assert job.wait().ok
                os._exit(0)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
            for thread in threads:
                thread.join()
            print(len(done))
        """,
        *QUIET,
    )
    assert outcome == (0, "2\n", "")


def test_a_pool_of_processes(run: Run) -> None:
    """57: a pool's forked processes share the module's client, which was in use before."""
    outcome = run(
        """
        import multiprocessing
        from support.facade_scene import LOOK
        from fieldingkit import Client

        def look(number):
            return len(client.send(LOOK).data)

        with Client.from_env() as client:
            look(0)
            with multiprocessing.get_context("fork").Pool(2) as pool:
                print(pool.map(look, range(4)))
            look(0)
        """,
        *QUIET,
    )
    assert outcome == (0, "[1, 1, 1, 1]\n", "")


def test_it_was_closed_before(run: Run) -> None:
    """57: a client that the parent had closed is closed in the child too."""
    outcome = run(
        """
        import os
        from support.facade_scene import LOOK
        from fieldingkit import Client
        from fieldingkit.errors import ClientClosedError

        with Client.from_env() as client:
            client.send(LOOK)
        child = os.fork()
        if child == 0:
            try:
                client.send(LOOK)
            except ClientClosedError:
                os._exit(7)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        """,
        *QUIET,
    )
    assert outcome == (0, "7\n", "")
