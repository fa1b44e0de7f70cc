"""The contract's own examples of drafts are read and written back, if a copy of the contract is present."""

from copy import deepcopy
from typing import Any, Final

import pytest
from support.contract_check import load_contract
from support.published_contract import CONTRACT, Contract, load_document
from support.resource_wire import GROUP, PROJECT, answer, sent

from fieldingkit.resources.target_group_drafts import CreateTargetGroup, GetTargetGroup, UpdateTargetGroup

IDS: Final[dict[str, Any]] = {"project_id": PROJECT, "target_group_id": GROUP}
OPERATIONS: Final = ("create_target_group", "get_target_group", "update_target_group")
NOT_WRITTEN: Final = {"created_at", "human_readable_id", "links", "pricing_model"}
OWN_FORM: Final = {"allocations", "exclusion", "fielding_assistant_assignment", "profiling"}


@pytest.fixture(scope="session")
def contract() -> Contract:
    """The published contract."""
    if not CONTRACT.exists():
        pytest.skip(f"the published contract is not at hand: {CONTRACT}")
    return Contract(load_document(), OPERATIONS)


def example_of(contract: Contract, operation_id: str) -> dict[str, Any]:
    """Return the example of a request, or of the answer of a read."""
    operation = contract.operations[operation_id]
    if operation.body is not None:
        return deepcopy(contract.resolve(operation.body)["example"])
    return deepcopy(operation.examples[0] if operation.examples else _schema_example(contract, operation.answer or {}))


def _schema_example(contract: Contract, schema: dict[str, Any]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for part in contract.resolve(schema).get("allOf", [schema]):
        merged |= contract.resolve(part).get("example", {})
    return merged


@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_the_example_of_a_draft_can_be_written_back(contract: Contract, operation_id: str) -> None:
    """Each example is read without loss; the update and the copy of it are valid, and their plain settings the same."""
    example = example_of(contract, operation_id)
    assert len(example) > 20
    example["fielding_assistant_assignment"]["pacing"]["increment_interval"] = "P1D"  # it is "string"
    draft = answer(GetTargetGroup(**IDS), example)
    assert (draft.undecoded, draft.others) == ((), {})
    checker = load_contract()
    assert checker is not None
    update, copy = UpdateTargetGroup.of(draft, **IDS), CreateTargetGroup.of(draft, project_id=PROJECT)
    for command, schema in ((update, "UpdateDraftTargetGroupRequest"), (copy, "CreateDraftTargetGroupRequest")):
        body = sent(command).body
        assert checker.schema_complaints({"$ref": f"#/components/schemas/{schema}"}, body) == []
        for name in set(example) - NOT_WRITTEN - OWN_FORM:
            assert body[name] == example[name], name
