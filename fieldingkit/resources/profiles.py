"""Profiles: the requirements on the respondents of a target group, and the quotas of those who meet them.

A profile has targets, and each target has conditions. A regular profile is about one question, and each of its targets
is an answer or a group of answers. In a blended profile each target combines answers to several questions: such a
target is one cell of interlocked quotas::

    age = profiles.Profile(
        name="Age",
        targets=[
            profiles.Target(
                conditions=[profiles.Range(question_id=42, min=18, max=34)],
                quota=profiles.Quota(completes_goal_percentage=40),
            ),
            profiles.Target(
                conditions=[profiles.Range(question_id=42, min=35, max=64)],
                quota=profiles.Quota(completes_goal_percentage=60),
            ),
        ],
    )
    profiling = profiles.Profiling(profiles=[age])

The same classes are read and written: profiling that was read can be changed and sent. The ids, counters and texts that
only the API sets are left out of a request. The workflow ``change_profiles`` does that for a launched target group.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar

import attrs

from fieldingkit.commands import AccountCommand, Endpoint, TargetGroupCommand
from fieldingkit.resources.profile_checks import blendable, single, well_formed, with_profiles
from fieldingkit.resources.profile_writers import write_draft, write_single
from fieldingkit.resources.profiling import (
    AdjustmentType,
    BlendedType,
    Condition,
    OpenEnded,
    OtherCondition,
    Profile,
    ProfileKind,
    Profiling,
    Quota,
    Range,
    Selection,
    Target,
    TargetGroupProfiles,
)
from fieldingkit.validators import integer, locale, opaque_id, str_tuple, timezone_aware, ulids

__all__ = [
    "AdjustmentType",
    "BlendedType",
    "CalculateSupplierQuotaDistribution",
    "Condition",
    "DeleteProfiles",
    "GenerateBlendedProfile",
    "GetProfile",
    "GetSupplierQuotaDistribution",
    "ListProfiles",
    "OpenEnded",
    "OtherCondition",
    "Profile",
    "ProfileKind",
    "Profiling",
    "Quota",
    "Range",
    "ReplaceProfiles",
    "Selection",
    "Target",
    "TargetGroupProfiles",
    "ValidateProfiles",
]

_ACCOUNT = "/demand/accounts/{account_id}"
_PROFILES = _ACCOUNT + "/projects/{project_id}/target-groups/{target_group_id}/profiles"


def _ids(values: Iterable[str]) -> tuple[str, ...]:
    return str_tuple(values)


@attrs.frozen(kw_only=True)
class ListProfiles(TargetGroupCommand[TargetGroupProfiles]):
    """List the profiles of a launched target group, with the completes of each quota; control profiles are left out.

    The list lacks the adjustment type: quotas are listed in percent and as numbers, whichever was sent.
    """

    endpoint: ClassVar[Endpoint] = Endpoint("GET", _PROFILES, operation_id="list_profiles")


@attrs.frozen(kw_only=True)
class GetProfile(TargetGroupCommand[Profile]):
    """Read one profile of a launched target group, with the completes of each quota."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", _PROFILES + "/{profile_id}", operation_id="get_profile")
    profile_id: str = attrs.field(validator=opaque_id)
    """The profile's id."""


@attrs.frozen(kw_only=True)
class ReplaceProfiles(TargetGroupCommand[TargetGroupProfiles]):
    """Replace all profiles of a launched target group: profiles and quotas that are left out are deleted.

    That includes control profiles, which ``ListProfiles`` does not list. The API checks everything before it changes
    anything. It gives all profiles and targets new ids. No ETag guards this command: the last write wins, and it is not
    sent again after an ambiguous outcome. The workflow ``change_profiles`` shows what would be deleted.
    """

    endpoint: ClassVar[Endpoint] = Endpoint(
        "POST", _PROFILES + "/manage-profiles", operation_id="manage_target_group_profiles"
    )
    completes_goal: int = attrs.field(validator=integer(1))
    """The number of completes or prescreens wanted in total, at least 1; the API requires it, changed or not."""
    profiling: Profiling = attrs.field(validator=well_formed, metadata={"write": write_draft})
    """All profiles that the target group is to have, or a template."""


@attrs.frozen(kw_only=True)
class DeleteProfiles(TargetGroupCommand[None]):
    """Delete profiles of a launched target group, with all their quotas.

    No ETag guards this command, and it is not sent again after an ambiguous outcome.
    """

    endpoint: ClassVar[Endpoint] = Endpoint(
        "POST", _PROFILES + "/delete-profiles", operation_id="batch_delete_profiles"
    )
    profile_ids: tuple[str, ...] = attrs.field(converter=_ids, validator=ulids)
    """The ids of the profiles, at least one."""


@attrs.frozen(kw_only=True)
class ValidateProfiles(AccountCommand[None]):
    """Check profiles against the API's rules, such as sums and overlaps of quotas; nothing is created.

    Violations raise ``BadRequestError``: ``invalid_params`` lists them, each with its ``level``.
    """

    endpoint: ClassVar[Endpoint] = Endpoint(
        "POST", _ACCOUNT + "/profiles/validate", operation_id="validate_profiles", read_only=True
    )
    locale: str = attrs.field(validator=locale)
    """The language and country of the respondents, such as ``eng_us``."""
    completes_goal: int = attrs.field(validator=integer(1))
    """The number of completes wanted in total, at least 1."""
    profiling: Profiling = attrs.field(validator=with_profiles, metadata={"write": write_draft})
    """The profiles."""


@attrs.frozen(kw_only=True)
class GenerateBlendedProfile(AccountCommand[Profile]):
    """Ask for a blended profile made of two or three regular ones; nothing is created.

    A target group can have 350 quotas in all.
    """

    endpoint: ClassVar[Endpoint] = Endpoint(
        "POST",
        _ACCOUNT + "/drafts/generate-blended-profile",
        operation_id="generate_blended_profile",
        read_only=True,
    )
    locale: str = attrs.field(validator=locale)
    """The language and country of the respondents, such as ``eng_us``."""
    completes_goal: int = attrs.field(validator=integer(1))
    """The number of completes wanted in total, at least 1."""
    start_at: datetime = attrs.field(validator=timezone_aware)
    """The planned start of fielding."""
    end_at: datetime = attrs.field(validator=timezone_aware)
    """The planned end of fielding."""
    collects_pii: bool
    """True if the survey collects personally identifiable information."""
    profiling: Profiling = attrs.field(validator=blendable, metadata={"write": write_draft})
    """The regular profiles, two or three."""


@attrs.frozen(kw_only=True)
class GetSupplierQuotaDistribution(TargetGroupCommand[Profile]):
    """Read the expected distribution of a profile's completes, predicted from the suppliers' past."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET",
        _PROFILES + "/{profile_id}/supplier-quota-distribution",
        operation_id="get_panel_distribution_by_profile",
    )
    profile_id: str = attrs.field(validator=opaque_id)
    """The profile's id; the API does not support control profiles here."""


@attrs.frozen(kw_only=True)
class CalculateSupplierQuotaDistribution(AccountCommand[Profile]):
    """Ask for the expected distribution of a new profile's completes; nothing is created."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "POST",
        _ACCOUNT + "/supplier-quota-distribution/draft",
        operation_id="get_panel_distribution_draft",
        read_only=True,
    )
    locale: str = attrs.field(validator=locale)
    """The language and country of the respondents, such as ``eng_us``."""
    completes_goal: int = attrs.field(validator=integer(1))
    """The number of completes wanted in total, at least 1."""
    start_at: datetime = attrs.field(validator=timezone_aware)
    """The planned start of fielding."""
    end_at: datetime = attrs.field(validator=timezone_aware)
    """The planned end of fielding."""
    collects_pii: bool | None = None
    """True if the survey collects personally identifiable information."""
    profiling: Profiling = attrs.field(
        validator=single, metadata={"name": "profile", "write": write_single, "spread": True}
    )
    """The profile, exactly one."""
