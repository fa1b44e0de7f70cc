"""``fieldingkit webhooks``: list, create, change and delete webhooks, and list their events."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter
from cyclopts.validators import Number

from fieldingkit.cli.connection import DEFAULT_CONNECTION, Connection
from fieldingkit.cli.errors import ExitCode
from fieldingkit.cli.output import Output
from fieldingkit.cli.prompts import confirm, format_place
from fieldingkit.cli.secret_file import SecretFile
from fieldingkit.resources.webhooks import (
    CreateWebhook,
    DeleteWebhook,
    DeliveryStatus,
    GetWebhook,
    ListWebhookEventsHistory,
    ListWebhookEventTypes,
    ListWebhooks,
    RegenerateWebhookSecret,
    UpdateWebhook,
    Webhook,
    WebhookEvent,
    WebhookEventType,
)

__all__ = ["create", "delete", "event_types", "history", "list_webhooks", "regenerate_secret", "update"]


_SecretPath = Annotated[Path, Parameter(allow_leading_hyphen=True)]

_WEBHOOK_COLUMNS: Final[dict[str, Callable[[Webhook], object]]] = {
    "Webhook": lambda webhook: webhook.id,
    "Events": lambda webhook: ",".join(webhook.events),
    "Created": lambda webhook: webhook.created_at,
    "URL": lambda webhook: webhook.url,
}
_EVENT_COLUMNS: Final[dict[str, Callable[[WebhookEvent], object]]] = {
    "At": lambda event: event.created_at,
    "Event": lambda event: event.type,
    "Delivery": lambda event: event.status,
    "Id": lambda event: event.id,
}


async def list_webhooks(*, json: bool = False, connection: Connection = DEFAULT_CONNECTION) -> int:
    """List the account's webhooks.

    Args:
        json: Print one JSON document a line.
        connection: How to reach the API.
    """
    output = Output(json=json)
    async with connection.open() as client:
        count = await output.print_items(_WEBHOOK_COLUMNS, client.iter_items(ListWebhooks(page_size=100)))
    if not count:
        output.note("No webhooks.")
    return ExitCode.DONE


async def event_types(*, json: bool = False, connection: Connection = DEFAULT_CONNECTION) -> int:
    """List the types of events that webhooks can receive.

    Args:
        json: Print one JSON document.
        connection: How to reach the API.
    """
    output = Output(json=json)
    async with connection.open() as client:
        types = await client.send(ListWebhookEventTypes())
    output.print_json(types)
    for event in types.events:
        output.print_text(event)
    return ExitCode.DONE


async def create(
    url: str,
    /,
    *,
    event: tuple[str, ...],
    secret_file: _SecretPath,
    json: bool = False,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Create a webhook that sends events to a URL.

    Args:
        url: The https URL to send events to.
        event: An event type, as listed by `webhooks event-types`; may be repeated.
        secret_file: A new file for the secret that signs deliveries; - is stdout. The API returns it only once.
        json: Print one JSON document, without the secret.
        connection: How to reach the API.
    """
    output = Output(json=json)
    command = CreateWebhook(url=url, events=tuple(map(WebhookEventType, event)))
    async with connection.open() as client:
        with SecretFile.create(secret_file) as file:
            webhook = await client.send(command)
            message = file.write(webhook.secret, webhook=webhook.id, done=f"webhook {webhook.id} was created")
        output.print_outcome(webhook, f"Webhook {webhook.id} was created.")
        output.note(message)
    return ExitCode.DONE


async def update(
    webhook: str,
    /,
    *,
    url: str | None = None,
    event: tuple[str, ...] = (),
    json: bool = False,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Change the URL or the event types of a webhook. Omitted values stay as they are.

    Args:
        webhook: The webhook's id.
        url: The new https URL.
        event: An event type; may be repeated, and replaces the whole list.
        json: Print one JSON document.
        connection: How to reach the API.
    """
    output = Output(json=json)
    async with connection.open() as client:
        before = await client.send(GetWebhook(webhook_id=webhook))
        events = tuple(map(WebhookEventType, event)) or None
        change = UpdateWebhook(webhook_id=webhook, url=url, events=events, if_match=before.etag)
        after = await client.send(change)
        output.print_outcome(after, f"Webhook {webhook} was changed.")
    return ExitCode.DONE


async def delete(
    webhook: str,
    /,
    *,
    yes: bool = False,
    json: bool = False,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Delete a webhook.

    Args:
        webhook: The webhook's id.
        yes: Do not ask for confirmation.
        json: Print one JSON document.
        connection: How to reach the API.
    """
    output = Output(json=json)
    async with connection.open() as client:
        found = await client.send(GetWebhook(webhook_id=webhook))
        place = format_place(client.base_url, client.account_id)
        confirm(f"Delete webhook {webhook} of {place}, which sends to {found.url}", yes=yes)
        await client.send(DeleteWebhook(webhook_id=webhook, if_match=found.etag))
        output.print_outcome({"id": webhook, "deleted": True}, f"Webhook {webhook} was deleted.")
    return ExitCode.DONE


async def regenerate_secret(
    webhook: str,
    /,
    *,
    secret_file: _SecretPath,
    yes: bool = False,
    json: bool = False,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Replace the secret of a webhook. The old one stops being valid at once.

    Args:
        webhook: The webhook's id.
        secret_file: A new file for the secret; - is stdout. The API returns it only once.
        yes: Do not ask for confirmation.
        json: Print one JSON document, without the secret.
        connection: How to reach the API.
    """
    output = Output(json=json)
    async with connection.open() as client:
        with SecretFile.create(secret_file) as file:
            place = format_place(client.base_url, client.account_id)
            confirm(f"Replace the secret of webhook {webhook} of {place}; the old one stops being valid", yes=yes)
            changed = await client.send(RegenerateWebhookSecret(webhook_id=webhook))
            done = f"the secret of webhook {webhook} was replaced, and the old one stopped being valid"
            message = file.write(changed.secret, webhook=webhook, done=done)
        output.print_outcome(changed, f"Webhook {webhook} has a new secret.")
        output.note(message)
    return ExitCode.DONE


async def history(
    webhook: str,
    /,
    *,
    since: datetime | None = None,
    hours: Annotated[float, Parameter(validator=Number(gt=0))] = 24.0,
    event: tuple[str, ...] = (),
    delivery: tuple[str, ...] = (),
    json: bool = False,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """List the events of a webhook and their delivery.

    Args:
        webhook: The webhook's id.
        since: Only events since this time; in UTC unless it has an offset.
        hours: Only events of the last hours; ignored if --since is given.
        event: Only events of this type; may be repeated.
        delivery: Only events with this delivery status, such as undelivered; may be repeated.
        json: Print one JSON document a line, with the payload of each event.
        connection: How to reach the API.
    """
    output = Output(json=json)
    start = since or datetime.now(UTC) - timedelta(hours=hours)
    command = ListWebhookEventsHistory(
        webhook_id=webhook,
        start_time=start if start.tzinfo is not None else start.replace(tzinfo=UTC),
        type=tuple(map(WebhookEventType, event)) or None,
        delivery_status=tuple(map(DeliveryStatus, delivery)) or None,
        page_size=100,
    )
    async with connection.open() as client:
        count = await output.print_items(_EVENT_COLUMNS, client.iter_items(command))
    if not count:
        output.note("No matching events.")
    return ExitCode.DONE
