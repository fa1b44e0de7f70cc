"""The Fielding Assistant's assignment is read, changed and written as a whole."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from support.resource_wire import GROUP, GROUP_PATH, OTHER, PROJECT, answer, sent

from fieldingkit.errors import InvalidCommandError
from fieldingkit.idempotency import RetrySafety
from fieldingkit.resources.fielding_assistant import (
    FieldingAssistantAssignment,
    GetFieldingAssistantAssignment,
    Pacing,
    PacingType,
    Pricing,
    PricingType,
    PutFieldingAssistantAssignment,
    QuotaOverlay,
    SoftLaunch,
)
from fieldingkit.resources.money import Money

PATH = f"{GROUP_PATH}/fielding-assistant-assignment"
GET = GetFieldingAssistantAssignment(project_id=PROJECT, target_group_id=GROUP)
WHOLE: dict[str, Any] = {
    "pricing": {
        "type": "dynamic",
        "total_budget": {"value": "1500.00", "currency_code": "USD", "currency_scale": 2},
        "minimum_cpi": {"value": "1.25", "currency_code": "USD"},
        "unlock_max_budget_usage": True,
    },
    "quota_overlay": {"prevent_overfill": True, "balance_fill": False},
    "pacing": {"type": "gemini", "exposed_target_group_id": OTHER},
    "soft_launch": {
        "end_at": "2026-03-01T12:00:00.000Z",
        "filling_goal_percentage": 10,
        "demographics_strictness_percentage": 0,
    },
    "new_module": {"level": 3},
}


def put(assignment: FieldingAssistantAssignment, **fields: Any) -> PutFieldingAssistantAssignment:
    """Return the command that writes an assignment."""
    return PutFieldingAssistantAssignment(project_id=PROJECT, target_group_id=GROUP, assignment=assignment, **fields)


def test_all_four_modules_are_read() -> None:
    """Every module is typed, and the ETag comes from the header unchanged."""
    read = answer(GET, WHOLE, headers={"ETag": 'W/"7"'})
    assert read.pricing is not None
    assert read.pricing.type is PricingType.DYNAMIC
    assert read.pricing.total_budget == Money(value=Decimal("1500.00"), currency_code="USD", currency_scale=2)
    assert read.pricing.maximum_cpi is None
    assert read.quota_overlay == QuotaOverlay(prevent_overfill=True, balance_fill=False)
    assert read.pacing == Pacing(type=PacingType.GEMINI, exposed_target_group_id=OTHER)
    assert read.soft_launch == SoftLaunch(
        end_at=datetime(2026, 3, 1, 12, tzinfo=UTC), filling_goal_percentage=10, demographics_strictness_percentage=0
    )
    assert read.etag == 'W/"7"'


def test_modules_that_are_off_are_none() -> None:
    """A null module and a missing module are both off."""
    read = answer(GET, {"pricing": None, "quota_overlay": None, "pacing": None})
    assert read == FieldingAssistantAssignment()


def test_new_kinds_of_module_are_read() -> None:
    """A way of pacing that this release does not know is kept verbatim."""
    read = answer(GET, {"pacing": {"type": "burst", "increment_interval": "P1D", "burst": 4}})
    assert read.pacing is not None
    assert (read.pacing.type.value, read.pacing.type.known, read.pacing.others) == ("burst", False, {"burst": 4})


def test_an_assignment_is_written_back_completely() -> None:
    """Writing an unchanged assignment sends everything that was read, unknown members included."""
    request = sent(put(answer(GET, WHOLE, headers={"ETag": 'W/"7"'})))
    assert (request.method, request.path, request.query) == ("PUT", PATH, [])
    assert request.body == WHOLE
    assert request.headers == {"Content-Type": "application/json", "If-Match": 'W/"7"'}


def test_a_change_keeps_the_rest_and_the_tag() -> None:
    """Changing one module keeps the others and the ETag that guards the write."""
    changed = answer(GET, WHOLE, headers={"ETag": '"7"'}).replace(
        pacing=Pacing(type=PacingType.LINEAR, increment_interval="PT12H"), soft_launch=None
    )
    request = sent(put(changed))
    assert request.body == {
        name: {"type": "linear", "increment_interval": "PT12H"} if name == "pacing" else module
        for name, module in WHOLE.items()
        if name != "soft_launch"
    }
    assert request.headers["If-Match"] == '"7"'


def test_all_modules_can_be_switched_off() -> None:
    """An assignment without modules is sent as an empty object, not as no body."""
    assert sent(put(FieldingAssistantAssignment(etag='"7"'))).body == {}


def test_an_assignment_that_was_not_read_is_refused() -> None:
    """Without an ETag a write would replace an assignment that was never read."""
    with pytest.raises(InvalidCommandError, match="no etag") as caught:
        put(FieldingAssistantAssignment(pricing=Pricing(type=PricingType.RATE_CARD)))
    assert caught.value.field == "assignment"


def test_the_first_assignment_is_guarded_too() -> None:
    """The first assignment is sent with ``If-None-Match``, so that the API rejects a second creation."""
    first = FieldingAssistantAssignment(
        pricing=Pricing(type=PricingType.RATE_CARD, boost_cpi=Money(value=Decimal("0.50"), currency_code="EUR"))
    )
    request = sent(put(first, if_none_match="*"))
    assert request.headers == {"Content-Type": "application/json", "If-None-Match": "*"}
    assert request.body == {
        "pricing": {"type": "rate_card", "boost_cpi": {"value": "0.50", "currency_code": "EUR"}},
    }


def test_an_assignment_is_either_the_first_or_read() -> None:
    """An ETag and ``if_none_match`` exclude each other."""
    with pytest.raises(InvalidCommandError, match="first assignment"):
        put(FieldingAssistantAssignment(etag='"7"'), if_none_match="*")


def test_a_naive_end_is_refused() -> None:
    """A soft launch's end needs a time zone."""
    with pytest.raises(InvalidCommandError, match="end_at"):
        SoftLaunch(
            end_at=datetime.fromisoformat("2026-03-01T12:00:00"),
            filling_goal_percentage=10,
            demographics_strictness_percentage=0,
        )


def test_a_write_is_guarded_by_its_tag() -> None:
    """A write is protected by ``If-Match``, which follows a replaced assignment."""
    assert PutFieldingAssistantAssignment.retry_safety() is RetrySafety.IF_MATCH
    changed = put(FieldingAssistantAssignment(etag='"7"')).replace(assignment=FieldingAssistantAssignment(etag='"8"'))
    assert changed.if_match == '"8"'


def test_a_write_gives_nothing() -> None:
    """The API answers without content."""
    assert answer(put(FieldingAssistantAssignment(etag='"7"')), status=204) is None
