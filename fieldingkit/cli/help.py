"""The help of commands and groups as plain text. A group's help needs no module of a command."""

import shutil
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Final, cast, get_args

from fieldingkit.cli.catalog import COMMANDS, GROUPS, SECTIONS, names_below
from fieldingkit.cli.errors import EXIT_CODES
from fieldingkit.secret import Secret

if TYPE_CHECKING:
    from cyclopts import App, Argument, Group

__all__ = ["asks_for_help", "command_help", "group_help"]


_MAX_WIDTH: Final = 100
"""Longer lines are hard to read, however wide the terminal is."""
_MAX_NAMES: Final = 26
"""Columns for the names; the text beside longer ones begins on the next line."""
_VALUES: Final[dict[object, str]] = {bool: "", int: "N", float: "N", Path: "FILE", datetime: "TIME", Secret: "URL"}
"""The words for values, by their types; other values are named by the last word of their flag."""


def asks_for_help(tokens: Sequence[str]) -> bool:
    """Return True if the words after a command ask for its help; after ``--`` they are values."""
    return not {"--help", "-h"}.isdisjoint(takewhile("--".__ne__, tokens))


def group_help(group: str) -> str:
    """Return the help of a group of commands; the empty one is the whole command line."""
    program = f"fieldingkit {group}".rstrip()
    sections = SECTIONS if not group else {"Commands": names_below(group)}
    blocks = [f"Usage: {program} COMMAND", *_paragraphs(GROUPS[group])]
    for title, names in sections.items():
        blocks.append(_section(title, [(name, _summary(f"{group} {name}".lstrip())) for name in names]))
    if not group:
        flags = [("-h, --help", "Print this help, or that of a command."), ("--version", "Print the version.")]
        blocks += [_section("Flags", flags), EXIT_CODES]
    blocks += _paragraphs(f"Run `{program} COMMAND --help` for the flags of a command.")
    return "\n\n".join(blocks)


def command_help(words: str, app: "App") -> str:
    """Return the help of a command.

    Args:
        words: The words of the command.
        app: Its application.
    """
    arguments = app.assemble_argument_collection(parse_docstring=True).filter_by(show=True)
    usage = wrap(" ".join(_usage(words, arguments)), _width(), subsequent_indent="  ", break_on_hyphens=False)
    blocks = ["\n".join(usage), *_paragraphs(_docstring(app))]
    sections: dict[str, list[tuple[str, str]]] = {}
    for argument in arguments:
        group, *_ = cast("tuple[Group, ...]", argument.parameter.group)
        sections.setdefault(group.name, []).append((_names(argument), " ".join(_description(argument))))
    blocks += [_section(title, rows) for title, rows in sections.items()]
    blocks.append("\n".join(["Examples:", *map(_example, COMMANDS[words].examples)]))
    return "\n\n".join(blocks)


def _summary(words: str) -> str:
    return COMMANDS[words].summary if words in COMMANDS else GROUPS[words]


def _docstring(app: "App") -> str:
    from inspect import getdoc

    text = getdoc(app.default_command) or ""
    return text.partition("\n\nArgs:")[0]


def _usage(words: str, arguments: "Sequence[Argument]") -> Iterator[str]:
    yield f"Usage: fieldingkit {words}"
    for argument in arguments:
        if argument.index is not None:
            yield _names(argument) if argument.required else f"[{_names(argument)}]"
        elif argument.required:
            yield _names(argument)
    if any(argument.index is None and not argument.required for argument in arguments):
        yield "[OPTIONS]"


def _names(argument: "Argument") -> str:
    """Return the names of an argument, with a word for its value."""
    if argument.index is not None:
        return argument.name.lstrip("-").upper()
    names = ", ".join(argument.names)
    return f"{names} {_value(argument)}".rstrip()


def _value(argument: "Argument") -> str:
    kinds = [argument.hint, *get_args(argument.hint)]
    if argument.parameter.count:
        return ""
    if argument.parameter.converter is not None and float in kinds:
        return "TIME"
    return next((word for kind, word in _VALUES.items() if kind in kinds), argument.name.rpartition("-")[2].upper())


def _description(argument: "Argument") -> Iterator[str]:
    yield argument.parameter.help or ""
    if choices := argument.get_choices():
        yield f"One of: {', '.join(choices)}."
    default = argument.field_info.default
    if isinstance(default, int | float) and _value(argument) == "N":
        yield f"Default: {default:g}."
    elif isinstance(default, str):
        yield f"Default: {default}."
    for variable in argument.parameter.env_var or ():
        yield f"Or set {variable}."
    if argument.required and argument.index is None:
        yield "Required."


def _section(title: str, rows: Sequence[tuple[str, str]]) -> str:
    """Return a table of names and their descriptions, under a title."""
    column = max((len(names) for names, _ in rows if len(names) <= _MAX_NAMES), default=_MAX_NAMES)
    lines = [f"{title}:"]
    for names, text in rows:
        first, *rest = wrap(text, _width() - column - 4, break_long_words=False, break_on_hyphens=False) or [""]
        if len(names) > column:
            lines += [f"  {names}", f"{'':{column + 4}}{first}"]
        else:
            lines.append(f"  {names:<{column}}  {first}".rstrip())
        lines += [f"{'':{column + 4}}{line}" for line in rest]
    return "\n".join(lines)


def _paragraphs(text: str) -> list[str]:
    return [
        "\n".join(wrap(paragraph, _width(), break_long_words=False, break_on_hyphens=False))
        for paragraph in text.split("\n\n")
    ]


def _example(line: str) -> str:
    """Indent an example; break one that is too long for a terminal so that it can be pasted into a shell."""
    return "  " + " \\\n    ".join(wrap(line, 74, break_long_words=False, break_on_hyphens=False))


def _width() -> int:
    return min(shutil.get_terminal_size().columns - 1, _MAX_WIDTH)
