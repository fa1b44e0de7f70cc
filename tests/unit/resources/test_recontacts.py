"""Recontacts: what is sent, and jobs as they are read and followed."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from support.resource_wire import GROUP, GROUP_PATH, PROJECT, answer, sent
from support.sandbox_commands import EVERY

from fieldingkit import AsyncClient, BearerToken
from fieldingkit.errors import InvalidCommandError, JobFailedError
from fieldingkit.files import Upload
from fieldingkit.job_commands import JobCommand, JobStatus
from fieldingkit.resources.recontacts import (
    DownloadRecontactsFile,
    GetRecontactsOverview,
    GetUploadRecontactsJob,
    ListRecontacts,
    ListUploadRecontactsJobs,
    RecontactJob,
    RemoveAllRecontacts,
    UploadRecontactRespondentIds,
    UploadRecontacts,
)
from fieldingkit.sandbox import Sandbox, SandboxClock, TargetGroup, faults

PLACE: Any = {"project_id": PROJECT, "target_group_id": GROUP}
ID = "0f1ce179-a917-49ff-9d50-b05fc91f7bd4"
OTHER_ID = "75f1404c-65f6-4937-ad2a-588e4f66e07f"
JOB = "01BTGNYV6HRNK8K8VKZASZCFP9"


@pytest.fixture
def clock() -> SandboxClock:
    """Return a frozen clock."""
    clock = SandboxClock()
    clock.freeze()
    return clock


@pytest.fixture
async def sandbox(clock: SandboxClock) -> AsyncIterator[Sandbox]:
    """Run a sandbox whose jobs end when the clock is advanced."""
    async with Sandbox(clock=clock) as sandbox:
        yield sandbox


@pytest.fixture
def group(sandbox: Sandbox) -> TargetGroup:
    """Return a target group."""
    return sandbox.seed(live=1, completes=0).groups[0]


def connect(sandbox: Sandbox) -> AsyncClient:
    """Return a client that polls often."""
    return AsyncClient(account_id=101, auth=BearerToken(sandbox.token), base_url=sandbox.url, poll=EVERY)


def place(group: TargetGroup) -> Any:
    """Return the ids in the path of a target group."""
    return {"project_id": group.project_id, "target_group_id": group.id}


def test_an_upload_is_a_form_with_one_file() -> None:
    """The kind of the ids is in the query; the file has one id on a line."""
    request = sent(UploadRecontacts(**PLACE, file=[ID, OTHER_ID], entity_type="RID"))

    assert (request.method, request.path) == ("POST", f"{GROUP_PATH}/recontacts/jobs/upload-respondents-by-file")
    assert request.query == [("entity_type", "RID")]
    assert b'Content-Disposition: form-data; name="file"; filename="fieldingkit-' in request.body
    assert f"\r\n\r\n{ID}\n{OTHER_ID}\n\r\n--".encode() in request.body


def test_the_older_form_has_no_kind_of_ids() -> None:
    """Its ids are always respondent ids."""
    request = sent(UploadRecontactRespondentIds(**PLACE, file=Upload(ID.encode(), filename="wave.txt")))

    assert request.path == f"{GROUP_PATH}/recontacts/jobs/upload-rsids-by-file"
    assert request.query == []


def test_a_list_with_a_header_is_not_sent() -> None:
    """The checks of lists hold for uploads."""
    with pytest.raises(InvalidCommandError, match="file must have a UUID on each line; line 1 is 'RID'"):
        UploadRecontacts(**PLACE, file=["RID", ID], entity_type="RID")


def test_a_job_that_stored_a_part_is_completed_with_a_note() -> None:
    """The sentence is the API's; nulls are members that are left out."""
    sentence = "Upload partially successful. 500 respondent IDs uploaded successfully, 10 failed (invalid or empty)."
    body = {
        "job_id": JOB,
        "status": "Completed",
        "completed_at": "2026-01-01T14:15:10Z",
        "failure_reason": None,
        "partial_success_reason": {"description": sentence},
        "job_trace_id": None,
    }

    read = answer(GetUploadRecontactsJob(**PLACE, job_id=JOB), body)

    assert (read.status, read.note, read.failure_reason) == (JobStatus.COMPLETED, sentence, None)


def test_a_list_without_ids_is_empty() -> None:
    """The API may leave the member out, or send null."""
    for body in ({}, {"data": None}, {"data": []}):
        assert list(answer(ListRecontacts(**PLACE), body)) == []


def test_waits_are_as_long_as_the_file(group: TargetGroup) -> None:
    """15 minutes, and 15 more for each 10,000 ids."""
    command = UploadRecontacts(**place(group), file=[ID, OTHER_ID], entity_type="RSID")
    pace = command.pace

    assert pace is not None
    assert command.item_count() == 2
    assert pace.timeout + pace.timeout_per_item * 10_000 == 1800


async def finished(client: AsyncClient, clock: SandboxClock, command: JobCommand[RecontactJob]) -> RecontactJob:
    """Return the result of a job."""
    job = await client.submit(command)
    clock.advance(1)
    return await job.wait()


async def test_recontacts_are_uploaded_listed_and_removed(
    sandbox: Sandbox, group: TargetGroup, clock: SandboxClock, tmp_path: Path
) -> None:
    """All commands of the module in turn."""
    async with connect(sandbox) as client:
        upload = UploadRecontacts(**place(group), file=Upload(ID.encode(), filename="wave.csv"), entity_type="RSID")
        result = await finished(client, clock, upload)
        assert (result.status, result.note) == (JobStatus.COMPLETED, None)
        await finished(client, clock, UploadRecontactRespondentIds(**place(group), file=[OTHER_ID]))
        jobs = await client.send(ListUploadRecontactsJobs(**place(group)))
        assert [str(one.file_name)[:12] for one in jobs] == ["fieldingkit-", "wave.csv"]
        download = DownloadRecontactsFile(**place(group), job_id=result.job_id)
        file = await client.download(download, tmp_path / "sent.csv")
        assert (file.path.read_text(), file.filename) == (f"{ID}\n", "wave.csv")
        assert list(await client.send(ListRecontacts(**place(group)))) == [ID, OTHER_ID]
        assert (await client.send(GetRecontactsOverview(**place(group)))).saved_respondent_ids_count == 2
        await finished(client, clock, RemoveAllRecontacts(**place(group)))
        assert (await client.send(GetRecontactsOverview(**place(group)))).saved_respondent_ids_count == 0


@pytest.mark.parametrize(
    "command", [RemoveAllRecontacts, UploadRecontactRespondentIds, UploadRecontacts], ids=lambda kind: kind.__name__
)
async def test_a_job_is_followed_in_another_process_by_its_token(
    sandbox: Sandbox, group: TargetGroup, clock: SandboxClock, command: Any
) -> None:
    """The token leads to the status of its kind of job."""
    fields = {"file": [ID], "entity_type": "RSID"}
    taken = {name: value for name, value in fields.items() if name in attrs.fields_dict(command)}
    async with connect(sandbox) as client:
        token = (await client.submit(command(**place(group), **taken))).token()
    clock.advance(1)
    async with connect(sandbox) as client:
        result = await client.job(token).wait()
    assert isinstance(result, RecontactJob)
    assert result.status is JobStatus.COMPLETED


async def test_a_job_that_failed_says_why(sandbox: Sandbox, group: TargetGroup, clock: SandboxClock) -> None:
    """The reason is in the error; the upload may have been stored in part."""
    sandbox.faults.add("recontact_create_upload_respondents_by_file_job", faults.FailedJob())
    async with connect(sandbox) as client:
        with pytest.raises(JobFailedError, match="JobExecutionStartMessageFailed") as failed:
            await finished(client, clock, UploadRecontacts(**place(group), file=[ID], entity_type="RSID"))
    assert failed.value.maybe_applied
