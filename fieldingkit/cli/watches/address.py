"""The address on which a watch listens for webhook events."""

from typing import Self

import attrs

__all__ = ["Address"]

_PORTS = 1 << 16


@attrs.frozen
class Address:
    """An address to listen on."""

    host: str
    """The host name or IP address."""
    port: int
    """The port; 0 selects a free one."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the address of a text: a port of this machine, or a host with a port.

        Raises:
            ValueError: It is neither.
        """
        host, separator, port = text.rpartition(":")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        elif ":" in host:  # an IPv6 address without brackets, whose last part is no port
            host = ""
        if not (port.isascii() and port.isdigit() and int(port) < _PORTS) or (separator and not host):
            raise ValueError("a port, or a host with a port, such as 8080 or 0.0.0.0:8080")
        return cls(host or "127.0.0.1", int(port))
