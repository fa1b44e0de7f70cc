"""``fieldingkit doctor``: whether everything is as it should be, and what to do where it is not."""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import attrs

from fieldingkit.cli.checks import Finding, Verdict, check_account, check_clock, check_failure, check_lifetime
from fieldingkit.cli.complaint import plain
from fieldingkit.cli.config_file import config_path
from fieldingkit.cli.connection import ENVIRONMENT, Connection
from fieldingkit.cli.credentials import readable_by_others
from fieldingkit.cli.exits import Exit, UsageError
from fieldingkit.cli.output import Output
from fieldingkit.client import AsyncClient
from fieldingkit.errors import ApiError, ConfigurationError, FieldingKitError
from fieldingkit.resources.accounts import ListAccounts
from fieldingkit.resources.projects import ListProjects
from fieldingkit.transport.auth import BearerToken

__all__ = ["doctor"]

_MARKS = {Verdict.GOOD: "ok", Verdict.ODD: "!", Verdict.BAD: "BAD", Verdict.SKIPPED: "-"}
_STYLES = {Verdict.GOOD: "green", Verdict.ODD: "yellow", Verdict.BAD: "bold red", Verdict.SKIPPED: "dim"}
_PATIENCE = 15.0


async def doctor(*, json: bool = False, connection: Connection = ENVIRONMENT) -> int:
    """Look at the credentials, the way to the API, its version, the clock and the account. Changes nothing.

    Args:
        json: One JSON document a line.
        connection: How to reach the API.
    """
    output = Output(json=json)
    bad = 0
    async for finding in _examine(attrs.evolve(connection, deadline=connection.deadline or _PATIENCE)):
        bad += finding.verdict is Verdict.BAD
        output.document({**attrs.asdict(finding), "verdict": finding.verdict.value})
        if not json:
            output.stdout.print(f"{_MARKS[finding.verdict]:<4}", style=_STYLES[finding.verdict], end="")
            output.say(f"{finding.subject:<14} {plain(finding.found)}")
            if finding.advice:
                output.say(f"{'':<18} -> {plain(finding.advice)}")
    return Exit.FAILED if bad else Exit.DONE


async def _examine(connection: Connection) -> AsyncIterator[Finding]:
    path = config_path()
    said = str(path) if path.exists() else f"flags and environment only; a file would be {path}"
    yield Finding("Configuration", Verdict.GOOD, said)
    try:
        found = connection.credentials()
        client = connection.open()
    except (UsageError, ConfigurationError) as exc:
        what, _, advice = str(exc).partition("\n")
        yield Finding("Credentials", Verdict.BAD, what, advice)
        return
    yield Finding("Credentials", Verdict.GOOD, f"from {found.source}")
    if found.file is not None and readable_by_others(found.file):
        yield Finding("Credentials", Verdict.ODD, f"others may read {found.file}", f"chmod 600 {found.file}")
    if isinstance(found.provider, BearerToken):
        lifetime = check_lifetime(found.provider.token.reveal(), datetime.now(UTC))
        if lifetime is not None:
            yield lifetime
    async with client:
        async for finding in _call(client, connection):
            yield finding


async def _call(client: AsyncClient, connection: Connection) -> AsyncIterator[Finding]:
    begun = time.monotonic()
    try:
        answer = await client.exchange(ListAccounts())
    except FieldingKitError as exc:
        yield check_failure(exc, url=connection.url, version=connection.version)
        if isinstance(exc, ApiError):
            yield check_clock(exc.headers, datetime.now(UTC))
        return
    yield Finding("Reach", Verdict.GOOD, f"{connection.url} answered in {1000 * (time.monotonic() - begun):.0f} ms")
    yield Finding("API version", Verdict.GOOD, f"{connection.version} is accepted")
    yield check_clock(answer.headers, datetime.now(UTC))
    account = check_account(answer.result, connection.account or None)
    yield account
    if account.verdict is not Verdict.GOOD:
        return
    try:
        projects = await client.send(ListProjects(page_size=1))
    except FieldingKitError as exc:
        advice = "The account is reached, its projects are not: ask Cint for permission."
        yield Finding("Projects", Verdict.BAD, exc.message, advice)
    else:
        yield Finding("Projects", Verdict.GOOD, "they can be read" if projects.projects else "there are none yet")
