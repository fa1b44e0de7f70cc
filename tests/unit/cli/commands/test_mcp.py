"""``fieldingkit mcp``: its options, and the message without the extra. Serving itself needs a process of its own."""

import sys

import pytest
from support.command_line import Cli, check_command_line

from fieldingkit.sandbox import Sandbox


def test_without_the_extra_the_message_says_what_to_install(
    connected: Cli, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is an error of usage, and nothing is sent."""
    for name in [name for name in sys.modules if name.startswith(("fieldingkit.mcp", "mcp."))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mcp", None)
    ended = connected("mcp")
    assert ended.code == 2
    assert ended.out == ""
    assert 'python -m pip install "fieldingkit[cli,mcp]"' in ended.err
    assert "this command requires mcp" in ended.err
    assert not sandbox.requests


def test_rules_that_are_not_valid_are_named_before_it_serves(connected: Cli, sandbox: Sandbox) -> None:
    """The operator sees the mistake, and not the agent."""
    ended = connected("mcp", "--rules", "missing.toml")
    assert ended.code == 2
    assert "missing.toml cannot be read" in ended.err


def test_without_credentials_it_does_not_serve(cli: Cli) -> None:
    """The client sees the reason in the log of the server."""
    ended = cli("mcp")
    assert ended.code == 2
    assert ended.out == ""


def test_the_examples_are_valid_command_lines() -> None:
    """Also with all options."""
    check_command_line(["mcp", "--allow-writes", "--rules", "rules.toml", "--rate", "5", "--connection", "agent"])
