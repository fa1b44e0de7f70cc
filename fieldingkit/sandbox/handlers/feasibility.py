"""Handlers of feasibility: of settings that are sent, and of a launched target group with any settings replaced."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, cast

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.context import HandlerResponse, RequestContext
from fieldingkit.sandbox.formats import parse_timestamp
from fieldingkit.sandbox.model.allocations import check_allocations
from fieldingkit.sandbox.model.amounts import Amount
from fieldingkit.sandbox.model.definitions import BUSINESS_UNITS, LOCALES, BusinessUnit
from fieldingkit.sandbox.model.feasibility import Specification
from fieldingkit.sandbox.model.pricing import card_price
from fieldingkit.sandbox.model.profiles import find_violation
from fieldingkit.sandbox.model.target_groups import TargetGroup
from fieldingkit.sandbox.parameters import read_amount, read_integer, read_rate, read_string, read_timestamps

__all__ = ["calculate_feasibility", "calculate_target_group_feasibility"]

_MAX_GOAL: Final = 10_000


def calculate_feasibility(context: RequestContext) -> HandlerResponse:
    """Return the feasibility of the settings in the body; nothing is created."""
    body = context.json_object()
    unit = BUSINESS_UNITS.get(read_integer(body, "business_unit_id", 0))
    if unit is None:
        raise problems.bad_request("The business unit is unknown.", business_unit_id="Is unknown.")
    length = read_integer(body, "expected_length_of_interview_minutes", 1, 45)
    incidence_rate = _read_incidence(body, "expected_incidence_rate")
    goal = read_integer(body, "completes_goal", 1, _MAX_GOAL)
    period: object = body.get("fielding_specification")
    if not isinstance(period, dict):
        raise problems.bad_request("The period is missing.", fielding_specification="Must be an object.")
    start_at, end_at = read_timestamps(cast("dict[str, Any]", period), "start_at", "end_at")
    on_card = card_price(length, incidence_rate, unit.currency_code)
    return _answer(
        context,
        body,
        locale=_read_locale(body),
        length=length,
        incidence_rate=incidence_rate,
        goal=goal,
        price=_read_price(body, unit) or _boosted(body, on_card, unit),
        start_at=start_at,
        end_at=end_at,
    )


def calculate_target_group_feasibility(context: RequestContext) -> HandlerResponse:
    """Return the feasibility of a launched target group; settings in the body, which is optional, replace its own."""
    group = context.target_group()
    run = group.run_at(context.now)
    if run is None:
        raise problems.invalid_state("The target group is a draft.")
    body = context.json_object() if context.recorded.body else {}
    own = group.settings.members
    length: int = own["expected_length_of_interview_minutes"]
    incidence_rate: float = own["expected_incidence_rate"]
    return _answer(
        context,
        body,
        locale=_read_locale(body) if "locale" in body else group.settings.locale,
        length=read_integer(body, "length_of_interview", 1, 45) if "length_of_interview" in body else length,
        incidence_rate=_read_incidence(body, "incidence_rate") if "incidence_rate" in body else incidence_rate,
        goal=read_integer(body, "completes_goal", 1, _MAX_GOAL) if "completes_goal" in body else group.goal,
        price=_price_of(group, body),
        start_at=_read_date(body, "start_at") or run.start_at,
        end_at=_read_date(body, "end_at") or run.end_at,
        completes=group.progress_at(context.now).completes,
        own_profiles=(group.settings.profiling or {}).get("profiles") or (),
        own_allocations=group.settings.allocations,
    )


def _answer(
    context: RequestContext,
    body: Mapping[str, Any],
    *,
    goal: int,
    start_at: datetime,
    end_at: datetime,
    own_profiles: Sequence[Mapping[str, Any]] = (),
    own_allocations: Mapping[str, Any] | None = None,
    **settings: Any,
) -> HandlerResponse:
    if end_at <= start_at:
        raise problems.bad_request("The period is empty.", end_at="Must be later than start_at.")
    if not isinstance(body.get("collects_pii", False), bool):
        raise problems.bad_request("A setting is malformed.", collects_pii="Must be true or false.")
    steps: object = body.get("step_days", 0)
    if isinstance(steps, bool) or not isinstance(steps, int | float) or steps < 0:
        raise problems.bad_request("A setting is malformed.", step_days="Must be a number of at least 0.")
    allocations = own_allocations
    if body.get("allocations") is not None:
        check_allocations(body)
        allocations = body["allocations"]
    specification = Specification(
        goal=goal,
        start_at=max(start_at, context.now),
        end_at=end_at,
        profiles=_read_profiles(body, goal, settings["locale"]) if body.get("profiling") is not None else own_profiles,
        allocations=allocations,
        **settings,
    )
    return HandlerResponse(200, specification.json())


def _read_locale(body: Mapping[str, Any]) -> str:
    code = read_string(body, "locale", "[a-z_]{1,16}")
    if code not in LOCALES:
        raise problems.bad_request("The locale is unknown.", locale="Must be the code of a locale, as eng_us.")
    return code


def _read_incidence(body: Mapping[str, Any], name: str) -> float:
    rate = read_rate(body, name)
    if rate == 0:
        raise problems.bad_request("A number is out of bounds.", **{name: "Must be above 0."})
    return rate


def _read_date(body: Mapping[str, Any], name: str) -> datetime | None:
    if name not in body:
        return None
    moment = parse_timestamp(body[name])
    if moment is None:
        raise problems.bad_request("A timestamp is malformed.", **{name: "Must be an RFC 3339 timestamp in UTC."})
    return moment


def _read_price(body: Mapping[str, Any], unit: BusinessUnit) -> Amount | None:
    """Return the price in the body; ``price`` is an alias that gives way."""
    name = next((name for name in ("cost_per_interview", "price") if body.get(name) is not None), None)
    return None if name is None else _read_amount(body, name, unit)


def _boosted(body: Mapping[str, Any], price: Amount, unit: BusinessUnit) -> Amount:
    name = "rate_card_price_boost"
    return price._replace(value=price.value + _read_amount(body, name, unit).value) if name in body else price


def _read_amount(body: Mapping[str, Any], name: str, unit: BusinessUnit) -> Amount:
    found = read_amount(body, name)
    if found.currency_code != unit.currency_code:
        raise problems.bad_request("The currency is wrong.", **{name: f"Must be in {unit.currency_code}."})
    return found


def _price_of(group: TargetGroup, body: Mapping[str, Any]) -> Amount:
    """Return the price of a target group: with a rate card its own with any boost, otherwise the one in the body."""
    unit = BUSINESS_UNITS[group.settings.business_unit_id]
    pricing: Mapping[str, Any] = (group.assistant or {}).get("pricing") or {}
    if pricing.get("type") == "rate_card":
        return _boosted(body, group.price, unit)
    return _read_price(body, unit) or group.price


def _read_profiles(body: Mapping[str, Any], goal: int, locale: str) -> list[dict[str, Any]]:
    """Return the profiles in the body. Unlike those of drafts they have no names, and quotas are optional."""
    profiling: Any = body["profiling"]
    violation = find_violation(_as_in_a_draft(profiling), goal, locale)
    if violation is not None:
        raise problems.bad_request("The profiles are invalid.", **dict([violation]))
    return cast("list[dict[str, Any]]", profiling["profiles"])


def _as_in_a_draft(profiling: Any) -> Any:
    """Return profiling with what drafts require, so that the same checks apply; anything malformed as it is."""
    try:
        profiles = [
            {"name": "", **profile, "quotas_enabled": profile["quotas_enabled"] and _has_quotas(profile)}
            for profile in profiling["profiles"]
        ]
    except (AttributeError, KeyError, TypeError):
        return profiling
    return {**profiling, "profiles": profiles}


def _has_quotas(profile: Mapping[str, Any]) -> bool:
    return profile["object"] == "blended" or any(target.get("quota") for target in profile["targets"])
