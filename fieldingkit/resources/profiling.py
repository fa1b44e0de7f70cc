"""The vocabulary of profiling: conditions, quotas, targets and profiles. Import it from ``fieldingkit.profiles``."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal, Self, TypeAlias

import attrs

from fieldingkit.commands import OpenEnum
from fieldingkit.results import Result, Variant

__all__ = [
    "AdjustmentType",
    "BlendedType",
    "Condition",
    "OpenEnded",
    "OtherCondition",
    "Profile",
    "ProfileKind",
    "Profiling",
    "Quota",
    "Range",
    "Selection",
    "Target",
    "TargetGroupProfiles",
]


class ProfileKind(OpenEnum):
    """The kind of a profile: about one question (regular) or about several (blended)."""

    REGULAR = "regular"
    """It is about one question."""
    BLENDED = "blended"
    """It is about several questions."""


class BlendedType(OpenEnum):
    """The purpose of a blended profile."""

    INTERLOCK = "interlock"
    """Its targets are the cells of interlocked quotas."""
    CONTROL = "control"
    """Its targets limit the mix of respondents; a launched target group does not list such profiles."""


class AdjustmentType(OpenEnum):
    """The way in which the goals of quotas are given."""

    PERCENTAGE = "percentage"
    """As percentages of the target group's goal."""
    NOMINAL = "nominal"
    """As numbers of completes."""


def _profile_kind(value: ProfileKind | Literal["regular", "blended"]) -> ProfileKind:
    return ProfileKind(value)


def _blended_type(value: BlendedType | Literal["interlock", "control"] | None) -> BlendedType | None:
    return None if value is None else BlendedType(value)


def _adjustment_type(value: AdjustmentType | Literal["percentage", "nominal"]) -> AdjustmentType:
    return AdjustmentType(value)


def _texts(values: Iterable[str]) -> tuple[str, ...]:
    return (values,) if isinstance(values, str) else tuple(values)


@attrs.frozen(kw_only=True)
class _KnownCondition(Variant):
    """Base class of the conditions that this release knows."""

    question_id: int
    """The number of the question, as the profiling library has it."""
    condition_name: str | None = None
    """The answer's text; only in answers of the API, and only where targets have several conditions."""
    condition_name_translated: str | None = None
    """The answer's translated text; only where ``condition_name`` is."""


@attrs.frozen(kw_only=True)
class Selection(_KnownCondition):
    """Respondents who chose one option."""

    object: ClassVar[str] = "selection"
    option: str
    """The option's code."""


@attrs.frozen(kw_only=True)
class Range(_KnownCondition):
    """Respondents whose number lies in a range, such as an age."""

    object: ClassVar[str] = "range"
    min: int | None = None
    """The lower bound, inclusive, from 1 to 99; None only in the profiling library."""
    max: int | None = None
    """The upper bound, inclusive, from 1 to 99; None only in the profiling library."""


@attrs.frozen(kw_only=True)
class OpenEnded(_KnownCondition):
    """Respondents who gave one of several texts, such as postal codes; or any text at all."""

    object: ClassVar[str] = "open_ended"
    open_ended_values: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    """The texts, 1 to 10,000; none with ``allow_all_values``."""
    allow_all_values: bool = False
    """True to accept any text; such a target has no quota."""


@attrs.frozen(kw_only=True)
class OtherCondition(Variant):
    """A condition of a kind that this release does not know. It is sent back as it was read."""

    object: str
    """The API's name of the kind."""
    content: Mapping[str, Any] = attrs.field(factory=dict[str, Any], hash=False)
    """The other members."""

    @classmethod
    def _from_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        """Collect the members."""
        return {"object": body["object"], "content": {name: body[name] for name in body if name != "object"}}

    @classmethod
    def _to_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        """Put the members back."""
        return {"object": body["object"], **body["content"]}


Condition: TypeAlias = Selection | Range | OpenEnded | OtherCondition
"""A condition on the answer to one question."""


@attrs.frozen(kw_only=True)
class Quota(Result):
    """The goal of a target, and its progress. Of the two goals, the profiling's adjustment type says which is sent."""

    completes_goal: int | None = None
    """The number of completes wanted."""
    completes_goal_percentage: float | None = None
    """The goal as a percentage of the target group's goal, 0 to 100, with up to two decimals."""
    quota_nominal: int | None = None
    """The number of completes that follows from the percentage; set by the API."""
    completes: int | None = None
    """The number of completes so far; only of a launched target group."""
    prescreens: int | None = None
    """The number of prescreens so far; only of a launched target group."""
    name: str | None = None
    """The target's name in its former place; a request has it as ``Target.name``."""


def _conditions(values: Iterable[Condition]) -> tuple[Condition, ...]:
    return tuple(values)


@attrs.frozen(kw_only=True)
class Target(Result):
    """An answer, a group of answers, or a cell of interlocked quotas."""

    conditions: tuple[Condition, ...] = attrs.field(default=(), converter=_conditions)
    """The conditions: those of a regular profile are alternatives, those of a blended one must all hold."""
    quota: Quota | None = None
    """The goal; None if it has no quota."""
    name: str | None = None
    """The name; required if there are several conditions."""
    id: str | None = None
    """The id; set by the API."""
    text: str | None = None
    """The display text; only templates take it."""
    text_translated: str | None = None
    """The translated display text; only templates take it."""


def _targets(values: Iterable[Target]) -> tuple[Target, ...]:
    return tuple(values)


@attrs.frozen(kw_only=True)
class Profile(Result):
    """A requirement on the respondents of a target group."""

    targets: tuple[Target, ...] = attrs.field(default=(), converter=_targets)
    """The answers that it selects; respondents with other answers are not admitted."""
    object: ProfileKind = attrs.field(default=ProfileKind.REGULAR, converter=_profile_kind)
    """The kind of profile."""
    blended_type: BlendedType | None = attrs.field(default=None, converter=_blended_type)
    """The purpose of a blended profile; ``interlock`` if left out."""
    name: str | None = None
    """The name; required for a blended profile."""
    quotas_enabled: bool = True
    """True if its quotas are in force. Without quotas, a request has no goals."""
    id: str | None = None
    """The id; set by the API."""
    description: str | None = None
    """The description, such as the text of the question; only templates take it."""
    description_translated: str | None = None
    """The translated description; set by the API."""

    @classmethod
    def blended(
        cls,
        *,
        name: str,
        targets: Iterable[Target],
        blended_type: BlendedType | Literal["interlock", "control"] = BlendedType.INTERLOCK,
    ) -> Self:
        """Return a blended profile: each target combines answers to several questions.

        Args:
            name: The name of the profile.
            targets: The cells, each with a name, a quota and two or more conditions.
            blended_type: Whether the cells are interlocked quotas, or only limit the mix.
        """
        return cls(object=ProfileKind.BLENDED, name=name, targets=targets, blended_type=blended_type)


def _profiles(values: Iterable[Profile]) -> tuple[Profile, ...]:
    return tuple(values)


@attrs.frozen(kw_only=True)
class Profiling(Result):
    """The profiles of a draft, or the template that they come from."""

    profile_adjustment_type: AdjustmentType = attrs.field(default=AdjustmentType.PERCENTAGE, converter=_adjustment_type)
    """Which goals of the quotas are sent."""
    profiles: tuple[Profile, ...] = attrs.field(default=(), converter=_profiles)
    """The profiles; a respondent must meet all of them."""
    template_id: str | None = None
    """The id of a template, a UUID; it allows percentages only."""


@attrs.frozen(kw_only=True)
class TargetGroupProfiles(Result):
    """The profiles of a launched target group. Control profiles are not listed."""

    locale: str | None = None
    """The language and country of its respondents."""
    completes_goal: int | None = None
    """The number of completes or prescreens wanted."""
    profiles: tuple[Profile, ...] = attrs.field(default=(), converter=_profiles)
    """Its profiles with their quotas; empty if anyone may take part."""
