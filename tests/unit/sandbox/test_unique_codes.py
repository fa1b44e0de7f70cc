"""Unique codes of the sandbox: uploads, their numbers, and respondents who take them."""

from typing import Any

import pytest
from support.sandbox_caller import Answer, Caller, one

from fieldingkit.sandbox import Sandbox, TargetGroup

CODES = "/demand/accounts/101/target-groups/{group}/respondent-unique-codes/{kind}"


@pytest.fixture
def group(sandbox: Sandbox) -> TargetGroup:
    """Return a live target group without respondents."""
    return one(sandbox, "live", completes=0)


async def upload(call: Caller, group: TargetGroup, codes: object, kind: str = "live") -> Answer:
    """Upload codes."""
    body = {"respondent_unique_codes": codes}
    return await call("POST", CODES.format(group=group.id, kind=kind), json=body)


async def statistics(call: Caller, group: TargetGroup, kind: str = "live") -> Any:
    """Return the numbers of codes."""
    return (await call("GET", CODES.format(group=group.id, kind=kind) + "/stats")).json


async def test_only_new_codes_are_counted(call: Caller, group: TargetGroup) -> None:
    """White space is left out, and a code that is known already is ignored; test codes are apart."""
    assert (await upload(call, group, ["a", " b ", "a"])).json == {"uploaded_count": 2}
    assert (await upload(call, group, ["b", "c"])).json == {"uploaded_count": 1}
    assert await statistics(call, group) == {"total_count": 3, "unconsumed_count": 3}
    assert await statistics(call, group, "test") == {"total_count": 0, "unconsumed_count": 0}


async def test_respondents_take_codes_until_there_are_none(call: Caller, group: TargetGroup) -> None:
    """Each entrant after the upload takes one: five for two completes."""
    group.completes = 2
    await upload(call, group, [f"code-{number}" for number in range(8)])
    assert (await statistics(call, group))["unconsumed_count"] == 8
    group.completes = 4
    assert await statistics(call, group) == {"total_count": 8, "unconsumed_count": 3}
    group.completes = 8
    assert await statistics(call, group) == {"total_count": 8, "unconsumed_count": 0}


async def test_deleting_unconsumed_codes_pauses_a_live_target_group(call: Caller, group: TargetGroup) -> None:
    """Consumed codes stay; without live codes the target group cannot go on."""
    await upload(call, group, ["a", "b", "c"])
    group.completes = 1
    answer = await call("DELETE", CODES.format(group=group.id, kind="live") + "/unconsumed")
    assert (answer.status, answer.body) == (204, b"")
    assert await statistics(call, group) == {"total_count": 2, "unconsumed_count": 0}
    assert group.status == "paused"


async def test_deleting_test_codes_changes_nothing_else(call: Caller, group: TargetGroup) -> None:
    """The target group stays live, with its live codes."""
    await upload(call, group, ["a"])
    await upload(call, group, ["t"], "test")
    await call("DELETE", CODES.format(group=group.id, kind="test") + "/unconsumed")
    assert (await statistics(call, group, "test"))["total_count"] == 0
    assert (await statistics(call, group))["total_count"] == 1
    assert group.status == "live"


@pytest.mark.parametrize("codes", [None, [], ["a b"], [""], ["a" * 129], [7], ["x"] * 20_001], ids=lambda _: "codes")
async def test_malformed_codes_are_refused_as_a_whole(call: Caller, group: TargetGroup, codes: object) -> None:
    """A 400 names the member; none of the codes is added."""
    answer = await upload(call, group, codes)
    assert answer.status == 400
    assert [param["name"] for param in answer.json["invalid_params"]] == ["respondent_unique_codes"]
    assert (await statistics(call, group))["total_count"] == 0


async def test_codes_of_an_unknown_target_group_are_not_found(call: Caller, sandbox: Sandbox) -> None:
    """A target group of another account is unknown as well."""
    other = sandbox.seed(live=1, account_id=202).groups[0]
    for path in (CODES.format(group=other.id, kind="live"), CODES.format(group="0" * 26, kind="live")):
        assert (await call("GET", path + "/stats")).status == 404
