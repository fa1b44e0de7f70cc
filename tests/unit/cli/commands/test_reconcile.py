"""``fieldingkit reconcile``, in this process, on a sandbox."""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.command_line import Cli

from fieldingkit.cli.errors import DeclinedError
from fieldingkit.resources.reconciliations import Reconcile, ReconcileCompletes
from fieldingkit.resources.reports import GenerateReport
from fieldingkit.sandbox import Project, Sandbox, SandboxClock, faults

FOREIGN = "0f1ce179-a917-49ff-9d50-b05fc91f7bd4"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Run a sandbox in November."""
    with Sandbox(job_seconds=0.02, clock=SandboxClock(datetime(2026, 11, 20, 12, tzinfo=UTC))) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Poll reports and reconciliations as quickly as other jobs."""
    for kind in (GenerateReport, Reconcile, ReconcileCompletes):
        monkeypatch.setattr(kind, "pace", None)


def rids(project: Project) -> list[str]:
    """Return the RIDs of the completes of a project."""
    return [one.rid for group in project.groups for one in group.respondents if one.outcome == "complete"]


def write(lines: Iterable[str]) -> str:
    """Write a list, and return the name of its file."""
    Path("list.csv").write_text("".join(f"{line}\n" for line in lines))
    return "list.csv"


def uploads(sandbox: Sandbox) -> int:
    """Return the number of lists that were submitted."""
    return sum((request.operation_id or "").startswith("post_reconciliations") for request in sandbox.requests)


def test_what_is_due_is_listed(connected: Cli, sandbox: Sandbox) -> None:
    """Each project is a line with its manager, its completes and their money; the deadline is named."""
    project = sandbox.seed(live=2, completes=10)
    ended = connected("reconcile", "due", "--next")
    assert (ended.code, ended.out) == (0, f"{project.id}\tProject 1\tAda Sandbox\t20\t50.00 USD\n")
    assert "20 completes worth 50.00 USD until 2026-12-26" in ended.err
    assert "No completes are due" in connected("reconcile", "due").err
    document = json.loads(connected("reconcile", "due", "--next", "--json").out)
    assert (document["deadline"], document["money"][0]["value"]) == ("2026-12-26T06:00:00.000Z", "50.00")


@pytest.mark.parametrize("completes", [0, 10])
def test_after_the_deadline_the_next_one_is_shown(connected: Cli, bare: pytest.MonkeyPatch, completes: int) -> None:
    """On the 26th, with nothing left of last month, the completes of this month are listed with their deadline."""
    with Sandbox(clock=SandboxClock(datetime(2026, 11, 26, 12, tzinfo=UTC))) as sandbox:
        bare.setenv("CINT_BASE_URL", sandbox.url)
        bare.setenv("CINT_TOKEN", sandbox.token)
        sandbox.seed(live=2, completes=completes)
        ended = connected("reconcile", "due")
        following = connected("reconcile", "due", "--next")
        document = json.loads(connected("reconcile", "due", "--json").out)
    past, said = ended.err.splitlines()
    assert past == "No completes are left until 2026-11-26T06:00:00Z, which is past."
    counted = f"{2 * completes} completes worth 50.00 USD" if completes else "No completes are due"
    assert said.startswith(f"{counted} until 2026-12-26T06:00:00Z, 29.")
    assert ended.out == following.out
    assert (document["deadline"], document["completes"]) == ("2026-12-26T06:00:00.000Z", 2 * completes)


def test_a_list_is_checked_without_sending_it(connected: Cli, sandbox: Sandbox) -> None:
    """The number and the money are shown; the exit code says whether it would be refused."""
    project = sandbox.seed(paused=1, completes=20)
    file = write(rids(project)[1:])
    ended = connected("reconcile", "check", file, "--project", project.id)
    shown = "1 of 20 eligible completes of the project (5.0%) would be terminated, worth 2.50 USD of 50.00 USD.\n"
    assert (ended.code, ended.out) == (0, shown)
    ended = connected("reconcile", "check", file, "--project", project.id, "--max-share", "0.01", "--json")
    document = json.loads(ended.out)
    assert (ended.code, document["terminated"], document["allowed"]) == (1, 1, False)
    assert uploads(sandbox) == 0


def test_a_list_is_submitted(connected: Cli, sandbox: Sandbox) -> None:
    """The effect, the id and the counts are shown; refused rows are written to a file, and are exit code 1."""
    project = sandbox.seed(live=1, completes=20)
    file = write([f"{rids(project)[0]},932", f"{FOREIGN},932"])
    ended = connected("reconcile", "submit", file, "--yes", "--refused", "refused.csv")
    assert ended.code == 1, ended.err
    assert "1 of 20 eligible completes" in ended.err
    assert "Terminated" in ended.out
    assert "1 rows were refused because they are invalid" in ended.err
    assert Path("refused.csv").read_text() == f"invalid,{FOREIGN},932\n"
    again = connected("reconcile", "submit", write([f"{rids(project)[0]},932"]), "--yes", "--json")
    document = json.loads(again.out)
    assert (again.code, document["reconciliation"]["negative_reversed"], document["expired"]) == (0, 1, [])


def test_a_list_that_terminates_too_much_is_refused(connected: Cli, sandbox: Sandbox) -> None:
    """Nothing is sent; the message has the number and the money, once each."""
    project = sandbox.seed(live=1, completes=20)
    ended = connected("reconcile", "submit", write(rids(project)[:10]), "--project", project.id, "--yes")
    assert (ended.code, uploads(sandbox)) == (1, 0)
    assert ended.err.count("worth 25.00 USD of 50.00 USD") == 1
    assert "The list was not sent." in ended.err


def test_the_question_names_the_effect_and_the_place(
    connected: Cli, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The question has the numbers, the money, the account and the API; without a yes nothing is sent."""
    project = sandbox.seed(paused=1, completes=20)
    asked: list[str] = []

    def confirm(question: str, *, yes: bool) -> None:
        assert not yes
        asked.append(question)
        raise DeclinedError("not confirmed")

    monkeypatch.setattr("fieldingkit.cli.prompts.confirm", confirm)
    monkeypatch.setattr("fieldingkit.cli.prompts.require_terminal", lambda *_, **__: None)
    ended = connected("reconcile", "submit", write(rids(project)[1:]), "--project", project.id)
    assert (ended.code, uploads(sandbox)) == (1, 0)
    host = sandbox.url.split("/")[2]
    assert asked == [f"Submit 19 rows, and terminate 1 complete worth 2.50 USD (account 101 at {host})"]


def test_a_question_is_asked_before_anything_is_sent(connected: Cli, sandbox: Sandbox) -> None:
    """Without a terminal and without --yes, nothing is requested at all."""
    project = sandbox.seed(live=1)
    ended = connected("reconcile", "submit", write(rids(project)), "--project", project.id)
    assert (ended.code, sandbox.requests) == (2, [])
    assert "Give --yes" in ended.err


@pytest.mark.parametrize(
    ("lines", "message"),
    [(["RID,code", f"{FOREIGN},11"], "header"), ([FOREIGN], "a comma and a code"), ([], "must not be empty")],
)
def test_a_wrong_file_is_a_usage_error(connected: Cli, sandbox: Sandbox, lines: list[str], message: str) -> None:
    """A file with a header, without codes or without rows is exit code 2, and nothing is sent."""
    ended = connected("reconcile", "check", write(lines))
    assert (ended.code, sandbox.requests) == (2, [])
    assert message in " ".join(ended.err.split())


def test_a_missing_file_is_a_usage_error(connected: Cli, sandbox: Sandbox) -> None:
    """A file that is not there is exit code 2."""
    ended = connected("reconcile", "check", "nowhere.csv")
    assert (ended.code, sandbox.requests) == (2, [])
    assert "'nowhere.csv' cannot be read" in ended.err


def test_a_file_for_refused_rows_is_tried_first(connected: Cli, sandbox: Sandbox) -> None:
    """If it cannot be written, nothing is requested."""
    project = sandbox.seed(live=1)
    file = write([f"{rids(project)[0]},932"])
    ended = connected("reconcile", "submit", file, "--yes", "--refused", "nowhere/refused.csv")
    assert (ended.code, sandbox.requests) == (1, [])
    assert "nowhere/refused.csv cannot be written" in ended.err


def test_reconciliations_are_shown(connected: Cli, sandbox: Sandbox) -> None:
    """All are listed, one is shown; one that is being processed is exit code 4."""
    assert "No reconciliations." in connected("reconcile", "status").err
    project = sandbox.seed(live=1, completes=20)
    assert connected("reconcile", "submit", write([f"{rids(project)[0]},932"]), "--yes").code == 0
    (listed,) = connected("reconcile", "status").out.splitlines()
    request_id = listed.split("\t")[0]
    ended = connected("reconcile", "status", request_id)
    assert (ended.code, ended.out.splitlines()[1].split()) == (0, ["Status", "complete"])
    sandbox.faults.add("get_reconciliation_by_request_id", faults.StuckJob())
    ended = connected("reconcile", "status", request_id, "--json")
    assert (ended.code, json.loads(ended.out)["status"]) == (4, "processing")
    assert connected("reconcile", "status", "01BTGNYV6HRNK8K8VKZASZCFP0").code == 3
