"""``fieldingkit doctor``: check the configuration, the credentials, the connection and the clock."""

import base64
import binascii
import json
import os
import re
import stat
import time
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import attrs

from fieldingkit.cli.checks import Check, Severity
from fieldingkit.cli.config import read_tables
from fieldingkit.cli.connection import DEFAULT_CONNECTION, Connection
from fieldingkit.cli.errors import ExitCode, format_error
from fieldingkit.cli.output import Output
from fieldingkit.configuration import Configuration, config_path
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
from fieldingkit.rendering.text import format_duration, strip_control_chars
from fieldingkit.resources.accounts import AccountList, ListAccounts
from fieldingkit.resources.projects import ListProjects
from fieldingkit.version import API_VERSION

if TYPE_CHECKING:
    from fieldingkit.client import AsyncClient

__all__ = [
    "check_account",
    "check_clock",
    "check_configuration",
    "check_failure",
    "check_token",
    "check_version",
    "doctor",
]


_DEADLINE: Final = 15.0
"""Seconds for a call of the doctor, unless ``--deadline`` was given."""
_MAX_SKEW: Final = 30.0
"""Seconds that the clocks may differ: the API's date has whole seconds, and the response took its time."""
_SOURCE: Final = re.compile(r"(?:CINT|FIELDINGKIT)_[A-Z_]+|--[a-z-]+")
"""A variable or a flag."""
_CHECK_NETWORK: Final = "Check the network, the proxy (--proxy), --base-url and --token-url."
_EXPIRES_SOON: Final = 3600.0
"""Seconds of validity below which a token earns a warning."""


_STYLES: Final = {
    Severity.OK: "green",
    Severity.WARNING: "yellow",
    Severity.ERROR: "bold red",
    Severity.SKIPPED: "dim",
}


async def doctor(*, deep: bool = False, json: bool = False, connection: Connection = DEFAULT_CONNECTION) -> int:
    """Check the credentials, the connection, the API version and the clock. Nothing is changed.

    The exit code is 2 for a wrong configuration, 3 if the API refuses, cannot be reached or, with ``--deep``, answers
    unlike its contract, and 1 for a wrong clock.

    Args:
        deep: Also read one or more of each main resource, with about 30 requests, and compare the answers with the
            contract. It names what it did not try.
        json: Print one JSON document a line.
        connection: How to reach the API.
    """
    output = Output(json=json)
    code = ExitCode.DONE
    async for check in _checks(attrs.evolve(connection, deadline=connection.deadline or _DEADLINE), deep=deep):
        code = max(code, check.exit_code)
        output.print_json({**attrs.asdict(check), "severity": check.severity.value})
        if not json:
            output.stdout.print(f"{check.severity.value:<8}", style=_STYLES[check.severity], end="")
            output.print_hanging(f"{check.subject:<14}{strip_control_chars(check.message)}", before=8, indent=22)
            if check.advice:
                output.print_hanging(f"{'':<22}-> {strip_control_chars(check.advice)}", indent=25)
    return code


async def _checks(connection: Connection, *, deep: bool) -> AsyncIterator[Check]:
    from fieldingkit.transport.credentials import BearerToken

    path = config_path()
    exists = path.exists()
    try:
        read_tables()
        configuration = connection.load()
        client = connection.open(configuration)
    except ConfigurationError as exc:
        yield check_configuration(exc, path)
        return
    source = str(path) if exists else f"flags and environment only ({path} does not exist)"
    name = f", connection {configuration.connection}" if configuration.connection else ""
    yield Check("Configuration", Severity.OK, f"{source}{name}")
    credentials, file = configuration.credentials, configuration.credentials.file
    yield Check("Credentials", Severity.OK, f"from {credentials.source}")
    if file is not None and _readable_by_others(file):
        yield Check("Credentials", Severity.WARNING, f"other users can read {file}", f"Run: chmod 600 {file}")
    if isinstance(credentials.provider, BearerToken):
        token = check_token(credentials.provider.token.reveal(), datetime.now(UTC))
        if token is not None:
            yield token
    async with client:
        failed = False
        async for check in _call(client, configuration):
            failed = failed or check.severity is Severity.ERROR
            yield check
        if deep and not failed:
            from fieldingkit.cli.deep_checks import deep_checks

            async for check in deep_checks(client):
                yield check


async def _call(client: "AsyncClient", configuration: Configuration) -> AsyncIterator[Check]:
    started = time.monotonic()
    try:
        response = await client.send_detailed(ListAccounts())
    except FieldingKitError as exc:
        yield check_failure(exc, configuration)
        if isinstance(exc, ApiError):
            yield check_clock(exc.headers, datetime.now(UTC))
        return
    elapsed = 1000 * (time.monotonic() - started)
    yield Check("Connection", Severity.OK, f"{configuration.base_url} answered in {elapsed:.0f} ms")
    yield check_version(configuration.api_version)
    yield check_clock(response.headers, datetime.now(UTC))
    account = check_account(response.result, configuration.account)
    yield account
    if account.severity is not Severity.OK:
        return
    try:
        projects = await client.send(ListProjects(page_size=1))
    except FieldingKitError as exc:
        advice = "The account is accessible, its projects are not. Ask Cint for permission."
        yield Check("Projects", Severity.ERROR, exc.message, advice)
    else:
        yield Check("Projects", Severity.OK, "readable" if projects.projects else "readable; there are none yet")


def check_configuration(error: ConfigurationError, path: Path) -> Check:
    """Explain a wrong configuration.

    Args:
        error: The error; its message begins with the variable, the flag or the file that is wrong.
        path: The configuration file, which may not exist.
    """
    message = format_error(error).splitlines()[0]
    advice = f"The configuration file is {path}{'' if path.exists() else '; it does not exist'}."
    if (source := _SOURCE.match(message)) is not None:
        advice = f"Correct {source[0]}."
    elif message.startswith(str(path)):
        advice = "Correct this file."
    return Check("Configuration", Severity.ERROR, message, advice)


def check_token(token: str, now: datetime) -> Check | None:
    """Check the expiry of a bearer token.

    Returns:
        The result, which holds nothing of the token; None if the token has no expiry that can be read.
    """
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
        advice = "Get a new token; tokens are valid for 24 hours."
        return Check("Token", Severity.ERROR, f"expired {format_duration(-left)} ago", advice)
    if left < _EXPIRES_SOON:
        advice = "Use client credentials (--client-id) to have tokens renewed automatically."
        return Check("Token", Severity.WARNING, f"expires in {format_duration(left)}", advice)
    return Check("Token", Severity.OK, f"valid for {format_duration(left)}")


def check_version(version: str) -> Check:
    """Compare an API version that the API accepted with the one that this release is made for."""
    if version == API_VERSION:
        return Check("API version", Severity.OK, f"{version} is accepted; this release is made for it")
    message = f"{version} is accepted, but this release is made for {API_VERSION}"
    advice = "Remove CINT_API_VERSION or --api-version. The API is forward-only: never go back to an earlier version."
    return Check("API version", Severity.WARNING, message, advice)


def check_clock(headers: Mapping[str, str], now: datetime) -> Check:
    """Compare the clock of this machine with the ``Date`` header of a response."""
    from email.utils import parsedate_to_datetime

    try:
        date = parsedate_to_datetime(headers["date"])
    except (KeyError, ValueError, TypeError):
        return Check("Clock", Severity.SKIPPED, "the response has no usable date")
    skew = (now - (date if date.tzinfo is not None else date.replace(tzinfo=UTC))).total_seconds()
    if abs(skew) <= _MAX_SKEW:
        return Check("Clock", Severity.OK, "agrees with the API")
    direction = "ahead of" if skew > 0 else "behind"
    return Check(
        "Clock",
        Severity.ERROR,
        f"{format_duration(abs(skew))} {direction} the API",
        "Synchronize this machine's clock by NTP; dates and token lifetimes depend on it.",
    )


def check_account(accounts: AccountList, account: str | None) -> Check:
    """Check that the credentials give access to the account."""
    names = {str(item.id): item.name or "" for item in accounts.accounts}
    listed = ", ".join(f"{number} {name}".strip() for number, name in names.items()) or "none"
    if account is None:
        message = f"none is selected; the credentials give access to: {listed}"
        return Check("Account", Severity.ERROR, message, "Set CINT_ACCOUNT_ID, or give --account.")
    if account in names:
        return Check("Account", Severity.OK, f"{account} {names[account]}".strip())
    return Check(
        "Account",
        Severity.ERROR,
        f"no access to {account}; the credentials give access to: {listed}",
        "Correct CINT_ACCOUNT_ID or --account, or ask Cint for access.",
    )


def check_failure(error: FieldingKitError, configuration: Configuration) -> Check:
    """Explain the failure of the first call."""
    if isinstance(error, ConnectionFailedError):
        return Check("Connection", Severity.ERROR, error.message, _CHECK_NETWORK)
    if isinstance(error, BadRequestError | ForbiddenError) and _concerns_version(error):
        advice = "Correct --api-version, or ask Cint to enable this version for the account."
        return Check("API version", Severity.ERROR, f"{configuration.api_version} was rejected: {error.detail}", advice)
    if isinstance(error, UnauthorizedError):
        advice = "They are wrong, or belong to another environment. Get new ones from the API starter kit."
        return Check("Credentials", Severity.ERROR, f"rejected: {error.message}", advice)
    if isinstance(error, ForbiddenError):
        advice = "An expired token gets this response too: get a new one. If it is new, ask Cint for permission."
        return Check("Credentials", Severity.ERROR, f"rejected: {error.message}", advice)
    # The last attempt may have had too little time for a response.
    if isinstance(error, ServerError) or any((attempt.status or 0) >= 500 for attempt in error.attempts):
        advice = "The API has a problem. Check https://status.cint.com and try again later."
        return Check("Connection", Severity.ERROR, error.message, advice)
    if isinstance(error, ApiError):
        message = f"the response of {configuration.base_url} is not one of this API: {error.message}"
        return Check("Connection", Severity.ERROR, message, "Check --base-url.")
    return Check("Connection", Severity.ERROR, error.message, _CHECK_NETWORK)


def _concerns_version(error: ApiError) -> bool:
    names = [param.name.casefold() for param in error.invalid_params]
    return "cint-api-version" in names or error.code == "required_header_missing"


def _readable_by_others(path: Path) -> bool:
    try:
        return os.name == "posix" and bool(path.expanduser().stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
    except OSError:
        return False
