"""Projects, accounts and users."""

import pytest
from support.sandbox_caller import Answer, Caller

from fieldingkit.sandbox import Sandbox, SandboxClock

PROJECTS = "/demand/accounts/101/projects"
STATISTICS = {
    "filling_goal": 200,
    "current_completes": 20,
    "current_prescreens": 25,
    "incidence_rate_median": 0.5,
    "length_of_interview_median_seconds": 480,
    "conversion_rate_average": 0.4,
    "drop_off_rate_average": 0.2,
}


async def test_an_account_lists_its_own_projects_in_pages(sandbox: Sandbox, call: Caller) -> None:
    """An account lists its own projects in pages; `has_more` means more projects after the page, not before it."""
    projects = [sandbox.seed(draft=1).id for _ in range(5)]
    sandbox.seed(live=1, account_id=202)
    first = (await call("GET", PROJECTS, params={"page_size": 3})).json
    assert [item["id"] for item in first["projects"]] == projects[:3]
    assert (first["has_more"], first["next_cursor"], first["url"]) == (True, projects[2], "/accounts/101/projects")
    second = (await call("GET", PROJECTS, params={"page_size": 3, "start_after": projects[2]})).json
    assert [item["id"] for item in second["projects"]] == projects[3:]
    assert (second["has_more"], second["next_cursor"]) == (False, None)


async def find(call: Caller, **params: str) -> list[str]:
    """Return the ids of the projects that a query finds."""
    answer = await call("GET", PROJECTS, params=params)
    assert answer.status == 200
    return [item["id"] for item in answer.json["projects"]]


async def test_projects_are_filtered(sandbox: Sandbox, call: Caller) -> None:
    """Projects are found by name, status, manager, and the short ids of their own and of their groups."""
    active, done = sandbox.seed(live=1), sandbox.seed(completed=1, archived=1)
    assert await find(call, status="active") == [active.id]
    assert await find(call, status="inactive") == [done.id]
    assert await find(call, search_string="PROJECT 2") == [done.id]
    assert await find(call, name="ject 1") == [active.id]
    assert await find(call, search_string=active.human_readable_id.lower()) == [active.id]
    assert await find(call, search_string=done.groups[0].settings.human_readable_id) == [done.id]
    assert await find(call, project_manager_id=active.manager_id) == [active.id, done.id]
    assert await find(call, project_manager_id="00000000-0000-4000-8000-000000000000") == []


async def test_a_search_lists_the_matching_groups(sandbox: Sandbox, call: Caller) -> None:
    """A project that is found by the short id of a target group lists that id; other projects have no such list."""
    wanted = sandbox.seed(live=2).groups[1].settings.human_readable_id
    (item,) = (await call("GET", PROJECTS, params={"search_string": wanted})).json["projects"]
    assert item["target_group_human_readable_ids"] == [wanted]
    (item,) = (await call("GET", PROJECTS)).json["projects"]
    assert "target_group_human_readable_ids" not in item


async def test_statistics_add_up_the_target_groups(sandbox: Sandbox, call: Caller) -> None:
    """List and overview add up the target groups; those without completes do not count for the means."""
    project, empty = sandbox.seed(live=1, draft=1, goal=100, completes=20), sandbox.seed(draft=1)
    listed = (await call("GET", PROJECTS)).json["projects"]
    assert [item["statistics"]["conversion_rate_average"] for item in listed] == [0.4, 0]
    assert (listed[0]["target_group_count"], listed[0]["statistics"]) == (2, STATISTICS)
    assert (await call("GET", f"{PROJECTS}/{project.id}/overview")).json["statistics"] == STATISTICS
    assert (await call("GET", f"{PROJECTS}/{empty.id}/overview")).json["statistics"]["current_completes"] == 0


async def test_a_change_of_a_group_is_activity_of_its_project(
    sandbox: Sandbox, call: Caller, clock: SandboxClock
) -> None:
    """The last activity of a project is the last change of one of its target groups."""
    project = sandbox.seed(live=1)
    before = (await call("GET", PROJECTS)).json["projects"][0]["last_activity_at"]
    clock.advance(60)
    await call.act("pause", project.groups[0])
    assert (await call("GET", PROJECTS)).json["projects"][0]["last_activity_at"] > before


NEW = {"name": "  Yoghurt, wave 3 ", "project_customer_reference_number": "PO-1"}


async def create(sandbox: Sandbox, call: Caller, key: str = "key", **changes: object) -> Answer:
    """Create a project."""
    manager = (await call("GET", "/accounts/101/users")).json["users"][1]["id"]
    body = {**NEW, "project_manager_id": manager, **changes}
    return await call("POST", PROJECTS, json=body, headers={"Idempotency-Key": key})


async def test_a_created_project_is_readable_a_moment_later(
    sandbox: Sandbox, call: Caller, clock: SandboxClock
) -> None:
    """The id comes at once, the project is a 404 for a moment; its name is trimmed."""
    created = await create(sandbox, call)
    assert created.status == 202
    path = f"{PROJECTS}/{created.json['id']}"
    assert (await call("GET", path)).status == 404
    clock.advance(0.1)
    project = await call("GET", path)
    assert (project.json["name"], project.json["project_customer_reference_number"]) == ("Yoghurt, wave 3", "PO-1")
    assert project.headers["ETag"] == created.headers["ETag"] == 'W/"1"'
    assert (await call("GET", f"{path}/overview")).json["project_customer_reference_number"] == "PO-1"
    assert await find(call, search_string="yoghurt") == [created.json["id"]]


async def test_a_repeated_key_creates_no_second_project(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """The same request with the same key gets the same id; another request with it is a 409."""
    first, second = [await create(sandbox, call) for _ in range(2)]
    assert first.json == second.json
    assert (await create(sandbox, call, name="Another")).status == 409
    assert (await create(sandbox, call, key="other")).json != first.json
    clock.advance(1)
    assert len(await find(call)) == 2


async def test_a_project_is_replaced_as_a_whole(sandbox: Sandbox, call: Caller) -> None:
    """An update needs the current tag; a reference that is left out is deleted; a repeated key changes nothing more."""
    project = sandbox.seed(draft=1)
    path, body = f"{PROJECTS}/{project.id}", {"name": "Renamed", "project_manager_id": project.manager_id}

    async def update(key: str, tag: str, **changes: object) -> Answer:
        return await call("PUT", path, json={**body, **changes}, headers={"Idempotency-Key": key, "If-Match": tag})

    changed = await update("1", 'W/"1"', project_customer_reference_number="PO-2")
    assert changed.json == {"id": project.id, "human_readable_id": project.human_readable_id}
    assert (await update("1", 'W/"1"', project_customer_reference_number="PO-2")).status == 200
    assert (await update("2", 'W/"1"', project_customer_reference_number=None)).status == 412
    assert (project.name, project.reference, project.etag) == ("Renamed", "PO-2", 'W/"2"')
    assert (await update("3", 'W/"2"', project_customer_reference_number=None)).status == 200
    assert (project.reference, project.etag) == (None, 'W/"3"')


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " four  "},
        {"name": 12345},
        {"project_manager_id": "00000000-0000-4000-8000-000000000000"},
        {"project_manager_id": "ann"},
        {"project_customer_reference_number": "a/b"},
    ],
)
async def test_settings_of_a_project_are_checked(sandbox: Sandbox, call: Caller, wrong: dict[str, object]) -> None:
    """A name that is short without its spaces, an unknown manager and a malformed reference are a 400."""
    refused = await create(sandbox, call, **wrong)
    assert (refused.status, refused.json["invalid_params"][0]["name"]) == (400, next(iter(wrong)))
