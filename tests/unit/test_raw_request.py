"""Requests without a command: their parts are checked before anything is sent."""

from typing import Any

import pytest

from fieldingkit.errors import InvalidCommandError
from fieldingkit.idempotency import RetrySafety
from fieldingkit.raw_request import raw_request
from fieldingkit.transport.http import Request


def request(**parts: Any) -> Request:
    """Return the request of ``client.request()``."""
    given: dict[str, Any] = {"params": None, "json": None, "headers": {}, "own": {"Accept": "application/json"}}
    return raw_request(parts.pop("method", "POST"), parts.pop("path", "/things"), **{**given, **parts})


@pytest.mark.parametrize("value", [None, True, False, {"a": 1}, b"x", object(), float("nan"), float("inf"), {1, 2}])
def test_parameter_without_an_obvious_text_is_refused_by_name(value: object) -> None:
    """A query parameter is text or a number; what could be spelled in several ways is refused."""
    for params in ({"status": value}, {"status": ["live", value]}):
        with pytest.raises(InvalidCommandError, match="status") as caught:
            request(params=params)
        assert caught.value.field == "params"


@pytest.mark.parametrize("params", [[("a", 1)], "a=1", 7, {1: "x"}, {None: "x"}])
def test_parameters_that_are_not_a_mapping_of_names_are_refused(params: Any) -> None:
    """Parameters of a wrong kind are refused as the caller's mistake."""
    with pytest.raises(InvalidCommandError) as caught:
        request(params=params)
    assert caught.value.field == "params"


def test_parameters_are_encoded_and_lists_repeat_their_name() -> None:
    """Text, numbers, lists and tuples become a query."""
    sent = request(params={"q": "a b&c", "page": 2, "share": 0.5, "status": ["live", "paused"], "ids": ("x",)})
    assert sent.target == "/things?q=a+b%26c&page=2&share=0.5&status=live&status=paused&ids=x"


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Page": 7},
        {"X-Page": None},
        {"X-Page": b"7"},
        {7: "x"},
        {"X Page": "7"},
        {"X-Page": "a\r\nb"},
        ["X-Page"],
        "X",
    ],
)
def test_header_that_is_no_text_is_refused(headers: Any) -> None:
    """Names and values of headers are text that a header can hold."""
    with pytest.raises(InvalidCommandError) as caught:
        request(headers=headers)
    assert caught.value.field == "headers"


@pytest.mark.parametrize("name", ["Idempotency-Key", "idempotency-key"])
@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256])
def test_idempotency_key_that_guards_nothing_is_refused(name: str, key: str) -> None:
    """An empty or invalid key protects nothing, so the request is not sent with it."""
    with pytest.raises(InvalidCommandError, match="Idempotency-Key") as caught:
        request(headers={name: key})
    assert caught.value.field == "headers"


@pytest.mark.parametrize("name", ["If-Match", "if-match"])
@pytest.mark.parametrize("tag", ["", " ", "*", " * ", 'W/"1", W/"2"', '"a",*', "a,b", '"a" "b"', '"a"b'])
def test_if_match_that_guards_nothing_is_refused(name: str, tag: str) -> None:
    """An If-Match without a tag, of ``*`` or of several tags could match again after the first send."""
    with pytest.raises(InvalidCommandError, match="If-Match") as caught:
        request(headers={name: tag})
    assert caught.value.field == "headers"


def test_valid_guards_decide_the_retry_safety() -> None:
    """A key or a tag makes the request safe to retry."""
    assert request(headers={"idempotency-key": "k"}).retry_safety is RetrySafety.IDEMPOTENCY_KEY
    assert request(headers={"if-match": 'W/"1"'}).retry_safety is RetrySafety.IF_MATCH
    assert request().retry_safety is RetrySafety.NONE


def test_json_that_is_nested_too_deeply_is_refused() -> None:
    """A body that no encoder can write is the caller's mistake, not a RecursionError."""
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(InvalidCommandError, match="deep") as caught:
        request(json=deep)
    assert caught.value.field == "json"


@pytest.mark.parametrize("part", ["method", "path"])
@pytest.mark.parametrize("value", [None, 7, b"/x", ["/x"]])
def test_method_and_path_of_a_wrong_kind_are_refused(part: str, value: Any) -> None:
    """A method or path that is no text is refused by name."""
    with pytest.raises(InvalidCommandError) as caught:
        request(**{part: value})
    assert caught.value.field == part


OWN = {"Accept": "application/json", "Cint-API-Version": "2025-12-18"}


@pytest.mark.parametrize("name", ["Cint-API-Version", "cint-api-version", "CINT-API-VERSION"])
@pytest.mark.parametrize("version", ["2025-05-27", "2026-03-31", "upcoming-release", ""])
def test_another_api_version_is_refused(name: str, version: str) -> None:
    """A header with another version than the client's is refused, with the reason and the way to ask for it."""
    with pytest.raises(InvalidCommandError, match="forward-only") as caught:
        request(own=OWN, headers={name: version})
    assert caught.value.field == "headers"
    assert "nothing was sent" in caught.value.message
    assert "with_options(api_version=...)" in caught.value.message


def test_the_api_version_of_the_client_may_be_named() -> None:
    """A header with the client's own version changes nothing."""
    assert request(own=OWN, headers={"cint-api-version": "2025-12-18"}).headers == OWN
