"""The hook: clients of a connection, and what is refused."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from fieldingkit.airflow import FieldingHook
from fieldingkit.airflow.hooks import client_options, triggerer_options
from fieldingkit.errors import ConfigurationError
from fieldingkit.resources.projects import ListProjects
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.transport.credentials import BearerToken, ClientCredentials


def stored(**fields: Any) -> Any:
    """An Airflow connection."""
    blank = {"conn_id": "cint", "host": None, "login": None, "password": None, "extra": None}
    extra = fields.pop("extra", None)
    return SimpleNamespace(**{**blank, **fields, "extra": extra if isinstance(extra, str) else json.dumps(extra or {})})


def test_it_gives_a_blocking_client(connected: Sandbox) -> None:
    """The connection's credentials, account and base URL are those of the client."""
    connected.seed(live=1)
    with FieldingHook().client() as client:
        assert len(client.send(ListProjects()).projects) == 1
    with FieldingHook("fieldingkit_default").get_conn() as client:
        assert len(list(client.iter_items(ListProjects(page_size=1)))) == 1
    assert connected.requests[-1].headers["User-Agent"].startswith("fieldingkit-airflow fieldingkit/")


async def test_it_gives_an_async_client(connected: Sandbox) -> None:
    """The same, in an event loop."""
    connected.seed(live=1)
    async with await FieldingHook().async_client(deadline=5.0) as client:
        assert len((await client.send(ListProjects())).projects) == 1


def test_a_connection_is_tested_with_one_read(connected: Sandbox) -> None:
    """The button of Airflow's form: yes, or the API's own reason, without a secret in it."""
    ok, message = FieldingHook().test_connection()
    assert ok
    assert connected.url in message
    assert connected.client_secret not in message
    connected.expire_tokens()
    connected.faults.add("*", faults.Answer(401), times=None)
    ok, message = FieldingHook().test_connection()
    assert not ok
    assert "Check the credentials" in message


def test_credentials_are_of_two_kinds() -> None:
    """With a login it is client credentials, without one a bearer token."""
    credentials = client_options(stored(login="me", password="secret"))["auth"]
    assert isinstance(credentials, ClientCredentials)
    assert credentials.client_id == "me"
    assert credentials.token_url == "https://auth.cint.com/oauth/token"
    assert isinstance(client_options(stored(password="token"))["auth"], BearerToken)
    elsewhere = client_options(stored(login="me", password="s", extra={"token_url": "https://auth.example/token"}))
    assert isinstance(elsewhere["auth"], ClientCredentials)
    assert elsewhere["auth"].token_url == "https://auth.example/token"


def test_empty_fields_of_the_form_are_left_to_the_defaults() -> None:
    """A form sends empty texts and nulls for what was not filled in; a URI gives texts for numbers."""
    empty = {"account_id": "", "rate": None, "timeout": "", "proxy": None, "token_url": ""}
    options = client_options(stored(host="", login="", password="token", extra=empty))
    assert options.keys() == {"auth", "user_agent"}
    options = client_options(stored(password="token", extra={"account_id": 101, "rate": "7.5", "deadline": 60}))
    assert options["account_id"] == "101"
    assert options["rate"] == 7.5
    assert options["deadline"] == 60.0


def test_a_triggerer_may_have_a_rate_of_its_own() -> None:
    """It waits for the jobs of all tasks, so that what is right for one task is too slow for it."""
    both = stored(password="token", extra={"rate": 2, "triggerer_rate": "8"})
    assert client_options(both)["rate"] == 2.0
    assert triggerer_options(both)["rate"] == 8.0
    assert triggerer_options(stored(password="token", extra={"rate": 2}))["rate"] == 2.0
    assert "rate" not in client_options(stored(password="token", extra={"triggerer_rate": 8}))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "no credentials"),
        ({"login": "me"}, "no credentials"),
        ({"password": "t", "extra": {"rat": 5}}, "its extra has rat"),
        ({"password": "t", "extra": {"rate": "fast"}}, "rate must be a number"),
        ({"password": "t", "extra": "[1]"}, "no JSON object"),
        ({"password": "t", "extra": "{"}, "no JSON object"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(fields: dict[str, Any], message: str) -> None:
    """The connection's id and the field's name are in the error."""
    with pytest.raises(ConfigurationError, match=message) as refused:
        client_options(stored(**fields))
    assert "'cint'" in str(refused.value)
