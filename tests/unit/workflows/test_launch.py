"""launch: checks before the launch, one launch in all, and results that say what was seen."""

import asyncio
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fieldingkit import AsyncClient, Client
from fieldingkit.errors import (
    BadRequestError,
    ConfigurationError,
    DecodeError,
    FieldingKitError,
    ForbiddenError,
    InfeasibleError,
    InvalidCommandError,
    JobFailedError,
    JobTimeoutError,
    NotFoundError,
    TooManyConflictsError,
    WorkflowError,
)
from fieldingkit.resources.fielding_jobs import LaunchFromDraft
from fieldingkit.resources.target_group_drafts import GetTargetGroup
from fieldingkit.sandbox import Sandbox, TargetGroup, faults
from fieldingkit.sandbox.formats import write_timestamp
from fieldingkit.workflows import launch

LAUNCHES = "create_launch_fielding_run_from_draft_job"
JOBS = "get_launch_fielding_run_from_draft_job"
RUNS = "get_fielding_runs_by_target_group_id"
ASKS = "calculate_target_group_feasibility"


def settings_of(sandbox: Sandbox, manager_id: str, **changes: Any) -> dict[str, Any]:
    """Return the settings of a draft that is feasible within ten days; a change of None leaves a setting out."""
    now = sandbox.clock.now()
    settings = {
        "name": "Tea and coffee",
        "business_unit_id": "1234",
        "locale": "eng_us",
        "collects_pii": False,
        "project_manager_id": manager_id,
        "fielding_specification": {
            "start_at": write_timestamp(now),
            "end_at": write_timestamp(now + timedelta(days=10)),
        },
        "completes_goal": 200,
        "expected_length_of_interview_minutes": 10,
        "expected_incidence_rate": 0.2,
        "fielding_assistant_assignment": {},
        "allocations": {
            "open_exchange_allocations": {
                "blocked_supplier_ids": [],
                "exchange_min_percentage": 0,
                "exchange_max_percentage": 100,
                "groups": [],
            }
        },
        "cost_per_interview": {"value": "3.00", "currency_code": "USD"},
        "live_url": "https://survey.example/live",
        "profiling": profiling("percentage", 50, 50),
        **changes,
    }
    return {name: value for name, value in settings.items() if value is not None}


def profiling(adjustment: str, *goals: int) -> dict[str, Any]:
    """Return profiling with one question and a quota for each of its options."""
    name = "completes_goal_percentage" if adjustment == "percentage" else "completes_goal"
    targets = [
        {
            "conditions": [{"object": "selection", "question_id": 43, "option": str(option)}],
            "quota": {name: goal},
            "name": f"Option {option}",
        }
        for option, goal in enumerate(goals, start=1)
    ]
    profile = {"object": "regular", "quotas_enabled": True, "name": "Gender", "targets": targets}
    return {"profile_adjustment_type": adjustment, "profiles": [profile]}


MakeDraft = Callable[..., Any]


@pytest.fixture
def make_draft(sandbox: Sandbox) -> MakeDraft:
    """Return a function that creates a draft: it returns the target group and the command that reads it."""

    async def make(client: AsyncClient, **changes: Any) -> tuple[TargetGroup, GetTargetGroup]:
        project = sandbox.seed(draft=1)
        path = f"/demand/accounts/101/projects/{project.id}/target-groups"
        created = await client.request("POST", path, json=settings_of(sandbox, project.manager_id, **changes))
        group = sandbox.group(created.json()["id"])
        return group, GetTargetGroup(project_id=project.id, target_group_id=group.id)

    return make


def launches(group: TargetGroup) -> int:
    """Return how often a target group was launched."""
    return sum(change.action.startswith("launch") for change in group.history)


def sent(sandbox: Sandbox, operation_id: str) -> list[Any]:
    """Return the requests of an operation."""
    return [request for request in sandbox.requests if request.operation_id == operation_id]


async def test_a_feasible_draft_is_launched_once(sandbox: Sandbox, client: AsyncClient, make_draft: MakeDraft) -> None:
    """Profiles and feasibility are checked first; the result has the run, its ETag, the job and the estimate."""
    group, draft = await make_draft(client)
    done = await launch(client, draft)
    assert group.run is not None
    assert (done.changed, done.run.id, done.run.status, done.run.etag) == (True, group.run.id, "live", group.run.etag)
    assert done.job_id is not None
    assert done.feasibility is not None
    assert done.feasibility.completes_max is not None
    assert done.feasibility.completes_max >= 200
    assert (done.shortfalls, done.conflicts) == ((), ())
    operations = [request.operation_id for request in sandbox.requests if request.method == "POST"]
    assert operations == ["create_target_group", "validate_profiles", ASKS, LAUNCHES]
    assert launches(group) == 1
    assert abs(done.run.end_fielding_at - group.settings.planned_dates[1]) < timedelta(seconds=1)


async def test_what_is_feasible_is_filled_by_the_end(
    sandbox: Sandbox, client: AsyncClient, make_draft: MakeDraft
) -> None:
    """A goal that is just feasible is reached before the end date; one more complete is not feasible."""
    _, draft = await make_draft(client, completes_goal=9000, profiling=None)
    with pytest.raises(InfeasibleError) as caught:
        await launch(client, draft)
    # The estimate is for the days that are left, which are a little fewer for each draft.
    most = caught.value.feasibility.completes_max - 5
    group, draft = await make_draft(client, completes_goal=most, profiling=None)
    await launch(client, draft)
    sandbox.clock.advance(10 * 86_400)
    assert (group.status, group.completes) == ("paused", most)


async def test_an_infeasible_goal_stops_the_launch(
    sandbox: Sandbox, client: AsyncClient, make_draft: MakeDraft
) -> None:
    """The error has the figures, the suggested price and what to do; nothing was launched."""
    group, draft = await make_draft(client, completes_goal=9000)
    with pytest.raises(
        InfeasibleError, match=r"9,000 completes by .* are not feasible: .* to .* are expected"
    ) as caught:
        await launch(client, draft)
    assert "Nothing was launched" in str(caught.value)
    assert "accept_infeasible=True" in str(caught.value)
    assert (caught.value.shortfalls[0].goal, caught.value.maybe_applied) == (9000, False)
    assert [shortfall.target for shortfall in caught.value.shortfalls] == [None, "Option 1", "Option 2"]
    assert str(caught.value.feasibility.suggested_price.value) in str(caught.value)
    assert (group.status, sent(sandbox, LAUNCHES)) == ("draft", [])


async def test_an_infeasible_goal_can_be_accepted(client: AsyncClient, make_draft: MakeDraft) -> None:
    """With accept_infeasible it is launched, and the result lists what will be missing."""
    group, draft = await make_draft(client, completes_goal=9000, profiling=None)
    done = await launch(client, draft, accept_infeasible=True)
    ((target, goal, expected),) = [(item.target, item.goal, item.expected) for item in done.shortfalls]
    assert done.feasibility is not None
    assert (target, goal, expected) == (None, 9000, done.feasibility.completes_max)
    assert group.status == "live"


async def test_a_goal_beyond_what_the_api_estimates_must_be_accepted(
    sandbox: Sandbox, client: AsyncClient, make_draft: MakeDraft
) -> None:
    """The API estimates goals of up to 10,000; a larger one is not said to be feasible."""
    group, draft = await make_draft(client, completes_goal=10_001, profiling=None)
    with pytest.raises(InfeasibleError, match="up to 10,000"):
        await launch(client, draft)
    assert (await launch(client, draft, accept_infeasible=True)).feasibility is None
    assert (group.status, sent(sandbox, ASKS)) == ("live", [])


async def test_an_estimate_without_completes_is_not_called_feasible(
    sandbox: Sandbox, client: AsyncClient, make_draft: MakeDraft
) -> None:
    """An answer with a price alone says nothing of the goal, and stops the launch."""
    group, draft = await make_draft(client)
    body = {"suggested_price": {"value": "3.00", "currency_code": "USD", "currency_scale": 2}}
    sandbox.faults.add(ASKS, faults.Answer(200, body))
    with pytest.raises(InfeasibleError, match="no estimate"):
        await launch(client, draft)
    assert group.status == "draft"


async def test_the_end_of_fielding_decides(client: AsyncClient, make_draft: MakeDraft) -> None:
    """Another end is checked and used; one that has passed is refused by name."""
    group, draft = await make_draft(client, completes_goal=9000, profiling=None)
    now = datetime.now(UTC)
    for wrong in (now - timedelta(days=1), datetime(2036, 1, 1)):
        with pytest.raises(InvalidCommandError) as caught:
            await launch(client, draft, end_fielding_at=wrong)
        assert caught.value.field == "end_fielding_at"
    done = await launch(client, draft, end_fielding_at=now + timedelta(days=300))
    assert done.run.end_fielding_at - now > timedelta(days=299)
    assert group.status == "live"


async def test_invalid_profiles_stop_the_launch(sandbox: Sandbox, client: AsyncClient, make_draft: MakeDraft) -> None:
    """A refusal of the profiles is raised with its reasons before feasibility is asked."""
    group, draft = await make_draft(client)
    sandbox.faults.add("validate_profiles", faults.Answer(400))
    with pytest.raises(BadRequestError):
        await launch(client, draft)
    assert (group.status, sent(sandbox, ASKS)) == ("draft", [])


async def test_a_second_launch_finds_the_first(sandbox: Sandbox, client: AsyncClient, make_draft: MakeDraft) -> None:
    """Repeated, also in another process, the launch is found: nothing is asked or sent again."""
    group, draft = await make_draft(client)
    first = await launch(client, draft)
    again = await launch(client, draft)
    assert (again.changed, again.run, again.job_id, again.feasibility) == (False, first.run, None, None)
    assert (launches(group), len(sent(sandbox, LAUNCHES)), len(sent(sandbox, ASKS))) == (1, 1, 1)


@pytest.mark.parametrize(
    "fault",
    [
        faults.ApplyThenDrop(),
        faults.DropBefore(),
        faults.ApplyThenAnswer(503),
        faults.Answer(409),
        faults.EmptyBody(),
        faults.HtmlPage(),
        faults.Garbage(),
        faults.Redirect("/elsewhere"),
    ],
    ids=lambda fault: type(fault).__name__,
)
async def test_an_unclear_answer_to_the_launch_is_resolved(
    sandbox: Sandbox, sweep_client: AsyncClient, make_draft: MakeDraft, fault: faults.Fault
) -> None:
    """After an answer that says nothing the same key is sent again, or the launch is found; never a second one."""
    group, draft = await make_draft(sweep_client)
    sandbox.faults.add(LAUNCHES, fault, times=1)
    try:
        done = await launch(sweep_client, draft)
    except FieldingKitError as exc:
        assert not exc.maybe_applied
        assert group.status == "draft"
    else:
        assert done.changed
        assert group.status == "live"
    assert len({request.headers["Idempotency-Key"] for request in sent(sandbox, LAUNCHES)}) == 1
    assert launches(group) <= 1


@pytest.mark.parametrize("times", [1, None])
async def test_a_run_that_is_cut_off_is_read_again(
    sandbox: Sandbox, sweep_client: AsyncClient, make_draft: MakeDraft, times: int | None
) -> None:
    """The new run is read again after a response that was cut off; an error never says that nothing was changed."""
    group, draft = await make_draft(sweep_client)
    sandbox.faults.add("get_fielding_run", faults.TruncatedJson(), times=times)
    if times:
        assert (await launch(sweep_client, draft)).changed
    else:
        with pytest.raises(DecodeError) as caught:
            await launch(sweep_client, draft)
        assert caught.value.maybe_applied
        assert "Nothing was changed" not in str(caught.value)
    assert group.status == "live"


async def test_a_launch_whose_answer_was_lost_is_found(
    sandbox: Sandbox, client_without_retries: AsyncClient, make_draft: MakeDraft
) -> None:
    """A job that is accepted without an answer launches the group, which is found or waited for."""
    group, draft = await make_draft(client_without_retries)
    sandbox.faults.add(LAUNCHES, faults.ApplyThenDrop())
    sandbox.faults.add(RUNS, faults.TruncatedJson())
    done = await launch(client_without_retries, draft)
    assert (done.changed, group.status, launches(group)) == (True, "live", 1)
    assert [conflict.maybe_applied for conflict in done.conflicts] == [True]


async def test_a_lost_job_is_read_from_the_group(
    sandbox: Sandbox, sweep_client: AsyncClient, make_draft: MakeDraft
) -> None:
    """A job whose status cannot be read any more has launched the group if the group says so."""
    group, draft = await make_draft(sweep_client)
    sandbox.faults.add(LAUNCHES, faults.JobGone())
    done = await launch(sweep_client, draft)
    assert (done.changed, done.run.status, len(done.conflicts)) == (True, "live", 1)
    assert done.job_id is not None
    assert launches(group) == 1


async def test_a_job_that_takes_too_long_is_not_sent_again(
    sandbox: Sandbox, client: AsyncClient, make_draft: MakeDraft
) -> None:
    """After the timeout the error has the job's token; a later call finds what became of it."""
    group, draft = await make_draft(client)
    sandbox.faults.add(LAUNCHES, faults.StuckJob())
    with pytest.raises(JobTimeoutError) as caught:
        await launch(client, draft, timeout=0.05)
    assert caught.value.token is not None
    assert caught.value.maybe_applied
    assert (group.status, len(sent(sandbox, LAUNCHES))) == ("draft", 1)


async def test_a_colleague_who_launches_first_is_found(
    sandbox: Sandbox, client: AsyncClient, make_draft: MakeDraft
) -> None:
    """If another user launches the draft meanwhile, the own job fails, and the launch is not claimed."""
    group, draft = await make_draft(client)

    class LaunchedByAnother(faults.Fault):
        async def inject(self, exchange: faults.Exchange) -> Any:
            end_at = write_timestamp(sandbox.clock.now() + timedelta(days=5))
            sandbox.answer(
                "POST",
                f"/v1/demand/accounts/101/projects/{group.project_id}/target-groups/{group.id}"
                "/fielding-run-jobs/launch-from-draft",
                {
                    "Authorization": f"Bearer {sandbox.token}",
                    "Cint-API-Version": "2025-12-18",
                    "Content-Type": "application/json",
                    "Idempotency-Key": "theirs",
                },
                json.dumps({"end_fielding_at": end_at}).encode(),
            )
            return await exchange.proceed()

    sandbox.faults.add(LAUNCHES, LaunchedByAnother())
    done = await launch(client, draft)
    assert (done.changed, done.run.status) == (False, "live")
    assert [type(conflict) for conflict in done.conflicts] == [JobFailedError]
    assert launches(group) == 1


async def test_a_launch_in_flight_is_found(client: AsyncClient, make_draft: MakeDraft) -> None:
    """If a process dies after it sent the launch, a repetition finds what its job launches: never a second run."""
    group, draft = await make_draft(client)
    settings = await client.send(draft)
    assert settings.fielding_specification is not None
    await client.submit(
        LaunchFromDraft(
            project_id=draft.project_id,
            target_group_id=draft.target_group_id,
            end_fielding_at=settings.fielding_specification.end_at,
        )
    )
    done = await launch(client, draft)
    assert (done.changed, done.run.status, launches(group)) == (False, "live", 1)


async def test_two_at_once_launch_once(sandbox: Sandbox, client: AsyncClient, make_draft: MakeDraft) -> None:
    """Of two calls at once one launches the group and the other finds it launched."""
    group, draft = await make_draft(client)
    both = await asyncio.gather(launch(client, draft), launch(client, draft))
    assert sorted(done.changed for done in both) == [False, True]
    assert both[0].run == both[1].run
    assert launches(group) == 1


async def test_a_refused_launch_is_raised(sandbox: Sandbox, client: AsyncClient, make_draft: MakeDraft) -> None:
    """A refusal is raised as it is, and nothing is sent again."""
    group, draft = await make_draft(client)
    sandbox.faults.add(LAUNCHES, faults.Answer(403))
    with pytest.raises(ForbiddenError) as caught:
        await launch(client, draft)
    assert (caught.value.maybe_applied, group.status, len(sent(sandbox, LAUNCHES))) == (False, "draft", 1)


async def test_endless_unclear_answers_end(
    sandbox: Sandbox, client_without_retries: AsyncClient, make_draft: MakeDraft
) -> None:
    """More unclear answers than max_conflicts raise an error that lists them and has the key."""
    group, draft = await make_draft(client_without_retries)
    sandbox.faults.add(LAUNCHES, faults.DropBefore(), times=None)
    with pytest.raises(TooManyConflictsError) as caught:
        await launch(client_without_retries, draft, max_conflicts=2, idempotency_key="mine")
    assert (len(caught.value.conflicts), caught.value.idempotency_key) == (3, "mine")
    assert (caught.value.maybe_applied, group.status) == (True, "draft")


@pytest.mark.parametrize(
    ("unclear", "outcomes"),
    [
        (0, "3 launches were sent, all with the same key: 3 refused (409); the target group is still a draft"),
        (1, "key: 2 refused (409) and 1 of unclear outcome; the target group is still a draft"),
        (3, "key: 3 of unclear outcome; the target group is still a draft"),
    ],
)
async def test_refusals_are_not_called_unclear(
    sandbox: Sandbox, client_without_retries: AsyncClient, make_draft: MakeDraft, unclear: int, outcomes: str
) -> None:
    """The error counts refusals apart from unclear outcomes, and may have been applied only because of the latter."""
    group, draft = await make_draft(client_without_retries)
    if unclear:
        sandbox.faults.add(LAUNCHES, faults.DropBefore(), times=unclear)
    sandbox.faults.add(LAUNCHES, faults.Answer(409), times=None)
    with pytest.raises(TooManyConflictsError, match=re.escape(outcomes)) as caught:
        await launch(client_without_retries, draft, max_conflicts=2)
    assert (caught.value.maybe_applied, group.status) == (unclear > 0, "draft")


async def test_a_run_that_cannot_be_read_was_launched(
    sandbox: Sandbox, client: AsyncClient, make_draft: MakeDraft
) -> None:
    """After a completed job an error of the last read says that the launch may have been applied."""
    group, draft = await make_draft(client)
    sandbox.faults.add("get_fielding_run", faults.Answer(403))
    with pytest.raises(ForbiddenError) as caught:
        await launch(client, draft)
    assert caught.value.maybe_applied
    assert group.status == "live"


async def test_a_run_that_is_readable_later_is_waited_for(
    sandbox: Sandbox, sweep_client: AsyncClient, make_draft: MakeDraft
) -> None:
    """A run that cannot be found at once after the job is read again; if it stays away, the error has a note."""
    group, draft = await make_draft(sweep_client)
    sandbox.faults.add("get_fielding_run", faults.Answer(404), times=2)
    assert (await launch(sweep_client, draft)).run.status == "live"
    _, draft = await make_draft(sweep_client)
    sandbox.faults.add("get_fielding_run", faults.Answer(404), times=None)
    with pytest.raises(WorkflowError, match="cannot be read") as caught:
        await launch(sweep_client, draft)
    assert caught.value.maybe_applied
    assert caught.value.__notes__ == [f"The target group {draft.target_group_id} was launched."]
    assert group.status == "live"


async def test_profiles_that_are_not_listed_are_not_called_feasible(
    sandbox: Sandbox, client: AsyncClient, make_draft: MakeDraft
) -> None:
    """A template without its profiles cannot be estimated: an answer for everybody would say nothing."""
    group, draft = await make_draft(client, profiling=None)
    profiling = {"template_id": "b551326b-ac9d-4d32-8823-4f025787dab9", "profile_adjustment_type": "percentage"}
    body = {**(await client.send_detailed(draft)).raw, "profiling": profiling}
    sandbox.faults.add("get_target_group", faults.Answer(200, body), times=None)
    with pytest.raises(InfeasibleError, match="from a template"):
        await launch(client, draft)
    assert (group.status, sent(sandbox, ASKS)) == ("draft", [])
    assert (await launch(client, draft, accept_infeasible=True)).run.status == "live"


async def test_a_result_can_be_stored(
    sandbox: Sandbox, client_without_retries: AsyncClient, make_draft: MakeDraft
) -> None:
    """The result is JSON with everything: the run, the estimate and the failures that were resolved."""
    _, draft = await make_draft(client_without_retries)
    sandbox.faults.add(LAUNCHES, faults.ApplyThenDrop())
    stored = json.loads((await launch(client_without_retries, draft)).to_json())
    assert (stored["run"]["status"], stored["changed"], len(stored["conflicts"])) == ("live", True, 1)
    assert stored["feasibility"]["completes_max"] > 0


async def test_a_group_that_does_not_exist_is_named(client: AsyncClient, make_draft: MakeDraft) -> None:
    """An unknown target group is a 404, and nothing else is sent."""
    _, draft = await make_draft(client)
    with pytest.raises(NotFoundError):
        await launch(client, draft.replace(target_group_id="01BTGNYV6HRNK8K8VKZASZCFP0"))


async def test_an_unreadable_setting_stops_the_launch(
    sandbox: Sandbox, client: AsyncClient, make_draft: MakeDraft
) -> None:
    """A setting that decides the feasibility and cannot be read is named: an estimate without it would be another's."""
    group, draft = await make_draft(client)
    body = {**(await client.send_detailed(draft)).raw, "allocations": 7}
    sandbox.faults.add("get_target_group", faults.Answer(200, body))
    with pytest.raises(WorkflowError, match=r"\$\.allocations"):
        await launch(client, draft)
    assert group.status == "draft"


def test_the_launch_is_blocking_too(sandbox: Sandbox, blocking_client: Client, make_draft: MakeDraft) -> None:
    """The workflow runs with a blocking client."""
    group, draft = blocking_client.call(make_draft)
    assert blocking_client.call(launch, draft).changed
    assert group.status == "live"


async def test_arguments_of_a_wrong_kind_are_refused(client: AsyncClient, sandbox: Sandbox) -> None:
    """A client, a draft or a flag of a wrong kind is refused before anything is sent: "false" is not False."""
    draft = GetTargetGroup(project_id="01BTGNYV6HRNK8K8VKZASZCFP0", target_group_id="01BTGNYV6HRNK8K8VKZASZCFP1")
    wrong: Any = "false"
    with pytest.raises(ConfigurationError, match="client must be"):
        await launch(wrong, draft)
    with pytest.raises(InvalidCommandError, match="GetTargetGroup"):
        await launch(client, wrong)
    for name in ("accept_infeasible", "max_conflicts", "timeout"):
        with pytest.raises(ConfigurationError, match=name):
            await launch(client, draft, **{name: wrong})
    assert not sandbox.requests
