"""Typed webhook events, and parsing them from the CloudEvents 1.0 envelope.

Only the envelope is validated. A member of its data that is missing, or has an unexpected type, becomes None;
``event.data`` always holds the complete data.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import attrs

from fieldingkit.errors import ConfigurationError, InvalidEventError

__all__ = ["Actor", "Change", "Event", "QuotaFillRegistered", "SessionUpdated", "TargetGroupUpdated", "parse"]


_PREFIX = "com.cint."


@attrs.frozen(kw_only=True)
class Actor:
    """The user or system that made a change."""

    type: str | None = None
    """``las_user`` for a person; ``system_user`` or ``system_marketplace_user`` for one of the API's own systems."""
    las_user_id: str | None = None
    """The user's id; None for a system."""


@attrs.frozen(kw_only=True)
class Change:
    """One change of a resource."""

    object: str | None = None
    """The kind of change, such as ``status_change``; always spelled with underscores."""
    new_value: Any = None
    """The new value, as the API wrote it."""
    old_value: Any = None
    """The old value, as the API wrote it; None if the API does not report it."""
    reason_code: str | None = None
    """The reason for a status change that the API made itself; None if it does not report one."""


@attrs.frozen(kw_only=True)
class Event:
    """A webhook event. Events of types that this release does not know are instances of this class itself."""

    id: str
    """The event's id, equal for all deliveries of the event."""
    type: str
    """The type as spelled in deliveries, such as ``com.cint.target-group.updated``."""
    name: str
    """The type as spelled in webhook subscriptions, such as ``target-group-updated``."""
    source: str | None = None
    """The source of the event."""
    time: datetime | None = None
    """The time of the event, UTC. Events are delivered in no particular order."""
    data: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False, hash=False)
    """The data of the event, as the API wrote it."""


@attrs.frozen(kw_only=True)
class TargetGroupUpdated(Event):
    """A target group was changed, such as its status, its dates or its goal."""

    account_id: str | None = None
    """The account's number."""
    project_id: str | None = None
    """The project's ULID."""
    target_group_id: str | None = None
    """The target group's ULID."""
    occurred_at: datetime | None = None
    """The time of the change, UTC."""
    user: Actor | None = None
    """The user or system that made the change."""
    changes: tuple[Change, ...] = ()
    """The changes."""


@attrs.frozen(kw_only=True)
class QuotaFillRegistered(Event):
    """A quota counted another prescreen or complete. The event with the latest ``time`` has the current counts."""

    account_id: str | None = None
    """The account's number."""
    target_group_id: str | None = None
    """The target group's ULID."""
    profile_quota_id: str | None = None
    """The quota's id."""
    screens: int | None = None
    """The number of prescreens that the quota counted."""
    completes: int | None = None
    """The number of completes that the quota counted."""


@attrs.frozen(kw_only=True)
class SessionUpdated(Event):
    """A respondent's session changed. The highest ``sequence_number`` of a session is the latest state."""

    response_session_id: str | None = None
    """The session's id."""
    sequence_number: int | None = None
    """The position of this event among the events of the session."""
    project_id: str | None = None
    """The project's ULID."""
    target_group_id: str | None = None
    """The target group's ULID."""
    survey_id: str | None = None
    """The survey's id."""
    supplier_id: str | None = None
    """The id of the supplier that sent the respondent."""
    supplier_name: str | None = None
    """The name of the supplier."""
    respondent_id: str | None = None
    """The respondent's id."""
    respondent_entry_date: datetime | None = None
    """The time when the respondent entered, UTC."""
    panelist_id: str | None = None
    """The respondent's id at the supplier."""
    entry_type: str | None = None
    """The way in which the respondent entered."""
    parent_sid: str | None = None
    """The id of the session that this one continues."""
    mid: str | None = None
    """The supplier's id of the session."""
    changes: tuple[Change, ...] = ()
    """The changes."""


def parse(body: bytes) -> Event:
    """Parse an event without verifying a signature, for bodies from a trusted source.

    Raises:
        InvalidEventError: if the body is not an event.
        ConfigurationError: if the body is not bytes, such as JSON that was parsed already.
    """
    if not isinstance(cast("object", body), bytes | bytearray | str):
        raise ConfigurationError(f"body must be the raw bytes; got {type(body).__name__}")
    try:
        envelope = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise InvalidEventError("the body is not JSON") from exc
    if not isinstance(envelope, dict):
        raise InvalidEventError("the body is not an object")
    members = cast("dict[str, Any]", envelope)
    for required in ("id", "type"):
        if not (isinstance(members.get(required), str) and members[required]):
            raise InvalidEventError(f"the event has no {required}", path=f"$.{required}")
    name = _subscription_name(members["type"])
    data = _object(members.get("data"))
    if data is None and members.get("data") is not None:
        raise InvalidEventError("the event's data is not an object", path="$.data")
    time = _timestamp(members.get("time"))
    if time is None and members.get("time") is not None:
        raise InvalidEventError("the event's time is not a timestamp with a time zone", path="$.time")
    cls = _CLASSES.get(name, Event)
    fields: dict[str, Any] = {
        field.name: _CONVERTERS[field.type]((data or {}).get(field.name))
        for field in attrs.fields(cls)
        if field.name not in _ENVELOPE_FIELDS
    }
    return cls(
        id=members["id"],
        type=members["type"],
        name=name,
        source=_text(members.get("source")),
        time=time,
        data=data or {},
        **fields,
    )


def _subscription_name(event_type: str) -> str:
    """Return an event type as subscriptions spell it, which deliveries spell differently."""
    if not event_type.startswith(_PREFIX):
        return event_type
    return event_type.removeprefix(_PREFIX).replace(".", "-").replace("_", "-")


def _text(value: object) -> str | None:
    # The published samples show some ids both as numbers and as text.
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _timestamp(value: object) -> datetime | None:
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
        return time.astimezone(UTC) if time is not None and time.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def _object(value: object) -> dict[str, Any] | None:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _objects(value: object) -> list[dict[str, Any]]:
    items = cast("Sequence[object]", value) if isinstance(value, list) else ()
    return [item for item in map(_object, items) if item is not None]


def _actor(value: object) -> Actor | None:
    # The published samples show both a single object and a list of objects.
    user = _object(value) or next(iter(_objects(value)), None)
    return Actor(type=_text(user.get("type")), las_user_id=_text(user.get("las_user_id"))) if user else None


def _changes(value: object) -> tuple[Change, ...]:
    return tuple(
        Change(
            object=(_text(item.get("object")) or "").replace("-", "_") or None,
            new_value=item.get("new_value"),
            old_value=item.get("old_value"),
            reason_code=_text(item.get("reason_code")),
        )
        for item in _objects(value)
    )


_CLASSES: Mapping[str, type[Event]] = {
    "target-group-updated": TargetGroupUpdated,
    "quota-fill-registered": QuotaFillRegistered,
    "session-updated": SessionUpdated,
}
_ENVELOPE_FIELDS = frozenset(field.name for field in attrs.fields(Event))
_CONVERTERS: Mapping[Any, Callable[[object], Any]] = {
    str | None: _text,
    int | None: _count,
    datetime | None: _timestamp,
    Actor | None: _actor,
    tuple[Change, ...]: _changes,
}
