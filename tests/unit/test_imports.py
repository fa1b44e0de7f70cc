"""Imports are lazy and have no side effects; neither does the construction of a client."""

import ast
import asyncio
import builtins
import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

import pytest
from support.examples import LIST, READ, RUN_BODY, TAGGED
from support.fixture_types import MakeClient, Serve
from support.raw_server import Step, answer

import fieldingkit
import fieldingkit.resources
from fieldingkit import AsyncClient, Command
from fieldingkit.errors import ConfigurationError
from fieldingkit.resources.batch_jobs import PauseTargetGroups
from fieldingkit.sandbox import Sandbox

PACKAGES = {
    name: import_module(name)
    for name in ("fieldingkit", "fieldingkit.studies", "fieldingkit.sweeps", "fieldingkit.workflows")
}
every_lazy_package = pytest.mark.parametrize("package", PACKAGES.values(), ids=PACKAGES)
HEAVY = {"aiohttp", "asyncio", "attrs", "attr", "cattrs", "opentelemetry", "yarl", "backoff", "ssl", "socket"}


def run(code: str, *arguments: str) -> str:
    """Return the output of a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *arguments],
        env={"PYTHONPATH": ":".join([str(Path(fieldingkit.__file__).parents[1]), *filter(None, sys.path)])},
        capture_output=True,
        text=True,
        timeout=240,
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


def test_import_loads_no_heavy_dependency() -> None:
    """The root package and its errors load no dependency; commands and models load only attrs."""
    light = ["fieldingkit", "errors", "Command", "JobCommand", "batch_jobs", "fielding_runs", "fielding_jobs"]
    modules = {name for name in fieldingkit.__all__ if isinstance(getattr(fieldingkit, name), ModuleType)}
    light += sorted(modules - {*light, "events"})
    loaded = {name: set(packages) for name, *packages in map(str.split, run(LOADING, *light).splitlines())}

    assert not loaded["fieldingkit"] & HEAVY
    assert not loaded["errors"] & HEAVY
    for name in light:
        assert not loaded[name] & {"aiohttp", "cattrs", "opentelemetry", "backoff", "yarl"}, name


def test_clients_load_neither_sandbox_nor_command_line() -> None:
    """The clients load neither the sandbox, nor the command line, nor their dependencies."""
    code = "import sys; from fieldingkit import AsyncClient, Client; print(*sys.modules)"
    loaded = {".".join(name.split(".")[:2]) for name in run(code).split()}
    assert "fieldingkit.client" in loaded
    assert not loaded & {"fieldingkit.sandbox", "fieldingkit.cli", "rich", "cyclopts", "pytest"}


def test_constructing_a_client_loads_only_what_a_call_needs() -> None:
    """Constructing a client loads what its first call needs, and nothing that only jobs, traces or metrics need."""
    late = {
        "cattrs",
        "backoff",
        "opentelemetry",
        "secrets",
        "fieldingkit.api_response",
        "fieldingkit.jobs.job",
        "fieldingkit.transport.telemetry.events",
    }
    for kind in ("AsyncClient", "Client"):
        code = f"import sys; from fieldingkit import {kind}; {kind}(account_id=1, auth='token'); print(*sys.modules)"
        loaded = set(run(code).split())
        assert "aiohttp" in loaded
        assert not loaded & late, kind
        assert not {name for name in loaded if name.startswith(("fieldingkit.resources.", "fieldingkit.workflows"))}


RESOURCES = [info.name for info in iter_modules(fieldingkit.resources.__path__)]
SHARED = {
    "allocation_requests",
    "exclusions",
    "fielding_assistant",
    "fielding_jobs",
    "money",
    "profile_checks",
    "profile_writers",
    "profiling",
    "re_entry",
    "supply",
    "supply_shares",
    "target_groups",
    "upload_checks",
}
"""The resource modules that others load, for models that several operations have."""

ALONE = """
import sys
from importlib import import_module

for name in sys.argv[1:]:
    import_module(f"fieldingkit.resources.{name}")
    loaded = [module for module in sys.modules if module.startswith("fieldingkit.resources.")]
    print(name, *(module.rpartition(".")[2] for module in loaded))
    for module in loaded:
        del sys.modules[module]
"""


def test_a_resource_module_loads_alone() -> None:
    """A resource module loads no other one, except for those whose models several operations have."""
    for name, *loaded in map(str.split, run(ALONE, *RESOURCES).splitlines()):
        assert set(loaded) <= {name} | SHARED


def test_a_resource_module_has_its_name_alone() -> None:
    """A module of the package with the name of a resource module would replace it once it is imported."""
    resources = {info.name for info in iter_modules(fieldingkit.resources.__path__)}
    assert not resources & {info.name for info in iter_modules(fieldingkit.__path__)}
    code = "import fieldingkit.workflows.reports, fieldingkit.rendering; print(fieldingkit.reports.__name__)"
    assert run(code) == "fieldingkit.resources.reports"


@every_lazy_package
def test_lazy_names_are_those_that_type_checkers_see(package: ModuleType) -> None:
    """Every name that a type checker sees is the one that is loaded at run time, and there are no others."""
    tree = ast.parse(Path(str(package.__file__)).read_text())
    (block,) = (node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    seen: dict[str, object] = {}
    for statement in block.body:
        exec(ast.unparse(statement), {}, seen)
    assert seen == {name: getattr(package, name) for name in package.__all__}
    assert package.__all__ == sorted(package.__all__)
    assert set(package.__all__) <= set(dir(package))


def test_unknown_name_is_an_attribute_error() -> None:
    """An unknown name of the root package is an AttributeError, as in any module."""
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


def test_imports_and_constructors_have_no_side_effects() -> None:
    """Importing every name and constructing clients opens no socket, starts no thread and creates no event loop."""
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


def test_client_at_module_scope_works_in_a_later_loop(sandbox: Sandbox) -> None:
    """A client that is constructed at module scope works in an event loop that starts later."""
    group = sandbox.seed(live=1).groups[0]
    path = f"/demand/accounts/101/projects/{group.project_id}/target-groups/{group.id}/fielding-runs"
    assert run(MODULE_SCOPE, sandbox.token, sandbox.url, path) == "used"


async def test_second_event_loop_is_refused(serve: Serve, make_client: MakeClient) -> None:
    """A call from a second event loop raises ConfigurationError and does not disturb the first loop."""
    server = await serve(answer(200, RUN_BODY))
    client = make_client(base_url=server.url)
    await client.send(READ)

    with pytest.raises(ConfigurationError, match="another event loop"):
        await asyncio.to_thread(asyncio.run, client.send(READ))

    assert (await client.send(READ)).version == 1
    assert len(server.requests) == 2


async def test_second_event_loop_is_refused_during_a_token_fetch(make_client: MakeClient) -> None:
    """A call from a second event loop is refused while the first loop still waits for its token."""

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


@pytest.fixture
def import_statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that every import statement of fieldingkit is added to when it runs."""
    statements: list[str] = []
    original = builtins.__import__

    def counted(name: str, scope: Mapping[str, Any] | None = None, *others: Any, **options: Any) -> ModuleType:
        module = (scope or {}).get("__name__") or ""
        if module.startswith("fieldingkit.") and not module.startswith("fieldingkit.sandbox"):
            statements.append(f"{module} imports {name}")
        return original(name, scope, *others, **options)

    monkeypatch.setattr(builtins, "__import__", counted)
    return statements


@pytest.mark.parametrize(
    ("command", "step"),
    [
        (READ, answer(200, RUN_BODY)),
        (TAGGED, answer(204, headers={"ETag": 'W/"2"'})),
        (LIST, answer(200, {"accounts": []})),
    ],
    ids=["read", "action", "list"],
)
async def test_only_the_first_call_runs_import_statements(
    command: Command[Any], step: Step, serve: Serve, make_client: MakeClient, import_statements: list[str]
) -> None:
    """Once a call was made, the next one imports nothing: an import statement takes as long as 20 function calls."""
    client = make_client(base_url=(await serve(step)).url)
    await client.send(command)
    assert import_statements
    import_statements.clear()
    await client.send(command)
    assert import_statements == []


async def test_only_the_first_job_runs_import_statements(
    sandbox: Sandbox, sweep_client: AsyncClient, import_statements: list[str]
) -> None:
    """Once a job was run, the next one imports nothing."""
    group = sandbox.seed(live=1).groups[0]
    command = PauseTargetGroups(project_id=group.project_id, target_group_ids=[group.id])
    await sweep_client.run(command)
    assert import_statements
    import_statements.clear()
    await sweep_client.run(command)
    assert import_statements == []


def test_unused_client_needs_no_closing() -> None:
    """A client that was never used may be dropped without a warning."""
    code = "import gc; from fieldingkit import AsyncClient; AsyncClient(auth='x'); gc.collect(); print('quiet')"
    assert run(code) == "quiet"


@pytest.mark.parametrize("module", ["fieldingkit.transport", "fieldingkit.transport.credentials"])
def test_credentials_load_no_aiohttp(module: str) -> None:
    """The transport package and its credentials load no aiohttp: a configuration needs them, and no connection."""
    loaded = set(run(f"import sys, {module}; print(*sys.modules)").split())
    assert module in loaded
    assert not loaded & {"aiohttp", "yarl", "cattrs", "opentelemetry"}
