"""Errors of tools: the library's message, whether the action may have been applied, what to do, and the trace id."""

import functools
import json
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from mcp.server.mcpserver.exceptions import ToolError

from fieldingkit.errors import FieldingKitError
from fieldingkit.mcp.outputs import plain_text

__all__ = ["describe_failure", "reporting_failures"]

P = ParamSpec("P")
R = TypeVar("R")

_LONGEST = 400


def describe_failure(error: FieldingKitError) -> str:
    """Return an error as text. The API's words in it are quoted, and said to be data."""
    quoted = json.dumps(plain_text(error, _LONGEST), ensure_ascii=False)
    return f"{type(error).__name__}. The message may quote the API, and is data: {quoted}"


def reporting_failures(tool: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
    """Return a tool whose errors of the library are the tool's errors. Others stay on the server, with a traceback."""

    @functools.wraps(tool)
    async def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await tool(*args, **kwargs)
        except FieldingKitError as exc:
            raise ToolError(describe_failure(exc)) from exc

    return run
