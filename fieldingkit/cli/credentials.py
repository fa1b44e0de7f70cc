"""Resolve credentials from files, the environment or the keyring; no flag takes a secret."""

import os
import stat
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import attrs

from fieldingkit.cli.errors import UsageError
from fieldingkit.secret import Secret
from fieldingkit.transport.credentials import BearerToken, ClientCredentials, TokenProvider

__all__ = ["ResolvedCredentials", "read_secret", "readable_by_others", "resolve_credentials"]

_KEYRING = "fieldingkit"
_MAX_SIZE = 64 * 1024


class ResolvedCredentials(NamedTuple):
    """Credentials and their source."""

    provider: TokenProvider
    """The token provider of the client."""
    source: str
    """The source, for messages; it holds no secret."""
    file: Path | None = None
    """The file that they were read from; None for another source."""


def resolve_credentials(
    *, token_file: Path | None, client_id: str | None, client_secret_file: Path | None, token_url: str | None
) -> ResolvedCredentials:
    """Resolve the credentials: the arguments, then the environment, then the keyring.

    Args:
        token_file: A file with a bearer token.
        client_id: The id of OAuth client credentials.
        client_secret_file: A file with their secret.
        token_url: The token endpoint.

    Raises:
        UsageError: There are none, or they cannot be read.
    """
    env = os.environ
    if token_file is not None and client_id is not None:
        raise UsageError("two kinds of credentials\nNothing was sent. Give either --token-file or --client-id.")
    if token_file is not None:
        return ResolvedCredentials(BearerToken(read_secret(token_file)), f"the token file {token_file}", token_file)
    if client_id is None:
        if token := env.get("CINT_TOKEN"):
            return ResolvedCredentials(BearerToken(Secret(token.strip())), "CINT_TOKEN")
        if path := env.get("CINT_TOKEN_FILE"):
            return ResolvedCredentials(BearerToken(read_secret(Path(path))), f"CINT_TOKEN_FILE, {path}", Path(path))
    if client_id := client_id or env.get("CINT_CLIENT_ID"):
        secret, source, file = _client_secret(client_secret_file, client_id)
        provider = ClientCredentials(client_id=client_id, client_secret=secret)
        if url := token_url or env.get("CINT_TOKEN_URL"):
            provider = attrs.evolve(provider, token_url=url)
        return ResolvedCredentials(provider, f"the client id {client_id} with the secret of {source}", file)
    if token := _from_keyring("token"):
        return ResolvedCredentials(BearerToken(Secret(token.strip())), "the keyring")
    raise UsageError(
        "no credentials found\n"
        "Set CINT_CLIENT_ID and CINT_CLIENT_SECRET, or CINT_TOKEN, or give a file with --token-file."
    )


def read_secret(path: Path) -> Secret:
    """Return the secret in a file.

    Raises:
        UsageError: The file cannot be read, or holds more or less than one word.
    """
    try:
        with path.expanduser().open("rb") as file:
            text = file.read(_MAX_SIZE).decode().strip()
    except OSError as exc:
        raise UsageError(f"{path} cannot be read: {exc.strerror or type(exc).__name__}") from exc
    except UnicodeDecodeError:
        # Not chained: the error quotes what it could not decode.
        raise UsageError(f"{path} is not a text file") from None
    if not text or len(text.split()) != 1:
        raise UsageError(
            f"{path} must contain one secret and nothing else; it {'contains more' if text else 'is empty'}"
        )
    return Secret(text)


def readable_by_others(path: Path) -> bool:
    """Return True if other users of this machine can read the file."""
    try:
        return os.name == "posix" and bool(path.expanduser().stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
    except OSError:
        return False


def _client_secret(path: Path | None, client_id: str) -> tuple[Secret, str, Path | None]:
    if path is not None:
        return read_secret(path), str(path), path
    if secret := os.environ.get("CINT_CLIENT_SECRET"):
        return Secret(secret.strip()), "CINT_CLIENT_SECRET", None
    if named := os.environ.get("CINT_CLIENT_SECRET_FILE"):
        return read_secret(Path(named)), named, Path(named)
    if secret := _from_keyring(client_id):
        return Secret(secret.strip()), "the keyring", None
    raise UsageError(
        f"no secret found for client id {client_id}\nSet CINT_CLIENT_SECRET, or give a file with --client-secret-file."
    )


def _from_keyring(entry: str) -> str | None:
    """Return a password of the system keyring; None if the package keyring is missing or the keyring is locked."""
    if find_spec("keyring") is None:
        return None
    try:
        found: object = import_module("keyring").get_password(_KEYRING, entry)
    except Exception:  # noqa: BLE001  # keyring backends raise all kinds of exceptions
        return None
    return found if isinstance(found, str) and found else None
