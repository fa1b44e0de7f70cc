"""The address of --listen: a port of this machine, or a host with a port."""

import pytest

from fieldingkit.cli.watches.address import Address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("8080", Address("127.0.0.1", 8080)),
        ("0", Address("127.0.0.1", 0)),
        ("0.0.0.0:65535", Address("0.0.0.0", 65535)),
        ("localhost:80", Address("localhost", 80)),
        ("[::1]:8080", Address("::1", 8080)),
    ],
)
def test_a_port_alone_is_one_of_this_machine(text: str, address: Address) -> None:
    """Others reach it only if the user names a host that they can reach."""
    assert Address.parse(text) == address


@pytest.mark.parametrize(
    "text", ["", ":", ":8080", "[]:80", "localhost", "localhost:", "65536", "-1", "8080/", "::1", "::1:80", "٣", "1.5"]
)
def test_anything_else_is_refused(text: str) -> None:
    """An IPv6 address needs its brackets: its last part would be taken for a port."""
    with pytest.raises(ValueError, match="a port, or a host with a port"):
        Address.parse(text)
