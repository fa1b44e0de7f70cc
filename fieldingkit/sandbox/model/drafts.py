"""The settings of a draft: the checks of a request that creates or replaces one, and the form in which it is read."""

import re
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any, Final, cast

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.formats import ULID
from fieldingkit.sandbox.model.allocations import check_allocations, store_allocations
from fieldingkit.sandbox.model.amounts import Amount
from fieldingkit.sandbox.model.assistant import check_modules
from fieldingkit.sandbox.model.definitions import (
    BUSINESS_UNITS,
    CLIENTS,
    INDUSTRIES,
    INDUSTRY_LOCKOUTS,
    LOCALES,
    STUDY_TYPES,
    BusinessUnit,
)
from fieldingkit.sandbox.model.pricing import MAXIMUM_PRICE_IN_USD, card_price
from fieldingkit.sandbox.model.profiles import find_violation, store_profiling
from fieldingkit.sandbox.model.settings import Settings
from fieldingkit.sandbox.parameters import (
    UUID,
    read_amount,
    read_integer,
    read_list,
    read_rate,
    read_string,
    read_timestamps,
)

__all__ = [
    "check_details",
    "check_draft",
    "check_exclusions",
    "price_of",
    "store_draft",
    "store_exclusion",
]

_MEMBERS: Final = [
    "name",
    "business_unit_id",
    "locale",
    "collects_pii",
    "study_type_code",
    "industry_code",
    "industry_lockout_code",
    "cost_per_interview",
    "client_cost_per_interview_note",
    "project_manager_id",
    "client_id",
    "fielding_specification",
    "completes_goal",
    "expected_length_of_interview_minutes",
    "expected_incidence_rate",
    "exclusion",
    "respondent_activity_exclusions",
    "live_url",
    "test_url",
    "fielding_assistant_assignment",
    "profiling",
    "allocations",
    "re_entry_configuration",
    "target_group_customer_reference_number",
]
_DEFAULTS: Final = {"study_type_code": "adhoc", "industry_code": "other", "industry_lockout_code": "not_applicable"}
_UNIT_IDS: Final = frozenset(map(str, BUSINESS_UNITS))
_REFERENCE: Final = "[a-zA-Z0-9_ -]{3,128}"
_URL: Final = r"https://[^\s/]\S{0,2990}"


def check_draft(body: Mapping[str, Any], managers: Collection[str], now: datetime) -> dict[str, Any]:
    """Return the settings in a request; a 400 names the first invalid member.

    Args:
        body: The decoded body.
        managers: The ids of the project managers of the account.
        now: The current time.
    """
    settings = {name: body[name] for name in _MEMBERS if body.get(name) is not None}
    _check_details(settings, managers)
    _require(settings.get("business_unit_id") in _UNIT_IDS, "business_unit_id", "Is unknown.")
    _require(settings.get("locale") in LOCALES, "locale", "Is unknown.")
    _require(isinstance(settings.get("collects_pii"), bool), "collects_pii", "Must be true or false.")
    read_integer(settings, "completes_goal", 1, 10**6)
    start_at, end_at = read_timestamps(_object(settings, "fielding_specification"), "start_at", "end_at")
    _require(start_at < end_at, "fielding_specification.end_at", "Must be after the start.")
    for name, codes in (("study_type_code", STUDY_TYPES), ("industry_code", INDUSTRIES)):
        settings.setdefault(name, _DEFAULTS[name])
        _require(settings[name] in codes, name, "Is unknown.")
    settings.setdefault("industry_lockout_code", _DEFAULTS["industry_lockout_code"])
    _require(settings["industry_lockout_code"] in INDUSTRY_LOCKOUTS, "industry_lockout_code", "Is unknown.")
    _require(settings.get("client_id") is None or settings["client_id"] in CLIENTS, "client_id", "Is unknown.")
    check_modules(_object(settings, "fielding_assistant_assignment"), now)
    check_exclusions(settings)
    check_allocations(settings)
    if settings.get("profiling"):
        violation = find_violation(_object(settings, "profiling"), settings["completes_goal"], settings["locale"])
        if violation is not None:
            raise problems.bad_request("The profiles are invalid.", **dict([violation]))
    if "re_entry_configuration" in settings:
        _object(settings, "re_entry_configuration")
    price_of(settings)
    return settings


def check_details(body: Mapping[str, Any], managers: Collection[str]) -> dict[str, Any]:
    """Return the settings in a request that changes a launched target group; a 400 names the first invalid member."""
    names = [
        "name",
        "project_manager_id",
        "expected_length_of_interview_minutes",
        "expected_incidence_rate",
        "industry_lockout_code",
        "live_url",
        "test_url",
        "client_cost_per_interview_note",
    ]
    settings = {name: body[name] for name in names if body.get(name) is not None}
    reference = "target_group_customer_reference_number"
    settings |= {reference: body[reference]} if reference in body else {}
    _check_details(settings, managers)
    _require(settings.get("industry_lockout_code") in INDUSTRY_LOCKOUTS, "industry_lockout_code", "Is unknown.")
    for name in ("live_url", "test_url"):
        read_string(settings, name, _URL)
    return settings


def _check_details(settings: Mapping[str, Any], managers: Collection[str]) -> None:
    """Check the settings that can also be changed after the launch."""
    read_string(settings, "name", r"(?s).{5,128}")
    manager_id = read_string(settings, "project_manager_id", UUID.pattern)
    _require(manager_id.lower() in managers, "project_manager_id", "Is not a project manager here.")
    read_integer(settings, "expected_length_of_interview_minutes", 1, 45)
    rate = read_rate(settings, "expected_incidence_rate")
    _require(round(rate, 2) == rate, "expected_incidence_rate", "Must be a multiple of 0.01.")
    for name in ("live_url", "test_url"):
        if name in settings:
            read_string(settings, name, _URL)
    if settings.get("target_group_customer_reference_number") is not None:
        read_string(settings, "target_group_customer_reference_number", _REFERENCE)
    if "client_cost_per_interview_note" in settings:
        read_amount(settings, "client_cost_per_interview_note")


def check_exclusions(settings: Mapping[str, Any]) -> None:
    """Check the exclusions in a request; a 400 names the first invalid member."""
    if "exclusion" in settings:
        enabled = _object(settings, "exclusion").get("enabled")
        _require(isinstance(enabled, bool), "exclusion.enabled", "Must be true or false.")
    name = "respondent_activity_exclusions"
    for entry in read_list(settings, name) if name in settings else ():
        fields = cast("dict[str, Any]", entry if isinstance(entry, dict) else {})
        _require(fields.get("type") in {"target-group", "project"}, name, "Each must have a type.")
        _require(isinstance(fields.get("id"), str) and ULID.fullmatch(fields["id"]), name, "Each must have a ULID.")
        _require(1 <= _days(fields.get("duration", _DEFAULT_PERIOD)) <= 396, name, "Must last 1 to 396 days.")


_DEFAULT_PERIOD: Final = "P90D"
_PERIOD: Final = re.compile(r"P(?!$)(?:(\d{1,3})Y)?(?:(\d{1,3})M)?(?:(\d{1,3})W)?(?:(\d{1,3})D)?", re.ASCII)


def _days(period: object) -> int:
    """Return the days of a period such as `P3M`, about; 0 if it is malformed."""
    match = _PERIOD.fullmatch(period) if isinstance(period, str) else None
    numbers = [0] if match is None else [int(number or 0) for number in match.groups()]
    return sum(number * days for number, days in zip(numbers, (365, 28, 7, 1), strict=False))


def store_exclusion(exclusion: Mapping[str, Any]) -> dict[str, Any]:
    """Return an exclusion with its period: by default 90 days, and weeks as days."""
    period: str = exclusion.get("duration", _DEFAULT_PERIOD)
    return {**exclusion, "duration": f"P{_days(period)}D" if period.endswith("W") else period}


def _object(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    value: object = body.get(name)
    if not isinstance(value, dict):
        raise problems.bad_request("An object is missing or malformed.", **{name: "Must be an object."})
    return cast("dict[str, Any]", value)


def _require(condition: object, name: str, reason: str) -> None:
    if not condition:
        raise problems.bad_request("A setting is missing or malformed.", **{name: reason})


def price_of(settings: Mapping[str, Any]) -> Amount:
    """Return the price of a target group: its own, or that on the rate card; a 400 if its pricing makes no sense."""
    unit = BUSINESS_UNITS[int(settings["business_unit_id"])]
    assignment: dict[str, Any] = settings["fielding_assistant_assignment"]
    assistance: dict[str, Any] = assignment.get("pricing") or {}
    by_card = card_price(
        settings["expected_length_of_interview_minutes"], settings["expected_incidence_rate"], unit.currency_code
    )
    name = "cost_per_interview"
    if assistance.get("type") == "rate_card":
        _require("rate_card" in unit.pricing_models, "fielding_assistant_assignment.pricing", "The unit has no card.")
        _require(name not in settings, name, "Must be left out with a rate card.")
    if name not in settings:
        return by_card
    return _checked_price(read_amount(settings, name), unit)


def _checked_price(price: Amount, unit: BusinessUnit) -> Amount:
    name = "cost_per_interview"
    _require(price.currency_code == unit.currency_code, name, f"Must be in {unit.currency_code}.")
    _require(0 < price.in_usd <= MAXIMUM_PRICE_IN_USD, name, "Must be up to 105 USD.")
    return price


def store_draft(number: int, created_at: datetime, settings: dict[str, Any], new_id: Callable[[], str]) -> Settings:
    """Return valid settings with the ids and names that a read has.

    Args:
        number: The sequence number of the target group.
        created_at: The creation date.
        settings: The settings that `check_draft` returned.
        new_id: Makes a ULID.
    """
    profiling = settings.get("profiling")
    excluded = "respondent_activity_exclusions"
    if excluded in settings:
        settings = {**settings, excluded: [store_exclusion(exclusion) for exclusion in settings[excluded]]}
    return Settings(
        number=number,
        created_at=created_at,
        given=settings,
        profiling=store_profiling(profiling, settings["completes_goal"], new_id) if profiling else None,
        allocations=store_allocations(settings["allocations"], new_id),
    )
