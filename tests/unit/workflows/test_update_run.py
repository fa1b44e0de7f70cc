"""update_run: changed dates, conflicts and ambiguous outcomes."""

from datetime import timedelta

import attrs
import pytest

from fieldingkit import AsyncClient, Client
from fieldingkit.errors import (
    AmbiguousOutcomeError,
    InvalidCommandError,
    InvalidStateError,
    PreconditionFailedError,
    TooManyConflictsError,
)
from fieldingkit.resources.fielding_runs import FieldingRun, GetFieldingRun
from fieldingkit.sandbox import Sandbox, TargetGroup, faults
from fieldingkit.workflows import update_run

DAY = timedelta(days=1)


def a_day_longer(run: FieldingRun) -> FieldingRun:
    """The run with its end one day later."""
    return attrs.evolve(run, end_fielding_at=run.end_fielding_at + DAY)


def seeded(sandbox: Sandbox, status: str = "live") -> tuple[TargetGroup, GetFieldingRun]:
    """A target group with a status, and the command that reads its run."""
    project = sandbox.seed(**{status: 1})
    group = project.groups[0]
    assert group.run is not None
    return group, GetFieldingRun(project_id=project.id, target_group_id=group.id, fielding_run_id=group.run.id)


async def test_live_run_is_extended(sandbox: Sandbox, client: AsyncClient) -> None:
    """A live run gets a later end and keeps its start in the past."""
    group, read = seeded(sandbox)
    before = await client.send(read)
    outcome = await update_run(client, read, a_day_longer)
    after = await client.send(read)
    assert outcome.changed
    assert (after.start_fielding_at, after.end_fielding_at) == (before.start_fielding_at, before.end_fielding_at + DAY)
    assert (outcome.end_fielding_at, outcome.etag) == (after.end_fielding_at, after.etag)
    assert len(group.history) == 1


async def test_unchanged_dates_send_nothing(sandbox: Sandbox, client: AsyncClient) -> None:
    """Nothing is sent if the function returns the dates unchanged."""
    group, read = seeded(sandbox)
    outcome = await update_run(client, read, lambda run: run)
    assert not outcome.changed
    assert not group.history


async def test_conflict_calls_the_function_again(sandbox: Sandbox, client: AsyncClient) -> None:
    """After a 412 the function is called again with the run as it is now."""
    _, read = seeded(sandbox)
    asked: list[int] = []

    def change(run: FieldingRun) -> FieldingRun:
        asked.append(run.version)
        return a_day_longer(run)

    sandbox.faults.add("update_fielding_run", faults.ChangeEtag())
    outcome = await update_run(client, read, change)
    assert asked == [1, 2]
    assert outcome.end_fielding_at == outcome.before.end_fielding_at + DAY


@pytest.mark.parametrize("fault", [faults.ApplyThenDrop(), faults.ApplyThenAnswer(500), faults.TruncatedJson()])
async def test_day_is_never_added_twice(sandbox: Sandbox, client: AsyncClient, fault: faults.Fault) -> None:
    """A change whose response was lost is found by reading and not applied again."""
    group, read = seeded(sandbox)
    sandbox.faults.add("update_fielding_run", fault)
    outcome = await update_run(client, read, a_day_longer)
    after = await client.send(read)
    assert outcome.changed
    assert after.end_fielding_at == outcome.before.end_fielding_at + DAY
    assert len(group.history) == 1


async def test_write_that_is_applied_late_is_not_repeated(sandbox: Sandbox, client: AsyncClient) -> None:
    """A 412 after an ambiguous write keeps the ambiguity: if the dates read as wanted, the write was applied."""
    group, read = seeded(sandbox)
    before = await client.send(read)

    class AppliedBefore(faults.Fault):
        """The lost write arrives just before this one, whose ETag is then out of date."""

        async def inject(self, exchange: faults.Exchange) -> object:
            run = group.run
            assert run is not None
            with exchange.state.locked() as now:
                theirs = exchange.state.groups[group.id]
                theirs.reschedule(run.start_at, run.end_at + DAY, at=now, request=exchange.index)
            return await exchange.proceed()

    sandbox.faults.add("update_fielding_run", faults.DropBefore(), times=2)
    sandbox.faults.add("update_fielding_run", AppliedBefore())
    outcome = await update_run(client, read, a_day_longer)
    after = await client.send(read)
    assert [type(conflict) for conflict in outcome.conflicts] == [AmbiguousOutcomeError, PreconditionFailedError]
    assert after.end_fielding_at == before.end_fielding_at + DAY
    assert outcome.changed


async def test_write_repeated_by_a_gateway_is_applied_once(sandbox: Sandbox, client: AsyncClient) -> None:
    """A gateway sends a write twice, and returns the 412 of the second: the dates show that the first was applied."""
    _, read = seeded(sandbox)

    class SentTwice(faults.Fault):
        async def inject(self, exchange: faults.Exchange) -> object:
            await exchange.proceed()
            return await exchange.proceed()

    sandbox.faults.add("update_fielding_run", SentTwice())
    outcome = await update_run(client, read, a_day_longer)
    after = await client.send(read)
    assert [type(conflict) for conflict in outcome.conflicts] == [PreconditionFailedError]
    assert outcome.changed
    assert (outcome.end_fielding_at, outcome.etag) == (after.end_fielding_at, after.etag)
    assert after.end_fielding_at == outcome.before.end_fielding_at + DAY
    assert [request.method for request in sandbox.requests].count("PUT") == 1


async def test_equal_change_of_another_user_is_not_added_to(sandbox: Sandbox, client: AsyncClient) -> None:
    """Dates that another user set exactly as sent are the wanted ones, and count as a change by this workflow."""
    group, read = seeded(sandbox)

    class MovedByAnother(faults.Fault):
        async def inject(self, exchange: faults.Exchange) -> object:
            run = group.run
            assert run is not None
            with exchange.state.locked() as now:
                theirs = exchange.state.groups[group.id]
                theirs.reschedule(run.start_at, run.end_at + DAY, at=now, request=exchange.index)
            return await exchange.proceed()

    sandbox.faults.add("update_fielding_run", MovedByAnother())
    outcome = await update_run(client, read, a_day_longer)
    assert (outcome.changed, len(outcome.conflicts)) == (True, 1)
    assert outcome.end_fielding_at == outcome.before.end_fielding_at + DAY
    assert len(group.history) == 1


async def test_unapplied_write_is_sent_again(sandbox: Sandbox, client: AsyncClient) -> None:
    """After an ambiguous outcome the write is sent again if the dates read unchanged."""
    group, read = seeded(sandbox)
    sandbox.faults.add("update_fielding_run", faults.DropBefore(), times=2)
    outcome = await update_run(client, read, a_day_longer)
    assert [type(conflict) for conflict in outcome.conflicts] == [AmbiguousOutcomeError]
    assert len(group.history) == 1


@pytest.mark.parametrize("status", [202, 204])
async def test_empty_success_is_settled_by_one_read(sandbox: Sandbox, client: AsyncClient, status: int) -> None:
    """After a success without an ETag one read shows that the dates were changed; the day is not added twice."""
    group, read = seeded(sandbox)
    sandbox.faults.add("update_fielding_run", faults.ApplyThenAnswer(status))
    outcome = await update_run(client, read, a_day_longer)
    assert [request.method for request in sandbox.requests] == ["GET", "PUT", "GET"]
    assert [type(conflict) for conflict in outcome.conflicts] == [AmbiguousOutcomeError]
    assert outcome.changed
    assert len(group.history) == 1


async def test_empty_success_of_a_change_not_made_is_no_success(sandbox: Sandbox, client: AsyncClient) -> None:
    """If the dates read as before after each empty success, the outcome is unclear."""
    group, read = seeded(sandbox)
    sandbox.faults.add("update_fielding_run", faults.Answer(202), times=None)
    with pytest.raises(TooManyConflictsError, match="2 of unclear outcome") as caught:
        await update_run(client, read, a_day_longer, max_conflicts=1)
    assert caught.value.maybe_applied
    assert not group.history


async def test_dates_of_another_user_keep_the_ambiguity(sandbox: Sandbox, client: AsyncClient) -> None:
    """An ambiguous outcome is raised if the dates read neither as before nor as wanted."""
    group, read = seeded(sandbox)

    class MovedByAnother(faults.Fault):
        async def inject(self, exchange: faults.Exchange) -> object:
            run = group.run
            assert run is not None
            with exchange.state.locked() as now:
                theirs = exchange.state.groups[group.id]
                theirs.reschedule(run.start_at, run.end_at + 7 * DAY, at=now, request=exchange.index)
            return await faults.DropBefore().inject(exchange)

    sandbox.faults.add("update_fielding_run", MovedByAnother(), times=2)
    with pytest.raises(AmbiguousOutcomeError):
        await update_run(client, read, a_day_longer)


async def test_only_dates_can_be_changed(sandbox: Sandbox, client: AsyncClient) -> None:
    """A function that changes anything but dates is refused before anything is sent."""
    group, read = seeded(sandbox)
    with pytest.raises(InvalidCommandError) as caught:
        await update_run(client, read, lambda run: attrs.evolve(run, version=7))
    assert caught.value.field == "change"
    assert not group.history


async def test_refused_change_is_raised(sandbox: Sandbox, client: AsyncClient) -> None:
    """A change that the API does not allow is raised, such as of a completed run."""
    _, read = seeded(sandbox, "completed")
    with pytest.raises(InvalidStateError):
        await update_run(client, read, a_day_longer)


async def test_too_many_conflicts_are_listed(sandbox: Sandbox, client: AsyncClient) -> None:
    """More than max_conflicts conflicts raise an error that lists every conflict."""
    _, read = seeded(sandbox)
    sandbox.faults.add("update_fielding_run", faults.ChangeEtag(), times=None)
    with pytest.raises(TooManyConflictsError) as caught:
        await update_run(client, read, a_day_longer, max_conflicts=1)
    assert len(caught.value.conflicts) == 2


def test_blocking_client_updates_a_run(sandbox: Sandbox, blocking_client: Client) -> None:
    """The blocking client runs update_run with call."""
    _, read = seeded(sandbox)
    assert blocking_client.call(update_run, read, a_day_longer).changed
