"""``fieldingkit mcp``: let an agent read the account, over stdin and stdout."""

import os
from pathlib import Path
from typing import Annotated, Final

import attrs
from cyclopts import Parameter
from cyclopts.validators import Number

from fieldingkit.cli.connection import DEFAULT_CONNECTION, Connection
from fieldingkit.cli.errors import UsageError
from fieldingkit.cli.output import Output

__all__ = ["DEADLINE", "mcp"]

DEADLINE: Final = 45.0
"""Seconds for a call with all its attempts, if none are configured. Many clients of agents give up after 60."""


async def mcp(
    *,
    allow_writes: bool = False,
    rules: Path | None = None,
    rate: Annotated[float | None, Parameter(validator=Number(gt=0))] = None,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Serve the account to an agent, by the Model Context Protocol on stdin and stdout.

    A call of the API has a deadline of 45 seconds by default, since many clients give up after 60.

    Args:
        allow_writes: Offer tools that pause and resume target groups, as a plan that is shown and then applied.
        rules: A TOML file with the rules of what is a trouble.
        rate: Requests per second at most.
        connection: How to reach the API.
    """
    try:
        from fieldingkit.mcp.server import make_server
        from fieldingkit.mcp.stdio import log_to_stderr, serve_stdio
    except ModuleNotFoundError as exc:
        if (exc.name or "").startswith("fieldingkit"):
            raise
        raise UsageError(
            f'this command requires {exc.name}\nRun: python -m pip install "fieldingkit[cli,mcp]"'
        ) from exc
    from fieldingkit.cli.run_store import journal_folder, state_folder
    from fieldingkit.monitoring.rules import Rules

    configuration = connection.load()
    if configuration.deadline is None:
        configuration = attrs.evolve(configuration, deadline=DEADLINE)
    async with connection.open(configuration, rate=rate) as client:
        log_to_stderr()
        server = make_server(
            client,
            journals=journal_folder(configuration.base_url),
            locks=state_folder() / "locks",
            rules=None if rules is None else Rules.from_path(rules),
            allow_writes=allow_writes,
            options=connection.words(configuration),
        )
        if os.isatty(0):
            Output().note("Waiting for the messages of an agent on stdin, which are no words for people. Ctrl-C ends.")
        await serve_stdio(server)
    return 0
