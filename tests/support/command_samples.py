"""Every command with its required fields alone and with all its fields, for checks against the contract."""

import types
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Union, get_args, get_origin

import attrs

from fieldingkit.commands import Command, OpenEnum
from fieldingkit.resources.allocation_templates import BlockedSuppliers, ExchangeShare, GroupShare
from fieldingkit.resources.exclusions import ActivityExclusion, Exclusion
from fieldingkit.resources.fielding_assistant import (
    FieldingAssistantAssignment,
    Pacing,
    PacingType,
    Pricing,
    PricingType,
    QuotaOverlay,
    SoftLaunch,
)
from fieldingkit.resources.money import Money
from fieldingkit.resources.pricing import DynamicConfig, RateCardConfig
from fieldingkit.resources.profiles import (
    OpenEnded,
    Profile,
    Profiling,
    Quota,
    Range,
    Selection,
    Target,
)
from fieldingkit.resources.reports import ReportOptions
from fieldingkit.resources.target_group_drafts import FieldingSpecification
from fieldingkit.resources.target_group_goals import ProfileGoal, QuotaGoal, TargetGoal
from fieldingkit.resources.target_groups import TargetGroupFilters, TargetGroupStatus
from support.draft_settings import RE_ENTRY, SHARES

__all__ = ["BY_NAME", "command_samples"]

ULID: Final = "01BTGNYV6HRNK8K8VKZASZCFP0"
UUID: Final = "b551326b-ac9d-4d32-8823-4f025787dab9"
LATER: Final = datetime(2036, 1, 1, tzinfo=UTC)
PRICE: Final = Money(value=Decimal("2.50"), currency_code="USD", currency_scale=2)

PROFILING: Final = Profiling(
    profiles=[
        Profile(
            name="Age",
            id=ULID,
            targets=[
                Target(
                    id=ULID,
                    conditions=[Range(question_id=42, min=18, max=34)],
                    quota=Quota(completes_goal_percentage=40.25, quota_nominal=40, name="Young"),
                ),
                Target(
                    name="Others",
                    conditions=[
                        Range(question_id=42, min=35, max=64, condition_name="35 to 64"),
                        Range(question_id=42, min=65, max=99),
                    ],
                    quota=Quota(completes_goal_percentage=59.75),
                ),
            ],
        ),
        Profile(
            quotas_enabled=False,
            targets=[
                Target(conditions=[OpenEnded(question_id=45, open_ended_values=["10001", "10002"])]),
                Target(conditions=[OpenEnded(question_id=45, allow_all_values=True)]),
            ],
        ),
        Profile.blended(
            name="Gender by age",
            targets=[
                Target(
                    name="Young women",
                    conditions=[Selection(question_id=43, option="2"), Range(question_id=42, min=18, max=34)],
                    quota=Quota(completes_goal_percentage=100),
                )
            ],
        ),
    ]
)
_REGULAR: Final = attrs.evolve(PROFILING, profiles=PROFILING.profiles[:2])
_ONE: Final = attrs.evolve(PROFILING, profiles=PROFILING.profiles[:1])

ASSIGNMENT: Final = FieldingAssistantAssignment(
    pricing=Pricing(type=PricingType.DYNAMIC, maximum_cpi=PRICE),
    quota_overlay=QuotaOverlay(prevent_overfill=True, balance_fill=False),
    pacing=Pacing(type=PacingType.LINEAR, increment_interval="P1D"),
    soft_launch=SoftLaunch(end_at=LATER, filling_goal_percentage=10, demographics_strictness_percentage=50),
)

SUPPLY: Final = [
    BlockedSuppliers(suppliers=[3334]),
    GroupShare(name="Best", percentage_min=40, percentage_max=60, suppliers=[4321, 4350]),
    ExchangeShare(percentage_max=60),
]

BY_NAME: Final[Mapping[str, Any]] = {
    "account_id": "101",
    "aggregation_interval": "PT12H",
    "allocations": SHARES,
    "assignment": ASSIGNMENT,
    "business_unit_id": "1234",
    "completes_goal": 500,
    "codes": ["abc-123", "def_456"],
    "country": ["us", "gb"],
    "country_code": "US",
    "events": ["target-group-updated"],
    "exclusion": Exclusion(enabled=True),
    "expected_incidence_rate": 0.25,
    "expected_length_of_interview_minutes": 15,
    "fielding_assistant_assignment": ASSIGNMENT,
    "fielding_run_id": ULID,
    "fielding_specification": FieldingSpecification(start_at=LATER, end_at=LATER + timedelta(days=1)),
    "file": [UUID],
    "filters": TargetGroupFilters(status=[TargetGroupStatus.LIVE]),
    "human_readable_ids": ["ABCDEFG"],
    "idempotency_key": "01BTGNYV6HRNK8K8VKZASZCFP9",
    "if_match": 'W/"1"',
    "incidence_rate": 0.25,
    "industry_code": "other",
    "industry_lockout_code": "past_30_days",
    "job_id": ULID,
    "label": "Tea",
    "language": ["eng"],
    "length_of_interview": 15,
    "locales": ["eng_us", "jpn_jp"],
    "live_url": "https://survey.example/live?rid=[%RID%]",
    "locale": "eng_us",
    "name": "A study of tea",
    "others": {},
    "profile_id": UUID,
    "profile_template_id": UUID,
    "profile_ids": [ULID],
    "profiles": [ProfileGoal(profile_id=ULID, targets=[TargetGoal(id=ULID, quota=QuotaGoal(completes_goal=10))])],
    "profiling": PROFILING,
    "project_customer_reference_number": "PO-1",
    "project_id": ULID,
    "project_manager_id": UUID,
    "description": "Drinkers of green tea",
    "query": "tea",
    "question_ids": [42, 43],
    "re_entry_configuration": RE_ENTRY,
    "rid": UUID,
    "respondent_activity_exclusions": [ActivityExclusion(type="project", id=ULID, duration="P30D")],
    "search_string": "green tea",
    "start": LATER,
    "start_after": ULID,
    "start_at": LATER,
    "start_fielding_at": LATER,
    "start_time": LATER,
    "study_type_code": "adhoc",
    "supply_allocations": SUPPLY,
    "target_group_customer_reference_number": "REF-1",
    "target_group_customer_reference_numbers": ["REF-1"],
    "target_group_id": ULID,
    "test_url": "https://survey.example/test",
    "translation_language": "eng",
    "url": "https://hooks.example/cint",
    "user_id": UUID,
    "webhook_id": ULID,
    "tag": "Tracker",
}
"""A value for each name of a field; a field that is not listed gets a value of its type."""

BY_COMMAND: Final[Mapping[str, Mapping[str, Any]]] = {
    "CalculateSupplierQuotaDistribution": {"profiling": _ONE},
    "CreateProfileTemplate": {"profiling": _REGULAR},
    "GenerateBlendedProfile": {"profiling": _REGULAR},
    "GenerateReport": {
        "level": "project",
        "filter_ids": [ULID],
        "start_date": date(2026, 1, 1),
        "end_date": date(2026, 7, 1),
        "report_options": ReportOptions(include_respondent_answers=True, link_type=2),
        "email_recipients": [UUID],
    },
    "ListReports": {"status": "completed"},
    "PredictPrice": {"config": DynamicConfig(user_requested_cpi=PRICE)},
    "ListEligibleTargetGroups": {"status": "live", "project_name": "Sodas", "project_manager_id": UUID},
    "ListReconciliations": {"status": "completed", "submitted_by_user_id": UUID},
    "Reconcile": {"rows": [(UUID, 11)], "name": "list.csv", "idempotency_key": UUID},
    "ReconcileCompletes": {"valid_ids": [UUID], "name": "list.csv", "idempotency_key": UUID},
    "UpdateRespondentStatus": {"status": 5},
    "UpdateProfileTemplate": {"profiling": _REGULAR},
    "SetActivityExclusions": {
        "duration": "P2W",
        "respondent_activity_exclusions": [ActivityExclusion(type="project", id=ULID[:-1] + "9", duration="P30D")],
    },
    "UploadExclusions": {"file": [UUID]},
    "UpdateProjectExclusions": {"project_exclusion_enabled": {ULID: True}},
}
"""Values for one command."""

ALTERNATIVES: Final[Mapping[str, list[dict[str, Any]]]] = {
    "PredictPrice": [
        {},
        {
            "config": RateCardConfig(
                country_code="US",
                expected_length_of_interview_minutes=15,
                expected_incidence_rate=0.25,
                maximum_cpi=PRICE,
                cpi_boost=PRICE,
            )
        },
    ],
    "PutFieldingAssistantAssignment": [
        {},
        {"assignment": attrs.evolve(BY_NAME["assignment"], etag='W/"1"'), "if_none_match": None},
    ],
    "SuggestTimeRange": [{"days": None}, {"start": None, "end": None}],
    "UpdateProfileFillingGoal": [{"profiles": None}, {"completes_goal": None}],
}
"""Changes to all fields of a command that takes some of them only instead of others; None leaves a field out."""

_MINIMAL: Final[Mapping[str, Mapping[str, Any]]] = {
    "UpdateExclusionGroup": {"tag": "Tracker"},
    "PutFieldingAssistantAssignment": {"if_none_match": "*"},
    "SuggestTimeRange": {"days": 7},
    "UpdateProfileFillingGoal": {"completes_goal": 500},
    "UpdateWebhook": {"url": BY_NAME["url"]},
}
"""Fields that a command needs although each of them has a default."""


def command_samples(kind: type[Command[Any]]) -> Iterator[Command[Any]]:
    """Yield a command with its required fields alone, then with all its fields, once for each alternative."""
    fields = [field for field in attrs.fields(attrs.resolve_types(kind)) if field.init]
    required = [field for field in fields if field.default is attrs.NOTHING or field.name == "if_match"]
    yield kind(**{field.name: _value(kind, field) for field in required}, **_MINIMAL.get(kind.__name__, {}))
    values = {field.name: _value(kind, field) for field in fields}
    for changes in ALTERNATIVES.get(kind.__name__, [{}]):
        yield kind(**{name: value for name, value in {**values, **changes}.items() if value is not None})


def _value(kind: type[Command[Any]], field: "attrs.Attribute[Any]") -> Any:
    own = BY_COMMAND.get(kind.__name__, {})
    if field.name in own:
        return own[field.name]
    return BY_NAME[field.name] if field.name in BY_NAME else _of_type(field)


def _of_type(field: "attrs.Attribute[Any]") -> Any:
    hint: Any = field.type
    if get_origin(hint) in {Union, types.UnionType}:
        hint = next(each for each in get_args(hint) if each is not type(None))
    if get_origin(hint) is tuple:
        return [_scalar(get_args(hint)[0], field)]
    return _scalar(hint, field)


def _scalar(hint: Any, field: "attrs.Attribute[Any]") -> Any:
    if field.name.endswith(("_id", "_ids")) and hint is str:
        return ULID
    if isinstance(hint, type) and issubclass(hint, OpenEnum):
        return next(iter(hint))
    if get_args(hint):  # a literal
        return get_args(hint)[0]
    values: dict[Any, Any] = {bool: True, int: 7, float: 1.5, datetime: LATER + timedelta(days=1), Money: PRICE}
    if hint not in values:
        raise KeyError(f"{field.name} needs a value in tests/support/command_samples.py")
    return values[hint]
