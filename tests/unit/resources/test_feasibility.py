"""Feasibility: the same settings for plans and launched target groups, and one flat result."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from support.resource_wire import GROUP, GROUP_PATH, PROJECT, answer, sent

from fieldingkit.errors import DecodeError, InvalidCommandError
from fieldingkit.idempotency import RetrySafety
from fieldingkit.resources.allocations import Allocations, OpenExchange
from fieldingkit.resources.feasibility import CalculateFeasibility, CalculateTargetGroupFeasibility, Feasibility
from fieldingkit.resources.money import Money
from fieldingkit.resources.profiles import Profile, Profiling, Quota, Range, Target

IDS: dict[str, Any] = {"project_id": PROJECT, "target_group_id": GROUP}
START = datetime(2026, 12, 1, tzinfo=UTC)
PRICE = Money(value=Decimal("2.50"), currency_code="USD", currency_scale=2)
WRITTEN = {"value": "2.50", "currency_code": "USD"}
CONDITION = {"object": "range", "question_id": 42, "min": 18, "max": 34}
PROFILING = Profiling(
    profiles=[
        Profile(
            name="Age",
            targets=[
                Target(
                    conditions=[Range(question_id=42, min=18, max=34)],
                    quota=Quota(completes_goal_percentage=100),
                    id="t",
                )
            ],
        )
    ]
)
PROFILING_WRITTEN = {
    "profile_adjustment_type": "percentage",
    "profiles": [
        {
            "object": "regular",
            "quotas_enabled": True,
            "targets": [{"conditions": [CONDITION], "quota": {"completes_goal_percentage": 100}}],
        }
    ],
}
SETTINGS: dict[str, Any] = {
    "locale": "eng_us",
    "expected_incidence_rate": 0.25,
    "expected_length_of_interview_minutes": 15,
    "completes_goal": 500,
    "start_at": START,
    "end_at": START + timedelta(days=10),
    "collects_pii": False,
    "cost_per_interview": PRICE,
    "rate_card_price_boost": PRICE,
    "step_days": 1.5,
    "profiling": PROFILING,
    "allocations": Allocations(open_exchange_allocations=OpenExchange(blocked_suppliers=["3334"])),
}
SHARED: dict[str, Any] = {
    "locale": "eng_us",
    "completes_goal": 500,
    "collects_pii": False,
    "cost_per_interview": WRITTEN,
    "rate_card_price_boost": WRITTEN,
    "step_days": 1.5,
    "profiling": PROFILING_WRITTEN,
    "allocations": {
        "open_exchange_allocations": {
            "blocked_supplier_ids": ["3334"],
            "exchange_min_percentage": 0,
            "exchange_max_percentage": 100,
            "groups": [],
        },
        "private_exchange_allocations": {"blocked_supplier_ids": [], "groups": []},
    },
}
PERIOD = {"start_at": "2026-12-01T00:00:00.000Z", "end_at": "2026-12-11T00:00:00.000Z"}
ANSWER: dict[str, Any] = {
    "suggested_price": {**WRITTEN, "currency_scale": 2},
    "suggested_price_range": {"min": WRITTEN, "max": {"value": "3.10", "currency_code": "USD"}},
    "suggested_completes_goal_range": {"min": 450, "max": 525},
    "profiles": [
        {
            "object": "regular",
            "targets": [
                {
                    "conditions": [CONDITION],
                    "quota": {
                        "min_completes": {"projected_completes_goal": 225},
                        "max_completes": {"projected_completes_goal": 262, "projected_completes_percentage": 50},
                    },
                },
                {
                    "conditions": [{**CONDITION, "min": 35, "max": 64}],
                    "quota": {
                        "min_completes": {"projected_completes_goal": 225},
                        "max_completes": {"projected_completes_goal": 263},
                    },
                },
            ],
        }
    ],
    "allocations": {
        "open_exchange_allocations": {
            "min_completes": 400,
            "max_completes": 475,
            "groups": [{"group_name": "Two", "min_completes": 10, "max_completes": 20}],
        },
        "private_exchange_allocations": {"groups": [{"group_name": "Own", "min_completes": 50, "max_completes": 50}]},
    },
}


def test_a_plan_is_sent_in_the_words_of_drafts() -> None:
    """Dates are members of the fielding specification, and the business unit is a number."""
    command = CalculateFeasibility(business_unit_id="1234", **SETTINGS)
    request = sent(command)
    assert (request.method, request.path) == ("POST", "/demand/accounts/101/target-groups/calculate-feasibility")
    assert request.body == {
        **SHARED,
        "business_unit_id": 1234,
        "expected_incidence_rate": 0.25,
        "expected_length_of_interview_minutes": 15,
        "fielding_specification": PERIOD,
    }
    assert command.retry_safety() is RetrySafety.READ


def test_the_same_fields_are_sent_for_a_launched_group() -> None:
    """The command for a launched group takes the same fields, which the API calls otherwise there."""
    command = CalculateTargetGroupFeasibility(**IDS, **SETTINGS)
    request = sent(command)
    assert (request.method, request.path) == ("POST", GROUP_PATH + "/calculate-feasibility")
    assert request.body == {**SHARED, "incidence_rate": 0.25, "length_of_interview": 15, **PERIOD}
    assert command.retry_safety() is RetrySafety.READ


def test_a_launched_group_needs_no_settings() -> None:
    """Without settings the body is an empty object: all are the group's own."""
    assert sent(CalculateTargetGroupFeasibility(**IDS)).body == {}


def test_the_result_is_flat() -> None:
    """Ranges and exchanges are fields of the result; each group of suppliers knows its exchange."""
    found = answer(CalculateTargetGroupFeasibility(**IDS), ANSWER)
    assert (found.completes_min, found.completes_max) == (450, 525)
    assert found.suggested_price == PRICE
    assert found.suggested_price_max == Money(value=Decimal("3.10"), currency_code="USD")
    assert (found.open_exchange_min, found.open_exchange_max) == (400, 475)
    groups = [(group.group_name, group.max_completes, group.is_private) for group in found.allocation_groups]
    assert groups == [("Two", 20, False), ("Own", 50, True)]
    assert found.profiles[0].targets[0].conditions == (Range(question_id=42, min=18, max=34),)


def test_rows_are_targets() -> None:
    """A row is a target, with the position of its profile; all rows have the same columns."""
    rows = answer(CalculateTargetGroupFeasibility(**IDS), ANSWER).rows()
    assert [row["profile"] for row in rows] == [0, 0]
    assert [row["max_completes.projected_completes_goal"] for row in rows] == [262, 263]
    assert rows[0].keys() == rows[1].keys()


def test_a_result_is_shown_in_one_line() -> None:
    """The display has the range and the price; a notebook shows the targets below; nothing unknown is made up."""
    found = answer(CalculateTargetGroupFeasibility(**IDS), ANSWER)
    assert repr(found) == "<Feasibility 450 to 525 completes, suggested price 2.50 USD>"
    assert found._repr_html_().count("<tr>") == 3
    alone = answer(CalculateTargetGroupFeasibility(**IDS), {"suggested_price": {}})
    assert repr(alone) == "<Feasibility no estimate of completes>"
    assert "<caption>Feasibility no estimate of completes</caption>" in alone._repr_html_()


def test_a_price_alone_is_a_result() -> None:
    """Only the suggested price is required; nothing else is made up."""
    found = answer(CalculateTargetGroupFeasibility(**IDS), {"suggested_price": WRITTEN})
    assert found == Feasibility(suggested_price=Money(value=Decimal("2.50"), currency_code="USD"))
    assert (found.rows(), found.undecoded) == ([], ())
    with pytest.raises(DecodeError, match="suggested_price"):
        answer(CalculateTargetGroupFeasibility(**IDS), {"suggested_completes_goal_range": {"min": 1, "max": 2}})


@pytest.mark.parametrize(
    ("changes", "undecoded"),
    [
        ({"suggested_completes_goal_range": [1, 2]}, ("$.completes_min", "$.completes_max")),
        ({"suggested_price_range": "cheap"}, ("$.suggested_price_min", "$.suggested_price_max")),
        ({"profiles": {}}, ("$.profiles",)),
        ({"allocations": {"open_exchange_allocations": {"groups": 7}}}, ("$.allocation_groups",)),
        ({"allocations": {"open_exchange_allocations": {"groups": [7]}}}, ("$.allocation_groups",)),
        ({"profiles": [{"targets": [{"quota": 7}]}]}, None),
    ],
)
def test_an_odd_part_costs_only_itself(changes: dict[str, Any], undecoded: tuple[str, ...] | None) -> None:
    """A part of another form is named as undecoded, and the price and all other parts are read."""
    found = answer(CalculateTargetGroupFeasibility(**IDS), {**ANSWER, **changes})
    assert found.suggested_price == PRICE
    expected = tuple(f"$.profiles[0].targets[0].{name}_completes" for name in ("min", "max"))
    assert found.undecoded == (expected if undecoded is None else undecoded)


@pytest.mark.parametrize(
    "wrong",
    [
        {"expected_incidence_rate": 0},
        {"expected_incidence_rate": 25},
        {"expected_length_of_interview_minutes": 46},
        {"completes_goal": 10_001},
        {"completes_goal": 0},
        {"step_days": -1},
        {"step_days": float("inf")},
        {"step_days": float("nan")},
        {"locale": "en_US"},
        {"end_at": START},
        {"end_at": datetime(2026, 12, 11)},
        {"cost_per_interview": 2.5},
        {"allocations": Allocations(open_exchange_allocations=OpenExchange(exchange_min_percentage=101))},
        {"profiling": Profiling(template_id="b551326b-ac9d-4d32-8823-4f025787dab9")},
    ],
)
@pytest.mark.parametrize(
    "make", [partial(CalculateFeasibility, business_unit_id="1234"), partial(CalculateTargetGroupFeasibility, **IDS)]
)
def test_settings_have_the_same_bounds(make: Callable[..., object], wrong: dict[str, Any]) -> None:
    """Both commands refuse the same values by the same names; an incidence rate of 25 percent is 0.25."""
    with pytest.raises(InvalidCommandError) as caught:
        make(**{**SETTINGS, **wrong})
    assert caught.value.field in wrong


@pytest.mark.parametrize("wrong", ["", "one", "12.5", "-1", 1234, None, "\uff11\uff12"])
def test_a_business_unit_has_a_number(wrong: Any) -> None:
    """Only the text of a number is a business unit here: it is sent as a number."""
    with pytest.raises(InvalidCommandError) as caught:
        CalculateFeasibility(business_unit_id=wrong, **SETTINGS)
    assert caught.value.field == "business_unit_id"


def test_moving_a_call_keeps_its_fields() -> None:
    """Every setting of one command is a setting of the other, by the same name."""
    plan = set(CalculateFeasibility.__annotations__) - {"endpoint", "business_unit_id"}
    assert plan == set(CalculateTargetGroupFeasibility.__annotations__) - {"endpoint"}
