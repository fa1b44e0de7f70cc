"""The guards of the sweep commands: limits, the first target groups, and what a dry run lists."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs
import pytest
from aiohttp import web
from support.command_line import Cli

from fieldingkit.sandbox import Sandbox, TargetGroup, faults
from fieldingkit.sweeps import SweepReport

CREATE = "create_bulk_pause_target_groups_job"


class Terminal(io.StringIO):
    """The input of a person at a terminal."""

    def isatty(self) -> bool:
        """Return True, as for a terminal."""
        return True


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that takes the answers of a person at a terminal, one for each question."""

    def call(*lines: str) -> None:
        monkeypatch.setattr("sys.stdin", Terminal("".join(f"{line}\n" for line in lines)))
        monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)

    return call


@pytest.mark.parametrize("flags", [("--yes",), ("--dry-run",), ("--out", "plan.json")])
def test_too_many_target_groups_are_refused(connected: Cli, sandbox: Sandbox, flags: Sequence[str]) -> None:
    """More target groups than --max-groups are exit code 2; those that need no job do not count."""
    project = sandbox.seed(live=3, paused=4)
    ended = connected("pause", "--project", project.id, "--max-groups", "2", *flags)
    assert ended.code == 2
    assert "3 target groups to pause, but --max-groups is 2" in ended.err
    assert len(project.ids("live")) == 3
    assert not Path("plan.json").exists()
    assert connected("pause", "--project", project.id, "--max-groups", "3", *flags).code == 0


def test_the_first_target_groups_are_sent_before_the_others(
    connected: Cli, sandbox: Sandbox, answer: Callable[..., None]
) -> None:
    """--first asks again after the first target groups were read, and everything is one run with one report."""
    project = sandbox.seed(live=5)
    answer("y", "y")
    ended = connected("pause", "--project", project.id, "--first", "2", "--report", "out.json")
    assert ended.code == 0
    assert "The first 2 target groups" in ended.err
    assert "Pause the other 3 target groups of account 101" in " ".join(ended.err.split())
    assert "with 1 job, at least 2 requests? [y/N]" in " ".join(ended.err.split())
    assert [len(job.target_group_ids) for job in sandbox.jobs.values()] == [2, 3]
    assert SweepReport.load("out.json").counts.updated == 5


def test_a_no_after_the_first_target_groups_sends_no_others(
    connected: Cli, sandbox: Sandbox, answer: Callable[..., None]
) -> None:
    """The others are reported as not sent, which is exit code 1, and the same run can be resumed."""
    project = sandbox.seed(live=5)
    answer("y", "n")
    words = ("pause", "--project", project.id, "--first", "2", "--run-id", "careful")
    ended = connected(*words)
    assert ended.code == 1
    assert "not sent, because the sweep was stopped" in ended.out
    assert len(project.ids("live")) == 3
    answer("y", "y")
    ended = connected(*words)
    assert ended.code == 0
    assert "2 of 5 target groups are settled" in ended.err
    assert "Pause 3 target groups of account 101" in " ".join(ended.err.split())
    assert not project.ids("live")


def test_what_was_never_sent_is_reported_as_not_sent_after_an_interruption(
    connected: Cli, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C at the second question: no job is open, so nothing is unknown, and an undo is complete."""
    project = sandbox.seed(live=5)
    answers = iter(["y"])

    def ask(question: str) -> str:
        del question
        for answer in answers:
            return answer
        raise KeyboardInterrupt

    monkeypatch.setattr("fieldingkit.cli.prompts._answer", ask)
    monkeypatch.setattr("fieldingkit.cli.sweep_command.require_terminal", lambda *_, **__: None)
    ended = connected("pause", "--project", project.id, "--first", "2", "--report", "out.json")
    assert ended.code == 130
    assert "2 of 5 target groups are settled; 3 were not sent.\n" in ended.err
    counts = SweepReport.load("out.json").counts
    assert (counts.updated, counts.not_sent, counts.unknown) == (2, 3, 0)
    assert connected("undo", "out.json", "--yes").code == 0
    assert len(project.ids("live")) == 5


@pytest.mark.parametrize("flags", [(), ("--after", "0.01s")])
def test_without_a_question_the_others_follow_if_nothing_failed(
    connected: Cli, sandbox: Sandbox, flags: Sequence[str]
) -> None:
    """With --yes or --after, a failure among the first target groups ends the sweep."""
    good, bad = sandbox.seed(live=4), sandbox.seed(live=4)
    assert connected("pause", "--project", good.id, "--first", "1", "--yes", *flags).code == 0
    assert not good.ids("live")
    sandbox.faults.add(CREATE, faults.Answer(403), times=2)
    ended = connected("pause", "--project", bad.id, "--first", "1", "--yes", *flags)
    assert ended.code == 3
    assert "the others are not sent" in ended.err
    assert len(bad.ids("live")) == 4


def test_the_first_target_groups_are_read_again_after_the_time(
    connected: Cli, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If one of them moved during --after, the others are not sent."""
    project = sandbox.seed(live=4)
    (first, *_) = project.groups

    async def sleep(_: object, seconds: float) -> None:
        if seconds == 300:
            first.act("resume", by="colleague")

    monkeypatch.setattr("fieldingkit.clock.MonotonicClock.sleep", sleep)
    ended = connected("pause", "--project", project.id, "--first", "1", "--yes", "--after", "5m")
    assert ended.code == 1
    assert "The others follow in 5 min 0 s" in ended.err
    assert "1 target group moved meanwhile" in ended.err
    assert len(project.ids("live")) == 4


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--after", "5m"), "--after needs --first"),
        (("--first", "1", "--after", "soon"), "--after must be a number with s, m, h or d"),
        (("--first", "0"), "--first must be at least 1; got '0'"),
        (("--out", "plan.json"), "--out and --yes cannot be combined"),
        (("--chunk-size", "0"), "--chunk-size must be at least 1; got '0'"),
        (("--until-none-left", "--no-verify"), "--until-none-left and --no-verify cannot be combined"),
    ],
)
def test_guards_that_mean_nothing_are_refused(
    connected: Cli, sandbox: Sandbox, words: Sequence[str], text: str
) -> None:
    """The flag is named, and nothing is sent."""
    ended = connected("pause", "--all-projects", "--yes", *words)
    assert ended.code == 2
    assert text in ended.err
    assert not sandbox.requests


def test_chunk_size_strict_and_no_verify_reach_the_sweep(connected: Cli, sandbox: Sandbox) -> None:
    """--chunk-size is the size of a job, --strict sends nothing if a project cannot be listed."""
    project = sandbox.seed(live=5)
    assert connected("pause", "--project", project.id, "--yes", "--chunk-size", "2", "--no-verify").code == 0
    assert len(sandbox.jobs) == 3
    assert [request.operation_id for request in sandbox.requests].count("get_list_target_groups") == 1
    other = sandbox.seed(live=1)
    sandbox.faults.add("get_list_target_groups", faults.Answer(403), times=1)
    ended = connected("pause", "--project", project.id, "--project", other.id, "--yes", "--strict")
    assert ended.code == 3
    assert other.ids("live")


@attrs.frozen
class Meanwhile(faults.Fault):
    """A colleague launches a target group while a job is created."""

    group: TargetGroup

    async def inject(self, exchange: faults.Exchange) -> web.Response:
        """Launch it, then handle the request."""
        self.group.act("launch", by="colleague")
        return await exchange.proceed()


@pytest.mark.parametrize(("flags", "code", "live"), [((), 1, 1), (("--until-none-left",), 0, 0)])
def test_what_goes_live_meanwhile_is_swept_until_none_is_left(
    connected: Cli, sandbox: Sandbox, flags: Sequence[str], code: int, live: int
) -> None:
    """Without the flag it is reported, which is exit code 1; with it, one report covers all rounds."""
    project = sandbox.seed(live=2, scheduled=1)
    scheduled = sandbox.group(project.ids("scheduled")[0])
    sandbox.faults.add(CREATE, Meanwhile(scheduled), times=1)
    ended = connected("pause", "--project", project.id, "--yes", "--report", "out.json", *flags)
    assert ended.code == code
    assert len(project.ids("live")) == live
    report = SweepReport.load("out.json")
    assert report.counts.updated == 3 - live
    assert len(report.groups) == 3


def test_a_dry_run_lists_the_target_groups(connected: Cli, sandbox: Sandbox) -> None:
    """Each target group has a line with ids, name, status and what would happen; with --json a document."""
    project = sandbox.seed(live=1, paused=1, draft=1)
    ended = connected("pause", "--project", project.id, "--dry-run")
    lines = [line.split("\t") for line in ended.out.splitlines() if "\t" in line]
    listed = {cells[1]: (cells[0], cells[2], cells[3]) for cells in lines}
    would = {"live": "pause", "paused": "unchanged", "draft": "skipped"}
    assert listed == {group.id: (project.id, group.status, would[group.status]) for group in project.groups}
    assert all(group.name in cells[4] for group, cells in zip(project.groups, lines, strict=True))

    ended = connected("pause", "--project", project.id, "--dry-run", "--json")
    documents = [json.loads(line) for line in ended.out.splitlines()]
    assert documents[-1]["event"] == "preview"
    groups = [document for document in documents if document["event"] == "group"]
    assert [group["name"] for group in groups] == [group.name for group in project.groups]
    assert [group["would"] for group in groups] == [would[group.status] for group in project.groups]


@pytest.mark.parametrize("suffix", [".html", ".csv", ".json"])
def test_a_dry_run_writes_a_report(connected: Cli, sandbox: Sandbox, suffix: str) -> None:
    """The report has each format, is no report of a run, and a run may replace it."""
    project = sandbox.seed(live=2, draft=1)
    path = Path(f"out{suffix}")
    assert connected("pause", "--project", project.id, "--dry-run", "--report", str(path)).code == 0
    text = path.read_text(encoding="utf-8-sig")
    assert all(group.id in text and group.name in text for group in project.groups)
    if suffix == ".csv":
        rows = list(csv.DictReader(text.splitlines()))
        assert sorted(row["would"] for row in rows) == ["pause", "pause", "skipped"]
        assert rows[0]["project_id"] == project.id
    assert connected("undo", str(path), "--yes").code == 2
    ended = connected("pause", "--project", project.id, "--yes", "--report", str(path))
    assert ended.code == 0
    assert "updated" in path.read_text(encoding="utf-8-sig")
    ended = connected("pause", "--project", project.id, "--dry-run", "--report", str(path))
    assert ended.code == 2
    assert "changed 2 target groups" in ended.err


@pytest.mark.parametrize("flags", [("--dry-run",), ("--out", "plan.json")])
def test_a_dry_run_refuses_the_journal_that_the_sweep_would(
    connected: Cli, sandbox: Sandbox, flags: Sequence[str]
) -> None:
    """A file that is no journal is found by the rehearsal, and not only by the real run."""
    project = sandbox.seed(live=1)
    Path("notes.txt").write_text("These are my notes, and no journal.")
    for words in (flags, ("--yes",)):
        ended = connected("pause", "--project", project.id, "--journal", "notes.txt", *words)
        assert ended.code == 2, words
        assert "notes.txt" in ended.err
    assert not sandbox.requests
    assert connected("pause", "--project", project.id, "--journal", "new.journal", *flags).code == 0
    assert not Path("new.journal").exists()
