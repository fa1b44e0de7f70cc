"""Handlers of the operations on webhooks."""

from typing import Any, Final

from yarl import URL

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.context import HandlerResponse, RequestContext
from fieldingkit.sandbox.formats import is_loopback, write_timestamp
from fieldingkit.sandbox.model.webhooks import EVENT_TYPES, Webhook
from fieldingkit.sandbox.parameters import read_choices, read_list, read_page, read_text, read_timestamp

__all__ = [
    "create_webhook",
    "delete_webhook",
    "get_webhook",
    "list_webhook_events",
    "list_webhook_history",
    "list_webhooks",
    "regenerate_secret",
    "update_webhook",
]


_STATUSES: Final = frozenset({"pending", "delivering", "delivered", "undelivered", "bounced", "expired"})


def list_webhooks(context: RequestContext) -> HandlerResponse:
    """List the webhooks of an account, oldest first. The response has no cursor, only `has_more`."""
    hooks = [hook for hook in context.state.webhooks.all() if hook.account_id == context.account_id]
    page = read_page(context.recorded.query, hooks, cursor_of=lambda hook: hook.id)
    return HandlerResponse(
        200, {"webhooks": [_item(hook) for hook in page.items], "has_more": page.next_cursor is not None}
    )


def list_webhook_events(_: RequestContext) -> HandlerResponse:
    """List the event types, the same for every account."""
    return HandlerResponse(200, {"events": list(EVENT_TYPES)})


def create_webhook(context: RequestContext) -> HandlerResponse:
    """Create a webhook; only this response and that of a new secret contain the secret."""
    body = context.json_object()
    webhook = context.state.webhooks.create(context.account_id, _url(body), _events(body), context.now)
    return HandlerResponse(201, {**_item(webhook), "secret": webhook.secret})


def get_webhook(context: RequestContext) -> HandlerResponse:
    """Return a webhook and its entity tag."""
    webhook = _webhook(context)
    return HandlerResponse(200, _item(webhook), {"ETag": webhook.etag})


def update_webhook(context: RequestContext) -> HandlerResponse:
    """Change the URL or the event types of a webhook; omitted fields stay."""
    webhook = _webhook(context)
    context.require_match(webhook.etag)
    body = context.json_object()
    url = _url(body) if "url" in body else webhook.url
    events = _events(body) if "events" in body else webhook.events
    webhook.change(at=context.now, url=url, events=events)
    return HandlerResponse(200, _item(webhook))


def delete_webhook(context: RequestContext) -> HandlerResponse:
    """Delete a webhook."""
    webhook = _webhook(context)
    context.require_match(webhook.etag)
    context.state.webhooks.delete(webhook)
    return HandlerResponse(204)


def regenerate_secret(context: RequestContext) -> HandlerResponse:
    """Give a webhook a new secret; it signs every later delivery."""
    webhook = _webhook(context)
    webhook.change(at=context.now, secret=context.state.webhooks.new_secret())
    return HandlerResponse(200, {**_item(webhook), "secret": webhook.secret})


def list_webhook_history(context: RequestContext) -> HandlerResponse:
    """List the events of a webhook in a period. Nothing is sent again."""
    webhook, query = _webhook(context), context.recorded.query
    start, end = read_timestamp(query, "start_time"), read_timestamp(query, "end_time") or context.now
    if start is None:
        raise problems.bad_request("The start time is missing.", start_time="Is required.")
    statuses, types = read_choices(query, "delivery_status", _STATUSES), read_choices(query, "type", EVENT_TYPES)
    is_newest_first = read_text(query, "created_at_sort_order", "asc|desc") == "desc"
    page = read_page(
        query,
        webhook.deliveries[::-1] if is_newest_first else webhook.deliveries,
        cursor_of=lambda delivery: delivery.id,
        keeps=lambda delivery: (
            start <= delivery.created_at <= end
            and (statuses is None or delivery.status in statuses)
            and (types is None or delivery.type in types)
        ),
        is_sorted=not is_newest_first,
    )
    return HandlerResponse(
        200, {"events": [delivery.json() for delivery in page.items], "next_cursor": page.next_cursor}
    )


def _webhook(context: RequestContext) -> Webhook:
    webhook = context.state.webhooks.find(context.parameters["webhook_id"])
    if webhook is None or webhook.account_id != context.account_id:
        raise problems.not_found("webhook")
    return webhook


def _item(webhook: Webhook) -> dict[str, Any]:
    return {
        "id": webhook.id,
        "url": webhook.url,
        "events": list(webhook.events),
        "created_at": write_timestamp(webhook.created_at),
        "updated_at": write_timestamp(webhook.updated_at),
    }


def _url(body: dict[str, Any]) -> str:
    url: object = body.get("url")
    # Plain HTTP only on this machine, where the connection cannot be intercepted.
    if isinstance(url, str) and (_is_https(url) or (url.startswith("http://") and is_loopback(url))):
        return url
    raise problems.bad_request("The URL is missing or malformed.", url="Must be an HTTPS URL.")


def _is_https(url: str) -> bool:
    try:
        return url.startswith("https://") and bool(URL(url).host)
    except ValueError:
        return False


def _events(body: dict[str, Any]) -> tuple[str, ...]:
    events = read_list(body, "events")
    if not events or not all(isinstance(event, str) and event in EVENT_TYPES for event in events):
        raise problems.bad_request(
            "The events are missing or unknown.", events=f"Must be some of {', '.join(EVENT_TYPES)}."
        )
    return tuple(dict.fromkeys(map(str, events)))
