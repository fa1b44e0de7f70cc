"""The details of launched target groups."""

from decimal import Decimal
from typing import Any

import pytest
from support.resource_wire import GROUP, GROUP_PATH, PROJECT, sent

from fieldingkit.errors import InvalidCommandError
from fieldingkit.idempotency import RetrySafety
from fieldingkit.resources.money import Money
from fieldingkit.resources.target_group_details import UpdateTargetGroupDetails

DETAILS: dict[str, Any] = {
    "name": "Women 18-34",
    "project_manager_id": "b551326b-ac9d-4d32-8823-4f025787dab9",
    "expected_length_of_interview_minutes": 12,
    "expected_incidence_rate": 0.29,
    "industry_lockout_code": "past_30_days",
    "live_url": "https://survey.example/live",
    "test_url": "https://survey.example/test",
}


def test_all_details_are_sent() -> None:
    """The body has every detail; the note is sent without its scale; nothing guards the command."""
    note = Money(value=Decimal("9.90"), currency_code="USD", currency_scale=2)
    command = UpdateTargetGroupDetails(
        project_id=PROJECT, target_group_id=GROUP, **DETAILS, client_cost_per_interview_note=note
    )
    request = sent(command)
    assert (request.method, request.path) == ("PUT", GROUP_PATH + "/details")
    assert request.body == {**DETAILS, "client_cost_per_interview_note": {"value": "9.90", "currency_code": "USD"}}
    assert command.retry_safety() is RetrySafety.NONE


@pytest.mark.parametrize("name", sorted(DETAILS))
def test_each_detail_is_required(name: str) -> None:
    """A detail that is left out is refused by name: the API would not keep the old one."""
    fields = {key: value for key, value in DETAILS.items() if key != name}
    with pytest.raises(InvalidCommandError, match=f"missing field {name}"):
        UpdateTargetGroupDetails(project_id=PROJECT, target_group_id=GROUP, **fields)


@pytest.mark.parametrize("wrong", [{"live_url": "http://a.example"}, {"expected_incidence_rate": 0.295}, {"name": "x"}])
def test_details_have_bounds(wrong: dict[str, Any]) -> None:
    """A URL without TLS, a finer incidence rate and a short name are refused by name."""
    with pytest.raises(InvalidCommandError) as caught:
        UpdateTargetGroupDetails(project_id=PROJECT, target_group_id=GROUP, **{**DETAILS, **wrong})
    assert caught.value.field in wrong
