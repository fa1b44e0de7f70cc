"""Where the blocking client works: scripts, threads, notebooks, coroutine functions, worker processes of pytest."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from support.scripts import LIMIT, Run

from fieldingkit.sandbox import Sandbox


def test_a_script(run: Run) -> None:
    """56: it works in a plain script, which leaves nothing behind."""
    outcome = run(
        """
        import threading
        from support.facade_scene import GROUPS, LOOK, PAUSE
        from fieldingkit import Client

        with Client.from_env() as client:
            assert client.send(LOOK).data
            assert set(client.run(PAUSE).updated) == set(GROUPS)
        print(*(thread.name for thread in threading.enumerate()))
        """,
        "-W",
        "error",
    )
    assert outcome == (0, "MainThread\n", "")


def test_many_threads(run: Run, sandbox: Sandbox) -> None:
    """56: 32 threads share one client, whose first calls come all at once, and one event loop."""
    outcome = run(
        """
        import threading
        from concurrent.futures import ThreadPoolExecutor
        from support.facade_scene import LOOK
        from fieldingkit import Client

        at_once = threading.Barrier(32)

        def work(number):
            at_once.wait()
            return [client.send(LOOK).data for _ in range(5)]

        with Client.from_env() as client, ThreadPoolExecutor(32) as pool:
            assert all(all(runs) for runs in pool.map(work, range(32)))
            print(sum(thread.name == "fieldingkit" for thread in threading.enumerate()))
        """,
    )
    assert outcome == (0, "1\n", "")
    assert len(sandbox.requests) == 160


def test_a_notebook(run: Run) -> None:
    """56: it works in a notebook's cell, which runs within an event loop, and without a warning."""
    outcome = run(
        """
        import asyncio

        CELLS = [
            "from support.facade_scene import LOOK, PAUSE",
            "from fieldingkit import Client",
            "client = Client.from_env()",
            "def look(): return client.send(LOOK)",
            "runs = look()",
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


def test_a_coroutine_function(run: Run, tmp_path: Path) -> None:
    """56: within ``async def`` it blocks, with one warning that names the line and the way out."""
    outcome = run(
        """
        import asyncio
        from support.facade_scene import LOOK
        from fieldingkit import Client

        def look(client):
            return client.send(LOOK)

        async def main():
            with Client.from_env() as client:
                assert look(client).data
                assert look(client).data

        asyncio.run(main())
        """
    )
    assert (outcome.code, outcome.out) == (0, "")
    warning, line = outcome.err.splitlines()
    assert warning.startswith(f"{tmp_path / 'script.py'}:6: RuntimeWarning: ")
    assert "AsyncClient" in warning
    assert line.strip() == "return client.send(LOOK)"


def test_worker_processes_of_pytest(tmp_path: Path) -> None:
    """56: it works under pytest-xdist, whose workers run the tests on a thread of their own choosing."""
    pytest.importorskip("xdist")
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
