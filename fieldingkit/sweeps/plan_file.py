"""Plan files: a preview as JSON, so that it can be applied later or by another person."""

import hashlib
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast

import attrs

from fieldingkit.client import AsyncClient
from fieldingkit.errors import ConfigurationError, FieldingKitError, InvalidCommandError
from fieldingkit.rendering.files import describe_damage, replace_file
from fieldingkit.rendering.preview import PreviewDocument, PreviewRow
from fieldingkit.rendering.text import strip_control_chars
from fieldingkit.resources.target_groups import TargetGroupStatus
from fieldingkit.results import to_plain
from fieldingkit.sweeps.actions import Action
from fieldingkit.sweeps.discovery import FoundGroups, find_groups
from fieldingkit.sweeps.identity import RunIdentity
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.sweeps.previews import SweepPreview, make_preview
from fieldingkit.sweeps.report import Outcome, SweepProject, UnlistedProject
from fieldingkit.sweeps.state import FoundGroup

__all__ = [
    "KIND",
    "load_fields",
    "recheck",
    "save_preview",
]

KIND: Final = "fieldingkit sweep plan"
"""The value of ``kind`` in every plan file."""
_VERSION: Final = 1
_MAX_BYTES: Final = 512 * 1024 * 1024


def save_preview(preview: SweepPreview, path: str | os.PathLike[str]) -> None:
    """Write a preview to a file; see ``SweepPreview.save``."""
    content: dict[str, Any] = {
        "kind": KIND,
        "version": _VERSION,
        "run_id": preview.plan.run_id,
        "action": preview.plan.action.value,
        "base_url": preview.identity.base_url,
        "account_id": preview.identity.account_id,
        "api_version": preview.identity.api_version,
        "created_at": preview.created_at.isoformat(),
        "host": preview.host,
        "plan": json.loads(preview.plan.encode()),
        "projects": [to_plain(project) for project in preview.projects],
        "unlisted": [to_plain(project) for project in preview.unlisted],
        "groups": [to_plain(group) for group in preview.groups],
    }
    text = json.dumps({**content, "checksum": _checksum(content)}, indent=1)
    replace_file(Path(path), [text.encode()])


def load_fields(path: str | os.PathLike[str]) -> Mapping[str, Any]:
    """Return the fields of the preview in a file; see ``SweepPreview.load``."""
    with Path(path).expanduser().open("rb") as file:
        content = file.read(_MAX_BYTES)
    try:
        data = cast("dict[str, Any]", json.loads(content))
        kind, version, checksum = data["kind"], data["version"], data.pop("checksum")
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ConfigurationError(f"{path} is not a sweep plan") from None
    if kind != KIND:
        raise ConfigurationError(f"{path} is not a sweep plan")
    if version != _VERSION:
        raise ConfigurationError(f"the plan {path} has version {version!r}; this release reads version {_VERSION}")
    if checksum != _checksum(data):
        raise ConfigurationError(f"the plan {path} was changed or damaged since it was made: its checksum does not fit")
    try:
        identity = RunIdentity(**{field.name: _text(data[field.name]) for field in attrs.fields(RunIdentity)})
        return {
            "plan": SweepPlan.decode(json.dumps(data["plan"])),
            "groups": tuple(map(_group, data["groups"])),
            "unlisted": tuple(UnlistedProject(**item) for item in data["unlisted"]),
            "projects": tuple(SweepProject(**item) for item in data["projects"]),
            "identity": identity,
            "created_at": datetime.fromisoformat(data["created_at"]).astimezone(UTC),
            "host": strip_control_chars(data["host"]),
        }
    except (ValueError, TypeError, KeyError, AttributeError, FieldingKitError) as exc:
        raise ConfigurationError(f"the plan {path} is damaged: {describe_damage(exc)}") from exc


def to_preview_document(preview: SweepPreview) -> PreviewDocument:
    """Return a preview as the document that is rendered."""
    action, names = preview.plan.action, {project.project_id: project.name for project in preview.projects}

    def row(group: FoundGroup) -> PreviewRow:
        outcome, reason = group.settled(action) or (action, None)
        return PreviewRow(
            project_id=group.project_id,
            target_group_id=group.target_group_id,
            project_name=names.get(group.project_id),
            short_id=group.short_id,
            name=group.name,
            status=group.status,
            would=outcome.value,
            reason=reason,
        )

    return PreviewDocument(
        action=action.value,
        base_url=preview.identity.base_url,
        account_id=preview.identity.account_id,
        created_at=preview.created_at,
        groups=tuple(map(row, preview.groups)),
        unlisted={project.project_id: project.reason for project in preview.unlisted},
    )


async def recheck(client: AsyncClient, planned: SweepPreview) -> SweepPreview:
    """Read the statuses of a saved preview again, and return the preview to sweep. Nothing is changed.

    Exactly the target groups that the saved preview would send are sent, except those whose status has moved since:
    they are skipped, or unchanged if they have the target status now. Those whose status cannot be read any more are
    not sent either.

    Args:
        client: The client to use; with a blocking one, ``client.call(recheck, planned)``.
        planned: The preview that was saved.

    Raises:
        InvalidCommandError: if it was made for another API or account; both are named.
        FieldingKitError: if no project can be read.
    """
    plan = planned.plan
    if difference := planned.identity.mismatch(RunIdentity.of(client, plan)):
        raise InvalidCommandError(f"{difference}; nothing was sent", field="planned")
    shown: dict[str, list[str]] = {}
    for group in planned.groups:
        shown.setdefault(group.project_id, []).append(group.target_group_id)
    named = attrs.evolve(plan, query=None, target_groups=shown, check_status_first=True)
    now = {group.target_group_id: group for group in (await find_groups(client, named)).groups}
    groups = tuple(_compare(plan.action, group, now[group.target_group_id]) for group in planned.groups)
    return make_preview(client, plan, FoundGroups(groups, planned.unlisted, planned.projects))


def _compare(action: Action, planned: FoundGroup, now: FoundGroup) -> FoundGroup:
    """Return a planned target group as it is now, with the reason why it is not sent if it is not as planned."""
    if planned.outcome is not None or planned.status is None or now.status == planned.status:
        return planned
    if now.status is None:
        reason = f"its status could not be read when the plan was applied: {now.reason or 'it was not listed'}"
        return attrs.evolve(planned, outcome=Outcome.NOT_SENT, reason=reason)
    reason = f"it was {planned.status} when the plan was made, and is {now.status} now"
    outcome = Outcome.UNCHANGED if now.status == action.target else Outcome.SKIPPED
    return attrs.evolve(planned, status=now.status, outcome=outcome, reason=reason)


def _group(fields: Mapping[str, Any]) -> FoundGroup:
    status, outcome = _text(fields["status"]), _text(fields["outcome"])
    return FoundGroup(
        target_group_id=str(fields["target_group_id"]),
        project_id=str(fields["project_id"]),
        status=None if status is None else TargetGroupStatus(status),
        outcome=None if outcome is None else Outcome(outcome),
        reason=_text(fields["reason"]),
        name=_text(fields["name"]),
        short_id=_text(fields["short_id"]),
    )


def _text(value: object) -> Any:
    """Return text from a file, without control characters, or None.

    Raises:
        TypeError: if it is something else.
    """
    if value is not None and not isinstance(value, str):
        raise TypeError(f"text expected, got {type(value).__name__}")
    return None if value is None else strip_control_chars(value)


def _checksum(content: Mapping[str, Any]) -> str:
    """Return a hash of the content. It detects damage and edits, but does not prove who made the plan."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
