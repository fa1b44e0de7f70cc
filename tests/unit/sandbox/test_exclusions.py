"""Exclusion groups, exclusions within a project and by activity, and uploaded respondents."""

import io
from typing import Any

import aiohttp
import pytest
from support.sandbox_caller import Answer, Caller, one

from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.sandbox.model.target_groups import TargetGroup

ACCOUNT = "/demand/accounts/101"
GROUPS = f"{ACCOUNT}/exclusion-groups"
IDS = ["0f1ce179-a917-49ff-9d50-b05fc91f7bd4", "75f1404c-65f6-4937-ad2a-588e4f66e07f"]
UPLOAD = "exclusions/jobs/upload-respondents-by-file"
REMOVAL = "exclusions/jobs/remove-all-respondents"


async def create_group(call: Caller, tag: str = "Tracker") -> str:
    """Create an exclusion group and return its path."""
    created = await call("POST", GROUPS, json={"tag": tag, "description": "2026"})
    assert created.status == 201
    return f"{GROUPS}/{created.json['exclusion_group_id']}"


async def upload(
    call: Caller, group: TargetGroup, content: str, *, name: str = "ids.csv", entity: str = "RSID"
) -> Answer:
    """Upload a file of excluded respondents."""
    form = aiohttp.FormData()
    form.add_field("file", io.BytesIO(content.encode()), filename=name, content_type="text/csv")
    path = f"{call.group_path(group)}/{UPLOAD}"
    return await call("POST", path, data=form, params={"entity_type": entity})


async def remove_all(call: Caller, group: TargetGroup) -> Answer:
    """Remove all uploaded respondent ids."""
    return await call("POST", f"{call.group_path(group)}/{REMOVAL}", params={"entity_type": "RSID"})


async def excluded(call: Caller, group: TargetGroup) -> list[str]:
    """Return the respondent ids that a target group does not admit."""
    listed = await call("GET", f"{call.group_path(group)}/exclusions/rsid/paginated")
    return list(listed.json["data"])


async def counts(call: Caller, group: TargetGroup) -> list[int]:
    """Return the numbers of uploaded ids, by kind."""
    answer = await call("GET", f"{call.group_path(group)}/exclusions/overview")
    return [answer.json["saved_respondent_ids_count"], answer.json["saved_access_respondent_guids_count"]]


async def test_an_exclusion_group_has_a_life(call: Caller, sandbox: Sandbox) -> None:
    """A group is created, read, changed, listed and deleted; one with target groups is a 409."""
    path, group = await create_group(call), one(sandbox, "live")
    assert (await call("PUT", path, json={"tag": "Tracker 2026"})).status == 204
    read = (await call("GET", path)).json
    assert (read["tag"], read["description"], read["update_date"] is not None) == ("Tracker 2026", "2026", True)
    assert (await call("POST", f"{path}/target-groups/add", json={"data": [group.id]})).status == 204
    assert (await call("GET", f"{path}/target-groups")).json["data"] == [group.id]
    listed = await call("GET", f"{ACCOUNT}/target-groups/{group.id}/exclusion-groups")
    assert [item["tag"] for item in listed.json["data"]] == ["Tracker 2026"]
    assert (await call("DELETE", path)).status == 409
    assert (await call("POST", f"{path}/target-groups/remove", json={"data": [group.id]})).status == 204
    assert (await call("DELETE", path)).status == 204
    assert (await call("GET", path)).status == 404


async def test_exclusion_groups_are_listed_in_pages(call: Caller) -> None:
    """The cursor leads through all groups, the oldest first; the last page has none."""
    for tag in "abc":
        await create_group(call, tag)
    first = (await call("GET", GROUPS, params={"page_size": "2"})).json
    second = (await call("GET", GROUPS, params={"page_size": "2", "start_after": first["next_cursor"]})).json
    assert [item["tag"] for item in (*first["data"], *second["data"])] == ["a", "b", "c"]
    assert "next_cursor" not in second


async def test_an_exclusion_group_has_a_hundred_target_groups(call: Caller, sandbox: Sandbox) -> None:
    """A group takes a hundred target groups of the account and no other ones."""
    path, ids = await create_group(call), sandbox.seed(draft=101).ids()
    assert (await call("POST", f"{path}/target-groups/add", json={"data": ids[:100]})).status == 204
    assert (await call("POST", f"{path}/target-groups/add", json={"data": ids[100:]})).status == 400
    assert (await call("POST", f"{path}/target-groups/add", json={"data": ["0" * 26]})).status == 404


@pytest.mark.parametrize("body", [{}, {"tag": "x"}, {"tag": "", "description": "x"}, {"tag": 7, "description": "x"}])
async def test_an_exclusion_group_needs_both_texts(call: Caller, body: dict[str, Any]) -> None:
    """A missing or malformed text is a 400."""
    assert (await call("POST", GROUPS, json=body)).status == 400


async def test_target_groups_of_a_project_exclude_each_other(call: Caller, sandbox: Sandbox) -> None:
    """The respondents of a target group are excluded from another one if both take part."""
    project = sandbox.seed(live=2, goal=10, completes=4)
    first, second = project.groups
    path = f"{ACCOUNT}/projects/{project.id}"
    entries = [{"target_group_id": group.id, "project_exclusion_enabled": True} for group in project.groups]
    assert (await call("PUT", f"{path}/exclusion-policies", json=entries[:1])).status == 204
    assert [item["project_exclusion_enabled"] for item in (await call("GET", f"{path}/exclusions")).json] == [
        True,
        False,
    ]
    assert await excluded(call, second) == []
    assert (await call("PUT", f"{path}/exclusion-policies", json=entries[1:])).status == 204
    assert len(await excluded(call, second)) == 4
    policy = (await call("GET", f"{call.group_path(first)}/exclusion-policy")).json
    assert policy["project_exclusion_enabled"] is True


async def test_target_groups_of_an_exclusion_group_exclude_each_other(call: Caller, sandbox: Sandbox) -> None:
    """The respondents of all other members are excluded, by both kinds of ids."""
    groups = [one(sandbox, "live", goal=10, completes=3) for _ in range(3)]
    path = await create_group(call)
    await call("POST", f"{path}/target-groups/add", json={"data": [group.id for group in groups]})
    people = [one for group in groups[1:] for one in group.ledger.respondents() if one.outcome == "complete"]
    assert await excluded(call, groups[0]) == sorted(one.respondent_id for one in people)
    guids = await call("GET", f"{call.group_path(groups[0])}/exclusions/access-respondent-guid/paginated")
    assert guids.json["data"] == sorted(one.access_respondent_guid for one in people)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"target_group_id": "x", "project_exclusion_enabled": True}, 400),
        ({"target_group_id": "0" * 26, "project_exclusion_enabled": True}, 404),
        ({"target_group_id": "0" * 26}, 400),
        ("x", 400),
    ],
)
async def test_a_policy_that_cannot_be_set_changes_nothing(
    call: Caller, sandbox: Sandbox, body: object, status: int
) -> None:
    """One entry that is invalid refuses the whole array."""
    group = one(sandbox, "live")
    path = f"{ACCOUNT}/projects/{group.project_id}"
    entries = [{"target_group_id": group.id, "project_exclusion_enabled": True}, body]
    assert (await call("PUT", f"{path}/exclusion-policies", json=entries)).status == status
    assert not group.settings.excludes


async def test_activity_exclusions_are_replaced(call: Caller, sandbox: Sandbox) -> None:
    """The list is replaced; periods come from the entry, the request or the default, and weeks become days."""
    group, other = one(sandbox, "live"), one(sandbox, "live")
    path = f"{call.group_path(group)}/respondent-activity-exclusions"
    assert (await call("GET", path)).json == {"respondent_activity_exclusions": []}
    entries = [
        {"type": "target-group", "id": other.id, "duration": "P3M"},
        {"type": "project", "id": other.project_id},
    ]
    assert (await call("PUT", path, json={"duration": "P2W", "respondent_activity_exclusions": entries})).status == 204
    read = (await call("GET", path)).json["respondent_activity_exclusions"]
    assert [item["duration"] for item in read] == ["P3M", "P14D"]
    assert (await call("PUT", path, json={"respondent_activity_exclusions": entries[1:]})).status == 204
    assert [item["duration"] for item in (await call("GET", path)).json["respondent_activity_exclusions"]] == ["P90D"]


@pytest.mark.parametrize("change", [{"duration": "PT1H"}, {"duration": "P0D"}, {"own": True}, {"missing": True}])
async def test_malformed_activity_exclusions_are_refused(
    call: Caller, sandbox: Sandbox, change: dict[str, Any]
) -> None:
    """A period that is none, the target group itself and a missing list are a 400."""
    group, other = one(sandbox, "live"), one(sandbox, "live")
    target = group if "own" in change else other
    body: dict[str, Any] = {"respondent_activity_exclusions": [{"type": "target-group", "id": target.id}]}
    if "missing" in change:
        body = {}
    elif "duration" in change:
        body |= change
    assert (await call("PUT", f"{call.group_path(group)}/respondent-activity-exclusions", json=body)).status == 400


async def test_a_file_of_ids_is_uploaded(call: Caller, sandbox: Sandbox) -> None:
    """The id of the job is in the body; the ids are added at its end, which depends on the number of rows."""
    group = one(sandbox, "live")
    created = await upload(call, group, "\n".join([*IDS, "no id"]))
    assert created.status == 201
    assert "Location" not in created.headers
    path = f"{call.group_path(group)}/{UPLOAD}/{created.json['job_id']}"
    assert (await call("GET", path)).json["status"] == "Processing"
    sandbox.clock.advance(0.059)
    assert (await call("GET", path)).json["status"] == "Processing"
    assert await counts(call, group) == [0, 0]
    sandbox.clock.advance(0.002)
    job = (await call("GET", path)).json
    assert job["status"] == "Success"
    assert "2 respondent IDs uploaded successfully, 1 failed" in job["partial_success_reason"]["description"]
    assert await counts(call, group) == [2, 0]
    assert await excluded(call, group) == IDS


async def test_only_one_job_runs_on_a_target_group(call: Caller, sandbox: Sandbox) -> None:
    """An upload or removal while another one runs is a 409; other target groups are not affected."""
    group, other = one(sandbox, "live"), one(sandbox, "live")
    await upload(call, group, IDS[0])
    assert (await upload(call, group, IDS[1])).status == 409
    assert (await remove_all(call, group)).status == 409
    assert (await upload(call, other, IDS[1])).status == 201
    sandbox.clock.advance(1)
    assert (await upload(call, group, IDS[1], entity="ACCESS_RESPONDENT_GUID")).status == 201
    sandbox.clock.advance(1)
    assert await counts(call, group) == [1, 1]


async def test_a_removal_empties_one_kind_at_its_end(call: Caller, sandbox: Sandbox) -> None:
    """All ids of one kind are removed together, when the job ends."""
    group = one(sandbox, "live")
    await upload(call, group, "\n".join(IDS))
    sandbox.clock.advance(1)
    created = await remove_all(call, group)
    assert await counts(call, group) == [2, 0]
    sandbox.clock.advance(1)
    path = f"{call.group_path(group)}/{REMOVAL}/{created.json['job_id']}"
    assert (await call("GET", path)).json["status"] == "Success"
    assert await counts(call, group) == [0, 0]
    assert (await call("GET", path.replace(REMOVAL, UPLOAD))).status == 404


async def test_a_job_fails_by_a_fault(call: Caller, sandbox: Sandbox) -> None:
    """A job that is bound to fail changes nothing and says why."""
    group = one(sandbox, "live")
    sandbox.faults.add("exclusion_create_upload_rids_by_file_job", faults.FailedJob())
    created = await upload(call, group, IDS[0])
    sandbox.clock.advance(1)
    job = (await call("GET", f"{call.group_path(group)}/{UPLOAD}/{created.json['job_id']}")).json
    assert (job["status"], job["failure_reason"]["code"]) == ("Failed", "JobExecutionStartMessageFailed")
    assert len(job["job_trace_id"]) == 32
    assert await counts(call, group) == [0, 0]


@pytest.mark.parametrize(
    ("content", "name", "entity", "status"),
    [
        (IDS[0], "ids.txt", "RSID", 201),
        ("", "ids.csv", "RSID", 400),
        (IDS[0] * 150_000, "ids.csv", "RSID", 413),
        (IDS[0], "ids.csv", "EMAIL", 400),
    ],
    ids=["text", "empty", "large", "kind"],
)
async def test_files_are_checked(
    call: Caller, sandbox: Sandbox, content: str, name: str, entity: str, status: int
) -> None:
    """An empty file, one that is too large and an unknown kind of ids are refused."""
    assert (await upload(call, one(sandbox, "live"), content, name=name, entity=entity)).status == status


async def test_other_bodies_than_a_form_with_a_file_are_refused(call: Caller, sandbox: Sandbox) -> None:
    """JSON and an Excel workbook are a 415; a form without a file is a 400."""
    path = f"{call.group_path(one(sandbox, 'live'))}/{UPLOAD}"
    query = {"entity_type": "RSID"}
    assert (await call("POST", path, json={"file": IDS[0]}, params=query)).status == 415
    form = aiohttp.FormData()
    form.add_field("file", b"PK", filename="ids.xlsx", content_type="application/vnd.ms-excel")
    assert (await call("POST", path, data=form, params=query)).status == 415
    empty = aiohttp.MultipartWriter("form-data")
    empty.append(IDS[0]).set_content_disposition("form-data", name="other")
    assert (await call("POST", path, data=empty, params=query)).status == 400
