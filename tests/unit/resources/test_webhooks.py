"""Webhooks: creating, reading, updating, deleting, and their history."""

import copy
from datetime import UTC, datetime
from typing import Any

import pytest
from support.resource_wire import answer, sent

from fieldingkit.commands import Command
from fieldingkit.errors import DecodeError, InvalidCommandError
from fieldingkit.idempotency import RetrySafety
from fieldingkit.resources.webhooks import (
    CreateWebhook,
    DeleteWebhook,
    DeliveryStatus,
    GetWebhook,
    ListWebhookEventsHistory,
    ListWebhooks,
    RegenerateWebhookSecret,
    SortOrder,
    UpdateWebhook,
    WebhookEventType,
)

ID = "01K4X9PNVF1ZFA7F1DSN1ZJWWK"
SECRET = "canary5UPZpATKBcYJj4va95PYud"
CREATE = CreateWebhook(url="https://example.com/cint", events=[WebhookEventType.TARGET_GROUP_UPDATED])
WEBHOOK: dict[str, Any] = {
    "id": ID,
    "url": "https://example.com/cint",
    "events": ["target-group-updated", "novel-event"],
    "created_at": "2026-01-01T00:00:00.000Z",
    "updated_at": None,
}


def test_a_webhook_is_created() -> None:
    """URL and event types are sent, and nothing protects the command from creating a second webhook."""
    request = sent(CREATE)
    assert (request.method, request.path) == ("POST", "/accounts/101/webhooks")
    assert request.body == {"url": "https://example.com/cint", "events": ["target-group-updated"]}
    assert CreateWebhook.retry_safety() is RetrySafety.NONE


@pytest.mark.parametrize("command", [CREATE, RegenerateWebhookSecret(webhook_id=ID)])
def test_a_secret_is_given_and_not_shown(command: Command[Any]) -> None:
    """The secret is returned, and appears in no repr, not even inside other objects."""
    created = answer(command, {**WEBHOOK, "secret": SECRET}, status=201)
    assert created.secret == SECRET
    for shown in (repr(created), str(created), f"{[created]}", repr(copy.copy(created)), repr({"w": created})):
        assert "canary" not in shown


def test_an_answer_that_does_not_fit_does_not_show_the_secret() -> None:
    """The error names the path that is wrong and shows no other value."""
    with pytest.raises(DecodeError) as caught:
        answer(CREATE, {**WEBHOOK, "secret": SECRET, "id": 7}, status=201)
    assert caught.value.path == "$.id"
    assert "canary" not in repr(caught.value) + str(caught.value)


def test_an_unreadable_time_does_not_lose_the_secret() -> None:
    """The secret is sent only once, so that it is returned although another field cannot be read."""
    created = answer(CREATE, {**WEBHOOK, "secret": SECRET, "created_at": "yesterday"}, status=201)
    assert (created.secret, created.created_at, created.undecoded) == (SECRET, None, ("$.created_at",))


def test_a_webhook_is_read_with_its_tag() -> None:
    """Event types unknown to this release are kept."""
    webhook = answer(GetWebhook(webhook_id=ID), WEBHOOK, headers={"ETag": 'W/"5"'})
    assert webhook.etag == 'W/"5"'
    assert [(kind.value, kind.known) for kind in webhook.events] == [
        ("target-group-updated", True),
        ("novel-event", False),
    ]
    assert webhook.updated_at is None
    assert sent(GetWebhook(webhook_id=ID)).path == f"/accounts/101/webhooks/{ID}"


def test_a_webhook_is_updated_in_part() -> None:
    """Missing fields are not sent; the ETag goes into its header."""
    request = sent(UpdateWebhook(webhook_id=ID, events=["session-updated"], if_match='W/"5"'))
    assert (request.method, request.body) == ("PUT", {"events": ["session-updated"]})
    assert request.headers["If-Match"] == 'W/"5"'


def test_a_webhook_is_deleted() -> None:
    """A deletion has its ETag in the header, no body and no result."""
    command = DeleteWebhook(webhook_id=ID, if_match='W/"5"')
    request = sent(command)
    assert (request.method, request.path) == ("DELETE", f"/accounts/101/webhooks/{ID}")
    assert (request.query, request.headers, request.body) == ([], {"If-Match": 'W/"5"'}, None)
    assert answer(command, status=204) is None


def test_a_new_secret_is_asked_for_without_a_body() -> None:
    """The command has no body and no header of its own."""
    request = sent(RegenerateWebhookSecret(webhook_id=ID))
    assert (request.method, request.body, request.headers) == ("POST", None, {})
    assert request.path == f"/accounts/101/webhooks/{ID}/regenerate-secret"


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (CreateWebhook, {"url": "http://example.com", "events": ["session-updated"]}),
        (CreateWebhook, {"url": "https://", "events": ["session-updated"]}),
        (CreateWebhook, {"url": "http://127.0.0.1.example.com", "events": ["session-updated"]}),
        (CreateWebhook, {"url": "http://[::1", "events": ["session-updated"]}),
        (CreateWebhook, {"url": "https://example.com", "events": []}),
        (UpdateWebhook, {"webhook_id": ID, "if_match": '"1"'}),
        (UpdateWebhook, {"webhook_id": ID, "if_match": '"1"', "events": []}),
        (UpdateWebhook, {"webhook_id": ID, "url": "https://example.com"}),
        (DeleteWebhook, {"webhook_id": ID}),
        (DeleteWebhook, {"webhook_id": "..", "if_match": '"1"'}),
        (ListWebhookEventsHistory, {"webhook_id": ID, "start_time": datetime.fromisoformat("2026-01-01")}),
    ],
)
def test_invalid_webhook_commands_are_refused(kind: Any, fields: dict[str, Any]) -> None:
    """A plain URL, an empty list, a missing ETag and a time without a zone are rejected."""
    with pytest.raises(InvalidCommandError):
        kind(**fields)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/cint", "http://localhost:8080", "http://[::1]:8080/"])
def test_a_plain_url_of_this_machine_is_for_the_sandbox(url: str) -> None:
    """It delivers to programs on this machine, which need no certificate."""
    assert CreateWebhook(url=url, events=["session-updated"]).url == url


def test_a_refused_url_is_not_shown() -> None:
    """The error does not show the URL, which may contain a token."""
    with pytest.raises(InvalidCommandError) as caught:
        CreateWebhook(url="http://example.com/?token=canary", events=["session-updated"])
    assert "canary" not in str(caught.value)


def test_webhooks_are_listed() -> None:
    """The last webhook's id is the cursor, since the API sends none."""
    page = answer(ListWebhooks(), {"webhooks": [WEBHOOK, {**WEBHOOK, "id": "last"}], "has_more": True})
    assert [webhook.etag for webhook in page] == ["", ""]
    assert page.next_cursor == "last"
    assert sent(ListWebhooks(page_size=5, start_after="x")).query == [("page_size", "5"), ("start_after", "x")]


def test_the_history_is_chosen_by_query() -> None:
    """Lists become repeated keys, and times are UTC with three fractional digits."""
    command = ListWebhookEventsHistory(
        webhook_id=ID,
        start_time=datetime(2026, 1, 1, tzinfo=UTC),
        delivery_status=[DeliveryStatus.UNDELIVERED, DeliveryStatus.EXPIRED],
        type=["session-updated", "target-group-updated"],
        created_at_sort_order=SortOrder.DESCENDING,
    )
    request = sent(command)
    assert request.path == f"/accounts/101/webhooks/{ID}/events-history"
    assert sorted(request.query) == [
        ("created_at_sort_order", "desc"),
        ("delivery_status", "expired"),
        ("delivery_status", "undelivered"),
        ("start_time", "2026-01-01T00:00:00.000Z"),
        ("type", "session-updated"),
        ("type", "target-group-updated"),
    ]


def test_the_history_is_read() -> None:
    """The history's own time format is understood, and payloads stay as they are."""
    event = {
        "id": ID,
        "type": "target-group-updated",
        "payload": {"user": [{"type": "las_user"}], "n": 1},
        "status": "on-hold",
        "created_at": "2026-01-23 10:04:44.209000+00:00",
    }
    command = ListWebhookEventsHistory(webhook_id=ID, start_time=datetime(2026, 1, 1, tzinfo=UTC))
    page = answer(command, {"events": [event], "next_cursor": None})
    (read,) = page
    assert read.payload == event["payload"]
    assert read.status is not None
    assert not read.status.known
    assert read.created_at == datetime(2026, 1, 23, 10, 4, 44, 209000, tzinfo=UTC)
    assert command.after(page) is None
