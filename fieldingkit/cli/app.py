"""The command line: its commands, groups and examples. A command's module is imported when it is called."""

from importlib.metadata import version
from textwrap import wrap
from typing import Any, Final

from cyclopts import App, Group, Parameter

from fieldingkit.cli.config import CommandDefaults
from fieldingkit.cli.errors import EXIT_CODES

__all__ = ["EXAMPLES", "app"]


_PROJECT = "$PROJECT"
_GROUP = "$GROUP"
_WEBHOOK = "$WEBHOOK"

EXAMPLES: Final[dict[str, tuple[str, ...]]] = {
    "apply": ("fieldingkit apply plan.json --report out.html",),
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
        "fieldingkit pause --status live --all-projects --first 5 --after 5m --max-groups 500 --yes",
        "fieldingkit pause --status live --all-projects --out plan.json",
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
    "sweeps list": ("fieldingkit sweeps list", "fieldingkit sweeps list --json"),
    "sweeps prune": ("fieldingkit sweeps prune --older-than 90d",),
    "sweeps report": ("fieldingkit sweeps report $RUN --report out.html",),
    "sweeps resume": ("fieldingkit sweeps resume $RUN --yes",),
    "sweeps show": ("fieldingkit sweeps show $RUN",),
    "sweeps undo": ("fieldingkit sweeps undo $RUN --report back.html",),
    "undo": (
        "fieldingkit undo --last",
        "fieldingkit undo out.html",
        "fieldingkit undo out.json --yes --report back.html",
    ),
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
"""Examples by command."""


_SWEEPS = Group("Sweeps: one action on many target groups", sort_key=1)
_RESOURCES = Group("Resources", sort_key=2)
_TOOLS = Group("Tools", sort_key=3)


def _shown_default(value: Any) -> Any:
    return None if value in (None, (), False) else value


def _add(parent: App, words: str, target: str, text: str, group: Group | None = None) -> None:
    """Add a command whose module is imported when it is called."""
    parent.command(
        f"fieldingkit.cli.commands.{target}",
        name=words.rsplit(" ", 1)[-1],
        help=text,
        help_epilogue="\n".join(["Examples:", "", *map(_example, EXAMPLES[words])]),
        group=group,
    )


def _example(line: str) -> str:
    """Indent an example; break one that is too long for a terminal so that it can be pasted into a shell."""
    return "  " + " \\\n    ".join(wrap(line, 74, break_long_words=False, break_on_hyphens=False))


def _add_resource(name: str, text: str, group: Group = _RESOURCES) -> App:
    """Add a command with subcommands."""
    resource = App(name=name, help=text, group=group)
    app.command(resource)
    return resource


app: App = App(
    name="fieldingkit",
    help="Control the fielding of survey target groups on the Cint Exchange.",
    help_format="plaintext",
    help_epilogue=EXIT_CODES,
    version=version("fieldingkit"),
    default_parameter=Parameter(negative=(), show_default=_shown_default),
    suppress_keyboard_interrupt=False,
    exit_on_error=False,
    print_error=False,
    result_action="return_value",
)
app.config = (CommandDefaults(app),)

_add(app, "pause", "sweep:pause", "Pause live target groups.", _SWEEPS)
_add(app, "resume", "sweep:resume", "Resume paused target groups.", _SWEEPS)
_add(app, "complete", "sweep:complete", "Complete target groups, regardless of their goals and end dates.", _SWEEPS)
_add(app, "relaunch", "sweep:relaunch", "Relaunch completed target groups.", _SWEEPS)
_add(app, "launch", "sweep:launch", "Launch scheduled target groups now.", _SWEEPS)
_add(app, "apply", "apply:apply", "Carry out a plan that a sweep command wrote with --out.", _SWEEPS)
_add(app, "undo", "undo:undo", "Undo a pause or a resume, from its report.", _SWEEPS)

_sweeps = _add_resource("sweeps", "List, show, resume, undo and prune earlier sweeps.", _SWEEPS)
_add(_sweeps, "sweeps list", "sweeps:list_runs", "List the runs of earlier sweeps, from their journals.")
_add(_sweeps, "sweeps show", "sweeps:show", "Show the result, the jobs and the timeline of a run.")
_add(_sweeps, "sweeps report", "sweeps:write_report", "Write the report of a run; no request is sent.")
_add(_sweeps, "sweeps resume", "sweeps:resume", "Resume a run exactly as it was planned.")
_add(_sweeps, "sweeps undo", "sweeps:undo", "Undo a pause or a resume, by its run id.")
_add(_sweeps, "sweeps prune", "sweeps:prune", "Delete old runs from the journals.")

_projects = _add_resource("projects", "List projects.")
_add(_projects, "projects list", "projects:list_projects", "List the account's projects.")

_groups = _add_resource("groups", "List target groups.")
_add(_groups, "groups list", "groups:list_groups", "List target groups; in a pipe, in the format of --ids.")

_runs = _add_resource("runs", "Show or change the fielding run of one target group.")
_add(_runs, "runs show", "runs:show", "Show the fielding run of a target group.")
_add(_runs, "runs ensure", "runs:ensure", "Bring a fielding run to a status.")
_add(_runs, "runs extend", "runs:extend", "Move the end of a fielding run to a later time.")

_jobs = _add_resource("jobs", "Read the status of jobs, by their tokens.")
_add(_jobs, "jobs status", "jobs:status", "Read the status of a job once.")
_add(_jobs, "jobs wait", "jobs:wait", "Wait until a job ends.")

_webhooks = _add_resource("webhooks", "Manage webhooks.")
_add(_webhooks, "webhooks list", "webhooks:list_webhooks", "List the account's webhooks.")
_add(_webhooks, "webhooks event-types", "webhooks:event_types", "List the types of events that webhooks can receive.")
_add(_webhooks, "webhooks create", "webhooks:create", "Create a webhook that sends events to a URL.")
_add(_webhooks, "webhooks update", "webhooks:update", "Change the URL or the event types of a webhook.")
_add(_webhooks, "webhooks delete", "webhooks:delete", "Delete a webhook.")
_add(_webhooks, "webhooks regenerate-secret", "webhooks:regenerate_secret", "Replace the secret of a webhook.")
_add(_webhooks, "webhooks history", "webhooks:history", "List the events of a webhook and their delivery.")

_add(
    app,
    "doctor",
    "doctor:doctor",
    "Check the credentials, the connection, the API version and the clock.",
    _TOOLS,
)
_add(app, "sandbox", "sandbox:sandbox", "Serve the API in memory, for development and tests.", _TOOLS)
_add(app, "demo", "demo:demo", "Pause 40 target groups on a sandbox in this process; needs no account.", _TOOLS)
_add(app, "completion", "completion:completion", "Print a shell completion script.", _TOOLS)
