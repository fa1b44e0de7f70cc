"""What the doctor looks at: each check gives what it found and, where something is wrong, what to do."""

import base64
import binascii
import enum
import json
import time
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast

import attrs

from fieldingkit.cli.config import config_path
from fieldingkit.cli.connection import ENVIRONMENT, Connection
from fieldingkit.cli.credentials import readable_by_others
from fieldingkit.cli.errors import Exit, UsageError, plain
from fieldingkit.cli.output import Output
from fieldingkit.client import AsyncClient
from fieldingkit.errors import (
    ApiError,
    BadRequestError,
    ConfigurationError,
    ConnectionFailedError,
    FieldingKitError,
    ForbiddenError,
    ServerError,
    UnauthorizedError,
)
from fieldingkit.resources.accounts import AccountList, ListAccounts
from fieldingkit.resources.projects import ListProjects
from fieldingkit.transport.credentials import BearerToken

__all__ = ["Finding", "SubmitDecision", "check_account", "check_clock", "check_failure", "check_lifetime", "doctor"]


_SKEW = 30.0
_SOON = 3600.0


class SubmitDecision(enum.Enum):
    """What a finding amounts to."""

    GOOD = "ok"
    ODD = "odd"
    BAD = "bad"
    SKIPPED = "skipped"


@attrs.frozen
class Finding:
    """One thing that was looked at."""

    subject: str
    """What was looked at."""
    verdict: SubmitDecision
    """Whether it is as it should be."""
    found: str
    """What was found."""
    advice: str = ""
    """What to do about it."""


def check_lifetime(token: str, now: datetime) -> Finding | None:
    """Look when a token expires; None if it does not tell. Nothing of it is shown."""
    try:
        payload = token.split(".")[1]
        claims = cast("object", json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))
        expires = float(cast("dict[str, Any]", claims)["exp"]) if isinstance(claims, dict) else None
    except (IndexError, ValueError, TypeError, KeyError, binascii.Error):
        return None
    if expires is None:
        return None
    left = expires - now.timestamp()
    if left <= 0:
        return Finding(
            "Token", SubmitDecision.BAD, f"it expired {_spoken(-left)} ago", "Get a new one: tokens live for 24 hours."
        )
    if left < _SOON:
        advice = "Client credentials (--client-id) are renewed by themselves."
        return Finding("Token", SubmitDecision.ODD, f"it expires in {_spoken(left)}", advice)
    return Finding("Token", SubmitDecision.GOOD, f"it is good for {_spoken(left)} more")


def check_clock(headers: Mapping[str, str], now: datetime) -> Finding:
    """Compare this machine's clock with the API's."""
    try:
        theirs = parsedate_to_datetime(headers["date"])
    except (KeyError, ValueError, TypeError):
        return Finding("Clock", SubmitDecision.SKIPPED, "the API did not say what time it is")
    skew = (now - (theirs if theirs.tzinfo is not None else theirs.replace(tzinfo=UTC))).total_seconds()
    if abs(skew) <= _SKEW:
        return Finding("Clock", SubmitDecision.GOOD, "it agrees with the API's")
    where = "ahead of" if skew > 0 else "behind"
    return Finding(
        "Clock",
        SubmitDecision.BAD,
        f"it is {_spoken(abs(skew))} {where} the API's",
        "Set it by NTP: dates that you give and the lifetime of tokens go by it.",
    )


def check_account(accounts: AccountList, account: str | None) -> Finding:
    """Look whether the credentials reach the account."""
    known = {str(item.id): item.name or "" for item in accounts.accounts}
    listed = ", ".join(f"{number} {name}".strip() for number, name in known.items()) or "none"
    if account is None:
        return Finding(
            "Account", SubmitDecision.BAD, f"none is chosen; the credentials reach: {listed}", "Set CINT_ACCOUNT_ID."
        )
    if account in known:
        return Finding("Account", SubmitDecision.GOOD, f"{account} {known[account]}".strip())
    return Finding(
        "Account",
        SubmitDecision.BAD,
        f"the credentials do not reach {account}; they reach: {listed}",
        "Correct CINT_ACCOUNT_ID or --account, or ask Cint for access.",
    )


def check_failure(error: FieldingKitError, *, url: str, version: str) -> Finding:
    """Tell what it means that a first call failed."""
    if isinstance(error, ConnectionFailedError):
        advice = "Check the network, a proxy (--proxy), and --base-url."
        return Finding("Reach", SubmitDecision.BAD, f"there is no connection to {url}: {error.message}", advice)
    if isinstance(error, BadRequestError | ForbiddenError) and _about_version(error):
        advice = "Correct --api-version, or have Cint enable this version for the account."
        return Finding("API version", SubmitDecision.BAD, f"{version} was refused: {error.detail}", advice)
    if isinstance(error, UnauthorizedError):
        advice = "They are wrong, or of another environment: get new ones from the API starter kit."
        return Finding("Credentials", SubmitDecision.BAD, f"the API refuses them: {error.message}", advice)
    if isinstance(error, ForbiddenError):
        advice = "An expired token answers so too: get a new one. If it is new, ask Cint for permission."
        return Finding("Credentials", SubmitDecision.BAD, f"the API refuses them: {error.message}", advice)
    if isinstance(error, ServerError):
        advice = "The API is out of order: look at https://status.cint.com and try again later."
        return Finding("Reach", SubmitDecision.BAD, error.message, advice)
    if isinstance(error, ApiError):
        return Finding(
            "Reach", SubmitDecision.BAD, f"{url} answers, but not as the API does: {error.message}", "Check --base-url."
        )
    return Finding("Reach", SubmitDecision.BAD, error.message, "Check the network, a proxy (--proxy), and --base-url.")


def _about_version(error: ApiError) -> bool:
    named = [param.name.casefold() for param in error.invalid_params]
    return "cint-api-version" in named or error.code == "required_header_missing"


def _spoken(seconds: float) -> str:
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"


_MARKS = {SubmitDecision.GOOD: "ok", SubmitDecision.ODD: "!", SubmitDecision.BAD: "BAD", SubmitDecision.SKIPPED: "-"}
_STYLES = {
    SubmitDecision.GOOD: "green",
    SubmitDecision.ODD: "yellow",
    SubmitDecision.BAD: "bold red",
    SubmitDecision.SKIPPED: "dim",
}
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
        bad += finding.verdict is SubmitDecision.BAD
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
    yield Finding("Configuration", SubmitDecision.GOOD, said)
    try:
        found = connection.credentials()
        client = connection.open()
    except (UsageError, ConfigurationError) as exc:
        what, _, advice = str(exc).partition("\n")
        yield Finding("Credentials", SubmitDecision.BAD, what, advice)
        return
    yield Finding("Credentials", SubmitDecision.GOOD, f"from {found.source}")
    if found.file is not None and readable_by_others(found.file):
        yield Finding("Credentials", SubmitDecision.ODD, f"others may read {found.file}", f"chmod 600 {found.file}")
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
        answer = await client.send_detailed(ListAccounts())
    except FieldingKitError as exc:
        yield check_failure(exc, url=connection.url, version=connection.version)
        if isinstance(exc, ApiError):
            yield check_clock(exc.headers, datetime.now(UTC))
        return
    yield Finding(
        "Reach", SubmitDecision.GOOD, f"{connection.url} answered in {1000 * (time.monotonic() - begun):.0f} ms"
    )
    yield Finding("API version", SubmitDecision.GOOD, f"{connection.version} is accepted")
    yield check_clock(answer.headers, datetime.now(UTC))
    account = check_account(answer.result, connection.account or None)
    yield account
    if account.verdict is not SubmitDecision.GOOD:
        return
    try:
        projects = await client.send(ListProjects(page_size=1))
    except FieldingKitError as exc:
        advice = "The account is reached, its projects are not: ask Cint for permission."
        yield Finding("Projects", SubmitDecision.BAD, exc.message, advice)
    else:
        yield Finding(
            "Projects", SubmitDecision.GOOD, "they can be read" if projects.projects else "there are none yet"
        )
