"""Allocation templates: suppliers and shares that an account's users choose for a target group.

A template is a list of allocations: the suppliers of a group, those that are blocked, and all others on the exchange::

    blocked = allocation_templates.BlockedSuppliers(suppliers=[3334])
    best = allocation_templates.GroupShare(name="Best", percentage_min=40, percentage_max=60, suppliers=[4321, 4350])
    others = allocation_templates.ExchangeShare(percentage_max=60)
    allocation_templates.CreateAllocationTemplate(name="US, best first", supply_allocations=[blocked, best, others])

``fieldingkit.allocations`` reads a template with the suppliers that a business unit has, ready for a target group.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar

import attrs

from fieldingkit.commands import AccountCommand, Command, Endpoint
from fieldingkit.paging import Page, PagedCommand
from fieldingkit.resources.supply_shares import (
    BlockedSuppliers,
    ExchangeShare,
    GroupShare,
    OtherAllocation,
    SupplierType,
    SupplyAllocation,
    TemplateSupplier,
    supply_shares,
    write_shares,
)
from fieldingkit.results import Result
from fieldingkit.validators import etag, length, locale, ulid

__all__ = [
    "AllocationTemplate",
    "AllocationTemplateList",
    "AllocationTemplateSummary",
    "BlockedSuppliers",
    "CreateAllocationTemplate",
    "CreatedAllocationTemplate",
    "DeleteAllocationTemplate",
    "ExchangeShare",
    "GetAllocationTemplate",
    "GetGlobalAllocationTemplate",
    "GetSystemAllocationTemplate",
    "GetTemplateAssociation",
    "GroupShare",
    "ListAllocationTemplates",
    "ListGlobalAllocationTemplates",
    "OtherAllocation",
    "SetTemplateAssociation",
    "SupplierType",
    "SupplyAllocation",
    "TemplateAssociation",
    "TemplateSupplier",
    "UpdateAllocationTemplate",
]

_ASSOCIATION = "/demand/accounts/{account_id}/allocation-template-association"
_TEMPLATES = "/demand/accounts/{account_id}/allocation-templates"
_TEMPLATE = _TEMPLATES + "/{template_id}"
_GLOBAL_TEMPLATES = "/demand/allocation-templates"
_LAST_ULID = re.compile(r"(?:^|/)([0-9A-Z]{26})/?(?:[?#]|$)")


@attrs.frozen(kw_only=True)
class AllocationTemplate(Result):
    """An allocation template at the time it was read."""

    name: str
    """The template's name."""
    supply_allocations: tuple[SupplyAllocation, ...]
    """Its allocations."""
    template_id: str | None = None
    """The template's ULID; None for the system's."""
    last_modified_at: datetime | None = None
    """The time of its last change, UTC; only of an account's template."""
    last_modified_by: str | None = None
    """The id of the user who changed it last, a UUID; only of an account's template."""
    etag: str = attrs.field(default="", metadata={"header": "etag"})
    """The tag to send as ``if_match``, byte for byte; empty for the system's template."""


@attrs.frozen(kw_only=True)
class AllocationTemplateSummary(Result):
    """An allocation template as an entry of a list."""

    template_id: str
    """The template's ULID."""
    name: str | None = None
    """The template's name."""
    last_modified_at: datetime | None = None
    """The time of its last change, UTC."""
    last_modified_by: str | None = None
    """The id of the user who changed it last, a UUID."""


@attrs.frozen(kw_only=True, repr=False)
class AllocationTemplateList(Page[AllocationTemplateSummary]):
    """One page of allocation templates."""

    templates: tuple[AllocationTemplateSummary, ...]
    """The templates of this page."""
    has_more: bool = False
    """True if there are more after this page."""
    next_cursor: str | None = None
    """The ``start_after`` of the next page; None or empty on the last one."""


@attrs.frozen(kw_only=True)
class CreatedAllocationTemplate(Result):
    """An allocation template that was created."""

    location: str = attrs.field(default="", metadata={"header": "location"})
    """The ``Location`` header, byte for byte: a URL, a path or the id alone."""

    @property
    def template_id(self) -> str | None:
        """The template's ULID; None if the API named none: the template exists, list the templates to find it."""
        found = _LAST_ULID.search(self.location)
        return None if found is None else found[1]


@attrs.frozen(kw_only=True)
class TemplateAssociation(Result):
    """The default template of an account."""

    template_id: str
    """The template's ULID."""
    etag: str = attrs.field(default="", metadata={"header": "etag"})
    """The tag to send as ``if_match`` of ``SetTemplateAssociation``, byte for byte."""


def _entries(values: Iterable[SupplyAllocation]) -> tuple[SupplyAllocation, ...]:
    return tuple(values)


@attrs.frozen(kw_only=True)
class GetTemplateAssociation(AccountCommand[TemplateAssociation]):
    """Read the default template of an account and its ETag."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", _ASSOCIATION, operation_id="get_account_allocation_template_association"
    )


@attrs.frozen(kw_only=True)
class SetTemplateAssociation(AccountCommand[None]):
    """Make a template the default one of an account."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "PUT", _ASSOCIATION, operation_id="set_account_allocation_template_association"
    )
    template_id: str = attrs.field(validator=ulid)
    """The template's ULID."""
    if_match: str = attrs.field(validator=etag)
    """The current ETag of the association, byte for byte as the API sent it."""


@attrs.frozen(kw_only=True)
class ListAllocationTemplates(PagedCommand[AllocationTemplateList]):
    """List an account's templates, 1 to 100 on a page."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", _TEMPLATES, operation_id="list_account_allocation_templates")


@attrs.frozen(kw_only=True)
class GetAllocationTemplate(AccountCommand[AllocationTemplate]):
    """Read a template of the account and its ETag. Suppliers of the private exchange are not listed."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", _TEMPLATE, operation_id="get_account_allocation_template_by_template_id"
    )
    template_id: str = attrs.field(validator=ulid)
    """The template's ULID."""
    locale: str | None = attrs.field(default=None, validator=locale)
    """Only the suppliers of this language and country, such as ``eng_us``. Read all of them before an update."""


@attrs.frozen(kw_only=True)
class CreateAllocationTemplate(AccountCommand[CreatedAllocationTemplate]):
    """Create a template."""

    endpoint: ClassVar[Endpoint] = Endpoint("POST", _TEMPLATES, operation_id="create_account_allocation_template")
    name: str = attrs.field(validator=length(3, 128))
    """The template's name, 3 to 128 characters."""
    supply_allocations: tuple[SupplyAllocation, ...] = attrs.field(
        converter=_entries, validator=supply_shares, metadata={"write": write_shares}
    )
    """Its allocations."""
    idempotency_key: str | None = attrs.field(
        default=None, validator=attrs.validators.optional(ulid), metadata={"key": "ulid"}
    )
    """A key of your own, a ULID; by default one is made for each call."""


@attrs.frozen(kw_only=True)
class UpdateAllocationTemplate(AccountCommand[None]):
    """Replace the name and the allocations of a template."""

    endpoint: ClassVar[Endpoint] = Endpoint("PUT", _TEMPLATE, operation_id="update_account_allocation_template")
    template_id: str = attrs.field(validator=ulid)
    """The template's ULID."""
    name: str = attrs.field(validator=length(3, 128))
    """The template's name, 3 to 128 characters."""
    supply_allocations: tuple[SupplyAllocation, ...] = attrs.field(
        converter=_entries, validator=supply_shares, metadata={"write": write_shares}
    )
    """All of its allocations; they replace the previous ones."""
    if_match: str = attrs.field(validator=etag)
    """The template's current ETag, byte for byte as the API sent it."""


@attrs.frozen(kw_only=True)
class DeleteAllocationTemplate(AccountCommand[None]):
    """Delete a template permanently. No ETag guards this."""

    endpoint: ClassVar[Endpoint] = Endpoint("DELETE", _TEMPLATE, operation_id="delete_account_allocation_template")
    template_id: str = attrs.field(validator=ulid)
    """The template's ULID."""


@attrs.frozen(kw_only=True)
class ListGlobalAllocationTemplates(PagedCommand[AllocationTemplateList]):
    """List the templates that all accounts have, 1 to 100 on a page."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", _GLOBAL_TEMPLATES, operation_id="list_global_allocation_templates")


@attrs.frozen(kw_only=True)
class GetGlobalAllocationTemplate(Command[AllocationTemplate]):
    """Read a template that all accounts have. Suppliers of the private exchange are not listed."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", _GLOBAL_TEMPLATES + "/{template_id}", operation_id="get_global_allocation_template_by_template_id"
    )
    template_id: str = attrs.field(validator=ulid)
    """The template's ULID."""
    locale: str | None = attrs.field(default=None, validator=locale)
    """Only the suppliers of this language and country, such as ``eng_us``; all suppliers if left out."""


@attrs.frozen(kw_only=True)
class GetSystemAllocationTemplate(Command[AllocationTemplate]):
    """Read the system's template: all suppliers that are available in a market at present."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", "/demand/system-allocation-template", operation_id="get_system_allocation_template"
    )
    locale: str = attrs.field(validator=locale)
    """The language and country of the respondents, such as ``eng_us``."""
