"""Where events may be sent: to this machine, since a sandbox must never reach out of it."""

import ipaddress

from yarl import URL

__all__ = ["is_loopback"]


def is_loopback(url: str) -> bool:
    """Whether a URL leads to this machine, and cannot lead anywhere else.

    It is taken apart by what sends to it later, so that the two can never disagree about the host.
    """
    try:
        host = URL(url).host or ""
    except ValueError:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
