"""The catalog of commands: their words, summaries, examples and modules. No module is imported from here."""

from collections.abc import Iterable
from typing import Final, NamedTuple

__all__ = ["COMMANDS", "GROUPS", "SECTIONS", "Command", "find", "names_below"]


_PROJECT = "$PROJECT"
_GROUP = "$GROUP"
_WEBHOOK = "$WEBHOOK"


class Command(NamedTuple):
    """A command of the command line."""

    target: str
    """Its module in ``fieldingkit.cli.commands``, and its function, such as ``sweep:pause``."""
    summary: str
    """Its summary, which is the first sentence of the function's docstring."""
    examples: tuple[str, ...]
    """Examples of its use."""


COMMANDS: Final[dict[str, Command]] = {
    "pause": Command(
        "sweep:pause",
        "Pause live target groups.",
        (
            "fieldingkit pause --status live --all-projects --dry-run",
            "fieldingkit pause --status live --all-projects --yes --report out.html",
            "fieldingkit pause --status live --all-projects --first 5 --after 5m --max-groups 500 --yes",
            "fieldingkit pause --status live --all-projects --out plan.json",
            f"fieldingkit groups list --project {_PROJECT} --search Wave | fieldingkit pause --ids - --yes",
        ),
    ),
    "resume": Command(
        "sweep:resume",
        "Resume paused target groups.",
        (f"fieldingkit resume --project {_PROJECT} --status paused",),
    ),
    "complete": Command(
        "sweep:complete",
        "Complete target groups, regardless of their goals and end dates.",
        (f"fieldingkit complete --project {_PROJECT} --status live --status paused --report done.csv",),
    ),
    "relaunch": Command(
        "sweep:relaunch",
        "Relaunch completed target groups.",
        ("fieldingkit relaunch --ids groups.txt --rate 5 --journal relaunch.journal",),
    ),
    "launch": Command(
        "sweep:launch",
        "Launch scheduled target groups now.",
        (f"fieldingkit launch --project {_PROJECT} --status scheduled",),
    ),
    "apply": Command(
        "apply:apply",
        "Apply a plan that a sweep command wrote with --out.",
        ("fieldingkit apply plan.json --report out.html",),
    ),
    "undo": Command(
        "undo:undo",
        "Undo a pause or a resume, from its report.",
        (
            "fieldingkit undo --last",
            "fieldingkit undo out.html",
            "fieldingkit undo out.json --yes --report back.html",
        ),
    ),
    "sweeps list": Command(
        "sweeps:list_runs",
        "List the runs of earlier sweeps, from their journals.",
        ("fieldingkit sweeps list", "fieldingkit sweeps list --json"),
    ),
    "sweeps show": Command(
        "sweeps:show",
        "Show the result, the jobs and the timeline of a run.",
        ("fieldingkit sweeps show $RUN",),
    ),
    "sweeps report": Command(
        "sweeps:write_report",
        "Write the report of a run; no request is sent.",
        ("fieldingkit sweeps report $RUN --report out.html",),
    ),
    "sweeps resume": Command(
        "sweeps:resume",
        "Resume a run exactly as it was planned.",
        ("fieldingkit sweeps resume $RUN --yes",),
    ),
    "sweeps undo": Command(
        "sweeps:undo",
        "Undo a pause or a resume, by its run id.",
        ("fieldingkit sweeps undo $RUN --report back.html",),
    ),
    "sweeps prune": Command(
        "sweeps:prune",
        "Delete old runs from the journals.",
        ("fieldingkit sweeps prune --older-than 90d",),
    ),
    "projects list": Command(
        "projects:list_projects",
        "List the account's projects.",
        ("fieldingkit projects list --status active",),
    ),
    "groups list": Command(
        "groups:list_groups",
        "List target groups; in a pipe, in the format of --ids.",
        (
            f"fieldingkit groups list --project {_PROJECT} --status live --status paused",
            "fieldingkit groups list --all-projects --status live > live.txt",
        ),
    ),
    "drafts apply": Command(
        "drafts:apply",
        "Create or change a project and its drafts as a study file says.",
        ("fieldingkit drafts apply study.toml --dry-run", "fieldingkit drafts apply study.toml --yes --json"),
    ),
    "drafts export": Command(
        "drafts:export",
        "Print the study file of a draft.",
        (f"fieldingkit drafts export {_GROUP} --project {_PROJECT} > study.toml",),
    ),
    "feasibility": Command(
        "feasibility:feasibility",
        "Estimate the reach, price and days of the target groups of a study file.",
        ("fieldingkit feasibility study.toml", "fieldingkit feasibility study.toml --json"),
    ),
    "runs show": Command(
        "runs:show",
        "Show the fielding run of a target group.",
        (f"fieldingkit runs show {_GROUP} --project {_PROJECT}",),
    ),
    "runs ensure": Command(
        "runs:ensure",
        "Bring a fielding run to a status.",
        (f"fieldingkit runs ensure {_GROUP} paused --project {_PROJECT}",),
    ),
    "runs extend": Command(
        "runs:extend",
        "Move the end of a fielding run to a later time.",
        (
            f"fieldingkit runs extend {_GROUP} --project {_PROJECT} --days 3",
            f"fieldingkit runs extend {_GROUP} --project {_PROJECT} --until 2036-01-31T18:00 --yes",
        ),
    ),
    "jobs status": Command(
        "jobs:status",
        "Read the status of a job once.",
        ('fieldingkit jobs status "$TOKEN" --json',),
    ),
    "jobs wait": Command(
        "jobs:wait",
        "Wait until a job ends.",
        ('fieldingkit jobs wait "$TOKEN" --wait-seconds 300',),
    ),
    "reports run": Command(
        "reports:run",
        "Generate a report, wait for it, and save its file.",
        (
            "fieldingkit reports run sample-bought bought.csv --month 2036-01",
            f"fieldingkit reports run term-details terms --group {_GROUP} --start 2036-01-01 --end 2036-02-01 --json",
        ),
    ),
    "reports list": Command(
        "reports:list_reports",
        "List the account's reports.",
        ("fieldingkit reports list --type sample-bought --status completed",),
    ),
    "reports download": Command(
        "reports:download",
        "Wait for a report that was requested before, and save its file.",
        ("fieldingkit reports download $REPORT bought.csv",),
    ),
    "reconcile due": Command(
        "reconcile:due",
        "List the completes that must be reconciled by the 25th, per project and manager, with their money.",
        ("fieldingkit reconcile due", "fieldingkit reconcile due --next --json"),
    ),
    "reconcile check": Command(
        "reconcile:check",
        "Show how many completes a list would terminate, and their money; the list is not sent.",
        (
            "fieldingkit reconcile check rows.csv",
            f"fieldingkit reconcile check valid.csv --project {_PROJECT} --max-share 0.05",
        ),
    ),
    "reconcile submit": Command(
        "reconcile:submit",
        "Reconcile respondents, unless too many completes would be terminated; the effect is shown first.",
        (
            "fieldingkit reconcile submit rows.csv --refused refused.csv",
            f"fieldingkit reconcile submit valid.csv --project {_PROJECT} --yes --json",
        ),
    ),
    "reconcile status": Command(
        "reconcile:status",
        "Show a reconciliation, or list all of the account.",
        ("fieldingkit reconcile status", "fieldingkit reconcile status $REQUEST --json"),
    ),
    "watch": Command(
        "watch:watch",
        "Watch target groups, those in trouble first, with their forecasts and what to do; nothing is changed.",
        (
            "fieldingkit watch",
            "fieldingkit watch --once --json",
            f"fieldingkit watch --project {_PROJECT} --every 5m --html page.html --rules rules.toml",
        ),
    ),
    "webhooks list": Command(
        "webhooks:list_webhooks",
        "List the account's webhooks.",
        ("fieldingkit webhooks list",),
    ),
    "webhooks event-types": Command(
        "webhooks:event_types",
        "List the types of events that webhooks can receive.",
        ("fieldingkit webhooks event-types",),
    ),
    "webhooks create": Command(
        "webhooks:create",
        "Create a webhook that sends events to a URL.",
        ("fieldingkit webhooks create https://example.com/cint --event target-group-updated --secret-file secret.txt",),
    ),
    "webhooks update": Command(
        "webhooks:update",
        "Change the URL or the event types of a webhook.",
        (f"fieldingkit webhooks update {_WEBHOOK} --url https://example.com/cint/events",),
    ),
    "webhooks delete": Command(
        "webhooks:delete",
        "Delete a webhook.",
        (f"fieldingkit webhooks delete {_WEBHOOK}",),
    ),
    "webhooks regenerate-secret": Command(
        "webhooks:regenerate_secret",
        "Replace the secret of a webhook.",
        (f"fieldingkit webhooks regenerate-secret {_WEBHOOK} --secret-file secret.txt",),
    ),
    "webhooks history": Command(
        "webhooks:history",
        "List the events of a webhook and their delivery.",
        (f"fieldingkit webhooks history {_WEBHOOK} --delivery undelivered --json",),
    ),
    "dead-letters send": Command(
        "dead_letters:send",
        "Send the notifications of a file of dead letters again, oldest first and each once.",
        ("fieldingkit dead-letters send dead-letters.jsonl --receivers receivers.toml",),
    ),
    "doctor": Command(
        "doctor:doctor",
        "Check the credentials, the connection, the API version and the clock.",
        ("fieldingkit doctor", "fieldingkit doctor --token-file ~/.config/fieldingkit/token --account 101"),
    ),
    "mcp": Command(
        "mcp:mcp",
        "Serve the account to an agent, by the Model Context Protocol on stdin and stdout.",
        ("fieldingkit mcp", "fieldingkit mcp --allow-writes --rules rules.toml --rate 5"),
    ),
    "sandbox": Command(
        "sandbox:sandbox",
        "Serve the API in memory, for development and tests.",
        ("fieldingkit sandbox --port 8080 --groups 3000 --projects 40",),
    ),
    "demo": Command(
        "demo:demo",
        "Pause a batch, stop all projects, report and undo, on a sandbox in this process.",
        ("fieldingkit demo",),
    ),
    "completion": Command(
        "completion:completion",
        "Print a shell completion script.",
        ("fieldingkit completion bash > ~/.local/share/bash-completion/completions/fieldingkit",),
    ),
}
"""The commands by their words."""

GROUPS: Final[dict[str, str]] = {
    "": "Control the fielding of survey target groups on the Cint Exchange.",
    "sweeps": "List, show, resume, undo and prune earlier sweeps.",
    "projects": "List projects.",
    "groups": "List target groups.",
    "drafts": "Apply a study file to drafts, or write one.",
    "runs": "Show or change the fielding run of one target group.",
    "jobs": "Read the status of jobs, by their tokens.",
    "reports": "Generate, list and save reports.",
    "reconcile": "Accept or reject completes until the 25th of the next month.",
    "webhooks": "Manage webhooks.",
    "dead-letters": "Send notifications again that a receiver did not take.",
}
"""The summaries of the words that have commands below them; the empty one is the whole command line."""

SECTIONS: Final[dict[str, tuple[str, ...]]] = {
    "Sweeps: one action on many target groups": (
        "pause",
        "resume",
        "complete",
        "relaunch",
        "launch",
        "apply",
        "undo",
        "sweeps",
    ),
    "Monitoring": ("watch",),
    "Resources": ("projects", "groups", "drafts", "feasibility", "runs", "jobs", "reports", "reconcile", "webhooks"),
    "Tools": ("dead-letters", "doctor", "mcp", "sandbox", "demo", "completion"),
}
"""The sections of the overview."""


def find(tokens: Iterable[str]) -> str:
    """Return the longest beginning of a command line that is a command or a group, as words."""
    words = ""
    for token in tokens:
        longer = f"{words} {token}".lstrip()
        if longer not in COMMANDS and longer not in GROUPS:
            break
        words = longer
    return words


def names_below(group: str) -> tuple[str, ...]:
    """Return the names that may follow the words of a group."""
    if not group:
        return tuple(name for names in SECTIONS.values() for name in names)
    return tuple(words.removeprefix(f"{group} ") for words in COMMANDS if words.startswith(f"{group} "))
