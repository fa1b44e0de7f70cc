"""change_profiles: what was not meant is never deleted, and an ambiguous outcome is resolved by reading."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from fieldingkit import AsyncClient, Client
from fieldingkit.errors import (
    BadRequestError,
    ConfigurationError,
    InvalidCommandError,
    UnexpectedDeletionError,
    WorkflowError,
)
from fieldingkit.resources.profiles import (
    AdjustmentType,
    ListProfiles,
    Profile,
    Profiling,
    Quota,
    Range,
    ReplaceProfiles,
    Selection,
    Target,
    TargetGroupProfiles,
)
from fieldingkit.sandbox import Sandbox, TargetGroup, faults
from fieldingkit.workflows import ProfileChange, change_profiles, preview_profiles
from fieldingkit.workflows.profile_difference import difference_of

REPLACE, LIST = "manage_target_group_profiles", "list_profiles"


def cell(percentage: float, *conditions: Any, **members: Any) -> Target:
    """Return a target with a goal in percent."""
    return Target(conditions=conditions, quota=Quota(completes_goal_percentage=percentage), **members)


def gender(option: str) -> Selection:
    """Return a condition on the gender."""
    return Selection(question_id=43, option=option)


def ages(low: int, high: int) -> Range:
    """Return a condition on the age."""
    return Range(question_id=42, min=low, max=high)


GENDER = Profile(name="GENDER", targets=[cell(50, gender("1")), cell(50, gender("2"))])
AGE = Profile(name="AGE", targets=[cell(40, ages(18, 34)), cell(60, ages(35, 64))])
CONTROL = Profile.blended(
    name="Limit", blended_type="control", targets=[cell(10, gender("2"), ages(18, 34), name="young women")]
)


async def seeded(
    sandbox: Sandbox, client: AsyncClient, *profiles: Profile, completes: int = 0
) -> tuple[TargetGroup, ListProfiles]:
    """Return a live target group with these profiles, and the command that lists them."""
    project = sandbox.seed(live=1, completes=0)
    group = project.groups[0]
    read = ListProfiles(project_id=project.id, target_group_id=group.id)
    await client.send(
        ReplaceProfiles(
            project_id=project.id,
            target_group_id=group.id,
            completes_goal=100,
            profiling=Profiling(profiles=profiles),
        )
    )
    group.completes = completes
    return group, read


def uneven(now: TargetGroupProfiles) -> list[Profile]:
    """Return the profiles with other goals for the first one."""
    first, *others = now.profiles
    targets = [
        attrs.evolve(target, quota=Quota(completes_goal_percentage=goal))
        for target, goal in zip(first.targets, (30, 70), strict=True)
    ]
    return [attrs.evolve(first, targets=targets), *others]


def without_first(now: TargetGroupProfiles) -> list[Profile]:
    """Return the profiles without the first one, as a mistake would."""
    return [*now.profiles[1:]]


def without_first_by_name(now: TargetGroupProfiles) -> ProfileChange:
    """Return the profiles without the first one, which is named."""
    return ProfileChange(profiles=now.profiles[1:], deletes=now.profiles[:1])


def writes(sandbox: Sandbox) -> int:
    """Return the number of replacements that reached the API."""
    return sum(request.operation_id == REPLACE for request in sandbox.requests)


def names(group: TargetGroup) -> list[str]:
    """Return the names of all profiles, control profiles included."""
    return [profile["name"] for profile in group.settings.profiles]


async def test_goals_are_changed_and_the_rest_stays(sandbox: Sandbox, client: AsyncClient) -> None:
    """Other goals delete nothing; control profiles are sent along; the difference is those goals."""
    group, read = await seeded(sandbox, client, GENDER, AGE, CONTROL, completes=10)
    outcome = await change_profiles(client, read, uneven, adjustment="percentage", control_profiles=[CONTROL])
    assert outcome.changed
    assert names(group) == ["GENDER", "AGE", "Limit"]
    assert [(one.kind, one.goal_before, one.goal_after, one.completes) for one in outcome.difference] == [
        ("changed", 50, 30, 5),
        ("changed", 50, 70, 5),
    ]
    assert outcome.after == await client.send(read)
    assert str(outcome.difference).startswith("changed: GENDER / Male (goal 50 to 30, 5 completes)")


async def test_nothing_is_sent_if_nothing_changes(sandbox: Sandbox, client: AsyncClient) -> None:
    """The present profiles, with their ids or without, are no change."""
    _, read = await seeded(sandbox, client, GENDER, AGE)
    before = writes(sandbox)
    unnamed = attrs.evolve(GENDER, name=None)
    changes: list[Callable[[TargetGroupProfiles], Any]] = [
        lambda now: now.profiles,
        lambda _: [AGE, GENDER],
        lambda _: [unnamed, AGE],
    ]
    for change in changes:
        outcome = await change_profiles(client, read, change, adjustment="percentage", control_profiles=())
        assert (outcome.changed, len(outcome.difference), outcome.before) == (False, 0, outcome.after)
    assert writes(sandbox) == before


async def test_control_profiles_must_be_given(sandbox: Sandbox, client: AsyncClient) -> None:
    """They are not listed, but deleted if they are left out, so that a change without them is refused."""
    group, read = await seeded(sandbox, client, GENDER, CONTROL)
    with pytest.raises(InvalidCommandError, match=r"control profiles are not listed.*or \(\)"):
        await change_profiles(client, read, uneven, adjustment="percentage")
    assert names(group) == ["GENDER", "Limit"]
    with pytest.raises(InvalidCommandError, match="blended_type control"):
        await change_profiles(client, read, uneven, adjustment="percentage", control_profiles=[AGE])


@pytest.mark.parametrize(
    "change",
    [
        without_first,
        lambda _: [AGE],
        lambda now: [attrs.evolve(now.profiles[0], targets=now.profiles[0].targets[:1]), now.profiles[1]],
        lambda now: [attrs.evolve(now.profiles[0], quotas_enabled=False), now.profiles[1]],
        lambda now: [now.profiles[0], Profile(name="AGE", targets=[cell(100, ages(18, 64))])],
    ],
    ids=["profile", "from scratch", "target", "quotas", "other conditions"],
)
async def test_an_unnamed_deletion_is_refused(
    sandbox: Sandbox, client: AsyncClient, change: Callable[[TargetGroupProfiles], Any]
) -> None:
    """A profile, a target, a quota or other conditions: what is gone and was not named stops the change."""
    group, read = await seeded(sandbox, client, GENDER, AGE)
    before = writes(sandbox)
    with pytest.raises(UnexpectedDeletionError, match="did not name") as caught:
        await change_profiles(client, read, change, adjustment="percentage", control_profiles=())
    assert caught.value.deletions
    assert not caught.value.maybe_applied
    assert (writes(sandbox), names(group)) == (before, ["GENDER", "AGE"])


async def test_a_named_deletion_is_done(sandbox: Sandbox, client: AsyncClient) -> None:
    """A profile stands for all its targets; a target for itself."""
    group, read = await seeded(sandbox, client, GENDER, AGE)
    outcome = await change_profiles(client, read, without_first_by_name, adjustment="percentage", control_profiles=())
    assert names(group) == ["AGE"]
    assert [(one.kind, one.target) for one in outcome.difference] == [("deleted", "Male"), ("deleted", "Female")]

    def wider(now: TargetGroupProfiles) -> ProfileChange:
        (age,) = now.profiles
        young, old = age.targets
        return ProfileChange(
            profiles=[attrs.evolve(age, targets=[cell(40, ages(16, 34)), old])],
            deletes=[young],
        )

    outcome = await change_profiles(client, read, wider, adjustment="percentage", control_profiles=())
    assert [(one.kind, one.target) for one in outcome.difference] == [("deleted", "18 to 34"), ("added", "16 to 34")]


async def test_quotas_with_completes_are_deleted_only_if_that_is_accepted(
    sandbox: Sandbox, client: AsyncClient
) -> None:
    """The name alone is not enough for a quota that has completes."""
    group, read = await seeded(sandbox, client, GENDER, AGE, completes=10)
    with pytest.raises(UnexpectedDeletionError, match=r"5 completes.*it has completes"):
        await change_profiles(client, read, without_first_by_name, adjustment="percentage", control_profiles=())
    assert names(group) == ["GENDER", "AGE"]
    await change_profiles(
        client, read, without_first_by_name, adjustment="percentage", control_profiles=(), accept_completes=True
    )
    assert names(group) == ["AGE"]


async def test_completes_that_arrive_meanwhile_are_seen(sandbox: Sandbox, client: AsyncClient) -> None:
    """The completes of the second reading decide, not those of the first."""
    group, read = await seeded(sandbox, client, GENDER, AGE)

    def change(now: TargetGroupProfiles) -> ProfileChange:
        group.completes = 8
        return without_first_by_name(now)

    with pytest.raises(UnexpectedDeletionError, match="4 completes"):
        await change_profiles(client, read, change, adjustment="percentage", control_profiles=())
    assert names(group) == ["GENDER", "AGE"]


async def test_a_colleague_who_changes_the_profiles_meanwhile_is_not_overwritten(
    sandbox: Sandbox, client: AsyncClient
) -> None:
    """There is no tag: the profiles are read once more, and another user's change stops the write."""
    group, read = await seeded(sandbox, client, GENDER, AGE)

    def change(now: TargetGroupProfiles) -> list[Profile]:
        stored = group.settings.profiling
        assert stored is not None
        renamed = [{**profile, "name": "THEIRS"} for profile in stored["profiles"]]
        group.set_profiling({**stored, "profiles": renamed}, goal=100, at=sandbox.clock.now(), request=0)
        return uneven(now)

    with pytest.raises(WorkflowError, match=r"another user changed the profiles.*nothing was sent") as caught:
        await change_profiles(client, read, change, adjustment="percentage", control_profiles=())
    assert not caught.value.maybe_applied
    assert names(group) == ["THEIRS", "THEIRS"]


@pytest.mark.parametrize(
    "fault", [faults.ApplyThenDrop(), faults.ApplyThenAnswer(500), faults.TruncatedJson(), faults.EmptyBody()]
)
async def test_a_lost_answer_is_found_by_reading(sandbox: Sandbox, client: AsyncClient, fault: faults.Fault) -> None:
    """The write was applied and its answer lost: it is not repeated, and the outcome says so."""
    _, read = await seeded(sandbox, client, GENDER, AGE, CONTROL)
    before = writes(sandbox)
    sandbox.faults.add(REPLACE, fault)
    outcome = await change_profiles(client, read, uneven, adjustment="percentage", control_profiles=[CONTROL])
    assert writes(sandbox) == before + 1
    assert outcome.changed
    assert [conflict.maybe_applied for conflict in outcome.conflicts] == [True]
    first = outcome.after.profiles[0]
    assert [target.quota and target.quota.completes_goal for target in first.targets] == [30, 70]


async def test_a_lost_request_is_not_repeated(sandbox: Sandbox, client: AsyncClient) -> None:
    """The profiles are as before: the error says that, and that the write may yet be applied."""
    group, read = await seeded(sandbox, client, GENDER)
    before = writes(sandbox)
    sandbox.faults.add(REPLACE, faults.Answer(502))
    with pytest.raises(WorkflowError, match="still the former ones; the write may yet be applied") as caught:
        await change_profiles(client, read, uneven, adjustment="percentage", control_profiles=())
    assert caught.value.maybe_applied
    assert (writes(sandbox), names(group)) == (before + 1, ["GENDER"])


async def test_an_outcome_that_cannot_be_read_stays_unclear(sandbox: Sandbox, client: AsyncClient) -> None:
    """If reading fails after a lost answer, the error keeps both and says that it may have been applied."""
    _, read = await seeded(sandbox, client, GENDER)

    class DropAndHide(faults.ApplyThenDrop):
        async def inject(self, exchange: faults.Exchange) -> Any:
            sandbox.faults.add(LIST, faults.Answer(404))
            return await super().inject(exchange)

    sandbox.faults.add(REPLACE, DropAndHide())
    with pytest.raises(WorkflowError, match="could not be read afterwards") as caught:
        await change_profiles(client, read, uneven, adjustment="percentage", control_profiles=())
    assert caught.value.maybe_applied
    assert len(caught.value.conflicts) == 2
    assert str(caught.value).startswith("ReplaceProfiles: ")


async def test_another_name_is_a_change(sandbox: Sandbox, client: AsyncClient) -> None:
    """A profile or target with another name is sent, and named in the difference; a lost answer is found by its ids."""
    group, read = await seeded(sandbox, client, GENDER)

    def renamed(now: TargetGroupProfiles) -> list[Profile]:
        return [attrs.evolve(profile, name="SEX") for profile in now.profiles]

    sandbox.faults.add(REPLACE, faults.ApplyThenDrop())
    outcome = await change_profiles(client, read, renamed, adjustment="percentage", control_profiles=())
    assert [one.kind for one in outcome.difference] == ["changed", "changed"]
    assert names(group) == ["SEX"]
    sandbox.faults.add(REPLACE, faults.Answer(502))
    back = [attrs.evolve(GENDER, name="GENDER")]
    with pytest.raises(WorkflowError, match="still the former ones"):
        await change_profiles(client, read, lambda _: back, adjustment="percentage", control_profiles=())


async def test_an_answer_without_names_is_no_mismatch(sandbox: Sandbox, client: AsyncClient) -> None:
    """The API's own examples lack names: they do not make a successful answer unclear."""
    _, read = await seeded(sandbox, client, GENDER)
    body: dict[str, Any] = {
        "locale": "eng_us",
        "completes_goal": 100,
        "profiles": [
            {
                "object": "regular",
                "id": "NEW",
                "quotas_enabled": True,
                "targets": [
                    {
                        "id": f"NEW{option}",
                        "conditions": [{"object": "selection", "question_id": 43, "option": option}],
                        "quota": {"completes_goal_percentage": goal, "completes_goal": goal, "quota_nominal": goal},
                    }
                    for option, goal in (("1", 30), ("2", 70))
                ],
            }
        ],
    }
    sandbox.faults.add(REPLACE, faults.ApplyThenAnswer(201, body))
    outcome = await change_profiles(client, read, uneven, adjustment="percentage", control_profiles=())
    assert (outcome.conflicts, outcome.after.profiles[0].id) == ((), "NEW")


async def test_a_cancelled_reading_keeps_the_outcome(sandbox: Sandbox, client: AsyncClient) -> None:
    """A cancellation while the outcome is read says that the profiles may have been replaced."""
    _, read = await seeded(sandbox, client, GENDER)
    is_reading = threading.Event()  # the sandbox has a thread of its own

    class WaitForCancellation(faults.Fault):
        async def inject(self, exchange: faults.Exchange) -> Any:
            is_reading.set()
            return await faults.Hang().inject(exchange)

    class DropAndWait(faults.ApplyThenDrop):
        async def inject(self, exchange: faults.Exchange) -> Any:
            sandbox.faults.add(LIST, WaitForCancellation())
            return await super().inject(exchange)

    sandbox.faults.add(REPLACE, DropAndWait())
    change = change_profiles(client, read, uneven, adjustment="percentage", control_profiles=())
    task = asyncio.ensure_future(change)
    assert await asyncio.to_thread(is_reading.wait, 60)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert any("may have been replaced" in note for note in caught.value.__notes__)


async def test_a_third_state_is_said(sandbox: Sandbox, client: AsyncClient) -> None:
    """After a lost answer, profiles that are neither the former nor the wanted ones are another user's."""
    group, read = await seeded(sandbox, client, GENDER)

    class TheirChange(faults.Fault):
        async def inject(self, exchange: faults.Exchange) -> Any:
            stored = group.settings.profiling
            assert stored is not None
            theirs = {**stored, "profiles": [{**stored["profiles"][0], "id": group.id, "name": "THEIRS"}]}
            with exchange.state.locked() as now:
                group.set_profiling(theirs, goal=100, at=now, request=exchange.index)
            return await faults.Answer(502).inject(exchange)

    sandbox.faults.add(REPLACE, TheirChange())
    with pytest.raises(WorkflowError, match="neither the former nor the wanted") as caught:
        await change_profiles(client, read, uneven, adjustment="percentage", control_profiles=())
    assert caught.value.maybe_applied


async def test_a_refused_change_is_the_api_s_error(sandbox: Sandbox, client: AsyncClient) -> None:
    """Broken rules are named, and nothing was changed."""
    _, read = await seeded(sandbox, client, GENDER)

    def wrong_sum(now: TargetGroupProfiles) -> list[Profile]:
        (profile,) = now.profiles
        targets = [attrs.evolve(target, quota=Quota(completes_goal_percentage=30)) for target in profile.targets]
        return [attrs.evolve(profile, targets=targets)]

    with pytest.raises(BadRequestError, match=r"question 43: incorrect sum of percentage \(009\)") as caught:
        await change_profiles(client, read, wrong_sum, adjustment="percentage", control_profiles=())
    assert not caught.value.maybe_applied


async def test_a_goal_that_would_not_be_sent_is_refused(sandbox: Sandbox, client: AsyncClient) -> None:
    """A change of numbers with the adjustment by percentage would be lost without a word."""
    _, read = await seeded(sandbox, client, GENDER)

    def by_number(now: TargetGroupProfiles) -> list[Profile]:
        (profile,) = now.profiles
        targets = [
            attrs.evolve(target, quota=target.quota and attrs.evolve(target.quota, completes_goal=goal))
            for target, goal in zip(profile.targets, (30, 70), strict=True)
        ]
        return [attrs.evolve(profile, targets=targets)]

    with pytest.raises(InvalidCommandError, match="completes_goal of Male, which is not sent"):
        await change_profiles(client, read, by_number, adjustment="percentage", control_profiles=())
    outcome = await change_profiles(client, read, by_number, adjustment="nominal", control_profiles=())
    assert [one.goal_after for one in outcome.difference] == [30, 70]


async def test_unreadable_profiles_are_not_written_back(sandbox: Sandbox, client: AsyncClient) -> None:
    """A part that could not be read would be lost: nothing is sent."""
    _, read = await seeded(sandbox, client, GENDER)
    profile = {"object": "regular", "id": "P", "name": "x", "quotas_enabled": True, "targets": []}
    before = writes(sandbox)
    for change in ({"name": 7}, {"object": "novel"}):
        body = {"locale": "eng_us", "completes_goal": 100, "profiles": [{**profile, **change}]}
        sandbox.faults.add(LIST, faults.Answer(200, body))
        with pytest.raises(WorkflowError, match="unknown, and would be lost"):
            await change_profiles(client, read, uneven, adjustment="percentage", control_profiles=())
    assert writes(sandbox) == before


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda now: None, "change must return profiles, or a ProfileChange; got None"),
        (lambda now: [1], "change must return profiles"),
        (lambda now: now, "change must return profiles"),
        (lambda now: [], "DeleteProfiles"),
        (lambda now: ProfileChange(profiles=now.profiles, deletes=[GENDER]), "as they were read"),
        (
            lambda now: ProfileChange(profiles=now.profiles, deletes=[attrs.evolve(GENDER, id="OTHER")]),
            "not among the profiles: OTHER",
        ),
        (5, "change must be a function"),
    ],
)
async def test_a_change_of_a_wrong_kind_is_refused(
    sandbox: Sandbox, client: AsyncClient, change: Any, problem: str
) -> None:
    """Results that are no profiles, or that name what is not there, are refused by name."""
    _, read = await seeded(sandbox, client, GENDER)
    with pytest.raises(InvalidCommandError, match=problem):
        await change_profiles(client, read, change, adjustment="percentage", control_profiles=())


async def test_arguments_of_a_wrong_kind_are_refused(sandbox: Sandbox, client: AsyncClient) -> None:
    """Client, command and adjustment are checked before anything is sent."""
    _, read = await seeded(sandbox, client, GENDER)
    wrong: Any = None
    with pytest.raises(ConfigurationError, match="client must be an AsyncClient"):
        await change_profiles(wrong, read, uneven, adjustment="percentage", control_profiles=())
    with pytest.raises(InvalidCommandError, match="ListProfiles"):
        await change_profiles(client, wrong, uneven, adjustment="percentage", control_profiles=())
    for adjustment in (None, "absolute", ["nominal"]):
        wrong = adjustment
        with pytest.raises(InvalidCommandError, match="adjustment must be"):
            await change_profiles(client, read, uneven, adjustment=wrong, control_profiles=())


async def test_control_profiles_of_a_wrong_kind_are_refused(sandbox: Sandbox, client: AsyncClient) -> None:
    """The error names the argument."""
    _, read = await seeded(sandbox, client, GENDER)
    for given in (CONTROL, [1], 5):
        wrong: Any = given
        with pytest.raises(InvalidCommandError, match="control_profiles must be profiles"):
            await change_profiles(client, read, uneven, adjustment="percentage", control_profiles=wrong)


def test_equal_targets_are_told_apart() -> None:
    """If the API lists the same conditions twice, one of them less is a deletion."""
    twice = attrs.evolve(GENDER, targets=[*GENDER.targets, GENDER.targets[0]])
    found = difference_of([twice], [GENDER], AdjustmentType.PERCENTAGE, frozenset())
    assert [one.kind for one in found] == ["deleted"]


async def test_a_preview_sends_nothing(sandbox: Sandbox, client: AsyncClient) -> None:
    """It returns the difference and all reasons for which the change would be refused."""
    _, read = await seeded(sandbox, client, GENDER, AGE, completes=10)
    before = writes(sandbox)
    preview = await preview_profiles(client, read, without_first, adjustment="percentage")
    assert [(one.kind, one.completes) for one in preview.difference] == [("deleted", 5), ("deleted", 5)]
    assert [surprise.rpartition(": ")[2] for surprise in preview.surprises[:2]] == ["the change did not name it"] * 2
    assert "control profiles are not listed" in preview.surprises[2]
    named = await preview_profiles(
        client, read, without_first_by_name, adjustment="percentage", control_profiles=(), accept_completes=True
    )
    assert named.surprises == ()
    assert len(named.difference.rows()) == 2
    assert writes(sandbox) == before


def test_the_blocking_client_changes_profiles(sandbox: Sandbox, blocking_client: Client) -> None:
    """The workflow runs through ``call``."""
    project = sandbox.seed(live=1, completes=0)
    read = ListProfiles(project_id=project.id, target_group_id=project.groups[0].id)
    outcome = blocking_client.call(
        change_profiles, read, lambda _: [GENDER], adjustment="percentage", control_profiles=()
    )
    assert [one.kind for one in outcome.difference] == ["added", "added"]
    assert [profile.name for profile in outcome.after.profiles] == ["GENDER"]
