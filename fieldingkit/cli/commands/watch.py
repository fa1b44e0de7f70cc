"""``fieldingkit watch``: target groups by trouble, as a live table, as JSON, and as a page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import attrs
from cyclopts import Parameter, Token
from cyclopts.validators import Number

from fieldingkit.cli.connection import DEFAULT_CONNECTION, Connection
from fieldingkit.cli.errors import ExitCode, UsageError, file_errors
from fieldingkit.cli.output import Output
from fieldingkit.cli.selection import NO_FILTERS, Filters
from fieldingkit.cli.sweep_options import Duration
from fieldingkit.cli.watches.address import Address

__all__ = ["watch"]


_EVERY = 300.0
_REFRESH = 3600.0


def _address(kind: Any, tokens: Sequence[Token]) -> Address:
    del kind
    return Address.parse(tokens[0].value)


async def watch(
    *,
    filters: Filters = NO_FILTERS,
    once: bool = False,
    every: Annotated[Duration, Parameter(validator=Number(gt=0))] = _EVERY,
    refresh: Annotated[Duration, Parameter(validator=Number(gt=0))] = _REFRESH,
    rules: Path | None = None,
    html: Path | None = None,
    findings: Path | None = None,
    history: Path | None = None,
    receivers: Path | None = None,
    dead_letters: Path = Path("dead-letters.jsonl"),
    listen: Annotated[Address | None, Parameter(converter=_address, n_tokens=1, accepts_keys=False)] = None,
    secret_file: Path | None = None,
    rate: Annotated[float | None, Parameter(validator=Number(gt=0))] = None,
    json: bool = False,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Watch target groups, those in trouble first, with their forecasts and what to do; nothing is changed.

    Without a filter, these are the live and paused ones of all projects. On a terminal a table is shown: q quits, s
    sorts, t shows those in trouble only, / filters. In a pipe a line is printed for each finding that is open at first,
    new, or over.
    With --once, the exit code is 1 if there is trouble, and 4 if there is none but something could not be read, or
    nothing matched.

    Args:
        filters: The target groups.
        once: Read everything once, show it, and end.
        every: The time from one read of the lists to the next, such as 5m.
        refresh: The time after which all figures of a target group are read again, such as 1h.
        rules: A TOML file with the limits from which something is trouble.
        html: A page to keep fresh: one file that needs no server, for a wall or a phone.
        findings: A file that keeps the findings from one run to the next, so that nothing is new twice.
        history: A file that keeps all figures, a SQLite database.
        receivers: A TOML file of webhooks and programs that get new findings and those that are over.
        dead_letters: The file for what a receiver did not take; `fieldingkit dead-letters send` sends it again.
        listen: A port, or a host with a port, to receive webhook events on; each brings the read of its project's list
            forward, once in 15 seconds at most.
        secret_file: The file with the secret of that webhook, as `webhooks create --secret-file` wrote it.
        rate: Requests per second at most.
        json: Print one JSON document a line for each read; with --once, one document.
        connection: How to reach the API.
    """
    from fieldingkit.cli.watches.command import WatchSettings, run_watch
    from fieldingkit.configuration import read_secret
    from fieldingkit.monitoring.receiver_file import load_receivers
    from fieldingkit.monitoring.rules import Rules
    from fieldingkit.rendering.watches.page import check_page_path

    selected = filters if filters.project else attrs.evolve(filters, all_projects=True)
    query = attrs.evolve(selected, status=selected.status or ("live", "paused")).query()
    if once and listen is not None:
        raise UsageError("--listen is for a watch that continues\nNothing was read. Leave out --once or --listen.")
    if (listen is None) is not (secret_file is None):
        raise UsageError(
            "--listen and --secret-file belong together\n"
            "Nothing was read. Give both: only signed deliveries are accepted."
        )
    with file_errors("Nothing was read."):
        if html is not None:
            check_page_path(html)
        wanted = () if receivers is None else load_receivers(receivers)
        secret = None if secret_file is None else read_secret(secret_file)
        limits = Rules() if rules is None else Rules.from_path(rules)
    configuration = connection.load()
    settings = WatchSettings(
        query=query,
        rules=limits,
        every=None if once else every,
        refresh=refresh,
        account=configuration.account,
        base_url=configuration.base_url,
        page=html,
        findings=findings,
        history=history,
        receivers=wanted,
        dead_letters=dead_letters,
        listen=listen,
        webhook_secret=secret,
        table=not connection.verbose,
    )
    async with connection.open(configuration, rate=rate) as client:
        code: ExitCode = await run_watch(client, settings, Output(json=json))
    return code
