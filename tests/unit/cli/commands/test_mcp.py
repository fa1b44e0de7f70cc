"""``fieldingkit mcp``: its options, and the message without the extra. Serving itself needs a process of its own."""

import sys
from pathlib import Path

import pytest
from support.command_line import Cli, check_command_line

from fieldingkit.cli.commands.mcp import DEADLINE
from fieldingkit.cli.connection import Connection
from fieldingkit.configuration import Configuration
from fieldingkit.errors import ConfigurationError
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


def test_the_lines_that_it_shows_reach_the_same_account(connected: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """They have the options that were given, and no URL of a proxy, which may hold a password."""
    config, token = Path("config.toml"), Path("token.txt")
    token.write_text("a-token")
    config.write_text('[connections.agent]\naccount = "7"\ntoken-file = "token.txt"\n')
    monkeypatch.setenv("FIELDINGKIT_CONFIG", str(config.resolve()))
    monkeypatch.delenv("CINT_ACCOUNT_ID")
    given = Connection(connection="agent", base_url="https://api.example/v1", proxy="http://me:secret@proxy", verbose=1)
    words = given.words(given.load())
    assert words == ["--connection", "agent", "--base-url", "https://api.example/v1"]
    check_command_line(["sweeps", "resume", "RUN", *words])


@pytest.mark.parametrize(("options", "expected"), [([], DEADLINE), (["--deadline", "90"], 90.0)])
def test_a_call_ends_before_many_clients_give_up(
    connected: Cli, monkeypatch: pytest.MonkeyPatch, options: list[str], expected: float
) -> None:
    """The deadline is shorter than that of other commands, unless one is configured."""
    opened: list[float | None] = []

    def refuse(self: Connection, configuration: Configuration, *, rate: float | None = None) -> None:
        opened.append(configuration.deadline)
        raise ConfigurationError("enough")

    monkeypatch.setattr(Connection, "open", refuse)
    assert connected("mcp", *options).code == 2
    assert opened == [expected]


def test_the_examples_are_valid_command_lines() -> None:
    """Also with all options."""
    check_command_line(["mcp", "--allow-writes", "--rules", "rules.toml", "--rate", "5", "--connection", "agent"])
