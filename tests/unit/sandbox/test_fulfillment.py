"""The fulfillment API of the sandbox: a status is read, and changed once while the respondent is in the survey."""

import pytest
from support.sandbox_caller import Answer, Caller

from fieldingkit.sandbox import Sandbox
from fieldingkit.sandbox.model.respondents import Respondent
from fieldingkit.sandbox.model.target_groups import TargetGroup

UNKNOWN = "6780395e-94fa-1eb7-612c-d2e19af42758"


@pytest.fixture
def group(sandbox: Sandbox) -> TargetGroup:
    """Return a live target group with 40 of 100 completes, and respondents still in the survey."""
    return sandbox.seed(live=1).groups[0]


def one_with(group: TargetGroup, outcome: str) -> Respondent:
    """Return the first respondent with an outcome."""
    return next(each for each in group.respondents if each.outcome == outcome)


async def read(call: Caller, rid: str) -> Answer:
    """Read the status of a session."""
    sandbox = call.sandbox
    url = f"{sandbox.fulfillment_url}/fulfillment/respondents/{rid}"
    return await call("GET", url, headers={"Authorization": sandbox.fulfillment_key}, without="Cint-API-Version")


async def update(call: Caller, body: object, **headers: str) -> Answer:
    """Send a change of a status."""
    sandbox = call.sandbox
    url = f"{sandbox.fulfillment_url}/fulfillment/respondents/transition"
    headers = {"Authorization": sandbox.fulfillment_key, **headers}
    return await call("POST", url, headers=headers, without="Cint-API-Version", json=body)


@pytest.mark.parametrize(("outcome", "code"), [("drop_off", 1), ("screenout", 2), ("complete", 5)])
async def test_a_session_has_the_code_of_its_outcome(call: Caller, group: TargetGroup, outcome: str, code: int) -> None:
    """The status of a session is the code of its outcome, and 1 while the respondent is in the survey."""
    respondent = one_with(group, outcome)
    answer = await read(call, respondent.rid)
    link = {"href": f"https://survey.example/live?rid={respondent.rid}"}
    assert (answer.status, answer.json) == (200, {"id": respondent.rid, "status": code, "links": [link]})


@pytest.mark.parametrize(
    ("code", "outcome"), [(2, "screenout"), (3, "quota_full"), (4, "quality_terminate"), (5, "complete")]
)
async def test_a_session_in_the_survey_can_end(call: Caller, group: TargetGroup, code: int, outcome: str) -> None:
    """A session that is in the survey takes each of the four final statuses, and the ledger has its origin."""
    respondent = one_with(group, "drop_off")
    answer = await update(call, {"id": respondent.rid, "status": code})
    assert (answer.status, answer.json) == (200, {"id": respondent.rid, "status": code})
    changed = group.respondents[respondent.number - 1]
    assert (changed.outcome, changed.origin) == (outcome, "s2s")
    assert (await read(call, respondent.rid)).json["status"] == code


async def test_a_complete_of_the_survey_host_counts(call: Caller, group: TargetGroup) -> None:
    """A reported complete is one of the target group's completes, and costs its price."""
    completes, cost = group.completes, group.ledger.cost.value
    respondent = one_with(group, "drop_off")
    await update(call, {"id": respondent.rid, "status": 5})
    assert group.completes == completes + 1
    assert group.ledger.cost.value == cost + respondent.cost_per_interview.value


@pytest.mark.parametrize("outcome", ["complete", "screenout"])
@pytest.mark.parametrize("code", [1, 2, 5, 9, "5", None])
async def test_a_final_status_does_not_change(
    call: Caller, group: TargetGroup, outcome: str, code: int | str | None
) -> None:
    """A session that has ended keeps its status: any change is a 422 with the status that it has."""
    respondent = one_with(group, outcome)
    answer = await update(call, {"id": respondent.rid, "status": code})
    assert (answer.status, answer.json) == (422, {"id": respondent.rid, "status": 5 if outcome == "complete" else 2})
    assert group.respondents[respondent.number - 1] == respondent


@pytest.mark.parametrize("code", [0, 1, 6, True, "5", None])
async def test_a_session_ends_with_one_of_the_codes(call: Caller, group: TargetGroup, code: int | str | None) -> None:
    """Any other status is refused, and the session stays in the survey."""
    respondent = one_with(group, "drop_off")
    answer = await update(call, {"id": respondent.rid, "status": code})
    assert (answer.status, answer.json) == (422, {"id": respondent.rid, "status": 1})


@pytest.mark.parametrize("body", [None, [], "text", {}, {"status": 5}, {"id": 5, "status": 5}])
async def test_a_body_without_a_session_is_refused(call: Caller, body: object) -> None:
    """A body that names no session is a 422 that has nothing to say."""
    answer = await update(call, body)
    assert (answer.status, answer.json) == (422, {})


@pytest.mark.parametrize("rid", [UNKNOWN, "x", "%20", "a'b"])
async def test_an_unknown_session_is_a_404_without_a_body(call: Caller, group: TargetGroup, rid: str) -> None:
    """A session that does not exist is a 404 without a body, even if its id is no UUID."""
    assert [(answer.status, answer.body) for answer in (await read(call, rid), await update(call, {"id": rid}))] == [
        (404, b""),
        (404, b""),
    ]


async def test_each_api_has_its_own_credentials(call: Caller, group: TargetGroup) -> None:
    """The fulfillment API takes only its key, without the word Bearer; the Demand API does not take the key."""
    sandbox, rid = call.sandbox, one_with(group, "drop_off").rid
    url = f"{sandbox.fulfillment_url}/fulfillment/respondents/{rid}"
    for refused in (f"Bearer {sandbox.token}", sandbox.token, f"Bearer {sandbox.fulfillment_key}", ""):
        assert (await call("GET", url, headers={"Authorization": refused})).status == 401
    assert (await call("GET", "/accounts", headers={"Authorization": sandbox.fulfillment_key})).status == 401
    assert (await call("GET", f"/fulfillment/respondents/{rid}")).status == 404  # not below /v1


def test_the_key_follows_from_the_seed() -> None:
    """Two sandboxes with one seed have one key, and other seeds have other keys."""
    keys = {Sandbox(seed=seed).fulfillment_key for seed in (1, 1, 2)}
    assert len(keys) == 2
