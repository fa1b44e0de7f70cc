"""What an import loads, and what it and a client's construction leave undone."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from support.examples import READ, RUN_BODY
from support.fixture_types import MakeClient, Serve
from support.raw_server import answer

import fieldingkit
from fieldingkit.errors import ConfigurationError
from fieldingkit.sandbox import Sandbox

HEAVY = {"aiohttp", "asyncio", "attrs", "attr", "cattrs", "opentelemetry", "yarl", "backoff", "ssl", "socket"}


def run(code: str, *arguments: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *arguments],
        env={"PYTHONPATH": ":".join([str(Path(fieldingkit.__file__).parents[1]), *filter(None, sys.path)])},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


LOADING = """
import sys
for name in sys.argv[1:]:
    exec(f"from fieldingkit import {name}" if name != "fieldingkit" else "import fieldingkit")
    print(name, *sorted({module.partition(".")[0] for module in sys.modules}))
"""


def test_light() -> None:
    """69. import fieldingkit and its errors loads nothing of weight; commands and models load attrs alone."""
    light = ["fieldingkit", "errors", "Command", "JobCommand", "batch_jobs", "fielding_runs", "fielding_jobs"]
    light += sorted(fieldingkit._MODULES.keys() - {*light, "events"})
    loaded = {name: set(packages) for name, *packages in map(str.split, run(LOADING, *light).splitlines())}

    assert not loaded["fieldingkit"] & HEAVY
    assert not loaded["errors"] & HEAVY
    for name in light:
        assert not loaded[name] & {"aiohttp", "cattrs", "opentelemetry", "backoff", "yarl"}, name


def test_no_sandbox() -> None:
    """69. A client loads neither the sandbox, nor the command line, nor what only they need."""
    code = "import sys; from fieldingkit import AsyncClient, Client; print(*sys.modules)"
    loaded = {".".join(name.split(".")[:2]) for name in run(code).split()}
    assert "fieldingkit.client" in loaded
    assert not loaded & {"fieldingkit.sandbox", "fieldingkit.cli", "rich", "cyclopts", "pytest"}


def test_first_client() -> None:
    """69. Making a client loads what its first call needs, and not what only jobs, lists or measurements do."""
    late = {
        "cattrs",
        "backoff",
        "opentelemetry.metrics",
        "fieldingkit.jobs.job",
    }
    for kind in ("AsyncClient", "Client"):
        code = f"import sys; from fieldingkit import {kind}; {kind}(account_id=1, auth='token'); print(*sys.modules)"
        loaded = set(run(code).split())
        assert "aiohttp" in loaded
        assert not loaded & late, kind


def test_unknown_name() -> None:
    """69. A name that there is not is an AttributeError, as with any module."""
    with pytest.raises(AttributeError, match="no attribute 'Frobnicate'"):
        _ = fieldingkit.Frobnicate


NOTHING_HAPPENS = """
import asyncio, socket, sys, threading
from importlib import import_module

def refuse(*args, **kwargs):
    raise AssertionError("too early")

import fieldingkit
threading.Thread.start = refuse
socket.socket.__init__ = refuse
socket.getaddrinfo = refuse
asyncio.new_event_loop = refuse
asyncio.events.new_event_loop = refuse

for name in fieldingkit.__all__:
    getattr(fieldingkit, name)
credentials = fieldingkit.ClientCredentials(client_id="i", client_secret="s")
clients = [
    kind(auth=auth, account_id=1)
    for kind in (fieldingkit.AsyncClient, fieldingkit.Client)
    for auth in ("token", credentials)
]
clients[0].job(sys.argv[1])
assert threading.active_count() == 1
print("nothing")
"""


def test_nothing_happens() -> None:
    """70. Importing everything and making clients opens no socket, starts no thread and makes no event loop."""
    from support.examples import GOLDEN_TOKEN

    assert run(NOTHING_HAPPENS, GOLDEN_TOKEN) == "nothing"


MODULE_SCOPE = """
import asyncio, sys
from fieldingkit import AsyncClient, accounts
from fieldingkit.errors import ConfigurationError

client = AsyncClient(auth=sys.argv[1], base_url=sys.argv[2], account_id=101)

async def main():
    await client.request("GET", sys.argv[3])
    await client.aclose()

asyncio.run(main())
print("used")
"""


def test_module_scope(sandbox: Sandbox) -> None:
    """70. A client may be made at module scope, before there is a loop, and be used in the loop that comes."""
    group = sandbox.seed(live=1).groups[0]
    path = f"/demand/accounts/101/projects/{group.project_id}/target-groups/{group.id}/fielding-runs"
    assert run(MODULE_SCOPE, sandbox.token, sandbox.url, path) == "used"


async def test_second_loop(serve: Serve, make_client: MakeClient) -> None:
    """70. Use from a second loop is refused in words that say so, and leaves the first one be."""
    server = await serve(answer(200, RUN_BODY))
    client = make_client(base_url=server.url)
    await client.send(READ)

    with pytest.raises(ConfigurationError, match="another event loop"):
        await asyncio.to_thread(asyncio.run, client.send(READ))

    assert (await client.send(READ)).version == 1
    assert len(server.requests) == 2


async def test_second_loop_during_a_token(make_client: MakeClient) -> None:
    """70. So is use from a second loop while the first still waits for its token."""

    class Never:
        async def fetch(self, http: object) -> None:
            del http
            await asyncio.Event().wait()

    client = make_client(base_url="https://api.example.org", auth=Never())
    task = asyncio.create_task(client.send(READ))
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    with pytest.raises(ConfigurationError, match="another event loop"):
        await asyncio.to_thread(asyncio.run, client.send(READ))

    task.cancel()


def test_unused_client() -> None:
    """70. A client that was never used needs no closing: nothing was opened."""
    code = "import gc; from fieldingkit import AsyncClient; AsyncClient(auth='x'); gc.collect(); print('quiet')"
    assert run(code) == "quiet"
