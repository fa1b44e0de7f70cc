"""Where the credentials come from. None is ever on a command line: a file, the environment, or the keyring."""

import os
import stat
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from fieldingkit.cli.errors import UsageError
from fieldingkit.secret import Secret
from fieldingkit.transport.credentials import BearerToken, ClientCredentials, TokenProvider

__all__ = ["ResolvedCredentials", "read_secret", "readable_by_others", "resolve_credentials"]

_TOKEN_URL = "https://auth.cint.com/oauth/token"
_KEYRING = "fieldingkit"
_LONGEST = 64 * 1024


class ResolvedCredentials(NamedTuple):
    """Credentials, and where they were found."""

    provider: TokenProvider
    """What gives the client its tokens."""
    source: str
    """Where they were found, to tell the user; it holds nothing secret."""
    file: Path | None = None
    """The file that they were read from, if they were."""


def resolve_credentials(
    *, token_file: Path | None, client_id: str | None, client_secret_file: Path | None, token_url: str | None
) -> ResolvedCredentials:
    """Find credentials: what is named, then the environment, then the keyring.

    Args:
        token_file: A file that holds a bearer token.
        client_id: The id of OAuth client credentials.
        client_secret_file: A file that holds their secret.
        token_url: Where tokens are made.

    Raises:
        UsageError: if there are none, or they cannot be read.
    """
    env = os.environ
    if token_file is not None and client_id is not None:
        raise UsageError("there are two kinds of credentials: give --token-file or --client-id, not both")
    if token_file is not None:
        return ResolvedCredentials(BearerToken(read_secret(token_file)), f"the token file {token_file}", token_file)
    if client_id is None:
        if token := env.get("CINT_TOKEN"):
            return ResolvedCredentials(BearerToken(Secret(token.strip())), "CINT_TOKEN")
        if path := env.get("CINT_TOKEN_FILE"):
            return ResolvedCredentials(BearerToken(read_secret(Path(path))), f"CINT_TOKEN_FILE, {path}", Path(path))
    if client_id := client_id or env.get("CINT_CLIENT_ID"):
        secret, source, file = _client_secret(client_secret_file, client_id)
        url = token_url or env.get("CINT_TOKEN_URL") or _TOKEN_URL
        provider = ClientCredentials(client_id=client_id, client_secret=secret, token_url=url)
        return ResolvedCredentials(provider, f"the client id {client_id} with the secret of {source}", file)
    if token := _from_keyring("token"):
        return ResolvedCredentials(BearerToken(Secret(token.strip())), "the keyring")
    raise UsageError(
        "there are no credentials\n"
        "Set CINT_CLIENT_ID and CINT_CLIENT_SECRET, or CINT_TOKEN, or give a file with --token-file."
    )


def read_secret(path: Path) -> Secret:
    """The one line of a file.

    Raises:
        UsageError: if it cannot be read, or is no single line.
    """
    try:
        with path.expanduser().open("rb") as file:
            text = file.read(_LONGEST).decode().strip()
    except OSError as exc:
        raise UsageError(f"{path} cannot be read: {exc.strerror or type(exc).__name__}") from exc
    except UnicodeDecodeError:
        # Not chained: the error quotes what it could not decode.
        raise UsageError(f"{path} is not a text file") from None
    if not text or len(text.split()) != 1:
        raise UsageError(
            f"{path} should hold one secret and nothing else; it is {'a longer text' if text else 'empty'}"
        )
    return Secret(text)


def readable_by_others(path: Path) -> bool:
    """Whether other users of this machine may read a file."""
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
        f"the client id {client_id} has no secret\nSet CINT_CLIENT_SECRET, or give a file with --client-secret-file."
    )


def _from_keyring(entry: str) -> str | None:
    """A password of the system's keyring, where the package for it is installed; a locked or missing one has none."""
    if find_spec("keyring") is None:
        return None
    try:
        found: object = import_module("keyring").get_password(_KEYRING, entry)
    except Exception:  # noqa: BLE001  # its backends raise whatever they like
        return None
    return found if isinstance(found, str) and found else None
