"""Handlers that read what a target group is set up with."""

from typing import Any

from fieldingkit.sandbox.calls import Call, Reply
from fieldingkit.sandbox.progress import PRICE_IN_CENTS, money
from fieldingkit.sandbox.target_groups import TargetGroup
from fieldingkit.sandbox.timestamps import write_timestamp

__all__ = ["details", "draft"]

_BUSINESS_UNIT = 1234


def draft(call: Call) -> Reply:
    """Read a draft; for any other target group a redirect to its details, which no client should follow blindly."""
    group = call.target_group()
    if group.status_at(call.now) != "draft":
        return Reply(301, headers={"Location": f"{call.recorded.path.removeprefix('/v1')}/details"})
    start_at, end_at = group.settings.planned_dates
    body = {
        **_settings(group),
        "business_unit_id": _BUSINESS_UNIT,
        "pricing_model": "dynamic",
        "cost_per_interview": money(PRICE_IN_CENTS),
        "fielding_specification": {"start_at": write_timestamp(start_at), "end_at": write_timestamp(end_at)},
        "links": {"test_client_survey": "https://survey.example/test"},
    }
    if group.assistant is not None:
        body["fielding_assistant_assignment"] = group.assistant
    return Reply(200, body)


def details(call: Call) -> Reply:
    """Read a target group that was launched; 404 for a draft."""
    group = call.launched_target_group()
    return Reply(
        200,
        {
            **_settings(group),
            "id": group.id,
            "account_name": call.world.accounts[call.account_id].name,
            "business_unit_id": str(_BUSINESS_UNIT),
            "links": {
                "test_screener": f"https://screener.example/{group.settings.human_readable_id}",
                "test_client_survey": "https://survey.example/test",
            },
        },
    )


def _settings(group: TargetGroup) -> dict[str, Any]:
    settings = group.settings
    return {
        "human_readable_id": settings.human_readable_id,
        "name": settings.name,
        "locale": settings.locale,
        "collects_pii": False,
        "study_type_code": "adhoc",
        "industry_code": "other",
        "industry_lockout_code": "not_applicable",
        "client_id": None,
        "project_manager_id": group.manager_id,
        "completes_goal": group.goal,
        "expected_length_of_interview_minutes": 10,
        "expected_incidence_rate": 0.5,
        "live_url": "https://survey.example/live",
        "test_url": "https://survey.example/test",
        "created_at": write_timestamp(settings.created_at),
        "target_group_customer_reference_number": settings.reference,
    }
