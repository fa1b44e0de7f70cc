"""Allocations: one model for all of the API's forms, its writers, and the checks before sending."""

import json
from typing import Any, ClassVar

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.contract_check import load_contract
from support.resource_wire import GROUP as GROUP_ID
from support.resource_wire import GROUP_PATH, PROJECT, answer, sent

from fieldingkit.codec import encode
from fieldingkit.commands import AccountCommand, Endpoint
from fieldingkit.converter import structure
from fieldingkit.errors import DecodeError, InvalidCommandError
from fieldingkit.idempotency import RetrySafety
from fieldingkit.resources.allocation_requests import (
    allocatable,
    write_draft,
    write_feasibility,
    write_new_draft,
    write_specification,
)
from fieldingkit.resources.allocations import (
    AllocatedSupplier,
    AllocationGroup,
    Allocations,
    BusinessUnitTemplate,
    GetAllocationSpecification,
    GetSystemTemplateForBusinessUnit,
    OpenExchange,
    PrivateExchange,
    UpdateAllocationSpecification,
)

GROUP = {"group_id": "7", "group_name": "Best", "min_percentage": 10, "max_percentage": 50}
ANSWER: dict[str, Any] = {
    "open_exchange_allocations": {
        "exchange_suppliers": [{"id": 980, "name": "Test Supplier"}],
        "blocked_suppliers": [{"id": 3334, "name": "BCD Panels"}],
        "exchange_min_percentage": 20,
        "exchange_max_percentage": 90,
        "groups": [{**GROUP, "suppliers": [{"id": 4321, "name": "Aztec"}, {"id": 4350, "name": "Bora"}]}],
    },
    "private_exchange_allocations": {
        "blocked_suppliers": [],
        "groups": [{**GROUP, "group_name": "Own", "supplier": {"id": 1966, "name": "Own panel"}}],
    },
}
REQUEST: dict[str, Any] = {
    "open_exchange_allocations": {
        "blocked_supplier_ids": ["3334"],
        "exchange_min_percentage": 20,
        "exchange_max_percentage": 90,
        "groups": [{**GROUP, "suppliers": ["4321", "4350"]}],
    },
    "private_exchange_allocations": {
        "blocked_supplier_ids": [],
        "groups": [{**GROUP, "group_name": "Own", "supplier_id": "1966"}],
    },
}


def read(body: dict[str, Any]) -> Allocations:
    """Return allocations as an answer has them."""
    allocations: Allocations = structure(Allocations)(body, Allocations)
    return allocations


def test_allocations_that_were_read_are_sent_back_as_a_request() -> None:
    """Objects with names become ids; an update keeps the ids of groups, a new draft and feasibility have none."""
    allocations = read(ANSWER)
    assert allocations.open_exchange_allocations.groups[0].suppliers[0] == AllocatedSupplier(id="4321", name="Aztec")
    assert write_draft(allocations) == REQUEST
    renamed = json.loads(json.dumps(REQUEST).replace('"suppliers"', '"supplier_ids"'))
    assert write_specification(allocations) == renamed
    without_ids = json.loads(json.dumps(REQUEST).replace('"group_id": "7", ', ""))
    assert write_new_draft(allocations) == write_feasibility(allocations) == without_ids


def test_the_form_of_a_request_is_read_as_well() -> None:
    """An answer in the form of a request loses nothing: its suppliers are ids without names."""
    assert write_draft(read(REQUEST)) == REQUEST
    renamed = json.loads(json.dumps(REQUEST).replace('"suppliers"', '"supplier_ids"'))
    assert write_draft(read(renamed)) == REQUEST


def test_allocations_are_open_by_default() -> None:
    """Open allocations admit everybody; only feasibility needs the private exchange."""
    opened = {"blocked_supplier_ids": [], "exchange_min_percentage": 0, "exchange_max_percentage": 100, "groups": []}
    assert write_draft(Allocations.open()) == {"open_exchange_allocations": opened}
    private = {"blocked_supplier_ids": [], "groups": []}
    assert write_feasibility(Allocations.open())["private_exchange_allocations"] == private
    assert read({"open_exchange_allocations": {"groups": None}}) == Allocations.open()


def test_suppliers_are_given_by_number_text_or_as_read() -> None:
    """The id of a definition, its text and a supplier that was read are the same supplier."""
    given_ids = AllocationGroup(group_name="g", suppliers=[7, "8", AllocatedSupplier(id="9")])
    assert [supplier.id for supplier in given_ids.suppliers] == ["7", "8", "9"]
    assert OpenExchange(blocked_suppliers="7") == OpenExchange(blocked_suppliers=7)


number = st.integers(0, 9999).map(str)
ids = st.lists(number, unique=True, max_size=3)
shares = st.tuples(st.integers(0, 100), st.integers(0, 100)).map(sorted)


def groups(suppliers: st.SearchStrategy[list[str]]) -> st.SearchStrategy[list[AllocationGroup]]:
    """Return a strategy of groups with distinct names."""
    group = st.builds(
        lambda name, share, members, group_id: AllocationGroup(
            group_name=name, min_percentage=share[0], max_percentage=share[1], suppliers=members, group_id=group_id
        ),
        st.text(min_size=1, max_size=5),
        shares,
        suppliers,
        st.none() | st.uuids().map(str),
    )
    return st.lists(group, unique_by=lambda one: one.group_name, max_size=3)


valid = st.builds(
    lambda blocked, share, grouped, private: Allocations(
        open_exchange_allocations=OpenExchange(
            blocked_suppliers=blocked,
            exchange_min_percentage=share[0],
            exchange_max_percentage=share[1],
            groups=grouped,
        ),
        private_exchange_allocations=private,
    ),
    ids,
    shares,
    groups(ids),
    st.none() | st.builds(PrivateExchange, blocked_suppliers=ids, groups=groups(st.tuples(number).map(list))),
)


@attrs.frozen(kw_only=True)
class Send(AccountCommand[None]):
    """A command with allocations."""

    endpoint: ClassVar[Endpoint] = Endpoint("POST", "/accounts/{account_id}/supply", operation_id="post_supply")
    allocations: Allocations | None = attrs.field(default=None, validator=allocatable, metadata={"write": write_draft})


@given(valid)
def test_valid_allocations_are_written_and_read_back(allocations: Allocations) -> None:
    """Any allocations that pass the checks are read back as they were written, and are valid in each request."""
    request = encode(Send(allocations=allocations), account_id="1", headers={})
    body = json.loads(request.body or b"")["allocations"]
    assert write_draft(read(body)) == body
    contract = load_contract()
    if contract is None:
        return
    private = allocations.private_exchange_allocations or PrivateExchange()
    whole = attrs.evolve(allocations, private_exchange_allocations=private)
    for write, schema in (
        (write_draft, "UpdateDraftSupplyAllocationGroupRequest"),
        (write_specification, "SupplyAllocationUpdateRequest"),
        (write_new_draft, "CreateDraftAllocationSpecificationGroupRequest"),
        (write_feasibility, "TargetGroupFeasibilityRequestAllocationSpecification"),
    ):
        assert contract.schema_complaints({"$ref": f"#/components/schemas/{schema}"}, write(whole)) == []


def of(*grouped: AllocationGroup, private: bool = False, **opened: Any) -> Allocations:
    """Return allocations with groups."""
    if private:
        return Allocations(private_exchange_allocations=PrivateExchange(groups=grouped, **opened))
    return Allocations(open_exchange_allocations=OpenExchange(groups=grouped, **opened))


def group(name: str = "g", **members: Any) -> AllocationGroup:
    """Return a group."""
    return AllocationGroup(group_name=name, **members)


REFUSED: list[tuple[Allocations, str]] = [
    (of(exchange_min_percentage=-1), r"open_exchange_allocations must have shares from 0 to 100"),
    (of(exchange_max_percentage=101), "must have shares from 0 to 100"),
    (of(exchange_min_percentage=60, exchange_max_percentage=40), "the lower one first; got 60 to 40"),
    (of(group(min_percentage=2, max_percentage=1)), r"groups\[0\] must have shares"),
    (of(group(), group()), r"groups\[1\] must have a name that no other group has; got 'g'"),
    (of(group("")), r"groups\[0\] must have a name"),
    (of(group(suppliers=["4321", "4321"])), r"groups\[0\].suppliers must not name a supplier twice"),
    (of(group(suppliers=["Aztec"])), "must be the numbers of suppliers; got 'Aztec'"),
    (of(blocked_suppliers=["\uff11"]), r"blocked_suppliers must be the numbers of suppliers"),
    (of(group(), private=True), r"private_exchange_allocations.groups\[0\] must have exactly one supplier; got 0"),
    (of(group(suppliers=["1", "2"]), private=True), "must have exactly one supplier; got 2"),
    (of(group(min_percentage="10")), r"invalid value for .*groups\[0\].min_percentage: '10'|invalid value for"),
    (of(group(min_percentage=True)), "invalid value for"),
]


@pytest.mark.parametrize(("allocations", "problem"), REFUSED)
def test_allocations_that_the_api_refuses_are_not_sent(allocations: Allocations, problem: str) -> None:
    """The bounds are checked when the command is made; the error names the part."""
    with pytest.raises(InvalidCommandError, match=f"Send: (allocations.*)?{problem}") as caught:
        Send(allocations=allocations)
    assert caught.value.field == "allocations"


@pytest.mark.parametrize("wrong", [7, "x", [], {}, OpenExchange()])
def test_values_that_are_no_allocations_are_refused(wrong: Any) -> None:
    """A value of another class is an invalid command."""
    with pytest.raises(InvalidCommandError, match="allocations"):
        Send(allocations=wrong)


def test_counters_are_read_and_never_sent() -> None:
    """Completes, prescreens and conversion of suppliers and groups are read; a write leaves them out."""
    counted = json.loads(json.dumps(ANSWER))
    opened = counted["open_exchange_allocations"]
    opened["blocked_suppliers"][0] |= {"completes": 3, "pre_screens": None}
    opened["groups"][0] |= {"conversion_rate": 0.5, "completes": 4, "prescreens": 8, "total_remaining": 46}
    read_back = read(counted).open_exchange_allocations
    assert read_back.blocked_suppliers == (AllocatedSupplier(id="3334", name="BCD Panels", completes=3),)
    (found,) = read_back.groups
    assert (found.conversion_rate, found.completes, found.prescreens, found.total_remaining) == (0.5, 4, 8, 46)
    assert write_draft(read(counted)) == REQUEST


@pytest.mark.parametrize("part", ["blocked_suppliers", "groups", "exchange_min_percentage"])
def test_allocations_that_cannot_be_read_are_no_open_ones(part: str) -> None:
    """An unreadable part is an error: without it, blocked suppliers would seem to be admitted."""
    broken = {**ANSWER, "open_exchange_allocations": {**ANSWER["open_exchange_allocations"], part: [{"id": []}]}}
    with pytest.raises(DecodeError, match=rf"open_exchange_allocations\.{part}"):
        answer(GetAllocationSpecification(project_id=PROJECT, target_group_id=GROUP_ID), broken)


def test_an_update_names_both_exchanges() -> None:
    """The update replaces the private exchange, too, so that it is not left out by accident."""
    ids = {"project_id": PROJECT, "target_group_id": GROUP_ID}
    with pytest.raises(InvalidCommandError, match=r"replaces the private exchange, too.*PrivateExchange\(\)") as caught:
        UpdateAllocationSpecification(**ids, allocations=Allocations.open())
    assert caught.value.field == "allocations"
    request = sent(UpdateAllocationSpecification(**ids, allocations=read(ANSWER)))
    assert (request.method, request.path) == ("PUT", f"{GROUP_PATH}/allocation-specification")
    assert request.body == write_specification(read(ANSWER))
    assert UpdateAllocationSpecification.retry_safety() is RetrySafety.NONE


def test_a_test_supplier_gets_everything() -> None:
    """The suppliers that alone are admitted share the whole goal, and the others get nothing."""
    alone = OpenExchange.only(980)
    assert (alone.exchange_min_percentage, alone.exchange_max_percentage) == (0, 0)
    (found,) = alone.groups
    assert (found.min_percentage, found.max_percentage) == (100, 100)
    assert found.suppliers == (AllocatedSupplier(id="980"),)
    with pytest.raises(InvalidCommandError, match="at least one supplier"):
        OpenExchange.only()


def test_a_blocked_supplier_leaves_its_group() -> None:
    """A supplier is blocked once, under its name, and is in no group any more; the others stay as they are."""
    before = read(ANSWER).open_exchange_allocations
    after = before.blocking(4321)
    assert after.blocked_suppliers == (*before.blocked_suppliers, AllocatedSupplier(id="4321", name="Aztec"))
    assert [supplier.id for supplier in after.groups[0].suppliers] == ["4350"]
    assert after.blocking("4321") == after
    assert before.blocking(980).exchange_suppliers == ()


def test_the_last_supplier_of_a_group_is_not_blocked() -> None:
    """A group whose share no supplier could fill is refused, with what to do."""
    with pytest.raises(InvalidCommandError, match=r"supplier 980 is the only one of the group 'Only these'"):
        OpenExchange.only(980).blocking(980)


def test_a_template_of_a_business_unit_is_read_as_allocations() -> None:
    """The longer names of a template's suppliers are read as those of a target group's."""
    template = answer(
        GetSystemTemplateForBusinessUnit(business_unit_id="1234", locale="eng_us"),
        {
            "template_name": "System",
            "open_exchange_allocations": {
                "exchange_suppliers": [{"supplier_id": "13512", "supplier_name": "A"}],
                "exchange_min_percentage": 0,
                "exchange_max_percentage": 100,
            },
            "private_exchange_allocations": {"blocked_suppliers": [{"supplier_id": "7", "supplier_name": "B"}]},
        },
    )
    assert template.allocations is not None
    assert template.allocations.open_exchange_allocations.exchange_suppliers == (
        AllocatedSupplier(id="13512", name="A"),
    )
    assert write_specification(template.allocations)["private_exchange_allocations"]["blocked_supplier_ids"] == ["7"]
    assert BusinessUnitTemplate().allocations is None
