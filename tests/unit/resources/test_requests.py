"""Every command as it is sent, with its required fields alone and with all of them, against the published contract."""

from fnmatch import fnmatchcase
from typing import Final

import pytest
from support.command_samples import command_samples
from support.contract_check import Contract, load_contract
from support.resource_wire import commands_by_operation, sent

COMMANDS: Final = commands_by_operation()
CLIENTS_OWN: Final = {"Cint-API-Version": "2025-12-18", "Authorization": "key"}
"""The headers that a client adds to its requests."""

NOT_SENT: Final = {
    ("calculate_target_group_feasibility*", "price"): "An alias of cost_per_interview, which takes precedence.",
}
"""The members of bodies that no command has: operation (a pattern), member, and reason."""


@pytest.fixture(scope="session")
def contract() -> Contract:
    """Return the published contract."""
    found = load_contract()
    if found is None:
        pytest.skip("the published contract is not at hand")
    return found


@pytest.mark.parametrize("operation_id", sorted(COMMANDS))
def test_a_request_is_as_the_contract_has_it(operation_id: str, contract: Contract) -> None:
    """Headers, query and body agree with the contract; the body has every member that the contract has."""
    unused = contract.body_members(operation_id)
    for command in command_samples(COMMANDS[operation_id]):
        request = sent(command)
        found = contract.request_complaints(
            operation_id,
            headers={**request.headers, **CLIENTS_OWN},
            query=request.query,
            body=request.body,
            media_type=request.headers.get("Content-Type", "").partition(";")[0],
        )
        found += contract.query_complaints(operation_id, request.query)
        assert not found, (command, request.body)
        unused -= set(request.body) if isinstance(request.body, dict) else set()
    expected = {member for pattern, member in NOT_SENT if fnmatchcase(operation_id, pattern)}
    assert unused == expected
