"""Webhooks: who is told of what, and the delivery of it.

::

    webhook = sandbox.webhooks[0]        # created over the API
    group.goal_reached = True            # whatever changes a target group is an event
    await sandbox.deliver()              # everything that waits is sent once, now
    assert [delivery.status for delivery in webhook.deliveries] == ["delivered"]

Events are delivered in the background as well, unless `sandbox.delivery.background` is switched off.
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

__all__ = ["EVENT_TYPES", "Delivery", "DeliveryStatus", "Webhook", "WebhookRegistry", "nobody", "sign"]


DeliveryStatus = Literal["pending", "delivering", "delivered", "undelivered", "bounced", "expired"]
"""What can have become of a delivery; `delivered`, `bounced` and `expired` are for good here."""

EVENT_TYPES: Final = {
    "target-group-updated": "com.cint.target-group.updated",
    "quota-fill-registered": "com.cint.quota.fill.registered",
    "session-updated": "com.cint.session.updated",
}
"""What a webhook can be told of, and what a delivery calls it."""


@attrs.define(kw_only=True, eq=False)
class Delivery:
    """An event of one webhook."""

    id: str
    """The ULID by which the webhook's history names it."""
    event_id: str
    """The UUID by which deliveries name it, every time the same one."""
    type: str
    """What it tells of, such as `target-group-updated`."""
    created_at: datetime
    """When it happened."""
    due_at: datetime
    """When it is to be sent, or sent again."""
    data: dict[str, Any]
    """What it says."""
    status: DeliveryStatus = "pending"
    """What has become of it."""
    attempts: int = 0
    """How often it was sent."""

    @property
    def is_open(self) -> bool:
        """Whether it is still to be sent, for the first time or again."""
        return self.status in {"pending", "delivering", "undelivered"}

    def body(self) -> bytes:
        """The CloudEvent that is sent."""
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
        """The event as the webhook's history shows it, where the account is a number and the user a list."""
        payload = {**self.data, "account_id": int(self.data["account_id"]), "user": [self.data["user"]]}
        return {
            "id": self.id,
            "type": self.type,
            "payload": payload,
            "status": self.status,
            "created_at": write_timestamp(self.created_at),
        }


def sign(body: bytes, secret: str, at: datetime) -> str:
    """The `Cint-Signature` of a body: its key is the text of the secret, not what that stands for in base64.

    Args:
        body: What is signed, before it is compressed.
        secret: The webhook's secret.
        at: When it is signed.
    """
    seconds = int(at.timestamp())
    digest = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256)
    return f"t={seconds},v1={digest.hexdigest()}"


@attrs.define(kw_only=True, eq=False)
class Webhook:
    """A webhook as it is now."""

    id: str
    """Its ULID."""
    account_id: int
    """The account it belongs to."""
    url: str
    """Where events are sent."""
    events: tuple[str, ...]
    """What it is told of, such as `target-group-updated`."""
    secret: str = attrs.field(repr=False)
    """What deliveries are signed with."""
    created_at: datetime
    """When it was created."""
    updated_at: datetime
    """When it was last changed."""
    version: int = 1
    """Goes up by one with every change."""
    deliveries: list[Delivery] = attrs.field(factory=list[Delivery], repr=False)
    """Every event that it was or is to be told of, oldest first."""
    _open: list[Delivery] = attrs.field(factory=list[Delivery], repr=False)

    @property
    def etag(self) -> str:
        """The weak entity tag of this version."""
        return f'W/"{self.version}"'

    def enqueue(self, delivery: Delivery) -> None:
        """Have an event delivered."""
        self.deliveries.append(delivery)
        self._open.append(delivery)

    def take_open(self) -> list[Delivery]:
        """What is still to be sent, oldest first."""
        self._open = [delivery for delivery in self._open if delivery.is_open]
        return list(self._open)

    def change(self, *, at: datetime, **facts: object) -> None:
        """Give it other facts, and so a new version."""
        for name, value in facts.items():
            setattr(self, name, value)
        self.version += 1
        self.updated_at = at


def nobody() -> None:
    """Whom news are told while the sandbox does not run."""


class WebhookRegistry:
    """All webhooks.

    Args:
        identifiers: Where ids and secrets come from.
    """

    def __init__(self, identifiers: Identifiers) -> None:
        self._identifiers = identifiers
        self._webhooks: dict[str, Webhook] = {}
        self.on_pending: Callable[[], object] = nobody
        """Called, on any thread, when there is something to deliver or somebody to deliver it to."""

    def create(self, account_id: int, url: str, events: Iterable[str], at: datetime) -> Webhook:
        """Make a webhook."""
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
        self.on_pending()
        return webhook

    def new_secret(self) -> str:
        """A secret that no other webhook has: 32 bytes in base64."""
        return base64.b64encode(bytes.fromhex(self._identifiers.hexadecimal(64))).decode()

    def delete(self, webhook: Webhook) -> None:
        """Forget a webhook, and all that it was to be told."""
        del self._webhooks[webhook.id]

    def find(self, webhook_id: str) -> Webhook | None:
        """The webhook with an id, if there is one."""
        return self._webhooks.get(webhook_id)

    def all(self) -> list[Webhook]:
        """Every webhook, oldest first."""
        return list(self._webhooks.values())

    def enqueue(
        self, change: Change, *, account_id: int, project_id: str, target_group_id: str, index: int, user_id: str
    ) -> None:
        """Have a change of a target group delivered to those webhooks of the account that ask for such events.

        Args:
            change: What happened.
            account_id: In which account.
            project_id: In which project.
            target_group_id: To which target group.
            index: The place of the change in its history.
            user_id: In whose name.
        """
        kind = "target-group-updated"
        told = [hook for hook in self._webhooks.values() if hook.account_id == account_id and kind in hook.events]
        if not told or not change.values:
            return
        data = {
            "id": change_id(target_group_id, index),
            "account_id": str(account_id),
            "project_id": project_id,
            "target_group_id": target_group_id,
            "occurred_at": change.written_at,
            "user": change.user(user_id),
            # Unlike the changelog, an event tells neither what was before nor why.
            "changes": [{name: value.json()[name] for name in ("object", "new_value")} for value in change.values],
        }
        for webhook in told:
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
        self.on_pending()
