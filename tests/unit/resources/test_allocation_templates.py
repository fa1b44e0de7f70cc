"""Allocation templates: tagged entries, the id in the Location, keys, ETags and the checks before sending."""

import re
from typing import Any

import pytest
from support.resource_wire import GROUP, answer, sent

from fieldingkit.errors import DecodeError, InvalidCommandError
from fieldingkit.idempotency import RetrySafety
from fieldingkit.resources.allocation_templates import (
    AllocationTemplate,
    BlockedSuppliers,
    CreateAllocationTemplate,
    ExchangeShare,
    GetAllocationTemplate,
    GetSystemAllocationTemplate,
    GroupShare,
    ListGlobalAllocationTemplates,
    OtherAllocation,
    SupplierType,
    SupplyAllocation,
    TemplateSupplier,
    UpdateAllocationTemplate,
)

ENTRIES: list[SupplyAllocation] = [
    BlockedSuppliers(suppliers=[3334]),
    GroupShare(name="Best", percentage_min=40, percentage_max=60, suppliers=[4321, "4350"]),
    ExchangeShare(percentage_max=60),
]
WRITTEN = [
    {"type": "blocked", "suppliers": [{"supplier_id": 3334}]},
    {
        "type": "group",
        "name": "Best",
        "percentage_min": 40,
        "percentage_max": 60,
        "suppliers": [{"supplier_id": 4321}, {"supplier_id": 4350}],
    },
    {"type": "exchange", "percentage_min": None, "percentage_max": 60},
]
READ: dict[str, Any] = {
    "template_id": GROUP,
    "name": "Best first",
    "supply_allocations": [
        {**WRITTEN[0], "suppliers": [{"supplier_id": 3334, "name": "BCD Panels", "type": "survey_panels"}]},
        WRITTEN[1],
        {**WRITTEN[2], "suppliers": [{"supplier_id": 980, "name": "Test", "type": "novel"}]},
        {"type": "reserved", "percentage": 7},
    ],
    "last_modified_at": "2024-06-18T14:23:45Z",
    "last_modified_by": "b551326b-ac9d-4d32-8823-4f025787dab9",
}


def create(*entries: SupplyAllocation, **fields: Any) -> CreateAllocationTemplate:
    """Return the command that creates a template."""
    return CreateAllocationTemplate(name="Best first", supply_allocations=entries or ENTRIES, **fields)


def read(headers: dict[str, str] | None = None) -> AllocationTemplate:
    """Return a template as it is read."""
    return answer(GetAllocationTemplate(template_id=GROUP), READ, headers=headers)


def test_a_share_without_a_minimum_is_sent_as_null() -> None:
    """The API requires the member, and takes null for none."""
    assert sent(create()).body == {"name": "Best first", "supply_allocations": WRITTEN}


def test_a_key_is_a_ulid() -> None:
    """The API takes no UUID as the key here, neither one of ours nor one of the caller's."""
    assert re.fullmatch("[0-9A-Z]{26}", sent(create()).headers["Idempotency-Key"])
    assert sent(create(idempotency_key=GROUP)).headers["Idempotency-Key"] == GROUP
    with pytest.raises(InvalidCommandError, match="idempotency_key must be an id of 26"):
        create(idempotency_key="b551326b-ac9d-4d32-8823-4f025787dab9")
    assert CreateAllocationTemplate.retry_safety() is RetrySafety.IDEMPOTENCY_KEY


@pytest.mark.parametrize(
    ("location", "template_id"),
    [
        (f"https://api.cint.com/v1/demand/accounts/101/allocation-templates/{GROUP}", GROUP),
        (f"/demand/accounts/101/allocation-templates/{GROUP}/", GROUP),
        (GROUP, GROUP),
        (f"/templates/{GROUP}?version=1", GROUP),
        ("/demand/accounts/101/allocation-templates", None),
        ("https://[", None),
        ("", None),
    ],
)
def test_the_id_of_a_new_template_is_in_its_location(location: str, template_id: str | None) -> None:
    """A URL, a path and a bare id name the template; anything else names none, although it was created."""
    created = answer(create(), status=201, headers={"Location": location})
    assert (created.location, created.template_id) == (location, template_id)


def test_a_template_without_a_location_was_created_all_the_same() -> None:
    """A 201 without the header is a success whose id is unknown."""
    assert answer(create(), status=201).template_id is None


def test_a_template_that_was_read_is_written_back() -> None:
    """Names of suppliers and the suppliers of the exchange are left out; an unknown kind is sent as it was read."""
    template = read({"ETag": 'W/"4"'})
    update = UpdateAllocationTemplate(
        template_id=GROUP,
        name=template.name,
        supply_allocations=template.supply_allocations,
        if_match=template.etag,
    )
    request = sent(update)
    assert request.headers["If-Match"] == 'W/"4"'
    assert request.body["supply_allocations"] == [*WRITTEN, {"type": "reserved", "percentage": 7}]
    assert update.retry_safety() is RetrySafety.IF_MATCH


def test_each_kind_of_allocation_has_its_class() -> None:
    """The tag decides on the class; unknown kinds and types of suppliers are kept."""
    blocked, group, exchange, other = read().supply_allocations
    assert isinstance(blocked, BlockedSuppliers)
    assert blocked.suppliers == (
        TemplateSupplier(supplier_id=3334, name="BCD Panels", type=SupplierType.SURVEY_PANELS),
    )
    assert isinstance(group, GroupShare)
    assert isinstance(exchange, ExchangeShare)
    assert (exchange.percentage_min, exchange.suppliers[0].type) == (None, "novel")
    assert other == OtherAllocation(type="reserved", content={"percentage": 7})
    assert blocked.to_dict()["type"] == "blocked"


@pytest.mark.parametrize("broken", [{"suppliers": [{"name": "no id"}]}, {"suppliers": None}, {"suppliers": "3334"}])
def test_a_template_that_cannot_be_read_loses_no_allocation(broken: dict[str, Any]) -> None:
    """An unreadable allocation is an error: an update without it would remove it."""
    body = {**READ, "supply_allocations": [{"type": "blocked", **broken}]}
    with pytest.raises(DecodeError, match="supply_allocations"):
        answer(GetAllocationTemplate(template_id=GROUP), body)


def test_the_system_template_has_neither_id_nor_tag() -> None:
    """The system's template is read for a market; it cannot be changed."""
    template = answer(
        GetSystemAllocationTemplate(locale="eng_us"), {"name": "System", "supply_allocations": [WRITTEN[2]]}
    )
    assert (template.template_id, template.etag) == (None, "")


def test_global_templates_are_of_no_account() -> None:
    """The account of the client is not sent."""
    assert sent(ListGlobalAllocationTemplates(page_size=5)).path == "/demand/allocation-templates"


TEXT: Any = "60"
REFUSED: list[tuple[Any, str]] = [
    (ExchangeShare(percentage_max=101), r"\[0\] must have shares from 0 to 100"),
    (ExchangeShare(percentage_min=-1, percentage_max=1), "the lower one first; got -1 to 1"),
    (GroupShare(name="g", percentage_min=9, percentage_max=8, suppliers=[1]), "the lower one first"),
    (GroupShare(name="", percentage_max=8, suppliers=[1]), r"\[0\] must have a name"),
    (BlockedSuppliers(suppliers=[1, 1]), r"\[0\].suppliers must be the numbers of suppliers, each of them once"),
    (BlockedSuppliers(suppliers=[-1]), "must be the numbers of suppliers"),
    (ExchangeShare(percentage_max=TEXT), r"invalid value for supply_allocations\[0\].percentage_max"),
    (BlockedSuppliers(suppliers=["Ace"]), r"\[0\].suppliers\[0\].supplier_id"),
    ("blocked", "invalid value for supply_allocations"),
]


@pytest.mark.parametrize(("entry", "problem"), REFUSED)
def test_allocations_that_the_api_refuses_are_not_sent(entry: Any, problem: str) -> None:
    """The bounds are checked when the command is made; the error names the part."""
    with pytest.raises(InvalidCommandError, match=problem) as caught:
        create(entry)
    assert caught.value.field == "supply_allocations"


def test_names_of_groups_are_distinct() -> None:
    """Two groups of one name are refused."""
    group = GroupShare(name="g", percentage_max=8, suppliers=[1])
    with pytest.raises(InvalidCommandError, match=r"\[1\] must have a name that no other group has; got 'g'"):
        create(group, group)
