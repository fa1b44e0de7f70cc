"""The webhooks of a sandbox, and what each of them is to be told."""

import base64
from collections.abc import Callable, Iterable
from datetime import datetime

import attrs

from fieldingkit.sandbox.changes import Change, change_id
from fieldingkit.sandbox.identifiers import Identifiers
from fieldingkit.sandbox.webhooks.deliveries import Delivery

__all__ = ["Webhook", "WebhookBook", "nobody"]


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

    def tell(self, delivery: Delivery) -> None:
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


class WebhookBook:
    """All webhooks.

    Args:
        identifiers: Where ids and secrets come from.
    """

    def __init__(self, identifiers: Identifiers) -> None:
        self._identifiers = identifiers
        self._webhooks: dict[str, Webhook] = {}
        self.on_news: Callable[[], object] = nobody
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
        self.on_news()
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

    def tell(
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
            webhook.tell(
                Delivery(
                    id=self._identifiers.ulid(),
                    event_id=self._identifiers.uuid(),
                    type=kind,
                    created_at=change.at,
                    due_at=change.at,
                    data=data,
                )
            )
        self.on_news()
