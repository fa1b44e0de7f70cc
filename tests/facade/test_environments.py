"""Environments of the blocking client: scripts, threads, notebooks, coroutine functions, pytest workers."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from support.scripts import LIMIT, Run

from fieldingkit.sandbox import Sandbox


def test_plain_script_leaves_nothing_behind(run: Run) -> None:
    """The client works in a plain script and leaves no thread behind."""
    outcome = run(
        """
        import threading
        from support.facade_scene import GROUPS, READ, PAUSE
        from fieldingkit import Client

        with Client.from_env() as client:
            assert client.send(READ).data
            assert set(client.run(PAUSE).updated) == set(GROUPS)
        for thread in threading.enumerate():
            if "ThreadPoolExecutor" in thread.name:
                thread.join(60)  # with uvloop, the thread that resolved the host's name ends a moment later
        print(*(thread.name for thread in threading.enumerate()))
        """,
        "-W",
        "error",
    )
    assert outcome == (0, "MainThread\n", "")


def test_many_threads_share_one_loop(run: Run, sandbox: Sandbox) -> None:
    """32 threads share one client and one event loop, although their first calls coincide."""
    outcome = run(
        """
        import threading
        from concurrent.futures import ThreadPoolExecutor
        from support.facade_scene import READ
        from fieldingkit import Client

        at_once = threading.Barrier(32)

        def work(number):
            at_once.wait()
            return [client.send(READ).data for _ in range(5)]

        with Client.from_env() as client, ThreadPoolExecutor(32) as pool:
            assert all(all(runs) for runs in pool.map(work, range(32)))
            print(sum(thread.name == "fieldingkit" for thread in threading.enumerate()))
        """,
    )
    assert outcome == (0, "1\n", "")
    assert len(sandbox.requests) == 160


def test_notebook_cells_use_it_without_a_warning(run: Run) -> None:
    """The client works in a notebook's cells, which run in an event loop, without a warning."""
    outcome = run(
        """
        import asyncio

        CELLS = [
            "from support.facade_scene import READ, PAUSE",
            "from fieldingkit import Client",
            "client = Client.from_env()",
            "def read(): return client.send(READ)",
            "runs = read()",
            "print(client.run(PAUSE).ok)",
            "client.close()",
        ]

        async def kernel():
            names = {}
            for cell in CELLS:
                exec(compile(cell, "<cell>", "exec"), names)

        asyncio.run(kernel())
        """,
        "-W",
        "error",
    )
    assert outcome == (0, "True\n", "")


def test_coroutine_function_gets_one_warning(run: Run, tmp_path: Path) -> None:
    """The client blocks in a coroutine function, with one warning that names the line and AsyncClient."""
    outcome = run(
        """
        import asyncio
        from support.facade_scene import READ
        from fieldingkit import Client

        def read(client):
            return client.send(READ)

        async def main():
            with Client.from_env() as client:
                assert read(client).data
                assert read(client).data

        asyncio.run(main())
        """
    )
    assert (outcome.code, outcome.out) == (0, "")
    warning, line = outcome.err.splitlines()
    assert warning.startswith(f"{tmp_path / 'script.py'}:6: RuntimeWarning: ")
    assert "AsyncClient" in warning
    assert line.strip() == "return client.send(READ)"


def test_pytest_xdist_workers_use_it(tmp_path: Path) -> None:
    """The client works under pytest-xdist, whose workers run tests in a thread of their own."""
    pytest.importorskip("xdist", reason="pytest-xdist is not installed")
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["fieldingkit.sandbox.pytest_plugin"]\n')
    (tmp_path / "test_pausing.py").write_text(
        textwrap.dedent(
            """
            import pytest
            from fieldingkit import batch_jobs

            @pytest.mark.parametrize("number", range(4))
            def test_pausing(number, sandbox, blocking_client):
                project = sandbox.seed(live=3)
                pause = batch_jobs.PauseTargetGroups(project_id=project.id, target_group_ids=project.ids())
                assert blocking_client.run(pause).ok
            """
        )
    )
    command = [sys.executable, "-m", "pytest", "-p", "xdist", "-n", "1", "-W", "error", "-p", "no:cacheprovider"]
    env = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    outcome = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False, cwd=tmp_path, env=env)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert "4 passed" in outcome.stdout
