"""An event on its way to one webhook: what is sent, and what has become of it."""

import hashlib
import hmac
import json
from datetime import datetime
from typing import Any, Final, Literal

import attrs

from fieldingkit.sandbox.timestamps import write_timestamp

__all__ = ["EVENT_TYPES", "Delivery", "DeliveryStatus", "sign"]

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
