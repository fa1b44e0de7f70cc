"""Encode commands and decode answers without a network."""

import importlib
import json
import pkgutil
from typing import Any, NamedTuple, TypeVar
from urllib.parse import parse_qsl, urlsplit

from multidict import CIMultiDict

import fieldingkit.resources
from fieldingkit.clock import MonotonicClock
from fieldingkit.codec import decode, encode
from fieldingkit.commands import Command
from fieldingkit.transport.http import Call, Response

R = TypeVar("R")

PROJECT = "01BTGNYV6HRNK8K8VKZASZCFP0"
GROUP = "01BTGNYV6HRNK8K8VKZASZCFP1"
OTHER = "01BTGNYV6HRNK8K8VKZASZCFP2"
PROJECT_PATH = f"/demand/accounts/101/projects/{PROJECT}"
GROUP_PATH = f"{PROJECT_PATH}/target-groups/{GROUP}"


class Sent(NamedTuple):
    """A request as the API receives it."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: Any


def commands_by_operation() -> dict[str, type[Command[Any]]]:
    """Return every command of every resource by its operation id."""
    found: dict[str, type[Command[Any]]] = {}
    for info in pkgutil.iter_modules(fieldingkit.resources.__path__):
        module = importlib.import_module(f"fieldingkit.resources.{info.name}")
        for kind in (getattr(module, name) for name in module.__all__):
            if isinstance(kind, type) and issubclass(kind, Command):
                found[kind.endpoint.operation_id] = kind
    return found


def sent(command: Command[Any]) -> Sent:
    """Return the request of a command for account 101."""
    request = encode(command, account_id="101", headers={})
    parts = urlsplit(request.target)
    body: Any = request.body
    if body is not None and request.headers.get("Content-Type", "").startswith("application/json"):
        body = json.loads(body)
    return Sent(request.method, parts.path, parse_qsl(parts.query), dict(request.headers), body)


def answer(command: Command[R], body: object = None, *, status: int = 200, headers: dict[str, str] | None = None) -> R:
    """Return the result of a command for an answer; a body of None is an empty one."""
    request = encode(command, account_id="101", headers={})
    content = b"" if body is None else json.dumps(body).encode()
    call = Call(request, command, clock=MonotonicClock())
    result: R = decode(call, Response(status, CIMultiDict(headers or {}), content))
    return result
