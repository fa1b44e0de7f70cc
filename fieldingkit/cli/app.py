"""The commands of the command line; each is loaded when it is called."""

from importlib.metadata import version
from typing import Any

from cyclopts import App, Group, Parameter

from fieldingkit.cli.config_file import ConfigFile
from fieldingkit.cli.examples import EXAMPLES
from fieldingkit.cli.exits import EXIT_CODES

__all__ = ["app"]

_FLEET = Group("One action on a whole fleet", sort_key=1)
_PARTS = Group("One thing at a time", sort_key=2)
_OURS = Group("This program", sort_key=3)


def _default_worth_showing(value: Any) -> Any:
    return None if value in (None, (), False) else value


def _add(to: App, words: str, target: str, text: str, group: Group | None = None) -> None:
    """Add a command that is imported when it is called."""
    to.command(
        f"fieldingkit.cli.{target}",
        name=words.rsplit(" ", 1)[-1],
        help=text,
        help_epilogue="\n".join(["Examples:", "", *(f"  {line}" for line in EXAMPLES[words])]),
        group=group,
    )


def _part(name: str, text: str) -> App:
    """Add a command that has commands of its own."""
    part = App(name=name, help=text, group=_PARTS)
    app.command(part)
    return part


app: App = App(
    name="fieldingkit",
    help="Control the fielding of survey target groups on the Cint Exchange.",
    help_format="plaintext",
    help_epilogue=EXIT_CODES,
    version=version("fieldingkit"),
    default_parameter=Parameter(negative=(), show_default=_default_worth_showing),
    suppress_keyboard_interrupt=False,
    exit_on_error=False,
    print_error=False,
    result_action="return_value",
)
app.config = (ConfigFile(app),)

_add(app, "pause", "fleet:pause", "Pause live target groups.", _FLEET)
_add(app, "resume", "fleet:resume", "Put paused target groups back to live.", _FLEET)
_add(app, "complete", "fleet:complete", "Complete target groups, whatever their goals and end dates.", _FLEET)
_add(app, "relaunch", "fleet:relaunch", "Put completed target groups back to live.", _FLEET)
_add(app, "launch", "fleet:launch", "Launch scheduled target groups now.", _FLEET)
_add(app, "undo", "undo:undo", "Take a pause or a resume back, for exactly what it changed.", _FLEET)

_projects = _part("projects", "What projects there are.")
_add(_projects, "projects list", "projects:list_projects", "List the account's projects.")

_groups = _part("groups", "What target groups there are.")
_add(_groups, "groups list", "groups:list_groups", "List target groups. In a pipe they come as --ids takes them.")

_runs = _part("runs", "The fielding run of one target group: show it, bring it to a status, extend it.")
_add(_runs, "runs show", "runs:show", "Show the fielding run of a target group.")
_add(_runs, "runs ensure", "runs:ensure", "Bring a fielding run to a status, by the one action that leads there.")
_add(_runs, "runs extend", "runs:extend", "Give a fielding run a later end.")

_jobs = _part("jobs", "Jobs that the API works on, by their tokens.")
_add(_jobs, "jobs status", "jobs:status", "Look at a job once.")
_add(_jobs, "jobs wait", "jobs:wait", "Wait until a job has ended. The job goes on whatever happens here.")

_webhooks = _part("webhooks", "Where the API tells of what happens.")
_add(_webhooks, "webhooks list", "webhooks:list_webhooks", "List the account's webhooks.")
_add(_webhooks, "webhooks event-types", "webhooks:event_types", "List what a webhook can be told of.")
_add(_webhooks, "webhooks create", "webhooks:create", "Have events sent to a URL.")
_add(_webhooks, "webhooks update", "webhooks:update", "Change where a webhook sends events, or what it is told of.")
_add(_webhooks, "webhooks delete", "webhooks:delete", "Delete a webhook for good.")
_add(_webhooks, "webhooks regenerate-secret", "webhooks:regenerate_secret", "Give a webhook a new secret.")
_add(_webhooks, "webhooks history", "webhooks:history", "List what a webhook was, or should have been, told of.")

_add(app, "doctor", "doctor:doctor", "Look at the credentials, the way to the API, its version and the clock.", _OURS)
_add(app, "sandbox", "sandbox:sandbox", "Serve the API in memory.", _OURS)
_add(app, "demo", "demo:demo", "Pause 40 target groups on a sandbox in this process.", _OURS)
_add(app, "completion", "completion:completion", "Print the script that completes all this in a shell.", _OURS)
