"""The Fielding Assistant: what prices, paces and balances a target group while it fields.

An assignment has four modules, and a write replaces all of them: one that is not in it is off afterwards. So read the
assignment, change what is to change, and send the rest back with it, its ``etag`` included::

    read = await client.send(GetFieldingAssistantAssignment(project_id=..., target_group_id=...))
    changed = read.replace(pacing=Pacing(type=PacingType.LINEAR, increment_interval="P1D"))
    await client.send(PutFieldingAssistantAssignment(project_id=..., target_group_id=..., assignment=changed))
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Self

import attrs

from fieldingkit.commands import Command, Endpoint, OpenEnum
from fieldingkit.errors import InvalidCommandError
from fieldingkit.resources.money import Money
from fieldingkit.validators import account, aware, etag, ulid

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
    """How a target group is priced."""

    DYNAMIC = "dynamic"
    RATE_CARD = "rate_card"


class PacingType(OpenEnum):
    """How completes are spread over the fielding period."""

    LINEAR = "linear"
    """The goal is raised by equal steps."""
    ADAPTIVE = "adaptive"
    """The goal is raised by steps that are worked out anew each time."""
    GEMINI = "gemini"
    """Each quota takes at most as many as the same quota of another, exposed target group."""


@attrs.frozen(kw_only=True)
class _Replaceable:
    """What is read and sent back whole: members that this release does not know go back as they came."""

    others: Mapping[str, Any] = attrs.field(factory=dict[str, Any], hash=False)
    """Members that this release of fieldingkit does not know, kept so that a write does not drop them."""

    @classmethod
    def flatten(cls, body: dict[str, Any]) -> dict[str, Any]:
        """The API's object with its unknown members set apart."""
        known = {field.name for field in attrs.fields(cls)}
        return {**body, "others": {name: value for name, value in body.items() if name not in known}}

    @classmethod
    def unflatten(cls, body: dict[str, Any]) -> dict[str, Any]:
        """The API's object again, its unknown members among the others."""
        return {**body["others"], **{name: value for name, value in body.items() if name != "others"}}


@attrs.frozen(kw_only=True)
class Pricing(_Replaceable):
    """The module that sets the price of an interview."""

    type: PricingType
    """Which of the two ways; it must be the one that the target group is set up with."""
    total_budget: Money | None = None
    """``dynamic``: what all completes together may cost; either this or ``maximum_cpi``, not both."""
    maximum_cpi: Money | None = None
    """The most that one interview may cost."""
    minimum_cpi: Money | None = None
    """``dynamic``: the least to pay for one interview; below the maximum, and a budget may overrule it."""
    boost_cpi: Money | None = None
    """``rate_card``: what to add to the price on the card, up to ``maximum_cpi``."""


@attrs.frozen(kw_only=True)
class QuotaOverlay(_Replaceable):
    """The module that spreads completes over quotas."""

    prevent_overfill: bool
    """Whether to keep quotas from taking more than their goal."""
    balance_fill: bool
    """Whether to fill quotas of one kind at about the same rate."""


@attrs.frozen(kw_only=True)
class Pacing(_Replaceable):
    """The module that spreads completes over the fielding period."""

    type: PacingType
    """Which of the three ways."""
    increment_interval: str | None = None
    """``linear``, ``adaptive``: how long a step lasts, such as ``P1D`` or ``PT12H``; less than 398 days."""
    exposed_target_group_id: str | None = None
    """``gemini``: the ULID of the target group to keep level with."""


@attrs.frozen(kw_only=True)
class SoftLaunch(_Replaceable):
    """The module that fields a part of the goal first, then pauses the target group. Pacing waits meanwhile."""

    end_at: datetime = attrs.field(validator=aware)
    """When the target group is paused, however full it is; with a time zone."""
    filling_goal_percentage: int
    """Which part of the goal to field, 1 to 100."""
    demographics_strictness_percentage: int
    """How closely to keep to the full launch's demographics: 100 is as well as can be, 0 not at all."""


@attrs.frozen(kw_only=True)
class FieldingAssistantAssignment(_Replaceable):
    """The modules of a target group; one that is None is off."""

    pricing: Pricing | None = None
    """What sets the price."""
    quota_overlay: QuotaOverlay | None = None
    """What spreads completes over quotas."""
    pacing: Pacing | None = None
    """What spreads completes over time."""
    soft_launch: SoftLaunch | None = None
    """What fields a part first."""
    etag: str = attrs.field(default="", metadata={"header": "etag"})
    """The tag that guards the next write, byte for byte; empty if the API sent none."""

    def replace(self, **changes: Any) -> Self:
        """The same assignment with some modules changed, and still its tag."""
        return attrs.evolve(self, **changes)


@attrs.frozen(kw_only=True)
class GetFieldingAssistantAssignment(Command[FieldingAssistantAssignment]):
    """Read a target group's assignment and its ETag."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", _ASSIGNMENT, operation_id="get_fielding_assistant_assignment")
    account_id: str | int | None = attrs.field(default=None, validator=account)
    """The account's number; the client's own if left out."""
    project_id: str = attrs.field(validator=ulid)
    """The project's ULID."""
    target_group_id: str = attrs.field(validator=ulid)
    """The target group's ULID."""


def _tag_of(command: Any) -> str | None:
    return command.assignment.etag or None


@attrs.frozen(kw_only=True)
class PutFieldingAssistantAssignment(Command[None]):
    """Replace a target group's assignment by one that was read and changed.

    Modules that are not in it are switched off; one without any switches all of them off. It is guarded by the tag
    that the assignment was read with: a refused tag is ``PreconditionFailedError``, nothing was done. An assignment
    that was not read has none; for the first one of a target group say so with ``if_none_match="*"``.
    """

    endpoint: ClassVar[Endpoint] = Endpoint(
        "PUT", _ASSIGNMENT, operation_id="create_or_update_fielding_assistant_assignment"
    )
    account_id: str | int | None = attrs.field(default=None, validator=account)
    """The account's number; the client's own if left out."""
    project_id: str = attrs.field(validator=ulid)
    """The project's ULID."""
    target_group_id: str = attrs.field(validator=ulid)
    """The target group's ULID."""
    assignment: FieldingAssistantAssignment = attrs.field(metadata={"body": True})
    """The assignment as it is to be, whole."""
    if_none_match: str | None = attrs.field(
        default=None, validator=attrs.validators.optional(etag), metadata={"header": "If-None-Match"}
    )
    """``*`` if the target group has no assignment yet; the API refuses it if there is one after all."""
    if_match: str | None = attrs.field(
        init=False, default=attrs.Factory(_tag_of, takes_self=True), validator=attrs.validators.optional(etag)
    )
    """The assignment's own tag."""

    def __attrs_post_init__(self) -> None:
        if (self.if_match is None) == (self.if_none_match is None):
            wrong = (
                "assignment has no etag: send the one that was read, changed; or if_none_match='*' for the first one"
                if self.if_match is None
                else "if_none_match is for the first assignment, and this one has an etag"
            )
            raise InvalidCommandError(f"PutFieldingAssistantAssignment: {wrong}", field="assignment")
