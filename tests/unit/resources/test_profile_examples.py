"""The contract's own examples of profiling are read, written and valid, if a copy of the contract is present."""

from decimal import Decimal
from typing import Any, Final

import pytest
from support.contract_check import Contract as Checker
from support.published_contract import CONTRACT, Contract, load_document

from fieldingkit.converter import structure
from fieldingkit.leniency import structure_tolerantly
from fieldingkit.resources.profile_checks import profile_problems, profiling_problems
from fieldingkit.resources.profile_writers import write_draft, write_feasibility, write_single
from fieldingkit.resources.profiles import AdjustmentType, Profile, ProfileKind, Profiling, TargetGroupProfiles

REQUESTS: Final = (
    "calculate_target_group_feasibility",
    "create_target_group",
    "generate_blended_profile",
    "manage_target_group_profiles",
    "update_target_group",
    "validate_profiles",
)
LAUNCHED: Final = ("list_profiles", "manage_target_group_profiles", "update_profile_filling_goal")
OPERATIONS: Final = {*REQUESTS, *LAUNCHED, "get_panel_distribution_draft", "get_target_group"}


@pytest.fixture(scope="session")
def contract() -> Contract:
    """The published contract."""
    if not CONTRACT.exists():
        pytest.skip(f"the published contract is not at hand: {CONTRACT}")
    return Contract(load_document(), OPERATIONS)


@pytest.fixture(scope="session")
def checker(contract: Contract) -> Checker:
    """A checker that accepts several alternatives: a target with a quota also matches the form without one."""
    return Checker(_lenient(contract.document))


def _lenient(node: Any) -> Any:
    if isinstance(node, list):
        return [_lenient(item) for item in node]
    if isinstance(node, float):
        return Decimal(str(node))
    if not isinstance(node, dict):
        return node
    return {"anyOf" if name == "oneOf" else name: _lenient(value) for name, value in node.items()}


def sent_example(contract: Contract, operation_id: str) -> Any:
    """Return the example of an operation's body."""
    schema = contract.operations[operation_id].body
    assert schema is not None
    return contract.resolve(schema)["example"]


def complaints(checker: Checker, profile: dict[str, Any], schema: str) -> list[str]:
    """Return the violations of the form of a profile that is meant."""
    form = 1 if profile["object"] == "blended" else 0
    return checker.schema_complaints({"$ref": f"#/components/schemas/{schema}/anyOf/{form}"}, _lenient(profile))


@pytest.mark.parametrize("operation_id", REQUESTS)
def test_examples_of_requests_are_read_and_written(contract: Contract, checker: Checker, operation_id: str) -> None:
    """Each example passes the checks; what is written is valid, and reads and writes the same."""
    feasible = operation_id == "calculate_target_group_feasibility"
    write = write_feasibility if feasible else write_draft
    schema = "FeasibilityRequestDraftRegularProfileV3" if feasible else "RequestDraftRegularProfileV3"
    profiling = structure(Profiling)(sent_example(contract, operation_id)["profiling"], Profiling)
    assert list(profiling_problems(profiling)) == []
    body = write(profiling)
    assert write(structure(Profiling)(body, Profiling)) == body
    assert [found for profile in body["profiles"] for found in complaints(checker, profile, schema)] == []


def test_the_example_of_a_single_profile_is_read_and_written(contract: Contract, checker: Checker) -> None:
    """The flat request has one profile and its adjustment type beside it. The example breaks one of the API's rules."""
    example = sent_example(contract, "get_panel_distribution_draft")
    profile = structure(Profile)(example["profile"], Profile)
    adjustment = AdjustmentType(example["profile_adjustment_type"])
    body = write_single(Profiling(profile_adjustment_type=adjustment, profiles=[profile]))
    assert list(profile_problems(profile, adjustment)) == [" is regular, but about several questions: make it blended"]
    assert complaints(checker, body["profile"], "RequestDraftRegularProfileV3") == []


@pytest.mark.parametrize("operation_id", LAUNCHED)
@pytest.mark.parametrize("adjustment", sorted(AdjustmentType))
def test_profiles_of_a_launched_group_can_be_sent_back(
    contract: Contract, checker: Checker, operation_id: str, adjustment: AdjustmentType
) -> None:
    """The profiles of a launched target group are valid profiling for both adjustment types."""
    for example in contract.operations[operation_id].examples:
        read = structure_tolerantly(lambda: example, TargetGroupProfiles)  # noqa: B023  # called at once
        assert (read.undecoded, bool(read.profiles)) == ((), True)
        profiling = Profiling(profile_adjustment_type=adjustment, profiles=read.profiles)
        assert list(profiling_problems(profiling)) == []
        for profile in write_draft(profiling)["profiles"]:
            assert complaints(checker, profile, "RequestDraftRegularProfileV3") == []


def test_the_profiling_of_a_draft_can_be_sent_back(contract: Contract, checker: Checker) -> None:
    """The profiling of a draft is valid for an update, and for feasibility."""
    for example in contract.operations["get_target_group"].examples:
        profiling = structure(Profiling)(example["profiling"], Profiling)
        assert list(profiling_problems(profiling)) == []
        assert {profile.object for profile in profiling.profiles} <= set(ProfileKind)
        for write, schema in (
            (write_draft, "RequestDraftRegularProfileV3"),
            (write_feasibility, "FeasibilityRequestDraftRegularProfileV3"),
        ):
            assert [found for one in write(profiling)["profiles"] for found in complaints(checker, one, schema)] == []
