"""The envelope of an event (CloudEvents 1.0) and what the API puts into it.

Only the envelope is insisted on. What is in it is taken as it comes: a member that is missing or of another type than
expected is None, and ``event.data`` always has the whole.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import attrs

from fieldingkit.errors import InvalidEventError

__all__ = ["Actor", "Change", "Event", "QuotaFillRegistered", "SessionUpdated", "TargetGroupUpdated", "parse"]


_PREFIX = "com.cint."


@attrs.frozen(kw_only=True)
class Actor:
    """Who caused a change."""

    type: str | None = None
    """``las_user`` for a person; ``system_user`` or ``system_marketplace_user`` for one of the API's own systems."""
    las_user_id: str | None = None
    """The user's id, if it was a person."""


@attrs.frozen(kw_only=True)
class Change:
    """One thing that was changed."""

    object: str | None = None
    """What was changed, such as ``status_change``; always spelled with underscores."""
    new_value: Any = None
    """What it is now, as the API wrote it."""
    old_value: Any = None
    """What it was before, where the API tells it."""
    reason_code: str | None = None
    """Why, where the API itself changed the status and tells it."""


@attrs.frozen(kw_only=True)
class Event:
    """Something that happened; an event of a type that this release does not know is just this."""

    id: str
    """The event's id: the same for every delivery of it."""
    type: str
    """What it tells of, as the delivery spells it, such as ``com.cint.target-group.updated``."""
    name: str
    """The same as webhooks are set up with, such as ``target-group-updated``."""
    source: str | None = None
    """Where it comes from."""
    time: datetime | None = None
    """When it happened, UTC: events come in no particular order."""
    data: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False, hash=False)
    """What it says, as the API wrote it."""


@attrs.frozen(kw_only=True)
class TargetGroupUpdated(Event):
    """Something was changed in a target group, such as its status, its dates or its goal."""

    account_id: str | None = None
    """The account's number."""
    project_id: str | None = None
    """The project's ULID."""
    target_group_id: str | None = None
    """The target group's ULID."""
    occurred_at: datetime | None = None
    """When it was changed, UTC."""
    user: Actor | None = None
    """By whom."""
    changes: tuple[Change, ...] = ()
    """What was changed."""


@attrs.frozen(kw_only=True)
class QuotaFillRegistered(Event):
    """A quota has taken another prescreen or complete. Its counts are of that moment: go by the latest ``time``."""

    account_id: str | None = None
    """The account's number."""
    target_group_id: str | None = None
    """The target group's ULID."""
    profile_quota_id: str | None = None
    """The quota's id."""
    screens: int | None = None
    """How many have been screened for it."""
    completes: int | None = None
    """How many completes it has."""


@attrs.frozen(kw_only=True)
class SessionUpdated(Event):
    """A respondent's session has gone on. Of one session, the highest ``sequence_number`` is the latest."""

    response_session_id: str | None = None
    """The session's id."""
    sequence_number: int | None = None
    """Counts the events of the session."""
    project_id: str | None = None
    """The project's ULID."""
    target_group_id: str | None = None
    """The target group's ULID."""
    survey_id: str | None = None
    """The survey's id."""
    supplier_id: str | None = None
    """The supplier that the respondent came from."""
    supplier_name: str | None = None
    """What it is called."""
    respondent_id: str | None = None
    """The respondent's id."""
    respondent_entry_date: datetime | None = None
    """When the respondent entered, UTC."""
    panelist_id: str | None = None
    """The respondent's id at the supplier."""
    entry_type: str | None = None
    """How the respondent entered."""
    parent_sid: str | None = None
    """The session that this one came out of."""
    mid: str | None = None
    """The supplier's own id of the session."""
    changes: tuple[Change, ...] = ()
    """What was changed."""


def parse(body: bytes) -> Event:
    """Read an event whose signature was verified already, or that comes from a trusted place.

    Raises:
        InvalidEventError: if the body is no event.
    """
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
    name = _name_of(members["type"])
    data = _object(members.get("data"))
    if data is None and members.get("data") is not None:
        raise InvalidEventError("the event's data is not an object", path="$.data")
    time = _moment(members.get("time"))
    if time is None and members.get("time") is not None:
        raise InvalidEventError("the event's time is not a time with a zone", path="$.time")
    kind = _KINDS.get(name, Event)
    facts: dict[str, Any] = {
        field.name: _READ[field.type]((data or {}).get(field.name))
        for field in attrs.fields(kind)
        if field.name not in _ENVELOPE
    }
    return kind(
        id=members["id"],
        type=members["type"],
        name=name,
        source=_text(members.get("source")),
        time=time,
        data=data or {},
        **facts,
    )


def _name_of(kind: str) -> str:
    """Deliveries and subscriptions spell types differently; this is how subscriptions do."""
    return kind.removeprefix(_PREFIX).replace(".", "-").replace("_", "-") if kind.startswith(_PREFIX) else kind


def _text(value: object) -> str | None:
    # Samples of one and the same member show a number here and its text there.
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _moment(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        return moment.astimezone(UTC) if moment is not None and moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def _object(value: object) -> dict[str, Any] | None:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _objects(value: object) -> list[dict[str, Any]]:
    items = cast("Sequence[object]", value) if isinstance(value, list) else ()
    return [item for item in map(_object, items) if item is not None]


def _actor(value: object) -> Actor | None:
    # Samples show one object here and a list of them there.
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


_KINDS: Mapping[str, type[Event]] = {
    "target-group-updated": TargetGroupUpdated,
    "quota-fill-registered": QuotaFillRegistered,
    "session-updated": SessionUpdated,
}
_ENVELOPE = frozenset(field.name for field in attrs.fields(Event))
_READ: Mapping[Any, Callable[[object], Any]] = {
    str | None: _text,
    int | None: _count,
    datetime | None: _moment,
    Actor | None: _actor,
    tuple[Change, ...]: _changes,
}
