"""upload_exclusions and remove_all_exclusions: one job at a time, no live group without exclusions, nothing claimed."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web
from support.fake_clock import FakeClock

from fieldingkit import AsyncClient, Client, PollPolicy
from fieldingkit.errors import (
    ConfigurationError,
    FieldingKitError,
    InvalidCommandError,
    JobFailedError,
    JobTimeoutError,
    NotFoundError,
    WorkflowError,
)
from fieldingkit.files import Upload
from fieldingkit.resources.excluded_respondents import RemoveAllExclusions, UploadExclusions
from fieldingkit.resources.fielding_runs import ListFieldingRuns
from fieldingkit.sandbox import Sandbox, TargetGroup, faults
from fieldingkit.workflows import (
    RemovedExclusions,
    UploadedExclusions,
    remove_all_exclusions,
    upload_exclusions,
)

IDS = [f"0f1ce179-a917-49ff-9d50-{number:012x}" for number in range(20)]
UPLOAD = "exclusion_create_upload_rids_by_file_job"
REMOVAL = "exclusion_create_remove_all_respondents_job"
UPLOAD_STATUS = "get_respondent_exclusions_upload_by_file_job"
REMOVAL_STATUS = "get_all_respondent_exclusions_removal_job"
OVERVIEW = "get_exclusions_overview"


class Changed(faults.Fault):
    """Answer with some other members."""

    def __init__(self, **changes: Any) -> None:
        self.changes = changes

    async def inject(self, exchange: faults.Exchange) -> web.Response:
        """Handle the request, and change the answer."""
        response = await exchange.proceed()
        assert isinstance(response.body, bytes)
        return web.json_response(json.loads(response.body) | self.changes)


class Meanwhile(faults.Fault):
    """Do something else when a request arrives, then handle it."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.act = act

    async def inject(self, exchange: faults.Exchange) -> web.Response:
        """Act, and handle the request."""
        self.act()
        return await exchange.proceed()


def nothing() -> None:
    """Do nothing."""


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """Run a sandbox whose jobs take a second for each row."""
    async with Sandbox(row_seconds=1.0) as sandbox:
        yield sandbox


def options(sandbox: Sandbox) -> dict[str, Any]:
    """Return the options of a client whose polls and delays take no time; its timeouts do not pass alone."""
    return {
        "auth": sandbox.token,
        "account_id": sandbox.account_id,
        "base_url": sandbox.url,
        "clock": FakeClock(sandbox.clock, jump=60.0),
        "deadline": None,
        "poll": PollPolicy(first_delay=1.0, min_interval=1.0, max_interval=30.0),
    }


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[AsyncClient]:
    """Return a client whose clock is that of the sandbox and takes no real time."""
    async with AsyncClient(**options(sandbox)) as client:
        yield client


@pytest.fixture
def group(sandbox: Sandbox) -> TargetGroup:
    """Return a live target group."""
    return sandbox.seed(live=1).groups[0]


def upload_of(group: TargetGroup, ids: Any = None, **fields: Any) -> UploadExclusions:
    """Return the command that uploads respondents."""
    return UploadExclusions(
        project_id=group.project_id,
        target_group_id=group.id,
        entity_type=fields.get("entity_type", "RSID"),
        file=IDS if ids is None else ids,
    )


def removal_of(group: TargetGroup) -> RemoveAllExclusions:
    """Return the command that removes all respondents."""
    return RemoveAllExclusions(project_id=group.project_id, target_group_id=group.id, entity_type="RSID")


def sent(sandbox: Sandbox, operation_id: str) -> int:
    """Return the number of requests for an operation."""
    return sum(request.operation_id == operation_id for request in sandbox.requests)


def actions(group: TargetGroup) -> list[str]:
    """Return the actions on the run of a target group."""
    return [change.action for change in group.history]


def count(result: UploadedExclusions | RemovedExclusions) -> int:
    """Return the number of respondent ids at the end of a workflow."""
    assert result.after is not None
    return result.after.saved_respondent_ids_count


async def fill(client: AsyncClient, group: TargetGroup) -> None:
    """Upload the first ten ids."""
    await upload_exclusions(client, upload_of(group, IDS[:10]))


async def test_ids_are_uploaded(client: AsyncClient, group: TargetGroup) -> None:
    """The result has the job and the numbers of ids before and after; known ids count once."""
    first = await upload_exclusions(client, upload_of(group, IDS[:15]))
    second = await upload_exclusions(client, upload_of(group))
    assert (first.before.saved_respondent_ids_count, count(first)) == (0, 15)
    assert (second.sent, count(second)) == (20, 20)
    assert (second.job.status, second.job.note) == ("Success", None)


async def test_left_out_ids_are_a_note(client: AsyncClient, sandbox: Sandbox, group: TargetGroup) -> None:
    """Ids that the API leaves out are a sentence in the result, no failure."""
    said = Changed(status="success", partial_success_reason={"description": "19 uploaded, 1 failed."})
    sandbox.faults.add(UPLOAD_STATUS, said)
    uploaded = await upload_exclusions(client, upload_of(group))
    assert uploaded.job.note == "19 uploaded, 1 failed."


async def test_an_upload_waits_for_another_job(client: AsyncClient, sandbox: Sandbox, group: TargetGroup) -> None:
    """While another job runs, the upload is tried again; it is sent once after that."""
    await client.submit(upload_of(group, IDS[:1]))
    await client.clock.sleep(5)
    await client.submit(upload_of(group, IDS[:15]))
    uploaded = await upload_exclusions(client, upload_of(group, IDS[15:]))
    assert count(uploaded) == 20
    assert sent(sandbox, UPLOAD) > 3


async def test_uploads_at_the_same_time_follow_each_other(client: AsyncClient, group: TargetGroup) -> None:
    """Of three uploads to one target group at once, each is done, and none of their ids is lost."""
    parts = (IDS[:5], IDS[5:12], IDS[12:])
    done = await asyncio.gather(*(upload_exclusions(client, upload_of(group, part)) for part in parts))
    assert [one.job.status for one in done] == ["Success"] * 3
    assert max(map(count, done)) == 20


async def test_a_job_that_stays_is_an_error(client: AsyncClient, sandbox: Sandbox, group: TargetGroup) -> None:
    """If another job does not end, the error says that nothing was submitted."""
    sandbox.faults.add(UPLOAD, faults.StuckJob())
    await client.submit(upload_of(group, IDS[:1]))
    with pytest.raises(WorkflowError, match=r"another job still runs .* after 60 s; nothing was submitted") as caught:
        await upload_exclusions(client, upload_of(group), wait_for_others=60.0)
    assert f"The API says: {caught.value.conflicts[-1].message}" in str(caught.value)
    assert not caught.value.maybe_applied
    assert not getattr(caught.value, "__notes__", [])
    assert len(caught.value.conflicts) > 2


@pytest.mark.parametrize(
    "fault",
    [
        faults.ApplyThenDrop(),
        faults.ApplyThenAnswer(503),
        faults.EmptyBody(),
        faults.TruncatedJson(),
        faults.ApplyThenAnswer(201, {"job_id": None}),
    ],
    ids=lambda fault: type(fault).__name__,
)
async def test_an_upload_of_unclear_outcome_is_not_repeated(
    client: AsyncClient, sandbox: Sandbox, group: TargetGroup, fault: faults.Fault
) -> None:
    """The upload is sent once; the error says how to find out what became of it."""
    await fill(client, group)
    before = sent(sandbox, UPLOAD)
    sandbox.faults.add(UPLOAD, fault)
    with pytest.raises(FieldingKitError) as caught:
        await upload_exclusions(client, upload_of(group))
    assert caught.value.maybe_applied
    assert "had 10 ids of kind RSID before, and 20 were sent" in caught.value.__notes__[-1]
    assert sent(sandbox, UPLOAD) == before + 1


async def test_a_refused_upload_has_no_note(client: AsyncClient, sandbox: Sandbox, group: TargetGroup) -> None:
    """A refusal is raised as it is."""
    sandbox.faults.add(UPLOAD, faults.Answer(404))
    with pytest.raises(NotFoundError) as caught:
        await upload_exclusions(client, upload_of(group))
    assert not caught.value.maybe_applied
    assert not getattr(caught.value, "__notes__", [])


async def test_a_failed_upload_has_its_reason(client: AsyncClient, sandbox: Sandbox, group: TargetGroup) -> None:
    """The error of a failed job has the API's code, and the count to compare with."""
    sandbox.faults.add(UPLOAD, faults.FailedJob())
    with pytest.raises(JobFailedError, match="JobExecutionStartMessageFailed") as caught:
        await upload_exclusions(client, upload_of(group))
    assert "had 0 ids" in caught.value.__notes__[-1]


async def test_an_unknown_word_is_no_end(client: AsyncClient, sandbox: Sandbox, group: TargetGroup) -> None:
    """A status that this release does not know is polled until the time is up; the token leads to the job again."""
    sandbox.faults.add(UPLOAD_STATUS, Changed(status="Postponed"), times=None)
    with pytest.raises(JobTimeoutError, match="its last status was Postponed") as caught:
        await upload_exclusions(client, upload_of(group), timeout=120.0)
    assert caught.value.maybe_applied
    assert caught.value.token is not None
    sandbox.faults.clear()
    assert (await client.job(caught.value.token).wait()).status == "Success"


async def test_an_upload_that_cannot_be_counted_afterwards_is_a_result(
    client: AsyncClient, sandbox: Sandbox, group: TargetGroup
) -> None:
    """If the last read fails, the result has no count and the error of the read."""
    sandbox.faults.add(OVERVIEW, Meanwhile(nothing))
    sandbox.faults.add(OVERVIEW, faults.Answer(404))
    uploaded = await upload_exclusions(client, upload_of(group))
    assert (uploaded.job.status, uploaded.after) == ("Success", None)
    assert [type(conflict).__name__ for conflict in uploaded.conflicts] == ["NotFoundError"]


async def test_the_token_of_a_job_is_given_at_once(client: AsyncClient, group: TargetGroup) -> None:
    """The token leads to the job again after a crash; a replacement gives two."""
    tokens: list[str] = []
    await upload_exclusions(client, upload_of(group), on_start=tokens.append)
    await remove_all_exclusions(client, removal_of(group), pause=True, upload=upload_of(group), on_start=tokens.append)
    assert [(await client.job(token).wait()).status for token in tokens] == ["Success"] * 3


async def test_a_cancelled_upload_names_its_job(client: AsyncClient, sandbox: Sandbox, group: TargetGroup) -> None:
    """A cancellation while the job runs has notes with its token and the count before."""
    task = asyncio.ensure_future(upload_exclusions(client, upload_of(group)))
    sandbox.faults.add(UPLOAD_STATUS, Meanwhile(task.cancel))
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    notes = " ".join(caught.value.__notes__)
    assert "client.job(" in notes
    assert "had 0 ids of kind RSID before, and 20 were sent" in notes


async def test_a_cancelled_wait_for_another_job_claims_nothing(
    client: AsyncClient, sandbox: Sandbox, group: TargetGroup
) -> None:
    """A cancellation before anything was accepted has no note."""
    sandbox.faults.add(UPLOAD, faults.StuckJob())
    await client.submit(upload_of(group, IDS[:1]))
    task = asyncio.ensure_future(upload_exclusions(client, upload_of(group)))
    sandbox.faults.add(OVERVIEW, Meanwhile(nothing), times=2)
    sandbox.faults.add(OVERVIEW, Meanwhile(task.cancel))
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert not getattr(caught.value, "__notes__", [])


async def test_an_error_of_the_callback_names_the_job(client: AsyncClient, group: TargetGroup) -> None:
    """The job runs although the callback failed, so the error has its token."""

    def fail(token: str) -> None:
        raise OSError(f"the disk is full: {token[:0]}")

    with pytest.raises(OSError, match="the disk is full") as caught:
        await upload_exclusions(client, upload_of(group), on_start=fail)
    assert "client.job(" in caught.value.__notes__[0]


async def test_a_live_target_group_is_refused(client: AsyncClient, sandbox: Sandbox, group: TargetGroup) -> None:
    """Nothing is removed from a live target group unless it may be paused."""
    await fill(client, group)
    with pytest.raises(WorkflowError, match=r"pass pause=True .* nothing was removed"):
        await remove_all_exclusions(client, removal_of(group))
    assert (sent(sandbox, REMOVAL), actions(group)) == (0, [])


async def test_a_live_run_is_found_anywhere_in_the_list(
    client: AsyncClient, sandbox: Sandbox, group: TargetGroup
) -> None:
    """The runs have no order: a live one before a completed one makes the target group live, too."""
    (live,) = await client.send(ListFieldingRuns(project_id=group.project_id, target_group_id=group.id))
    older = {**live.to_dict(), "id": "01HY3NF37B6J2ABPA3H49C92YZ", "status": "completed"}
    await fill(client, group)
    sandbox.faults.add("get_fielding_runs_by_target_group_id", Changed(data=[live.to_dict(), older]))
    with pytest.raises(WorkflowError, match=r"pass pause=True .* nothing was removed"):
        await remove_all_exclusions(client, removal_of(group))
    assert sent(sandbox, REMOVAL) == 0


async def test_a_live_target_group_is_paused_meanwhile(
    client: AsyncClient, sandbox: Sandbox, group: TargetGroup
) -> None:
    """The target group is paused before the removal and resumed after it was seen to succeed."""
    await fill(client, group)
    removed = await remove_all_exclusions(client, removal_of(group), pause=True)
    assert (removed.paused, removed.resumed, actions(group)) == (True, True, ["pause", "resume"])
    assert count(removed) == 0
    assert removed.run is not None
    assert removed.run.status == "live"
    order = [request.operation_id for request in sandbox.requests]
    assert order.index("pause_fielding_run") < order.index(REMOVAL) < order.index("resume_fielding_run")


async def test_others_are_uploaded_before_it_is_resumed(
    client: AsyncClient, sandbox: Sandbox, group: TargetGroup
) -> None:
    """With an upload, the target group is resumed when the new ids are in place."""
    await fill(client, group)
    replaced = await remove_all_exclusions(client, removal_of(group), pause=True, upload=upload_of(group, IDS[10:15]))
    assert replaced.uploaded is not None
    assert count(replaced) == 5
    order = [request.operation_id for request in sandbox.requests]
    assert order.index(REMOVAL) < len(order) - order[::-1].index(UPLOAD) - 1 < order.index("resume_fielding_run")


@pytest.mark.parametrize("status", ["draft", "scheduled", "paused", "completed"])
async def test_other_target_groups_stay_as_they_are(client: AsyncClient, sandbox: Sandbox, status: str) -> None:
    """A target group that is not live is neither paused nor resumed."""
    (group,) = (group for group in sandbox.seed().groups if group.status == status)
    await fill(client, group)
    removed = await remove_all_exclusions(client, removal_of(group), pause=True)
    assert (removed.paused, removed.resumed, group.status) == (False, False, status)
    assert removed.job is not None


async def test_nothing_to_remove_sends_nothing(client: AsyncClient, sandbox: Sandbox, group: TargetGroup) -> None:
    """Without ids of the kind, a live target group is not paused, and only an upload is sent."""
    removed = await remove_all_exclusions(client, removal_of(group))
    assert (removed.job, removed.paused, sent(sandbox, REMOVAL), actions(group)) == (None, False, 0, [])
    replaced = await remove_all_exclusions(client, removal_of(group), upload=upload_of(group))
    assert replaced.uploaded is not None
    assert count(replaced) == 20


@pytest.mark.parametrize("operation", [REMOVAL, UPLOAD])
async def test_after_a_failure_it_stays_paused(
    client: AsyncClient, sandbox: Sandbox, group: TargetGroup, operation: str
) -> None:
    """After a failed removal or upload the target group stays paused, and the error says what was done."""
    await fill(client, group)
    sandbox.faults.add(operation, faults.FailedJob())
    with pytest.raises(JobFailedError) as caught:
        await remove_all_exclusions(client, removal_of(group), pause=True, upload=upload_of(group))
    assert "The target group was paused; it was not seen to be resumed." in caught.value.__notes__
    assert ("The ids were removed before." in caught.value.__notes__) == (operation == UPLOAD)
    assert group.status == "paused"


async def test_a_colleague_keeps_the_last_word(client: AsyncClient, sandbox: Sandbox, group: TargetGroup) -> None:
    """A run that another user completed meanwhile is neither resumed nor relaunched."""
    await fill(client, group)
    sandbox.faults.add(REMOVAL_STATUS, Meanwhile(lambda: group.act("complete", by="a colleague")))
    removed = await remove_all_exclusions(client, removal_of(group), pause=True)
    assert (removed.paused, removed.resumed, group.status) == (True, False, "completed")
    assert [type(conflict).__name__ for conflict in removed.conflicts] == ["PreconditionFailedError"]


async def test_a_target_group_that_goes_live_meanwhile_is_refused(
    client: AsyncClient, sandbox: Sandbox, group: TargetGroup
) -> None:
    """While another job is waited for, another user may resume the target group: nothing is removed then."""
    await fill(client, group)
    await client.submit(upload_of(group))
    sandbox.faults.add(REMOVAL, Meanwhile(lambda: group.act("resume", by="a colleague")))
    with pytest.raises(WorkflowError, match="it was not when the removal began; nothing was removed"):
        await remove_all_exclusions(client, removal_of(group), pause=True)
    removals = [request.status for request in sandbox.requests if request.operation_id == REMOVAL]
    assert (set(removals), group.status) == ({409}, "live")


async def test_a_pause_of_a_colleague_stays(client: AsyncClient, sandbox: Sandbox, group: TargetGroup) -> None:
    """A target group that another user paused at the same time is not resumed."""
    await fill(client, group)
    sandbox.faults.add("pause_fielding_run", Meanwhile(lambda: group.act("pause", by="a colleague")))
    removed = await remove_all_exclusions(client, removal_of(group), pause=True)
    assert (removed.paused, removed.resumed, group.status) == (False, False, "paused")


@pytest.mark.parametrize("fault", [faults.ApplyThenDrop(), faults.DropBefore()], ids=["after", "before"])
async def test_a_resumption_of_unclear_outcome_is_read(
    client: AsyncClient, sandbox: Sandbox, group: TargetGroup, fault: faults.Fault
) -> None:
    """The result says what the run was read as."""
    await fill(client, group)
    sandbox.faults.add("resume_fielding_run", fault, times=None)
    removed = await remove_all_exclusions(client, removal_of(group), pause=True)
    assert removed.run is not None
    assert (removed.resumed, removed.run.status) == (group.status == "live", group.status)


async def test_a_removal_of_unclear_outcome_stays_paused(
    client: AsyncClient, sandbox: Sandbox, group: TargetGroup
) -> None:
    """A lost answer is not repeated, and the target group is not resumed."""
    await fill(client, group)
    sandbox.faults.add(REMOVAL, faults.ApplyThenDrop())
    with pytest.raises(FieldingKitError) as caught:
        await remove_all_exclusions(client, removal_of(group), pause=True)
    assert caught.value.maybe_applied
    assert "had 10 ids of kind RSID before: GetExclusionsOverview" in caught.value.__notes__[0]
    assert (sent(sandbox, REMOVAL), group.status) == (1, "paused")


async def test_arguments_are_checked(client: AsyncClient, sandbox: Sandbox, group: TargetGroup) -> None:
    """A wrong kind of argument and another target group are refused before anything is sent."""
    other = sandbox.seed(live=1).groups[0]
    removal: Any = removal_of(group)
    upload: Any = upload_of(group)
    wrong_commands: list[Any] = [None, 5, removal]
    for wrong in wrong_commands:
        with pytest.raises(InvalidCommandError, match="UploadExclusions"):
            await upload_exclusions(client, wrong)
    with pytest.raises(InvalidCommandError, match="RemoveAllExclusions"):
        await remove_all_exclusions(client, upload)
    with pytest.raises(InvalidCommandError, match="target group of the removal"):
        await remove_all_exclusions(client, removal, upload=upload_of(other))
    with pytest.raises(InvalidCommandError, match="target group of the removal"):
        await remove_all_exclusions(client, removal, upload=upload.replace(account_id=102))
    missing: Any = None
    with pytest.raises(ConfigurationError, match="client must be"):
        await upload_exclusions(missing, upload)
    wrong_options: list[dict[str, Any]] = [
        {"pause": "yes"},
        {"wait_for_others": "now"},
        {"on_start": 5},
        {"timeout": "soon"},
    ]
    for option in wrong_options:
        with pytest.raises(ConfigurationError):
            await remove_all_exclusions(client, removal, **option)
    assert not sandbox.requests


def test_the_blocking_client_has_both() -> None:
    """Both workflows run with a blocking client."""
    with Sandbox(row_seconds=0.0) as sandbox:
        group = sandbox.seed(paused=1).groups[0]
        with Client(**options(sandbox)) as client:
            file = Upload.csv([[one] for one in IDS])
            uploaded = client.call(upload_exclusions, upload_of(group, file))
            assert count(uploaded) == 20
            removed = client.call(remove_all_exclusions, removal_of(group))
            assert count(removed) == 0
