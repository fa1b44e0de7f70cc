"""The list of a sweep: the request of ``ListTargetGroups``, with only ids, names and statuses decoded."""

import json
from typing import Any

import pytest
from multidict import CIMultiDict

from fieldingkit.codec import decode, encode
from fieldingkit.commands import Command
from fieldingkit.errors import DecodeError
from fieldingkit.resources.target_groups import ListTargetGroups
from fieldingkit.sweeps import TargetGroupQuery
from fieldingkit.sweeps.listing import ListedTargetGroups, statuses_only
from fieldingkit.transport.http import Call, Request, Response
from tests.support.fake_clock import FakeClock

PROJECT = "01BTGNYV6HRNK8K8VKZASZCFP0"
GROUP = {"id": "01BTGNYV6HRNK8K8VKZASZCFG0", "name": "Adults", "status": "live"}
QUERY = TargetGroupQuery(status=["live", "paused"], country=["de"], search_string="Adults", exclusion_status=True)


def request_of(command: Command[Any]) -> Request:
    """Return the request of a command."""
    return encode(command, account_id="101", headers={})


def decoded(*groups: dict[str, Any]) -> ListedTargetGroups:
    """Return the page that a response with these target groups is decoded to."""
    command = statuses_only(ListTargetGroups(project_id=PROJECT))
    body = json.dumps({"target_groups": groups, "has_more": True, "next_cursor": "c"}).encode()
    page = decode(Call(request_of(command), command, clock=FakeClock()), Response(200, CIMultiDict(), body))
    assert isinstance(page, ListedTargetGroups)
    return page


def test_the_request_is_that_of_the_whole_list() -> None:
    """Path, filters and operation do not depend on what is decoded."""
    command = QUERY.list_target_groups(None, PROJECT)

    ours, whole = request_of(statuses_only(command)), request_of(command)
    assert (ours.method, ours.target, ours.headers) == (whole.method, whole.target, whole.headers)
    assert (ours.operation_id, ours.template) == (whole.operation_id, whole.template)


def test_a_page_has_ids_names_and_statuses() -> None:
    """Everything else is left out, and may be invalid."""
    page = decoded({**GROUP, "human_readable_id": "V6HRNK8", "statistics": "none", "created_at": 1})

    (group,) = page
    assert (group.id, group.name, group.status) == (GROUP["id"], "Adults", "live")
    assert group.human_readable_id == "V6HRNK8"
    assert page.next_cursor == "c"


def test_a_status_that_is_new_to_this_release_is_kept() -> None:
    """The API may add statuses."""
    (group,) = decoded({**GROUP, "status": "frozen", "human_readable_id": None})

    assert group.status == "frozen"
    assert not group.status.known
    assert group.human_readable_id is None


@pytest.mark.parametrize("name", ["id", "name", "status"])
@pytest.mark.parametrize("value", [None, 5])
def test_a_target_group_that_cannot_be_told_from_others_is_an_error(name: str, value: object) -> None:
    """The error names the place in the response."""
    with pytest.raises(DecodeError, match="does not match the contract") as caught:
        decoded(GROUP, {**GROUP, name: value})

    assert caught.value.path == f"$.target_groups[1].{name}"


def test_a_short_id_that_is_no_text_is_left_out() -> None:
    """It is for people; the sweep does without."""
    page = decoded({**GROUP, "human_readable_id": 7})

    assert page[0].human_readable_id is None
    assert page.undecoded == ("$.target_groups[0].human_readable_id",)
