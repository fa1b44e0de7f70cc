"""Asking beforehand what may be done with target groups."""

from collections.abc import Iterable
from typing import ClassVar

import attrs

from fieldingkit.commands import Command, Endpoint, account, ids, some, some_ulids, ulid
from fieldingkit.resources.target_groups import TargetGroupStatus

__all__ = ["ComputeTargetGroupTransitions", "TargetGroupFilters", "TargetGroupTransitions"]


def _statuses(values: Iterable[str] | None) -> tuple[TargetGroupStatus, ...] | None:
    return None if values is None else tuple(map(TargetGroupStatus, ids(values)))


def _texts(values: Iterable[str] | None) -> tuple[str, ...] | None:
    return None if values is None else ids(values)


@attrs.frozen(kw_only=True)
class TargetGroupFilters:
    """Which target groups of a project to look at; all of them where a filter is left out."""

    status: tuple[TargetGroupStatus, ...] | None = attrs.field(default=None, converter=_statuses, validator=some)
    """Those that stand here."""
    country: tuple[str, ...] | None = attrs.field(default=None, converter=_texts, validator=some)
    """Those of these countries, two small letters each."""
    language: tuple[str, ...] | None = attrs.field(default=None, converter=_texts, validator=some)
    """Those in these languages, three small letters each."""


@attrs.frozen(kw_only=True)
class TargetGroupTransitions:
    """What may be done with a set of target groups. Each answer is for the set as a whole, not for each of its members.

    They hold for the moment of the question only, so a batch that follows may still fail for some.
    """

    target_groups: tuple[str, ...] = ()
    """The ULIDs of the target groups that the question was about."""
    is_launch_allowed: bool | None = None
    """Whether they may be launched."""
    is_pause_allowed: bool | None = None
    """Whether they may be paused."""
    is_resume_allowed: bool | None = None
    """Whether they may be resumed."""
    is_relaunch_allowed: bool | None = None
    """Whether they may be relaunched."""
    is_finish_allowed: bool | None = None
    """Whether they may be completed."""


@attrs.frozen(kw_only=True)
class ComputeTargetGroupTransitions(Command[TargetGroupTransitions]):
    """Ask what may be done with some target groups of a project; nothing is changed."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "POST",
        "/demand/accounts/{account_id}/projects/{project_id}/compute-target-group-transitions",
        operation_id="compute_target_group_transitions",
        only_reads=True,
    )
    account_id: str | int | None = attrs.field(default=None, validator=account)
    """The account's number; the client's own if left out."""
    project_id: str = attrs.field(validator=ulid)
    """The project's ULID."""
    search_string: str | None = None
    """Only those whose name or short id matches."""
    filters: TargetGroupFilters | None = None
    """Only those that pass."""
    included_target_group_ids: tuple[str, ...] | None = attrs.field(
        default=None, converter=_texts, validator=attrs.validators.optional(some_ulids)
    )
    """Only these, by their ULIDs."""
    excluded_target_group_ids: tuple[str, ...] | None = attrs.field(
        default=None, converter=_texts, validator=attrs.validators.optional(some_ulids)
    )
    """None of these, by their ULIDs."""
