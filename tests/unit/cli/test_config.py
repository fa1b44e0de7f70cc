"""Configuration and credentials: flags override the environment, which overrides the file; secrets stay hidden."""

from pathlib import Path

import pytest
from support.command_line import Cli

from fieldingkit.cli import credentials
from fieldingkit.cli.config import CONNECTION_KEYS, ConfigFile
from fieldingkit.cli.connection import Connection
from fieldingkit.cli.errors import UsageError
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


def test_a_configuration_file_is_enough(cli: Cli, config: Path, sandbox: Sandbox) -> None:
    """With a configuration file no flag and no variable is needed."""
    write(config, sandbox)
    assert cli("projects", "list").code == 0


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
    write(config, sandbox)
    sandbox.seed(account_id=102, live=1)
    sandbox.seed(account_id=103, live=1)
    assert "account 101" in _account(cli, sandbox)
    bare.setenv("CINT_ACCOUNT_ID", "102")
    assert "account 102" in _account(cli, sandbox)
    assert "account 103" in _account(cli, sandbox, "--account", "103")


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
        ("token = 'canary'", "a file of its own"),
        ("client-secret = 'canary'", "a file of its own"),
        ("account = ", "cannot be read"),
        ("rate = 5", "the keys are"),
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


def test_a_named_file_must_exist(cli: Cli, config: Path) -> None:
    """A missing file is an error if FIELDINGKIT_CONFIG names it."""
    assert cli("projects", "list").code == 2


def test_the_keys_are_the_connection_flags() -> None:
    """The keys at the top of the file are the connection flags of every command."""
    assert {name.replace("-", "_") for name in CONNECTION_KEYS} == {*Connection.__annotations__}
    assert ConfigFile.__doc__


def test_client_credentials_get_a_token(cli: Cli, bare: pytest.MonkeyPatch, sandbox: Sandbox, tmp_path: Path) -> None:
    """A client id and a secret, from the environment or a file, get a token from the token endpoint."""
    bare.setenv("CINT_BASE_URL", sandbox.url)
    bare.setenv("CINT_ACCOUNT_ID", "101")
    bare.setenv("CINT_TOKEN_URL", sandbox.token_url)
    bare.setenv("CINT_CLIENT_ID", sandbox.client_id)
    assert "no secret found" in cli("projects", "list").err
    bare.setenv("CINT_CLIENT_SECRET", sandbox.client_secret)
    assert cli("projects", "list").code == 0
    bare.delenv("CINT_CLIENT_SECRET")
    (tmp_path / "secret").write_text(sandbox.client_secret)
    assert cli("projects", "list", "--client-secret-file", "secret").code == 0


def test_two_kinds_of_credentials_are_refused(connected: Cli) -> None:
    """A token file and a client id in one command line are a usage error."""
    assert connected("projects", "list", "--token-file", "x", "--client-id", "y").code == 2


@pytest.mark.parametrize("content", [b"", b"\n", b"two words", b"canary\nsecond line", b"\xff\xfecanary"])
def test_a_token_file_holds_one_secret(connected: Cli, tmp_path: Path, content: bytes) -> None:
    """Content other than one word is refused, and not shown."""
    (tmp_path / "token").write_bytes(content)
    ended = connected("projects", "list", "--token-file", "token")
    assert ended.code == 2
    assert "canary" not in ended.err


def test_the_keyring_is_the_last_source(bare: pytest.MonkeyPatch) -> None:
    """The keyring is used if there are no other credentials; a broken keyring counts as empty."""

    class Keyring:
        def get_password(self, service: str, entry: str) -> str | None:
            if entry == "broken":
                raise RuntimeError("locked")
            return {("fieldingkit", "token"): "from-the-keyring"}.get((service, entry))

    bare.setattr(credentials, "find_spec", lambda _: object())
    bare.setattr(credentials, "import_module", lambda _: Keyring())
    nothing = {"token_file": None, "client_secret_file": None, "token_url": None}
    assert credentials.resolve_credentials(client_id=None, **nothing).source == "the keyring"
    with pytest.raises(UsageError, match="no secret found"):
        credentials.resolve_credentials(client_id="broken", **nothing)


def test_no_command_takes_a_secret_on_its_line(cli: Cli) -> None:
    """No flag takes a token or a secret, since other users of the machine can read command lines."""
    for words in (["projects", "list", "--token", "x"], ["pause", "--client-secret", "x"]):
        ended = cli(*words)
        assert ended.code == 2
        assert "Unknown option" in ended.err
