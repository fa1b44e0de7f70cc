"""A file for a secret that is told once: it is made before anything is sent, so that the secret has where to go."""

import os
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter
from cyclopts.validators import Number

from fieldingkit.cli.connection import DEFAULT_CONNECTION, Connection
from fieldingkit.cli.errors import ExitCode, UsageError
from fieldingkit.cli.output import Output
from fieldingkit.cli.prompts import confirm
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

__all__ = ["SecretFile", "create", "delete", "event_types", "history", "list_webhooks", "regenerate_secret", "update"]


class SecretFile:
    """Where a secret is written: a new file that only its owner may read, or ``-`` for stdout."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor
        self._written = False

    @classmethod
    @contextmanager
    def made(cls, path: Path) -> Generator["SecretFile"]:
        """Make the file; it is removed again if no secret came to be written.

        Raises:
            UsageError: if it exists, or cannot be made.
        """
        if str(path) == "-":
            yield cls(path, -1)
            return
        path = path.expanduser()
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise UsageError(f"{path} exists already\nNothing was sent. Name a new file.") from None
        except OSError as exc:
            raise UsageError(f"{path} cannot be made: {exc.strerror}\nNothing was sent.") from exc
        file = cls(path, descriptor)
        try:
            yield file
        finally:
            os.close(descriptor)
            if not file._written:
                with suppress(OSError):
                    path.unlink()

    def write(self, secret: str) -> str:
        """Write the secret; gives what to tell the user of it."""
        if self._descriptor < 0:
            sys.stdout.write(f"{secret}\n")
            sys.stdout.flush()
            return "The secret is on stdout; the API does not tell it again."
        os.write(self._descriptor, f"{secret}\n".encode())
        os.fsync(self._descriptor)
        self._written = True
        return f"Its secret is in {self._path}; the API does not tell it again."


_SecretPath = Annotated[Path, Parameter(allow_leading_hyphen=True)]

_WEBHOOKS: Final[dict[str, Callable[[Webhook], object]]] = {
    "Webhook": lambda webhook: webhook.id,
    "Events": lambda webhook: ",".join(webhook.events),
    "Created": lambda webhook: webhook.created_at,
    "URL": lambda webhook: webhook.url,
}
_EVENTS: Final[dict[str, Callable[[WebhookEvent], object]]] = {
    "At": lambda event: event.created_at,
    "Event": lambda event: event.type,
    "Delivery": lambda event: event.status,
    "Id": lambda event: event.id,
}


async def list_webhooks(*, json: bool = False, connection: Connection = DEFAULT_CONNECTION) -> int:
    """List the account's webhooks.

    Args:
        json: One JSON document a line.
        connection: How to reach the API.
    """
    output = Output(json=json)
    async with connection.open() as client:
        count = await output.table(_WEBHOOKS, client.iter_items(ListWebhooks(page_size=100)))
    if not count:
        output.note("There are no webhooks.")
    return ExitCode.DONE


async def event_types(*, json: bool = False, connection: Connection = DEFAULT_CONNECTION) -> int:
    """List what a webhook can be told of.

    Args:
        json: One JSON document.
        connection: How to reach the API.
    """
    output = Output(json=json)
    async with connection.open() as client:
        types = await client.send(ListWebhookEventTypes())
    output.document(types)
    for event in types.events:
        output.say(event)
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
    """Have events sent to a URL.

    Args:
        url: Where to send them, https.
        event: What to tell of, as `webhooks event-types` lists it; may be repeated.
        secret_file: A new file for the secret that deliveries are signed with, or - for stdout. It is told this once.
        json: One JSON document, without the secret.
        connection: How to reach the API.
    """
    output = Output(json=json)
    command = CreateWebhook(url=url, events=tuple(map(WebhookEventType, event)))
    async with connection.open() as client:
        with SecretFile.made(secret_file) as file:
            webhook = await client.send(command)
            told = file.write(webhook.secret)
    output.document(webhook)
    output.say(f"Webhook {webhook.id} was created.")
    output.note(told)
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
    """Change where a webhook sends events, or what it is told of; what is left out stays.

    Args:
        webhook: The webhook's id.
        url: Where to send events, https.
        event: What to tell of; may be repeated, and replaces the whole list.
        json: One JSON document.
        connection: How to reach the API.
    """
    output = Output(json=json)
    async with connection.open() as client:
        before = await client.send(GetWebhook(webhook_id=webhook))
        events = tuple(map(WebhookEventType, event)) or None
        change = UpdateWebhook(webhook_id=webhook, url=url, events=events, if_match=before.etag)
        after = await client.send(change)
    output.document(after)
    output.say(f"Webhook {webhook} was changed.")
    return ExitCode.DONE


async def delete(
    webhook: str,
    /,
    *,
    yes: bool = False,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Delete a webhook for good.

    Args:
        webhook: The webhook's id.
        yes: Do not ask.
        connection: How to reach the API.
    """
    output = Output()
    async with connection.open() as client:
        found = await client.send(GetWebhook(webhook_id=webhook))
        if not confirm(f"Delete the webhook {webhook}, which sends to {found.url}", yes=yes):
            output.note("Nothing was done.")
            return ExitCode.DONE
        await client.send(DeleteWebhook(webhook_id=webhook, if_match=found.etag))
    output.say(f"Webhook {webhook} was deleted.")
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
    """Give a webhook a new secret; the old one is void at once.

    Args:
        webhook: The webhook's id.
        secret_file: A new file for the secret, or - for stdout. It is told this once.
        yes: Do not ask.
        json: One JSON document, without the secret.
        connection: How to reach the API.
    """
    output = Output(json=json)
    async with connection.open() as client:
        with SecretFile.made(secret_file) as file:
            if not confirm(f"Make the secret of webhook {webhook} void, and give it a new one", yes=yes):
                output.note("Nothing was done.")
                return ExitCode.DONE
            changed = await client.send(RegenerateWebhookSecret(webhook_id=webhook))
            told = file.write(changed.secret)
    output.document(changed)
    output.say(f"Webhook {webhook} has a new secret.")
    output.note(told)
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
    """List what a webhook was, or should have been, told of.

    Args:
        webhook: The webhook's id.
        since: From this time on, in UTC unless it names a zone.
        hours: Or from so many hours ago on.
        event: Only these types of events; may be repeated.
        delivery: Only those whose delivery has come so far, such as undelivered; may be repeated.
        json: One JSON document a line, with what each event says.
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
        count = await output.table(_EVENTS, client.iter_items(command))
    if not count:
        output.note("There are no such events.")
    return ExitCode.DONE
