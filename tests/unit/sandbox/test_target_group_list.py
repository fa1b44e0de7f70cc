"""The list of a project's target groups: its items, its filters, and its pages."""

import time
from typing import Any

import pytest
from support.sandbox_caller import Answer, Caller

from fieldingkit.sandbox import Project, Sandbox


async def listed(call: Caller, project: Project, **params: Any) -> Answer:
    """A page of the list."""
    path = f"/demand/accounts/{project.account_id}/projects/{project.id}/target-groups"
    return await call("GET", path, params=params)


def ids(answer: Answer) -> list[str]:
    """The ids on a page."""
    assert answer.status == 200, answer.json
    return [item["id"] for item in answer.json["target_groups"]]


async def test_an_item(sandbox: Sandbox, call: Caller) -> None:
    """An item shows the target group as it is now, and its statistics each with their issues."""
    project = sandbox.seed(live=1, goal=200, completes=50)
    answer = await listed(call, project)
    (item,) = answer.json["target_groups"]
    assert (item["id"], item["status"], item["name"]) == (project.ids()[0], "live", project.groups[0].name)
    assert item["statistics"]["progress"] == {
        "value": {
            "current_completes": 50,
            "current_prescreens": 62,
            "filling_goal": 200,
            "filling_strategy": "completes",
        },
        "issues": [],
    }
    assert item["statistics"]["average_cost_per_interview"]["value"]["value"] == "2.50"
    assert (answer.json["has_more"], answer.json["next_cursor"]) == (False, None)
    assert answer.json["url"] == f"/accounts/101/projects/{project.id}/target-groups"


async def test_what_has_no_completes_has_no_figures(sandbox: Sandbox, call: Caller) -> None:
    """A draft has its progress, and no other statistics."""
    (item,) = (await listed(call, sandbox.seed(draft=1))).json["target_groups"]
    assert list(item["statistics"]) == ["progress"]


async def test_only_the_projects_own(sandbox: Sandbox, call: Caller) -> None:
    """A project lists its own target groups, in the order in which they were made."""
    project, _ = sandbox.seed(live=3, draft=2), sandbox.seed(live=3)
    sandbox.seed(project_id=project.id, paused=1)
    assert ids(await listed(call, project)) == project.ids()


@pytest.mark.parametrize(
    ("params", "kept"),
    [
        ({"status": "live"}, [1, 2]),
        ({"status": ["live", "draft"]}, [0, 1, 2]),
        ({"country": "us"}, [0]),
        ({"country": ["us", "fr"]}, [0, 3]),
        ({"language": "eng"}, [0, 1]),
        ({"language": "eng", "status": "live"}, [1]),
        ({"search_string": "GROUP 3"}, [2]),
        ({"name": "group 3"}, [2]),
        ({"search_string": "nothing"}, []),
        ({"target_group_customer_reference_numbers": ["REF-1", "REF-4"]}, [0, 3]),
        ({"exclusion_status": "true"}, []),
        ({"exclusion_status": "false"}, [0, 1, 2, 3]),
    ],
)
async def test_filters(sandbox: Sandbox, call: Caller, params: dict[str, Any], kept: list[int]) -> None:
    """Each filter leaves those that pass it; one that is repeated leaves those that pass any of its values."""
    project = sandbox.seed(draft=1, live=2, completed=1)
    assert ids(await listed(call, project, **params)) == [project.ids()[index] for index in kept]


async def test_filters_by_id(sandbox: Sandbox, call: Caller) -> None:
    """Target groups are found by their short ids, whole or in part, and by their manager's id in any case."""
    project = sandbox.seed(live=3)
    wanted = project.groups[1]
    readable = wanted.settings.human_readable_id
    assert ids(await listed(call, project, human_readable_ids=[readable])) == [wanted.id]
    assert wanted.id in ids(await listed(call, project, search_string=readable[1:].lower()))
    manager = wanted.manager_id.upper()
    assert ids(await listed(call, project, project_manager_id=manager)) == project.ids()
    assert ids(await listed(call, project, project_manager_id=manager.translate(str.maketrans("0123", "4567")))) == []


@pytest.mark.parametrize(
    "params",
    [
        {"status": "Live"},
        {"status": "live,draft"},
        {"country": "US"},
        {"language": "en"},
        {"human_readable_ids": "short"},
        {"target_group_customer_reference_numbers": "a"},
        {"project_manager_id": "ada"},
        {"exclusion_status": "maybe"},
        {"page_size": "0"},
        {"page_size": "101"},
        {"page_size": "ten"},
        {"start_after": "A", "end_before": "B"},
    ],
)
async def test_malformed_filters_are_refused(sandbox: Sandbox, call: Caller, params: dict[str, str]) -> None:
    """A parameter that is not of its form is a 400 that names it."""
    answer = await listed(call, sandbox.seed(live=1), **params)
    assert (answer.status, answer.json["invalid_params"][0]["name"]) == (400, list(params)[-1])


async def test_pages_forwards(sandbox: Sandbox, call: Caller) -> None:
    """Pages follow each other by their cursors until there is none; each says that there is more on either side."""
    project = sandbox.seed(live=25)
    found: list[str] = []
    cursor: dict[str, str] = {}
    sizes: list[int] = []
    while cursor or not sizes:
        answer = await listed(call, project, **cursor)
        sizes.append(len(ids(answer)))
        found += ids(answer)
        assert answer.json["has_more"] is True
        cursor = {"start_after": answer.json["next_cursor"]} if answer.json["next_cursor"] else {}
    assert (sizes, found) == ([10, 10, 5], project.ids())


async def test_pages_backwards(sandbox: Sandbox, call: Caller) -> None:
    """The page before a cursor ends just before it, and names the cursor that leads on."""
    project = sandbox.seed(live=7)
    answer = await listed(call, project, end_before=project.ids()[5], page_size=3)
    assert ids(answer) == project.ids()[2:5]
    assert answer.json["next_cursor"] == project.ids()[4]
    assert answer.json["has_more"] is True
    answer = await listed(call, project, end_before=project.ids()[0], page_size=3)
    assert (ids(answer), answer.json["next_cursor"]) == ([], None)


async def test_pages_of_what_passes(sandbox: Sandbox, call: Caller) -> None:
    """Filters come first, pages after: a page is full as long as enough pass, and the last one names no cursor."""
    project = sandbox.seed(live=8)
    eng_us = project.ids()[::4]
    answer = await listed(call, project, country="us", page_size=1)
    assert (ids(answer), answer.json["next_cursor"]) == (eng_us[:1], eng_us[0])
    answer = await listed(call, project, country="us", page_size=1, start_after=eng_us[0])
    assert (ids(answer), answer.json["next_cursor"]) == (eng_us[1:], None)


async def test_a_group_that_leaves_the_filter_between_pages(sandbox: Sandbox, call: Caller) -> None:
    """A cursor still leads on when the target group that it stands for no longer passes."""
    project = sandbox.seed(live=3)
    first = await listed(call, project, status="live", page_size=1)
    await call.act("pause", project.groups[0])
    answer = await listed(call, project, status="live", start_after=first.json["next_cursor"])
    assert ids(answer) == project.ids()[1:]


async def test_an_unknown_project_is_not_found(sandbox: Sandbox, call: Caller) -> None:
    """The target groups of a project that does not exist are a 404."""
    project = sandbox.seed(live=1)
    path = f"/demand/accounts/101/projects/{project.ids()[0]}/target-groups"
    assert (await call("GET", path)).status == 404


async def test_many_groups_elsewhere_cost_nothing(sandbox: Sandbox, call: Caller) -> None:
    """A page takes no longer for the many target groups of other projects."""
    project = sandbox.seed(live=100)
    for _ in range(100):
        sandbox.seed(live=100)
    began = time.perf_counter()
    for _ in range(100):
        assert len(ids(await listed(call, project, status="live", page_size=1))) == 1
    # It takes a fraction of a second; a scan of all groups for each page would take many.
    assert time.perf_counter() - began < 2
