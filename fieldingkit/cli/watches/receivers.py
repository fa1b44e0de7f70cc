"""The receivers of ``--notify``: webhooks and programs, from their texts."""

import shlex
from collections.abc import Iterable

from fieldingkit.cli.errors import UsageError
from fieldingkit.errors import ConfigurationError
from fieldingkit.monitoring.messages import MessageShape
from fieldingkit.monitoring.receivers import Program, Webhook
from fieldingkit.secret import Secret

__all__ = ["parse_receivers"]


def parse_receivers(texts: Iterable[Secret], proxy: Secret | None) -> tuple[Webhook | Program, ...]:
    """Return receivers.

    Args:
        texts: A URL, ``slack:URL``, ``teams:URL``, or ``exec:PROGRAM ARGUMENTS`` each.
        proxy: The URL of an HTTP proxy for webhooks.

    Raises:
        UsageError: A text is none of these. The message does not contain it.
    """
    try:
        return tuple(_receiver(text.reveal(), proxy) for text in texts)
    except (ConfigurationError, ValueError) as exc:
        raise UsageError(
            "--notify must be an http or https URL, slack:URL, teams:URL, or exec:PROGRAM\nNothing was sent."
        ) from exc


def _receiver(text: str, proxy: Secret | None) -> Webhook | Program:
    kind, _, rest = text.partition(":")
    if kind == "exec":
        return Program(tuple(shlex.split(rest)))
    if kind in {MessageShape.SLACK, MessageShape.TEAMS}:
        return Webhook(rest, MessageShape(kind), proxy=proxy)
    return Webhook(text, proxy=proxy)
