"""The page of the command line, made from the commands."""

import re
from typing import Final

from cyclopts import Argument

from fieldingkit.cli import help as cli_help
from fieldingkit.cli.app import command_app
from fieldingkit.cli.catalog import COMMANDS, SECTIONS, names_below
from fieldingkit.cli.errors import EXIT_CODES

_CONNECTION: Final = "Connection"
_CODE: Final = re.compile(r"(?<![\w-])(?:--[a-z][\w-]*|\[[a-z]+\.[A-Z]+\]|(?:CINT|FIELDINGKIT)_[A-Z_]+)")
_INTRODUCTION: Final = """
# Command line

`python -m pip install "fieldingkit[cli]"` installs the command `fieldingkit`. Each command prints its flags with
`--help`; this page is made from them. [Configuration](configuration.md) has the variables of the environment, and the
file that gives flags other defaults.

Results are printed to stdout, everything else to stderr. `--json` prints one JSON document; lists in a pipe are
tab-separated.
"""


def page() -> str:
    """Return the text of the page."""
    parts = [_INTRODUCTION.strip(), _exit_codes(), _connection()]
    for title, names in SECTIONS.items():
        parts.append(f"## {title}")
        for name in names:
            parts += [_command(words) for words in _words(name)]
    return "\n\n".join(parts) + "\n"


def _words(name: str) -> list[str]:
    return [name] if name in COMMANDS else [f"{name} {below}" for below in names_below(name)]


def _exit_codes() -> str:
    rows = re.findall(r"^ {2}(\d+) +(.+(?:\n {7}.+)*)$", EXIT_CODES, re.MULTILINE)
    table = [f"| {code} | {' '.join(text.split())} |" for code, text in rows]
    return "\n".join(["## Exit codes", "", "| code | meaning |", "| --- | --- |", *table])


def _arguments(words: str) -> dict[str, list[Argument]]:
    """Return the arguments of a command by the titles of their sections."""
    found: dict[str, list[Argument]] = {}
    for argument in command_app(words).assemble_argument_collection(parse_docstring=True).filter_by(show=True):
        found.setdefault(argument.parameter.group[0].name, []).append(argument)
    return found


def _table(arguments: list[Argument]) -> str:
    rows = [f"| `{cli_help._names(each)}` | {_escape(' '.join(cli_help._description(each)))} |" for each in arguments]
    return "\n".join(["| flag | meaning |", "| --- | --- |", *rows])


def _escape(text: str) -> str:
    """Return the text of a help as Markdown: flags, variables and tables as code, and nothing else as markup."""
    code, plain = _CODE.findall(text), _CODE.split(text)
    escaped = [re.sub(r"([*<|[\]])", r"\\\1", each) for each in plain]
    return "".join(f"{before}`{name}`" for before, name in zip(escaped, code, strict=False)) + escaped[-1]


def _connection() -> str:
    text = "Every command that calls the API has these flags."
    return f"## {_CONNECTION}\n\n{text}\n\n{_table(_arguments('doctor')[_CONNECTION])}"


def _command(words: str) -> str:
    """Return the section of a command: its help, without the flags that many have."""
    arguments = _arguments(words)
    shown = [each for title, group in arguments.items() if title != _CONNECTION for each in group]
    usage = " ".join(cli_help._usage(words, shown)).removeprefix("Usage: ")
    parts = [f"### `fieldingkit {words}`", cli_help._docstring(command_app(words)), f"```text\n{usage}\n```"]
    if shown:
        parts.append(_table(shown))
    if _CONNECTION in arguments:
        parts.append("It also has the flags of the [connection](#connection).")
    parts.append("\n".join(["Examples:", "", "```text", *COMMANDS[words].examples, "```"]))
    return "\n\n".join(parts)
