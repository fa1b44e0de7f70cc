"""Continuation: the same command after a crash, the choice of the run, and one report of both runs."""

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient
from support.sweep_plans import interrupt, pausing

from fieldingkit import AsyncClient
from fieldingkit.errors import InvalidCommandError, JournalError
from fieldingkit.resources.target_groups import TargetGroupStatus
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.sweeps import (
    Action,
    Counts,
    GroupOutcome,
    Journal,
    Outcome,
    RunSummary,
    SweepPlan,
    SweepProgress,
    SweepReport,
    TargetGroupQuery,
    preview,
    read_report,
    sweep,
    undo,
)
from fieldingkit.sweeps.continuation import choose_run, merge
from fieldingkit.sweeps.identity import RunIdentity

CREATE, POLL, LIST = (
    "create_bulk_pause_target_groups_job",
    "get_bulk_pause_target_groups_job",
    "get_list_target_groups",
)
RUNS = "get_fielding_runs_by_target_group_id"
URL, NOW = "https://api.cint.com/v1", datetime(2036, 1, 1, 12, tzinfo=UTC)
LIVE_GROUPS = TargetGroupQuery(status=["live"])
LIVE, PAUSED, COMPLETED = TargetGroupStatus.LIVE, TargetGroupStatus.PAUSED, TargetGroupStatus.COMPLETED
PROJECT = "01BTGNYV6HRNK8K8VKZASZCFP0"


def identity(run_id: str = "new", **changes: Any) -> RunIdentity:
    """Return the identity of a run of account 101."""
    return RunIdentity(**{"base_url": URL, "account_id": "101", "api_version": "1", "run_id": run_id, **changes})


def run(
    run_id: str, *, minutes: float = 1, finished: bool = False, reported: bool = True, **changes: Any
) -> RunSummary:
    """Return a run that started some minutes ago; its report was delivered when it had finished."""
    started_at = NOW - timedelta(minutes=minutes)
    fields: dict[str, Any] = {
        "action": Action.PAUSE,
        "base_url": URL,
        "account_id": "101",
        "api_version": "1",
        "fingerprint": "same",
        "continues": None,
        "undoes": None,
        "started_at": started_at,
        "discovered_at": started_at,
        "finished_at": started_at if finished else None,
        "reported_at": started_at if finished and reported else None,
        "total": 1,
        "counts": Counts(updated=1),
    }
    return RunSummary(run_id=run_id, **{**fields, **changes})


@pytest.mark.parametrize(
    ("runs", "kind", "chosen"),
    [
        ([], "new", None),
        ([run("a")], "continue", "a"),
        ([run("a", finished=True)], "new", None),
        ([run("a", finished=True, reported=False)], "continue", "a"),
        ([run("a", minutes=2), run("b")], "continue", "b"),
        ([run("a", fingerprint="other")], "new", None),
        ([run("a", account_id="202")], "new", None),
        ([run("a", base_url="https://staging.example/v1")], "new", None),
        ([run("a", discovered_at=None)], "new", None),
        ([run("a", minutes=2), run("b", continues="a")], "continue", "b"),
        ([run("a", minutes=2), run("b", continues="a", finished=True)], "new", None),
        ([run("a", minutes=2), run("b", continues="a", discovered_at=None)], "continue", "a"),
        ([run("a", finished=True), run("b", continues="a", fingerprint="stragglers")], "continue", "b"),
    ],
)
def test_the_latest_interrupted_run_of_the_same_plan_is_continued(
    runs: list[RunSummary], kind: str, chosen: str | None
) -> None:
    """Reported and superseded runs, and those of another plan, API or account, are left as they are."""
    for order in itertools.permutations(runs):
        choice = choose_run(order, identity(), "same", now=NOW)
        assert (choice.kind, choice.run and choice.run.run_id) == (kind, chosen)
        assert choice.too_old is None


def test_an_old_interrupted_run_is_named_but_not_continued() -> None:
    """The age counts from the first run, so that a repeated command does not grow one report for ever."""
    old, later = run("a", minutes=61), run("b", minutes=5, continues="a")

    choice = choose_run([old, later], identity(), "same", now=NOW)

    assert choice.kind == "new"
    assert choice.too_old == later
    assert choose_run([old], identity(), "same", now=NOW, max_age=timedelta(hours=2)).run == old


def test_a_named_run_is_resumed_exactly() -> None:
    """Its id alone decides, whether it has finished or not; an id of another plan is refused."""
    runs = [run("a", finished=True), run("b"), run("c", fingerprint="other")]

    assert choose_run(runs, identity("a"), "same", now=NOW, named=True).run == runs[0]
    assert choose_run(runs, identity("a"), "same", now=NOW, named=True).kind == "resume"
    assert choose_run(runs, identity("d"), "same", now=NOW, named=True).kind == "new"
    with pytest.raises(InvalidCommandError, match="the run c is of another plan"):
        choose_run(runs, identity("c"), "same", now=NOW, named=True)


def row(
    outcome: Outcome, status: TargetGroupStatus | None = LIVE, *, job: str | None = "job", **changes: Any
) -> GroupOutcome:
    """Return the outcome of the one target group."""
    id_ = "01BTGNYV6HRNK8K8VKZASZCFG0"
    return GroupOutcome(
        target_group_id=id_, project_id=PROJECT, outcome=outcome, previous_status=status, job_id=job, **changes
    )


def reported(*rows: GroupOutcome, run_id: str = "run") -> SweepReport:
    """Return a report with these outcomes."""
    plan = SweepPlan(action="pause", query=LIVE_GROUPS, run_id=run_id)
    return SweepReport(plan=plan, groups=rows, base_url=URL, account_id="101", api_version="1", started_at=NOW)


@pytest.mark.parametrize(
    ("earlier", "later", "merged"),
    [
        # The later run acted on it: its outcome counts, with the status before the first change.
        (row(Outcome.UPDATED, LIVE), row(Outcome.UPDATED, PAUSED, job="2"), row(Outcome.UPDATED, LIVE, job="2")),
        (row(Outcome.NOT_SENT, job=None), row(Outcome.UPDATED, job="2"), row(Outcome.UPDATED, job="2")),
        (row(Outcome.FAILED), row(Outcome.UPDATED, job="2"), row(Outcome.UPDATED, job="2")),
        (row(Outcome.UPDATED), row(Outcome.UNKNOWN, job="2"), row(Outcome.UNKNOWN, job="2")),
        (row(Outcome.UPDATED), row(Outcome.FAILED, job="2"), row(Outcome.FAILED, job="2")),
        # The later run found it paused.
        (row(Outcome.UPDATED), row(Outcome.UNCHANGED, PAUSED, job=None), row(Outcome.UPDATED, verified=True)),
        (
            row(Outcome.UNKNOWN, reason="lost"),
            row(Outcome.UNCHANGED, PAUSED, job=None),
            row(Outcome.UNCHANGED, LIVE, verified=True, reason="lost"),
        ),
        # An earlier process sent it, no response named a job, and it was read afterwards.
        (
            row(Outcome.UNCHANGED, job=None, verified=True, reason="lost"),
            row(Outcome.UNCHANGED, PAUSED, job=None),
            row(Outcome.UNCHANGED, LIVE, job=None, verified=True, reason="lost"),
        ),
        (
            row(Outcome.NOT_SENT, job=None),
            row(Outcome.UNCHANGED, PAUSED, job=None),
            row(Outcome.UNCHANGED, PAUSED, job=None),
        ),
        # The later run read a status that ends the matter.
        (
            row(Outcome.UNKNOWN, reason="lost"),
            row(Outcome.SKIPPED, COMPLETED, job=None, reason="it is completed now"),
            row(Outcome.SKIPPED, LIVE, reason="it is completed now"),
        ),
        (row(Outcome.UPDATED), row(Outcome.SKIPPED, COMPLETED, job=None), row(Outcome.UPDATED)),
        # The later run adds nothing to what an earlier one has found out.
        (
            row(Outcome.SKIPPED, LIVE, job=None, reason="it is completed now"),
            row(Outcome.SKIPPED, COMPLETED, job=None, reason="it is completed now"),
            row(Outcome.SKIPPED, LIVE, job=None, reason="it is completed now"),
        ),
        # The later run neither sent nor read it.
        (row(Outcome.UPDATED), row(Outcome.UNKNOWN, None, job=None), row(Outcome.UPDATED)),
        (row(Outcome.UPDATED), row(Outcome.UPDATED, None, job=None), row(Outcome.UPDATED)),
        (row(Outcome.NOT_SENT, job=None), row(Outcome.UNKNOWN, None, job=None), row(Outcome.UNKNOWN, LIVE, job=None)),
    ],
)
def test_a_target_group_of_two_runs_has_its_last_outcome(
    earlier: GroupOutcome, later: GroupOutcome, merged: GroupOutcome
) -> None:
    """Its previous status is the one before the first change, so that undo covers both runs."""
    result = merge(reported(earlier, run_id="a"), reported(later, run_id="b"))

    assert result.groups == (merged,)
    assert (result.run_id, result.continues) == ("b", "a")
    assert merge(reported(later)) == reported(later)


async def test_the_same_plan_acts_on_what_matches_now(sweep_client: AsyncClient, sandbox: Sandbox, path: Path) -> None:
    """After an interruption, jobs in progress are reported, what somebody resumed is paused again, and new ones too."""
    project = sandbox.seed(live=6)
    first = SweepPlan(action="pause", query=LIVE_GROUPS, chunk_size=2, concurrency=1, run_id="first")
    await interrupt(sweep_client, first, path, submitted=2)
    paused = project.ids("paused")
    resumed = next(group for group in project.groups if group.id == paused[0])
    resumed.act("resume", by="colleague")
    sandbox.seed(project_id=project.id, live=1)

    result = await sweep(sweep_client, attrs.evolve(first, run_id="second"), journal=path, continues="first")

    assert result.ok
    assert not project.ids("live")
    assert tuple(result.counts) == (7, 0, 0, 0, 0, 0)
    assert result.counts.total == len({row.target_group_id for row in result.groups})
    assert (result.run_id, result.continues) == ("second", "first")
    assert {row.previous_status for row in result.groups} == {"live"}
    assert {row.job_id for row in result.groups} <= {job.job_id for job in result.jobs}
    with Journal(path) as journal:
        assert read_report(journal, "second") == attrs.evolve(
            result, as_of=result.finished_at, groups=read_report(journal, "second").groups
        )
        assert [run.continues for run in journal.runs()] == ["first", None]


async def test_a_preview_from_before_the_open_jobs_ended_is_read_again(
    sweep_client: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """What an open job of the interrupted run pauses meanwhile is not sent a second time."""
    project = sandbox.seed(live=6)
    first = SweepPlan(action="pause", query=LIVE_GROUPS, chunk_size=2, concurrency=1, run_id="first")
    second = attrs.evolve(first, run_id="second")
    shown = await preview(sweep_client, second)  # as if the job ran longer
    await interrupt(sweep_client, first, path, submitted=1)

    result = await sweep(sweep_client, second, journal=path, preview=shown, continues="first")

    assert len(shown.to_send) == 6
    assert sorted(id_ for job in sandbox.jobs.values() for id_ in job.target_group_ids) == sorted(project.ids())
    assert result.counts.updated == 6


async def test_a_continued_run_reads_what_it_takes_over_unread(
    sweep_client: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """A plan that reads no status first takes over outcomes: a target group that was moved since is a straggler."""
    project = sandbox.seed(live=4)
    first = pausing(project, chunk_size=2, concurrency=1, run_id="first", check_status_first=False)
    await interrupt(sweep_client, first, path, submitted=2)  # the first job has ended
    moved = project.groups[0]
    assert moved.id in project.ids("paused")
    moved.act("complete", by="colleague")

    result = await sweep(sweep_client, attrs.evolve(first, run_id="second"), journal=path, continues="first")

    assert [(row.target_group_id, row.reason) for row in result.stragglers] == [(moved.id, "moved since")]


async def test_an_undo_covers_both_runs(sweep_client: AsyncClient, sandbox: Sandbox, path: Path) -> None:
    """Everything that one of the runs has changed is restored, and nothing else."""
    project = sandbox.seed(live=6, paused=1)
    was_paused = project.ids("paused")
    first = pausing(project, chunk_size=2, concurrency=1, run_id="first")
    await interrupt(sweep_client, first, path, submitted=2)

    result = await sweep(sweep_client, attrs.evolve(first, run_id="second"), journal=path, continues="first")
    assert not project.ids("live")
    undone = await undo(sweep_client, result)

    assert undone.counts.updated == 6
    assert project.ids("paused") == was_paused


async def test_nothing_is_sent_twice_for_what_an_earlier_job_covers(
    sweep_client: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """A target group whose job cannot be read any more stays unknown, since that job may still run."""
    project = sandbox.seed(live=4)
    first = pausing(project, chunk_size=2, run_id="first", job_timeout=5.0)
    sandbox.faults.add(CREATE, faults.StuckJob())

    before = await sweep(sweep_client, first, journal=path)
    after = await sweep(sweep_client, attrs.evolve(first, run_id="second"), journal=path, continues="first")

    assert before.counts.unknown == after.counts.unknown == 2
    assert after.counts.updated + after.counts.unchanged == 2
    assert len(sandbox.jobs) == 2
    with Journal(path) as journal:
        assert journal.runs()[0].finished_at is None


async def test_an_unknown_outcome_ends_with_a_status_that_allows_nothing(
    sweep_client: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """What somebody completed since is skipped, with the reason, so that repeating the command comes to an end."""
    project = sandbox.seed(live=2)
    for operation in (POLL, RUNS):
        sandbox.faults.add(operation, faults.Answer(403), times=None)
    plan = SweepPlan(action="pause", query=TargetGroupQuery(project_ids=[project.id]), run_id="first")
    assert (await sweep(sweep_client, plan, journal=path)).counts.unknown == 2
    sandbox.faults.clear()
    for group in project.groups:
        group.act("complete", by="colleague")
    sandbox.faults.add(POLL, faults.Answer(403), times=None)

    again = attrs.evolve(plan, run_id="second")
    report = await sweep(sweep_client, again, journal=path, continues="first")

    assert report.counts == Counts(skipped=2)
    assert "it is completed now" in str(report.groups[0].reason)
    with Journal(path, read_only=True) as journal:
        assert journal.runs()[0].finished_at is not None
    third = await sweep(sweep_client, attrs.evolve(plan, run_id="third"), journal=path, continues="second")
    assert [(item.outcome, item.reason, item.previous_status) for item in third.groups] == [
        (item.outcome, item.reason, LIVE) for item in report.groups
    ]


async def test_a_refused_chunk_does_not_hide_what_went_live_since(
    sweep_client: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """A repeated command sends both."""
    project = sandbox.seed(live=2)
    plan = SweepPlan(action="pause", query=LIVE_GROUPS, run_id="first")
    sandbox.faults.add(CREATE, faults.Answer(400))
    assert (await sweep(sweep_client, plan, journal=path)).counts.failed == 2
    sandbox.seed(project_id=project.id, live=1)

    result = await sweep(sweep_client, attrs.evolve(plan, run_id="second"), journal=path, continues="first")

    assert tuple(result.counts) == (3, 0, 0, 0, 0, 0)
    assert result.ok
    assert not project.ids("live")


async def test_a_run_that_was_interrupted_twice_is_continued_as_a_whole(
    sweep_client: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """The third report has the target groups of all runs, each once."""
    project = sandbox.seed(live=8)
    plan = SweepPlan(action="pause", query=LIVE_GROUPS, chunk_size=2, concurrency=1, run_id="1")
    await interrupt(sweep_client, plan, path, submitted=1)
    await interrupt(sweep_client, attrs.evolve(plan, run_id="2"), path, submitted=3, continues="1")
    with Journal(path) as journal:
        runs = journal.runs()
        choice = choose_run(runs, RunIdentity.of(sweep_client, plan), plan.fingerprint, now=datetime.now(UTC))
    assert choice.kind == "continue"
    assert choice.run is not None

    result = await sweep(sweep_client, attrs.evolve(plan, run_id="3"), journal=path, continues=choice.run.run_id)

    assert tuple(result.counts) == (8, 0, 0, 0, 0, 0)
    assert result.ok
    assert {row.previous_status for row in result.groups} == {"live"}
    assert not project.ids("live")


async def test_only_what_was_never_settled_is_sent_without_a_check(
    sweep_client: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """Without ``check_status_first`` nothing is read, and what the interrupted run has settled stands."""
    project = sandbox.seed(live=6)
    plan = pausing(project, chunk_size=2, concurrency=1, run_id="first", check_status_first=False)
    await interrupt(sweep_client, plan, path, submitted=3)

    result = await sweep(sweep_client, attrs.evolve(plan, run_id="second"), journal=path, continues="first")

    assert tuple(result.counts) == (6, 0, 0, 0, 0, 0)
    assert len(sandbox.jobs) == 3
    assert result.ok


async def test_only_a_run_of_the_same_plan_in_the_journal_is_continued(
    sweep_client: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """Otherwise nothing is sent."""
    project = sandbox.seed(live=2)
    await sweep(sweep_client, pausing(project, run_id="first"), journal=path)
    jobs = len(sandbox.jobs)
    other = SweepPlan(action="resume", target_groups={project.id: project.ids()}, run_id="second")

    with pytest.raises(InvalidCommandError, match="the run first is of another plan"):
        await sweep(sweep_client, other, journal=path, continues="first")
    with pytest.raises(JournalError, match="there is no run zero to continue; nothing was sent"):
        await sweep(sweep_client, other, journal=path, continues="zero")
    with pytest.raises(JournalError, match="there is no run first"):
        await sweep(sweep_client, other, continues="first")

    assert len(sandbox.jobs) == jobs


async def test_a_resumed_run_also_finishes_the_run_that_it_continues(make_client: MakeClient, path: Path) -> None:
    """By its id, the second run is resumed with the first, whose jobs may have ended meanwhile."""
    with Sandbox(job_seconds=100.0) as sandbox:
        client = make_client(base_url=sandbox.url, auth=sandbox.token, clock=FakeClock(sandbox.clock, jump=60.0))
        project = sandbox.seed(live=4)
        first = pausing(project, chunk_size=2, run_id="first", job_timeout=5.0)
        second = attrs.evolve(first, run_id="second")
        await sweep(client, first, journal=path)
        assert (await sweep(client, second, journal=path, continues="first")).counts.unknown == 4
        sandbox.clock.advance(200)

        result = await sweep(client, second, journal=path)

        assert result.counts.updated == 4
        assert result.continues == "first"
        assert len(sandbox.jobs) == 2
        assert (await sweep(client, second, journal=path)).as_of is not None


async def test_stragglers_are_swept_until_none_is_left(sweep_client: AsyncClient, sandbox: Sandbox, path: Path) -> None:
    """Each round is a run that continues the one before, and the report covers all of them."""
    project = sandbox.seed(live=3)
    rounds = iter(range(2))

    def on_progress(progress: SweepProgress) -> None:
        if progress.phase == "verifying" and next(rounds, None) is not None:
            sandbox.seed(project_id=project.id, live=1)
            next(group for group in project.groups if group.status == "paused").act("resume", by="colleague")

    plan = SweepPlan(action="pause", query=LIVE_GROUPS, run_id="stop")

    result = await sweep(sweep_client, plan, journal=path, on_progress=on_progress, until_none_left=True)

    assert result.ok
    assert not project.ids("live")
    assert result.counts.updated == 5
    assert result.run_id.startswith("stop-again-")
    assert {row.previous_status for row in result.groups} == {"live"}
    with Journal(path) as journal:
        assert read_report(journal, result.run_id).counts == result.counts


async def test_a_resumed_run_keeps_the_rounds_of_an_earlier_process(make_client: MakeClient, path: Path) -> None:
    """Resumed by its id, an unfinished run also reports what the runs for its stragglers did."""
    seconds = iter([1e6])
    with Sandbox(job_seconds=lambda _: next(seconds, 0.0)) as sandbox:
        client = make_client(base_url=sandbox.url, auth=sandbox.token, clock=FakeClock(sandbox.clock, jump=60.0))
        project = sandbox.seed(live=1)
        plan = SweepPlan(action="pause", query=LIVE_GROUPS, run_id="stop", job_timeout=5.0)
        hit = iter([True])

        def on_progress(progress: SweepProgress) -> None:
            if progress.phase == "verifying" and next(hit, False):
                sandbox.seed(project_id=project.id, live=1)

        first = await sweep(client, plan, journal=path, on_progress=on_progress, until_none_left=True)
        assert first.counts.unknown == 1
        assert first.counts.updated == 1
        sandbox.seed(project_id=project.id, live=1)

        result = await sweep(client, plan, journal=path, until_none_left=True)

        assert result.counts.updated == 2
        assert {row.target_group_id for row in result.groups} == set(project.ids())


@pytest.mark.parametrize(("seconds", "swept"), [(3000, True), (4000, False)])
async def test_stragglers_that_an_earlier_process_had_no_time_to_sweep_are_swept_within_an_hour(
    sandbox: Sandbox, make_client: MakeClient, path: Path, seconds: float, *, swept: bool
) -> None:
    """They are read again first, and one that is paused by then is left out; later, the old report is returned."""
    clock = FakeClock(sandbox.clock, jump=60.0)
    client = make_client(base_url=sandbox.url, auth=sandbox.token, clock=clock)
    project = sandbox.seed(live=1)
    hit = iter([True])

    def on_progress(progress: SweepProgress) -> None:
        if progress.phase == "verifying" and next(hit, False):
            sandbox.seed(project_id=project.id, live=2)

    plan = SweepPlan(action="pause", query=LIVE_GROUPS, run_id="stop")
    assert len((await sweep(client, plan, journal=path, on_progress=on_progress)).stragglers) == 2
    project.groups[1].act("pause", by="colleague")
    clock.advance(seconds)

    result = await sweep(client, plan, journal=path, until_none_left=True)

    assert result.counts.updated == (2 if swept else 1)
    assert (result.as_of is None) is swept
    assert len(project.ids("live")) == (0 if swept else 1)
    assert len(sandbox.jobs) == (2 if swept else 1)


async def test_stragglers_are_swept_a_limited_number_of_times(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """Against somebody who resumes them every time, the sweep ends and reports them."""
    project = sandbox.seed(live=1)

    def on_progress(progress: SweepProgress) -> None:
        if progress.phase == "verifying":
            for group in project.groups:
                if group.status == "paused":
                    group.act("resume", by="colleague")

    result = await sweep(sweep_client, pausing(project), on_progress=on_progress, until_none_left=True)

    assert not result.ok
    assert [straggler.reason for straggler in result.stragglers] == ["moved since"]
    assert len(sandbox.jobs) == 6


async def test_what_an_earlier_process_reported_is_read_in_every_round(
    sweep_client: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """A project that one pass could not read is read by the next one, also in the target status."""
    first, other = sandbox.seed(live=1), sandbox.seed(live=1)
    plan = pausing(first, other, concurrency=1, run_id="stop")
    sandbox.faults.add(CREATE, faults.Delay(0))
    sandbox.faults.add(CREATE, faults.Answer(400))
    assert (await sweep(sweep_client, plan, journal=path)).counts.failed == 1
    first.groups[0].act("complete", by="colleague")
    hit = iter([True])

    def on_progress(progress: SweepProgress) -> None:
        if progress.phase == "verifying" and next(hit, False):
            sandbox.faults.add(RUNS, faults.Answer(403))
            for group in other.groups:
                if group.status == "paused":
                    group.act("resume", by="colleague")

    result = await sweep(sweep_client, plan, journal=path, on_progress=on_progress, until_none_left=True)

    assert first.ids()[0] in {straggler.target_group_id for straggler in result.stragglers}


async def test_a_run_of_a_preview_gets_no_other_target_groups(
    client_without_retries: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """A project that could not be listed for the preview stays unlisted, and the run can finish."""
    projects = [sandbox.seed(live=2), sandbox.seed(live=2)]
    plan = SweepPlan(action="pause", query=LIVE_GROUPS, run_id="tonight")
    sandbox.faults.add(LIST, faults.Answer(403))
    shown = await preview(client_without_retries, plan)
    await sweep(client_without_retries, plan, journal=path, preview=shown)

    result = await sweep(client_without_retries, plan, journal=path)

    assert (len(result.unlisted), result.counts.updated, result.ok) == (1, 2, False)
    assert sum(len(project.ids("live")) for project in projects) == 2
    assert result.as_of is not None


async def test_unlisted_projects_are_listed_again_by_a_resumed_run(
    client_without_retries: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """The run is not finished before every project was listed."""
    one, other = sandbox.seed(live=2), sandbox.seed(live=2)
    plan = SweepPlan(action="pause", query=LIVE_GROUPS, run_id="tonight")
    sandbox.faults.add(LIST, faults.Answer(403))
    first = await sweep(client_without_retries, plan, journal=path)
    assert len(first.unlisted) == 1

    result = await sweep(client_without_retries, plan, journal=path)

    assert result.ok
    assert tuple(result.counts) == (4, 0, 0, 0, 0, 0)
    assert not one.ids("live")
    assert not other.ids("live")
    assert (await sweep(client_without_retries, plan, journal=path)).as_of is not None
