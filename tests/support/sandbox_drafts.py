"""Drafts for the sandbox's own tests."""

from datetime import timedelta
from typing import Any

from fieldingkit.sandbox import Sandbox, SandboxClock, TargetGroup
from fieldingkit.sandbox.formats import write_timestamp
from support.sandbox_caller import Answer, Caller

GENDER: dict[str, Any] = {
    "object": "regular",
    "quotas_enabled": True,
    "targets": [
        {
            "conditions": [{"object": "selection", "question_id": 43, "option": option}],
            "quota": {"completes_goal_percentage": share},
        }
        for option, share in (("1", 49.5), ("2", 50.5))
    ],
}
PRICE = {"value": "3.00", "currency_code": "USD"}
OPEN: dict[str, Any] = {
    "open_exchange_allocations": {
        "blocked_supplier_ids": ["3334"],
        "exchange_min_percentage": 0,
        "exchange_max_percentage": 100,
        "groups": [{"group_name": "Best", "min_percentage": 10, "max_percentage": 50, "suppliers": ["4321", "4350"]}],
    }
}


def study(clock: SandboxClock, manager_id: str, **changes: Any) -> dict[str, Any]:
    """Return the settings of a draft; a change of None leaves a setting out."""
    settings = {
        "name": "Women and men",
        "business_unit_id": "1234",
        "locale": "eng_us",
        "collects_pii": False,
        "project_manager_id": manager_id,
        "fielding_specification": {
            "start_at": write_timestamp(clock.now()),
            "end_at": write_timestamp(clock.now() + timedelta(days=10)),
        },
        "completes_goal": 200,
        "expected_length_of_interview_minutes": 10,
        "expected_incidence_rate": 0.2,
        "fielding_assistant_assignment": {},
        "allocations": OPEN,
        "cost_per_interview": PRICE,
        "profiling": {"profile_adjustment_type": "percentage", "profiles": [GENDER]},
        "exclusion": {"enabled": True},
        "live_url": "https://survey.example/live",
        "target_group_customer_reference_number": "REF 7",
        **changes,
    }
    return {name: value for name, value in settings.items() if value is not None}


async def create(sandbox: Sandbox, call: Caller, **changes: Any) -> Answer:
    """Create a draft in a new project."""
    project = sandbox.seed(draft=1)
    body = study(sandbox.clock, project.manager_id, **changes)
    return await call("POST", f"/demand/accounts/101/projects/{project.id}/target-groups", json=body)


async def created(sandbox: Sandbox, call: Caller, **changes: Any) -> TargetGroup:
    """Return a new draft."""
    answer = await create(sandbox, call, **changes)
    assert answer.status == 201, answer.json
    return sandbox.group(answer.json["id"])


async def launch(call: Caller, group: TargetGroup, clock: SandboxClock, days: float = 10) -> None:
    """Launch a draft and execute its job."""
    end = write_timestamp(clock.now() + timedelta(days=days))
    job = await call.finished(await call.create_draft_job("launch", group, end_fielding_at=end))
    assert job["status"] == "Completed"
