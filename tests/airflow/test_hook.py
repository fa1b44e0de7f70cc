"""The hook: clients of a connection, and invalid connections."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from fieldingkit.airflow import FieldingHook
from fieldingkit.airflow.connections import client_options, triggerer_options
from fieldingkit.errors import ConfigurationError
from fieldingkit.resources.projects import ListProjects
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.transport.client_credentials import ClientCredentials
from fieldingkit.transport.credentials import BearerToken


def connection(**fields: Any) -> Any:
    """Return an Airflow connection with the given fields."""
    blank = {"conn_id": "cint", "host": None, "login": None, "password": None, "extra": None}
    extra = fields.pop("extra", None)
    return SimpleNamespace(**{**blank, **fields, "extra": extra if isinstance(extra, str) else json.dumps(extra or {})})


def test_the_blocking_client_uses_the_connection(connected: Sandbox) -> None:
    """The client has the credentials, the account and the base URL of the connection."""
    connected.seed(live=1)
    with FieldingHook().client() as client:
        assert len(client.send(ListProjects()).projects) == 1
    with FieldingHook("fieldingkit_default").get_conn() as client:
        assert len(list(client.iter_items(ListProjects(page_size=1)))) == 1
    assert connected.requests[-1].headers["User-Agent"].startswith("fieldingkit-airflow fieldingkit/")


async def test_the_async_client_uses_the_connection(connected: Sandbox) -> None:
    """The async client uses the same connection in an event loop."""
    connected.seed(live=1)
    async with await FieldingHook().async_client(deadline=5.0) as client:
        assert len((await client.send(ListProjects())).projects) == 1


def test_a_connection_test_reports_the_reason_without_secrets(connected: Sandbox) -> None:
    """The test button of Airflow's form shows success, or the reason of the API without a secret."""
    ok, message = FieldingHook().test_connection()
    assert ok
    assert connected.url in message
    assert connected.client_secret not in message
    connected.expire_tokens()
    connected.faults.add("*", faults.Answer(401), times=None)
    ok, message = FieldingHook().test_connection()
    assert not ok
    assert "Check the credentials" in message


def test_a_connection_without_login_has_a_bearer_token() -> None:
    """With a login the credentials are client credentials, and otherwise a bearer token."""
    credentials = client_options(connection(login="me", password="secret"))["auth"]
    assert isinstance(credentials, ClientCredentials)
    assert credentials.client_id == "me"
    assert credentials.token_url is None
    assert isinstance(client_options(connection(password="token"))["auth"], BearerToken)
    elsewhere = client_options(connection(login="me", password="s", extra={"token_url": "https://auth.example/token"}))
    assert isinstance(elsewhere["auth"], ClientCredentials)
    assert elsewhere["auth"].token_url == "https://auth.example/token"


def test_empty_fields_of_the_form_are_left_to_the_defaults() -> None:
    """A form sends empty texts and nulls for what was not filled in; a URI gives texts for numbers."""
    empty = {"account_id": "", "rate": None, "timeout": "", "proxy": None, "token_url": ""}
    options = client_options(connection(host="", login="", password="token", extra=empty))
    assert options.keys() == {"auth", "user_agent"}
    options = client_options(connection(password="token", extra={"account_id": 101, "rate": "7.5", "deadline": 60}))
    assert options["account_id"] == "101"
    assert options["rate"] == 7.5
    assert options["deadline"] == 60.0


def test_a_triggerer_can_have_its_own_rate() -> None:
    """A triggerer polls the jobs of all tasks, so the rate of one task is too low for it."""
    both = connection(password="token", extra={"rate": 2, "triggerer_rate": "8"})
    assert client_options(both)["rate"] == 2.0
    assert triggerer_options(both)["rate"] == 8.0
    assert triggerer_options(connection(password="token", extra={"rate": 2}))["rate"] == 2.0
    assert "rate" not in client_options(connection(password="token", extra={"triggerer_rate": 8}))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "no credentials"),
        ({"login": "me"}, "no credentials"),
        ({"password": "t", "extra": {"rat": 5}}, "extra has unknown fields rat"),
        ({"password": "t", "extra": {"rate": "fast"}}, "rate must be a number"),
        ({"password": "t", "extra": "[1]"}, "must be a JSON object"),
        ({"password": "t", "extra": "{"}, "must be a JSON object"),
    ],
)
def test_an_invalid_connection_is_refused_by_field_name(fields: dict[str, Any], message: str) -> None:
    """The error contains the connection id and the name of the field."""
    with pytest.raises(ConfigurationError, match=message) as refused:
        client_options(connection(**fields))
    assert "'cint'" in str(refused.value)
