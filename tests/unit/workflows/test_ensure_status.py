"""``ensure_status``: read, decide, act; and decide again from the fresh state, never blindly."""

import pytest

from fieldingkit import AsyncClient, Client
from fieldingkit.errors import (
    AmbiguousOutcomeError,
    InvalidStateError,
    NotFoundError,
    PreconditionFailedError,
    ServerError,
    StatusUnreachableError,
    TooManyConflictsError,
)
from fieldingkit.resources.fielding_runs import FieldingRunStatus, GetFieldingRun
from fieldingkit.sandbox import Sandbox, TargetGroup, faults
from fieldingkit.sandbox.model.fielding_runs import BATCH_TRANSITIONS
from fieldingkit.workflows import ensure_status
from fieldingkit.workflows.runs import reachable_from


def seeded(sandbox: Sandbox, status: str, **more: bool) -> tuple[TargetGroup, GetFieldingRun]:
    """One target group in a status, and the command that reads its run."""
    project = sandbox.seed(**{status: 1}, **more)
    group = project.groups[0]
    assert group.run is not None
    read = GetFieldingRun(project_id=project.id, target_group_id=group.id, fielding_run_id=group.run.id)
    return group, read


def writes(sandbox: Sandbox) -> int:
    """How many requests arrived that could change something."""
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
async def test_one_action_leads_there(sandbox: Sandbox, client: AsyncClient, present: str, wanted: str) -> None:
    """A status that one action leads to is reached by it, with the tag of the run as it was read."""
    group, read = seeded(sandbox, present)
    outcome = await ensure_status(client, read, wanted)
    assert (outcome.status, outcome.changed, outcome.before.status) == (wanted, True, present)
    assert group.status == wanted
    assert group.run is not None
    assert outcome.etag == group.run.etag
    assert writes(sandbox) == 1


async def test_already_there_is_success(sandbox: Sandbox, client: AsyncClient) -> None:
    """24. A run that is where it should be is left alone, and that is success."""
    _, read = seeded(sandbox, "paused")
    outcome = await ensure_status(client, read, "paused")
    assert (outcome.status, outcome.changed) == ("paused", False)
    assert writes(sandbox) == 0


@pytest.mark.parametrize(
    ("present", "wanted"), [("scheduled", "paused"), ("completed", "paused"), ("live", "scheduled")]
)
async def test_out_of_reach_is_said(sandbox: Sandbox, client: AsyncClient, present: str, wanted: str) -> None:
    """A status that no single action leads to is an error that says which ones do, and nothing is done."""
    _, read = seeded(sandbox, present)
    with pytest.raises(StatusUnreachableError) as caught:
        await ensure_status(client, read, wanted)
    assert caught.value.status == present
    assert caught.value.reachable == reachable_from(FieldingRunStatus(present))
    assert wanted in str(caught.value)
    assert writes(sandbox) == 0


async def test_a_conflict_is_decided_again(sandbox: Sandbox, client: AsyncClient) -> None:
    """24. On a 412 the run is read again, and the action sent with the fresh tag."""
    group, read = seeded(sandbox, "live")
    sandbox.faults.add("pause_fielding_run", faults.ChangeEtag())
    outcome = await ensure_status(client, read, "paused")
    assert [type(conflict) for conflict in outcome.conflicts] == [PreconditionFailedError]
    assert outcome.changed
    assert group.status == "paused"


async def test_somebody_else_was_faster(sandbox: Sandbox, client: AsyncClient) -> None:
    """24. A run that somebody else brought there meanwhile is success, without another action and not as our change."""
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
    """24. It begins anew ``max_conflicts`` times at most; the error lists every conflict."""
    group, read = seeded(sandbox, "live")
    sandbox.faults.add("pause_fielding_run", faults.ChangeEtag(), times=None)
    with pytest.raises(TooManyConflictsError) as caught:
        await ensure_status(client, read, "paused", max_conflicts=2)
    assert [conflict.status for conflict in caught.value.conflicts] == [412, 412, 412]
    assert not caught.value.maybe_applied
    assert group.status == "live"


async def test_a_lost_answer_is_verified(sandbox: Sandbox, client: AsyncClient) -> None:
    """23. The pause is applied, its answer lost, the repetition refused with 412: one more read, and success."""
    group, read = seeded(sandbox, "live")
    sandbox.faults.add("pause_fielding_run", faults.ApplyThenDrop())
    outcome = await ensure_status(client, read, "paused")
    (conflict,) = outcome.conflicts
    assert isinstance(conflict, PreconditionFailedError)
    assert conflict.maybe_applied
    assert outcome.changed
    assert [change.action for change in group.history] == ["pause"]


async def test_a_doubtful_outcome_that_was_none_is_acted_upon(sandbox: Sandbox, client: AsyncClient) -> None:
    """After an ambiguous outcome the run is read; if nothing was done, the action is sent again."""
    group, read = seeded(sandbox, "live")
    sandbox.faults.add("pause_fielding_run", faults.DropBefore(), times=2)
    outcome = await ensure_status(client, read, "paused")
    assert [type(conflict) for conflict in outcome.conflicts] == [AmbiguousOutcomeError]
    assert [change.action for change in group.history] == ["pause"]


async def test_a_failing_read_does_not_hide_the_doubt(sandbox: Sandbox, client: AsyncClient) -> None:
    """When the run cannot be read after an ambiguous action, the error says that it may have been applied."""
    _, read = seeded(sandbox, "live")
    sandbox.faults.add("pause_fielding_run", faults.ApplyThenAnswer(500), times=2)
    sandbox.faults.add("get_fielding_run", faults.ChangeEtag())
    sandbox.faults.add("get_fielding_run", faults.Answer(404), times=None)
    with pytest.raises(NotFoundError) as caught:
        await ensure_status(client, read, "paused")
    assert caught.value.maybe_applied


async def test_what_the_api_does_not_allow_is_raised(sandbox: Sandbox, client: AsyncClient) -> None:
    """A 422 with a tag that fits is the API's no: a run whose goal is reached is not resumed."""
    _, read = seeded(sandbox, "paused", goal_reached=True)
    with pytest.raises(InvalidStateError) as caught:
        await ensure_status(client, read, "live")
    assert not caught.value.maybe_applied
    assert writes(sandbox) == 1


async def test_an_unreadable_run_is_raised(sandbox: Sandbox, client: AsyncClient) -> None:
    """A run that cannot be read is an error before anything is done."""
    _, read = seeded(sandbox, "live")
    sandbox.faults.add("get_fielding_run", faults.Answer(404), times=None)
    with pytest.raises(NotFoundError) as caught:
        await ensure_status(client, read, "paused")
    assert not caught.value.maybe_applied


def test_the_blocking_client_runs_it(sandbox: Sandbox, blocking_client: Client) -> None:
    """A workflow serves the blocking client through ``call``."""
    _, read = seeded(sandbox, "live")
    assert blocking_client.call(ensure_status, read, "paused").changed


async def test_a_server_that_keeps_failing_is_given_up(sandbox: Sandbox, client: AsyncClient) -> None:
    """A doubtful outcome each time ends as too many conflicts that may have been applied."""
    _, read = seeded(sandbox, "live")
    sandbox.faults.add("pause_fielding_run", faults.Answer(500), times=None)
    with pytest.raises(TooManyConflictsError) as caught:
        await ensure_status(client, read, "paused", max_conflicts=1)
    assert all(isinstance(conflict, ServerError) for conflict in caught.value.conflicts)
    assert caught.value.maybe_applied
