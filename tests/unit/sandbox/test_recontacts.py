"""Recontacts of the sandbox: uploads, the stored respondents, and jobs that exclude each other."""

import uuid
from typing import Any

import aiohttp
import pytest
from support.sandbox_caller import Answer, Caller, one
from support.sandbox_drafts import created, launch, study

from fieldingkit.sandbox import ArrivalProcess, Sandbox, SandboxClock, TargetGroup

FIRST, SECOND, THIRD = (str(uuid.UUID(int=number)) for number in (1, 2, 3))


@pytest.fixture
def group(sandbox: Sandbox) -> TargetGroup:
    """Return a live target group."""
    return one(sandbox, "live", completes=0)


async def upload(
    call: Caller, group: TargetGroup, *ids: str, kind: str = "respondents", file_name: str = "wave.csv", **query: str
) -> Answer:
    """Upload ids."""
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("file", "\n".join(ids).encode(), filename=file_name, content_type="text/csv")
    path = f"{call.group_path(group)}/recontacts/jobs/upload-{kind}-by-file"
    return await call("POST", path, data=form, params=query)


async def job(call: Caller, group: TargetGroup, created: Answer, kind: str = "upload-respondents-by-file") -> Any:
    """Return a job."""
    path = f"{call.group_path(group)}/recontacts/jobs/{kind}/{created.json['job_id']}"
    return (await call("GET", path)).json


async def stored(call: Caller, group: TargetGroup) -> list[str]:
    """Return the stored respondents."""
    return list(
        (await call("GET", f"{call.group_path(group)}/recontacts/rsids", params={"page_size": "100"})).json["data"]
    )


async def test_ids_are_stored_at_the_end_of_the_job(call: Caller, group: TargetGroup, clock: SandboxClock) -> None:
    """A job takes 0.02 s a row; until then nothing is stored."""
    created = await upload(call, group, FIRST, SECOND, entity_type="RSID")
    assert created.status == 201
    assert (await job(call, group, created))["status"] == "Processing"
    assert await stored(call, group) == []
    clock.advance(0.04)
    finished = await job(call, group, created)
    assert finished["status"] == "Completed"
    assert "partial_success_reason" not in finished
    assert await stored(call, group) == [FIRST, SECOND]


async def test_new_ids_are_added_to_those_that_are_stored(
    call: Caller, group: TargetGroup, clock: SandboxClock
) -> None:
    """The older form adds to the same list; the overview counts each id once."""
    await upload(call, group, FIRST, SECOND, entity_type="RESPONDENT_ID")
    clock.advance(1)
    created = await upload(call, group, SECOND, THIRD, kind="rsids")
    clock.advance(1)
    assert (await job(call, group, created, "upload-rsids-by-file"))["status"] == "Completed"
    assert await stored(call, group) == [FIRST, SECOND, THIRD]
    overview = await call("GET", f"{call.group_path(group)}/recontacts/overview")
    assert overview.json == {"saved_respondent_ids_count": 3}


async def test_rids_are_stored_as_the_respondents_of_their_sessions(
    sandbox: Sandbox, call: Caller, group: TargetGroup, clock: SandboxClock
) -> None:
    """Sessions that are unknown, or of another account, are counted in the sentence on the partial success."""
    people = [*one(sandbox, "completed", completes=2).ledger.respondents()]
    stranger = next(iter(sandbox.seed(completed=1, completes=1, account_id=202).groups[0].ledger.respondents()))
    rids = [people[1].rid, people[4].rid, FIRST, stranger.rid]
    created = await upload(call, group, *rids, "no id", entity_type="RID")
    clock.advance(1)
    reason = (await job(call, group, created))["partial_success_reason"]["description"]
    assert "2 respondent IDs uploaded successfully, 3 failed" in reason
    assert await stored(call, group) == [people[1].respondent_id, people[4].respondent_id]


async def test_one_job_of_recontacts_runs_at_a_time(call: Caller, group: TargetGroup, clock: SandboxClock) -> None:
    """Another upload and a removal are refused with 409 until the first one has ended."""
    removal = f"{call.group_path(group)}/recontacts/jobs/remove-all-rsids"
    await upload(call, group, FIRST, entity_type="RSID")
    assert (await upload(call, group, SECOND, kind="rsids")).status == 409
    assert (await call("POST", removal)).status == 409
    clock.advance(1)
    assert (await call("POST", removal)).status == 201


async def test_a_removal_removes_all_at_its_end(call: Caller, group: TargetGroup, clock: SandboxClock) -> None:
    """Until then the respondents are still admitted."""
    await upload(call, group, FIRST, SECOND, entity_type="RSID")
    clock.advance(1)
    created = await call("POST", f"{call.group_path(group)}/recontacts/jobs/remove-all-rsids")
    assert len(await stored(call, group)) == 2
    clock.advance(1)
    assert (await job(call, group, created, "remove-all-rsids"))["status"] == "Completed"
    assert await stored(call, group) == []


async def test_uploads_are_listed_with_their_files(call: Caller, group: TargetGroup, clock: SandboxClock) -> None:
    """Both kinds, the newest first, page by page; a file can be read back byte for byte."""
    await upload(call, group, FIRST, entity_type="RSID", file_name="wave 1.txt")
    clock.advance(1)
    await upload(call, group, SECOND, kind="rsids", file_name="wave-2.csv")
    path = f"{call.group_path(group)}/recontacts/jobs/upload-respondents-by-file"
    first = (await call("GET", path, params={"page_size": "1"})).json
    assert [(one_job["file_name"], one_job["status"]) for one_job in first["data"]] == [("wave-2.csv", "Processing")]
    second = (await call("GET", path, params={"page_size": "1", "start_after": first["next_cursor"]})).json
    assert [(one_job["file_name"], one_job["status"]) for one_job in second["data"]] == [("wave 1.txt", "Completed")]
    file = await call("GET", f"{path}/{second['data'][0]['job_id']}/download")
    assert file.body == FIRST.encode()
    assert file.headers["Content-Disposition"] == 'attachment; filename="wave_1.txt"'


async def test_an_upload_without_the_kind_of_its_ids_is_refused(call: Caller, group: TargetGroup) -> None:
    """So is an unknown kind; nothing is created."""
    assert (await upload(call, group, FIRST)).status == 400
    assert (await upload(call, group, FIRST, entity_type="rsid")).status == 400


async def test_the_file_of_an_unknown_job_is_not_found(call: Caller, group: TargetGroup) -> None:
    """A removal has no file."""
    created = await call("POST", f"{call.group_path(group)}/recontacts/jobs/remove-all-rsids")
    path = f"{call.group_path(group)}/recontacts/jobs/upload-respondents-by-file"
    assert (await call("GET", f"{path}/{created.json['job_id']}/download")).status == 404


# Who may answer


@pytest.fixture
def busy(sandbox: Sandbox) -> TargetGroup:
    """Return a live target group that gets about ten completes a day."""
    arrivals = ArrivalProcess(completes_a_day=10)
    return one(sandbox, "live", completes=0, goal=500, ends_in=60 * 86_400, arrivals=arrivals)


def people(count: int) -> list[str]:
    """Return different RSIDs."""
    return [str(uuid.UUID(int=number)) for number in range(1, count + 1)]


async def test_only_recontacts_may_enter(call: Caller, busy: TargetGroup, clock: SandboxClock) -> None:
    """Of five people two complete, and then nobody is left: the target group stays below its goal."""
    await upload(call, busy, *people(10), entity_type="RSID")
    clock.advance(30 * 86_400)
    assert [person.respondent_id for person in busy.respondents] == people(10)
    assert (busy.completes, busy.goal_reached) == (4, False)


async def test_excluded_recontacts_do_not_enter(call: Caller, busy: TargetGroup, clock: SandboxClock) -> None:
    """Exclusions that are uploaded later hold for those who have not come yet."""
    await upload(call, busy, *people(10), entity_type="RSID")
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("file", "\n".join(people(5)).encode(), filename="a.csv", content_type="text/csv")
    path = f"{call.group_path(busy)}/exclusions/jobs/upload-respondents-by-file"
    assert (await call("POST", path, data=form, params={"entity_type": "RSID"})).status == 201
    clock.advance(30 * 86_400)
    assert [person.respondent_id for person in busy.respondents] == people(10)[5:]


async def test_without_recontacts_anybody_may_enter_again(call: Caller, busy: TargetGroup, clock: SandboxClock) -> None:
    """Those who have come stay; the goal is reached by others."""
    await upload(call, busy, *people(10), entity_type="RSID")
    clock.advance(20 * 86_400)
    assert (await call("POST", f"{call.group_path(busy)}/recontacts/jobs/remove-all-rsids")).status == 201
    clock.advance(9 * 86_400)
    assert [person.respondent_id for person in busy.respondents[:10]] == people(10)
    assert busy.completes > 4


async def test_a_draft_that_is_replaced_keeps_its_recontacts(
    sandbox: Sandbox, call: Caller, clock: SandboxClock
) -> None:
    """They belong to the target group, not to its settings."""
    group = await created(sandbox, call)
    await upload(call, group, *people(10), entity_type="RSID")
    clock.advance(1)
    changed = study(clock, group.manager_id, name="Anybody")
    assert (await call("PUT", call.group_path(group), json=changed)).status == 204
    await launch(call, group, clock)
    clock.advance(30 * 86_400)
    assert [person.respondent_id for person in group.respondents] == people(10)
