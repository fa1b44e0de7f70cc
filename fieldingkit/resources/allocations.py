"""Allocations: the suppliers that may send respondents to a target group, and their shares of its goal.

A supplier of the open exchange is in a group, is blocked, or belongs to the rest. A group of the private exchange has
one supplier. Suppliers are given by their ids::

    best = allocations.AllocationGroup(group_name="Best", min_percentage=40, suppliers=["4321", "4350"])
    allocations.Allocations(
        open_exchange_allocations=allocations.OpenExchange(
            exchange_max_percentage=60, groups=[best], blocked_suppliers=["3334"]
        ),
    )

The same classes are read and written: allocations that were read can be changed and sent. The workflow
``change_allocations`` does that for a target group in any status. A business unit's template is read as allocations
too; ``fieldingkit.allocation_templates`` manages the templates themselves.
"""

from datetime import datetime
from typing import ClassVar

import attrs

from fieldingkit.commands import AccountCommand, Endpoint, TargetGroupCommand
from fieldingkit.resources.allocation_requests import allocatable_as_a_whole, write_specification
from fieldingkit.resources.supply import (
    AllocatedSupplier,
    AllocationGroup,
    Allocations,
    OpenExchange,
    PrivateExchange,
)
from fieldingkit.results import Result
from fieldingkit.validators import locale, opaque_id, ulid

__all__ = [
    "AllocatedSupplier",
    "AllocationGroup",
    "Allocations",
    "BusinessUnitTemplate",
    "GetAccountTemplateForBusinessUnit",
    "GetAllocationSpecification",
    "GetGlobalTemplateForBusinessUnit",
    "GetSystemTemplateForBusinessUnit",
    "OpenExchange",
    "PrivateExchange",
    "UpdateAllocationSpecification",
]

_SPECIFICATION = (
    "/demand/accounts/{account_id}/projects/{project_id}/target-groups/{target_group_id}/allocation-specification"
)
_BUSINESS_UNIT = "/demand/accounts/{account_id}/business-units/{business_unit_id}"


@attrs.frozen(kw_only=True)
class GetAllocationSpecification(TargetGroupCommand[Allocations]):
    """Read the allocations of a target group, with the completes of each supplier and group."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", _SPECIFICATION, operation_id="get_target_group_allocation_specification"
    )


@attrs.frozen(kw_only=True)
class UpdateAllocationSpecification(TargetGroupCommand[None]):
    """Replace the allocations of a target group in any status.

    Groups that are left out are deleted. The API takes neither an ETag nor an idempotency key here: of two users, the
    last one wins. The workflow ``change_allocations`` reads, changes, writes and verifies.
    """

    endpoint: ClassVar[Endpoint] = Endpoint(
        "PUT", _SPECIFICATION, operation_id="update_target_group_allocation_specification"
    )
    allocations: Allocations = attrs.field(
        validator=allocatable_as_a_whole, metadata={"write": write_specification, "spread": True}
    )
    """The allocations of both exchanges."""


@attrs.frozen(kw_only=True)
class BusinessUnitTemplate(Result):
    """An allocation template with the suppliers that a business unit has in a locale."""

    template_name: str | None = None
    """The template's name."""
    template_id: str | None = None
    """The template's ULID; None for the system's."""
    open_exchange_allocations: OpenExchange | None = None
    """The open exchange."""
    private_exchange_allocations: PrivateExchange | None = None
    """The suppliers of the private exchange, all of them blocked, if the business unit has any."""
    last_modified_at: datetime | None = None
    """The time of its last change, UTC."""
    last_modified_by: str | None = None
    """The id of the user who changed it last, a UUID."""

    @property
    def allocations(self) -> Allocations | None:
        """The allocations of a target group that follows the template; None if the API sent none."""
        if self.open_exchange_allocations is None:
            return None
        return Allocations(
            open_exchange_allocations=self.open_exchange_allocations,
            private_exchange_allocations=self.private_exchange_allocations,
        )


@attrs.frozen(kw_only=True)
class GetAccountTemplateForBusinessUnit(AccountCommand[BusinessUnitTemplate]):
    """Read a template of the account for a business unit and a locale."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET",
        _BUSINESS_UNIT + "/account-allocation-templates/{template_id}",
        operation_id="get_account_allocation_template_for_business_unit_id",
    )
    business_unit_id: str = attrs.field(validator=opaque_id)
    """The business unit."""
    template_id: str = attrs.field(validator=ulid)
    """The template's ULID."""
    locale: str = attrs.field(validator=locale)
    """The language and country of the respondents, such as ``eng_us``."""


@attrs.frozen(kw_only=True)
class GetGlobalTemplateForBusinessUnit(AccountCommand[BusinessUnitTemplate]):
    """Read a template of all accounts for a business unit and a locale."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET",
        _BUSINESS_UNIT + "/global-allocation-templates/{template_id}",
        operation_id="get_global_allocation_template_by_id_for_business_unit_id",
    )
    business_unit_id: str = attrs.field(validator=opaque_id)
    """The business unit."""
    template_id: str = attrs.field(validator=ulid)
    """The template's ULID."""
    locale: str = attrs.field(validator=locale)
    """The language and country of the respondents, such as ``eng_us``."""


@attrs.frozen(kw_only=True)
class GetSystemTemplateForBusinessUnit(AccountCommand[BusinessUnitTemplate]):
    """Read the template that is used where an account has no other, for a business unit and a locale."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET",
        _BUSINESS_UNIT + "/system-allocation-template",
        operation_id="get_system_allocation_template_by_business_unit_id",
    )
    business_unit_id: str = attrs.field(validator=opaque_id)
    """The business unit."""
    locale: str = attrs.field(validator=locale)
    """The language and country of the respondents, such as ``eng_us``."""
