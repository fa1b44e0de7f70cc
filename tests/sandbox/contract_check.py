"""Checks what a sandbox answered against the published contract, where a copy of that is at hand.

Any test can have it: inside `with checked_sandboxes():` every sandbox that is made has all its exchanges checked at
the end, except those that a fault was put into.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest
import referencing
import referencing.jsonschema
import yaml

from fieldingkit.sandbox import Sandbox
from fieldingkit.sandbox.recording import RecordedRequest

CONTRACT: Final = Path(__file__).parents[2] / "../shared/reference/openapi/fielding-only.yml"
"""Where the contract is, if it is there at all; it is no part of the project."""

KNOWN_FAULTS: Final = {
    "NullInDraftJobs": "The examples of both draft jobs have nulls that their schemas forbid.",
    "UndocumentedStatus": "No operation documents 405, 409, 413 and 415, nor the batch ones 429; their shapes exist.",
}
"""Where the contract contradicts itself or is silent, by name."""

_NULL_IN_DRAFT_JOBS = {"created_fielding_run_id", "failure_reason", "job_trace_id"}
_UNDOCUMENTED_STATUSES = {405, 409, 410, 413, 415, 429}
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")

_FORMATS = jsonschema.FormatChecker(formats=["uuid"])


@_FORMATS.checks("date-time")
def _is_timestamp(value: object) -> bool:
    return not isinstance(value, str) or _TIMESTAMP.fullmatch(value) is not None


class Contract:
    """The published contract, as far as responses go."""

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
        """What is wrong with a recorded exchange."""
        answer = exchange.answer
        operation = self._operations.get(exchange.operation_id or "")
        if answer is None or exchange.fault is not None or (operation is None and exchange.operation_id is not None):
            return []
        documented = {} if operation is None else operation["responses"]
        if str(answer.status) in documented:
            response = self._resolve(documented[str(answer.status)])
        elif answer.status in _UNDOCUMENTED_STATUSES or operation is None:  # UndocumentedStatus
            name = "Error_RateLimit" if answer.status == 429 else "Error_BadRequest"
            response = self._resolve({"$ref": f"#/components/responses/{name}"})
        else:
            return [f"{exchange.operation_id}: status {answer.status} is not documented"]
        found = self._header_complaints(response, answer.headers)
        if operation is not None and answer.status < 300:
            found += self._request_complaints(operation, exchange)
        content = response.get("content")
        if content is None:
            return found + (["there is a body"] if answer.body else [])
        if answer.headers.get("Content-Type", "").partition(";")[0] != "application/json":
            return [*found, "the body is not application/json"]
        body = answer.json
        if exchange.operation_id and exchange.operation_id.endswith("_from_draft_job"):  # NullInDraftJobs
            body = {name: value for name, value in body.items() if value or name not in _NULL_IN_DRAFT_JOBS}
        return found + self._schema_complaints(content["application/json"]["schema"], body)

    def _header_complaints(self, response: Mapping[str, Any], headers: Mapping[str, str]) -> list[str]:
        found: list[str] = []
        for name, reference in response.get("headers", {}).items():
            header = self._resolve(reference)
            if name not in headers:
                found += [f"the header {name} is missing"] if header.get("required") else []
            elif header["schema"].get("type") == "integer":
                found += self._schema_complaints(header["schema"], int(headers[name]))
            else:
                found += self._schema_complaints(header["schema"], headers[name])
        return found

    def _request_complaints(self, operation: Mapping[str, Any], exchange: RecordedRequest) -> list[str]:
        parameters = [self._resolve(parameter) for parameter in operation["parameters"]]
        found = [
            f"the request's header {parameter['name']} is missing, and it was accepted"
            for parameter in parameters
            if parameter["in"] == "header" and parameter.get("required") and parameter["name"] not in exchange.headers
        ]
        content = operation.get("requestBody", {}).get("content")
        if content:
            found += self._schema_complaints(content["application/json"]["schema"], exchange.json)
        return found

    def _resolve(self, node: Any) -> Any:
        while "$ref" in node:
            node = self._registry.resolver("urn:contract").lookup(f"urn:contract{node['$ref']}").contents
        return node

    def _schema_complaints(self, schema: Mapping[str, Any], value: object) -> list[str]:
        absolute = {"$ref": f"urn:contract{schema['$ref']}"} if "$ref" in schema else schema
        validator = jsonschema.Draft4Validator(absolute, registry=self._registry, format_checker=_FORMATS)
        return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


@cache
def load_contract() -> Contract | None:
    """The contract, or None where it is not at hand."""
    if not CONTRACT.exists():
        return None
    return Contract(yaml.safe_load(CONTRACT.read_text(encoding="utf-8")))


@contextmanager
def checked_sandboxes() -> Iterator[None]:
    """Check every exchange of every sandbox that is made inside."""
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


def _with_nulls(node: Any) -> Any:
    """The document with OpenAPI's `nullable` said in JSON Schema's own words."""
    if isinstance(node, list):
        return [_with_nulls(item) for item in node]
    if not isinstance(node, dict):
        return node
    schema = {name: _with_nulls(value) for name, value in node.items()}
    if schema.pop("nullable", None) is True:
        return {"anyOf": [schema, {"type": "null"}]}
    return schema
