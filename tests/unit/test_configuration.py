"""Connection settings: arguments override the environment, which overrides the file; the library and the CLI agree."""

import asyncio
import json
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from support.command_line import Cli

from fieldingkit import AsyncClient, Client, configuration
from fieldingkit.cli.connection import Connection
from fieldingkit.configuration import KEYS, load
from fieldingkit.errors import ConfigurationError
from fieldingkit.options import Options
from fieldingkit.resources.projects import ListProjects
from fieldingkit.sandbox import Sandbox
from fieldingkit.transport.client_credentials import ClientCredentials
from fieldingkit.transport.credentials import BearerToken

pytestmark = pytest.mark.usefixtures("bare")

OTHER = "https://api.staging.example/v1"
OTHER_TOKENS = "https://auth.staging.example/oauth/token"


@pytest.fixture
def write(bare: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], Path]:
    """Return a function that writes the configuration file and its token file."""

    def write(text: str) -> Path:
        path = tmp_path / "config.toml"
        path.write_text(text.replace("~", str(tmp_path)))
        (tmp_path / "token").write_text("token-of-the-file\n")
        (tmp_path / "secret").write_text("secret-of-the-file\n")
        bare.setenv("FIELDINGKIT_CONFIG", str(path))
        return path

    return write


def token(loaded: configuration.Configuration) -> str:
    """Return the bearer token of a configuration."""
    assert isinstance(loaded.credentials.provider, BearerToken)
    return loaded.credentials.provider.token.reveal()


def client_credentials(loaded: configuration.Configuration) -> ClientCredentials:
    """Return the client credentials of a configuration."""
    assert isinstance(loaded.credentials.provider, ClientCredentials)
    return loaded.credentials.provider


def test_from_env_reads_every_variable(bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The account, URLs, version, proxy and secret files of the environment all reach the client."""
    (tmp_path / "secret").write_text("canary\n")
    bare.setenv("CINT_ACCOUNT_ID", "101")
    bare.setenv("CINT_BASE_URL", OTHER)
    bare.setenv("CINT_TOKEN_URL", OTHER_TOKENS)
    bare.setenv("CINT_API_VERSION", "2026-01-01")
    bare.setenv("CINT_PROXY", "http://user:canary@proxy.example:3128")
    bare.setenv("CINT_CLIENT_ID", "id")
    bare.setenv("CINT_CLIENT_SECRET_FILE", str(tmp_path / "secret"))
    loaded = load()
    assert (loaded.account, loaded.base_url, loaded.api_version) == ("101", OTHER, "2026-01-01")
    assert loaded.options()["proxy"].endswith("proxy.example:3128")
    assert client_credentials(loaded).token_url == OTHER_TOKENS
    assert client_credentials(loaded).client_secret.reveal() == "canary"
    assert "canary" not in repr(loaded)


def test_from_env_reads_the_configuration_file(sandbox: Sandbox, write: Callable[[str], Path]) -> None:
    """Both clients work with nothing but a configuration file."""
    path = write(f'base-url = "{sandbox.url}"\naccount = 101\ntoken-file = "~/token"')
    path.with_name("token").write_text(sandbox.token)
    sandbox.seed(live=1)

    async def read() -> int:
        async with AsyncClient.from_env() as client:
            return len((await client.send(ListProjects())).projects)

    assert asyncio.run(read()) == 1
    with Client.from_env(timeout=5) as client:
        assert len(client.send(ListProjects()).projects) == 1


def test_a_named_connection_inherits_nothing(write: Callable[[str], Path]) -> None:
    """A [connections.NAME] table does not inherit the credentials or the account of the default connection."""
    write(
        'account = "1"\ntoken-file = "~/token"\ntimeout = 5\n'
        f'[connections.staging]\nbase-url = "{OTHER}"\n'
        f'[connections.full]\nbase-url = "{OTHER}"\naccount = 7\ntoken-file = "~/secret"\ndeadline = 9.5\n'
    )
    assert (token(load()), load().account, load().timeout) == ("token-of-the-file", "1", 5)
    full = load("full")
    assert (token(full), full.account, full.base_url) == ("secret-of-the-file", "7", OTHER)
    assert (full.timeout, full.deadline, full.connection) == (None, 9.5, "full")
    with pytest.raises(ConfigurationError, match="no credentials"):
        load("staging")


def test_the_environment_selects_a_connection(bare: pytest.MonkeyPatch, write: Callable[[str], Path]) -> None:
    """CINT_CONNECTION selects a connection, and the other variables override its values."""
    write('[connections.a]\naccount = "1"\ntoken-file = "~/token"\n[connections.b]\naccount = "2"')
    bare.setenv("CINT_CONNECTION", "a")
    assert load().account == "1"
    bare.setenv("CINT_ACCOUNT_ID", "3")
    bare.setenv("CINT_TOKEN", "token-of-the-environment")
    assert (load().account, token(load())) == ("3", "token-of-the-environment")


def test_a_connection_argument_overrides_the_environment(
    bare: pytest.MonkeyPatch, write: Callable[[str], Path]
) -> None:
    """The connection of an argument keeps its own account, host and credentials, regardless of the environment."""
    write(
        f'[connections.a]\naccount = "1"\ntoken-file = "~/token"\nbase-url = "{OTHER}"\n'
        f'[connections.b]\nclient-id = "id"\nbase-url = "{OTHER}"\ntoken-url = "{OTHER_TOKENS}"'
    )
    bare.setenv("CINT_ACCOUNT_ID", "3")
    bare.setenv("CINT_TOKEN", "production")
    bare.setenv("CINT_BASE_URL", "https://api.cint.com/v1")
    bare.setenv("CINT_CLIENT_SECRET", "production")
    loaded = load("a")
    assert (loaded.account, token(loaded), loaded.base_url) == ("1", "token-of-the-file", OTHER)
    with pytest.raises(ConfigurationError, match="no secret found"):
        load("b")
    assert load("a", account="9").account == "9"


def test_an_unknown_connection_lists_the_known_ones(write: Callable[[str], Path]) -> None:
    """The error for an unknown connection names those of the file."""
    write("[connections.b]\n[connections.a]")
    with pytest.raises(ConfigurationError, match="no connection 'c'; its connections are: a, b"):
        load("c")


@pytest.mark.parametrize("how", ["environment", "file", "argument"])
def test_a_client_secret_is_not_sent_to_the_production_token_host(
    bare: pytest.MonkeyPatch, write: Callable[[str], Path], how: str
) -> None:
    """Client credentials for another host are refused without a token URL, wherever the base URL comes from."""
    bare.setenv("CINT_CLIENT_ID", "id")
    bare.setenv("CINT_CLIENT_SECRET", "canary")
    Client.from_env().close()
    if how == "environment":
        bare.setenv("CINT_BASE_URL", "http://127.0.0.1:8080/v1")
    if how == "file":
        write(f'base-url = "{OTHER}"')
    arguments: dict[str, Any] = {"base_url": OTHER} if how == "argument" else {}
    with pytest.raises(ConfigurationError, match="CINT_TOKEN_URL") as caught:
        Client.from_env(**arguments)
    assert "canary" not in str(caught.value)
    bare.setenv("CINT_TOKEN_URL", OTHER_TOKENS)
    Client.from_env(**arguments).close()


@pytest.mark.parametrize("content", [b"", b"\n", b"two words", b"canary\nsecond line", b"\xff\xfecanary"])
def test_a_secret_file_holds_one_word(bare: pytest.MonkeyPatch, tmp_path: Path, content: bytes) -> None:
    """Content other than one word is refused, and not shown."""
    (tmp_path / "token").write_bytes(content)
    bare.setenv("CINT_TOKEN_FILE", str(tmp_path / "token"))
    with pytest.raises(ConfigurationError) as caught:
        load()
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None
    frames = [frame for frame, _ in traceback.walk_tb(caught.value.__traceback__)]
    assert not [frame for frame in frames[1:] if "canary" in repr(frame.f_locals)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("acount = 1", "unknown key 'acount'"),
        ("token = 'canary'", "its own file"),
        ("client-secret = 'canary'", "its own file"),
        ("account = ", "not valid TOML"),
        ("timeout = 'ten'", "'timeout' must be a number"),
        ("deadline = -1", "'deadline' must be a number of seconds above 0; got -1"),
        ("[connections.a]\ntimeout = nan", "'timeout' must be a number of seconds above 0; got nan"),
        ("account = true", "'account' must be text"),
        ("[connections]\na = 1", "must be a table"),
        ("[connections.a]\nsecret = 'canary'", "its own file"),
        ("[connections.a]\nrate = 5", "unknown key 'rate'"),
    ],
)
def test_an_invalid_file_is_refused(write: Callable[[str], Path], text: str, message: str) -> None:
    """A typo, a secret, a wrong value and invalid TOML are refused; the error names the file and shows no secret."""
    path = write(text)
    with pytest.raises(ConfigurationError, match=message) as caught:
        Client.from_env()
    assert str(path) in str(caught.value)
    assert "canary" not in str(caught.value)


def test_an_option_that_overrides_a_variable_is_named_itself(bare: pytest.MonkeyPatch) -> None:
    """An error names the variable only if the value came from it."""
    bare.setenv("CINT_TOKEN", "token")
    bare.setenv("CINT_API_VERSION", "a\nb")
    bare.setenv("CINT_BASE_URL", "nowhere")
    for create in (Client.from_env, AsyncClient.from_env):
        with pytest.raises(ConfigurationError, match=r"^CINT_BASE_URL must be"):
            create()
        with pytest.raises(ConfigurationError, match=r"^base_url must be"):
            create(base_url="elsewhere")
        with pytest.raises(ConfigurationError, match=r"^api_version must be"):
            create(base_url="https://api.test", api_version="c\nd")


def test_only_a_named_file_must_exist(bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A missing file is an error if FIELDINGKIT_CONFIG names it; the default one is optional."""
    bare.setenv("CINT_TOKEN", "token")
    assert load().connection is None
    bare.setenv("FIELDINGKIT_CONFIG", str(tmp_path / "missing.toml"))
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load()


def test_the_keyring_is_the_last_source(bare: pytest.MonkeyPatch, write: Callable[[str], Path]) -> None:
    """The keyring is used if there are no other credentials, not for a named connection; a broken one is empty."""

    class Keyring:
        def get_password(self, service: str, entry: str) -> str | None:
            if entry == "broken":
                raise RuntimeError("locked")
            return {("fieldingkit", "token"): "token-of-the-keyring"}.get((service, entry))

    bare.setattr(configuration, "find_spec", lambda _: object())
    bare.setattr(configuration, "import_module", lambda _: Keyring())
    assert token(load()) == "token-of-the-keyring"
    with pytest.raises(ConfigurationError, match="no secret found"):
        load(client_id="broken")
    write("[connections.a]\naccount = '1'")
    with pytest.raises(ConfigurationError, match="no credentials found"):
        load("a")


def test_two_kinds_of_credentials_are_refused(write: Callable[[str], Path]) -> None:
    """A token file and a client id in one source are ambiguous."""
    write('token-file = "~/token"\nclient-id = "id"')
    with pytest.raises(ConfigurationError, match="two kinds of credentials"):
        load()


def test_the_keys_are_the_connection_flags() -> None:
    """The keys of the file are the connection flags of every command."""
    flags = {*Connection.__annotations__} - {"connection", "verbose"}
    assert {name.replace("-", "_") for name in KEYS} == flags


@pytest.mark.parametrize("named", [False, True])
def test_doctor_and_from_env_agree(
    cli: Cli, bare: pytest.MonkeyPatch, sandbox: Sandbox, write: Callable[[str], Path], named: bool
) -> None:
    """A setup that the doctor accepts works with from_env, and one that it rejects does not."""
    table = "[connections.sandbox]\n" if named else ""
    text = f'{table}base-url = "{sandbox.url}"\naccount = "101"\nclient-id = "{sandbox.client_id}"\n'
    write(text).with_name("secret").write_text(sandbox.client_secret)
    bare.setenv("CINT_CLIENT_SECRET_FILE", "secret")
    if named:
        bare.setenv("CINT_CONNECTION", "sandbox")
    ended = cli("doctor", "--json")
    assert (ended.code, "token URL" in json.loads(ended.out)["message"]) == (2, True)
    with pytest.raises(ConfigurationError, match="token URL"):
        Client.from_env()
    write(f'{text}token-url = "{sandbox.token_url}"\n').with_name("secret").write_text(sandbox.client_secret)
    assert cli("doctor").code == 0
    with Client.from_env() as client:
        client.send(ListProjects())


def test_the_help_names_the_defaults_of_the_client(cli: Cli) -> None:
    """The defaults in the help of the connection flags are those of the client's options."""
    options = attrs.fields(Options)
    text = " ".join(cli("doctor", "--help").out.replace("│", " ").split())
    for default in (f"{options.timeout.default:g}", f"{options.deadline.default:g}"):
        assert f"{default} by default" in text
    assert f"{options.base_url.default} by default" in text
