"""A sweep report as JSON, which can be read again."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from operator import attrgetter
from typing import Any, Final

import attrs

from fieldingkit.rendering.model import GroupRow, JobRow, ProjectRow, StragglerRow, SweepDocument

__all__ = ["KIND", "VERSION", "iter_json"]

KIND: Final = "fieldingkit sweep report"
"""The value of ``kind`` in every report."""
VERSION: Final = 1
"""The version of the format."""

_AT_ONCE: Final = 500
"""The number of rows that are encoded at once."""


def iter_json(document: SweepDocument) -> Iterator[str]:
    """Yield the parts of the document as JSON: the totals first, then the lists with one row a line."""
    yield "{\n" + _members(
        {
            "kind": KIND,
            "version": VERSION,
            "run_id": document.run_id,
            "continues": document.continues,
            "action": document.action,
            "ok": document.ok,
            "counts": document.counts,
            "base_url": document.base_url,
            "account_id": document.account_id,
            "api_version": document.api_version,
            "started_at": document.started_at,
            "finished_at": document.finished_at,
            "verified_at": document.verified_at,
            "as_of": document.as_of,
            "unlisted": dict(document.unlisted),
            "unverified": dict(document.unverified),
        }
    )
    yield from _rows("stragglers", document.stragglers, StragglerRow)
    yield from _rows("projects", document.projects, ProjectRow)
    yield from _rows("groups", document.groups, GroupRow)
    yield from _rows("jobs", document.jobs, JobRow)
    yield ",\n" + _members({"plan": document.plan}) + "\n}\n"


def _members(fields: Mapping[str, Any]) -> str:
    """Return the members of an object, one a line."""
    return ",\n".join(f'"{name}": {_encode(value)}' for name, value in fields.items())


def _rows(name: str, rows: Iterable[Any], kind: type[attrs.AttrsInstance]) -> Iterator[str]:
    """Yield a member of an object that is a list of rows."""
    fields = [field.name for field in attrs.fields(kind)]
    read, remaining = attrgetter(*fields), iter(rows)
    yield f',\n"{name}": ['
    separator = "\n"
    while some := list(islice(remaining, _AT_ONCE)):
        yield separator
        yield ",\n".join([_encode(dict(zip(fields, read(row), strict=True))) for row in some])
        separator = ",\n"
    yield "\n]"


def _time(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")


_encode = json.JSONEncoder(default=_time).encode
