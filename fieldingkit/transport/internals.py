"""The parts of aiohttp that are used beneath its session, and a check that the installed version has them."""

import logging
from collections.abc import Sequence
from functools import cache
from inspect import signature
from types import FunctionType
from typing import Final

import aiohttp
from aiohttp.client_proto import ResponseHandler

__all__ = ["INTERNALS", "is_session_patched", "missing_internals"]

_logger = logging.getLogger("fieldingkit.connection")

INTERNALS: Final = (
    (aiohttp.BaseConnector, "_factory"),
    (aiohttp.BaseConnector, "_release", "key", "protocol"),
    (aiohttp.BaseConnector, "_wait_for_available_connection"),
    (aiohttp.BaseConnector, "connect", "req", "traces", "timeout"),
    (aiohttp.ClientRequest, "__init__", "method", "url", "proxy"),
    (aiohttp.StreamReader, "readany"),
    (ResponseHandler, "__init__", "loop"),
    (ResponseHandler, "_loop"),
    (ResponseHandler, "_parser"),
    (ResponseHandler, "_payload"),
    (ResponseHandler, "force_close"),
    (ResponseHandler, "is_connected"),
    (ResponseHandler, "read"),
    (ResponseHandler, "set_response_params", "skip_payload", "read_until_eof"),
    (ResponseHandler, "set_exception"),
    (ResponseHandler, "should_close"),
    (ResponseHandler, "writing_paused"),
)
"""The parts: each is a class, its member, and the parameters of that; tests hold each version of aiohttp to them."""

_function = vars(aiohttp.ClientSession).get("_request")
_REQUEST: Final = (
    _function if isinstance(_function, FunctionType) and _function.__globals__["__name__"] == "aiohttp.client" else None
)
"""The function through which all requests of a session go; None if it was already patched."""


def is_session_patched() -> bool:
    """Return whether a tool such as aioresponses has replaced the function that sends a session's requests."""
    return getattr(aiohttp.ClientSession, "_request", None) is not _REQUEST


@cache
def missing_internals() -> tuple[str, ...]:
    """Return the ``INTERNALS`` that this version of aiohttp does not have, and log them the first time."""
    missing = [
        f"{owner.__name__}.{name}" for owner, name, *parameters in INTERNALS if not _has(owner, name, parameters)
    ]
    if missing:
        _logger.warning(
            "requests are sent through aiohttp's session, which takes more time: this version of aiohttp is unknown",
            extra={"aiohttp": aiohttp.__version__, "missing": missing},
        )
    return tuple(missing)


def _has(owner: type, name: str, parameters: Sequence[str]) -> bool:
    """Return whether a class has a function with these parameters; without any, an attribute of its instances."""
    if parameters:
        return hasattr(owner, name) and {*parameters} <= {*signature(getattr(owner, name)).parameters}
    return hasattr(owner, name) or name in vars(owner)["__init__"].__code__.co_names
