"""Help, examples and completion."""

import re
import shlex
import subprocess
import sys
from inspect import getdoc

import pytest
from support.command_line import Cli, check_command_line

from fieldingkit.cli.app import command_app
from fieldingkit.cli.catalog import COMMANDS, GROUPS, SECTIONS, names_below

IDS = {
    "$PROJECT": "01BTGNYV6HRNK8K8VKZASZCFP0",
    "$GROUP": "01BTGNYV6HRNK8K8VKZASZCFP1",
    "$WEBHOOK": "a",
    "$TOKEN": "b",
    "$RUN": "r",
}
SEPARATOR = re.compile(r"[\s\\]+")

every_command = pytest.mark.parametrize("words", COMMANDS)


def test_the_sections_list_every_command_once() -> None:
    """The sections of the overview list every command, or the group that it belongs to, once."""
    listed = [name for names in SECTIONS.values() for name in names]
    assert sorted(listed) == sorted({words.split()[0] for words in COMMANDS})
    assert {words.rpartition(" ")[0] for words in COMMANDS} == set(GROUPS)


@every_command
def test_the_catalog_agrees_with_the_commands(words: str) -> None:
    """The summary of a command is the first sentence of its docstring."""
    docstring = getdoc(command_app(words).default_command) or ""
    assert docstring.startswith(COMMANDS[words].summary)
    assert COMMANDS[words].summary.endswith(".")


@every_command
def test_help_shows_every_flag_and_the_examples(cli: Cli, words: str) -> None:
    """--help of a command names and describes each of its flags, and shows its examples."""
    ended = cli(*words.split(), "--help")
    assert ended.code == 0
    flags = re.findall(r"^  (--[a-z-]+)", ended.out, re.MULTILINE)
    arguments = command_app(words).assemble_argument_collection(parse_docstring=True)
    assert flags == [argument.name for argument in arguments if argument.show and argument.index is None]
    assert all(argument.parameter.help for argument in arguments if argument.show)
    for example in COMMANDS[words].examples:
        assert " ".join(SEPARATOR.split(example)) in " ".join(SEPARATOR.split(ended.out))


@pytest.mark.parametrize("words", [*GROUPS, *COMMANDS])
def test_help_fits_80_columns_without_breaking_words(cli: Cli, bare: pytest.MonkeyPatch, words: str) -> None:
    """Each word of the help at 80 columns is a word of the help at any width."""
    bare.setenv("COLUMNS", "80")
    narrow = cli(*words.split(), "--help").out
    bare.setenv("COLUMNS", "1000")
    wide = cli(*words.split(), "--help").out
    assert max(map(len, narrow.splitlines())) < 80
    assert SEPARATOR.split(narrow) == SEPARATOR.split(wide)


@pytest.mark.parametrize("tokens", [(), ("--help",), ("-h",)])
@pytest.mark.parametrize("group", GROUPS)
def test_a_group_prints_its_commands(cli: Cli, group: str, tokens: tuple[str, ...]) -> None:
    """The words of a group, with or without --help, print its commands and their summaries."""
    ended = cli(*group.split(), *tokens)
    assert ended.code == 0
    for name in names_below(group):
        assert re.search(rf"^  {name} +[A-Z]", ended.out, re.MULTILINE)


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ("pauze --yes", "unknown command pauze\n  Did you mean pause? Run `fieldingkit --help` for the commands."),
        ("sweeps lst", "unknown command lst\n  Did you mean list? Run `fieldingkit sweeps --help` for the commands."),
        ("sweeps frobnicate", "unknown command frobnicate\n  Run `fieldingkit sweeps --help` for the commands."),
        ("version", "unknown command version\n  Did you mean --version? Run `fieldingkit --help` for the commands."),
        ("--yes pause", "unknown option --yes; options follow a command\n  Run `fieldingkit --help` for the commands."),
        ("pause --statsu live", "unknown option --statsu; did you mean --status?\n  Run `fieldingkit pause --help`"),
    ],
)
def test_a_mistyped_word_is_named_with_the_next_step(cli: Cli, tokens: str, message: str) -> None:
    """A word that is no command or flag is a usage error that names it, a similar one and the help."""
    ended = cli(*tokens.split())
    assert ended.code == 2
    assert ended.err.startswith(f"fieldingkit: {message}")


@pytest.mark.parametrize("first", ["help", "--help", "-h"])
@pytest.mark.parametrize("words", ["", "sweeps", "sweeps list"])
def test_help_may_come_first(cli: Cli, first: str, words: str) -> None:
    """`fieldingkit help sweeps list` prints what `fieldingkit sweeps list --help` prints."""
    assert cli(first, *words.split()) == cli(*words.split(), "--help")


def test_help_flags_after_two_dashes_are_values(cli: Cli) -> None:
    """After -- the words are values, --help too."""
    ended = cli("undo", "--", "--help")
    assert ended.code == 2
    assert "--help cannot be read" in ended.err


@pytest.mark.parametrize("line", [line for command in COMMANDS.values() for line in command.examples])
def test_every_example_is_a_valid_command_line(line: str, bare: pytest.MonkeyPatch) -> None:
    """Each part of each example is a valid command line."""
    for name, value in IDS.items():
        line = line.replace(name, value)
    for part in line.split(" | "):
        words = shlex.split(part.split(" > ")[0])
        assert words[0] == "fieldingkit"
        check_command_line(words[1:])


@pytest.mark.parametrize("shell", ["bash", "fish"])
def test_completion_knows_the_commands(cli: Cli, shell: str) -> None:
    """The completion script of each shell names the commands and their flags."""
    ended = cli("completion", shell)
    assert ended.code == 0
    assert "regenerate-secret" in ended.out
    assert "all-projects" in ended.out


def test_without_the_extra_it_prints_how_to_install_it() -> None:
    """Without the extra, the overview is printed all the same, and a command prints how to install it."""
    code = (
        "import sys; sys.modules |= dict.fromkeys(('cyclopts', 'rich', 'jinja2')); "
        "from fieldingkit.cli.__main__ import main; main()"
    )
    for tokens, status in ((["--help"], 0), (["doctor"], 2)):
        ended = subprocess.run(
            [sys.executable, "-c", code, *tokens], capture_output=True, text=True, timeout=120, check=False
        )
        assert ended.returncode == status
        assert ('"fieldingkit[cli]"' in ended.stderr) == (status == 2)
