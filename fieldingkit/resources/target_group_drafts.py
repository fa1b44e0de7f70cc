"""Drafts: target groups that have not been launched yet. They are read, created, and updated as a whole.

To change one setting of a draft, read it, and write it back with the change::

    ids = {"project_id": ..., "target_group_id": ...}
    draft = await client.send(GetTargetGroup(**ids))
    await client.send(UpdateTargetGroup.of(draft, **ids, completes_goal=300))

``CreateTargetGroup.of(draft, project_id=..., locale="eng_gb")`` makes a copy.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar, Generic, Self, TypeVar, cast

import attrs

from fieldingkit._repr import brief_repr
from fieldingkit.commands import Endpoint, ProjectCommand, TargetGroupCommand
from fieldingkit.errors import InvalidCommandError
from fieldingkit.resources.allocation_requests import allocatable, write_draft, write_new_draft
from fieldingkit.resources.exclusions import ActivityExclusion, Exclusion, activity_exclusions
from fieldingkit.resources.fielding_assistant import FieldingAssistantAssignment, PricingType, sendable
from fieldingkit.resources.money import Money, amount, without_scale
from fieldingkit.resources.profile_checks import well_formed
from fieldingkit.resources.profile_writers import write_draft as write_profiling
from fieldingkit.resources.profiling import Profiling
from fieldingkit.resources.re_entry import ReEntryConfiguration
from fieldingkit.resources.supply import Allocations
from fieldingkit.resources.target_groups import TargetGroupLinks
from fieldingkit.results import Replaceable, Result, number_as_text
from fieldingkit.validators import (
    https_url,
    instance_of,
    integer,
    length,
    locale,
    matching,
    number,
    reference,
    timezone_aware,
    ulid,
    uuid,
)

__all__ = [
    "CreateTargetGroup",
    "CreatedTargetGroup",
    "FieldingSpecification",
    "GetTargetGroup",
    "TargetGroupDraft",
    "UpdateTargetGroup",
]

R_co = TypeVar("R_co", covariant=True)

_TARGET_GROUPS = "/demand/accounts/{account_id}/projects/{project_id}/target-groups"
_TARGET_GROUP = _TARGET_GROUPS + "/{target_group_id}"


@attrs.frozen(kw_only=True)
class FieldingSpecification(Result):
    """The planned fielding period of a draft."""

    start_at: datetime
    """The planned start of fielding, UTC."""
    end_at: datetime
    """The planned end of fielding, UTC."""


def _exclusions(values: Iterable[ActivityExclusion]) -> tuple[ActivityExclusion, ...]:
    return tuple(values)


@attrs.frozen(kw_only=True)
class TargetGroupDraft(Replaceable):
    """A target group that has not been launched yet, with all its settings."""

    name: str | None = None
    """The target group's name."""
    business_unit_id: str | None = None
    """The business unit, which decides the currency."""
    locale: str | None = None
    """The language and country of its respondents."""
    collects_pii: bool | None = None
    """True if it collects personally identifiable information."""
    study_type_code: str | None = None
    """The kind of study."""
    industry_code: str | None = None
    """The industry that the survey is about."""
    industry_lockout_code: str | None = None
    """The period for which respondents of other surveys about that industry are excluded."""
    pricing_model: PricingType | None = None
    """The pricing model."""
    cost_per_interview: Money | None = None
    """The price of an interview, with dynamic pricing."""
    project_manager_id: str | None = None
    """The id of the user who manages it."""
    fielding_specification: FieldingSpecification | None = None
    """The planned fielding period."""
    completes_goal: int | None = None
    """The number of completes or prescreens wanted."""
    expected_length_of_interview_minutes: int | None = None
    """The expected length of an interview, in minutes."""
    expected_incidence_rate: float | None = None
    """The expected share of entrants who qualify, from 0 to 1."""
    fielding_assistant_assignment: FieldingAssistantAssignment | None = None
    """The Fielding Assistant's modules, without an etag: read them on their own to change them."""
    profiling: Profiling | None = None
    """The profiles with their quotas; None if anyone may take part."""
    allocations: Allocations | None = None
    """The suppliers and their shares of the goal."""
    exclusion: Exclusion | None = None
    """The exclusion within the project."""
    respondent_activity_exclusions: tuple[ActivityExclusion, ...] = ()
    """The target groups and projects whose respondents are not admitted."""
    re_entry_configuration: ReEntryConfiguration | None = None
    """The re-entry rules; None if the account lacks this feature."""
    created_at: datetime | None = None
    """The time it was created, UTC."""

    human_readable_id: str | None = None
    """The short id that people see; unique within the account."""
    client_cost_per_interview_note: Money | None = None
    """The client's price, noted for the account's own use."""
    client_id: int | None = None
    """The number of the client it is made for."""
    live_url: str | None = None
    """The URL that qualified respondents are sent to."""
    test_url: str | None = None
    """The URL that respondents of a test are sent to."""
    target_group_customer_reference_number: str | None = None
    """The account's own reference."""
    links: TargetGroupLinks | None = None
    """Links for testing it."""

    @classmethod
    def _from_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        """Read the business unit as text: the API's schema has a number here, its example and other answers a text."""
        return super()._from_api(number_as_text(body, "business_unit_id"))


@attrs.frozen(kw_only=True)
class GetTargetGroup(TargetGroupCommand[TargetGroupDraft]):
    """Read a draft; a launched target group raises ``RedirectError``: read its details instead."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", _TARGET_GROUP, operation_id="get_target_group")


# Writing


def _period(command: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """Require a period with time zones that does not end before it starts."""
    instance_of(FieldingSpecification)(command, attribute, value)
    period = cast("FieldingSpecification", value)
    for moment in (period.start_at, period.end_at):
        timezone_aware(command, attribute, moment)
    if period.end_at < period.start_at:
        raise InvalidCommandError(
            f"{type(command).__name__}: {attribute.name}.end_at is before start_at; got {brief_repr(period)}",
            field=attribute.name,
        )


def _url(command: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """Require an ``https://`` URL of at most 3000 characters; None means that there is none."""
    https_url(command, attribute, value)
    if isinstance(value, str) and len(value) > 3000:  # not shown: it may contain a token
        raise InvalidCommandError(
            f"{type(command).__name__}: {attribute.name} must have at most 3000 characters", field=attribute.name
        )


_READ_ONLY = frozenset({"pricing_model", "created_at", "human_readable_id", "links"})
_PRICES = frozenset({"cost_per_interview", "client_cost_per_interview_note"})


@attrs.frozen(kw_only=True, eq=False, repr=False)
class _Settings(ProjectCommand[R_co], Generic[R_co]):
    """Base class of the commands that write all settings of a draft."""

    name: str = attrs.field(validator=length(5, 128))
    """The target group's name, 5 to 128 characters."""
    business_unit_id: str = attrs.field(validator=matching("[0-9]{1,10}", "the number of a business unit, as text"))
    """The business unit, which decides the currency."""
    locale: str = attrs.field(validator=locale)
    """The language and country of its respondents, such as ``eng_us``."""
    collects_pii: bool
    """True if it collects personally identifiable information."""
    project_manager_id: str = attrs.field(validator=uuid)
    """The id of the user who manages it, a UUID."""
    fielding_specification: FieldingSpecification = attrs.field(validator=_period)
    """The planned fielding period."""
    completes_goal: int = attrs.field(validator=integer(1))
    """The number of completes or prescreens wanted."""
    expected_length_of_interview_minutes: int = attrs.field(validator=integer(1, 45))
    """The expected length of an interview, in minutes, 1 to 45."""
    expected_incidence_rate: float = attrs.field(validator=number(0, 1, decimals=2))
    """The expected share of entrants who qualify, from 0 to 1 in steps of 0.01."""
    fielding_assistant_assignment: FieldingAssistantAssignment = attrs.field(
        factory=FieldingAssistantAssignment, validator=sendable
    )
    """The modules of the Fielding Assistant; none by default."""
    allocations: Allocations = attrs.field(
        factory=Allocations.open, validator=allocatable, metadata={"write": write_new_draft}
    )
    """The suppliers and their shares of the goal; by default all are admitted without limits."""
    study_type_code: str | None = None
    """The kind of study; ``adhoc`` if left out."""
    industry_code: str | None = None
    """The industry that the survey is about; ``other`` if left out."""
    industry_lockout_code: str | None = None
    """The period for which respondents of other surveys about that industry are excluded."""
    cost_per_interview: Money | None = attrs.field(
        default=None, converter=attrs.converters.optional(without_scale), validator=amount
    )
    """The price of an interview, in the currency of the business unit; only with dynamic pricing."""
    client_cost_per_interview_note: Money | None = attrs.field(
        default=None, converter=attrs.converters.optional(without_scale), validator=amount
    )
    """The client's price, noted for the account's own use; only with dynamic pricing."""
    client_id: int | None = attrs.field(default=None, validator=integer(0, 2**31 - 1))
    """The number of the client it is made for."""
    exclusion: Exclusion | None = None
    """The exclusion within the project."""
    respondent_activity_exclusions: tuple[ActivityExclusion, ...] = attrs.field(
        default=(), converter=_exclusions, validator=activity_exclusions
    )
    """The target groups and projects whose respondents are not admitted."""
    live_url: str | None = attrs.field(default=None, validator=_url)
    """The ``https://`` URL that qualified respondents are sent to, up to 3000 characters."""
    test_url: str | None = attrs.field(default=None, validator=_url)
    """The ``https://`` URL that respondents of a test are sent to, up to 3000 characters."""
    profiling: Profiling | None = attrs.field(default=None, validator=well_formed, metadata={"write": write_profiling})
    """The profiles with their quotas; None if anyone may take part."""
    re_entry_configuration: ReEntryConfiguration | None = None
    """The re-entry rules; an account without this feature gets a ``ForbiddenError`` for sending them."""
    target_group_customer_reference_number: str | None = attrs.field(default=None, validator=reference)
    """The account's own reference: 3 to 128 letters, digits, spaces, ``-`` and ``_``."""
    others: Mapping[str, Any] = attrs.field(factory=dict[str, Any], hash=False, metadata={"others": True})
    """Members that this release of fieldingkit does not know or could not read; they are sent as they are."""

    @classmethod
    def _of(cls, draft: TargetGroupDraft, fields: Mapping[str, Any]) -> Self:
        """Return the command that writes the settings of a draft, except for those among ``fields``."""
        if not isinstance(cast("object", draft), TargetGroupDraft):
            raise InvalidCommandError(f"{cls.__name__}: expected a TargetGroupDraft; got {brief_repr(draft)}")
        known = {field.name: field for field in attrs.fields(cls)}
        unread = {
            name: value
            for name, value in draft.others.items()
            if name not in {*fields, *_READ_ONLY} and not getattr(draft, name, None)
        }
        for name in unread:
            if name in known and known[name].default is not None:
                raise InvalidCommandError(
                    f"{cls.__name__}: {name} of the draft could not be read: pass the value to send", field=name
                )
        by_card = draft.pricing_model is PricingType.RATE_CARD  # the prices of a rate card must not be sent
        settings: dict[str, Any] = {
            field.name: value
            for field in attrs.fields(TargetGroupDraft)
            if field.name in known and not (by_card and field.name in _PRICES)
            if (value := getattr(draft, field.name)) is not None
        }
        settings |= {"others": unread, **fields}
        return cls(**settings)


@attrs.frozen(kw_only=True)
class CreatedTargetGroup(Result):
    """A draft that was created."""

    id: str
    """The target group's ULID."""


@attrs.frozen(kw_only=True)
class CreateTargetGroup(_Settings[CreatedTargetGroup]):
    """Create a draft.

    Neither an idempotency key nor an ETag guards this command, and a repetition would create a second draft. It is
    therefore not sent again after an unclear outcome, which raises ``AmbiguousOutcomeError``: list the target groups of
    the project with the same reference to find out what happened. ``workflows.ensure_target_group`` does this.
    """

    endpoint: ClassVar[Endpoint] = Endpoint("POST", _TARGET_GROUPS, operation_id="create_target_group")

    @classmethod
    def of(
        cls, draft: TargetGroupDraft, *, project_id: str, account_id: str | int | None = None, **changes: Any
    ) -> Self:
        """Return the command that creates a copy of a draft.

        Args:
            draft: The draft as it was read.
            project_id: The ULID of the copy's project.
            account_id: The account's number; the client's account by default.
            changes: The settings of the copy that differ, by name.

        Raises:
            InvalidCommandError: if a setting is invalid, or a required one could not be read.
        """
        return cls._of(draft, {"project_id": project_id, "account_id": account_id, **changes})


_CLEARED_BY_NULL = frozenset(
    {
        "client_id",
        "exclusion",
        "industry_lockout_code",
        "live_url",
        "profiling",
        "target_group_customer_reference_number",
        "test_url",
    }
)


def _cleared_by_null(_: type, fields: "list[attrs.Attribute[Any]]") -> "list[attrs.Attribute[Any]]":
    return [
        field.evolve(metadata={**field.metadata, "null": True}) if field.name in _CLEARED_BY_NULL else field
        for field in fields
    ]


@attrs.frozen(kw_only=True, field_transformer=_cleared_by_null)
class UpdateTargetGroup(_Settings[None]):
    """Replace all settings of a draft; a launched target group raises ``NotFoundError``.

    A setting that is None is cleared, so send back what is to stay: ``of`` takes it from the draft that was read.

    Neither an idempotency key nor an ETag guards this command: the last write wins. It is not sent again after an
    unclear outcome, which raises ``AmbiguousOutcomeError``: read the draft, and decide from what it has.
    """

    endpoint: ClassVar[Endpoint] = Endpoint("PUT", _TARGET_GROUP, operation_id="update_target_group")
    target_group_id: str = attrs.field(validator=ulid)
    """The target group's ULID."""
    allocations: Allocations = attrs.field(
        factory=Allocations.open, validator=allocatable, metadata={"write": write_draft}
    )
    """The suppliers and their shares of the goal; by default all are admitted without limits."""

    @classmethod
    def of(
        cls,
        draft: TargetGroupDraft,
        *,
        project_id: str,
        target_group_id: str,
        account_id: str | int | None = None,
        **changes: Any,
    ) -> Self:
        """Return the command that writes a draft back as it was read, with some settings changed.

        Args:
            draft: The draft as it was read.
            project_id: The project's ULID.
            target_group_id: The target group's ULID.
            account_id: The account's number; the client's account by default.
            changes: The settings to change, by name.

        Raises:
            InvalidCommandError: if a setting is invalid, or a required one could not be read.
        """
        return cls._of(
            draft,
            {"project_id": project_id, "target_group_id": target_group_id, "account_id": account_id, **changes},
        )
