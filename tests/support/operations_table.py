"""Generate the page of operations: `python tests/support/operations_table.py > docs/reference/operations.md`."""

import sys
from importlib import import_module
from inspect import getdoc
from pkgutil import iter_modules
from typing import Any

from fieldingkit import resources
from fieldingkit.commands import Command, DownloadCommand
from fieldingkit.job_commands import JobCommand
from fieldingkit.paging import PagedCommand

OF_THE_API = 158
"""The number of operations in the contract of 2025-12-18."""

_INTRODUCTION = """
Each operation has a command, in a module by resource: `from fieldingkit import projects`. Send it with `client.send`,
unless its result says otherwise:

- **pages**: `client.iter_items(command)` reads the items of all pages; `client.send` reads one page.
- **job**: `client.run(command)` waits for the result; `client.submit` returns the job.
- **file**: `client.download(command, path)` saves it.

*Repetition* is what protects the operation from being applied twice, and so decides whether an attempt whose outcome is
unclear is repeated:

- **read**: it changes nothing, and is repeated.
- **key**: it has an idempotency key; a repetition gets the first response again.
- **tag**: it has an `If-Match`; a repetition is refused, because the first attempt changed the ETag.
- **none**: it is never repeated after an unclear outcome; the error says `maybe_applied`.

This page is made from the commands. `client.request(method, path, params=..., json=..., headers=...)` sends anything
else through the same pipeline.
"""


def commands() -> dict[str, list[type[Command[object]]]]:
    """Return the commands by module."""
    found: dict[str, list[type[Command[object]]]] = {}
    for info in iter_modules(resources.__path__):
        module = import_module(f"{resources.__name__}.{info.name}")
        kinds = [getattr(module, name) for name in module.__all__]
        named = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Command)]
        if named:
            found[info.name] = named
    return found


def count() -> str:
    """Return how many operations of the API have a command."""
    return f"{sum(map(len, commands().values()))} of {OF_THE_API}"


def _summary(kind: type[Command[object]]) -> str:
    return (kind.__doc__ or "").splitlines()[0].replace("``", "`")


def _result(kind: Any) -> str:
    """Return the result of a command, and the verb that it needs."""
    if issubclass(kind, DownloadCommand):
        return "file"
    wanted = kind.job_result_type() if issubclass(kind, JobCommand) else kind.result_type()
    way = "job" if issubclass(kind, JobCommand) else "pages" if issubclass(kind, PagedCommand) else ""
    name = getattr(wanted, "__name__", str(wanted))
    return ", ".join(filter(None, ["nothing" if wanted is type(None) else f"`{name}`", way]))


def _notes(kind: type[Command[object]]) -> str:
    """Return the paragraphs of a command's docstring after the summary, on one line, without examples."""
    paragraphs = (getdoc(kind) or "").split("\n\n")[1:]
    texts = [" ".join(text.split()).replace("``", "`") for text in paragraphs if not text.startswith(" ")]
    return " ".join(text for text in texts if not text.endswith("::"))


def _module(name: str, kinds: list[type[Command[object]]]) -> list[str]:
    lines = ["", f"## `{name}`", "", "| command | result | repetition |", "| --- | --- | --- |"]
    for kind in kinds:
        safety = kind.retry_safety().value
        lines.append(f"| `{kind.__name__}`<br>{_summary(kind)} | {_result(kind)} | {safety} |")
    notes = [f"- `{kind.__name__}`: {text}" for kind in kinds if (text := _notes(kind))]
    return [*lines, "", *notes] if notes else lines


def page() -> str:
    """Return the text of the page."""
    by_module = commands()
    lines = [f"# Operations: {count()}", _INTRODUCTION.rstrip()]
    for name, kinds in by_module.items():
        lines += _module(name, kinds)
    names = {kind.endpoint.operation_id: f"{name}.{kind.__name__}" for name in by_module for kind in by_module[name]}
    lines += ["", "## By operation id", ""]
    lines += [f"- {operation_id}: `{names[operation_id]}`" for operation_id in sorted(names)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
