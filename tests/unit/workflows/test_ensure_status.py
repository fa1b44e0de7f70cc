"""ensure_status: actions, conflicts and ambiguous outcomes."""

import pickle
from typing import Any

import pytest

from fieldingkit import AsyncClient, Client
from fieldingkit.errors import (
    AmbiguousOutcomeError,
    ConfigurationError,
    InvalidStateError,
    NotFoundError,
    PreconditionFailedError,
    ServerError,
    StatusUnreachableError,
    TooManyConflictsError,
    WorkflowError,
)
from fieldingkit.resources.fielding_runs import FieldingRunStatus, GetFieldingRun, PauseFieldingRun
from fieldingkit.sandbox import Sandbox, TargetGroup, faults
from fieldingkit.sandbox.model.fielding_runs import BATCH_TRANSITIONS
from fieldingkit.workflows import ensure_status
from fieldingkit.workflows.runs import reachable_from


def seeded(sandbox: Sandbox, status: str, **more: bool) -> tuple[TargetGroup, GetFieldingRun]:
    """A target group with a status, and the command that reads its run."""
    project = sandbox.seed(**{status: 1}, **more)
    group = project.groups[0]
    assert group.run is not None
    read = GetFieldingRun(project_id=project.id, target_group_id=group.id, fielding_run_id=group.run.id)
    return group, read


def writes(sandbox: Sandbox) -> int:
    """The number of requests that could change something."""
    return sum(request.method != "GET" for request in sandbox.requests)


@pytest.mark.parametrize(
    ("present", "wanted"),
    [
        ("live", "paused"),
        ("paused", "live"),
        ("scheduled", "live"),
        ("completed", "live"),
        ("live", "completed"),
        ("scheduled", "completed"),
    ],
)
async def test_status_needs_one_action(sandbox: Sandbox, client: AsyncClient, present: str, wanted: str) -> None:
    """A status that one action leads to is reached with that action and the run's ETag."""
    group, read = seeded(sandbox, present)
    outcome = await ensure_status(client, read, wanted)
    assert (outcome.status, outcome.changed, outcome.before.status) == (wanted, True, present)
    assert group.status == wanted
    assert group.run is not None
    assert outcome.etag == group.run.etag
    assert writes(sandbox) == 1


async def test_wanted_status_needs_no_action(sandbox: Sandbox, client: AsyncClient) -> None:
    """Nothing is sent for a run that has the wanted status."""
    _, read = seeded(sandbox, "paused")
    outcome = await ensure_status(client, read, "paused")
    assert (outcome.status, outcome.changed) == ("paused", False)
    assert writes(sandbox) == 0


@pytest.mark.parametrize(
    ("present", "wanted"), [("scheduled", "paused"), ("completed", "paused"), ("live", "scheduled")]
)
async def test_unreachable_status_is_refused(sandbox: Sandbox, client: AsyncClient, present: str, wanted: str) -> None:
    """A status that no single action leads to raises, names the reachable ones, and sends nothing."""
    _, read = seeded(sandbox, present)
    with pytest.raises(StatusUnreachableError) as caught:
        await ensure_status(client, read, wanted)
    assert caught.value.status == present
    assert caught.value.reachable == reachable_from(FieldingRunStatus(present))
    assert wanted in str(caught.value)
    assert writes(sandbox) == 0


async def test_conflict_is_resolved_by_reading(sandbox: Sandbox, client: AsyncClient) -> None:
    """After a 412 the run is read again, and the action is sent with the new ETag."""
    group, read = seeded(sandbox, "live")
    sandbox.faults.add("pause_fielding_run", faults.ChangeEtag())
    outcome = await ensure_status(client, read, "paused")
    assert [type(conflict) for conflict in outcome.conflicts] == [PreconditionFailedError]
    assert outcome.changed
    assert group.status == "paused"


async def test_change_by_another_user_is_not_claimed(sandbox: Sandbox, client: AsyncClient) -> None:
    """A status that another user set during the workflow is a success, but not a change."""
    group, read = seeded(sandbox, "live")

    class PausedByAnother(faults.Fault):
        async def inject(self, exchange: faults.Exchange) -> object:
            with exchange.state.locked() as now:
                exchange.state.groups[group.id].apply(BATCH_TRANSITIONS["pause"], at=now, request=exchange.index)
            return await exchange.proceed()

    sandbox.faults.add("pause_fielding_run", PausedByAnother())
    outcome = await ensure_status(client, read, "paused")
    assert (outcome.status, outcome.changed, len(outcome.conflicts)) == ("paused", False, 1)
    assert writes(sandbox) == 1


async def test_too_many_conflicts_are_listed(sandbox: Sandbox, client: AsyncClient) -> None:
    """More than max_conflicts conflicts raise an error that lists every conflict."""
    group, read = seeded(sandbox, "live")
    sandbox.faults.add("pause_fielding_run", faults.ChangeEtag(), times=None)
    with pytest.raises(TooManyConflictsError) as caught:
        await ensure_status(client, read, "paused", max_conflicts=2)
    assert [conflict.status for conflict in caught.value.conflicts] == [412, 412, 412]
    assert not caught.value.maybe_applied
    assert group.status == "live"


async def test_lost_response_is_resolved_by_reading(sandbox: Sandbox, client: AsyncClient) -> None:
    """A pause that was applied, lost its response and got 412 on retry is a success after a read."""
    group, read = seeded(sandbox, "live")
    sandbox.faults.add("pause_fielding_run", faults.ApplyThenDrop())
    outcome = await ensure_status(client, read, "paused")
    (conflict,) = outcome.conflicts
    assert isinstance(conflict, PreconditionFailedError)
    assert conflict.maybe_applied
    assert outcome.changed
    assert [change.action for change in group.history] == ["pause"]


async def test_unapplied_action_is_sent_again(sandbox: Sandbox, client: AsyncClient) -> None:
    """After an ambiguous outcome the action is sent again if the run reads unchanged."""
    group, read = seeded(sandbox, "live")
    sandbox.faults.add("pause_fielding_run", faults.DropBefore(), times=2)
    outcome = await ensure_status(client, read, "paused")
    assert [type(conflict) for conflict in outcome.conflicts] == [AmbiguousOutcomeError]
    assert [change.action for change in group.history] == ["pause"]


@pytest.mark.parametrize("status", [200, 202, 204])
async def test_success_without_an_etag_is_settled_by_one_read(
    sandbox: Sandbox, client: AsyncClient, status: int
) -> None:
    """A success without an ETag is not the API's own: one read shows that the action was done."""
    group, read = seeded(sandbox, "live")
    sandbox.faults.add("pause_fielding_run", faults.ApplyThenAnswer(status))
    outcome = await ensure_status(client, read, "paused")
    assert [request.method for request in sandbox.requests] == ["GET", "POST", "GET"]
    assert [type(conflict) for conflict in outcome.conflicts] == [AmbiguousOutcomeError]
    assert group.run is not None
    assert (outcome.changed, outcome.etag) == (True, group.run.etag)


async def test_normal_success_is_not_read_again(sandbox: Sandbox, client: AsyncClient) -> None:
    """The API's own success has an ETag and costs no further read."""
    _, read = seeded(sandbox, "live")
    await ensure_status(client, read, "paused")
    assert [request.method for request in sandbox.requests] == ["GET", "POST"]


@pytest.mark.parametrize("status", [202, 204])
async def test_empty_success_of_an_action_not_done_is_no_success(
    sandbox: Sandbox, client: AsyncClient, status: int
) -> None:
    """If the run reads as before after each empty success, the outcome is unclear."""
    group, read = seeded(sandbox, "live")
    sandbox.faults.add("pause_fielding_run", faults.Answer(status), times=None)
    with pytest.raises(TooManyConflictsError, match="2 of unclear outcome; the run is live now") as caught:
        await ensure_status(client, read, "paused", max_conflicts=1)
    assert caught.value.maybe_applied
    assert f"the response ({status}) has no ETag" in caught.value.conflicts[0].message
    assert group.status == "live"


async def test_failed_read_keeps_the_ambiguity(sandbox: Sandbox, client: AsyncClient) -> None:
    """The error of a failed read after an ambiguous action says that it may have been applied."""
    _, read = seeded(sandbox, "live")
    sandbox.faults.add("pause_fielding_run", faults.ApplyThenAnswer(500), times=2)
    sandbox.faults.add("get_fielding_run", faults.ChangeEtag())
    sandbox.faults.add("get_fielding_run", faults.Answer(404), times=None)
    with pytest.raises(NotFoundError) as caught:
        await ensure_status(client, read, "paused")
    assert caught.value.maybe_applied
    assert isinstance(caught.value.unclear_command, PauseFieldingRun)
    assert str(caught.value).startswith("GetFieldingRun: 404")
    assert "PauseFieldingRun may have been applied." in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


async def test_failed_confirmation_names_the_action(sandbox: Sandbox, client: AsyncClient) -> None:
    """If the run does not read as wanted after an action, the error names the action that may have been applied."""
    _, read = seeded(sandbox, "live")
    sandbox.faults.add("pause_fielding_run", faults.Answer(204, headers={"ETag": 'W/"2"'}))
    with pytest.raises(WorkflowError) as caught:
        await ensure_status(client, read, "paused", confirm=0.01)
    text = "GetFieldingRun: the run is still live after 0.01 s, not paused. PauseFieldingRun may have been applied."
    assert str(caught.value) == text


async def test_action_that_the_api_refuses_is_raised(sandbox: Sandbox, client: AsyncClient) -> None:
    """A 422 with a current ETag is raised, such as for a run whose goal is reached."""
    _, read = seeded(sandbox, "paused", goal_reached=True)
    with pytest.raises(InvalidStateError) as caught:
        await ensure_status(client, read, "live")
    assert not caught.value.maybe_applied
    assert writes(sandbox) == 1


async def test_unreadable_run_is_raised(sandbox: Sandbox, client: AsyncClient) -> None:
    """A run that cannot be read raises before anything is sent."""
    _, read = seeded(sandbox, "live")
    sandbox.faults.add("get_fielding_run", faults.Answer(404), times=None)
    with pytest.raises(NotFoundError) as caught:
        await ensure_status(client, read, "paused")
    assert not caught.value.maybe_applied


@pytest.mark.parametrize("options", [{"confirm": "5"}, {"max_conflicts": -1}, {"max_conflicts": 1.5}])
async def test_impossible_option_is_refused_first(
    sandbox: Sandbox, client: AsyncClient, options: dict[str, Any]
) -> None:
    """An option that is not possible is refused by its name before anything is sent."""
    _, read = seeded(sandbox, "live")
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        await ensure_status(client, read, "paused", **options)
    assert list(sandbox.requests) == []


def test_blocking_client_ensures_a_status(sandbox: Sandbox, blocking_client: Client) -> None:
    """The blocking client runs ensure_status with call."""
    _, read = seeded(sandbox, "live")
    assert blocking_client.call(ensure_status, read, "paused").changed


async def test_repeated_ambiguous_outcomes_are_raised(sandbox: Sandbox, client: AsyncClient) -> None:
    """Repeated ambiguous outcomes raise TooManyConflictsError that may have been applied."""
    _, read = seeded(sandbox, "live")
    sandbox.faults.add("pause_fielding_run", faults.Answer(500), times=None)
    with pytest.raises(TooManyConflictsError) as caught:
        await ensure_status(client, read, "paused", max_conflicts=1)
    assert all(isinstance(conflict, ServerError) for conflict in caught.value.conflicts)
    assert caught.value.maybe_applied
