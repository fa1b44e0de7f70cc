"""Checks of a sandbox's exchanges against the published contract, if a copy of it is available.

Every sandbox created inside `with checked_sandboxes():` is checked at the end, except the exchanges with a fault.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

import jsonschema
import pytest
import referencing
import referencing.jsonschema

from fieldingkit.sandbox import Sandbox
from fieldingkit.sandbox.recording import RecordedRequest
from support.published_contract import CONTRACT, load_document

KNOWN_FAULTS: Final = {
    "BodyWithoutContent": "Some answers have the status 204, which has no body, and the schema of an empty object.",
    "NullInExclusionGroups": "The examples of lists of exclusion groups have null for groups that were never changed.",
    "NullInDraftJobs": "The examples of both draft jobs have nulls that their schemas forbid.",
    "NullInManagerJobs": "The example of a project-manager job has nulls for both lists, which its schema forbids.",
    "NullableInAllOf": "An allOf of `nullable: true` and a type is meant to allow null, but does not.",
    "OpenAnswersInTheLibrary": "The example of the library has ranges without bounds, which its schema forbids.",
    "OneOfMeansAnyOf": "Alternatives of profiles overlap, so that strict oneOf refuses bodies that are valid.",
    "RateCardBoostForgotten": "The changelog can be filtered by this type of change, and has no form for it.",
    "ReportIdIsNoUuid": "The id of a new report has the pattern of a ULID and the format of a UUID.",
    "ReportsHaveNoFailure": "The state of a report has no word for a failure.",
    "ReportUrlIsNull": "The link to a report is required, and null as long as there is none.",
    "UndocumentedKeyStatus": "The fulfillment operations do not say how they refuse a wrong key.",
    "UndocumentedStatus": "No operation documents 405, 409, 413 and 415, nor the batch ones 429; their shapes exist.",
    "UndocumentedStatusHere": "Webhooks, exclusions and templates lack statuses that their prose or path implies.",
}
"""Contradictions and gaps of the contract, by name."""

_NULL_IN_JOBS = {
    "_from_draft_job": {"created_fielding_run_id", "failure_reason", "job_trace_id"},  # NullInDraftJobs
    "_project_manager_job": {"updated_target_groups", "failed_target_groups"},  # NullInManagerJobs
}
_UNDOCUMENTED_STATUSES = {405, 409, 410, 413, 415, 429}
_UNDOCUMENTED_HERE = {  # UndocumentedStatusHere, UndocumentedKeyStatus
    ("delete_webhook", 400),
    ("delete_webhook", 412),
    ("get_respondent_status", 401),
    ("delete_profile_template", 400),
    ("get_global_allocation_template_by_id_for_business_unit_id", 404),
    ("get_webhook", 400),
    ("get_exclusion_by_project_api", 400),
    ("get_exclusion_group_target_group_exclusions", 400),
    ("get_target_group_access_respondent_guid_exclusion_list_api_paginated", 400),
    ("get_target_group_exclusion_policy_api", 400),
    ("get_target_group_respondent_activity_exclusions", 400),
    ("get_target_group_rsid_exclusion_list_api_paginated", 400),
    ("project_overview", 400),
    ("regenerate_webhook_secret", 404),
    ("set_target_group_respondent_activity_exclusions", 404),
    ("update_respondent_status", 401),
    ("update_webhook", 404),
    ("update_webhook", 412),
}
_FORGOTTEN_CHANGE = "pricing_rate_card_boost_cpi_change"
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")

_FORMATS = jsonschema.FormatChecker(formats=["uuid"])


@_FORMATS.checks("date-time")
def _is_timestamp(value: object) -> bool:
    return not isinstance(value, str) or _TIMESTAMP.fullmatch(value) is not None


class Contract:
    """The published contract of every operation's request and responses."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._operations = {
            operation["operationId"]: {**operation, "parameters": _parameters(path) + _parameters(operation)}
            for path in document["paths"].values()
            for operation in path.values()
            if isinstance(operation, Mapping) and "operationId" in operation
        }
        resource = referencing.jsonschema.DRAFT4.create_resource(_with_nulls(document))
        self._registry: referencing.jsonschema.SchemaRegistry = referencing.Registry().with_resource(
            "urn:contract", resource
        )

    def complaints(self, exchange: RecordedRequest) -> list[str]:
        """Return the violations of the contract in a recorded exchange."""
        answer = exchange.answer
        operation = self._operations.get(exchange.operation_id or "")
        if answer is None or exchange.fault is not None or (operation is None and exchange.operation_id is not None):
            return []
        documented = {} if operation is None else operation["responses"]
        if str(answer.status) in documented:
            response = self._resolve(documented[str(answer.status)])
        elif (
            operation is None
            or answer.status in _UNDOCUMENTED_STATUSES  # UndocumentedStatus
            or (exchange.operation_id, answer.status) in _UNDOCUMENTED_HERE
        ):
            name = "Error_RateLimit" if answer.status == 429 else "Error_BadRequest"
            response = self._resolve({"$ref": f"#/components/responses/{name}"})
        else:
            return [f"{exchange.operation_id}: status {answer.status} is not documented"]
        found = self._header_complaints(response, answer.headers)
        if operation is not None and answer.status < 300:
            found += self.request_complaints(
                exchange.operation_id or "",
                headers=exchange.headers,
                query=list(exchange.query.items()),
                body=_body(exchange),
                media_type=_media_type(exchange),
            )
        content = response.get("content")
        if content is None or answer.status == 204:  # BodyWithoutContent
            return found + (["there is a body"] if answer.body else [])
        media_type = answer.headers.get("Content-Type", "").partition(";")[0]
        if media_type != "application/json":
            return found if media_type in content else [*found, f"the body is {media_type}"]
        body = _without_known_faults(exchange.operation_id or "", answer.json)
        return found + self.schema_complaints(content["application/json"]["schema"], body)

    def _header_complaints(self, response: Mapping[str, Any], headers: Mapping[str, str]) -> list[str]:
        found: list[str] = []
        for name, reference in response.get("headers", {}).items():
            header = self._resolve(reference)
            if name not in headers:
                found += [f"the header {name} is missing"] if header.get("required") else []
            elif header["schema"].get("type") == "integer":
                found += self.schema_complaints(header["schema"], int(headers[name]))
            else:
                found += self.schema_complaints(header["schema"], headers[name])
        return found

    def request_complaints(
        self,
        operation_id: str,
        *,
        headers: Mapping[str, str],
        query: Sequence[tuple[str, str]],
        body: object,
        media_type: str = "application/json",
    ) -> list[str]:
        """Return the violations of the contract in a request.

        Args:
            operation_id: The operation.
            headers: The headers, in any case.
            query: The parameters of the query in order.
            body: The decoded body, or the bytes of a form; None if there is none.
            media_type: The type of the body.
        """
        operation = self._operations[operation_id]
        parameters = [self._resolve(parameter) for parameter in operation["parameters"]]
        given = {"header": {name.lower() for name in headers}, "query": {name.lower() for name, _ in query}}
        found = [
            f"the {parameter['in']} {parameter['name']} is missing"
            for parameter in parameters
            if parameter.get("required") and parameter["in"] in given
            if parameter["name"].lower() not in given[parameter["in"]]
        ]
        known = {parameter["name"] for parameter in parameters if parameter["in"] == "query"}
        found += [f"the query parameter {name} does not exist" for name in dict(query).keys() - known]
        wanted = self._resolve(operation.get("requestBody", {}))
        if body is None:
            return found + (["there is no body"] if wanted.get("required") else [])
        if media_type not in wanted.get("content", ()):
            return [*found, f"a body of {media_type} is not accepted"]
        if isinstance(body, bytes):
            return found
        return found + self.schema_complaints(wanted["content"][media_type]["schema"], body)

    def query_complaints(self, operation_id: str, query: Sequence[tuple[str, str]]) -> list[str]:
        """Return the violations of the contract in the values of a query; the sandbox accepts some unknown ones."""
        parameters = [self._resolve(parameter) for parameter in self._operations[operation_id]["parameters"]]
        schemas = {one["name"]: self._resolve(one["schema"]) for one in parameters if one["in"] == "query"}
        values = {name: [text for other, text in query if other == name] for name in schemas}
        return [
            complaint
            for name, schema in schemas.items()
            if values[name]
            for complaint in self.schema_complaints(schema, _query_value(schema, values[name]))
        ]

    def body_members(self, operation_id: str) -> set[str]:
        """Return the members that the JSON body of a request may have, in any of its forms."""
        content = self._resolve(self._operations[operation_id].get("requestBody", {})).get("content", {})
        return self._members(content["application/json"]["schema"]) if "application/json" in content else set()

    def _members(self, schema: Mapping[str, Any]) -> set[str]:
        schema = self._resolve(schema)
        parts = [part for name in ("allOf", "anyOf", "oneOf") for part in schema.get(name, ())]
        return set(schema.get("properties", {})).union(*map(self._members, parts))

    def _resolve(self, node: Any) -> Any:
        while "$ref" in node:
            node = self._registry.resolver("urn:contract").lookup(f"urn:contract{node['$ref']}").contents
        return node

    def schema_complaints(self, schema: Mapping[str, Any], value: object) -> list[str]:
        """Return the violations of a schema in a value."""
        absolute = _absolute(schema)
        validator = jsonschema.Draft4Validator(absolute, registry=self._registry, format_checker=_FORMATS)
        return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


@cache
def load_contract() -> Contract | None:
    """Return the contract, or None if it is not available."""
    if not CONTRACT.exists():
        return None
    return Contract(load_document())


@contextmanager
def checked_sandboxes() -> Iterator[None]:
    """Check every exchange of every sandbox that is created inside."""
    made: list[Sandbox] = []
    plain_init = Sandbox.__init__

    def init(self: Sandbox, **settings: Any) -> None:
        plain_init(self, **settings)
        made.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Sandbox, "__init__", init)
        yield
    contract = load_contract()
    if contract is None:
        return
    complaints = [
        f"{exchange.method} {exchange.path} -> {exchange.status}: {complaint}"
        for sandbox in made
        for exchange in sandbox.requests
        for complaint in contract.complaints(exchange)
    ]
    assert not complaints, "\n".join(complaints)


def _parameters(node: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(node.get("parameters", []))


def _media_type(exchange: RecordedRequest) -> str:
    return exchange.headers.get("Content-Type", "application/json").partition(";")[0]


def _body(exchange: RecordedRequest) -> object:
    """Return the body of a request as its schema has it: a file is a text, and forms are compared elsewhere."""
    if _is_form(exchange):
        return exchange.body
    return exchange.body.decode() if _media_type(exchange).endswith("/csv") else exchange.json


def _is_form(exchange: RecordedRequest) -> bool:
    return _media_type(exchange) == "multipart/form-data"


def _query_value(schema: Mapping[str, Any], texts: Sequence[str]) -> object:
    """Return the values of a query parameter as its schema has them."""
    if schema.get("type") == "array":
        return list(texts)
    text = texts[0]
    if schema.get("type") == "integer":
        return int(text) if text.isdecimal() else text
    return {"true": True, "false": False}.get(text, text) if schema.get("type") == "boolean" else text


def _without_known_faults(operation_id: str, body: Any) -> Any:
    """Return the body without the parts that the contract is known to describe wrongly."""
    for suffix, names in _NULL_IN_JOBS.items():
        if operation_id.endswith(suffix):
            body = {name: value for name, value in body.items() if value is not None or name not in names}
    if operation_id in {"generate_report", "report_status", "report_requests"}:
        body = _report_without_known_faults(body)
    for question in body.get("profiles") or () if operation_id == "account_questions_translation" else ():
        if question["profile_condition_type"].endswith("Open-end"):  # OpenAnswersInTheLibrary
            question["targets"] = []
    for group in body.get("data", ()) if operation_id.startswith("get_exclusion_groups_") else ():
        if group["update_date"] is None:  # NullInExclusionGroups
            del group["update_date"]
    for entry in body.get("changelog", ()) if operation_id == "get_target_group_changelog" else ():
        entry["changes"] = [item for item in entry["changes"] if item["object"] != _FORGOTTEN_CHANGE]
    return body


def _report_without_known_faults(body: dict[str, Any]) -> dict[str, Any]:
    if "reports_requests" in body:
        return {**body, "reports_requests": [_report_without_known_faults(one) for one in body["reports_requests"]]}
    changes: dict[str, Any] = {}
    if body.get("report_url") is None:  # ReportUrlIsNull
        changes["report_url"] = ""
    if body.get("status") == "failed" and "data_analysis" in body:  # ReportsHaveNoFailure
        changes["status"] = "completed"
    return {**body, **changes}


def _absolute(node: Any) -> Any:
    """Return the schema with its references resolved in the registry's copy of the document."""
    if isinstance(node, list):
        return [_absolute(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {name: f"urn:contract{value}" if name == "$ref" else _absolute(value) for name, value in node.items()}


def _with_nulls(node: Any) -> Any:
    """Return the document with `nullable` and `oneOf` translated to what they mean in JSON Schema."""
    if isinstance(node, list):
        return [_with_nulls(item) for item in node]
    if not isinstance(node, dict):
        return node
    schema = {name: _with_nulls(value) for name, value in node.items() if name != "nullable"}
    if "pattern" in schema and schema.get("format") == "uuid":  # ReportIdIsNoUuid
        del schema["format"]
    if "oneOf" in schema:  # OneOfMeansAnyOf
        schema["anyOf"] = schema.pop("oneOf")
    parts = node.get("allOf", ())
    if node.get("nullable") is True or any(part.get("nullable") is True for part in parts):  # NullableInAllOf
        return {"anyOf": [schema, {"type": "null"}]}
    return schema
