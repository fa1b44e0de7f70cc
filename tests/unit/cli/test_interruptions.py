"""Ctrl-C and SIGTERM in a real process: they say what may have been applied, and how to find out."""

import asyncio
import re
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import attrs
import pytest
from aiohttp import web
from support.command_line import Cli, Ended

from fieldingkit.cli.interruptions import describe_outcome
from fieldingkit.sandbox import Project, Sandbox, faults
from fieldingkit.sandbox.faults import Exchange, Fault

pytestmark = pytest.mark.usefixtures("connected", "heeded_signals")

PROGRAM = (sys.executable, "-m", "fieldingkit")
URL = "https://example.com/cint"
CREATE = ("webhooks", "create", URL, "--event", "target-group-updated", "--secret-file", "-")


@attrs.frozen
class Silence(Fault):
    """Handle the request, and never answer it."""

    handled: threading.Event = attrs.field(factory=threading.Event)
    """Set once the request was handled."""

    async def inject(self, exchange: Exchange) -> web.Response:
        """Handle the request, then wait until the caller closes the connection."""
        await exchange.proceed()
        self.handled.set()
        await asyncio.Event().wait()
        return web.Response()


def last_month(sandbox: Sandbox) -> str:
    """Return the month before the present one of a sandbox."""
    return f"{sandbox.clock.now().replace(day=1) - timedelta(days=1):%Y-%m}"


def write_list(project: Project) -> str:
    """Write a list that terminates one of the completes of a project, and return the name of its file."""
    rids = [one.rid for group in project.groups for one in group.respondents if one.outcome == "complete"]
    Path("list.csv").write_text("".join(f"{rid}\n" for rid in rids[1:]))
    return "list.csv"


@pytest.fixture
def project(sandbox: Sandbox) -> Project:
    """Return a project with a live target group."""
    return sandbox.seed(live=1)


@pytest.fixture
def webhook(connected: Cli) -> str:
    """Return the id of a webhook."""
    return connected(*CREATE).out.split()[2]


def interrupted(sandbox: Sandbox, operation_id: str, *words: str, how: signal.Signals = signal.SIGINT) -> Ended:
    """Run a command and end it while the API, which has acted, does not answer."""
    silence = Silence()
    sandbox.faults.add(operation_id, silence)
    with subprocess.Popen([*PROGRAM, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert silence.handled.wait(60)
        process.send_signal(how)
        out, err = process.communicate(timeout=60)
    return Ended(process.returncode, out, err)


def test_an_interrupted_pause_says_that_it_may_have_been_applied(sandbox: Sandbox, project: Project) -> None:
    """The run is paused unseen: the message names the command that shows it."""
    group = project.ids("live")[0]
    ended = interrupted(
        sandbox, "pause_fielding_run", "runs", "ensure", group, "paused", "--project", project.id, "--yes"
    )
    assert (ended.code, ended.out) == (130, "")
    assert ended.err.splitlines() == [
        "fieldingkit: interrupted",
        "  Pause fielding run: it may have been applied. See `fieldingkit runs show` before you repeat the command.",
    ]
    assert len(project.ids("paused")) == 1


def test_a_terminated_creation_speaks_of_the_lost_secret(sandbox: Sandbox, tmp_path: Path) -> None:
    """A webhook with a lost secret may exist; no empty file is left."""
    ended = interrupted(sandbox, "create_webhook", *CREATE[:-1], "secret.txt", how=signal.SIGTERM)
    assert ended.code == 143
    assert ended.err.startswith("fieldingkit: terminated by SIGTERM\n  Create webhook: it may have been applied.")
    assert "A webhook with a lost secret may exist" in ended.err
    assert not (tmp_path / "secret.txt").exists()


def test_an_interrupted_new_secret_is_to_be_replaced(sandbox: Sandbox, webhook: str) -> None:
    """The old secret may be void and the new one cannot be read, so that the command is repeated."""
    words = ("webhooks", "regenerate-secret", webhook, "--secret-file", "new.txt", "--yes")
    ended = interrupted(sandbox, "regenerate_webhook_secret", *words)
    assert ended.code == 130
    assert "The old secret may have stopped being valid" in ended.err
    assert "run the command again for another one" in ended.err


def test_an_interrupted_deletion_names_the_list(sandbox: Sandbox, webhook: str) -> None:
    """The list of webhooks shows whether the deletion was applied."""
    ended = interrupted(sandbox, "delete_webhook", "webhooks", "delete", webhook, "--yes")
    assert (ended.code, ended.out) == (130, "")
    assert "Delete webhook: it may have been applied. See `fieldingkit webhooks list`" in ended.err


def test_an_interrupted_report_request_names_the_list(sandbox: Sandbox) -> None:
    """The report may have been requested, and the list of reports shows it."""
    ended = interrupted(
        sandbox, "generate_report", "reports", "run", "completes", "r.csv", "--month", last_month(sandbox)
    )
    assert ended.code == 130
    assert "Generate report: it may have been applied. See `fieldingkit reports list`" in ended.err


def test_an_interrupted_wait_names_the_command_that_continues_it(sandbox: Sandbox) -> None:
    """The report is still made; the message has the line that saves its file."""
    sandbox.faults.add("generate_report", faults.StuckJob())
    words = ("reports", "run", "completes", "r.csv", "--month", last_month(sandbox))
    with subprocess.Popen([*PROGRAM, *words], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        job = process.stderr.readline().split()[1]
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.splitlines() == [
        "fieldingkit: interrupted",
        f"  Job {job} continues. Run: fieldingkit reports download {job} FILE",
    ]


def test_an_interrupted_list_is_submitted_again(sandbox: Sandbox) -> None:
    """The list may have been accepted: the same list is the same reconciliation, by its key."""
    project = sandbox.seed(live=1, completes=20)
    words = ("reconcile", "submit", write_list(project), "--project", project.id, "--yes")
    ended = interrupted(sandbox, "post_reconciliations_completes", *words)
    assert ended.code == 130
    assert "Post reconciliations completes: it may have been applied. Submit the same list again" in ended.err
    assert re.search(r"Idempotency key [0-9a-f-]{36}\.$", ended.err)
    assert "not sent" not in ended.err


def test_an_interrupted_check_of_a_list_says_that_it_was_not_sent(sandbox: Sandbox) -> None:
    """Before the list is sent a report is requested, which may have been; the list was not."""
    project = sandbox.seed(live=1, completes=20)
    words = ("reconcile", "submit", write_list(project), "--project", project.id, "--yes")
    ended = interrupted(sandbox, "generate_report", *words)
    assert ended.code == 130
    assert ended.err.splitlines()[-1] == "  The list was not sent."


def test_an_interrupted_read_has_nothing_to_add(sandbox: Sandbox) -> None:
    """A command that only reads says that it was interrupted, and no more."""
    ended = interrupted(sandbox, "get_webhooks", "webhooks", "list")
    assert (ended.code, ended.err) == (130, "fieldingkit: interrupted\n")


def test_a_key_and_other_notes_are_passed_on() -> None:
    """The idempotency key of a call is shown, and a note of a workflow as it is, each once."""
    canceled, interrupt = asyncio.CancelledError(), KeyboardInterrupt()
    canceled.add_note(
        "create_project may have been applied; if it is sent again, then soon and with idempotency_key='k1'"
    )
    canceled.add_note("the profiles may have been replaced: read them\x1b")
    canceled.add_note("job j1 continues; get its handle with client.job('no token')")
    canceled.add_note("job j2 continues; get its handle with client.job('t2')")
    canceled.add_note("job j2 continues; get its handle with client.job('t2')")
    interrupt.__context__ = canceled
    canceled.__context__ = ValueError()
    assert describe_outcome(interrupt) == [
        "Create project: it may have been applied. Idempotency key k1.",
        "The profiles may have been replaced: read them.",
        "Job j1 continues; get its handle with client.job('no token').",
        "Job j2 continues. Run: fieldingkit jobs wait t2",
    ]
