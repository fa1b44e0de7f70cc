"""Compare two contracts of the API: `nox -s drift -- OLD.yml NEW.yml`.

Lists what is new, removed and changed, by the module of the commands that it concerns. The exit code is 1 if an
operation that has a command changed or was removed, and 0 if there are only changes that no command uses.
"""

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from yaml import YAMLError

from support.operations_table import commands
from support.published_contract import Contract, Schema, load_document

__all__ = ["changes", "facts", "main", "report"]

Facts = dict[str, str]
"""The places of one operation in a contract, such as ``query page_size``, and their descriptions."""

_METHODS: Final = frozenset({"get", "head", "post", "put", "patch", "delete"})
_BOUNDS: Final = (
    *("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf"),
    *("minLength", "maxLength", "pattern", "minItems", "maxItems", "uniqueItems", "default"),
)
_DEEPEST: Final = 20
"""Levels of a body that are compared, for schemas that contain themselves."""
_NO_COMMAND: Final = "operations without a command"


def facts(document: Schema) -> dict[str, Facts]:
    """Return what a contract says of each operation, by its id."""
    document = _corrected(document)
    contract = Contract(document, ())
    found: dict[str, Facts] = {}
    for path, item in document["paths"].items():
        for method, node in item.items():
            if method in _METHODS:
                name = node.get("operationId") or f"{method.upper()} {path}"
                found[name] = dict(_operation(contract, f"{method.upper()} {path}", item, node))
    return found


def _corrected(node: Any) -> Any:
    """Return a contract without `required: true` inside schemas, where it means nothing."""
    if isinstance(node, list):
        return [_corrected(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        name: _corrected(value)
        for name, value in node.items()
        if not (name == "required" and isinstance(value, bool) and "type" in node)
    }


def _operation(contract: Contract, place: str, item: Schema, node: Schema) -> Iterator[tuple[str, str]]:
    yield "operation", place
    for server in node.get("servers") or item.get("servers") or contract.document.get("servers", ()):
        yield "server", server["url"]
    if node.get("deprecated"):
        yield "deprecated", "all of it"
    for parameter in map(contract.resolve, [*item.get("parameters", ()), *node.get("parameters", ())]):
        where = f"{parameter['in']} {parameter['name']}"
        yield from _schemas(contract, where, [parameter.get("schema", {})], required=bool(parameter.get("required")))
    body = contract.resolve(node.get("requestBody", {}))
    yield from _content(contract, "body", body, required=bool(body.get("required")))
    for status, reference in node.get("responses", {}).items():
        response = contract.resolve(reference)
        yield f"response {status}", "documented"
        yield from ((f"response {status} header {name}", "sent") for name in response.get("headers", ()))
        if str(status).startswith("2"):
            yield from _content(contract, f"response {status}", response, required=True)


def _content(contract: Contract, where: str, node: Schema, *, required: bool) -> Iterator[tuple[str, str]]:
    for media_type, media in node.get("content", {}).items():
        place = where if media_type == "application/json" else f"{where} ({media_type})"
        yield from _schemas(contract, f"{place} $", [media.get("schema", {})], required=required)


def _schemas(
    contract: Contract, where: str, schemas: Sequence[Schema], *, required: bool, depth: int = 0
) -> Iterator[tuple[str, str]]:
    """Yield the place of a value and of all its parts; a value may have several schemas, one for each form."""
    forms = _unique(form for schema in schemas for form in contract.variants(schema))
    yield where, _description(forms, required=required)
    yield from ((f"{where} = {value!r}", "allowed") for form in forms for value in form.get("enum", ()))
    if depth == _DEEPEST:
        return
    properties, always = contract.members(forms)
    for name, members in properties.items():
        yield from _schemas(contract, f"{where}.{name}", _unique(members), required=name in always, depth=depth + 1)
    if items := _unique(form["items"] for form in forms if "items" in form):
        yield from _schemas(contract, f"{where}[]", items, required=True, depth=depth + 1)


def _unique(schemas: Iterable[Schema]) -> list[Schema]:
    """Return the schemas without repetitions: forms that are combined share most of their parts."""
    return [*{repr(schema): schema for schema in schemas}.values()]


def _description(forms: Sequence[Schema], *, required: bool) -> str:
    kinds = {" ".join(filter(None, [form.get("type", "any"), form.get("format")])) for form in forms}
    bounds = {f"{name} {form[name]}" for form in forms for name in _BOUNDS if name in form}
    marks = [mark for mark in ("nullable", "deprecated") if any(form.get(mark) for form in forms)]
    presence = "required" if required else "optional"
    return ", ".join([" or ".join(sorted(kinds)), *marks, *sorted(bounds), presence])


def changes(old: Mapping[str, Facts], new: Mapping[str, Facts]) -> dict[str, list[str]]:
    """Return the differences of two contracts by operation, as lines: ``+`` is new, ``-`` is gone, ``~`` changed."""
    found: dict[str, list[str]] = {}
    for name in sorted(old.keys() | new.keys()):
        if name not in old:
            found[name] = [f"+ new operation: {new[name]['operation']}"]
        elif name not in new:
            found[name] = [f"- removed operation: {old[name]['operation']}"]
        elif lines := [*_lines(old[name], new[name])]:
            found[name] = lines
    return found


def _lines(old: Facts, new: Facts) -> Iterator[str]:
    whole = None
    for place in sorted(old.keys() | new.keys()):
        before, after = old.get(place), new.get(place)
        if before == after or (whole is not None and _is_part(place, whole)):
            continue
        if before is None or after is None:
            whole = place  # its parts came and went with it
            yield f"- {place}: {before}" if after is None else f"+ {place}: {after}"
        else:
            yield f"~ {place}: {before} -> {after}"


def _is_part(place: str, whole: str) -> bool:
    return place.startswith((f"{whole}.", f"{whole}[]", f"{whole} "))


def owners() -> dict[str, tuple[str, str]]:
    """Return the module and the name of each command, by its operation."""
    return {
        kind.endpoint.operation_id: (module, kind.__name__) for module, kinds in commands().items() for kind in kinds
    }


def report(found: Mapping[str, Sequence[str]], known: Mapping[str, tuple[str, str]]) -> str:
    """Return the differences as text, by module; operations with the same differences are named together.

    Args:
        found: The differences by operation.
        known: The module and the command of each operation that has one.
    """
    by_module: defaultdict[str, defaultdict[tuple[str, ...], list[str]]] = defaultdict(lambda: defaultdict(list))
    for name, lines in found.items():
        module, command = known.get(name, (_NO_COMMAND, ""))
        by_module[module][tuple(lines)].append(f"{command} ({name})" if command else name)
    text: list[str] = []
    for module in sorted(by_module, key=lambda module: (module == _NO_COMMAND, module)):
        text += ["", module]
        for lines, names in by_module[module].items():
            text += [f"  {', '.join(names)}", *(f"    {line}" for line in lines)]
    used = sum(name in known for name in found)
    return "\n".join([f"{len(found)} operations differ; {used} of them have commands.", *text]) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Print the differences of two contracts, and return the exit code."""
    if len(arguments) != 2:
        sys.stderr.write("usage: nox -s drift -- OLD.yml NEW.yml\n")
        return 2
    try:
        old, new = (facts(load_document(Path(argument))) for argument in arguments)
    except (OSError, YAMLError, LookupError, TypeError, AttributeError, ValueError, RecursionError) as exc:
        sys.stderr.write(f"not a contract: {exc!r}\n")
        return 2
    if not (old and new):
        sys.stderr.write("not a contract: it has no operations\n")
        return 2
    found, known = changes(old, new), owners()
    sys.stdout.write(report(found, known))
    return int(any(name in known for name in found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
