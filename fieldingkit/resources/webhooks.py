"""Webhooks: URLs that the API sends events to.

Deliveries are verified and parsed with ``fieldingkit.events``.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar, Literal, TypeAlias
from urllib.parse import urlsplit

import attrs

from fieldingkit.commands import AccountCommand, Endpoint, OpenEnum
from fieldingkit.errors import InvalidCommandError
from fieldingkit.paging import Page, PagedCommand
from fieldingkit.results import Result, ResultList
from fieldingkit.validators import enum_tuple, etag, https_url, non_empty, timezone_aware, ulid

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


def _webhook_url(command: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """Require an ``https://`` URL, or an ``http://`` one of this machine, to which only the sandbox delivers."""
    if not _is_local(value):
        https_url(command, attribute, value)


def _is_local(url: object) -> bool:
    if not (isinstance(url, str) and url.startswith("http://")):
        return False
    from fieldingkit.transport.urls import is_loopback  # commands load no transport

    try:
        return is_loopback(urlsplit(url).hostname or "")
    except ValueError:  # such as a bracket that is not closed
        return False


class WebhookEventType(OpenEnum):
    """The type of an event."""

    TARGET_GROUP_UPDATED = "target-group-updated"
    """A target group was changed, such as its status, its dates or its goal."""
    QUOTA_FILL_REGISTERED = "quota-fill-registered"
    """A quota counted another prescreen or complete."""
    SESSION_UPDATED = "session-updated"
    """A respondent's session changed."""


class DeliveryStatus(OpenEnum):
    """The status of an event's delivery."""

    PENDING = "pending"
    """It was not sent yet."""
    DELIVERING = "delivering"
    """It is being sent."""
    DELIVERED = "delivered"
    """It was delivered."""
    UNDELIVERED = "undelivered"
    """It could not be delivered, and is sent again."""
    BOUNCED = "bounced"
    """It is not sent until the endpoint can be reached again."""
    EXPIRED = "expired"
    """It is not sent any more."""


class SortOrder(OpenEnum):
    """The order of a list: oldest or newest first."""

    ASCENDING = "asc"
    """Oldest first."""
    DESCENDING = "desc"
    """Newest first."""


EventName: TypeAlias = Literal["target-group-updated", "quota-fill-registered", "session-updated"]
DeliveryStatusName: TypeAlias = Literal["pending", "delivering", "delivered", "undelivered", "bounced", "expired"]


def _event_types(values: Iterable[WebhookEventType | EventName]) -> tuple[WebhookEventType, ...]:
    return enum_tuple(WebhookEventType, values)


def _optional_event_types(
    values: Iterable[WebhookEventType | EventName] | None,
) -> tuple[WebhookEventType, ...] | None:
    return None if values is None else enum_tuple(WebhookEventType, values)


def _delivery_statuses(
    values: Iterable[DeliveryStatus | DeliveryStatusName] | None,
) -> tuple[DeliveryStatus, ...] | None:
    return None if values is None else enum_tuple(DeliveryStatus, values)


def _sort_order(value: SortOrder | Literal["asc", "desc"] | None) -> SortOrder | None:
    return None if value is None else SortOrder(value)


@attrs.frozen(kw_only=True)
class Webhook(Result):
    """A webhook at the time it was read."""

    id: str
    """The webhook's id."""
    url: str | None = None
    """The URL that events are sent to."""
    events: tuple[WebhookEventType, ...] = ()
    """The types of events that are sent."""
    created_at: datetime | None = None
    """The time it was created, UTC."""
    updated_at: datetime | None = None
    """The time of its last change, UTC."""
    etag: str = attrs.field(default="", metadata={"header": "etag"})
    """The tag to send as ``if_match``, byte for byte; empty unless it comes from ``GetWebhook``."""


@attrs.frozen(kw_only=True)
class WebhookWithSecret(Webhook):
    """A webhook with its secret. The API sends the secret only once: store it before anything else."""

    secret: str = attrs.field(repr=False)
    """The signing secret of deliveries, to be passed to ``events.verify`` unchanged; in no repr and no export."""


@attrs.frozen(kw_only=True, repr=False)
class WebhookList(Page[Webhook]):
    """One page of an account's webhooks."""

    webhooks: tuple[Webhook, ...] = ()
    """The webhooks of this page; their ``etag`` is empty."""
    has_more: bool = False
    """True if there are more after this page."""
    next_cursor: str | None = None
    """The ``start_after`` of the next page: the last webhook's id, since the API sends no cursor here."""

    @classmethod
    def _from_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        """Add the cursor that the API does not send."""
        more = body.get("has_more") is True and body.get("webhooks")
        return {**body, "next_cursor": body["webhooks"][-1]["id"] if more else None}


@attrs.frozen(kw_only=True)
class WebhookEvent(Result):
    """A past event of a webhook, and the status of its delivery."""

    id: str
    """The event's id in the history; the API does not promise that deliveries carry the same one."""
    type: WebhookEventType | None = None
    """The type of the event."""
    payload: Mapping[str, Any] = attrs.field(factory=dict[str, Any], hash=False)
    """The event's data as the API wrote them."""
    status: DeliveryStatus | None = None
    """The status of its delivery."""
    created_at: datetime | None = None
    """The time of the event, UTC."""


@attrs.frozen(kw_only=True, repr=False)
class WebhookEventsHistory(Page[WebhookEvent]):
    """One page of a webhook's past events."""

    events: tuple[WebhookEvent, ...] = ()
    """The events of this page."""
    next_cursor: str | None = None
    """The ``start_after`` of the next page; None on the last one."""


@attrs.frozen(kw_only=True, repr=False)
class WebhookEventTypes(ResultList[WebhookEventType]):
    """The types of events that a webhook can receive at present."""

    events: tuple[WebhookEventType, ...] = ()
    """The types of events; new ones may appear."""


@attrs.frozen(kw_only=True)
class ListWebhooks(PagedCommand[WebhookList]):
    """List an account's webhooks, 1 to 100 on a page."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", _WEBHOOKS, operation_id="get_webhooks")


@attrs.frozen(kw_only=True)
class ListWebhookEventTypes(AccountCommand[WebhookEventTypes]):
    """List the types of events that a webhook can receive."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", "/accounts/{account_id}/webhooks-events", operation_id="get_webhook_events"
    )


@attrs.frozen(kw_only=True)
class CreateWebhook(AccountCommand[WebhookWithSecret]):
    """Create a webhook. A repetition creates a second one: after an ambiguous outcome, list the webhooks first."""

    endpoint: ClassVar[Endpoint] = Endpoint("POST", _WEBHOOKS, operation_id="create_webhook")
    url: str = attrs.field(validator=_webhook_url)
    """The URL to send events to: https, or http on this machine, which only a sandbox accepts."""
    events: tuple[WebhookEventType, ...] = attrs.field(converter=_event_types, validator=non_empty)
    """The types of events to send, at least one."""


@attrs.frozen(kw_only=True)
class GetWebhook(AccountCommand[Webhook]):
    """Read a webhook and its ETag, without its secret."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", _WEBHOOK, operation_id="get_webhook")
    webhook_id: str = attrs.field(validator=ulid)
    """The webhook's ULID."""


@attrs.frozen(kw_only=True)
class UpdateWebhook(AccountCommand[Webhook]):
    """Change the URL or the events of a webhook; a field that is left out stays as it is."""

    endpoint: ClassVar[Endpoint] = Endpoint("PUT", _WEBHOOK, operation_id="update_webhook")
    webhook_id: str = attrs.field(validator=ulid)
    """The webhook's ULID."""
    url: str | None = attrs.field(default=None, validator=_webhook_url)
    """The URL to send events to: https, or http on this machine, which only a sandbox accepts."""
    events: tuple[WebhookEventType, ...] | None = attrs.field(
        default=None, converter=_optional_event_types, validator=non_empty
    )
    """The types of events to send, at least one; they replace all previous ones."""
    if_match: str = attrs.field(validator=etag)
    """The webhook's current ETag, byte for byte as the API sent it."""

    def __attrs_post_init__(self) -> None:
        if self.url is None and self.events is None:
            raise InvalidCommandError("UpdateWebhook: nothing to change: set url or events", field="url")


@attrs.frozen(kw_only=True)
class DeleteWebhook(AccountCommand[None]):
    """Delete a webhook permanently."""

    endpoint: ClassVar[Endpoint] = Endpoint("DELETE", _WEBHOOK, operation_id="delete_webhook")
    webhook_id: str = attrs.field(validator=ulid)
    """The webhook's ULID."""
    if_match: str = attrs.field(validator=etag)
    """The webhook's current ETag, byte for byte as the API sent it."""


@attrs.frozen(kw_only=True)
class RegenerateWebhookSecret(AccountCommand[WebhookWithSecret]):
    """Replace the secret of a webhook. The old one is void at once: use the new one before the next delivery."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "POST", _WEBHOOK + "/regenerate-secret", operation_id="regenerate_webhook_secret"
    )
    webhook_id: str = attrs.field(validator=ulid)
    """The webhook's ULID."""


@attrs.frozen(kw_only=True)
class ListWebhookEventsHistory(PagedCommand[WebhookEventsHistory]):
    """Read the past events of a webhook, delivered or not, 1 to 100 on a page.

    This only reads: the API does not deliver any event again.
    """

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", _WEBHOOK + "/events-history", operation_id="list_webhook_events_history"
    )
    webhook_id: str = attrs.field(validator=ulid)
    """The webhook's ULID."""
    start_time: datetime = attrs.field(validator=timezone_aware)
    """The start of the period, with a time zone."""
    end_time: datetime | None = attrs.field(default=None, validator=attrs.validators.optional(timezone_aware))
    """The end of the period, with a time zone; now if left out."""
    delivery_status: tuple[DeliveryStatus, ...] | None = attrs.field(
        default=None, converter=_delivery_statuses, validator=non_empty
    )
    """Only events whose delivery has one of these statuses."""
    type: tuple[WebhookEventType, ...] | None = attrs.field(
        default=None, converter=_optional_event_types, validator=non_empty
    )
    """Only events of these types."""
    created_at_sort_order: SortOrder | None = attrs.field(default=None, converter=_sort_order)
    """The order of the events; oldest first if left out."""
