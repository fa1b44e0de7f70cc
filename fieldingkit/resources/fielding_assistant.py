"""The Fielding Assistant: modules that price, pace and balance a target group while it fields.

An assignment has four modules, and a write replaces all of them: a missing module is switched off. Read the assignment,
change the module you want to change, and send the whole assignment back, its ``etag`` included::

    read = await client.send(GetFieldingAssistantAssignment(project_id=..., target_group_id=...))
    changed = read.replace(pacing=Pacing(type=PacingType.LINEAR, increment_interval="P1D"))
    await client.send(PutFieldingAssistantAssignment(project_id=..., target_group_id=..., assignment=changed))
"""

from datetime import datetime
from typing import Any, ClassVar, Literal, Self, cast

import attrs

from fieldingkit.commands import CommandPart, Endpoint, OpenEnum, TargetGroupCommand
from fieldingkit.errors import InvalidCommandError
from fieldingkit.resources.money import Money
from fieldingkit.results import Replaceable
from fieldingkit.validators import duration, etag, instance_of, integer, timezone_aware, ulid

__all__ = [
    "FieldingAssistantAssignment",
    "GetFieldingAssistantAssignment",
    "Pacing",
    "PacingType",
    "Pricing",
    "PricingType",
    "PutFieldingAssistantAssignment",
    "QuotaOverlay",
    "SoftLaunch",
]

_ASSIGNMENT = (
    "/demand/accounts/{account_id}/projects/{project_id}/target-groups/{target_group_id}/fielding-assistant-assignment"
)


class PricingType(OpenEnum):
    """The pricing model of a target group."""

    DYNAMIC = "dynamic"
    """The price changes within limits."""
    RATE_CARD = "rate_card"
    """The price is that of a rate card."""


class PacingType(OpenEnum):
    """The way in which completes are spread over the fielding period."""

    LINEAR = "linear"
    """The goal is raised by equal steps."""
    ADAPTIVE = "adaptive"
    """The goal is raised by steps that are recomputed each time."""
    GEMINI = "gemini"
    """Each quota takes at most as many completes as the same quota of another, exposed target group."""


def _pricing_type(value: PricingType | Literal["dynamic", "rate_card"]) -> PricingType:
    return PricingType(value)


def _pacing_type(value: PacingType | Literal["linear", "adaptive", "gemini"]) -> PacingType:
    return PacingType(value)


@attrs.frozen(kw_only=True)
class _Settings(CommandPart, Replaceable):
    """Base class of the assignment and its modules."""


@attrs.frozen(kw_only=True)
class Pricing(_Settings):
    """The module that sets the price of an interview."""

    type: PricingType = attrs.field(converter=_pricing_type)
    """The pricing model; it must be the target group's own."""
    total_budget: Money | None = None
    """``dynamic``: the maximum cost of all completes; either this or ``maximum_cpi``, not both."""
    maximum_cpi: Money | None = None
    """The maximum price of one interview."""
    minimum_cpi: Money | None = None
    """``dynamic``: the minimum price of one interview; below the maximum, and a budget may overrule it."""
    boost_cpi: Money | None = None
    """``rate_card``: the amount to add to the price on the card, up to ``maximum_cpi``."""


@attrs.frozen(kw_only=True)
class QuotaOverlay(_Settings):
    """The module that balances completes over quotas."""

    prevent_overfill: bool
    """True to keep quotas from exceeding their goals."""
    balance_fill: bool
    """True to fill quotas of one kind at about the same rate."""


@attrs.frozen(kw_only=True)
class Pacing(_Settings):
    """The module that spreads completes over the fielding period."""

    type: PacingType = attrs.field(converter=_pacing_type)
    """The way of pacing."""
    increment_interval: str | None = None
    """``linear``, ``adaptive``: the length of a step, such as ``P1D`` or ``PT12H``; less than 398 days."""
    exposed_target_group_id: str | None = None
    """``gemini``: the ULID of the exposed target group."""


@attrs.frozen(kw_only=True)
class SoftLaunch(_Settings):
    """The module that fields a part of the goal first, then pauses the target group. Pacing starts afterwards."""

    end_at: datetime = attrs.field(validator=timezone_aware)
    """The time when the target group is paused at the latest; with a time zone."""
    filling_goal_percentage: int
    """The percentage of the goal to field, 1 to 100."""
    demographics_strictness_percentage: int
    """The adherence to the demographics of the full launch, 0 to 100: 100 is strict, 0 is none."""


@attrs.frozen(kw_only=True)
class FieldingAssistantAssignment(_Settings):
    """The modules of a target group; a module that is None is off."""

    pricing: Pricing | None = None
    """Sets the price."""
    quota_overlay: QuotaOverlay | None = None
    """Balances completes over quotas."""
    pacing: Pacing | None = None
    """Spreads completes over time."""
    soft_launch: SoftLaunch | None = None
    """Fields a part of the goal first."""
    etag: str = attrs.field(default="", metadata={"header": "etag"})
    """The tag that guards the next write, byte for byte; empty if the API sent none."""

    def replace(self, **changes: Any) -> Self:
        """Return the same assignment with some modules changed; it keeps its ETag."""
        return attrs.evolve(self, **changes)


@attrs.frozen(kw_only=True)
class GetFieldingAssistantAssignment(TargetGroupCommand[FieldingAssistantAssignment]):
    """Read a target group's assignment and its ETag."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", _ASSIGNMENT, operation_id="get_fielding_assistant_assignment")


def sendable(command: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """Require an assignment whose modules are within their bounds; the modules accept all that the API answers."""
    instance_of(FieldingAssistantAssignment)(command, attribute, value)
    assignment = cast("FieldingAssistantAssignment", value)
    if assignment.pacing is not None:
        attrs.validators.optional(duration)(command, attribute, assignment.pacing.increment_interval)
        attrs.validators.optional(ulid)(command, attribute, assignment.pacing.exposed_target_group_id)
    if assignment.soft_launch is not None:
        integer(1, 100)(command, attribute, assignment.soft_launch.filling_goal_percentage)
        integer(0, 100)(command, attribute, assignment.soft_launch.demographics_strictness_percentage)


def _own_etag(command: "PutFieldingAssistantAssignment") -> str | None:
    return command.assignment.etag or None


@attrs.frozen(kw_only=True)
class PutFieldingAssistantAssignment(TargetGroupCommand[None]):
    """Replace a target group's assignment by one that was read and changed.

    Missing modules are switched off; an assignment without modules switches all of them off. The ETag that the
    assignment was read with guards the write: a stale one raises ``PreconditionFailedError``, and nothing was changed.
    The first assignment of a target group has no ETag: send it with ``if_none_match="*"``.
    """

    endpoint: ClassVar[Endpoint] = Endpoint(
        "PUT", _ASSIGNMENT, operation_id="create_or_update_fielding_assistant_assignment"
    )
    assignment: FieldingAssistantAssignment = attrs.field(validator=sendable, metadata={"body": True})
    """The whole new assignment."""
    if_none_match: Literal["*"] | None = attrs.field(default=None, metadata={"header": "If-None-Match"})
    """``*`` if the target group has no assignment yet; the API rejects it if there is one."""
    if_match: str | None = attrs.field(
        init=False, default=attrs.Factory(_own_etag, takes_self=True), validator=attrs.validators.optional(etag)
    )
    """The assignment's own ETag."""

    def __attrs_post_init__(self) -> None:
        if (self.if_match is None) == (self.if_none_match is None):
            problem = (
                "assignment has no etag: change the one that was read, or set if_none_match='*' for the first one"
                if self.if_match is None
                else "if_none_match is only for a first assignment, but this one has an etag"
            )
            raise InvalidCommandError(f"PutFieldingAssistantAssignment: {problem}", field="assignment")
