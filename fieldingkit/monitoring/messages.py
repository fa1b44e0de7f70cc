"""Messages: the changes of findings as one JSON document, and as messages of Slack and Teams."""

import json
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final

from fieldingkit.monitoring.findings import Comparison, EndedFinding, Finding
from fieldingkit.notifications import chat_text
from fieldingkit.rendering.text import format_moment, pluralize, strip_control_chars, visible_name
from fieldingkit.results import rfc3339, to_plain

__all__ = ["MessageShape", "finding_line", "to_document", "to_message"]

_LONGEST_LINE: Final = 400
_LONGEST_TEXT: Final = 4000
"""Characters. Slack cuts longer texts, and Teams refuses messages of more than 28 kB."""


class MessageShape(StrEnum):
    """The shape of a message."""

    JSON = "json"
    """The whole document."""
    SLACK = "slack"
    """The document's text, for an incoming webhook of Slack."""
    TEAMS = "teams"
    """The document's text in an adaptive card, for a workflow of Teams."""


def to_document(changes: Comparison) -> dict[str, Any]:
    """Return the changes as a document: new findings and ended ones, a text for people, and an id.

    The id depends only on the troubles that are new or over, and on the time of the earlier findings. A receiver thus
    recognizes changes that it gets twice, such as after a crash before the findings were saved: the figures and the
    time of the snapshot may differ then.
    """
    lines = [*map(_new_line, changes.new), *map(_ended_line, changes.ended)]
    document: dict[str, Any] = {
        "event": "findings",
        "at": rfc3339(changes.at),
        "text": _text([_headline(changes), *lines]),
        "new": to_plain(changes.new),
        "ended": to_plain(changes.ended),
        "open": len(changes.new) + len(changes.continuing) + len(changes.unconfirmed),
        "unknown": len(changes.unknown),
    }
    # The API may send half a surrogate pair in a name, which is no UTF-8.
    content = json.dumps(document, ensure_ascii=False).encode(errors="replace")
    return {"id": _id(changes), **json.loads(content)}


def _id(changes: Comparison) -> str:
    # A trouble that comes again is another change: the earlier findings are later ones then.
    facts = {
        "earlier_at": None if changes.earlier_at is None else rfc3339(changes.earlier_at),
        "new": sorted(map(_key, changes.new)),
        "ended": sorted(_key(end.finding) for end in changes.ended),
    }
    return sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def _key(finding: Finding) -> list[str]:
    return [part or "" for part in finding.key]


def to_message(document: dict[str, Any], shape: MessageShape) -> dict[str, Any]:
    """Return a document in the shape of a receiver; in texts from the API, chats find no mentions and no links."""
    text: str = document["text"]
    if shape is MessageShape.SLACK:
        return {"text": chat_text(text)}
    if shape is MessageShape.TEAMS:
        # Only text blocks are Markdown; the runs of a rich text block are plain text.
        lines = [{"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": line}]} for line in text.split("\n")]
        card = {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "body": lines,
        }
        attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
        return {"type": "message", "attachments": [attachment]}
    return document


def _headline(changes: Comparison) -> str:
    parts = [pluralize(len(changes.new), "new finding")] if changes.new else []
    parts += [f"{len(changes.ended):,} over"] if changes.ended else []
    still = len(changes.continuing) + len(changes.unconfirmed)
    parts += [f"{still:,} still open"] if still else []
    parts += [pluralize(len(changes.unknown), "unknown figure")] if changes.unknown else []
    return f"fieldingkit, {format_moment(changes.at)}: {', '.join(parts)}"


def _subject(finding: Finding) -> str:
    part = f", {finding.part}" if finding.part else ""
    return f"{visible_name(finding.name)} ({finding.target_group_id or finding.project_id or 'no id'}{part})"


def finding_line(finding: Finding) -> str:
    """Return a finding in one line: its subject, what was seen, since when, and what to do."""
    since = format_moment(finding.since)
    return f"{_subject(finding)}: {finding.rule}: {finding.seen}. Known since {since}. To do: {finding.action}."


def _new_line(finding: Finding) -> str:
    return f"NEW {finding_line(finding)}"


def _ended_line(end: EndedFinding) -> str:
    return f"OVER {_subject(end.finding)}: {end.finding.rule}: {end.reason}."


def _text(lines: list[str]) -> str:
    """Return lines as one text; whole lines are left out at its end if it is too long, and counted."""
    kept: list[str] = []
    length = 0
    for place, line in enumerate(map(_shortened, lines)):
        length += len(line) + 1
        if length > _LONGEST_TEXT:
            return "\n".join([*kept, f"and {len(lines) - place:,} more"])
        kept.append(line)
    return "\n".join(kept)


def _shortened(line: str) -> str:
    line = " ".join(strip_control_chars(line).split())
    return line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 1]}…"
