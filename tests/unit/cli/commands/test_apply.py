"""Plans on a sandbox: written with --out, carried out with `apply`, by another person and not twice."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.command_line import Cli

from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.sweeps import SweepPreview, SweepReport


def make_plan(cli: Cli, *words: str) -> SweepPreview:
    """Write plan.json, and return it."""
    ended = cli("pause", *(words or ("--all-projects",)), "--status", "live", "--out", "plan.json", "--force")
    assert ended.code == 0, ended.err
    return SweepPreview.load("plan.json")


def test_a_plan_is_written_and_nothing_is_sent(connected: Cli, sandbox: Sandbox, tmp_path: Path) -> None:
    """--out lists what it plans, needs no terminal, and names the command that carries the plan out."""
    project = sandbox.seed(live=2, paused=1)
    ended = connected("pause", "--all-projects", "--out", "plan.json")
    assert ended.code == 0
    assert "fieldingkit apply plan.json" in ended.err
    assert "Nothing was changed." in ended.err
    assert [group.target_group_id for group in SweepPreview.load("plan.json").to_send] == project.ids("live")
    assert len(project.ids("live")) == 2
    assert {request.method for request in sandbox.requests} == {"GET"}
    assert not list(tmp_path.rglob("*.journal"))


def test_a_plan_that_exists_is_kept(connected: Cli, sandbox: Sandbox) -> None:
    """Another person may have read it already."""
    project = sandbox.seed(live=1)
    text = f"{project.id} {project.ids()[0]}"
    Path("plan.json").write_text(text)
    ended = connected("pause", "--all-projects", "--out", "plan.json")
    assert ended.code == 2
    assert "plan.json exists" in ended.err
    assert Path("plan.json").read_text() == text
    for flag, path in (("--report", "same.json"), ("--ids", "plan.json")):
        words = ("--all-projects",) if flag == "--report" else ()
        ended = connected("pause", *words, flag, path, "--out", path, "--force")
        assert f"--out and {flag} name the same file" in ended.err
    assert not sandbox.requests


def test_apply_sends_what_was_planned(connected: Cli, sandbox: Sandbox) -> None:
    """Exactly the target groups of the plan are sent, under its run id; what went live since is reported."""
    project = sandbox.seed(live=2)
    planned = make_plan(connected)
    later = sandbox.seed(project_id=project.id, live=1)
    ended = connected("apply", "plan.json", "--yes", "--no-verify", "--report", "out.json")
    assert ended.code == 0
    report = SweepReport.load("out.json")
    assert (report.run_id, report.counts.updated) == (planned.plan.run_id, 2)
    assert [group.target_group_id for group in report.groups] != later.ids("live")
    assert len(project.ids("live")) == 1


def test_what_moved_since_is_skipped(connected: Cli, sandbox: Sandbox) -> None:
    """A target group with another status than in the plan is not sent, which is exit code 1."""
    project = sandbox.seed(live=3)
    make_plan(connected)
    project.groups[0].act("complete", by="colleague")
    ended = connected("apply", "plan.json", "--yes", "--json")
    assert ended.code == 1
    assert "1 target group of the plan moved since" in ended.err
    result = json.loads(ended.out.splitlines()[-1])
    assert (result["exit"], result["counts"]["updated"]) == (1, 2)
    assert result["groups"][0]["reason"] == "it was live when the plan was made, and is completed now"


def test_what_moved_since_comes_with_its_next_step(connected: Cli, sandbox: Sandbox) -> None:
    """The advice for a target group that moved is not the one for a status that never allowed the action."""
    project = sandbox.seed(live=2, draft=1)
    make_plan(connected)
    next(group for group in project.groups if group.status == "live").act("complete", by="colleague")
    text = " ".join(connected("apply", "plan.json", "--yes").out.split())
    assert "-> Another user may have changed them, so they were left as they are." in text
    assert ("-> There was nothing to do for these." in text) == ("it is draft" in text)


def test_what_was_paused_since_the_plan_counts_as_paused(connected: Cli, sandbox: Sandbox) -> None:
    """A target group that was read with the target status is part of the headline's number."""
    project = sandbox.seed(live=4)
    make_plan(connected)
    project.groups[0].act("pause", by="colleague")
    project.groups[1].act("complete", by="colleague")
    ended = connected("apply", "plan.json", "--yes")
    assert ended.code == 1
    assert "3 of 4 target groups are paused." in ended.out


@pytest.mark.parametrize(
    ("words", "texts"),
    [
        (("--account", "102"), ("of account 101 at", "to account 102 at")),
        (("--base-url", "http://127.0.0.1:9/v1"), ("at http://127.0.0.1:9/v1", "Give the --account and --base-url")),
        (("--max-age", "0s"), ("which is not within --max-age", "Make a new plan")),
    ],
)
def test_a_plan_for_elsewhere_or_of_the_past_is_refused(
    connected: Cli, sandbox: Sandbox, words: Sequence[str], texts: Sequence[str]
) -> None:
    """Both accounts are named; nothing is sent, not even a read."""
    sandbox.seed(live=1)
    make_plan(connected)
    sandbox.requests.clear()
    for flag in ("--yes", "--dry-run"):
        ended = connected("apply", "plan.json", flag, *words)
        assert ended.code == 2
        assert all(text in ended.err for text in texts)
    assert not sandbox.requests


def test_a_plan_of_a_day_ago_is_refused(connected: Cli, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The default of --max-age is 24 hours, and a larger one admits the plan."""
    sandbox.seed(live=1)
    yesterday = datetime.now(UTC) - timedelta(hours=25)
    with monkeypatch.context() as patch:
        patch.setattr("fieldingkit.clock.MonotonicClock.wall", lambda _: yesterday.timestamp())
        make_plan(connected)
    assert connected("apply", "plan.json", "--yes").code == 2
    assert not sandbox.jobs
    assert connected("apply", "plan.json", "--yes", "--max-age", "2d").code == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "cannot be read"), ("{}", "is not a sweep plan"), ("changed", "its checksum does not fit")],
)
def test_a_file_that_is_no_whole_plan_is_refused(
    connected: Cli, sandbox: Sandbox, text: str | None, message: str
) -> None:
    """A missing file, another file and an edited plan are usage errors."""
    project = sandbox.seed(live=2)
    make_plan(connected)
    path = Path("plan.json")
    if text is None:
        path.unlink()
    else:
        path.write_text(path.read_text().replace(project.ids()[1], project.ids()[0]) if text == "changed" else text)
    ended = connected("apply", "plan.json", "--yes")
    assert ended.code == 2
    assert message in ended.err
    assert not sandbox.jobs


def test_the_same_plan_acts_once(connected: Cli, sandbox: Sandbox) -> None:
    """A second apply gives the report of the first one, also after somebody resumed the target groups."""
    project = sandbox.seed(live=2)
    make_plan(connected)
    assert connected("apply", "plan.json", "--yes").code == 0
    for group in project.groups:
        group.act("resume", by="colleague")
    ended = connected("apply", "plan.json", "--yes")
    assert ended.code == 0
    assert "This plan was applied before" in ended.err
    assert len(sandbox.jobs) == 1
    assert len(project.ids("live")) == 2


def test_what_could_not_be_read_is_sent_by_the_same_command_again(connected: Cli, sandbox: Sandbox) -> None:
    """The plan is not used up by a time in which the statuses could not be compared with it."""
    project, other = sandbox.seed(live=3), sandbox.seed(live=3)
    make_plan(connected)
    sandbox.faults.add("get_list_target_groups", faults.Answer(403), times=1)
    assert connected("apply", "plan.json", "--yes", "--no-verify").code == 1
    assert len(project.ids("live")) + len(other.ids("live")) == 3
    assert connected("apply", "plan.json", "--yes").code == 0
    assert not project.ids("live")
    assert not other.ids("live")


def test_on_another_host_nothing_is_sent_twice(connected: Cli, sandbox: Sandbox, tmp_path: Path) -> None:
    """Without the journal of the first apply, all target groups of the plan are read with the target status."""
    project = sandbox.seed(live=2)
    make_plan(connected)
    assert connected("apply", "plan.json", "--yes").code == 0
    ended = connected("apply", "plan.json", "--yes", "--journal", str(tmp_path / "other.journal"))
    assert ended.code == 0
    assert "2 target groups of the plan moved since" in ended.err
    assert ended.out.splitlines()[-2:] == ["All 2 target groups are paused.", "        2 already paused"]
    assert len(sandbox.jobs) == 1
    assert len(project.ids("paused")) == 2


def test_the_question_says_who_planned_and_when(
    connected: Cli, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second person sees what would be sent, the host and the time of the plan, and may refuse."""
    project = sandbox.seed(live=2)
    with monkeypatch.context() as patch:
        patch.setattr("socket.gethostname", lambda: "ops-7")
        planned = make_plan(connected)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdin.readline", lambda: "n\n", raising=False)
    ended = connected("apply", "plan.json")
    assert ended.code == 1
    question = f"as planned on ops-7 at {planned.created_at:%Y-%m-%d %H:%M} UTC? [y/N]"
    assert question in " ".join(ended.err.split())
    assert "Would pause 2 target groups" in ended.out
    assert len(project.ids("live")) == 2


def test_apply_with_dry_run_shows_what_would_change(connected: Cli, sandbox: Sandbox) -> None:
    """The list is as of now, and nothing is sent."""
    project = sandbox.seed(live=2)
    make_plan(connected)
    project.groups[0].act("pause", by="colleague")
    ended = connected("apply", "plan.json", "--dry-run")
    assert ended.code == 0
    assert "Would pause 1 target group" in ended.out
    assert not sandbox.jobs
