"""Errors: their tree, their attributes and texts, pickling and copying."""

import copy
import inspect
import json
import pickle
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict
from support.examples import GROUP, KEYED, OTHER, PROJECT, READ, TAGGED, texts
from support.fixture_types import MakeClient, Serve
from support.raw_server import answer

from fieldingkit import errors
from fieldingkit.commands import Command
from fieldingkit.errors import ApiError, Attempt, FieldingKitError, InvalidParam, JobError
from fieldingkit.job_commands import JobStatus
from fieldingkit.resources.batch_jobs import BatchResult, FailedTargetGroup
from fieldingkit.resources.target_group_drafts import GetTargetGroup
from fieldingkit.transport.http import Response
from fieldingkit.transport.problem import error_from

CLASSES = [getattr(errors, name) for name in errors.__all__ if name not in {"Attempt", "InvalidParam"}]
API_ERRORS = [kind for kind in CLASSES if issubclass(kind, ApiError)]
TRANSPORT_ERRORS = [kind for kind in CLASSES if issubclass(kind, errors.TransportError)]

FACTS: dict[str, Any] = {
    "command": KEYED,
    "operation_id": "create_bulk_pause_target_groups_job",
    "maybe_applied": True,
    "attempts": [Attempt(1, 503, None, sent=True, started=0.0, duration=0.1, delay=0.0)],
    "trace_id": "0af7651916cd43dd8448eb211c80319c",
    "request_id": "r1",
    "idempotency_key": "k1",
}
HTTP: dict[str, Any] = {
    "status": 422,
    "code": "invalid_state_error",
    "detail": "It is a draft.",
    "error_id": "e1",
    "invalid_params": [InvalidParam("name", "too long")],
    "retry_after": 3.0,
    "retryable": True,
    "headers": {"x-request-id": "r1"},
    "body": b"{}",
    "raw": {},
}
JOB: dict[str, Any] = {
    "token": "t1",
    "job_id": "j1",
    "last_status": BatchResult(
        job_id="j1",
        status=JobStatus("Odd"),
        updated=(GROUP,),
        failed=(FailedTargetGroup(target_group_id=OTHER, code="c"),),
    ),
}

DRAFT = GetTargetGroup(project_id=PROJECT, target_group_id=GROUP)


def example(kind: type[FieldingKitError]) -> FieldingKitError:
    """An error of a class with everything it can hold."""
    given: dict[str, Any] = {**FACTS, **HTTP, **JOB}
    given |= {"sent": False, "field": "f", "path": "$.x", "sent_etag": "a", "current_etag": "b", "location": "/l"}
    given |= {"job_ids": ["a", "b"], "failed": JOB["last_status"].failed, "missing": [GROUP], "description": "d"}
    given |= {"job_trace_id": "t"}
    taken: dict[str, Any] = {}
    for base in kind.__mro__:
        if "__init__" in base.__dict__ and issubclass(base, FieldingKitError):
            names = inspect.signature(base.__init__).parameters
            taken |= {name: given[name] for name in names if name in given}
            if "facts" not in names:
                break
    return kind("what happened", **taken)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_has_one_base_class(kind: type[Exception]) -> None:
    """Every error derives from FieldingKitError."""
    assert issubclass(kind, FieldingKitError)


def test_module_exports_every_error() -> None:
    """The module exports every error it defines, in order."""
    own = [value for value in vars(errors).values() if inspect.isclass(value) and value.__module__ == errors.__name__]
    defined = [value.__name__ for value in own]
    assert sorted(name for name in defined if not name.startswith("_")) == errors.__all__


def test_docstring_draws_the_real_tree() -> None:
    """The tree in the module's docstring is the tree of the classes."""
    drawn: dict[str, str] = {}
    above: dict[int, str] = {}
    for line in (errors.__doc__ or "").splitlines():
        match = re.fullmatch(r" {4}((?:[│ ] {3})*(?:[├└]── )?)(\w+Error\b.*)", line)
        if match is None:
            continue
        depth = len(match[1]) // 4
        for name in re.findall(r"(?:^|· )(\w+Error)", match[2]):
            drawn[name] = above.get(depth - 1, "Exception")
            above[depth] = name
    assert drawn == {kind.__name__: kind.__bases__[0].__name__ for kind in CLASSES}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_error_can_be_pickled(kind: type[FieldingKitError], protocol: int) -> None:
    """Every error can be pickled with all its attributes, except for the handle of a job."""
    error = example(kind)
    if isinstance(error, JobError):
        error.job = object()
    back = pickle.loads(pickle.dumps(error, protocol))
    expected = {**vars(error), "job": None} if isinstance(error, JobError) else vars(error)
    assert type(back) is kind
    assert vars(back) == expected
    assert str(back) == str(error)
    assert back.args == error.args


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_can_be_copied(kind: type[FieldingKitError]) -> None:
    """Every error can be copied, shallow and deep."""
    error = example(kind)
    for back in (copy.copy(error), copy.deepcopy(error)):
        assert back is not error
        assert type(back) is kind
        assert vars(back) == vars(error)


def test_copy_of_a_job_error_keeps_the_handle() -> None:
    """A copy of a job's error has its handle, because it stays in the process."""
    error = JobError("x", job=object())
    assert copy.copy(error).job is error.job


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_documented_attribute_exists(kind: type[FieldingKitError]) -> None:
    """Every documented attribute exists on an instance that was made of a message alone."""
    parameters = inspect.signature(kind.__init__).parameters.values()
    needed = {one.name: 400 for one in parameters if one.kind is one.KEYWORD_ONLY and one.default is one.empty}
    error = kind("x", **{**needed, **({"status": 400} if issubclass(kind, ApiError) else {})})
    for base in kind.__mro__:
        for name in inspect.get_annotations(base):
            if not name.startswith("_"):
                getattr(error, name)


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (101, "ApiError"),
        (300, "RedirectError"),
        (301, "RedirectError"),
        (304, "RedirectError"),
        (400, "BadRequestError"),
        (401, "UnauthorizedError"),
        (403, "ForbiddenError"),
        (404, "NotFoundError"),
        (405, "ApiError"),
        (409, "ConflictError"),
        (410, "ApiError"),
        (412, "PreconditionFailedError"),
        (413, "ApiError"),
        (418, "ApiError"),
        (422, "InvalidStateError"),
        (429, "RateLimitedError"),
        (500, "ServerError"),
        (503, "ServerError"),
        (599, "ServerError"),
        (600, "ApiError"),
    ],
)
async def test_status_selects_the_class_of_an_error(
    status: int, name: str, serve: Serve, make_client: MakeClient
) -> None:
    """The class of an error says what its status means."""
    from fieldingkit import RetryPolicy

    server = await serve(answer(status))
    with pytest.raises(ApiError) as caught:
        await make_client(base_url=server.url, retry=RetryPolicy(max_attempts=1)).send(READ)
    assert (type(caught.value).__name__, caught.value.status) == (name, status)


SHAPES: dict[str, tuple[Any, str | None, str | None]] = {
    "Error": ({"object": "bad_request_error", "detail": "No."}, "bad_request_error", "No."),
    "429": ({"object": "too_many_requests", "details": "Slow."}, "too_many_requests", "Slow."),
    "detail before details": ({"detail": "a", "details": "b", "title": "c"}, None, "a"),
    "details before title": ({"details": "b", "title": "c", "error": "e"}, "e", "b"),
    "title before error": ({"title": "c", "error_description": "d", "error": "e"}, "e", "c"),
    "OAuth": ({"error": "access_denied", "error_description": "Unauthorized"}, "access_denied", "Unauthorized"),
    "gateway": ({"error": "no upstream"}, "no upstream", "no upstream"),
    "fake 412": ({"error": {"code": "conflict"}}, None, None),
    "null detail": ({"object": "x_error", "detail": None, "title": "t"}, "x_error", "t"),
    "numbers": ({"object": 5, "detail": 6}, None, None),
    "a list": ([1, 2], None, None),
    "a text": ("oops", None, None),
    "null": (None, None, None),
    "HTML": (
        b"<html><head><title>502</title></head><body><h1>Bad  gateway</h1></body></html>",
        None,
        "502 Bad gateway",
    ),
    "plain text": (b"upstream timed out", None, "upstream timed out"),
    "not UTF-8": (b"\xff\xfe\xfa", None, "\ufffd\ufffd\ufffd"),
    "nothing": (b"", None, None),
    "half an object": (b'{"object": "x', None, '{"object": "x'),
    "deep": (b"[" * 100_000, None, ("[" * 200)),
}


@pytest.mark.parametrize("name", SHAPES)
async def test_every_shape_of_an_error_body_is_parsed(name: str, serve: Serve, make_client: MakeClient) -> None:
    """Every published shape of an error body is parsed, and everything that a gateway may send."""
    body, code, detail = SHAPES[name]
    server = await serve(answer(400, body if body is not None else b"null"))
    with pytest.raises(ApiError) as caught:
        await make_client(base_url=server.url).send(READ)
    assert (caught.value.code, caught.value.detail) == (code, detail)


async def test_http_error_carries_all_facts(serve: Serve, make_client: MakeClient) -> None:
    """An HTTP error has status, code, id, detail, parameters, raw body, request and trace ids, and its command."""
    trace = "0af7651916cd43dd8448eb211c80319c"
    raw = {
        "object": "bad_request_error",
        "detail": "The request is invalid.",
        "id": "b1",
        "invalid_params": [{"name": "dates", "reason": "past"}, {"name": "x", "detail": "d"}, 7, {}],
        "extra": 1,
    }
    headers = {"traceparent": f"00-{trace}-b7ad6b7169203331-01", "X-Request-Id": "r7", "Set-Cookie": "a=b"}
    server = await serve(answer(400, raw, headers))

    with pytest.raises(ApiError) as caught:
        await make_client(base_url=server.url).send(TAGGED)

    error = caught.value
    assert (error.status, error.code, error.detail, error.error_id) == (400, "bad_request_error", raw["detail"], "b1")
    assert [param[:2] for param in error.invalid_params] == [("dates", "past"), ("x", "d"), ("", "")]
    assert (error.raw, error.request_id, error.trace_id) == (raw, "r7", trace)
    assert (error.command, error.operation_id) == (TAGGED, "pause_fielding_run")
    assert (error.retryable, error.maybe_applied, len(error.attempts)) == (False, False, 1)
    assert "set-cookie" not in error.headers
    assert str(error).startswith("PauseFieldingRun: 400 bad_request_error: The request is invalid. (dates: past; ")
    assert trace in str(error)


@pytest.mark.parametrize(("status", "retryable"), [(408, True), (429, True), (500, True), (502, True), (503, True)])
@pytest.mark.parametrize(("other", "final"), [(400, False), (404, False), (409, False), (412, False), (501, False)])
def test_retryable_follows_from_the_status(*, status: int, retryable: bool, other: int, final: bool) -> None:
    """Retryable says whether the same call may succeed later."""
    assert error_from(Response(status, CIMultiDict(), b"")).retryable is retryable
    assert error_from(Response(other, CIMultiDict(), b"")).retryable is final


async def test_text_of_an_error_is_bounded_and_the_body_kept(serve: Serve, make_client: MakeClient) -> None:
    """The text of an error is a line of at most 300 characters for any body; the body is kept."""
    page = b"<html><style>" + b"x" * 10_000 + b"</style>" + b"<p>lots of words</p>" * 1000
    server = await serve(answer(400, page))
    with pytest.raises(ApiError) as caught:
        await make_client(base_url=server.url).send(READ)
    assert len(str(caught.value)) <= 300
    assert caught.value.body == page


@given(
    st.sampled_from(CLASSES),
    texts(max_size=400),
    texts(max_size=60),
    st.none() | texts(max_size=400),
    st.booleans(),
    st.none() | st.just(KEYED),
)
def test_text_of_any_error_has_at_most_300_characters(
    kind: type[FieldingKitError], message: str, operation: str, trace: str | None, maybe: bool, command: Any
) -> None:
    """An error with any attributes has a text of at most 300 characters."""
    error = FieldingKitError.__new__(kind)
    FieldingKitError.__init__(
        error, message, operation_id=operation, trace_id=trace, maybe_applied=maybe, command=command
    )
    assert len(str(error)) <= 300


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_text_of_a_complete_error_has_at_most_300_characters(kind: type[FieldingKitError]) -> None:
    """Each class with all attributes and a message around the limit has a text of at most 300 characters."""
    error = example(kind)
    for length in range(400):
        error.message = "x" * length
        assert len(str(error)) <= 300


def test_invalid_trace_id_does_not_exceed_the_limit() -> None:
    """Not even a trace id that is too long makes the text longer."""
    assert len(str(FieldingKitError("x", trace_id="t" * 1000))) == 300


HOSTILE = "\x1b[31mred\x1b[0m\r\nspoofed\x00\x07\u202egpj\u2028line\x9b2J"


def test_text_of_an_error_has_no_control_characters() -> None:
    """Escape sequences, line breaks and bidirectional marks of a server do not reach the reader's terminal."""
    response = Response(400, CIMultiDict(), json.dumps({"object": HOSTILE, "detail": HOSTILE}).encode())
    error = error_from(response)
    for text in (str(error), repr(error)):
        assert text.isprintable()
        assert "red" in text
    assert error.detail == HOSTILE


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_repr_of_an_error_is_bounded(kind: type[FieldingKitError]) -> None:
    """The repr of an error is a line, for any body or message."""
    error = example(kind)
    error.message = HOSTILE * 100_000
    assert len(repr(error)) < 400


def test_target_of_a_redirect_is_kept_without_its_query() -> None:
    """The query, fragment and credentials of a redirect's target stay out of the error."""
    target = "https://user:secret@login.example.org:8443/sign-in/here?token=secret#secret"
    error = error_from(Response(302, CIMultiDict(Location=target), b""))
    assert error.headers["location"] == "https://login.example.org:8443/sign-in/here"
    relative = error_from(Response(302, CIMultiDict(Location="/sign-in?token=secret"), b""))
    assert relative.headers["location"] == "/sign-in"
    broken = error_from(Response(302, CIMultiDict(Location="https://[::1?token=secret"), b""))
    assert "secret" not in broken.headers["location"]


@pytest.mark.parametrize(("command", "spoken"), [(DRAFT, True), (READ, False), (KEYED, False), (TAGGED, False)])
async def test_only_the_redirect_of_a_draft_speaks_of_drafts(
    *, command: Command[Any], spoken: bool, serve: Serve, make_client: MakeClient
) -> None:
    """A redirect to the details of a draft explains drafts; one that answers an action may have been applied."""
    server = await serve(answer(303, headers={"Location": "/v1/target-groups/1/details"}))
    with pytest.raises(errors.RedirectError) as caught:
        await make_client(base_url=server.url).send(command)
    assert ("draft" in str(caught.value)) is spoken
    assert caught.value.maybe_applied is (command in {KEYED, TAGGED})
    assert len(server.requests) == 1


def test_long_message_is_cut_and_its_advice_is_not() -> None:
    """A long message is cut; the advice and the trace id are not."""
    error = example(errors.PreconditionFailedError)
    error.message = "x" * 1000
    assert str(error).endswith(f"… It may have been applied. {error.advice} (trace {error.trace_id})")


def test_long_message_is_cut_between_words() -> None:
    """A long message ends after a whole sentence, or after a whole word if the sentence is much longer."""
    facts, words = "The first fact is short; ", "word " * 100
    assert str(FieldingKitError(words)) == "word " * 59 + "word…"
    assert str(FieldingKitError(facts * 10 + words)) == f"{(facts * 10).rstrip('; ')}…"


@pytest.mark.parametrize("kind", [errors.BadRequestError, errors.ConflictError, errors.ServerError, *TRANSPORT_ERRORS])
def test_unclear_outcome_is_read_before_a_repetition(kind: type[FieldingKitError]) -> None:
    """If the action may have been applied, the first advice is to read the resource, and none says nothing was sent."""
    error = example(kind)
    error.maybe_applied = True
    assert "It may have been applied. Read the resource" in str(error)
    assert "Nothing was sent" not in str(error)


@pytest.mark.parametrize("kind", [errors.BadRequestError, errors.ConflictError, errors.ConnectionFailedError])
def test_clear_refusal_needs_no_reading(kind: type[FieldingKitError]) -> None:
    """An error of an action that was not applied does not advise to read the resource."""
    error = example(kind)
    error.maybe_applied = False
    assert "Read the resource" not in str(error)


@pytest.mark.parametrize("kind", [errors.InvalidCommandError, errors.ConfigurationError])
def test_errors_about_values_are_value_errors(kind: type[Exception]) -> None:
    """Errors about an invalid value are also ValueErrors."""
    assert issubclass(kind, ValueError)


RULE = {
    "error_type": "data_validation_error",
    "name": "profile_validation_error_009",
    "reason": "incorrect_sum_of_percentage_009",
    "metadata": {"question_id": [42, "x"], "profile_id": "P1", "quota_id": "Q1", "error_level": "error"},
}


def test_broken_rules_of_profiles_are_told_with_their_place() -> None:
    """A 422 for profiles is a mistake in the command; it names question, profile, quota and reason."""
    body = {
        "object": "unprocessable_entity_error",
        "title": "profile request validation",
        "detail": "Validation error: see below.",
        "invalid_params": [
            RULE,
            {**RULE, "detail": "Adds up to 90.", "metadata": {"interlock_id": "I1", "error_level": "warning"}},
            {"error_type": "structural_error", "name": "profiles", "reason": "is malformed", "metadata": 7},
        ],
    }
    error = error_from(Response(422, CIMultiDict(), json.dumps(body).encode()))
    assert type(error) is errors.BadRequestError
    first, second, third = error.invalid_params
    assert (first.question_ids, first.profile_id, first.quota_id, first.level) == ((42,), "P1", "Q1", "error")
    assert (second.detail, second.profile_id, second.error_type) == ("Adds up to 90.", "I1", "data_validation_error")
    assert error.message == (
        "422 unprocessable_entity_error: Validation error: see below. "
        "(question 42, profile P1, quota Q1: incorrect sum of percentage (009); "
        "profile I1: warning: Adds up to 90.; profiles: is malformed)"
    )
    assert third.level is None
    assert pickle.loads(pickle.dumps(error)).invalid_params == error.invalid_params
