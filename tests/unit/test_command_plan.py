"""The metadata of a command's fields decides how they are sent."""

import json
import re
from datetime import UTC, date, datetime
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

import attrs
import pytest

from fieldingkit.codec import encode
from fieldingkit.commands import AccountCommand, Endpoint, OpenEnum
from fieldingkit.errors import InvalidCommandError
from fieldingkit.files import Upload
from fieldingkit.transport.http import Request


class Flavor(OpenEnum):
    """Flavors."""

    SWEET = "sweet"
    SOUR = "sour"


def _doubled(value: int) -> dict[str, int]:
    return {"doubled": 2 * value}


@attrs.frozen(kw_only=True)
class Post(AccountCommand[None]):
    """A POST with a field of every kind."""

    endpoint: ClassVar[Endpoint] = Endpoint("POST", "/accounts/{account_id}/things", operation_id="post_things")
    plain: str | None = None
    named: int | None = attrs.field(default=None, metadata={"name": "incidence_rate"})
    written: int | None = attrs.field(default=None, metadata={"write": _doubled})
    nullable: str | None = attrs.field(default=None, metadata={"null": True})
    day: date | None = None
    link_type: int | str | None = None
    in_query: bool | None = attrs.field(default=None, metadata={"query": True})
    status: Flavor | None = attrs.field(default=None, metadata={"query": "Status"})
    joined: tuple[Flavor | int, ...] | None = attrs.field(default=None, metadata={"query": True, "join": ","})


@attrs.frozen(kw_only=True)
class Send(AccountCommand[None]):
    """A POST of a file."""

    endpoint: ClassVar[Endpoint] = Endpoint("POST", "/accounts/{account_id}/files", operation_id="post_files")
    name: str = attrs.field(metadata={"query": True})
    file: Upload = attrs.field(metadata={"body": True})


@attrs.frozen(kw_only=True)
class SendForm(AccountCommand[None]):
    """A POST of a form."""

    endpoint: ClassVar[Endpoint] = Endpoint("POST", "/accounts/{account_id}/forms", operation_id="post_forms")
    entity_type: str = attrs.field(metadata={"query": True})
    content: Upload = attrs.field(metadata={"form": "file"})


@attrs.frozen(kw_only=True)
class Keyed(AccountCommand[None]):
    """A POST with a key of another form."""

    endpoint: ClassVar[Endpoint] = Endpoint("POST", "/accounts/{account_id}/keyed", operation_id="post_keyed")
    idempotency_key: str | None = attrs.field(default=None, metadata={"key": "ulid"})


@attrs.frozen(kw_only=True)
class Spread(AccountCommand[None]):
    """A POST with a field that has several members of the body."""

    endpoint: ClassVar[Endpoint] = Endpoint("POST", "/accounts/{account_id}/spread", operation_id="post_spread")
    plain: int = 1
    pair: tuple[int, int] | None = attrs.field(
        default=None, metadata={"write": lambda pair: {"first": pair[0], "second": pair[1]}, "spread": True}
    )


def request_of(command: AccountCommand[Any]) -> Request:
    """Return the request of a command."""
    return encode(command, account_id="7", headers={})


def query_of(command: AccountCommand[Any]) -> list[tuple[str, str]]:
    """Return the query of a command."""
    return parse_qsl(urlsplit(request_of(command).target).query)


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ({}, {"nullable": None}),
        ({"nullable": "x", "plain": "y"}, {"nullable": "x", "plain": "y"}),
        ({"named": 5}, {"nullable": None, "incidence_rate": 5}),
        ({"written": 4}, {"nullable": None, "written": {"doubled": 8}}),
        ({"day": date(2026, 3, 1)}, {"nullable": None, "day": "2026-03-01"}),
        ({"link_type": 3}, {"nullable": None, "link_type": 3}),
        ({"link_type": "offer"}, {"nullable": None, "link_type": "offer"}),
    ],
)
def test_members_of_the_body_are_written_as_their_metadata_says(fields: dict[str, Any], body: object) -> None:
    """Members are renamed, written by their function, and left out if they are None, unless null is sent."""
    assert json.loads(request_of(Post(**fields)).body or b"") == body


def test_a_field_can_be_spread_over_members_of_the_body() -> None:
    """The members that it writes are members of the body itself; none if it is left out."""
    assert json.loads(request_of(Spread(pair=(2, 3))).body or b"") == {"plain": 1, "first": 2, "second": 3}
    assert json.loads(request_of(Spread()).body or b"") == {"plain": 1}


@pytest.mark.parametrize(
    ("fields", "query"),
    [
        ({}, []),
        ({"in_query": True}, [("in_query", "true")]),
        ({"status": Flavor.SOUR}, [("Status", "sour")]),
        ({"joined": (Flavor.SWEET, 7)}, [("joined", "sweet,7")]),
    ],
)
def test_a_post_has_a_query_where_the_metadata_says_so(fields: dict[str, Any], query: object) -> None:
    """A POST sends fields in its query under the API's names, and a list as one value."""
    assert query_of(Post(**fields)) == query


def test_a_moment_is_no_date() -> None:
    """A datetime is refused where a date is wanted: it would be written with its time."""
    with pytest.raises(InvalidCommandError, match="day"):
        Post(day=datetime(2026, 3, 1, tzinfo=UTC))


@pytest.mark.parametrize("name", ["written", "plain", "status"])
def test_a_value_that_cannot_be_written_is_named(name: str) -> None:
    """The error of a value that cannot be written names its field, in the query as in the body."""
    command = Post()
    unwritable = {"written": None.__class__, "plain": "\ud800", "status": Flavor("\ud800")}
    vars(Post)[name].__set__(command, unwritable[name])
    with pytest.raises(InvalidCommandError) as caught:
        request_of(command)
    assert caught.value.field == name


def test_a_file_is_the_whole_body() -> None:
    """An upload is sent as it is, with its own content type, beside a query."""
    request = request_of(Send(name="a b.csv", file=Upload.csv([["x", 1]])))
    assert (request.body, request.headers["Content-Type"]) == (b"x,1\r\n", "text/csv")
    assert request.target.endswith("?name=a+b.csv")


def test_a_form_carries_an_upload_as_its_only_part() -> None:
    """An upload with a form name is sent as that part of a multipart form."""
    request = request_of(SendForm(entity_type="RID", content=Upload.csv([["x"]], filename="ids.csv")))
    assert request.headers["Content-Type"].startswith("multipart/form-data; boundary=")
    assert b'name="file"; filename="ids.csv"\r\nContent-Type: text/csv' in (request.body or b"")
    assert b"\r\n\r\nx\r\n\r\n--" in (request.body or b"")


def test_a_key_may_be_a_ulid() -> None:
    """A key of the metadata ``ulid`` is a new ULID for each call; a key of the caller is kept."""
    keys = [request_of(Keyed()).headers["Idempotency-Key"] for _ in range(3)]
    assert len(set(keys)) == 3
    assert all(re.fullmatch(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", key) for key in keys)
    assert keys[0][:6] == keys[2][:6]  # the first digits are the time
    assert request_of(Keyed(idempotency_key="mine")).headers["Idempotency-Key"] == "mine"
