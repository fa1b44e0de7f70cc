"""The triggers, on an event loop of their own."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from importlib import import_module
from typing import Any

import attrs
import pytest
from airflow.triggers.base import BaseTrigger, TriggerEvent

from fieldingkit import AsyncClient, Client
from fieldingkit.airflow import FieldingJobsTrigger, FieldingJobTrigger
from fieldingkit.airflow import client_pool as sharing
from fieldingkit.airflow import triggers as one_event
from fieldingkit.airflow.client_pool import shared
from fieldingkit.airflow.triggers import FieldingStatusTrigger
from fieldingkit.jobs.poller import PollPolicy
from fieldingkit.resources.batch_jobs import PauseTargetGroups
from fieldingkit.sandbox import Project, Sandbox, faults

pytestmark = pytest.mark.timeout(60)

CONNECTION = "fieldingkit_default"


@pytest.fixture(autouse=True)
async def _nothing_stays() -> AsyncIterator[None]:
    yield
    room = sharing._ROOMS.get(asyncio.get_running_loop())
    for task in [] if room is None else list(room.closing):
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def submitted(sandbox: Sandbox, project: Project) -> str:
    """The token of a new job."""
    async with AsyncClient(account_id=sandbox.account_id, auth=sandbox.token, base_url=sandbox.url) as client:
        job = await client.submit(PauseTargetGroups(project_id=project.id, target_group_ids=project.ids()))
        return job.token()


async def only_event(trigger: BaseTrigger) -> Any:
    """The payload of a trigger's one event."""
    events: list[TriggerEvent] = [event async for event in trigger.run()]
    assert len(events) == 1
    return events[0].payload


def again(trigger: BaseTrigger) -> BaseTrigger:
    """The trigger as another triggerer makes it of what is in the database."""
    classpath, kwargs = trigger.serialize()
    module, name = classpath.rsplit(".", 1)
    made = getattr(import_module(module), name)(**json.loads(json.dumps(kwargs)))
    assert isinstance(made, BaseTrigger)
    return made


async def test_it_waits_for_a_job_and_tells_how_it_ended(connected: Sandbox) -> None:
    """The event has the counts; the token alone is enough for it."""
    project = connected.seed(live=2, draft=1)
    payload = await only_event(again(FieldingJobTrigger(await submitted(connected, project), CONNECTION)))
    (job,) = connected.jobs
    assert payload == {"job_id": job, "status": "Completed", "updated": 2, "failed": 1, "error": None}


async def test_it_is_made_of_ids_and_holds_no_secret(connected: Sandbox) -> None:
    """What goes into Airflow's database and its pages: a class path, a token of ids, the connection's id."""
    token = await submitted(connected, connected.seed(live=1))
    one, many = FieldingJobTrigger(token, CONNECTION), FieldingJobsTrigger([token], CONNECTION)
    assert one.serialize() == (
        "fieldingkit.airflow.triggers.FieldingJobTrigger",
        {"token": token, "fielding_conn_id": CONNECTION},
    )
    assert many.serialize() == (
        "fieldingkit.airflow.triggers.FieldingJobsTrigger",
        {"tokens": [token], "fielding_conn_id": CONNECTION},
    )
    seen = repr((one, many, one.serialize(), vars(many)))
    for secret in (connected.token, connected.client_secret):
        assert secret not in seen


async def test_a_hundred_triggers_share_one_client_and_look_little(connected: Sandbox) -> None:
    """One token request for all, and one look for each job that has ended."""
    projects = [connected.seed(live=1) for _ in range(100)]
    tokens = await asyncio.gather(*(submitted(connected, project) for project in projects))
    connected.clock.advance(10)
    connected.requests.clear()
    triggers = [FieldingJobTrigger(token, CONNECTION) for token in tokens]
    payloads = await asyncio.gather(*map(only_event, triggers))
    assert {payload["status"] for payload in payloads} == {"Completed"}
    operations = Counter(request.operation_id for request in connected.requests)
    assert operations == {"get_bulk_pause_target_groups_job": 100, "request_access_token": 1}
    (room,) = sharing._ROOMS.values()
    assert list(room.by_connection) == [CONNECTION]


async def test_the_rate_of_the_connection_is_that_of_all_its_triggers(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty looks at twenty jobs take a second if twenty may leave in one."""
    connection = {
        "conn_type": "fieldingkit",
        "host": sandbox.url,
        "password": sandbox.token,
        "extra": {"rate": 1, "triggerer_rate": 20},
    }
    monkeypatch.setenv("AIRFLOW_CONN_SLOW", json.dumps(connection))
    tokens = [await submitted(sandbox, sandbox.seed(live=1)) for _ in range(20)]
    sandbox.clock.advance(10)
    begun = asyncio.get_running_loop().time()
    await asyncio.gather(*(only_event(FieldingJobTrigger(token, "slow")) for token in tokens))
    assert asyncio.get_running_loop().time() - begun >= 0.9


async def test_a_trigger_that_is_cut_off_loses_nothing(connected: Sandbox) -> None:
    """A triggerer that dies leaves the job alone; the next one makes the same trigger anew, and hears of the end."""
    connected.clock.freeze()
    trigger = FieldingJobTrigger(await submitted(connected, connected.seed(live=1)), CONNECTION)
    waiting = asyncio.create_task(only_event(trigger))
    while not any(request.method == "GET" for request in connected.requests):
        await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    connected.clock.advance(10)
    assert (await only_event(again(trigger)))["status"] == "Completed"
    assert not any(request.method == "DELETE" for request in connected.requests)


async def test_no_event_comes_before_the_scheduler_knows_of_the_deferral(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a triggerer, a job that has ended already is told of a while after the trigger has begun."""
    monkeypatch.setattr(one_event, "_MIN_DELAY", 0.5)
    trigger = FieldingJobTrigger(await submitted(connected, connected.seed(live=1)), CONNECTION)
    connected.clock.advance(10)
    trigger.trigger_id = 1  # as the triggerer does
    begun = asyncio.get_running_loop().time()
    await only_event(trigger)
    assert asyncio.get_running_loop().time() - begun >= 0.5


async def test_two_triggerers_with_the_same_trigger_do_no_harm(connected: Sandbox) -> None:
    """Both only read, and both see the same end."""
    trigger = FieldingJobTrigger(await submitted(connected, connected.seed(live=2)), CONNECTION)
    connected.requests.clear()
    first, second = await asyncio.gather(only_event(again(trigger)), only_event(again(trigger)))
    assert first == second
    assert all(request.method == "GET" for request in connected.requests if "/oauth/" not in request.path)
    assert len(connected.jobs) == 1


async def test_an_outage_of_the_api_ends_no_wait(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look that fails says nothing about the job: it is looked at again, more often than a client would by itself."""
    monkeypatch.setattr(sharing, "_POLL", attrs.evolve(sharing._POLL, min_interval=0.01, max_interval=0.05))
    trigger = FieldingJobTrigger(await submitted(connected, connected.seed(live=1)), CONNECTION)
    connected.faults.add(
        "get_bulk_pause_target_groups_job", faults.TruncatedJson(), times=PollPolicy().error_tolerance + 2
    )
    assert (await only_event(trigger))["status"] == "Completed"


async def test_a_job_that_cannot_be_read_any_more_is_told_as_such(connected: Sandbox) -> None:
    """The task comes back all the same, and reads its target groups."""
    trigger = FieldingJobTrigger(await submitted(connected, connected.seed(live=1)), CONNECTION)
    connected.faults.add("get_bulk_pause_target_groups_job", faults.JobGone(410), times=None)
    payload = await only_event(trigger)
    assert payload["status"] is None
    assert "cannot be read any more" in payload["error"]


async def test_a_changed_connection_is_a_new_client(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is under way goes on with the old one; whoever comes later has the new credentials."""
    monkeypatch.setattr(sharing, "_FRESH", 0.0)
    async with shared(CONNECTION) as first, shared(CONNECTION) as second:
        assert first is second
        other = {"conn_type": "fieldingkit", "host": connected.url, "password": "another"}
        monkeypatch.setenv("AIRFLOW_CONN_FIELDINGKIT_DEFAULT", json.dumps(other))
        async with shared(CONNECTION) as third:
            assert third is not first


async def test_a_client_that_nobody_uses_is_closed(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while without triggers nothing is left of it; one that is used again stays."""
    monkeypatch.setattr(sharing, "_IDLE", 0.05)
    async with shared(CONNECTION) as first:
        pass
    room = sharing._ROOMS[asyncio.get_running_loop()]
    async with shared(CONNECTION) as second:
        assert second is first
        await asyncio.gather(*room.closing)
        assert room.by_connection
    await asyncio.gather(*room.closing)
    assert not room.by_connection
    assert first.client._closed


def test_an_event_loop_that_ends_closes_its_client(connected: Sandbox) -> None:
    """``airflow dags test`` runs each trigger in a loop of its own: none leaves a connection behind."""
    project = connected.seed(live=1)
    with Client(account_id=connected.account_id, auth=connected.token, base_url=connected.url) as client:
        token = client.submit(PauseTargetGroups(project_id=project.id, target_group_ids=project.ids())).token()
    clients: list[AsyncClient] = []

    async def run() -> None:
        async with shared(CONNECTION) as ours:
            clients.append(ours.client)
        await only_event(FieldingJobTrigger(token, CONNECTION))

    asyncio.run(run())
    assert clients[0]._closed


async def test_the_status_trigger_looks_until_it_is_so(connected: Sandbox) -> None:
    """It survives being written down and a look that fails, and tells how many target groups there were."""
    project = connected.seed(live=2, paused=1)
    goal = {"status": "paused", "query": {"project_ids": [project.id]}}
    trigger = again(FieldingStatusTrigger(goal, 0.05, CONNECTION))
    connected.faults.add("get_list_target_groups", faults.HtmlPage(), times=3)
    waiting = asyncio.create_task(only_event(trigger))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    await submitted(connected, project)
    assert await waiting == {"status": "paused", "target_groups": 3}
