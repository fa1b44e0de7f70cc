"""Projects, accounts, and the people who work there."""

from typing import Any

import pytest
from support.sandbox_caller import Caller

from fieldingkit.sandbox import Project, Sandbox

PROJECTS = "/demand/accounts/101/projects"


def path_of(project: Project) -> str:
    """The path of a project."""
    return f"{PROJECTS}/{project.id}"


async def test_a_list_of_projects(sandbox: Sandbox, call: Caller) -> None:
    """An account lists its own projects, each with the figures of its target groups taken together."""
    project = sandbox.seed(live=3, draft=1, goal=10, completes=4)
    sandbox.seed(live=1, account_id=202)
    answer = await call("GET", PROJECTS)
    (item,) = answer.json["projects"]
    assert (item["id"], item["name"], item["status"], item["target_group_count"]) == (
        project.id,
        project.name,
        "active",
        4,
    )
    assert item["statistics"]["filling_goal"] == 40
    assert item["statistics"]["current_completes"] == 12
    assert item["statistics"]["conversion_rate_average"] == 0.4
    assert (answer.json["has_more"], answer.json["next_cursor"]) == (False, None)
    assert answer.json["url"] == "/accounts/101/projects"


async def test_pages_of_projects(sandbox: Sandbox, call: Caller) -> None:
    """Projects come in pages; `has_more` says whether there are more after this one, not before it."""
    projects = [sandbox.seed(draft=1) for _ in range(5)]
    first = await call("GET", PROJECTS, params={"page_size": 3})
    assert [item["id"] for item in first.json["projects"]] == [project.id for project in projects[:3]]
    assert (first.json["has_more"], first.json["next_cursor"]) == (True, projects[2].id)
    second = await call("GET", PROJECTS, params={"page_size": 3, "start_after": projects[2].id})
    assert [item["id"] for item in second.json["projects"]] == [project.id for project in projects[3:]]
    assert (second.json["has_more"], second.json["next_cursor"]) == (False, None)
    back = await call("GET", PROJECTS, params={"page_size": 1, "end_before": projects[2].id})
    assert [item["id"] for item in back.json["projects"]] == [projects[1].id]


async def found(call: Caller, **params: str) -> list[str]:
    """The ids of the projects that a query finds."""
    answer = await call("GET", PROJECTS, params=params)
    assert answer.status == 200
    return [item["id"] for item in answer.json["projects"]]


async def test_filters(sandbox: Sandbox, call: Caller) -> None:
    """Projects are found by their name, their state, their manager, and the short ids of their own and their groups."""
    active, done = sandbox.seed(live=1), sandbox.seed(completed=1, archived=1)
    assert await found(call, status="active") == [active.id]
    assert await found(call, status="inactive") == [done.id]
    assert await found(call, search_string="PROJECT 2") == [done.id]
    assert await found(call, name="ject 1") == [active.id]
    assert await found(call, search_string=active.human_readable_id.lower()) == [active.id]
    assert await found(call, search_string=done.groups[0].settings.human_readable_id) == [done.id]
    assert await found(call, project_manager_id=active.manager_id) == [active.id, done.id]
    assert await found(call, project_manager_id="00000000-0000-4000-8000-000000000000") == []


async def test_a_search_names_the_groups_it_found(sandbox: Sandbox, call: Caller) -> None:
    """A project that is found by the short id of a target group says which, and says nothing otherwise."""
    project = sandbox.seed(live=2)
    wanted = project.groups[1].settings.human_readable_id
    (item,) = (await call("GET", PROJECTS, params={"search_string": wanted})).json["projects"]
    assert item["target_group_human_readable_ids"] == [wanted]
    (item,) = (await call("GET", PROJECTS)).json["projects"]
    assert "target_group_human_readable_ids" not in item


@pytest.mark.parametrize(
    "params", [{"status": "draft"}, {"search_string": "four"}, {"page_size": "1000"}, {"project_manager_id": "me"}]
)
async def test_malformed_filters_are_refused(call: Caller, params: dict[str, str]) -> None:
    """A parameter that is not of its form is a 400 that names it."""
    answer = await call("GET", PROJECTS, params=params)
    assert (answer.status, answer.json["invalid_params"][0]["name"]) == (400, next(iter(params)))


async def test_a_project_is_read_with_its_etag(sandbox: Sandbox, call: Caller) -> None:
    """A project shows what it is called and who manages it, and carries an entity tag."""
    project = sandbox.seed(live=1)
    answer = await call("GET", path_of(project))
    assert answer.headers["ETag"] == 'W/"1"'
    assert answer.json == {
        "id": project.id,
        "name": project.name,
        "human_readable_id": project.human_readable_id,
        "project_manager_id": project.manager_id,
        "account_id": 101,
    }


async def test_an_overview(sandbox: Sandbox, call: Caller) -> None:
    """The overview adds up what the target groups have; those without completes do not count for the means."""
    project = sandbox.seed(live=1, draft=1, goal=100, completes=20)
    answer = await call("GET", f"{path_of(project)}/overview")
    assert answer.json["statistics"] == {
        "filling_goal": 200,
        "current_completes": 20,
        "current_prescreens": 25,
        "incidence_rate_median": 0.5,
        "length_of_interview_median_seconds": 480,
        "conversion_rate_average": 0.4,
        "drop_off_rate_average": 0.2,
    }
    empty = await call("GET", f"{path_of(sandbox.seed(draft=1))}/overview")
    assert empty.json["statistics"]["conversion_rate_average"] == 0


async def test_last_activity(sandbox: Sandbox, call: Caller, clock: Any) -> None:
    """What happens to a target group is activity of its project."""
    project = sandbox.seed(live=1)
    before = (await call("GET", PROJECTS)).json["projects"][0]["last_activity_at"]
    clock.advance(60)
    await call.act("pause", project.groups[0])
    assert (await call("GET", PROJECTS)).json["projects"][0]["last_activity_at"] > before


async def test_an_unknown_project_is_not_found(sandbox: Sandbox, call: Caller) -> None:
    """A project that does not exist, or is another account's, is a 404."""
    theirs = sandbox.seed(live=1, account_id=202)
    for project_id in ("01BTGNYV6HRNK8K8VKZASZCFP1", theirs.id):
        for suffix in ("", "/overview"):
            assert (await call("GET", f"{PROJECTS}/{project_id}{suffix}")).status == 404


async def test_accounts(sandbox: Sandbox, call: Caller) -> None:
    """Every account that there is can be reached."""
    sandbox.seed(live=1, account_id=202)
    answer = await call("GET", "/accounts")
    assert answer.json == {"accounts": [{"id": 101, "name": "Account 101"}, {"id": 202, "name": "Account 202"}]}


async def test_users(sandbox: Sandbox, call: Caller) -> None:
    """An account has several people, all but one of them project managers."""
    everybody = (await call("GET", "/accounts/101/users")).json["users"]
    managers = (await call("GET", "/accounts/101/users", params={"user_type": "project_manager"})).json["users"]
    assert [user in managers for user in everybody] == [True, True, True, False]
    assert everybody[0]["email"] == "ada@example.com"
    assert (await call("GET", "/accounts/101/users", params={"user_type": "admin"})).status == 400
    assert (await call("GET", "/accounts/102/users")).status == 403
