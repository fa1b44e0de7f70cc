"""Random requests for every operation: each gets an answer of the contract, and never a 500."""

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from functools import cache, reduce
from http.client import HTTPConnection
from operator import getitem
from typing import Any
from urllib.parse import urlencode

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.contract_check import load_contract
from support.published_contract import CONTRACT, load_document

from fieldingkit.sandbox import Sandbox, routes

ULID = "01BTGNYV6HRNK8K8VKZASZCFP1"
MONEY = {"value": "1.50", "currency_code": "USD", "currency_scale": 2}
TEXTS = (
    f"{ULID} 2998-01-01T00:00:00.000Z 9999-12-31T23:59:59.999Z 0001-01-01T00:00:00.000Z live us eng dynamic linear "
    "gemini rate_card P1D P397DT99999H 1.50 NaN inf 1_0 https://example.com/ http://localhost/ https://[ "
    "session-updated"
).split()

scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.sampled_from(TEXTS))
values = st.recursive(
    scalars | st.just(MONEY) | st.just(MONEY | {"value": "NaN"}) | st.just({"value": "1"}),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
dates = st.sampled_from(TEXTS[1:4])


def fields(**valid: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return objects with these fields, each of them missing, valid or anything."""
    return st.fixed_dictionaries({}, optional={name: strategy | values for name, strategy in valid.items()})


FIELDING_DATES = fields(start_fielding_at=dates, end_fielding_at=dates)
GROUPS = fields(target_group_ids=st.just([ULID]), project_manager_id=st.text())
WEBHOOK = fields(url=st.just("https://example.com/"), events=st.just(["session-updated"]))
FILTERS = fields(status=st.just(["live"]), country=st.just(["us"]), language=st.just(["eng"]))
ASSISTANT = fields(
    pricing=fields(
        type=st.sampled_from(["dynamic", "rate_card"]),
        total_budget=st.just(MONEY),
        maximum_cpi=st.just(MONEY),
        minimum_cpi=st.just(MONEY),
        boost_cpi=st.just(MONEY),
    ),
    quota_overlay=fields(prevent_overfill=st.booleans(), balance_fill=st.booleans()),
    pacing=fields(
        type=st.sampled_from(["linear", "adaptive", "gemini"]),
        increment_interval=st.just("P1D"),
        exposed_target_group_id=st.just(ULID),
    ),
    soft_launch=fields(
        end_at=dates, filling_goal_percentage=st.just(10), demographics_strictness_percentage=st.just(10)
    ),
)
CONDITION = st.one_of(
    fields(object=st.just("selection"), question_id=st.sampled_from([42, 43, 45]), option=st.sampled_from(["1", "9"])),
    fields(object=st.just("range"), question_id=st.just(42), min=st.integers(1, 50), max=st.integers(20, 99)),
    fields(
        object=st.just("open_ended"),
        question_id=st.just(45),
        open_ended_values=st.lists(st.text(max_size=5), max_size=2),
        allow_all_values=st.booleans(),
    ),
)
TARGET = fields(
    conditions=st.lists(CONDITION, max_size=2),
    name=st.text(max_size=4),
    quota=fields(completes_goal=st.integers(0, 9), completes_goal_percentage=st.sampled_from([100, 50.0])),
)
PROFILE = fields(
    object=st.sampled_from(["regular", "blended"]),
    name=st.text(max_size=4),
    quotas_enabled=st.booleans(),
    targets=st.lists(TARGET, max_size=2),
    blended_type=st.sampled_from(["interlock", "control"]),
)
ADJUSTMENT = st.sampled_from(["percentage", "nominal"])
PROFILING = fields(profile_adjustment_type=ADJUSTMENT, profiles=st.lists(PROFILE, max_size=3))
WHOLE = {
    "locale": st.just("eng_us"),
    "completes_goal": st.just(9),
    "start_at": dates,
    "end_at": dates,
    "collects_pii": st.booleans(),
}
BODIES = {
    "batch_delete_profiles": fields(profile_ids=st.just([ULID])),
    "generate_blended_profile": fields(**WHOLE, profiling=PROFILING),
    "get_panel_distribution_draft": fields(**WHOLE, profile_adjustment_type=ADJUSTMENT, profile=PROFILE),
    "manage_target_group_profiles": fields(completes_goal=st.just(9), profiling=PROFILING),
    "validate_profiles": fields(**WHOLE, profiling=PROFILING),
    "create_bulk_pause_target_groups_job": GROUPS,
    "create_bulk_update_target_group_project_manager_job": GROUPS,
    "create_launch_fielding_run_from_draft_job": FIELDING_DATES,
    "create_schedule_fielding_run_from_draft_job": FIELDING_DATES,
    "update_fielding_run": FIELDING_DATES,
    "update_profile_filling_goal": fields(completes_goal=st.integers()),
    "compute_target_group_transitions": fields(
        filters=FILTERS, included_target_group_ids=st.just([ULID]), search_string=st.text()
    ),
    "create_or_update_fielding_assistant_assignment": ASSISTANT,
    "create_webhook": WEBHOOK,
    "update_webhook": WEBHOOK,
}
RAW = st.binary(max_size=8) | st.sampled_from(
    [b"[" * 200_000, b'{"a":' * 200_000, b'{"a":' * 300 + b"1" + b"}" * 300, b'{"completes_goal":1e999}', b"9" * 5000]
)
QUERIES = st.dictionaries(
    st.sampled_from(
        ["page_size", "start_after", "end_before", "status", "search_string", "start_time", "type", "name"]
    ),
    st.text(max_size=8) | st.sampled_from(TEXTS),
    max_size=2,
)


@attrs.frozen
class Target:
    """A sandbox with one resource of each kind, and a connection to it."""

    sandbox: Sandbox
    connection: HTTPConnection
    ids: Mapping[str, str]

    def send(self, route: tuple[str, str, str], body: bytes, query: str = "") -> list[str]:
        """Send a request with every header that an operation can require; return the violations of the contract."""
        method, template, _ = route
        webhooks = self.sandbox.webhooks
        ids = {**dict.fromkeys(re.findall(r"{(\w+)}", template), ULID), **self.ids}
        path = template.format_map(ids | ({"webhook_id": webhooks[-1].id} if webhooks else {}))
        has_key = path.startswith("/fulfillment/")
        headers = {
            "Authorization": self.sandbox.fulfillment_key if has_key else f"Bearer {self.sandbox.token}",
            "Cint-API-Version": "2025-12-18",
            "Content-Type": "application/json",
            "If-Match": "*",
            "Idempotency-Key": str(uuid.uuid4()),
        }
        self.connection.request(method, f"{'' if has_key else '/v1'}{path}?{query}", body=body, headers=headers)
        response = self.connection.getresponse()
        response.read()
        assert response.status < 500
        contract, exchange = load_contract(), self.sandbox.requests.pop()
        complaints = [] if contract is None else contract.complaints(exchange)
        return [complaint for complaint in complaints if "query parameter" not in complaint]


@pytest.fixture
def target() -> Iterator[Target]:
    """Run a sandbox with one resource of each kind."""
    with Sandbox() as sandbox:
        project = sandbox.seed(live=1, completes=1)
        (group,) = project.groups
        assert group.run is not None
        host, _, port = sandbox.url.removesuffix("/v1").removeprefix("http://").partition(":")
        connection = HTTPConnection(host, int(port))
        ids = {
            "account_id": "101",
            "business_unit_id": "1234",
            "user_id": project.manager_id,
            "project_id": project.id,
            "target_group_id": group.id,
            "fielding_run_id": group.run.id,
            "RID": group.respondents[0].rid,
            "profile_template_id": "7d3c1f2e-4b5a-4c6d-8e9f-0a1b2c3d4e5f",
            "template_id": "01JT5Z59MAKQ82J5K9Y3YGFNJM",
        }
        yield Target(sandbox, connection, ids)
        connection.close()


fuzz = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("operation_id", BODIES)
@fuzz
@given(data=st.data())
def test_any_body_gets_an_answer_of_the_contract(target: Target, operation_id: str, data: st.DataObject) -> None:
    """An operation accepts the bodies that the contract allows, refuses others, and its resources stay readable."""
    body = data.draw(BODIES[operation_id])
    (route,) = (route for route in routes() if route[2] == operation_id)
    assert target.send(route, json.dumps(body).encode()) == []
    for read in routes():
        if read[0] == "GET" and read[1] in {route[1], route[1] + "/{webhook_id}"}:
            assert target.send(read, b"") == []


@fuzz
@given(route=st.sampled_from(routes()), body=RAW, query=QUERIES)
def test_any_raw_body_and_query_get_an_answer_of_the_contract(
    target: Target, route: tuple[str, str, str], body: bytes, query: dict[str, str]
) -> None:
    """Every operation answers any bytes and any query with a success or a documented client error."""
    assert target.send(route, body, urlencode(query)) == []


def resolve(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a node of the contract without a reference."""
    while "$ref" in node:
        node = reduce(getitem, node["$ref"].removeprefix("#/").split("/"), load_document())
    return node


def schema_values(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Return values that a schema of the contract allows, except for its patterns."""
    node = resolve(schema)
    for part in (*node.get("oneOf", ()), *node.get("anyOf", ())):
        return st.one_of([schema_values(part) for part in node.get("oneOf", node.get("anyOf"))])
    for part in node.get("allOf", ()):
        node = {**node, **resolve(part)}
    if "enum" in node:
        return st.sampled_from(node["enum"])
    match node.get("type"):
        case "object":
            fields = {name: schema_values(field) for name, field in node.get("properties", {}).items()}
            required = {name: fields.pop(name) for name in node.get("required", ()) if name in fields}
            return st.fixed_dictionaries(required, optional=fields)
        case "array":
            return st.lists(schema_values(node["items"]), min_size=node.get("minItems", 0), max_size=3)
        case "integer" | "number":
            return st.integers(node.get("minimum", -(10**6)), node.get("maximum", 10**6))
        case "boolean":
            return st.booleans()
        case _:
            return st.sampled_from(TEXTS) | st.text(max_size=8)


@cache
def published_requests() -> list[tuple[tuple[str, str, str], st.SearchStrategy[Any], st.SearchStrategy[Any]]]:
    """Return the bodies and the queries that the contract allows for every route."""
    requests: list[tuple[tuple[str, str, str], st.SearchStrategy[Any], st.SearchStrategy[Any]]] = []
    for method, path, operation_id in routes():
        item = load_document()["paths"][path]
        operation = item[method.lower()]
        content = resolve(operation.get("requestBody", {})).get("content") or {}
        is_json = "application/json" in content
        body = schema_values(content["application/json"]["schema"]) if is_json else st.none()
        parameters = [resolve(node) for node in (*item.get("parameters", ()), *operation.get("parameters", ()))]
        query = {node["name"]: schema_values(node["schema"]) for node in parameters if node["in"] == "query"}
        requests.append(((method, path, operation_id), body, st.fixed_dictionaries({}, optional=query)))
    return requests


@pytest.mark.skipif(not CONTRACT.exists(), reason="the published contract is not available")
@settings(fuzz, max_examples=100)
@given(data=st.data())
def test_requests_of_the_contract_get_its_answers(target: Target, data: st.DataObject) -> None:
    """Bodies and queries that are derived from the contract's schemas get the contract's answers."""
    route, bodies, queries = data.draw(st.sampled_from(published_requests()))
    body, query = data.draw(bodies), data.draw(queries)
    assert target.send(route, b"" if body is None else json.dumps(body).encode(), urlencode(query, doseq=True)) == []
