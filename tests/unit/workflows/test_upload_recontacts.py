"""upload_recontacts: one upload at a time, sent once, and results that say what was seen."""

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient

from fieldingkit import AsyncClient, Client, PollPolicy
from fieldingkit.errors import (
    ConfigurationError,
    ForbiddenError,
    InvalidCommandError,
    JobFailedError,
    JobTimeoutError,
    WorkflowError,
)
from fieldingkit.files import Upload
from fieldingkit.job_commands import JobStatus
from fieldingkit.resources.recontacts import (
    GetRecontactsOverview,
    RemoveAllRecontacts,
    UploadRecontactRespondentIds,
    UploadRecontacts,
)
from fieldingkit.sandbox import Sandbox, TargetGroup, faults
from fieldingkit.workflows import UploadedRecontacts, upload_recontacts

UPLOADS = "recontact_create_upload_respondents_by_file_job"
LISTS = "recontact_list_upload_respondents_by_file_jobs"
IDS = [str(uuid.UUID(int=number)) for number in range(1, 4)]


@pytest.fixture
def group(sandbox: Sandbox) -> TargetGroup:
    """Return a target group."""
    return sandbox.seed(paused=1).groups[0]


@pytest.fixture
def clock(sandbox: Sandbox) -> FakeClock:
    """Return a clock whose waits take no time."""
    return FakeClock(sandbox.clock, jump=600.0)


@pytest.fixture
def client(clock: FakeClock, make_client: MakeClient) -> AsyncClient:
    """Return a client with this clock."""
    return make_client(clock=clock, deadline=None)


def upload(group: TargetGroup, ids: list[str] = IDS, name: str = "wave 2.csv") -> UploadRecontacts:
    """Return the upload of a file."""
    file = Upload("\n".join(ids).encode(), filename=name)
    return UploadRecontacts(project_id=group.project_id, target_group_id=group.id, file=file, entity_type="RSID")


def sent(sandbox: Sandbox) -> int:
    """Return the number of uploads that were sent."""
    return sum(request.operation_id == UPLOADS for request in sandbox.requests)


def counts(done: UploadedRecontacts) -> tuple[int, int | None]:
    """Return the numbers of stored respondents before and after."""
    after = done.after and done.after.saved_respondent_ids_count
    return done.before.saved_respondent_ids_count, after


async def test_recontacts_are_uploaded_and_counted(sandbox: Sandbox, client: AsyncClient, group: TargetGroup) -> None:
    """The result has the job and the numbers before and after."""
    await upload_recontacts(client, upload(group, IDS[:1]))
    done = await upload_recontacts(client, upload(group))

    assert (done.job.status, done.job.note) == (JobStatus.COMPLETED, None)
    assert (counts(done), done.sent, done.conflicts) == ((1, 3), 3, ())
    assert sent(sandbox) == 2


def test_a_blocking_client_uploads_them_too(sandbox: Sandbox, blocking_client: Client, group: TargetGroup) -> None:
    """The workflow runs with ``client.call``."""
    quick = blocking_client.with_options(poll=PollPolicy(first_delay=0.01, min_interval=0.01))
    done: UploadedRecontacts = quick.call(upload_recontacts, upload(group))

    assert counts(done) == (0, 3)


async def test_the_older_form_is_uploaded_too(client: AsyncClient, group: TargetGroup) -> None:
    """Its jobs are listed with the others."""
    older = UploadRecontactRespondentIds(project_id=group.project_id, target_group_id=group.id, file=IDS)
    assert counts(await upload_recontacts(client, older)) == (0, 3)


async def test_a_partial_success_is_a_note(sandbox: Sandbox, client: AsyncClient, group: TargetGroup) -> None:
    """Sessions that are unknown to the API are no failure."""
    command = UploadRecontacts(project_id=group.project_id, target_group_id=group.id, file=IDS, entity_type="RID")
    done = await upload_recontacts(client, command)

    assert "0 respondent IDs uploaded successfully, 3 failed" in (done.job.note or "")
    assert counts(done) == (0, 0)


async def test_another_upload_is_waited_for(
    sandbox: Sandbox, client: AsyncClient, clock: FakeClock, group: TargetGroup
) -> None:
    """Nothing is sent while it is listed as running."""
    numbers = [str(uuid.UUID(int=number)) for number in range(10_000)]  # 200 seconds
    await client.submit(upload(group, numbers, "wave 1.csv"))
    begun = clock.now()
    done = await upload_recontacts(client, upload(group))

    assert clock.now() - begun >= 200
    assert sent(sandbox) == 2
    assert (counts(done), done.conflicts) == ((10_000, 10_000), ())


async def test_a_removal_which_is_not_listed_is_waited_for(
    sandbox: Sandbox, client: AsyncClient, group: TargetGroup
) -> None:
    """The API's refusal is in the result, and the upload was stored after the removal."""
    await upload_recontacts(client, upload(group, [str(uuid.UUID(int=number)) for number in range(1000)], "old.csv"))
    await client.submit(RemoveAllRecontacts(project_id=group.project_id, target_group_id=group.id))
    done = await upload_recontacts(client, upload(group))

    assert counts(done) == (0, 3)
    assert [type(conflict).__name__ for conflict in done.conflicts] == ["ConflictError"]


@pytest.mark.parametrize(
    ("other", "seen"),
    [(upload, r"the upload \w+ of 'wave 2.csv' did not end within 30 s"), (None, "a job that is not listed")],
    ids=["an upload", "a removal"],
)
async def test_a_job_that_does_not_end_is_named(
    sandbox: Sandbox, client: AsyncClient, group: TargetGroup, other: Callable[[TargetGroup], Any] | None, seen: str
) -> None:
    """Nothing is uploaded, and the error says so."""
    sandbox.faults.add("*", faults.StuckJob())
    removal = RemoveAllRecontacts(project_id=group.project_id, target_group_id=group.id)
    await client.submit(removal if other is None else other(group))
    with pytest.raises(WorkflowError, match=seen) as caught:
        await upload_recontacts(client, upload(group, name="wave 3.csv"), wait_for_others=30.0)

    assert "nothing was uploaded" in caught.value.message
    assert f"The API says: {caught.value.conflicts[-1].message}" in caught.value.message
    assert [type(conflict).__name__ for conflict in caught.value.conflicts] == ["ConflictError"]
    assert not caught.value.maybe_applied


async def test_a_job_that_is_listed_as_running_for_ever_stops_no_upload(
    sandbox: Sandbox, client: AsyncClient, group: TargetGroup
) -> None:
    """After the wait the upload is sent, and the API decides."""
    job = {"job_id": "0" * 26, "status": "Queued", "file_name": "old.csv", "created_at": None, "created_by": "x"}
    sandbox.faults.add(LISTS, faults.Answer(200, {"data": [job]}), times=None)
    done = await upload_recontacts(client, upload(group), wait_for_others=30.0)

    assert (counts(done), sent(sandbox)) == ((0, 3), 1)


@pytest.mark.parametrize(
    "fault", [faults.ApplyThenDrop(), faults.ApplyThenAnswer(503), faults.TruncatedJson()], ids=repr
)
async def test_an_upload_of_unclear_outcome_is_found_in_the_list(
    sandbox: Sandbox, client: AsyncClient, group: TargetGroup, fault: faults.Fault
) -> None:
    """It is followed, and not sent again; the result has the ambiguous outcome."""
    sandbox.faults.add(UPLOADS, fault)
    tokens: list[str] = []
    done = await upload_recontacts(client, upload(group), on_start=tokens.append)

    assert (counts(done), sent(sandbox)) == ((0, 3), 1)
    assert [conflict.maybe_applied for conflict in done.conflicts] == [True]
    assert (await client.job(tokens[0]).status()).job_id == done.job.job_id


async def test_an_error_of_the_callback_names_the_job(client: AsyncClient, group: TargetGroup) -> None:
    """The job runs although the callback failed, so the error has its token."""
    with pytest.raises(ZeroDivisionError) as caught:
        await upload_recontacts(client, upload(group), on_start=lambda _: 1 // 0)
    assert "client.job(" in caught.value.__notes__[0]


async def test_an_older_upload_of_the_same_name_is_not_taken_for_this_one(
    sandbox: Sandbox, client: AsyncClient, group: TargetGroup
) -> None:
    """The upload got lost on its way: the error says what is listed, and nothing is sent again."""
    await upload_recontacts(client, upload(group, IDS[:1]))
    sandbox.faults.add(UPLOADS, faults.DropBefore())
    with pytest.raises(WorkflowError, match="no new upload of a file of this name is listed") as caught:
        await upload_recontacts(client, upload(group))

    assert (sent(sandbox), caught.value.maybe_applied) == (2, True)


async def test_a_refused_upload_is_no_unclear_one(sandbox: Sandbox, client: AsyncClient, group: TargetGroup) -> None:
    """The API's error is raised as it is."""
    sandbox.faults.add(UPLOADS, faults.Answer(403))
    with pytest.raises(ForbiddenError):
        await upload_recontacts(client, upload(group))


async def test_a_search_that_fails_says_that_the_upload_may_have_been_applied(
    sandbox: Sandbox, client: AsyncClient, group: TargetGroup
) -> None:
    """Any error of the search says so."""
    sandbox.faults.add(LISTS, faults.Delay(0.0))
    sandbox.faults.add(LISTS, faults.Answer(403))
    sandbox.faults.add(UPLOADS, faults.ApplyThenDrop())
    with pytest.raises(ForbiddenError) as caught:
        await upload_recontacts(client, upload(group))
    assert caught.value.maybe_applied


async def test_a_job_that_failed_is_an_error_with_its_reason(
    sandbox: Sandbox, client: AsyncClient, group: TargetGroup
) -> None:
    """The upload is not repeated."""
    sandbox.faults.add(UPLOADS, faults.FailedJob())
    with pytest.raises(JobFailedError, match="JobExecutionStartMessageFailed"):
        await upload_recontacts(client, upload(group))
    assert sent(sandbox) == 1


async def test_a_wait_that_ended_is_continued_from_the_token(
    sandbox: Sandbox, client: AsyncClient, make_client: MakeClient, clock: FakeClock, group: TargetGroup
) -> None:
    """The next process waits for the same job; nothing is sent twice."""
    tokens: list[str] = []
    numbers = [str(uuid.UUID(int=number)) for number in range(10_000)]  # 200 seconds
    with pytest.raises(JobTimeoutError):
        await upload_recontacts(client, upload(group, numbers), timeout=20.0, on_start=tokens.append)
    later = make_client(clock=clock)
    result: Any = await later.job(tokens[0]).wait()

    assert result.status is JobStatus.COMPLETED
    overview = GetRecontactsOverview(project_id=group.project_id, target_group_id=group.id)
    assert (await later.send(overview)).saved_respondent_ids_count == 10_000
    assert sent(sandbox) == 1


async def test_arguments_of_a_wrong_kind_are_refused(client: AsyncClient, group: TargetGroup) -> None:
    """Before anything is sent."""
    wrong: Any = GetRecontactsOverview(project_id=group.project_id, target_group_id=group.id)
    with pytest.raises(InvalidCommandError, match="expected an upload of recontacts; got an instance of GetRecontacts"):
        await upload_recontacts(client, wrong)
    with pytest.raises(ConfigurationError, match="client must be an AsyncClient"):
        await upload_recontacts(wrong, upload(group))
    with pytest.raises(ConfigurationError, match="wait_for_others"):
        await upload_recontacts(client, upload(group), wait_for_others=wrong)


async def test_two_uploads_at_once_are_both_stored(sandbox: Sandbox, client: AsyncClient, group: TargetGroup) -> None:
    """One waits for the other, whichever comes first."""
    files = [upload(group, IDS[:2], "a.csv"), upload(group, IDS[2:], "b.csv")]
    await asyncio.gather(*(upload_recontacts(client, file) for file in files))
    overview = GetRecontactsOverview(project_id=group.project_id, target_group_id=group.id)

    assert (await client.send(overview)).saved_respondent_ids_count == 3


async def test_a_cancelled_wait_says_how_to_continue(sandbox: Sandbox, client: AsyncClient, group: TargetGroup) -> None:
    """The note has the token of the job."""
    sandbox.faults.add(UPLOADS, faults.StuckJob())
    started = asyncio.Event()
    run = asyncio.create_task(upload_recontacts(client, upload(group), on_start=lambda _: started.set()))
    await started.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await run
    assert any("client.job(" in note for note in getattr(caught.value, "__notes__", ()))


async def test_a_number_that_cannot_be_read_afterwards_is_no_failure(
    sandbox: Sandbox, client: AsyncClient, group: TargetGroup
) -> None:
    """The job has completed; the missing number is None, and the error is in the result."""
    sandbox.faults.add("get_recontacts_overview", faults.Delay(0.0))
    sandbox.faults.add("get_recontacts_overview", faults.Answer(403))
    done = await upload_recontacts(client, upload(group))

    assert (done.after, [type(conflict) for conflict in done.conflicts]) == (None, [ForbiddenError])
