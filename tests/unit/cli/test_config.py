"""The configuration file on the command line: precedence of flags, tables of commands, and no secret in a flag."""

from pathlib import Path

import pytest
from support.command_line import Cli

from fieldingkit.sandbox import Sandbox


@pytest.fixture
def config(bare: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the path of a configuration file that does not exist yet."""
    path = tmp_path / "config.toml"
    bare.setenv("FIELDINGKIT_CONFIG", str(path))
    return path


def write(path: Path, sandbox: Sandbox, *more: str) -> None:
    """Write a configuration file and its token file."""
    token = path.with_name("token")
    token.write_text(f"{sandbox.token}\n")
    lines = [f'base-url = "{sandbox.url}"', 'account = "101"', f'token-file = "{token}"', *more]
    path.write_text("\n".join(lines))


def test_the_file_has_a_default_path(cli: Cli, bare: pytest.MonkeyPatch, sandbox: Sandbox, tmp_path: Path) -> None:
    """Without FIELDINGKIT_CONFIG the file is in the system's configuration folder."""
    folder = tmp_path / "home" / "fieldingkit"
    folder.mkdir(parents=True)
    write(folder / "config.toml", sandbox)
    assert cli("projects", "list").code == 0


def test_flags_override_the_environment_overrides_the_file(
    cli: Cli, config: Path, bare: pytest.MonkeyPatch, sandbox: Sandbox
) -> None:
    """Flags override the environment, and the environment overrides the file."""
    write(
        config, sandbox, "[connections.other]", f'base-url = "{sandbox.url}"', 'token-file = "token"', "account = 104"
    )
    for account in (102, 103, 104):
        sandbox.seed(account_id=account, live=1)
    assert "account 101" in _account(cli, sandbox)
    bare.setenv("CINT_ACCOUNT_ID", "102")
    assert "account 102" in _account(cli, sandbox)
    assert "account 103" in _account(cli, sandbox, "--account", "103")
    assert "account 104" in _account(cli, sandbox, "--connection", "other")


def _account(cli: Cli, sandbox: Sandbox, *words: str) -> str:
    sandbox.requests.clear()
    assert cli("projects", "list", *words).code == 0
    return f"account {sandbox.requests[0].path.split('/')[4]}"


def test_credentials_of_the_environment_override_the_file(
    cli: Cli, config: Path, bare: pytest.MonkeyPatch, sandbox: Sandbox
) -> None:
    """A token in the environment overrides the token file of the configuration, and a flag overrides both."""
    write(config, sandbox)
    config.with_name("token").write_text("of-the-file")
    bare.setenv("CINT_TOKEN", sandbox.token)
    assert cli("projects", "list").code == 0
    bare.setenv("CINT_TOKEN", "of-the-environment")
    config.with_name("good").write_text(sandbox.token)
    assert cli("projects", "list", "--token-file", "good").code == 0


def test_a_table_holds_the_defaults_of_a_command(cli: Cli, config: Path, sandbox: Sandbox) -> None:
    """A table holds the defaults of its command, also for a subcommand."""
    project = sandbox.seed(live=1)
    write(config, sandbox, "[pause]", "json = true", "[runs.show]", "json = true")
    assert cli("pause", "--project", project.id, "--yes").out.startswith('{"event"')
    assert cli("runs", "show", project.ids()[0], "--project", project.id).out.startswith('{"id"')


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("acount = 1", "acount"),
        ("[puase]\nrate = 1", "unknown table"),
        ("[pause]\nrat = 1", "rat"),
        ("token = 'canary'", "its own file"),
        ("account = ", "not valid TOML"),
        ("acount = 1", "'proxy', 'timeout'"),  # keys of the file, not flags
        ("proxy = 1", "'proxy' must be text"),
    ],
)
def test_an_invalid_file_is_a_usage_error(cli: Cli, config: Path, line: str, text: str) -> None:
    """A typo, a secret and invalid TOML are usage errors that name the file; the secret is not shown."""
    config.write_text(line)
    ended = cli("pause", "--all-projects", "--yes")
    assert ended.code == 2
    assert str(config) in ended.err
    assert text in ended.err
    assert "canary" not in ended.err


def test_client_credentials_get_a_token(cli: Cli, bare: pytest.MonkeyPatch, sandbox: Sandbox, tmp_path: Path) -> None:
    """A client id and a secret, from the environment or a file, get a token from the token endpoint."""
    bare.setenv("CINT_BASE_URL", sandbox.url)
    bare.setenv("CINT_ACCOUNT_ID", "101")
    bare.setenv("CINT_TOKEN_URL", sandbox.token_url)
    bare.setenv("CINT_CLIENT_ID", sandbox.client_id)
    assert "no secret found" in cli("projects", "list").err
    bare.setenv("CINT_CLIENT_SECRET", sandbox.client_secret)
    assert cli("projects", "list").code == 0
    bare.setenv("CINT_CLIENT_SECRET", "wrong")
    (tmp_path / "secret").write_text(sandbox.client_secret)
    assert cli("projects", "list", "--client-secret-file", "secret").code == 0


def test_two_kinds_of_credentials_are_refused(connected: Cli) -> None:
    """A token file and a client id in one command line are a usage error."""
    assert connected("projects", "list", "--token-file", "x", "--client-id", "y").code == 2


def test_no_command_takes_a_secret_on_its_line(cli: Cli) -> None:
    """No flag takes a token or a secret, since other users of the machine can read command lines."""
    for words in (["projects", "list", "--token", "x"], ["pause", "--client-secret", "x"]):
        ended = cli(*words)
        assert ended.code == 2
        assert "unknown option" in ended.err
