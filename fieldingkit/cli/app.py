"""The commands of the command line; each is loaded when it is called."""

from importlib.metadata import version
from typing import Any, Final

from cyclopts import App, Group, Parameter

from fieldingkit.cli.config import ConfigFile
from fieldingkit.cli.errors import EXIT_CODES

__all__ = ["EXAMPLES", "app"]


_PROJECT = "$PROJECT"
_GROUP = "$GROUP"
_WEBHOOK = "$WEBHOOK"

EXAMPLES: Final[dict[str, tuple[str, ...]]] = {
    "complete": (f"fieldingkit complete --project {_PROJECT} --status live --status paused --report done.csv",),
    "completion": ("fieldingkit completion bash > ~/.local/share/bash-completion/completions/fieldingkit",),
    "demo": ("fieldingkit demo",),
    "doctor": ("fieldingkit doctor", "fieldingkit doctor --token-file ~/.config/fieldingkit/token --account 101"),
    "groups list": (
        f"fieldingkit groups list --project {_PROJECT} --status live --status paused",
        "fieldingkit groups list --all-projects --status live > live.txt",
    ),
    "jobs status": ('fieldingkit jobs status "$TOKEN" --json',),
    "jobs wait": ('fieldingkit jobs wait "$TOKEN" --wait-seconds 300',),
    "launch": (f"fieldingkit launch --project {_PROJECT} --status scheduled",),
    "pause": (
        "fieldingkit pause --status live --all-projects --dry-run",
        "fieldingkit pause --status live --all-projects --yes --report out.html",
        f"fieldingkit groups list --project {_PROJECT} --search Wave | fieldingkit pause --ids - --yes",
    ),
    "projects list": ("fieldingkit projects list --status active",),
    "relaunch": ("fieldingkit relaunch --ids groups.txt --rate 5 --journal relaunch.journal",),
    "resume": (f"fieldingkit resume --project {_PROJECT} --status paused",),
    "runs ensure": (f"fieldingkit runs ensure {_GROUP} paused --project {_PROJECT}",),
    "runs extend": (
        f"fieldingkit runs extend {_GROUP} --project {_PROJECT} --days 3",
        f"fieldingkit runs extend {_GROUP} --project {_PROJECT} --until 2036-01-31T18:00 --yes",
    ),
    "runs show": (f"fieldingkit runs show {_GROUP} --project {_PROJECT}",),
    "sandbox": ("fieldingkit sandbox --port 8080 --groups 3000 --projects 40",),
    "undo": ("fieldingkit undo out.html", "fieldingkit undo out.json --yes --report back.html"),
    "webhooks create": (
        "fieldingkit webhooks create https://example.com/cint --event target-group-updated --secret-file secret.txt",
    ),
    "webhooks delete": (f"fieldingkit webhooks delete {_WEBHOOK}",),
    "webhooks event-types": ("fieldingkit webhooks event-types",),
    "webhooks history": (f"fieldingkit webhooks history {_WEBHOOK} --delivery undelivered --json",),
    "webhooks list": ("fieldingkit webhooks list",),
    "webhooks regenerate-secret": (f"fieldingkit webhooks regenerate-secret {_WEBHOOK} --secret-file secret.txt",),
    "webhooks update": (f"fieldingkit webhooks update {_WEBHOOK} --url https://example.com/cint/events",),
}
"""By the command's words."""


_FLEET = Group("One action on a whole fleet", sort_key=1)
_PARTS = Group("One thing at a time", sort_key=2)
_OURS = Group("This program", sort_key=3)


def _default_worth_showing(value: Any) -> Any:
    return None if value in (None, (), False) else value


def _add(to: App, words: str, target: str, text: str, group: Group | None = None) -> None:
    """Add a command that is imported when it is called."""
    to.command(
        f"fieldingkit.cli.commands.{target}",
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

_add(app, "pause", "sweep:pause", "Pause live target groups.", _FLEET)
_add(app, "resume", "sweep:resume", "Put paused target groups back to live.", _FLEET)
_add(app, "complete", "sweep:complete", "Complete target groups, whatever their goals and end dates.", _FLEET)
_add(app, "relaunch", "sweep:relaunch", "Put completed target groups back to live.", _FLEET)
_add(app, "launch", "sweep:launch", "Launch scheduled target groups now.", _FLEET)
_add(app, "undo", "sweep:undo", "Take a pause or a resume back, for exactly what it changed.", _FLEET)

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
