"""The arguments of one command: parse them and run it, or print its help."""

from collections.abc import Sequence
from importlib import import_module
from typing import Final

from cyclopts import App, ArgumentCollection, CycloptsError, Group, Parameter

from fieldingkit.cli.catalog import COMMANDS
from fieldingkit.cli.errors import UsageError
from fieldingkit.cli.help import asks_for_help, command_help
from fieldingkit.rendering.text import strip_control_chars

__all__ = ["call", "command_app"]

_ARGUMENTS: Final = Group("Arguments")
_OPTIONS: Final = Group("Options")


def call(words: str, tokens: Sequence[str]) -> int:
    """Run a command, or print its help; return its exit code.

    Args:
        words: The words of the command, such as ``sweeps list``.
        tokens: The words after them.

    Raises:
        UsageError: An argument is wrong.
    """
    app = command_app(words)
    if asks_for_help(tokens):
        print(command_help(words, app))
        return 0
    try:
        code: int = app(tokens)
    except CycloptsError as exc:
        from fieldingkit.cli.argument_errors import describe

        raise UsageError(f"{strip_control_chars(describe(exc))}\nRun `{app.name[0]} --help` for the usage.") from exc
    return code


def command_app(words: str) -> App:
    """Import a command and return its application.

    Args:
        words: The words of the command, such as ``sweeps list``.
    """
    module, function = COMMANDS[words].target.split(":")

    def supply_defaults(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
        from fieldingkit.cli.config import supply_defaults

        supply_defaults(app, (*words.split(), *commands), arguments)

    app = App(
        name=f"fieldingkit {words}",
        help_flags=(),
        version_flags=(),
        group_arguments=_ARGUMENTS,
        group_parameters=_OPTIONS,
        default_parameter=Parameter(negative=()),
        config=(supply_defaults,),
        suppress_keyboard_interrupt=False,
        exit_on_error=False,
        print_error=False,
        result_action="return_value",
    )
    app.default(getattr(import_module(f"fieldingkit.cli.commands.{module}"), function))
    return app
