"""Forks: the child opens its own connections, and the parent's are not disturbed."""

import os

import pytest
from support.scripts import Run

from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.sandbox.model.projects import Project

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")

QUIET = ("-W", "error", "-W", "ignore:This process:DeprecationWarning")
"""Every warning is an error, except Python's own about forks in a process with threads."""


def test_parent_and_child_both_use_the_client(run: Run) -> None:
    """Parent and child both use the client, and the connection of the parent survives the child."""
    outcome = run(
        """
        import os, sys
        from support.facade_scene import GROUPS, READ, PAUSE
        from fieldingkit import Client

        with Client.from_env() as client:
            assert client.send(READ).data
            child = os.fork()
            if child == 0:
                assert client.run(PAUSE).ok
                client.close()
                sys.exit(7)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
            answer = client.send_detailed(READ)
            print(len(answer.attempts), len(answer.result.data))
        """,
        *QUIET,
    )
    assert outcome == (0, "1 1\n", "")


def test_parent_and_child_both_use_a_fulfillment_client(run: Run, sandbox: Sandbox, project: Project) -> None:
    """A fulfillment client survives a fork as every blocking client does."""
    rid = project.groups[0].respondents[0].rid
    outcome = run(
        f"""
        import os, sys
        from fieldingkit import FulfillmentClient, fulfillment

        READ = fulfillment.GetRespondentStatus(rid="{rid}")
        with FulfillmentClient.from_env() as client:
            assert client.send(READ).status == 2
            child = os.fork()
            if child == 0:
                assert client.send(READ).status == 2
                client.close()
                sys.exit(7)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
            print(len(client.send_detailed(READ).attempts))
        """,
        *QUIET,
    )
    assert outcome == (0, "1\n", "")


def test_child_drops_the_client_without_side_effects(run: Run) -> None:
    """A child that drops the client closes nothing of the parent and warns about nothing."""
    outcome = run(
        """
        import gc, os, sys
        from support.facade_scene import READ
        from fieldingkit import Client

        client = Client.from_env()
        assert client.send(READ).data
        child = os.fork()
        if child == 0:
            del client
            gc.collect()
            sys.exit()
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        print(len(client.send_detailed(READ).attempts))
        client.close()
        """,
        *QUIET,
    )
    assert outcome == (0, "1\n", "")


def test_lock_held_in_the_parent_does_not_hang_the_child(run: Run) -> None:
    """A lock that the parent held during the fork does not hang the child."""
    outcome = run(
        """
        import os, threading
        from support.facade_scene import READ
        from fieldingkit import Client

        held, forked = threading.Event(), threading.Event()

        def hold():
            with client._portal._lock:
                held.set()
                forked.wait()

        with Client.from_env() as client:
            assert client.send(READ).data
            thread = threading.Thread(target=hold)
            thread.start()
            held.wait()
            child = os.fork()
            if child == 0:
                assert client.send(READ).data
                os._exit(0)
            forked.set()
            thread.join()
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
            assert client.send(READ).data
        """,
        *QUIET,
    )
    assert outcome == (0, "", "")


def test_pending_calls_continue_in_the_parent(run: Run, sandbox: Sandbox) -> None:
    """A call and a wait that were pending continue in the parent, and the child can wait for the same job."""
    sandbox.faults.add("get_fielding_runs_by_target_group_id", faults.Delay(1.0))
    outcome = run(
        """
        import os, threading, time
        from support.facade_scene import READ, PAUSE
        from fieldingkit import Client, PollPolicy

        done = []
        with Client.from_env(poll=PollPolicy(first_delay=1.0)) as client:
            job = client.submit(PAUSE)
            threads = [
                threading.Thread(target=lambda: done.append(client.send_detailed(READ).attempts)),
                threading.Thread(target=lambda: done.append(job.wait())),
            ]
            for thread in threads:
                thread.start()
            time.sleep(0.3)
            child = os.fork()
            if child == 0:
                assert client.send(READ).data
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


def test_forked_pool_shares_a_used_client(run: Run) -> None:
    """The forked processes of a pool use a client that was in use before."""
    outcome = run(
        """
        import multiprocessing
        from support.facade_scene import READ
        from fieldingkit import Client

        def read(number):
            return len(client.send(READ).data)

        with Client.from_env() as client:
            read(0)
            with multiprocessing.get_context("fork").Pool(2) as pool:
                print(pool.map(read, range(4)))
            read(0)
        """,
        *QUIET,
    )
    assert outcome == (0, "[1, 1, 1, 1]\n", "")


def test_closed_client_is_closed_in_the_child(run: Run) -> None:
    """A client that the parent had closed is closed in the child."""
    outcome = run(
        """
        import os
        from support.facade_scene import READ
        from fieldingkit import Client
        from fieldingkit.errors import ClientClosedError

        with Client.from_env() as client:
            client.send(READ)
        child = os.fork()
        if child == 0:
            try:
                client.send(READ)
            except ClientClosedError:
                os._exit(7)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        """,
        *QUIET,
    )
    assert outcome == (0, "7\n", "")
