"""Sweep plans: validation, fingerprint and JSON."""

from typing import Any

import attrs
import pytest

from fieldingkit.errors import ConfigurationError, InvalidCommandError
from fieldingkit.resources.target_groups import TargetGroupStatus
from fieldingkit.sweeps import SweepPlan, TargetGroupQuery

P1, P2 = "01BTGNYV6HRNK8K8VKZASZCFP0", "01BTGNYV6HRNK8K8VKZASZCFP1"
A, B, C, D = (f"01BTGNYV6HRNK8K8VKZASZCF{letter}0" for letter in "ABCD")
LIVE, PAUSED = TargetGroupStatus.LIVE, TargetGroupStatus.PAUSED


def a_plan(**changes: Any) -> SweepPlan:
    """Return a plan to pause four target groups of two projects."""
    return SweepPlan(**{"action": "pause", "target_groups": {P1: [A, B], P2: [C, D]}, "run_id": "run", **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"action": "archive"}, "action must be one of pause, resume, complete, relaunch, launch"),
        ({"target_groups": None}, "a plan needs either target_groups or a query"),
        ({"query": TargetGroupQuery()}, "a plan needs either target_groups or a query"),
        ({"target_groups": {"nonsense": [A]}}, "must be an id of 26 capital letters and digits"),
        ({"target_groups": {P1: ["nonsense"]}}, "must be an id of 26 capital letters and digits"),
        ({"target_groups": {P1: []}}, "must not be empty"),
        ({"target_groups": {P1: [A], P2: [B, A]}}, f"target group {A} is listed in two projects"),
        ({"run_id": ""}, "run_id must be 1 to 100 letters"),
        ({"run_id": "a b"}, "run_id must be 1 to 100 letters"),
        ({"chunk_size": 0}, "chunk_size must be at least 1"),
        ({"concurrency": 0}, "concurrency must be at least 1"),
        ({"max_retries": -1}, "max_retries must be at least 0"),
        ({"account_id": "mine"}, "account_id must be the account's number"),
    ],
)
def test_an_invalid_plan_is_refused(changes: dict[str, Any], message: str) -> None:
    """Invalid fields are found and named before anything is sent."""
    with pytest.raises(InvalidCommandError, match=message.replace("(", r"\(")):
        a_plan(**changes)


def test_a_repeated_target_group_is_sent_once() -> None:
    """Repetitions within a project are removed."""
    plan = a_plan(target_groups={P1: [A, B, A]})

    assert plan.target_groups == {P1: (A, B)}


def test_a_plan_without_run_id_gets_a_new_one() -> None:
    """Two plans without a run id are two runs."""
    one, other = (SweepPlan(action="pause", query=TargetGroupQuery()) for _ in range(2))

    assert one.run_id != other.run_id


@pytest.mark.parametrize(
    "plan",
    [
        a_plan(account_id=101, retry_codes=["X"], chunk_size=7, check_status_first=False),
        SweepPlan(
            action="complete",
            query=TargetGroupQuery(project_ids=[P1], status=["live", "paused"], country=["de"], exclusion_status=True),
        ),
    ],
)
def test_a_plan_is_decoded_as_it_was_encoded(plan: SweepPlan) -> None:
    """A plan survives JSON unchanged."""
    account_id = None if plan.account_id is None else str(plan.account_id)
    assert SweepPlan.decode(plan.encode()) == attrs.evolve(plan, account_id=account_id)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"v":1}', '{"v":1,"action":"pause","surprise":1}', '{"v":2}'])
def test_other_text_is_not_decoded_as_a_plan(text: str) -> None:
    """Other content, and a plan of a later release, raise a typed error."""
    with pytest.raises(ConfigurationError, match="sweep plan"):
        SweepPlan.decode(text)


def test_the_fingerprint_covers_the_work_but_not_its_pace() -> None:
    """A run can be resumed with another concurrency, but not with other target groups."""
    plan = a_plan(account_id=101)

    assert attrs.evolve(plan, concurrency=1, job_timeout=5.0, account_id="101").fingerprint == plan.fingerprint
    assert attrs.evolve(plan, target_groups={P1: [A]}).fingerprint != plan.fingerprint
    assert attrs.evolve(plan, action="complete").fingerprint != plan.fingerprint
    assert attrs.evolve(plan, chunk_size=5).fingerprint != plan.fingerprint


def test_the_fingerprint_does_not_depend_on_order() -> None:
    """The same ids and filters in another order are the same work."""
    named = SweepPlan(action="pause", target_groups={P1: [A, B], P2: [C]})
    found = SweepPlan(action="pause", query=TargetGroupQuery(status=["live", "paused"], country=["us", "de"]))

    assert attrs.evolve(named, target_groups={P2: [C], P1: [B, A]}).fingerprint == named.fingerprint
    query = TargetGroupQuery(status=["paused", "live"], country=["de", "us"])
    assert attrs.evolve(found, query=query).fingerprint == found.fingerprint
    assert attrs.evolve(found, query=TargetGroupQuery(country=["us", "de"])).fingerprint != found.fingerprint
