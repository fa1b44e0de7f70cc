"""The options of both clients: one list of names, types and defaults, and checks that name the option."""

import ast
import inspect
from pathlib import Path
from typing import Any

import attrs
import pytest

from fieldingkit import (
    API_VERSION,
    AsyncClient,
    AsyncFulfillmentClient,
    Client,
    ClientCredentials,
    RetryPolicy,
    options,
)
from fieldingkit.errors import ConfigurationError
from fieldingkit.options import BASE_URL, Options
from fieldingkit.version import __version__

every_client = pytest.mark.parametrize("client", [AsyncClient, Client])


@every_client
def test_signature_of_a_client_shows_every_option_and_its_default(client: type) -> None:
    """``inspect.signature`` of a client shows the options, keyword-only, with their types and defaults."""
    parameters = inspect.signature(client).parameters
    assert dict(parameters) == dict(inspect.signature(Options).parameters)
    assert {parameter.kind for parameter in parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}
    assert [name for name, parameter in parameters.items() if parameter.default is inspect.Parameter.empty] == ["auth"]
    defaults = {"base_url": BASE_URL, "api_version": API_VERSION, "timeout": 30.0, "deadline": 120.0, "rate": None}
    assert {name: parameters[name].default for name in defaults} == defaults
    assert (parameters["retry"].default, parameters["poll"].default) == (RetryPolicy(), None)


@every_client
def test_signature_of_from_env_shows_the_connection_and_every_option_but_auth(client: Any) -> None:
    """``from_env`` takes a connection and every option except the credentials, which the connection provides."""
    parameters = inspect.signature(client.from_env).parameters
    assert parameters["connection"].default is None
    assert set(inspect.signature(client).parameters) ^ set(parameters) == {"auth", "connection"}


def test_every_option_is_documented() -> None:
    """A docstring stands under every option."""
    tree = ast.parse(Path(options.__file__).read_text())
    documented = {
        field.target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for field, below in zip(node.body, node.body[1:], strict=False)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if "ClassVar" not in ast.unparse(field.annotation)
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
    }
    assert documented == {*attrs.fields_dict(Options), "connection"}


@every_client
@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("account_id", "12a"),
        ("base_url", "ftp://api.example.org"),
        ("base_url", "http://api.example.org"),
        ("api_version", "2025\n"),
        ("timeout", 0),
        ("timeout", 10**400),
        ("on_missing_trace", [1]),
        ("deadline", -1.0),
        ("deadline", float("nan")),
        ("rate", 0),
        ("rate", float("inf")),
        ("account_id", True),
        ("base_url", None),
        ("base_url", 7),
        ("api_version", None),
        ("timeout", "30"),
        ("timeout", True),
        ("timeout", float("inf")),
        ("deadline", [1]),
        ("rate", "fast"),
        ("retry", None),
        ("retry", 3),
        ("poll", {"first_delay": 1}),
        ("headers", 3),
        ("headers", {"X-Team": 3}),
        ("headers", {"X Team": "a"}),
        ("headers", {"X-Team": "a\r\nb"}),
        ("headers", {"Authorization": "Bearer x"}),
        ("headers", {"traceparent": "x"}),
        ("headers", {"user-agent": "x"}),
        ("headers", {"Idempotency-Key": "x"}),
        ("connector_limit", -1),
        ("connector_limit", 0),
        ("connector_limit", 1.5),
        ("connect_timeout", 0),
        ("keepalive_timeout", -1),
        ("max_body", -1),
        ("max_body", 1e6),
        ("trust_env", "yes"),
        ("allow_insecure", 1),
        ("ssl_context", True),
        ("tracer_provider", object()),
        ("meter_provider", "x"),
        ("trace_context", "00-abc"),
        ("on_attempt", 3),
        ("on_poll", "x"),
        ("on_request", []),
        ("clock", 0),
        ("transport", 1),
        ("auth", 1),
        ("auth", None),
        ("user_agent", 5),
        ("user_agent", "ä"),
        ("proxy", "socks5://proxy.example.org"),
        ("on_missing_trace", "sometimes"),
    ],
)
def test_option_that_cannot_work_is_refused_by_name(client: Any, option: str, value: object) -> None:
    """An option that cannot work raises a ConfigurationError that names it."""
    with pytest.raises(ConfigurationError, match=option):
        client(**{"auth": "token", option: value})


@every_client
def test_a_client_secret_for_another_host_needs_a_token_url(client: Any) -> None:
    """Client credentials for another host are refused before anything is sent, unless they name a token endpoint."""
    sent: list[object] = []
    elsewhere = {"base_url": "https://api.example.org/v1", "transport": sent.append}
    keys: dict[str, Any] = {"client_id": "id", "client_secret": "canary"}
    with pytest.raises(
        ConfigurationError, match=r"at api\.example\.org: set token_url of .* \(CINT_TOKEN_URL"
    ) as caught:
        client(auth=ClientCredentials(**keys), **elsewhere)
    assert (sent, "canary" in str(caught.value)) == ([], False)
    for named in ("https://auth.example.org/token", "https://auth.cint.com/oauth/token"):
        client(auth=ClientCredentials(**keys, token_url=named), **elsewhere)
    client(auth=ClientCredentials(**keys), base_url="https://API.cint.com/v2")


def test_the_user_agent_names_the_release_and_its_api_version() -> None:
    """The API's support sees which release sent a request, and for which API version it is made."""
    own = f"fieldingkit/{__version__} (API {API_VERSION})"
    assert Options(auth="t").request_headers["User-Agent"] == own
    assert Options(auth="t", user_agent="panel/2").request_headers["User-Agent"] == f"panel/2 {own}"


def test_the_options_of_one_api_come_first() -> None:
    """A signature begins with the credentials and the other options of the client's own API."""
    assert list(inspect.signature(AsyncClient).parameters)[:4] == ["auth", "account_id", "base_url", "api_version"]
    assert list(inspect.signature(AsyncFulfillmentClient).parameters)[:2] == ["key", "base_url"]
