"""Completeness: every command and model has its documentation, endpoint, route and export."""

import ast
import importlib
import inspect
import itertools
import pkgutil
import types
from functools import cache
from typing import Any, Final, get_type_hints

import attrs
import pytest
from support.published_contract import CONTRACT, FIELDING_ONLY, FOLDER, load_document

import fieldingkit
import fieldingkit.resources
from fieldingkit import sandbox
from fieldingkit.codec import encode
from fieldingkit.commands import Command, Endpoint
from fieldingkit.errors import InvalidCommandError
from fieldingkit.files import Upload
from fieldingkit.job_commands import JobCommand, fold_word

NOT_IN_THE_SANDBOX_YET: Final[frozenset[str]] = frozenset()
"""Modules whose routes the sandbox lacks; it may only become shorter."""

OFFERED_BY: Final = {"allocation_templates": "supply_shares", "allocations": "supply", "profiles": "profiling"}
"""Modules that offer the classes of another one too: a vocabulary that several modules load."""

MODULES: Final = {
    info.name: importlib.import_module(f"fieldingkit.resources.{info.name}")
    for info in pkgutil.iter_modules(fieldingkit.resources.__path__)
}


def _commands() -> dict[str, type[Command[Any]]]:
    found: dict[str, type[Command[Any]]] = {}
    for module in MODULES.values():
        for value in vars(module).values():
            if inspect.isclass(value) and issubclass(value, Command) and "endpoint" in vars(value):
                found[value.__name__] = value
    return found


COMMANDS: Final = _commands()
every_command = pytest.mark.parametrize("name", sorted(COMMANDS))
every_module = pytest.mark.parametrize("module", sorted(MODULES))


@cache
def contract() -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Return the contract's operations by id: method, path and description."""
    found: dict[str, tuple[str, str, dict[str, Any]]] = {}
    for source in (FIELDING_ONLY, CONTRACT):
        if not source.exists():
            continue
        document = load_document(source)
        components = document["components"]["parameters"]
        for path, item in document["paths"].items():
            for method, operation in item.items():
                if method not in {"get", "post", "put", "patch", "delete", "head"}:
                    continue
                parameters = [*item.get("parameters", []), *operation.get("parameters", [])]
                resolved = [components[one["$ref"].rsplit("/", 1)[-1]] if "$ref" in one else one for one in parameters]
                found[operation["operationId"]] = (method.upper(), path, {**operation, "parameters": resolved})
    return found


@cache
def sandbox_routes() -> dict[str, tuple[str, str]]:
    """Return the sandbox's operations by id: method and path."""
    return {operation_id: (method, path) for method, path, operation_id in sandbox.routes()}


def operation_of(name: str) -> tuple[str, str, dict[str, Any]]:
    """Return the contract's operation of a command, or skip the test if there is no copy of the contract."""
    if not contract():
        pytest.skip(f"no contract in {FOLDER}")
    operation_id = COMMANDS[name].endpoint.operation_id
    assert operation_id in contract(), f"the contract knows no operation {operation_id}"
    return contract()[operation_id]


def filled(kind: type[Command[Any]]) -> Command[Any]:
    """Return a command with a value in every header and path field, bypassing its validators."""
    command = object.__new__(kind)
    for field in attrs.fields(kind):
        object.__setattr__(command, field.name, "x" if field.name in kind.endpoint.path_fields else None)
        if {"body", "form"} & field.metadata.keys():
            object.__setattr__(command, field.name, Upload(b"x") if "form" in field.metadata else {})
    for name in ("if_match", "idempotency_key"):
        if hasattr(command, name):
            object.__setattr__(command, name, "x")
    return command


def test_there_are_commands() -> None:
    """All commands are found."""
    assert len(COMMANDS) >= 45


@every_command
def test_commands_are_documented(name: str) -> None:
    """Every command has a docstring whose first line is a sentence."""
    text = inspect.cleandoc(COMMANDS[name].__doc__ or "")
    assert text[:1].isupper()
    assert text.split("\n")[0].endswith(".")


@every_module
def test_field_docstrings(module: str) -> None:
    """Every field of every command and model is documented."""
    tree = ast.parse(inspect.getsource(MODULES[module]))
    for body in (node.body for node in ast.walk(tree) if isinstance(node, ast.ClassDef)):
        for field, below in itertools.zip_longest(body, body[1:]):
            if isinstance(field, ast.AnnAssign) and "ClassVar" not in ast.unparse(field.annotation):
                said = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
                assert said, ast.unparse(field)


@every_command
def test_endpoints_are_complete(name: str) -> None:
    """Every command has an endpoint with a method, an absolute path and an operation id."""
    endpoint = COMMANDS[name].endpoint
    assert isinstance(endpoint, Endpoint)
    assert endpoint.method in {"GET", "POST", "PUT", "PATCH", "DELETE"}
    assert endpoint.path.startswith("/")
    assert not endpoint.path.endswith("/")
    assert endpoint.operation_id.islower()


@every_command
def test_in_the_contract(name: str) -> None:
    """The contract has the command's operation with the same method and path."""
    method, path, _ = operation_of(name)
    endpoint = COMMANDS[name].endpoint
    assert (endpoint.method, endpoint.path) == (method, path)


@every_command
def test_required_headers(name: str) -> None:
    """Every header that the contract requires is sent."""
    _, _, operation = operation_of(name)
    required = {one["name"].lower() for one in operation["parameters"] if one["in"] == "header" and one.get("required")}
    client = {"Cint-API-Version": "2025-12-18", "Authorization": "key"}
    sent = {header.lower() for header in encode(filled(COMMANDS[name]), account_id="1", headers=client).headers}
    assert required <= sent


@every_command
def test_path_fields(name: str) -> None:
    """Every name in the path is a field, and a value that could leave its segment is refused."""
    kind = COMMANDS[name]
    fields = attrs.fields_dict(kind)
    for field in kind.endpoint.path_fields:
        assert field in fields
        validator: Any = fields[field].validator
        assert validator is not None, field
        for bad in ("..", "a/b", "a%2Fb", "", "a?b", "é", "a b", "a\r\nb"):
            with pytest.raises(InvalidCommandError) as caught:
                validator(object.__new__(kind), fields[field], bad)
            assert caught.value.field == field


@every_command
def test_commands_are_exported(name: str) -> None:
    """A command is exported by the module that defines it."""
    kind = COMMANDS[name]
    module = inspect.getmodule(kind)
    assert module is not None
    assert name in module.__all__


@every_command
def test_in_the_sandbox(name: str) -> None:
    """The sandbox has its own route for the command, with the same method and path."""
    kind = COMMANDS[name]
    endpoint = kind.endpoint
    module = kind.__module__.rsplit(".", 1)[-1]
    if module in NOT_IN_THE_SANDBOX_YET and endpoint.operation_id not in sandbox_routes():
        pytest.skip(f"the sandbox lacks {module}")
    assert sandbox_routes().get(endpoint.operation_id) == (endpoint.method, endpoint.path)


def test_the_list_of_missing_routes_is_current() -> None:
    """Every module on the list of missing routes lacks at least one."""
    lacking = {
        kind.__module__.rsplit(".", 1)[-1]
        for kind in COMMANDS.values()
        if kind.endpoint.operation_id not in sandbox_routes()
    }
    assert lacking == NOT_IN_THE_SANDBOX_YET


def test_operations_are_distinct() -> None:
    """No two commands are for one operation."""
    operations = [kind.endpoint.operation_id for kind in COMMANDS.values()]
    assert len(set(operations)) == len(operations)


@pytest.mark.parametrize("name", sorted(name for name, kind in COMMANDS.items() if issubclass(kind, JobCommand)))
def test_a_job_is_read_below_its_own_path(name: str) -> None:
    """The status command of a job has the job's path and its id, unless the body names the job."""
    kind: Any = COMMANDS[name]
    reads = kind.status_command
    assert reads.__name__ in COMMANDS
    assert reads.endpoint.method == "GET"
    assert kind.id_in_body or reads.endpoint.path == f"{kind.endpoint.path}/{{job_id}}"
    assert kind.id_field in reads.endpoint.path_fields
    assert kind.job_result_type() is reads.result_type()


@pytest.mark.parametrize("name", sorted(name for name, kind in COMMANDS.items() if issubclass(kind, JobCommand)))
def test_only_known_statuses_end_a_job(name: str) -> None:
    """Each word that ends a job is a member of its status, so that an unknown status is never an end."""
    kind: Any = COMMANDS[name]
    status = get_type_hints(kind.job_result_type())["status"]
    assert {fold_word(member.value) for member in status} >= kind.words.done | kind.words.failed


@every_module
def test_module_exports(module: str) -> None:
    """A module's ``__all__`` is sorted and lists its public classes; some offer those of a vocabulary too."""
    namespace = vars(MODULES[module])
    exported = namespace["__all__"]
    assert exported == sorted(exported)
    defined = {
        name
        for name, value in namespace.items()
        if inspect.isclass(value) and value.__module__ == MODULES[module].__name__ and not name.startswith("_")
    } | set(MODULES[OFFERED_BY[module]].__all__ if module in OFFERED_BY else ())
    others = {name for name in exported if isinstance(namespace[name], types.UnionType | types.FunctionType)}
    assert set(exported) == defined | others
    assert inspect.getdoc(MODULES[module])


def test_models_are_frozen_values() -> None:
    """Every model is a frozen, slotted, keyword-only value with resolvable annotations."""
    for module in MODULES.values():
        for name in module.__all__:
            kind = getattr(module, name)
            if not attrs.has(kind):
                continue
            assert "__slots__" in vars(kind), name
            assert all(field.kw_only for field in attrs.fields(kind)), name
            assert get_type_hints(kind), name


def test_every_resource_is_in_the_root() -> None:
    """Every resource module with commands can be imported from the root."""
    wanted = {kind.__module__.rsplit(".", 1)[-1] for kind in COMMANDS.values()}
    assert wanted <= set(fieldingkit.__all__)
