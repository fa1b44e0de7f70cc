"""Allocations: one model for all of the API's forms, its writers, and the checks before sending."""

import json
from typing import Any, ClassVar

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.contract_check import load_contract

from fieldingkit.codec import encode
from fieldingkit.commands import AccountCommand, Endpoint
from fieldingkit.converter import structure
from fieldingkit.errors import InvalidCommandError
from fieldingkit.resources.allocations import (
    AllocatedSupplier,
    AllocationGroup,
    Allocations,
    OpenExchange,
    PrivateExchange,
    allocatable,
    write_draft,
    write_feasibility,
    write_new_draft,
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
    for write, schema in (
        (write_draft, "UpdateDraftSupplyAllocationGroupRequest"),
        (write_new_draft, "CreateDraftAllocationSpecificationGroupRequest"),
        (write_feasibility, "TargetGroupFeasibilityRequestAllocationSpecification"),
    ):
        assert contract.schema_complaints({"$ref": f"#/components/schemas/{schema}"}, write(allocations)) == []


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
