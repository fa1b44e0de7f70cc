"""The published contract, if a copy of it is present; it is not part of the project."""

from collections.abc import Container, Iterable
from functools import cache
from pathlib import Path
from typing import Any, Final

import attrs
import yaml

Schema = dict[str, Any]

FOLDER: Final = Path(__file__).parents[2] / "../shared/reference/openapi"
CONTRACT: Final = FOLDER / "cint-demand-2025-12-18.yml"
FIELDING_ONLY: Final = FOLDER / "fielding-only.yml"


@cache
def load_document(path: Path = CONTRACT) -> dict[str, Any]:
    """Return the parsed contract. It is long, so it is read once per process, by the C loader, which is as safe."""
    document: dict[str, Any] = yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)
    return document


@attrs.frozen
class Operation:
    """An operation as the contract has it."""

    method: str
    path: str
    parameters: list[Schema]
    body: Schema | None
    form: Schema | None
    answer: Schema | None
    headers: frozenset[str]
    examples: list[Any]


class Contract:
    """The published contract, with references resolved and combinations expanded."""

    def __init__(self, document: Schema, operation_ids: Container[str]) -> None:
        self.document = document
        self.operations: dict[str, Operation] = {}
        for path, item in document["paths"].items():
            for method, node in item.items():
                if method not in {"parameters", "servers"} and node["operationId"] in operation_ids:
                    self.operations[node["operationId"]] = self._operation(method, path, item, node)

    def _operation(self, method: str, path: str, item: Schema, node: Schema) -> Operation:
        resolved = [self.resolve(one) for one in [*item.get("parameters", ()), *node.get("parameters", ())]]
        # One operation lists a parameter of its path again.
        parameters = [*{(one["in"], one["name"]): one for one in resolved}.values()]
        codes = [code for code in node["responses"] if str(code).startswith("2")]
        assert len(codes) == 1
        answer = self.resolve(node["responses"][codes[0]])
        media: Schema = answer.get("content", {}).get("application/json", {})
        body: Schema = self.resolve(node.get("requestBody", {})).get("content", {})
        return Operation(
            method.upper(),
            path,
            parameters,
            body.get("application/json", {}).get("schema"),
            body.get("multipart/form-data", {}).get("schema"),
            None if str(codes[0]) == "204" else media.get("schema"),  # some describe a body that it cannot have
            frozenset(name.lower() for name in answer.get("headers", ())),
            [self.resolve(example)["value"] for example in media.get("examples", {}).values()]
            + [media[name] for name in ("example",) if name in media],
        )

    def resolve(self, node: Schema) -> Schema:
        """Follow a reference."""
        while "$ref" in node:
            target: Any = self.document
            for step in node["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            node = target
        return node

    def variants(self, schema: Schema) -> list[Schema]:
        """Each form that a schema allows, without combinations at its top."""
        schema = self.resolve(schema)
        own = {name: value for name, value in schema.items() if name not in {"allOf", "oneOf", "anyOf"}}
        forms = [own]
        for part in schema.get("allOf", ()):
            forms = [_both(form, other) for form in forms for other in self.variants(part)]
        alternatives = [*schema.get("oneOf", ()), *schema.get("anyOf", ())]
        if alternatives:
            forms = [_both(form, other) for form in forms for part in alternatives for other in self.variants(part)]
        return forms

    def members(self, forms: Iterable[Schema]) -> tuple[dict[str, list[Schema]], set[str]]:
        """The properties of an object in all its forms, and which of them all forms require."""
        properties: dict[str, list[Schema]] = {}
        required: list[set[str]] = []
        for form in forms:
            for name, schema in form.get("properties", {}).items():
                properties.setdefault(name, []).append(schema)
            required.append(set(form.get("required", ())))
        return properties, set[str].intersection(*required) if required else set()


def _both(one: Schema, other: Schema) -> Schema:
    return {
        **one,
        **other,
        "properties": {**one.get("properties", {}), **other.get("properties", {})},
        "required": [*one.get("required", ()), *other.get("required", ())],
        "nullable": bool(one.get("nullable") or other.get("nullable")),
    }
