"""Run identity: a run belongs to one API, account and API version."""

from pathlib import Path

import attrs
import pytest
from support.fixture_types import MakeClient
from support.sweep_plans import pausing

from fieldingkit import AsyncClient
from fieldingkit.errors import InvalidCommandError, JournalError
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.sweeps import (
    Journal,
    Outcome,
    SweepPlan,
    SweepProgress,
    TargetGroupQuery,
    preview,
    read_report,
    sweep,
    undo,
)
from fieldingkit.sweeps.checkpoint import JournalCheckpoint
from fieldingkit.sweeps.identity import RunIdentity
from fieldingkit.sweeps.steps import discover, report, submit

CREATE, POLL = "create_bulk_pause_target_groups_job", "get_bulk_pause_target_groups_job"
URL = "https://api.cint.com/v1"


@pytest.mark.parametrize(
    ("given", "normalized"),
    [
        ("HTTPS://API.Cint.com:443/v1/", URL),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("https://api.cint.com:8443/v1", "https://api.cint.com:8443/v1"),
        ("http://[::1]:8080/Demand", "http://[::1]:8080/Demand"),
    ],
)
def test_base_urls_are_normalized(given: str, normalized: str) -> None:
    """Two spellings of one URL are one API."""
    identity = RunIdentity(base_url=given, account_id="1", api_version="v", run_id="r")

    assert identity.base_url == normalized
    assert identity.mismatch(attrs.evolve(identity, base_url=normalized)) is None


async def test_the_account_of_the_plan_precedes_that_of_the_client(make_client: MakeClient) -> None:
    """A plan without an account is of the client's account."""
    client = make_client(base_url=URL, account_id=101, api_version="2026-01-01")
    plan = SweepPlan(action="pause", query=TargetGroupQuery(), run_id="r")
    expected = RunIdentity(base_url=URL, account_id="101", api_version="2026-01-01", run_id="r")

    assert RunIdentity.of(client, plan) == RunIdentity.of(client, attrs.evolve(plan, account_id="101")) == expected
    assert RunIdentity.of(client, attrs.evolve(plan, account_id=202)).account_id == "202"


@pytest.mark.parametrize("finished", [True, False])
async def test_a_run_of_another_account_is_refused_and_both_are_named(
    make_client: MakeClient, sandbox: Sandbox, path: Path, *, finished: bool
) -> None:
    """Neither its report is returned nor its chunks are sent with another account."""
    project = sandbox.seed(live=2)
    plan = pausing(project, run_id="tonight")
    client = make_client()
    if not finished:
        sandbox.faults.add(CREATE, faults.Answer(401), times=None)
    await sweep(client, plan, journal=path)
    sandbox.faults.clear()
    sandbox.requests.clear()

    with pytest.raises(JournalError) as caught:
        await sweep(make_client(account_id=202), plan, journal=path)

    assert caught.value.message == (
        f"the run tonight is of account 101 at {sandbox.url}, and the client is of account 202 at {sandbox.url}; "
        "nothing was sent. Use another run_id, or the client of that account"
    )
    assert not sandbox.requests


@pytest.mark.parametrize("finished", [True, False])
async def test_a_run_of_another_api_is_refused_and_both_are_named(
    make_client: MakeClient, sandbox: Sandbox, path: Path, *, finished: bool
) -> None:
    """A run of staging is neither reported nor continued in production."""
    project = sandbox.seed(live=2)
    plan = pausing(project, run_id="tonight")
    if not finished:
        sandbox.faults.add(CREATE, faults.Answer(401), times=None)
    await sweep(make_client(), plan, journal=path)

    with Sandbox(job_seconds=0.02) as production:
        production.seed(project_id=project.id, live=2)
        client = make_client(base_url=production.url, auth=production.token)
        with pytest.raises(JournalError) as caught:
            await sweep(client, plan, journal=path)
        assert sandbox.url in caught.value.message
        assert production.url in caught.value.message
        assert not production.requests


async def test_under_another_api_version_open_jobs_are_followed_and_nothing_new_is_sent(
    make_client: MakeClient, sandbox: Sandbox, path: Path
) -> None:
    """What was never sent is not sent, with the reason; a new run is needed for it."""
    projects = [sandbox.seed(live=2) for _ in range(2)]
    plan = pausing(*projects, run_id="tonight", concurrency=1)
    client = make_client()

    def refuse_after_the_first(progress: SweepProgress) -> None:
        if progress.jobs_submitted:
            sandbox.faults.add(CREATE, faults.Answer(401), times=None)

    with Journal(path) as journal:
        checkpoint = JournalCheckpoint(journal, plan.run_id)
        context = await discover(client, plan, checkpoint, on_progress=refuse_after_the_first)
        await submit(context)
        assert report(context).counts.failed == 2
    sandbox.faults.clear()
    sandbox.requests.clear()

    reported = await sweep(make_client(api_version="2027-01-01"), plan, journal=path)

    assert tuple(reported.counts) == (2, 0, 0, 0, 2, 0)
    reason = f"started with API version {client.api_version}, and the client has 2027-01-01; start a new run"
    assert {group.reason for group in reported.of(Outcome.NOT_SENT)} == {f"not sent, because the run was {reason}"}
    assert reported.api_version == client.api_version
    polls = [request for request in sandbox.requests if request.operation_id == POLL]
    assert {request.headers["Cint-API-Version"] for request in polls} == {client.api_version}
    assert len(sandbox.jobs) == 1


def test_keys_depend_on_every_part_of_the_identity() -> None:
    """Another API, account, API version or run never shares a key."""
    identity = RunIdentity(base_url=URL, account_id="1", api_version="v", run_id="r")
    others = [
        attrs.evolve(identity, base_url="https://other.example/v1"),
        attrs.evolve(identity, account_id="2"),
        attrs.evolve(identity, account_id=None),
        attrs.evolve(identity, api_version="w"),
        attrs.evolve(identity, run_id="s"),
    ]

    assert len({each.key("pause", "P", "A") for each in [identity, *others]}) == 6
    assert identity.key("pause", "P", "A") == attrs.evolve(identity, base_url=f"{URL}/").key("pause", "P", "A")


async def test_a_run_is_recorded_before_its_target_groups_are_discovered(
    client_without_retries: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """An interrupted discovery leaves a run without a report, which is discovered again."""
    project = sandbox.seed(live=2)
    plan = SweepPlan(action="pause", query=TargetGroupQuery(), run_id="tonight")
    sandbox.faults.add("list_account_projects", faults.Answer(403), times=1)
    with pytest.raises(Exception, match="403"):
        await sweep(client_without_retries, plan, journal=path)

    with Journal(path, read_only=True) as journal:
        (run,) = journal.runs()
        assert (run.run_id, run.action, run.account_id, run.total) == ("tonight", "pause", "101", 0)
        assert (run.base_url, run.fingerprint) == (sandbox.url, plan.fingerprint)
        assert (run.discovered_at, run.finished_at, run.continues) == (None, None, None)
        with pytest.raises(JournalError, match="before its target groups were known; nothing was sent"):
            read_report(journal, "tonight")
    assert (await sweep(client_without_retries, plan, journal=path)).counts.updated == 2
    assert not project.ids("live")
    with Journal(path, read_only=True) as journal:
        (run,) = journal.runs()
        assert run.undoable == 2
        assert run.started_at <= (run.discovered_at or run.started_at) <= (run.finished_at or run.started_at)


async def test_a_report_of_another_account_is_not_undone(make_client: MakeClient, sandbox: Sandbox) -> None:
    """Nothing is read or sent."""
    project = sandbox.seed(live=1)
    done = await sweep(make_client(), pausing(project))
    sandbox.requests.clear()

    for check_history in (True, False):
        with pytest.raises(InvalidCommandError, match=r"of account 101 at .* of account 202 at .*; nothing was sent"):
            await undo(make_client(account_id=202), done, check_history=check_history)

    assert not sandbox.requests


async def test_a_preview_of_another_account_is_refused(make_client: MakeClient, sandbox: Sandbox) -> None:
    """A preview shows the target groups of one account."""
    plan = pausing(sandbox.seed(live=1))
    shown = await preview(make_client(), plan)
    sandbox.requests.clear()

    with pytest.raises(JournalError, match="of account 202"):
        await sweep(make_client(account_id=202), plan, preview=shown)

    assert not sandbox.requests
