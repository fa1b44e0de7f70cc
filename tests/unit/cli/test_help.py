"""Help, examples and completion; they load no client."""

import io
import re
import shlex
import subprocess
import sys

import pytest
from rich.console import Console
from support.command_line import Cli

from fieldingkit.cli.app import EXAMPLES, app

IDS = {
    "$PROJECT": "01BTGNYV6HRNK8K8VKZASZCFP0",
    "$GROUP": "01BTGNYV6HRNK8K8VKZASZCFP1",
    "$WEBHOOK": "a",
    "$TOKEN": "b",
    "$RUN": "r",
}


SEPARATOR = re.compile(r"[\s│╭╮╰╯─\\\\]+")


def commands() -> list[str]:
    """Return the words of every command."""
    found: list[str] = []
    for name in app:
        if name.startswith("-"):
            continue
        parts = [part for part in app[name] if not part.startswith("-")]
        found += [f"{name} {part}" for part in parts] or [name]
    return found


def help_of(words: str, width: int) -> str:
    """Return the help of a command on a terminal with a width."""
    file = io.StringIO()
    app.help_print(words.split(), console=Console(file=file, width=width))
    return file.getvalue()


def test_every_command_has_examples() -> None:
    """Each command has an example, and each example belongs to a command."""
    assert sorted(EXAMPLES) == sorted(commands())


@pytest.mark.parametrize("words", sorted(EXAMPLES))
def test_help_shows_the_examples(cli: Cli, words: str) -> None:
    """--help of each command describes its flags and shows its examples."""
    ended = cli(*words.split(), "--help")
    assert ended.code == 0
    assert "Examples:" in ended.out
    assert EXAMPLES[words][0].split()[0] in ended.out
    assert "--json" not in ended.out or "JSON document" in ended.out


@pytest.mark.parametrize("words", ["", *sorted({words.split()[0] for words in EXAMPLES}), *sorted(EXAMPLES)])
def test_help_fits_80_columns_without_breaking_words(words: str) -> None:
    """Each word of the help at 80 columns is a word of the help at any width."""
    narrow, wide = (help_of(words, width) for width in (80, 1000))
    assert max(map(len, narrow.splitlines())) <= 80
    assert set(SEPARATOR.split(narrow)) <= set(SEPARATOR.split(wide))


@pytest.mark.parametrize("line", [line for lines in EXAMPLES.values() for line in lines])
def test_every_example_is_a_valid_command_line(line: str, bare: pytest.MonkeyPatch) -> None:
    """Each part of each example is a valid command line."""
    for name, value in IDS.items():
        line = line.replace(name, value)
    for part in line.split(" | "):
        words = shlex.split(part.split(" > ")[0])
        assert words[0] == "fieldingkit"
        command, _, _ = app.parse_args(words[1:], exit_on_error=False, print_error=False)
        assert command


@pytest.mark.parametrize("shell", ["bash", "fish"])
def test_completion_knows_the_commands(cli: Cli, shell: str) -> None:
    """The completion script of each shell names the commands and their flags."""
    ended = cli("completion", shell)
    assert ended.code == 0
    assert "regenerate-secret" in ended.out
    assert "all-projects" in ended.out


def test_help_loads_no_client() -> None:
    """--help loads neither aiohttp nor the modules of the commands."""
    code = (
        "import sys; from fieldingkit.cli.main import run; run(['--help']); "
        "print({'aiohttp', 'fieldingkit.client', 'fieldingkit.cli.commands.sweep'} & {*sys.modules})"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert ended.stdout.splitlines()[-1] == "set()"


def test_without_the_extra_it_prints_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, the command prints how to install it."""
    code = (
        "import importlib.util as util; found = util.find_spec; "
        "util.find_spec = lambda name, *more: None if name == 'cyclopts' else found(name, *more); "
        "from fieldingkit.cli.__main__ import main; main()"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 2
    assert "fieldingkit[cli]" in ended.stderr
