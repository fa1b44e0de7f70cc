"""A sweep report as JSON, which can be read again."""

import json
from datetime import datetime
from typing import Any, Final

import attrs

from fieldingkit.rendering.model import SweepDocument

__all__ = ["KIND", "VERSION", "to_json"]

KIND: Final = "fieldingkit sweep report"
"""The value of ``kind`` in every report."""
VERSION: Final = 1
"""The version of the format."""


def to_json(document: SweepDocument) -> str:
    """Return the document as JSON; the totals stand before the lists."""
    content: dict[str, Any] = {
        "kind": KIND,
        "version": VERSION,
        "run_id": document.run_id,
        "action": document.action,
        "ok": document.ok,
        "counts": document.counts,
        "base_url": document.base_url,
        "account_id": document.account_id,
        "api_version": document.api_version,
        "continues": document.continues,
        "started_at": document.started_at,
        "finished_at": document.finished_at,
        "verified_at": document.verified_at,
        "as_of": document.as_of,
        "groups": [attrs.asdict(group) for group in document.groups],
        "jobs": [attrs.asdict(job) for job in document.jobs],
        "projects": [attrs.asdict(project) for project in document.projects],
        "stragglers": [attrs.asdict(straggler) for straggler in document.stragglers],
        "unlisted": dict(document.unlisted),
        "unverified": dict(document.unverified),
        "plan": document.plan,
    }
    return json.dumps(content, default=_time)


def _time(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")
