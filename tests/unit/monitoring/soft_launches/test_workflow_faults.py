"""soft_launch under crashes, lost answers and other users at every request: bounded, and never against others."""

import asyncio
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.soft_launches import FAILING, LIMIT, PASSING, Crash, Interruption, Scene, change_goal

from fieldingkit.errors import FieldingKitError
from fieldingkit.monitoring import SoftLaunchReport
from fieldingkit.sandbox import Sandbox, TargetGroup, TransitionRefusedError, faults

OPERATIONS = [
    "create_or_update_fielding_assistant_assignment",
    "create_launch_fielding_run_from_draft_job",
    "get_launch_fielding_run_from_draft_job",
    "update_profile_filling_goal",
    "pause_fielding_run",
    "resume_fielding_run",
    "get_fielding_run*",
    "get_fielding_assistant_assignment",
    "get_target_group_*",
]
FAULTS: dict[str, Callable[[], faults.Fault]] = {
    "drop after": faults.ApplyThenDrop,
    "drop before": faults.DropBefore,
    "cut off": faults.ResetMidBody,
    "truncated": faults.TruncatedJson,
    "empty": faults.EmptyBody,
    "gateway after": lambda: faults.ApplyThenAnswer(503),
    "gateway before": lambda: faults.Answer(503),
    "not found": lambda: faults.Answer(404),
    "changed": lambda: faults.Answer(412),
}


def there_and_back(_: Sandbox, group: TargetGroup) -> None:
    """Change the status twice, so that it reads as before; only the ETag is another one."""
    for action in ("pause", "resume") if group.status == "live" else ("resume", "pause"):
        group.act(action, by="Ada")


ACTIONS: dict[str, Callable[[Sandbox, TargetGroup], object]] = {
    "pause": lambda _, group: group.act("pause", by="Ada"),
    "resume": lambda _, group: group.act("resume", by="Ada"),
    "complete": lambda _, group: group.act("complete", by="Ada"),
    "there and back": there_and_back,
    "goal": change_goal,
}
REQUESTS = 45
"""More than all requests of a soft launch that is not disturbed."""


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    """Return one sandbox for all examples, each of which has a draft of its own."""
    with Sandbox(job_seconds=0.01) as sandbox:
        yield sandbox


async def finish(scene: Scene, passes: bool) -> SoftLaunchReport:
    """Call until there is a result, and count the completes when it is live."""
    for _ in range(5):
        report = await scene.call(PASSING if passes else FAILING)
        if report.outcome != "waiting":
            return report
        scene.group.completes = LIMIT
    raise AssertionError("it waits for ever")


async def crash_at(sandbox: Sandbox, crashes: list[tuple[int, bool]], passes: bool, has_assistant: bool) -> None:
    """Let calls crash at their requests, check the state after each, and finish."""
    async with Scene(sandbox, has_assistant=has_assistant) as scene:
        for number, is_applied in crashes:
            task = asyncio.ensure_future(finish(scene, passes))
            sandbox.faults.add("*", Crash(number, task, is_applied=is_applied), times=None)
            await asyncio.wait([task])
            scene.calm()
            assert scene.is_bounded or (passes and scene.actions()[-1] == "resume")
        report = await finish(scene, passes)
        assert (report.outcome, scene.group.status) == (("resumed", "live") if passes else ("held", "paused"))
        assert scene.is_limited is not passes
        assert [scene.actions().count(name) for name in ("launch_from_draft", "pause", "resume")] == [
            1,
            has_assistant,  # a goal that is reached pauses it without an action
            passes,
        ]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    crashes=st.lists(st.tuples(st.integers(0, REQUESTS), st.booleans()), min_size=1, max_size=3),
    passes=st.booleans(),
    has_assistant=st.booleans(),
)
def test_a_crash_at_any_request_is_bounded_and_continued(
    shared: Sandbox, crashes: list[tuple[int, bool]], passes: bool, has_assistant: bool
) -> None:
    """After a crash nothing fields without a limit, and the next calls do each missing step once."""
    asyncio.run(crash_at(shared, crashes, passes, has_assistant))


async def interrupt_at(sandbox: Sandbox, number: int, name: str, passes: bool, has_assistant: bool) -> None:
    """Let another user act when a request of the check arrives; check that nothing was done against that."""
    async with Scene(sandbox, has_assistant=has_assistant) as scene:
        await scene.reach()
        seen: list[int] = []

        def act() -> None:
            try:
                ACTIONS[name](sandbox, scene.group)
            except TransitionRefusedError:
                return
            seen.append(len(scene.group.history))

        sandbox.faults.add("*", Interruption(number, act), times=None)
        report = await finish(scene, passes)
        scene.calm()
        if not seen:
            assert report.outcome == ("resumed" if passes else "held")
            return
        # A goal has no ETag: one that is changed after the last read is kept, and the next call names its author.
        final = report if report.outcome == "interrupted" else await scene.call(PASSING if passes else FAILING)
        assert final.outcome == "interrupted"
        assert final.others[0].user_id == scene.group.history[seen[0] - 1].user("")["las_user_id"]
        later = scene.actions(seen[0])
        assert not {"pause", "resume", "complete"} & {*later} or name == "goal"
        if name == "goal":
            is_overwritten = later[:1] == ["update_goal"]  # by the restoration, which was decided before
            assert scene.group.goal == (200 if is_overwritten else 300)
        else:
            assert scene.group.goal in ((200,) if has_assistant else (200, LIMIT))


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    number=st.integers(0, 25), name=st.sampled_from(sorted(ACTIONS)), passes=st.booleans(), has_assistant=st.booleans()
)
@example(number=5, name="there and back", passes=True, has_assistant=True)  # with the pause itself
@example(number=17, name="there and back", passes=True, has_assistant=True)  # with the resume itself
def test_another_user_at_any_request_is_respected(
    shared: Sandbox, number: int, name: str, passes: bool, has_assistant: bool
) -> None:
    """After an action of another user there is none of ours on the run, and their change is named."""
    asyncio.run(interrupt_at(shared, number, name, passes, has_assistant))


async def disturb(sandbox: Sandbox, plan: list[list[tuple[str, str]]], passes: bool, has_assistant: bool) -> None:
    """Call under faults, check each end, and finish without."""
    async with Scene(sandbox, has_assistant=has_assistant) as scene:
        for injected in plan:
            before = len(scene.group.history)
            for operation, name in injected:
                sandbox.faults.add(operation, FAULTS[name]())
            try:
                await finish(scene, passes)
            except FieldingKitError as exc:
                done = [action for action in scene.actions(before) if action != "update_fielding_assistant"]
                assert exc.maybe_applied or not done
            scene.calm()
            assert scene.is_bounded or (passes and scene.actions()[-1] == "resume")
        report = await finish(scene, passes)
        assert report.outcome == ("resumed" if passes else "held")
        assert [scene.actions().count(name) for name in ("launch_from_draft", "pause", "resume")] == [
            1,
            has_assistant,  # a goal that is reached pauses it without an action
            passes,
        ]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    plan=st.lists(
        st.lists(st.tuples(st.sampled_from(OPERATIONS), st.sampled_from(sorted(FAULTS))), max_size=4), max_size=3
    ),
    passes=st.booleans(),
    has_assistant=st.booleans(),
)
def test_lost_answers_are_resolved_by_reading(
    shared: Sandbox, plan: list[list[tuple[str, str]]], passes: bool, has_assistant: bool
) -> None:
    """No error denies what was done, and after all faults each step was done once."""
    asyncio.run(disturb(shared, plan, passes, has_assistant))
