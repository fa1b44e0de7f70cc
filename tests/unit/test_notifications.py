"""Notifications: one post without credentials, whose failure is a result; the URL is a secret."""

import asyncio
import json
import logging

import pytest
from support.fixture_types import Serve
from support.raw_server import Connection, answer

from fieldingkit.errors import ConfigurationError
from fieldingkit.notifications import chat_text, check_notification_url, post_notification
from fieldingkit.secret import Secret

PATH = "/services/T0/B0/canary?sig=can%2Fary"


async def test_the_document_is_posted_without_credentials(serve: Serve) -> None:
    """The receiver gets the document as JSON at the exact URL, and no credentials or trace."""
    server = await serve(answer(200, b"ok"))
    result = await post_notification(Secret(f"http://127.0.0.1:{server.port}{PATH}"), {"text": "done", "exit": 0})
    (request,) = server.requests
    assert result.ok
    assert result.host == "127.0.0.1"
    assert (request.method, request.target) == ("POST", PATH)
    assert json.loads(request.body) == {"text": "done", "exit": 0}
    assert not {"authorization", "traceparent", "cint-api-version", "cookie"} & request.headers.keys()


@pytest.mark.parametrize(
    ("step", "failure"),
    [
        (answer(404, b"no_service"), "it answered 404"),
        (answer(302, headers={"Location": "http://127.0.0.1:9/canary"}), "it answered 302"),
    ],
    ids=["refused", "redirected"],
)
async def test_a_refusal_is_a_result(serve: Serve, step: object, failure: str) -> None:
    """A receiver that refuses, or answers with a redirect, is a failure with its status."""
    server = await serve(step)  # type: ignore[arg-type]  # a step
    result = await post_notification(Secret(f"http://127.0.0.1:{server.port}{PATH}"), {"text": "done"})
    assert (result.ok, result.failure) == (False, failure)


async def test_a_dead_or_silent_receiver_is_a_result_without_the_url(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    """A receiver that cannot be reached, or does not answer in time, is named by its host alone, in logs too."""
    caplog.set_level(logging.DEBUG)

    async def silent(connection: Connection) -> None:
        await connection.gone()

    server = await serve(silent)
    for url in (f"http://127.0.0.1:9{PATH}", f"http://127.0.0.1:{server.port}{PATH}"):
        async with asyncio.timeout(60):
            result = await post_notification(Secret(url), {"text": "done"}, timeout=0.2)
        assert not result.ok
        assert "canary" not in repr(result) + caplog.text
        assert "127.0.0.1" in repr(result)


@pytest.mark.parametrize(
    "url", ["", "canary", "ftp://canary.example/x", "https:///canary", "https://canary:x/", "https://a//canary/x?y"]
)
def test_an_invalid_url_is_not_quoted(url: str) -> None:
    """The error for something that is no URL does not contain it."""
    with pytest.raises(ConfigurationError) as caught:
        check_notification_url(Secret(url))
    assert "canary" not in str(caught.value)


def test_text_for_a_chat_mentions_nobody() -> None:
    """A name that contains a mention of everybody stays text."""
    assert chat_text("<!channel> A & B") == "&lt;!channel&gt; A &amp; B"
