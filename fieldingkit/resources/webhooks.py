"""Webhooks: where the API tells of what happens, so that nobody needs to ask again and again.

What it sends there is verified and read with ``fieldingkit.events``.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import urlsplit

import attrs

from fieldingkit.commands import Command, Endpoint, OpenEnum
from fieldingkit.errors import InvalidCommandError
from fieldingkit.paging import PagedCommand
from fieldingkit.validators import account, aware, etag, ids, opaque_id, some

__all__ = [
    "CreateWebhook",
    "DeleteWebhook",
    "DeliveryStatus",
    "GetWebhook",
    "ListWebhookEventTypes",
    "ListWebhookEventsHistory",
    "ListWebhooks",
    "RegenerateWebhookSecret",
    "SortOrder",
    "UpdateWebhook",
    "Webhook",
    "WebhookEvent",
    "WebhookEventType",
    "WebhookEventTypes",
    "WebhookEventsHistory",
    "WebhookList",
    "WebhookWithSecret",
]

_WEBHOOKS = "/accounts/{account_id}/webhooks"
_WEBHOOK = _WEBHOOKS + "/{webhook_id}"


class WebhookEventType(OpenEnum):
    """What a webhook can be told of."""

    TARGET_GROUP_UPDATED = "target-group-updated"
    QUOTA_FILL_REGISTERED = "quota-fill-registered"
    SESSION_UPDATED = "session-updated"


class DeliveryStatus(OpenEnum):
    """How far the delivery of an event has come."""

    PENDING = "pending"
    DELIVERING = "delivering"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    BOUNCED = "bounced"
    EXPIRED = "expired"


class SortOrder(OpenEnum):
    """Oldest or newest first."""

    ASCENDING = "asc"
    DESCENDING = "desc"


def _types(values: Iterable[str]) -> tuple[WebhookEventType, ...]:
    return tuple(map(WebhookEventType, ids(values)))


def _some_types(values: Iterable[str] | None) -> tuple[WebhookEventType, ...] | None:
    return None if values is None else _types(values)


def _some_statuses(values: Iterable[str] | None) -> tuple[DeliveryStatus, ...] | None:
    return None if values is None else tuple(map(DeliveryStatus, ids(values)))


def _https(command: object, attribute: "attrs.Attribute[Any]", value: str | None) -> None:
    if value is None:
        return
    parts = urlsplit(value)
    if parts.scheme != "https" or not parts.hostname:
        # The URL may hold a token of its owner's, so it is not shown.
        raise InvalidCommandError(
            f"{type(command).__name__}.{attribute.name} must be an https:// URL", field=attribute.name
        )


@attrs.frozen(kw_only=True)
class Webhook:
    """A webhook as it was when it was read."""

    id: str
    """The webhook's id."""
    url: str | None = None
    """Where events are sent."""
    events: tuple[WebhookEventType, ...] = ()
    """What it is told of."""
    created_at: datetime | None = None
    """When it was created, UTC."""
    updated_at: datetime | None = None
    """When it was last changed, UTC."""
    etag: str = attrs.field(default="", metadata={"header": "etag"})
    """The tag to send as ``if_match``, byte for byte; empty unless it comes from ``GetWebhook``."""


@attrs.frozen(kw_only=True)
class WebhookWithSecret(Webhook):
    """A webhook and its secret, which the API tells this once: store it before anything else."""

    secret: str = attrs.field(repr=False)
    """What deliveries are signed with: give it to ``events.verify`` as it stands. It is never shown in a repr."""


@attrs.frozen(kw_only=True)
class WebhookList:
    """One page of an account's webhooks."""

    webhooks: tuple[Webhook, ...] = ()
    """The webhooks of this page; their ``etag`` is empty."""
    has_more: bool = False
    """Whether there are more after this page."""

    @property
    def next_cursor(self) -> str | None:
        """The ``start_after`` of the next page: the last webhook's id, since the API sends no cursor here."""
        return self.webhooks[-1].id if self.has_more and self.webhooks else None


@attrs.frozen(kw_only=True)
class WebhookEvent:
    """An event in the history of a webhook, and what became of its delivery."""

    id: str
    """The event's id in the history; the API does not say that deliveries carry the same one."""
    type: WebhookEventType | None = None
    """What it tells of."""
    payload: Mapping[str, Any] = attrs.field(factory=dict[str, Any], hash=False)
    """What it says, as the API wrote it."""
    status: DeliveryStatus | None = None
    """How far its delivery has come."""
    created_at: datetime | None = None
    """When it happened, UTC."""


@attrs.frozen(kw_only=True)
class WebhookEventsHistory:
    """One page of a webhook's past events."""

    events: tuple[WebhookEvent, ...] = ()
    """The events of this page."""
    next_cursor: str | None = None
    """The ``start_after`` of the next page; None on the last one."""


@attrs.frozen(kw_only=True)
class WebhookEventTypes:
    """What a webhook can be told of at present."""

    events: tuple[WebhookEventType, ...] = ()
    """The types of events; new ones may appear."""


@attrs.frozen(kw_only=True)
class ListWebhooks(PagedCommand[WebhookList, Webhook]):
    """List an account's webhooks, 1 to 100 on a page."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", _WEBHOOKS, operation_id="get_webhooks")
    account_id: str | int | None = attrs.field(default=None, validator=account)
    """The account's number; the client's own if left out."""

    def items_of(self, page: WebhookList) -> Sequence[Webhook]:
        """The webhooks of a page."""
        return page.webhooks


@attrs.frozen(kw_only=True)
class ListWebhookEventTypes(Command[WebhookEventTypes]):
    """List what a webhook can be told of."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", "/accounts/{account_id}/webhooks-events", operation_id="get_webhook_events"
    )
    account_id: str | int | None = attrs.field(default=None, validator=account)
    """The account's number; the client's own if left out."""


@attrs.frozen(kw_only=True)
class CreateWebhook(Command[WebhookWithSecret]):
    """Have events sent to a URL. Nothing keeps a repetition from making a second webhook: list them when in doubt."""

    endpoint: ClassVar[Endpoint] = Endpoint("POST", _WEBHOOKS, operation_id="create_webhook")
    account_id: str | int | None = attrs.field(default=None, validator=account)
    """The account's number; the client's own if left out."""
    url: str = attrs.field(validator=_https)
    """Where to send them; HTTPS only."""
    events: tuple[WebhookEventType, ...] = attrs.field(converter=_types, validator=some)
    """What to tell of, at least one."""


@attrs.frozen(kw_only=True)
class GetWebhook(Command[Webhook]):
    """Read a webhook and its ETag; its secret is not told again."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", _WEBHOOK, operation_id="get_webhook")
    account_id: str | int | None = attrs.field(default=None, validator=account)
    """The account's number; the client's own if left out."""
    webhook_id: str = attrs.field(validator=opaque_id)
    """The webhook's id."""


@attrs.frozen(kw_only=True)
class UpdateWebhook(Command[Webhook]):
    """Change where a webhook sends events, or what it is told of; what is left out stays."""

    endpoint: ClassVar[Endpoint] = Endpoint("PUT", _WEBHOOK, operation_id="update_webhook")
    account_id: str | int | None = attrs.field(default=None, validator=account)
    """The account's number; the client's own if left out."""
    webhook_id: str = attrs.field(validator=opaque_id)
    """The webhook's id."""
    url: str | None = attrs.field(default=None, validator=_https)
    """Where to send events; HTTPS only."""
    events: tuple[WebhookEventType, ...] | None = attrs.field(default=None, converter=_some_types, validator=some)
    """What to tell of, at least one; it replaces the whole list."""
    if_match: str = attrs.field(validator=etag)
    """The webhook's current ETag, byte for byte as the API sent it."""

    def __attrs_post_init__(self) -> None:
        if self.url is None and self.events is None:
            raise InvalidCommandError("UpdateWebhook changes nothing: give it a url or events", field="url")


@attrs.frozen(kw_only=True)
class DeleteWebhook(Command[None]):
    """Delete a webhook for good."""

    endpoint: ClassVar[Endpoint] = Endpoint("DELETE", _WEBHOOK, operation_id="delete_webhook")
    account_id: str | int | None = attrs.field(default=None, validator=account)
    """The account's number; the client's own if left out."""
    webhook_id: str = attrs.field(validator=opaque_id)
    """The webhook's id."""
    if_match: str = attrs.field(validator=etag)
    """The webhook's current ETag, byte for byte as the API sent it."""


@attrs.frozen(kw_only=True)
class RegenerateWebhookSecret(Command[WebhookWithSecret]):
    """Give a webhook a new secret. The old one is void at once: deliveries are refused until the new one is in use."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "POST", _WEBHOOK + "/regenerate-secret", operation_id="regenerate_webhook_secret"
    )
    account_id: str | int | None = attrs.field(default=None, validator=account)
    """The account's number; the client's own if left out."""
    webhook_id: str = attrs.field(validator=opaque_id)
    """The webhook's id."""


@attrs.frozen(kw_only=True)
class ListWebhookEventsHistory(PagedCommand[WebhookEventsHistory, WebhookEvent]):
    """Read what a webhook was, or should have been, told of, 1 to 100 events on a page.

    It only reads: the API delivers nothing again because of it.
    """

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", _WEBHOOK + "/events-history", operation_id="list_webhook_events_history"
    )
    account_id: str | int | None = attrs.field(default=None, validator=account)
    """The account's number; the client's own if left out."""
    webhook_id: str = attrs.field(validator=opaque_id)
    """The webhook's id."""
    start_time: datetime = attrs.field(validator=aware)
    """From when on, with a time zone."""
    end_time: datetime | None = attrs.field(default=None, validator=attrs.validators.optional(aware))
    """Until when, with a time zone; until now if left out."""
    delivery_status: tuple[DeliveryStatus, ...] | None = attrs.field(
        default=None, converter=_some_statuses, validator=some
    )
    """Only those whose delivery has come so far."""
    type: tuple[WebhookEventType, ...] | None = attrs.field(default=None, converter=_some_types, validator=some)
    """Only those of these types."""
    created_at_sort_order: SortOrder | None = None
    """Oldest first unless told otherwise."""

    def items_of(self, page: WebhookEventsHistory) -> Sequence[WebhookEvent]:
        """The events of a page."""
        return page.events
