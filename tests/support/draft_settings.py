"""A draft with everything: interlocked quotas, allocations, exclusions and re-entry rules."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from fieldingkit import allocations, exclusions, fielding_assistant, profiles, re_entry, target_group_drafts
from fieldingkit.resources.money import Money

_ALLOWED: Final = re_entry.ReEntryPermission(allow_for_current_target_group=True, allow_for_other_target_groups=False)
_CLIENT: Final = re_entry.ClientSideReEntry(client_side=_ALLOWED)
_SCREENER: Final = re_entry.ScreenerSideReEntry(screener_side=_ALLOWED)
_BOTH: Final = re_entry.ReEntry(client_side=_ALLOWED, screener_side=_ALLOWED)

RE_ENTRY: Final = re_entry.ReEntryConfiguration(
    completes=_CLIENT,
    pre_client_survey_processes=_SCREENER,
    financial_terms=_SCREENER,
    terminates=_BOTH,
    security_failures=_BOTH,
    overquota=_BOTH,
    in_screener=_BOTH,
)

INTERLOCKED: Final = profiles.Profiling(
    profiles=[
        profiles.Profile.blended(
            name="Age by gender",
            targets=[
                profiles.Target(
                    name=f"{gender}, {low} to {high}",
                    conditions=[
                        profiles.Selection(question_id=43, option=option),
                        profiles.Range(question_id=42, min=low, max=high),
                    ],
                    quota=profiles.Quota(completes_goal_percentage=25),
                )
                for gender, option in (("men", "1"), ("women", "2"))
                for low, high in ((18, 34), (35, 64))
            ],
        ),
        profiles.Profile(
            name="Postal code",
            quotas_enabled=False,
            targets=[profiles.Target(conditions=[profiles.OpenEnded(question_id=45, open_ended_values=["10115"])])],
        ),
    ]
)
"""Four cells of interlocked quotas, and a condition without quotas."""

SHARES: Final = allocations.Allocations(
    open_exchange_allocations=allocations.OpenExchange(
        blocked_suppliers=["3334"],
        exchange_max_percentage=60,
        groups=[allocations.AllocationGroup(group_name="Best", min_percentage=40, suppliers=["4321", "4350"])],
    ),
    private_exchange_allocations=allocations.PrivateExchange(
        groups=[allocations.AllocationGroup(group_name="Own", max_percentage=10, suppliers=["4351"])]
    ),
)
"""A group and a blocked supplier of the open exchange, and a group of the private one."""

PROJECT: Final = "01BTGNYV6HRNK8K8VKZASZCFP0"
MANAGER: Final = "b551326b-ac9d-4d32-8823-4f025787dab9"


def settings(**changes: Any) -> dict[str, Any]:
    """Return all settings of a draft as fields of the commands that write them, some changed."""
    return {
        "name": "Women and men",
        "business_unit_id": "1234",
        "locale": "eng_us",
        "collects_pii": False,
        "project_manager_id": MANAGER,
        "fielding_specification": target_group_drafts.FieldingSpecification(
            start_at=datetime(2026, 12, 1, tzinfo=UTC), end_at=datetime(2026, 12, 11, tzinfo=UTC)
        ),
        "completes_goal": 200,
        "expected_length_of_interview_minutes": 10,
        "expected_incidence_rate": 0.2,
        "fielding_assistant_assignment": fielding_assistant.FieldingAssistantAssignment(
            quota_overlay=fielding_assistant.QuotaOverlay(prevent_overfill=True, balance_fill=True)
        ),
        "allocations": SHARES,
        "study_type_code": "tracking",
        "industry_code": "politics",
        "industry_lockout_code": "past_30_days",
        "cost_per_interview": Money(value=Decimal("3.00"), currency_code="USD"),
        "client_cost_per_interview_note": Money(value=Decimal("5.5"), currency_code="USD"),
        "client_id": 2001,
        "exclusion": exclusions.Exclusion(enabled=True),
        "respondent_activity_exclusions": [
            exclusions.ActivityExclusion(type="project", id="01KH287TE2W1GKTJJ91QCCHWP9", duration="P30D")
        ],
        "live_url": "https://survey.example/live",
        "test_url": "https://survey.example/test",
        "profiling": INTERLOCKED,
        "re_entry_configuration": RE_ENTRY,
        "target_group_customer_reference_number": "REF 7",
        **changes,
    }
