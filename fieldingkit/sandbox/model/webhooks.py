"""Webhooks and the events that are delivered to them.

::

    webhook = sandbox.webhooks[0]        # created over the API
    group.goal_reached = True            # each change of a target group is an event
    await sandbox.deliver()              # send every pending event once
    assert [delivery.status for delivery in webhook.deliveries] == ["delivered"]

Events are also delivered in the background, unless `sandbox.delivery.background` is False.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final, Literal

import attrs

from fieldingkit.sandbox.formats import Identifiers, write_timestamp
from fieldingkit.sandbox.model.fielding_runs import Change, change_id

__all__ = ["EVENT_TYPES", "Delivery", "DeliveryStatus", "Webhook", "WebhookRegistry", "sign"]


DeliveryStatus = Literal["pending", "delivering", "delivered", "undelivered", "bounced", "expired"]
"""The statuses of a delivery. In the sandbox `delivered`, `bounced` and `expired` are final."""

EVENT_TYPES: Final = {
    "target-group-updated": "com.cint.target-group.updated",
    "quota-fill-registered": "com.cint.quota.fill.registered",
    "session-updated": "com.cint.session.updated",
}
"""The event types of the API, and the `type` of each in a CloudEvent."""


@attrs.define(kw_only=True, eq=False)
class Delivery:
    """An event of one webhook."""

    id: str
    """The ULID of the event in the webhook's history."""
    event_id: str
    """The UUID of the event in deliveries; the same for every attempt."""
    type: str
    """The event type, such as `target-group-updated`."""
    created_at: datetime
    """The date of the event."""
    due_at: datetime
    """The date of the next attempt."""
    data: dict[str, Any]
    """The payload."""
    status: DeliveryStatus = "pending"
    """The status of the delivery."""
    attempts: int = 0
    """The number of attempts."""

    @property
    def is_open(self) -> bool:
        """True if the event is still to be sent, for the first time or again."""
        return self.status in {"pending", "delivering", "undelivered"}

    def body(self) -> bytes:
        """Return the CloudEvent as it is sent."""
        envelope = {
            "specversion": "1.0",
            "id": self.event_id,
            "source": "urn:fieldingkit:sandbox",
            "type": EVENT_TYPES[self.type],
            "time": write_timestamp(self.created_at),
            "datacontenttype": "application/json",
            "dataschema": f"urn:fieldingkit:sandbox:{self.type}",
            "data": self.data,
        }
        return json.dumps(envelope, separators=(",", ":")).encode()

    def json(self) -> dict[str, Any]:
        """Return the event for the webhook's history, where the account is a number and the user a list."""
        payload = {**self.data, "account_id": int(self.data["account_id"]), "user": [self.data["user"]]}
        return {
            "id": self.id,
            "type": self.type,
            "payload": payload,
            "status": self.status,
            "created_at": write_timestamp(self.created_at),
        }


def sign(body: bytes, secret: str, at: datetime) -> str:
    """Return the `Cint-Signature` of a body. The key is the base64 text of the secret, not the decoded bytes.

    Args:
        body: The body before it is compressed.
        secret: The webhook's secret.
        at: The date of the signature.
    """
    seconds = int(at.timestamp())
    digest = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256)
    return f"t={seconds},v1={digest.hexdigest()}"


@attrs.define(kw_only=True, eq=False)
class Webhook:
    """A webhook."""

    id: str
    """The ULID."""
    account_id: int
    """The account that owns it."""
    url: str
    """The URL that receives the events."""
    events: tuple[str, ...]
    """The subscribed event types, such as `target-group-updated`."""
    secret: str = attrs.field(repr=False)
    """The secret that signs deliveries."""
    created_at: datetime
    """The creation date."""
    updated_at: datetime
    """The date of the last change."""
    version: int = 1
    """The version; each change increments it."""
    deliveries: list[Delivery] = attrs.field(factory=list[Delivery], repr=False)
    """Every event of this webhook, oldest first."""
    _open: list[Delivery] = attrs.field(factory=list[Delivery], repr=False)

    @property
    def etag(self) -> str:
        """The weak entity tag of this version."""
        return f'W/"{self.version}"'

    def enqueue(self, delivery: Delivery) -> None:
        """Add an event to deliver."""
        self.deliveries.append(delivery)
        self._open.append(delivery)

    def open_deliveries(self) -> list[Delivery]:
        """Return the events that are still to be sent, oldest first."""
        self._open = [delivery for delivery in self._open if delivery.is_open]
        return list(self._open)

    def change(
        self, *, at: datetime, url: str | None = None, events: tuple[str, ...] | None = None, secret: str | None = None
    ) -> None:
        """Change the given fields and increment the version."""
        self.url = url or self.url
        self.events = events or self.events
        self.secret = secret or self.secret
        self.version += 1
        self.updated_at = at


class WebhookRegistry:
    """All webhooks of a sandbox.

    Args:
        identifiers: The source of ids and secrets.
    """

    def __init__(self, identifiers: Identifiers) -> None:
        self._identifiers = identifiers
        self._webhooks: dict[str, Webhook] = {}
        self.on_pending: Callable[[], object] | None = None
        """Called, on any thread, when a webhook is created or an event is enqueued."""

    def create(self, account_id: int, url: str, events: Iterable[str], at: datetime) -> Webhook:
        """Create a webhook."""
        webhook = Webhook(
            id=self._identifiers.ulid(),
            account_id=account_id,
            url=url,
            events=tuple(dict.fromkeys(events)),
            secret=self.new_secret(),
            created_at=at,
            updated_at=at,
        )
        self._webhooks[webhook.id] = webhook
        self._notify()
        return webhook

    def new_secret(self) -> str:
        """Return a new secret: 32 bytes in base64."""
        return base64.b64encode(bytes.fromhex(self._identifiers.hexadecimal(64))).decode()

    def delete(self, webhook: Webhook) -> None:
        """Delete a webhook and all its events."""
        del self._webhooks[webhook.id]

    def find(self, webhook_id: str) -> Webhook | None:
        """Return the webhook with this id, or None."""
        return self._webhooks.get(webhook_id)

    def all(self) -> list[Webhook]:
        """Return every webhook, oldest first."""
        return list(self._webhooks.values())

    def enqueue(
        self, change: Change, *, account_id: int, project_id: str, target_group_id: str, index: int, user_id: str
    ) -> None:
        """Enqueue a change of a target group for every subscribed webhook of the account.

        Args:
            change: The change.
            account_id: The account.
            project_id: The project.
            target_group_id: The target group.
            index: The position of the change in the group's history.
            user_id: The user of all requests.
        """
        kind = "target-group-updated"
        subscribed = [hook for hook in self._webhooks.values() if hook.account_id == account_id and kind in hook.events]
        if not subscribed or not change.values:
            return
        data = {
            "id": change_id(target_group_id, index),
            "account_id": str(account_id),
            "project_id": project_id,
            "target_group_id": target_group_id,
            "occurred_at": change.occurred_at,
            "user": change.user(user_id),
            # Unlike a changelog entry, an event has neither the old value nor the reason.
            "changes": [{name: value.json()[name] for name in ("object", "new_value")} for value in change.values],
        }
        for webhook in subscribed:
            webhook.enqueue(
                Delivery(
                    id=self._identifiers.ulid(),
                    event_id=self._identifiers.uuid(),
                    type=kind,
                    created_at=change.at,
                    due_at=change.at,
                    data=data,
                )
            )
        self._notify()

    def _notify(self) -> None:
        on_pending = self.on_pending
        if on_pending is not None:
            on_pending()
