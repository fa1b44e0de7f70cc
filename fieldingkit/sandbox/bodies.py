"""Checks of request bodies, each of which answers 400 and names what is wrong."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.identifiers import ULID
from fieldingkit.sandbox.timestamps import parse_timestamp

__all__ = ["read_target_group_ids", "read_timestamps"]


def read_timestamps(body: Mapping[str, Any], *names: str) -> list[datetime]:
    """The timestamps that a body carries under these names, all of them required.

    Args:
        body: The decoded body.
        names: The fields to read.
    """
    moments = {name: parse_timestamp(body.get(name)) for name in names}
    wrong = {name: "It has to be an RFC 3339 timestamp in UTC." for name in names if moments[name] is None}
    if wrong:
        raise problems.bad_request("A timestamp is missing or malformed.", **wrong)
    return [moment for moment in moments.values() if moment is not None]


def read_target_group_ids(body: Mapping[str, Any], name: str = "target_group_ids") -> tuple[str, ...]:
    """The ids that a body names: at least one, each a ULID, none twice.

    Args:
        body: The decoded body.
        name: The field to read.
    """
    ids: object = body.get(name)
    if not isinstance(ids, list) or not ids:
        raise problems.bad_request(
            "The target groups are missing.", **{name: "It has to be a list with at least one id."}
        )
    checked = [id_ for id_ in cast("list[object]", ids) if isinstance(id_, str) and ULID.fullmatch(id_)]
    if len(checked) < len(cast("list[object]", ids)):
        raise problems.bad_request("A target group id is malformed.", **{name: "Each id has to be a ULID."})
    if len(set(checked)) < len(checked):
        raise problems.bad_request("A target group is named twice.", **{name: "The ids have to be unique."})
    return tuple(checked)
