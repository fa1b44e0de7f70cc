"""An example or two of each command, shown by its ``--help``; the tests see to it that each can be parsed."""

from typing import Final

__all__ = ["EXAMPLES"]

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
