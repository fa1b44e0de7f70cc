"""Commands: an accepted one is a valid request to the intended path, a refused one names its field."""

import importlib
import json
import pkgutil
import re
import types
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from functools import cache
from typing import Any, Union, get_args, get_origin
from urllib.parse import parse_qsl, urlsplit

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.examples import GROUP, KEYED, LAUNCH, OTHER, PROJECT, READ, TAGGED, texts
from support.fixture_types import MakeClient, Serve
from support.raw_server import answer

import fieldingkit.resources
from fieldingkit import fielding_jobs
from fieldingkit.codec import encode
from fieldingkit.commands import Command, OpenEnum
from fieldingkit.errors import InvalidCommandError
from fieldingkit.idempotency import RetrySafety

BASE = {"Accept": "application/json", "Cint-API-Version": "2025-12-18", "User-Agent": "test"}


@cache
def kinds() -> dict[str, type[Command[Any]]]:
    """Return every command by name."""
    found: dict[str, type[Command[Any]]] = {}
    for info in pkgutil.iter_modules(fieldingkit.resources.__path__):
        module = importlib.import_module(f"fieldingkit.resources.{info.name}")
        for name in module.__all__:
            kind = getattr(module, name)
            if isinstance(kind, type) and issubclass(kind, Command):
                found[name] = kind
    return found


# Values of every kind for fields, valid and invalid.

_ids = st.sampled_from([PROJECT, GROUP, OTHER, "Z" * 26, "0" * 26])
_bad_ids = st.sampled_from(["", "x", PROJECT.lower(), PROJECT[:-1], PROJECT + "0", f"{PROJECT}\n", f"../{PROJECT}"])
_opaque = st.sampled_from([GROUP, "a", "7b0c1d1e-3a0c-4b7a-9a53-0f8a2d9a7b11", "a.b", "~", "..."])
_odd = st.sampled_from(
    [None, 0, 1, -1, 2.5, True, b"x", [], {}, (), "", " ", "..", "a/b", "a?b", "%2e%2e", "\ud800", object]
)
_zones = st.sampled_from([UTC, timezone(timedelta(hours=14))])
_moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=_zones)
_anything = _odd | _bad_ids | _ids | _opaque | texts(max_size=12) | st.integers() | st.floats() | _moments
_of_kind: dict[Any, st.SearchStrategy[Any]] = {
    str: texts(max_size=12) | _ids | _opaque,
    int: st.integers(),
    float: st.floats(),
    bool: st.booleans(),
    datetime: _moments,
    Decimal: st.decimals(allow_nan=True, allow_infinity=True),
}


def likely(annotation: Any) -> st.SearchStrategy[Any]:
    """Return a strategy of values that mostly suit an annotation."""
    if annotation in _of_kind:
        return _of_kind[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in {Union, types.UnionType}:
        return st.one_of(*map(likely, arguments))
    if annotation is types.NoneType:
        return st.none()
    if origin is tuple:
        return st.lists(likely(arguments[0]), max_size=3) | st.lists(_ids, max_size=3)
    if isinstance(annotation, type) and issubclass(annotation, OpenEnum):
        return st.sampled_from(sorted(annotation)) | texts(max_size=6)
    if attrs.has(annotation):
        return built(annotation)
    return _anything


@cache
def built(kind: type) -> st.SearchStrategy[Any]:
    """Return a strategy of instances of an attrs class, without those that it rejects."""
    fields = {field.name: likely(field.type) for field in attrs.fields(attrs.resolve_types(kind)) if field.init}

    def make(values: dict[str, Any]) -> Any:
        try:
            return kind(**values)
        except (InvalidCommandError, TypeError):
            return None

    return st.fixed_dictionaries({}, optional=fields).map(make).filter(lambda made: made is not None)


@st.composite
def attempted(draw: st.DrawFn) -> tuple[type[Command[Any]], dict[str, Any]]:
    """Draw a command and fields for it: most are likely, some are odd, some are missing."""
    kind = kinds()[draw(st.sampled_from(sorted(kinds())))]
    values: dict[str, Any] = {}
    for field in attrs.fields(attrs.resolve_types(kind)):
        good = {"project_id": _ids, "target_group_id": _ids}.get(field.name)
        good = _opaque if good is None and field.name in kind.endpoint.path_fields else good
        if field.name == "account_id":
            good = st.sampled_from([101, "101", None])
        good = st.just('W/"1"') if field.name == "if_match" else good
        chance = draw(st.integers(0, 11))
        if chance == 0:
            values[field.name] = draw(_anything)
        elif chance > 1 or good is not None:
            values[field.name] = draw(good if good is not None else likely(field.type))
    return kind, values


def parts_of(path: str) -> list[str]:
    """Return the segments of a path."""
    return path.strip("/").split("/")


@given(attempted())
def test_any_fields_are_a_valid_request_or_refused(attempt: tuple[type[Command[Any]], dict[str, Any]]) -> None:
    """Any fields make one valid request to the command's own path, or an error that names one of them."""
    kind, values = attempt
    try:
        command = kind(**values)
        request = encode(command, account_id="101", headers=BASE)
    except InvalidCommandError as exc:
        assert exc.field in {field.name for field in attrs.fields(kind)} | set(values)
        assert len(str(exc)) <= 300
        return

    assert request.method == kind.endpoint.method
    assert re.fullmatch(r"[\x21-\x7e]+", request.target)
    split = urlsplit(request.target)
    assert not split.netloc
    assert not split.fragment
    template = parts_of(kind.endpoint.path)
    segments = parts_of(split.path)
    assert len(segments) == len(template)
    for segment, pattern in zip(segments, template, strict=True):
        if pattern.startswith("{"):
            assert re.fullmatch(r"(?!\.{1,2}$)[A-Za-z0-9._~-]+", segment)
        else:
            assert segment == pattern
    for name, value in request.headers.items():
        assert re.fullmatch(r"[\x20-\x7e]+", value), name
    assert set(request.headers) - set(BASE) <= {"Idempotency-Key", "If-Match", "If-None-Match", "Content-Type"}
    if request.body is None:
        assert "Content-Type" not in request.headers
    else:
        assert isinstance(json.loads(request.body, parse_constant=pytest.fail), dict)
        assert kind.endpoint.method in {"POST", "PUT", "PATCH"}


@given(attempted(), st.sampled_from(["", "x", "__class__", "Project_id"]))
def test_unknown_fields_are_refused(attempt: tuple[type[Command[Any]], dict[str, Any]], name: str) -> None:
    """An unknown field is rejected, and the error names it."""
    kind, values = attempt
    with pytest.raises(InvalidCommandError) as caught:
        kind(**{**values, name: 1})
    assert caught.value.field in {name, *(field.name for field in attrs.fields(kind))}


REFUSED: list[tuple[str, Callable[[], object]]] = [
    ("project_id", lambda: READ.replace(project_id=PROJECT.lower())),
    ("project_id", lambda: READ.replace(project_id="")),
    ("project_id", lambda: READ.replace(project_id=None)),
    ("target_group_id", lambda: READ.replace(target_group_id=f"{GROUP}/../x")),
    ("fielding_run_id", lambda: READ.replace(fielding_run_id="..")),
    ("fielding_run_id", lambda: READ.replace(fielding_run_id="a/b")),
    ("fielding_run_id", lambda: READ.replace(fielding_run_id="a%2Fb")),
    ("fielding_run_id", lambda: READ.replace(fielding_run_id="a?b")),
    ("fielding_run_id", lambda: READ.replace(fielding_run_id="x" * 129)),
    ("account_id", lambda: READ.replace(account_id="a1")),
    ("account_id", lambda: READ.replace(account_id="")),
    ("account_id", lambda: READ.replace(account_id=True)),
    ("account_id", lambda: READ.replace(account_id=-1)),
    ("account_id", lambda: READ.replace(account_id="\u0661")),
    ("target_group_ids", lambda: KEYED.replace(target_group_ids=[])),
    ("target_group_ids", lambda: KEYED.replace(target_group_ids=[GROUP, "x"])),
    ("target_group_ids", lambda: KEYED.replace(target_group_ids=[GROUP, None])),
    ("target_group_ids", lambda: KEYED.replace(target_group_ids=None)),
    ("target_group_ids", lambda: KEYED.replace(target_group_ids=7)),
    ("target_group_ids", lambda: KEYED.replace(target_group_ids=[[GROUP]])),
    ("end_fielding_at", lambda: LAUNCH.replace(end_fielding_at=datetime(2030, 1, 1))),
    ("end_fielding_at", lambda: LAUNCH.replace(end_fielding_at="2030-01-01T00:00:00Z")),
    ("end_fielding_at", lambda: LAUNCH.replace(end_fielding_at=None)),
    (
        "end_fielding_at",
        lambda: fielding_jobs.ScheduleFromDraft(
            project_id=PROJECT,
            target_group_id=GROUP,
            start_fielding_at=datetime(2031, 1, 1, tzinfo=UTC),
            end_fielding_at=datetime(2030, 1, 1, tzinfo=UTC),
        ),
    ),
    (
        "target_group_id",
        lambda: fielding_jobs.LaunchFromDraft(project_id=PROJECT, end_fielding_at=LAUNCH.end_fielding_at),
    ),
]


@pytest.mark.parametrize(("field", "make"), REFUSED)
def test_invalid_values_are_refused_by_name(field: str, make: Callable[[], object]) -> None:
    """Invalid ids, naive times, empty lists and the like are rejected at once, and the error names the field."""
    with pytest.raises(InvalidCommandError) as caught:
        make()
    assert caught.value.field == field


@pytest.mark.parametrize("kind", ["ListTargetGroups", "ComputeTargetGroupTransitions"])
@pytest.mark.parametrize("text", ["\ud800", "x\udfff"])
def test_unencodable_text_is_refused(kind: str, text: str) -> None:
    """Text that cannot be encoded is rejected before sending, in a query and in a body."""
    command: Any = kinds()[kind]
    with pytest.raises(InvalidCommandError, match="cannot be encoded") as caught:
        encode(command(project_id=PROJECT, search_string=text), account_id="1", headers={})
    assert caught.value.field == "search_string"


async def test_a_missing_account_is_refused(make_client: MakeClient) -> None:
    """Without an account in command and client nothing is sent."""
    client = make_client(base_url="https://api.example.org", account_id=None)
    with pytest.raises(InvalidCommandError) as caught:
        await client.send(READ)
    assert (caught.value.field, caught.value.command) == ("account_id", READ)


@pytest.mark.parametrize("verb", ["run", "submit", "iter_items", "iter_pages"])
@pytest.mark.parametrize("wrong", [READ, type(READ), 7, None])
async def test_commands_of_the_wrong_kind_are_refused(verb: str, wrong: Any, make_client: MakeClient) -> None:
    """A job verb needs a job command, an iteration a paged one; nothing is sent."""
    method = getattr(make_client(base_url="https://api.example.org"), verb)
    call = (lambda: method(wrong)) if verb in {"run", "submit"} else (lambda: anext(method(wrong)))
    with pytest.raises(InvalidCommandError, match=r"expected an instance of (Job|Paged)Command"):
        await call()


@pytest.mark.parametrize("wrong", [type(READ), 7, None])
async def test_only_commands_can_be_sent(wrong: Any, make_client: MakeClient) -> None:
    """A class or any other object in place of a command is an InvalidCommandError that names it."""
    name = getattr(wrong, "__name__", type(wrong).__name__)
    with pytest.raises(InvalidCommandError, match=f"expected an instance of Command; got .*{name}"):
        await make_client(base_url="https://api.example.org").send(wrong)


async def test_the_account_of_the_command_wins(serve: Serve, make_client: MakeClient) -> None:
    """The command's account takes precedence over the client's; numbers and texts are equivalent."""
    server = await serve(answer(204))
    client = make_client(base_url=server.url, account_id="101")
    for account in (None, 7, "7"):
        await client.send(TAGGED.replace(account_id=account))
    assert [request.target.split("/")[4] for request in server.requests] == ["101", "7", "7"]


async def test_bytes_on_the_wire(serve: Serve, make_client: MakeClient) -> None:
    """An action without a body is sent with length 0 and no content type; a batch with compact JSON."""
    server = await serve(answer(204), answer(201, headers={"Location": "x"}))
    client = make_client(base_url=server.url)

    await client.send(TAGGED)
    await client.send(KEYED)

    action, batch = server.requests
    assert (action.headers["content-length"], action.body) == ("0", b"")
    assert "content-type" not in action.headers
    assert batch.body == f'{{"target_group_ids":["{GROUP}","{OTHER}"]}}'.encode()
    assert batch.headers["content-type"] == "application/json"
    assert batch.headers["cint-api-version"] == "2025-12-18"
    assert batch.headers["user-agent"].startswith("fieldingkit/")


async def test_a_large_batch_is_one_request(serve: Serve, make_client: MakeClient) -> None:
    """A batch of any size is one request."""
    server = await serve(answer(201, headers={"Location": "x"}))
    ids = [f"{number:026}" for number in range(50_000)]
    await make_client(base_url=server.url).send(KEYED.replace(target_group_ids=ids))
    assert json.loads(server.requests[0].body) == {"target_group_ids": ids}


def test_duplicate_ids_are_sent_once() -> None:
    """Duplicate ids are sent once, in order; a single id counts as a list of one."""
    assert KEYED.replace(target_group_ids=[OTHER, GROUP, OTHER]).target_group_ids == (OTHER, GROUP)
    assert KEYED.replace(target_group_ids=GROUP).target_group_ids == (GROUP,)
    assert KEYED.replace(target_group_ids=iter([GROUP])).target_group_ids == (GROUP,)


def test_times_are_sent_in_utc_milliseconds() -> None:
    """Times are sent in UTC with three fractional digits."""
    moment = datetime(2030, 1, 1, 2, 30, 0, 1500, tzinfo=timezone(timedelta(hours=2, minutes=30)))
    request = encode(LAUNCH.replace(end_fielding_at=moment), account_id="1", headers={})
    assert request.body == b'{"end_fielding_at":"2030-01-01T00:00:00.001Z"}'


@pytest.mark.parametrize("name", sorted(kinds()))
def test_commands_are_frozen_values(name: str) -> None:
    """A command is a frozen, keyword-only, slotted value that can be compared and hashed."""
    kind = kinds()[name]
    assert "__slots__" in vars(kind)
    assert kind.__hash__ is not None
    assert all(field.kw_only for field in attrs.fields(kind))
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        object.__new__(kind).account_id = 1


@pytest.mark.parametrize("name", sorted(kinds()))
def test_result_types_are_read_from_the_class(name: str) -> None:
    """The result type of a command is read from its class; a job command has two: acceptance and result."""
    from fieldingkit.job_commands import JobAccepted, JobCommand

    kind = kinds()[name]
    if issubclass(kind, JobCommand):
        assert kind.result_type() is JobAccepted
        assert kind.job_result_type() is kind.status_command.result_type()
    else:
        assert attrs.has(kind.result_type()) or kind.result_type() is types.NoneType


def test_other_fields_of_a_read_go_into_the_query() -> None:
    """Fields outside the path go into the query of a read; lists become repeated keys, None is left out."""
    from fieldingkit import target_groups

    command = target_groups.ListTargetGroups(project_id=PROJECT, status=("live", "paused"), page_size=5)
    split = urlsplit(encode(command, account_id="1", headers={}).target)
    assert parse_qsl(split.query) == [("page_size", "5"), ("status", "live"), ("status", "paused")]


RETRY_SAFETY = {
    RetrySafety.IDEMPOTENCY_KEY: {"LaunchFromDraft", "ScheduleFromDraft"}
    | {f"{verb}TargetGroups" for verb in ("Launch", "Pause", "Resume", "Complete", "Relaunch")},
    RetrySafety.IF_MATCH: {f"{verb}FieldingRun" for verb in ("Update", "Pause", "Resume", "Complete", "Relaunch")}
    | {"LaunchFieldingRunNow"},
}


@pytest.mark.parametrize("retry_safety", RETRY_SAFETY)
def test_retry_safety_follows_the_contract(retry_safety: RetrySafety) -> None:
    """Jobs are protected by an idempotency key, actions on a run by an ETag, as the API documents."""
    for name in RETRY_SAFETY[retry_safety]:
        assert kinds()[name].retry_safety() is retry_safety


@pytest.mark.parametrize("tag", ["", "*", 'W/"1", W/"2"', '"a", *', '"a","b"', "a,b", '"a" "b"', '"a', "é", 5])
def test_if_match_is_exactly_one_tag(tag: Any) -> None:
    """A list of tags could match again after the first send, so that a retry would be applied twice."""
    with pytest.raises(InvalidCommandError) as caught:
        TAGGED.replace(if_match=tag)
    assert caught.value.field == "if_match"


@pytest.mark.parametrize("tag", ['W/"1"', '"1"', '""', '"a,b*"', "1"])
def test_if_match_accepts_any_single_tag(tag: str) -> None:
    """A weak, strong or empty tag is accepted as it is, and one whose quotes the server left out."""
    assert TAGGED.replace(if_match=tag).if_match == tag
