"""Notifications: post a JSON document to the webhook URL of a chat or an alert system.

The URL of such a webhook is a credential, because it is all that a sender needs. It appears in no log, no error and no
result, which name only its host. No credentials of the API are sent.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import attrs

from fieldingkit._json import dumps
from fieldingkit.clock import MonotonicClock
from fieldingkit.errors import ConfigurationError, FieldingKitError
from fieldingkit.idempotency import RetrySafety
from fieldingkit.secret import Secret
from fieldingkit.transport.aiohttp import AiohttpTransport
from fieldingkit.transport.http import Call, Request
from fieldingkit.version import __version__

__all__ = ["NotificationResult", "chat_text", "check_notification_url", "post_notification"]

_MAX_BODY: Final = 64 * 1024
_HEADERS: Final = {
    "Content-Type": "application/json",
    "Accept": "*/*",
    "User-Agent": f"fieldingkit/{__version__}",
}


@attrs.frozen
class NotificationResult:
    """The result of a notification."""

    host: str
    """The host of the receiver."""
    failure: str | None = None
    """The reason why the receiver did not accept it; None if it did."""
    status: int | None = None
    """The HTTP status of its answer; None if there was none."""

    @property
    def ok(self) -> bool:
        """True if the receiver accepted the notification."""
        return self.failure is None


def check_notification_url(url: Secret) -> str:
    """Return the host of a webhook URL.

    Raises:
        ConfigurationError: if it is not an http or https URL. The message does not contain it.
    """
    try:
        parts = urlsplit(url.reveal().strip())
        host, valid = parts.hostname, parts.scheme in {"http", "https"} and not parts.path.startswith("//")
        valid = valid and (parts.port is None or parts.port > 0)
    except ValueError:
        host, valid = None, False
    if host is None or not valid:
        raise ConfigurationError("the URL for notifications must be an http or https URL")
    return host


def chat_text(text: str) -> str:
    """Return text in which chat systems such as Slack find no mentions and no links."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


async def post_notification(
    url: Secret, payload: Mapping[str, Any], *, timeout: float = 10.0, proxy: Secret | None = None
) -> NotificationResult:
    """Post a document to a webhook URL, once. A receiver that fails or does not answer is a result, not an error.

    Args:
        url: The http or https URL. Redirects are not followed.
        payload: The document. Slack and its like require a member ``text``.
        timeout: Seconds until the receiver must have answered.
        proxy: The URL of an HTTP proxy.

    Raises:
        ConfigurationError: if the URL is invalid.
    """
    host = check_notification_url(url)
    transport = AiohttpTransport(
        _origin(url),
        connector_limit=1,
        max_body=_MAX_BODY,
        connect_timeout=None,
        keepalive_timeout=None,
        proxy=proxy,
        ssl_context=None,
        trust_env=False,
    )
    try:
        response = await transport(
            Call(_request(url, dumps(payload)), clock=MonotonicClock(), timeout=timeout, deadline=timeout)
        )
    except FieldingKitError as exc:
        return NotificationResult(host, exc.message)
    except Exception as exc:  # noqa: BLE001  # a notification is never the reason why its sender fails
        return NotificationResult(host, type(exc).__name__)
    finally:
        await transport.aclose()
    failure = None if 200 <= response.status < 300 else f"it answered {response.status}"
    return NotificationResult(host, failure, response.status)


def _origin(url: Secret) -> str:
    parts = urlsplit(url.reveal().strip())
    return f"{parts.scheme}://{parts.netloc}"


def _request(url: Secret, body: bytes) -> Request:
    """Return the request. Its target is a path, so that errors name the host alone."""
    parts = urlsplit(url.reveal().strip())
    path = parts.path or "/"
    return Request(
        "POST",
        f"{path}?{parts.query}" if parts.query else path,
        headers=_HEADERS,
        body=body,
        operation_id="notification",
        template="",
        retry_safety=RetrySafety.NONE,
    )
