"""Profile templates: profiles that are kept for the target groups to come.

A draft names a template by its id, ``profiles.Profiling(template_id=...)``, or takes over its profiles::

    template = await client.send(profile_templates.GetProfileTemplate(profile_template_id=...))
    profiles.Profiling(profiles=template.profiling.profiles)
"""

from typing import ClassVar, Literal

import attrs

from fieldingkit.commands import AccountCommand, Endpoint, OpenEnum
from fieldingkit.paging import Page, PagedCommand
from fieldingkit.resources.profile_checks import templatable
from fieldingkit.resources.profile_writers import write_template
from fieldingkit.resources.profiling import Profiling
from fieldingkit.results import Result
from fieldingkit.validators import each, locale, opaque_id, optional_str_tuple, str_tuple

__all__ = [
    "CreateProfileTemplate",
    "DeleteProfileTemplate",
    "GetProfileTemplate",
    "ListProfileTemplates",
    "ProfileTemplate",
    "ProfileTemplateList",
    "ProfileTemplateScope",
    "UpdateProfileTemplate",
]

_TEMPLATES = "/demand/accounts/{account_id}/profiling-templates"
_TEMPLATE = _TEMPLATES + "/{profile_template_id}"


class ProfileTemplateScope(OpenEnum):
    """The users of a template: those of all accounts, or those of one account."""

    GLOBAL = "global"
    """All accounts."""
    ACCOUNT = "account"
    """One account."""


def _scope(value: ProfileTemplateScope | Literal["global", "account"] | None) -> ProfileTemplateScope | None:
    return None if value is None else ProfileTemplateScope(value)


@attrs.frozen(kw_only=True)
class ProfileTemplate(Result):
    """A profile template at the time it was read."""

    id: str
    """The template's id."""
    name: str | None = None
    """The template's name."""
    description: str | None = None
    """A short summary."""
    label: str | None = None
    """The name that people see."""
    locales: tuple[str, ...] = ()
    """The languages and countries that it is for; the API writes some of them with a hyphen, such as ``eng-us``."""
    scope: ProfileTemplateScope | None = None
    """The users who may choose it."""
    profiling: Profiling | None = None
    """Its profiles, with percentages as goals; None in lists."""


@attrs.frozen(kw_only=True, repr=False)
class ProfileTemplateList(Page[ProfileTemplate]):
    """One page of profile templates, without their profiles."""

    templates: tuple[ProfileTemplate, ...] = ()
    """The templates of this page; their ``profiling`` is None."""
    next_cursor: str | None = None
    """The ``start_after`` of the next page; None on the last one."""


@attrs.frozen(kw_only=True)
class ListProfileTemplates(PagedCommand[ProfileTemplateList]):
    """List profile templates without their profiles, 1 to 100 on a page."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", _TEMPLATES, operation_id="list_profile_templates")
    order: Literal["asc", "desc"] | None = None
    """Oldest first, or newest first, which is the API's default."""
    scope: ProfileTemplateScope | None = attrs.field(default=None, converter=_scope)
    """Only templates of all accounts, or only those of this account; both if left out."""
    locales: tuple[str, ...] | None = attrs.field(
        default=None, converter=optional_str_tuple, validator=each(locale), metadata={"join": ","}
    )
    """Only templates for one of these languages and countries, such as ``eng_us``."""


@attrs.frozen(kw_only=True)
class GetProfileTemplate(AccountCommand[ProfileTemplate]):
    """Read a profile template with its profiles."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", _TEMPLATE, operation_id="get_profile_template")
    profile_template_id: str = attrs.field(validator=opaque_id)
    """The template's id."""
    locales: tuple[str, ...] | None = attrs.field(
        default=None, converter=optional_str_tuple, validator=each(locale), metadata={"join": ","}
    )
    """Only if it is for one of these languages and countries, such as ``eng_us``."""


@attrs.frozen(kw_only=True)
class _WriteProfileTemplate(AccountCommand[ProfileTemplate]):
    """Base class of the commands that write a template as a whole."""

    name: str
    """The template's name."""
    label: str
    """The name that people see."""
    locales: tuple[str, ...] = attrs.field(converter=str_tuple, validator=each(locale))
    """The languages and countries that it is for, such as ``eng_us``; at least one."""
    profiling: Profiling = attrs.field(validator=templatable, metadata={"write": write_template})
    """Its profiles: regular ones, with percentages as goals."""
    description: str | None = None
    """A short summary."""


@attrs.frozen(kw_only=True)
class CreateProfileTemplate(_WriteProfileTemplate):
    """Create a profile template for the account. A repetition creates a second one.

    After an ambiguous outcome, list the templates first.
    """

    endpoint: ClassVar[Endpoint] = Endpoint("POST", _TEMPLATES, operation_id="create_profile_template")


@attrs.frozen(kw_only=True)
class UpdateProfileTemplate(_WriteProfileTemplate):
    """Replace a profile template as a whole. No ETag guards this: of two users, the last one wins."""

    endpoint: ClassVar[Endpoint] = Endpoint("PUT", _TEMPLATE, operation_id="edit_profile_template")
    profile_template_id: str = attrs.field(validator=opaque_id)
    """The template's id."""


@attrs.frozen(kw_only=True)
class DeleteProfileTemplate(AccountCommand[None]):
    """Delete a profile template permanently."""

    endpoint: ClassVar[Endpoint] = Endpoint("DELETE", _TEMPLATE, operation_id="delete_profile_template")
    profile_template_id: str = attrs.field(validator=opaque_id)
    """The template's id."""
