"""Validate URLs that receive credentials, and compare origins."""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from fieldingkit.errors import ConfigurationError

__all__ = ["check_url", "is_loopback", "normalize_url", "origin_of"]


_DEFAULT_PORTS = {"http": 80, "https": 443}
_VISIBLE = re.compile(r"[\x21-\x7e]+")
# Only unreserved segments: a dot segment or an encoded slash could lead to another path.
_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~:@!$&'()*+,;=-]*)*")


def check_url(url: str, *, what: str, allow_insecure: bool) -> str:
    """Return a URL without its trailing slash, or refuse it if credentials must not be sent to it.

    Args:
        url: The URL.
        what: The name of the option, for the error message.
        allow_insecure: Permit plain http to another machine.

    Raises:
        ConfigurationError: if it is not a URL, contains credentials, or would receive credentials unencrypted.
    """
    try:
        parts = urlsplit(url)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:  # not chained: it could quote a password
        raise ConfigurationError(f"{what} is not a valid URL") from None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or not port_is_fine or not _VISIBLE.fullmatch(url):
        raise ConfigurationError(f"{what} must be an http or https URL")
    if parts.username is not None or parts.query or parts.fragment:
        raise ConfigurationError(f"{what} must not contain credentials, a query or a fragment")
    if not _PATH.fullmatch(parts.path):
        raise ConfigurationError(f"{what} must have a plain path, without dot segments or encoded characters")
    if parts.scheme == "http" and not is_loopback(parts.hostname) and not allow_insecure:
        raise ConfigurationError(
            f"{what} would send credentials unencrypted to {parts.hostname}: use https, or set allow_insecure=True"
        )
    return url.rstrip("/")


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL; the port is always included."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}:{parts.port or _DEFAULT_PORTS.get(parts.scheme)}"


def normalize_url(url: str) -> str:
    """Return a URL with scheme and host in lower case, without the default port and without a trailing slash."""
    parts = urlsplit(url)
    host = parts.netloc.lower().removesuffix(f":{_DEFAULT_PORTS.get(parts.scheme)}")
    return f"{parts.scheme}://{host}{parts.path.rstrip('/')}"


def is_loopback(host: str) -> bool:
    """Return True if a host name or IP address certainly is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
