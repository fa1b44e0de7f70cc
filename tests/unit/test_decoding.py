"""Answers that are not what the contract says."""

import asyncio
import gzip
import importlib
import json
import pkgutil
import zlib
from datetime import UTC, datetime
from functools import cache
from typing import Any
from unittest.mock import patch

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict
from support.examples import BARE, GROUP, JOB, JOB_BODY, KEYED, LOCATION, READ, RUN, RUN_BODY, TAGGED, texts
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient, Serve
from support.raw_server import Connection, answer

import fieldingkit.resources
from fieldingkit import RetryPolicy, batch_jobs, fielding_runs, projects, webhooks
from fieldingkit.codec import decode, encode
from fieldingkit.commands import Command, OpenEnum
from fieldingkit.errors import DecodeError, JobLocationError, NotFoundError, ServerError, TransportError
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.transport.http import Call, Response

ONCE = RetryPolicy(max_attempts=1)


@cache
def commands() -> dict[type, Command[Any]]:
    """For each type of result a command that gives it, without the validation that does not matter here."""
    found: dict[type, Command[Any]] = {}
    for info in pkgutil.iter_modules(fieldingkit.resources.__path__):
        module = importlib.import_module(f"fieldingkit.resources.{info.name}")
        for name in module.__all__:
            kind = getattr(module, name)
            if isinstance(kind, type) and issubclass(kind, Command) and hasattr(kind, "endpoint"):
                command = kind.__new__(kind)
                for field in attrs.fields(kind):
                    object.__setattr__(command, field.name, "x" if field.name in kind.endpoint.path_fields else None)
                found.setdefault(kind.result_type(), command)
    return found


def given_back(command: Command[Any], body: bytes, status: int = 200, **headers: str) -> Any:
    """Return the result of a command for a response."""
    call = Call(encode(command, account_id="101", headers={}), command, clock=FakeClock())
    return decode(call, Response(status, CIMultiDict(headers), body))


# Bodies that are not as declared


async def test_html_of_a_proxy_is_a_server_error(serve: Serve, make_client: MakeClient) -> None:
    """An HTML 502 of a proxy is a ServerError with the page's words."""
    server = await serve(answer(502, b"<html><body><h1>Bad gateway</h1></body></html>", {"Content-Type": "text/html"}))
    with pytest.raises(ServerError, match="502: Bad gateway") as caught:
        await make_client(base_url=server.url, retry=ONCE).send(READ)
    assert caught.value.raw is None


DELETE = webhooks.DeleteWebhook(webhook_id=RUN, if_match='W/"1"')
"""A command without a result."""


async def test_page_of_a_proxy_is_no_success_without_a_result(serve: Serve, make_client: MakeClient) -> None:
    """A command that has no result to read is not said to be done because of a page with the status 200."""
    server = await serve(answer(200, b"<html>Log in</html>", {"Content-Type": "text/html; charset=utf-8"}))
    with pytest.raises(DecodeError, match="it is text/html") as caught:
        await make_client(base_url=server.url).send(DELETE)
    assert caught.value.maybe_applied
    assert caught.value.body == b"<html>Log in</html>"


@pytest.mark.parametrize("status", [200, 204])
async def test_empty_success_may_have_any_content_type(status: int, serve: Serve, make_client: MakeClient) -> None:
    """Some servers send their default content type with an empty body, which is no page."""
    server = await serve(answer(status, b"", {"Content-Type": "text/html"}))
    await make_client(base_url=server.url).send(DELETE)


async def test_request_returns_a_page_as_it_came(serve: Serve, make_client: MakeClient) -> None:
    """The client does not know the responses of a request without a command: its caller judges them."""
    server = await serve(answer(200, b"<html>Log in</html>", {"Content-Type": "text/html"}))
    response = await make_client(base_url=server.url).request("POST", "/things")
    assert (response.status, response.headers["content-type"], response.body[:6]) == (200, "text/html", b"<html>")


@pytest.mark.parametrize(
    "body", [b"", b"  ", b"{}", b"null", b"[]", b'"text"', b"<html></html>", b'{"id": "x"', b"\xff\xfe"]
)
async def test_success_with_an_unexpected_body_is_a_decode_error(
    body: bytes, serve: Serve, make_client: MakeClient
) -> None:
    """A success with an empty body, HTML, half of the JSON or other JSON is a DecodeError."""
    server = await serve(answer(200, body, {"ETag": 'W/"1"'}))
    with pytest.raises(DecodeError) as caught:
        await make_client(base_url=server.url).send(READ)
    assert (caught.value.status, caught.value.body) == (200, body)
    assert caught.value.headers["etag"] == 'W/"1"'


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b" ", "the body is empty"),
        (b'{"id": "x', "the body is not JSON, from character 8 on"),
        (b"<html></html>", "the body is not JSON, from character 1 on"),
        (b'{"id": "\xff"}', "the body is not UTF-8, from byte 9 on"),
        (b"[" * 100_000, "the body is nested too deeply"),
    ],
)
def test_a_body_that_is_no_json_is_described(body: bytes, reason: str) -> None:
    """The error says what is wrong with the body, not what a parser said."""
    with pytest.raises(DecodeError, match=f"does not match the contract: {reason}"):
        given_back(READ, body)


@pytest.mark.parametrize("body", [b"", b" ", b"{}", b'{"projects": null}', b"null"])
async def test_missing_list_is_not_an_empty_list(body: bytes, serve: Serve, make_client: MakeClient) -> None:
    """A list that the response lacks is a DecodeError: an empty list would hide whole projects."""
    server = await serve(answer(200, body))
    with pytest.raises(DecodeError):
        await make_client(base_url=server.url).send(projects.ListProjects())


@pytest.mark.parametrize("charset", ["utf-16", "klingon", "latin-1"])
async def test_declared_charset_does_not_matter(charset: str, sandbox: Sandbox, make_client: MakeClient) -> None:
    """A wrong or unknown charset does not matter: JSON is UTF-8."""
    from support.examples import run_of

    group = sandbox.seed(live=1).groups[0]
    sandbox.faults.add("get_fielding_run", faults.WrongCharset(charset))
    run = await make_client().send(fielding_runs.GetFieldingRun(**run_of(group)))
    assert run.status == "live"


async def test_body_that_is_not_utf_8_is_a_decode_error(serve: Serve, make_client: MakeClient) -> None:
    """A body that is not UTF-8 is a DecodeError; a byte order mark before UTF-8 is accepted."""
    body = json.dumps(RUN_BODY)
    server = await serve(answer(200, body.encode("utf-16")), answer(200, b"\xef\xbb\xbf" + body.encode()))
    client = make_client(base_url=server.url)
    with pytest.raises(DecodeError):
        await client.send(READ)
    assert (await client.send(READ)).id == RUN


async def test_incomplete_body_of_a_read_is_read_again(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """A read with an incomplete body is retried: nothing is lost by reading again."""
    server = await serve(answer(200, b'{"id"', length=500), answer(200, RUN_BODY))
    assert (await make_client(base_url=server.url, clock=clock).send(READ)).id == RUN
    assert len(server.requests) == 2


async def test_body_that_is_always_incomplete_is_a_transport_error(
    serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """A read whose body is never complete ends as a TransportError that says so."""
    server = await serve(answer(200, b'{"id"', length=500))
    with pytest.raises(TransportError, match="cut off after 5 bytes"):
        await make_client(base_url=server.url, clock=clock).send(READ)


async def test_incomplete_body_of_a_write_is_a_decode_error(serve: Serve, make_client: MakeClient) -> None:
    """A write with an incomplete body was done: a DecodeError with the head, never sent again."""
    server = await serve(answer(200, b'{"start', {"ETag": 'W/"2"'}, length=500))
    with pytest.raises(DecodeError) as caught:
        await make_client(base_url=server.url).send(TAGGED)
    assert (caught.value.headers["etag"], caught.value.maybe_applied) == ('W/"2"', True)
    assert (caught.value.body, len(server.requests)) == (b'{"start', 1)


async def test_job_is_accepted_despite_an_incomplete_body(serve: Serve, make_client: MakeClient) -> None:
    """A job whose acceptance ends after its head is created all the same."""
    server = await serve(answer(201, b"{", {"Location": LOCATION}, length=500))
    assert (await make_client(base_url=server.url).submit(KEYED)).id == JOB


async def test_request_does_not_return_an_incomplete_body(serve: Serve, make_client: MakeClient) -> None:
    """``request`` does not return half a body as a whole one."""
    server = await serve(answer(200, b"half", length=500))
    with pytest.raises(DecodeError, match="cut off") as caught:
        await make_client(base_url=server.url).request("POST", "/things")
    assert (caught.value.body, caught.value.maybe_applied) == (b"half", True)


async def test_refusal_with_an_incomplete_body_is_a_refusal(serve: Serve, make_client: MakeClient) -> None:
    """A refusal with an incomplete body is still a refusal."""
    server = await serve(answer(404, b'{"object"', length=500))
    for command in (READ, TAGGED):
        with pytest.raises(NotFoundError):
            await make_client(base_url=server.url).send(command)
    assert len(server.requests) == 2


async def test_refusal_longer_than_max_body_is_a_refusal(serve: Serve, make_client: MakeClient) -> None:
    """A refusal that is longer than max_body is still a refusal."""
    server = await serve(answer(404, b"x" * 5000))
    with pytest.raises(NotFoundError) as caught:
        await make_client(base_url=server.url, max_body=1000).send(READ)
    assert len(caught.value.body) <= 1000


@pytest.mark.parametrize("command", [READ, TAGGED, BARE], ids=["READ", "TAG", "NONE"])
async def test_body_longer_than_max_body_is_a_decode_error(
    command: Command[Any], serve: Serve, make_client: MakeClient
) -> None:
    """A body that is longer than max_body is read no further, and the connection is closed."""
    stopped = asyncio.Event()

    async def pour(connection: Connection) -> None:
        await connection.write(b'HTTP/1.1 200 OK\r\nContent-Length: 2000000000\r\nETag: W/"3"\r\n\r\n')
        try:
            while True:
                await connection.write(b"0" * 65536)
        except OSError:
            stopped.set()

    server = await serve(pour)
    with pytest.raises(DecodeError, match="longer than 100000 bytes") as caught:
        await make_client(base_url=server.url, max_body=100_000).send(command)

    assert (caught.value.status, caught.value.headers["etag"]) == (200, 'W/"3"')
    assert len(caught.value.body) <= 100_000
    assert caught.value.maybe_applied is (command is not READ)
    async with asyncio.timeout(60):
        await stopped.wait()
    assert len(server.requests) == 1


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_compressed_bomb_is_a_decode_error(encoding: str, serve: Serve, make_client: MakeClient) -> None:
    """A body that decompresses to far more than max_body is read no further."""
    packed = gzip.compress(b"0" * 20_000_000) if encoding == "gzip" else zlib.compress(b"0" * 20_000_000)
    server = await serve(answer(200, packed, {"Content-Encoding": encoding}))
    with pytest.raises(DecodeError, match="longer than 1000000 bytes"):
        await make_client(base_url=server.url, max_body=1_000_000).send(READ)


async def test_default_max_body_stops_a_compressed_bomb(sandbox: Sandbox, make_client: MakeClient) -> None:
    """The default limit of 64 MiB stops a compressed bomb."""
    sandbox.faults.add("get_fielding_run", faults.GzipBomb(size=80 * 2**20))
    with pytest.raises(DecodeError, match="longer than 67108864 bytes"):
        await make_client().send(READ)


async def test_compressed_body_within_the_limit_is_read(serve: Serve, make_client: MakeClient) -> None:
    """A compressed body within the limit is decompressed."""
    packed = gzip.compress(json.dumps(RUN_BODY).encode())
    server = await serve(answer(200, packed, {"Content-Encoding": "gzip"}))
    assert (await make_client(base_url=server.url).send(READ)).id == RUN


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_body_that_is_not_compressed_as_declared_is_an_error(
    encoding: str, serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """A body that claims a compression it does not have raises an error of fieldingkit."""
    server = await serve(answer(200, b"not packed", {"Content-Encoding": encoding}))
    with pytest.raises((TransportError, DecodeError)):
        await make_client(base_url=server.url, clock=clock).send(READ)


async def test_decode_error_names_the_path_and_the_value(serve: Serve, make_client: MakeClient) -> None:
    """A DecodeError names the JSON path of the mismatch, and the value."""
    body = {**JOB_BODY, "failed_target_groups": {"data": [{"target_group_id": GROUP, "failure_reason": {"code": 7}}]}}
    server = await serve(answer(200, body))
    read = batch_jobs.GetPauseTargetGroupsJob(project_id=KEYED.project_id, job_id=JOB)
    with pytest.raises(DecodeError, match=r"expected str.* @ \$\.failed\[0\]\.code") as caught:
        await make_client(base_url=server.url).send(read)
    assert caught.value.path == "$.failed[0].code"


@pytest.mark.parametrize("headers", [{}, {"ETag": 'W/"7"'}])
def test_response_without_a_body_does_not_visit_the_converter(headers: dict[str, str]) -> None:
    """The result of an action without a body is made of its headers alone, as the converter would make it."""
    converted = given_back(TAGGED, b"{}", **headers)
    with patch("fieldingkit.converter._CONVERTER", None), patch("fieldingkit.codec._read", side_effect=AssertionError):
        assert given_back(TAGGED, b"", status=204, **headers) == converted
    assert converted.etag == headers.get("ETag", "")


# Values that are not as declared


WRONG_KINDS = [
    ("version", "5"),
    ("version", 5.0),
    ("version", True),
    ("version", None),
    ("id", 7),
    ("id", True),
    ("id", ["x"]),
    ("status", 7),
    ("status", None),
    ("start_fielding_at", 1700000000),
    ("start_fielding_at", "2026-01-01T00:00:00"),
    ("start_fielding_at", "2026-01-01"),
    ("start_fielding_at", "tomorrow"),
    ("start_fielding_at", ""),
    ("start_fielding_at", "0001-01-01T00:00:00+23:59"),
    ("start_fielding_at", "9999-12-31T23:59:59-23:59"),
]


@pytest.mark.parametrize(("field", "value"), WRONG_KINDS)
def test_value_of_another_kind_is_not_converted(field: str, value: Any) -> None:
    """A value of another kind is not converted, and the path names it."""
    with pytest.raises(DecodeError) as caught:
        given_back(READ, json.dumps({**RUN_BODY, field: value}).encode())
    assert caught.value.path in {f"$.{field}", "$"}


@pytest.mark.parametrize("value", ["false", "true", 0, 1, "", None])
def test_only_a_boolean_is_a_boolean(value: Any) -> None:
    """Neither "false" nor any other text or number is a boolean."""
    from fieldingkit.converter import structure

    with pytest.raises((TypeError, ValueError)):
        structure(bool)(value, bool)


@pytest.mark.parametrize("value", [{}, "", {"a": 1}, "x", 0, True])
def test_only_a_list_is_a_list(value: Any) -> None:
    """An empty object or text is not an empty list."""
    command = fielding_runs.ListFieldingRuns(project_id=READ.project_id, target_group_id=GROUP)
    with pytest.raises(DecodeError) as caught:
        given_back(command, json.dumps({"data": value}).encode())
    assert caught.value.path == "$.data"


def test_path_has_the_index_in_a_list() -> None:
    """The path of a mismatch in a list has its index."""
    command = fielding_runs.ListFieldingRuns(project_id=READ.project_id, target_group_id=GROUP)
    with pytest.raises(DecodeError) as caught:
        given_back(command, json.dumps({"data": [RUN_BODY, {**RUN_BODY, "id": 7}]}).encode())
    assert caught.value.path == "$.data[1].id"


def test_null_counts_as_missing() -> None:
    """A null counts as missing, where a field may be missing."""
    run = given_back(READ, json.dumps({**RUN_BODY, "last_changed_by": None}).encode())
    assert run.last_changed_by is None


async def test_unknown_fields_are_kept_in_raw(serve: Serve, make_client: MakeClient) -> None:
    """Unknown fields are ignored, and kept in the response's raw body."""
    body = {**RUN_BODY, "account_id": "101", "new": {"thing": [1]}}
    server = await serve(answer(200, body))
    exchange = await make_client(base_url=server.url).send_detailed(READ)
    assert exchange.raw == body
    assert exchange.result.id == RUN


def test_unknown_enum_member_is_kept() -> None:
    """A value that an enumeration does not have is kept unchanged."""
    run = given_back(READ, json.dumps({**RUN_BODY, "status": "hibernating"}).encode())
    assert (run.status, run.status.known, type(run.status)) == (
        "hibernating",
        False,
        fielding_runs.FieldingRunStatus,
    )


def test_integers_beyond_64_bits_are_kept() -> None:
    """An integer of more than 64 bits keeps its value."""
    run = given_back(READ, json.dumps({**RUN_BODY, "version": 2**70}).encode())
    assert run.version == 2**70


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_constants_that_are_not_json_are_refused(constant: str) -> None:
    """NaN and infinity are refused, also in an unknown field."""
    body = json.dumps(RUN_BODY)[:-1] + f', "x": {constant}}}'
    with pytest.raises(DecodeError):
        given_back(READ, body.encode())


def test_times_of_other_zones_become_utc() -> None:
    """A time with another zone becomes UTC."""
    run = given_back(READ, json.dumps({**RUN_BODY, "start_fielding_at": "2026-01-01T02:30:00+02:30"}).encode())
    assert run.start_fielding_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert run.start_fielding_at.tzinfo is UTC


# Anything


_vocabulary = sorted(
    {field.name for kind in commands() if attrs.has(kind) for field in attrs.fields(kind)}
    | {
        "data",
        "has_more",
        "target_group_id",
        "failure_reason",
        "updated_target_groups",
        "failed_target_groups",
        "value",
    }
)
_likely = st.sampled_from(
    [
        "",
        "x",
        "live",
        "Completed",
        "5.00",
        "-.5",
        "1e5",
        "NaN",
        "2026-01-01T00:00:00Z",
        "9999-12-31T23:59:59-23:59",
        "2026-01-01",
        "0001-01-01T00:00:00+14:00",
        0,
        1,
        -1,
        2**70,
        0.5,
        1e308,
        True,
        False,
        None,
        GROUP,
    ]
)
_scalars = _likely | st.integers() | st.floats() | texts(max_size=8)
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(_vocabulary), inner, max_size=8),
    max_leaves=25,
)


@given(st.sampled_from(sorted(commands(), key=repr)), _values)
def test_any_json_is_a_result_or_a_decode_error(kind: type, value: Any) -> None:
    """Any JSON is a result or a DecodeError, never another exception, for every type of result."""
    command = commands()[kind]
    body = json.dumps(value).encode("utf-8", "surrogatepass")
    try:
        result = given_back(command, body, Location=LOCATION)
    except DecodeError as exc:
        assert exc.body == body
        assert len(str(exc)) <= 300
    else:
        assert isinstance(result, kind)


@given(st.sampled_from(sorted(commands(), key=repr)), st.binary(max_size=60), st.integers(200, 299))
def test_any_bytes_are_a_result_or_a_decode_error(kind: type, body: bytes, status: int) -> None:
    """Any bytes are a result or a DecodeError."""
    try:
        result = given_back(commands()[kind], body, status=status)
    except (DecodeError, JobLocationError):
        return
    assert isinstance(result, kind)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inner for place in _places(item, (*path, key)))]


def _with(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copied = dict(value) if isinstance(value, dict) else list(value)
    copied[path[0]] = _with(copied[path[0]], path[1:], new)
    return copied


_WHOLE = {
    **JOB_BODY,
    "created_at": "2026-01-01T00:00:00.000Z",
    "failed_target_groups": {"data": [{"target_group_id": GROUP, "failure_reason": {"code": "c", "description": "d"}}]},
}


@given(st.sampled_from(_places(_WHOLE)), _values)
def test_any_damage_is_a_result_or_a_decode_error(place: tuple[Any, ...], value: Any) -> None:
    """A batch with any damage in any place is a result or a DecodeError."""
    read = batch_jobs.GetPauseTargetGroupsJob(project_id=KEYED.project_id, job_id=JOB)
    body = json.dumps(_with(_WHOLE, place, value)).encode("utf-8", "surrogatepass")
    try:
        result = given_back(read, body)
    except DecodeError:
        return
    assert isinstance(result, batch_jobs.BatchResult)
    assert all(isinstance(item, str) for item in result.updated)
    assert all(isinstance(item.target_group_id, str) for item in result.failed)
    assert isinstance(result.status, OpenEnum)


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000, b"1" * 100_000])
def test_json_too_deep_or_too_long_is_a_decode_error(body: bytes) -> None:
    """JSON that is nested too deeply or has too long a number is a DecodeError."""
    with pytest.raises(DecodeError):
        given_back(READ, body)
