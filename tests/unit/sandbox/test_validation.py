"""Invalid requests: a 400 names every invalid parameter, and an unknown resource is a 404."""

from collections.abc import Mapping
from typing import Any

import pytest
from support.sandbox_caller import Answer, Caller, run_of

from fieldingkit.sandbox import Sandbox

ULID = "01BTGNYV6HRNK8K8VKZASZCFP1"
UUID = "00000000-0000-4000-8000-000000000000"
PAST, FUTURE, LATER = (f"{year}-01-01T00:00:00.000Z" for year in (2020, 2998, 2999))

OPERATIONS = {
    "bulk": ("POST", "{project}/batch-jobs/pause-fielding-runs-by-target-group-id"),
    "managers": ("POST", "{project}/batch-jobs/update-target-group-project-managers"),
    "launch": ("POST", "{group}/fielding-run-jobs/launch-from-draft"),
    "schedule": ("POST", "{group}/fielding-run-jobs/schedule-from-draft"),
    "run": ("PUT", "{group}/fielding-runs/{run}"),
    "goal": ("PUT", "{group}/profiles/completes-goal"),
    "transitions": ("POST", "{project}/compute-target-group-transitions"),
    "assistant": ("PUT", "{group}/fielding-assistant-assignment"),
    "webhook": ("POST", "{webhooks}"),
    "projects": ("GET", "{projects}"),
    "groups": ("GET", "{project}/target-groups"),
    "changelog": ("GET", "{group}/changelog"),
    "completes": ("GET", "{group}/completes-aggregated-by-interval"),
    "history": ("GET", "{webhooks}/{webhook}/events-history"),
    "users": ("GET", "/accounts/101/users"),
}


@pytest.fixture
async def paths(sandbox: Sandbox, call: Caller) -> Mapping[str, str]:
    """Return the paths of one resource of each kind."""
    project = sandbox.seed(live=1, completes=40)
    (group,) = project.groups
    webhooks = "/accounts/101/webhooks"
    body = {"url": "https://example.com/", "events": ["session-updated"]}
    return {
        "projects": "/demand/accounts/101/projects",
        "project": f"/demand/accounts/101/projects/{project.id}",
        "group": call.group_path(group),
        "run": run_of(group).id,
        "webhooks": webhooks,
        "webhook": (await call("POST", webhooks, json=body)).json["id"],
    }


async def send(call: Caller, paths: Mapping[str, str], operation: str, **options: Any) -> Answer:
    """Send a request that is valid but for the given options."""
    method, path = OPERATIONS[operation]
    headers = {"If-Match": "*", "Idempotency-Key": "key"}
    return await call(method, path.format(**paths), headers=headers, **options)


def amount(value: str) -> dict[str, object]:
    """Return an amount of money."""
    return {"value": value, "currency_code": "USD", "currency_scale": 2}


def pricing(**fields: object) -> dict[str, object]:
    """Return an assignment with a dynamic pricing module."""
    return {"pricing": {"type": "dynamic", **fields}}


def soft_launch(**fields: object) -> dict[str, object]:
    """Return an assignment with a soft launch, valid but for the given fields."""
    valid = {"end_at": FUTURE, "filling_goal_percentage": 10, "demographics_strictness_percentage": 0}
    return {"soft_launch": valid | fields}


MALFORMED = (
    "",
    "tomorrow",
    "2030-01-01",
    "2030-01-01T00:00:00.000",
    "2030-13-01T00:00:00Z",
    "2030-01-01T25:00:00Z",
)
NO_IDS: list[Any] = [None, [], {}, ULID, [7], ["x"], [ULID] * 2]
NO_CHOICES: list[Any] = [{}, "", 0, [7], [None]]
NO_EVENTS: list[Any] = [None, [], "session-updated", ["com.cint.session.updated"], [7], [{}], [[]]]
FIELDS: list[tuple[str, dict[str, Any], str]] = [
    *[("bulk", {"target_group_ids": ids}, "target_group_ids") for ids in NO_IDS],
    *[("managers", {"project_manager_id": id_, "target_group_ids": [ULID]}, "project_manager_id") for id_ in (7, UUID)],
    ("managers", {"project_manager_id": UUID}, "target_group_ids"),
    ("launch", {}, "end_fielding_at"),
    ("schedule", {}, "start_fielding_at end_fielding_at"),
    *[
        ("run", {"start_fielding_at": wrong, "end_fielding_at": wrong}, "start_fielding_at end_fielding_at")
        for wrong in (None, 7, *MALFORMED, "2030-01-01T00:00:00+02:00")
    ],
    ("run", {"start_fielding_at": PAST, "end_fielding_at": FUTURE}, "start_fielding_at"),
    ("run", {"start_fielding_at": LATER, "end_fielding_at": FUTURE}, "end_fielding_at"),
    *[("goal", {"completes_goal": goal}, "completes_goal") for goal in (None, "50", 1.5, True, [50])],
    *[("transitions", {"filters": wrong}, "filters") for wrong in (["live"], [], "", 0, False)],
    ("transitions", {"search_string": 7}, "search_string"),
    *[("transitions", {"filters": {"status": wrong}}, "status") for wrong in NO_CHOICES],
    ("transitions", {"filters": {"status": "live"}}, "status"),
    ("transitions", {"filters": {"status": ["Live"]}}, "status"),
    ("transitions", {"included_target_group_ids": []}, "included_target_group_ids"),
    ("transitions", {"excluded_target_group_ids": ["short"]}, "excluded_target_group_ids"),
    ("assistant", {"pricing": []}, "pricing"),
    ("assistant", {"pricing": {"type": "fixed"}}, "pricing.type"),
    ("assistant", pricing(), "pricing"),
    ("assistant", pricing(maximum_cpi=amount("1"), total_budget=amount("9")), "pricing"),
    ("assistant", pricing(maximum_cpi=1), "pricing.maximum_cpi"),
    ("assistant", pricing(maximum_cpi=amount("one")), "pricing.maximum_cpi"),
    ("assistant", pricing(maximum_cpi=amount("1"), minimum_cpi=amount("1")), "pricing.minimum_cpi"),
    ("assistant", {"quota_overlay": {"prevent_overfill": True}}, "quota_overlay.balance_fill"),
    ("assistant", {"pacing": {"type": "slow"}}, "pacing.type"),
    ("assistant", {"pacing": {"type": {}}}, "pacing.type"),
    ("assistant", {"pricing": {"type": []}}, "pricing.type"),
    ("assistant", {"pacing": {"type": "linear"}}, "pacing.increment_interval"),
    ("assistant", {"pacing": {"type": "linear", "increment_interval": "P398D"}}, "pacing.increment_interval"),
    ("assistant", {"pacing": {"type": "gemini", "exposed_target_group_id": "me"}}, "pacing.exposed_target_group_id"),
    ("assistant", {"soft_launch": {}}, "soft_launch.end_at"),
    ("assistant", soft_launch(end_at=PAST), "soft_launch.end_at"),
    *[
        ("assistant", soft_launch(filling_goal_percentage=wrong), "soft_launch.filling_goal_percentage")
        for wrong in (0, 101, True, "10", None)
    ],
    *[
        ("webhook", {"url": url, "events": ["session-updated"]}, "url")
        for url in (None, 7, "", "example.com", "http://example.com/", "ftp://127.0.0.1/", "https://", "https://[")
    ],
    ("webhook", {"url": "http://127.1.example/", "events": ["session-updated"]}, "url"),
    *[("webhook", {"url": "https://example.com/", "events": events}, "events") for events in NO_EVENTS],
]


@pytest.mark.parametrize(("operation", "body", "names"), FIELDS)
async def test_an_invalid_field_is_named_and_changes_nothing(
    sandbox: Sandbox, call: Caller, paths: Mapping[str, str], operation: str, body: object, names: str
) -> None:
    """A 400 names each invalid field of a body, and nothing is changed or created."""
    answer = await send(call, paths, operation, json=body)
    assert (answer.status, [param["name"] for param in answer.json["invalid_params"]]) == (400, names.split())
    (group,) = (sandbox.group(paths["group"].rpartition("/")[2]),)
    assert (group.history, dict(sandbox.jobs), len(sandbox.webhooks)) == ((), {}, 1)


QUERIES = [
    ("projects", {"status": "draft"}),
    ("projects", {"search_string": "four"}),
    ("projects", {"page_size": "1000"}),
    ("projects", {"project_manager_id": "me"}),
    ("groups", {"status": "Live"}),
    ("groups", {"status": "live,draft"}),
    ("groups", {"country": "US"}),
    ("groups", {"language": "en"}),
    ("groups", {"human_readable_ids": "short"}),
    ("groups", {"target_group_customer_reference_numbers": "a"}),
    ("groups", {"project_manager_id": "ada"}),
    ("groups", {"exclusion_status": "maybe"}),
    ("groups", {"page_size": "0"}),
    ("groups", {"page_size": "101"}),
    ("groups", {"page_size": "ten"}),
    ("groups", {"start_after": "A", "end_before": "B"}),
    ("changelog", {"page_size": "51"}),
    ("changelog", {"change_types": "Status"}),
    ("changelog", {"start_after": UUID}),
    *[("completes", {"aggregation_interval": text}) for text in ("", "P", "PT", "1D", "P1Y", "P-1D")],
    *[("completes", {"aggregation_interval": text}) for text in ("PT0S", "P398D", "PT1S")],
    ("history", {"end_time": FUTURE, "start_time": "yesterday"}),
    ("history", {"start_time": PAST, "end_time": "2020-01-01"}),
    ("history", {"start_time": PAST, "delivery_status": "lost"}),
    ("history", {"start_time": PAST, "type": "com.cint.session.updated"}),
    ("history", {"start_time": PAST, "created_at_sort_order": "up"}),
    ("users", {"user_type": "admin"}),
]


@pytest.mark.parametrize(("operation", "params"), QUERIES)
async def test_an_invalid_query_parameter_is_named(
    call: Caller, paths: Mapping[str, str], operation: str, params: dict[str, str]
) -> None:
    """A 400 names an invalid query parameter."""
    answer = await send(call, paths, operation, params=params)
    assert (answer.status, answer.json["invalid_params"][0]["name"]) == (400, list(params)[-1])


async def test_a_webhook_history_requires_a_start_time(call: Caller, paths: Mapping[str, str]) -> None:
    """A webhook's history without a start time is a 400."""
    answer = await send(call, paths, "history")
    assert (answer.status, answer.json["invalid_params"][0]["name"]) == (400, "start_time")


async def test_an_unknown_or_foreign_resource_is_a_404(
    sandbox: Sandbox, call: Caller, paths: Mapping[str, str]
) -> None:
    """A resource that does not exist, or belongs to another account, project or target group, is a 404."""
    other, foreign = sandbox.seed(live=1, draft=1), sandbox.seed(live=1, account_id=202)
    run = f"{paths['group']}/fielding-runs/{paths['run']}"
    group_id, project_id = paths["group"].rpartition("/")[2], paths["project"].rpartition("/")[2]
    draft = other.ids("draft")[0]
    draft_path = f"/demand/accounts/101/projects/{other.id}/target-groups/{draft}"
    unknown = [
        *[f"{paths['projects']}/{id_}{suffix}" for id_ in (ULID, foreign.id) for suffix in ("", "/overview")],
        f"{paths['projects']}/{ULID}/target-groups",
        *[run.replace(group_id, id_) for id_ in (ULID, draft)],
        *[run.replace(project_id, id_) for id_ in (ULID, other.id)],
        run.replace(paths["run"], run_of(sandbox.group(other.ids("live")[0])).id),
        f"/demand/target-groups/{ULID}/overview",
        f"/demand/target-groups/{draft}/overview",
        f"{draft_path}/details",
        *[f"{draft_path}/{read}" for read in ("overview", "performance", "completes-aggregated-by-interval")],
        f"/accounts/202/webhooks/{paths['webhook']}",
    ]
    for path in unknown:
        answer = await call("GET", path)
        assert (answer.status, answer.json["object"]) == (404, "not_found_error"), path
    for project in (ULID, foreign.id):
        assert (await call.create_batch("pause", project, [ULID])).status == 404


async def test_a_malformed_path_is_never_echoed(call: Caller, paths: Mapping[str, str]) -> None:
    """A malformed id is a 400 that does not repeat the text."""
    path = f"{paths['group']}/fielding-runs/{paths['run']}"
    for known in ("101", *(paths[name].rpartition("/")[2] for name in ("project", "group", "run"))):
        answer = await call("GET", path.replace(known, "c4n4ry%20<x>"))
        assert (answer.status, answer.json["object"]) == (400, "bad_request_error")
        assert b"c4n4ry" not in answer.body
        assert "c4n4ry" not in str(answer.headers)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_a_body_must_be_declared_as_json(call: Caller, paths: Mapping[str, str], content_type: str) -> None:
    """A body with another content type is a 415."""
    method, path = OPERATIONS["bulk"]
    headers = {"Content-Type": content_type, "Idempotency-Key": "key"}
    answer = await call(method, path.format(**paths), data=b"{}", headers=headers)
    assert (answer.status, answer.json["object"]) == (415, "unsupported_media_type_error")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"7", b"null", b"\xff", b"[" * 200_000, b'{"a":' * 101 + b"1" + b"}" * 101, b'{"a":NaN}']
)
async def test_a_body_must_be_a_json_object(call: Caller, paths: Mapping[str, str], body: bytes) -> None:
    """A body that is not a JSON object is a 400."""
    method, path = OPERATIONS["bulk"]
    headers = {"Content-Type": "application/json; charset=utf-8", "Idempotency-Key": "key"}
    answer = await call(method, path.format(**paths), data=body, headers=headers)
    assert (answer.status, answer.json["object"]) == (400, "bad_request_error")


@pytest.mark.parametrize("key", ["", "x" * 256])
async def test_an_idempotency_key_has_1_to_255_characters(call: Caller, sandbox: Sandbox, key: str) -> None:
    """A shorter or longer idempotency key is a 400, for batch jobs and for draft jobs."""
    project = sandbox.seed(draft=1)
    for answer in (
        await call.create_batch("pause", project.id, project.ids(), key=key),
        await call.create_draft_job("launch", project.groups[0], key=key, end_fielding_at=FUTURE),
    ):
        assert (answer.status, answer.json["invalid_params"][0]["name"]) == (400, "Idempotency-Key")
