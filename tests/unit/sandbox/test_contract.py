"""The route table and the answers of the sandbox, checked against the published contract."""

import attrs
import pytest
from support.contract_check import KNOWN_FAULTS, Contract, load_contract
from support.published_contract import CONTRACT, load_document
from support.sandbox_caller import Caller

from fieldingkit.sandbox import Sandbox, routes

needs_contract = pytest.mark.skipif(not CONTRACT.exists(), reason="the published contract is not at hand")


@pytest.fixture
def contract() -> Contract:
    """Return the published contract."""
    loaded = load_contract()
    assert loaded is not None
    return loaded


@needs_contract
def test_every_route_is_in_the_contract() -> None:
    """Every route has the contract's method, path and operation id; both fielding tags are complete."""
    published = {
        (method.upper(), path, operation["operationId"]): operation["tags"][0]
        for path, item in load_document()["paths"].items()
        for method, operation in item.items()
        if "operationId" in operation
    }
    fielding = {route for route, tag in published.items() if tag in {"Fielding", "Fielding (Batch)"}}
    assert len(fielding) == 22
    assert fielding <= set(routes()) <= set(published)


def test_routes_are_unique() -> None:
    """No operation and no path is listed twice."""
    assert len({operation_id for _, _, operation_id in routes()}) == len(routes())
    assert len({(method, path) for method, path, _ in routes()}) == len(routes())


@needs_contract
async def test_the_check_reports_a_wrong_answer(sandbox: Sandbox, call: Caller, contract: Contract) -> None:
    """The check reports a missing field, a wrong type, a missing header and an undocumented status."""
    group = sandbox.seed(live=1).groups[0]
    await call("GET", call.run_path(group))
    (exchange,) = sandbox.requests
    answer = exchange.answer
    assert answer is not None
    assert contract.complaints(exchange) == []
    for wrong in (
        attrs.evolve(answer, body=b'{"id": "1"}'),
        attrs.evolve(answer, body=answer.body.replace(b'"version":1', b'"version":"1"')),
        attrs.evolve(answer, body=answer.body.replace(b'"live"', b'"Live"')),
        attrs.evolve(answer, body=answer.body.replace(b'Z"', b'"')),
        attrs.evolve(answer, headers={"Content-Type": "application/json"}),
        attrs.evolve(answer, headers={"ETag": 'W/"1"'}),
        attrs.evolve(answer, status=418),
    ):
        exchange.answer = wrong
        assert contract.complaints(exchange)
    exchange.answer = answer


def test_every_known_fault_has_a_name_and_a_sentence() -> None:
    """Each known fault of the contract has a name and a sentence."""
    assert all(name.isalnum() and sentence.endswith(".") for name, sentence in KNOWN_FAULTS.items())
