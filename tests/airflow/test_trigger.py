"""The triggers, in their own event loop."""

import asyncio
import json
import math
from collections import Counter
from collections.abc import AsyncIterator
from importlib import import_module
from typing import Any

import attrs
import pytest
from airflow.triggers.base import BaseTrigger, TriggerEvent

from fieldingkit import AsyncClient, Client
from fieldingkit.airflow import FieldingJobsTrigger, FieldingJobTrigger, client_pool, triggers
from fieldingkit.airflow.client_pool import pooled_client
from fieldingkit.airflow.triggers import FieldingStatusTrigger
from fieldingkit.errors import ClientClosedError
from fieldingkit.resources.batch_jobs import PauseTargetGroups
from fieldingkit.resources.projects import ListProjects
from fieldingkit.sandbox import Project, Sandbox, faults

pytestmark = pytest.mark.timeout(60)

CONNECTION = "fieldingkit_default"


@pytest.fixture(autouse=True)
async def _nothing_stays() -> AsyncIterator[None]:
    yield
    pool = client_pool._POOLS.get(asyncio.get_running_loop())
    for task in [] if pool is None else list(pool.closing):
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def submitted(sandbox: Sandbox, project: Project) -> str:
    """Submit a job and return its token."""
    async with AsyncClient(account_id=sandbox.account_id, auth=sandbox.token, base_url=sandbox.url) as client:
        job = await client.submit(PauseTargetGroups(project_id=project.id, target_group_ids=project.ids()))
        return job.token()


async def only_event(trigger: BaseTrigger) -> Any:
    """Return the payload of the only event of a trigger."""
    events: list[TriggerEvent] = [event async for event in trigger.run()]
    assert len(events) == 1
    return events[0].payload


def restored(trigger: BaseTrigger) -> BaseTrigger:
    """Return the trigger as another triggerer restores it from the database."""
    classpath, kwargs = trigger.serialize()
    module, name = classpath.rsplit(".", 1)
    made = getattr(import_module(module), name)(**json.loads(json.dumps(kwargs)))
    assert isinstance(made, BaseTrigger)
    return made


async def test_the_event_of_a_job_has_its_counts(connected: Sandbox) -> None:
    """A restored trigger waits for the job with nothing but its token."""
    project = connected.seed(live=2, draft=1)
    payload = await only_event(restored(FieldingJobTrigger(await submitted(connected, project), CONNECTION)))
    (job,) = connected.jobs
    assert payload == {"job_id": job, "status": "Completed", "updated": 2, "failed": 1, "error": None}


async def test_a_serialized_trigger_contains_no_secret(connected: Sandbox) -> None:
    """Airflow's database gets a class path, tokens of ids and a connection id."""
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
    text = repr((one, many, one.serialize(), vars(many)))
    for secret in (connected.token, connected.client_secret):
        assert secret not in text


async def test_a_hundred_triggers_share_one_client_and_poll_once_each(connected: Sandbox) -> None:
    """All triggers share one token request, and each job that has ended is polled once."""
    projects = [connected.seed(live=1) for _ in range(100)]
    tokens = await asyncio.gather(*(submitted(connected, project) for project in projects))
    connected.clock.advance(10)
    connected.requests.clear()
    waiting = [FieldingJobTrigger(token, CONNECTION) for token in tokens]
    payloads = await asyncio.gather(*map(only_event, waiting))
    assert {payload["status"] for payload in payloads} == {"Completed"}
    operations = Counter(request.operation_id for request in connected.requests)
    assert operations == {"get_bulk_pause_target_groups_job": 100, "request_access_token": 1}
    pool = client_pool._POOLS[asyncio.get_running_loop()]
    assert list(pool.by_connection) == [CONNECTION]


async def test_all_triggers_of_a_connection_share_its_rate(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty polls at twenty per second take about a second."""
    connection = {
        "conn_type": "fieldingkit",
        "host": sandbox.url,
        "password": sandbox.token,
        "extra": {"rate": 1, "triggerer_rate": 20},
    }
    monkeypatch.setenv("AIRFLOW_CONN_SLOW", json.dumps(connection))
    tokens = [await submitted(sandbox, sandbox.seed(live=1)) for _ in range(20)]
    sandbox.clock.advance(10)
    started = asyncio.get_running_loop().time()
    await asyncio.gather(*(only_event(FieldingJobTrigger(token, "slow")) for token in tokens))
    assert asyncio.get_running_loop().time() - started >= 0.9


async def test_a_cancelled_trigger_can_be_restored(connected: Sandbox) -> None:
    """A triggerer that dies does not affect the job; the restored trigger sees its end."""
    connected.clock.freeze()
    trigger = FieldingJobTrigger(await submitted(connected, connected.seed(live=1)), CONNECTION)
    waiting = asyncio.create_task(only_event(trigger))
    while not any(request.method == "GET" for request in connected.requests):
        await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    connected.clock.advance(10)
    assert (await only_event(restored(trigger)))["status"] == "Completed"
    assert not any(request.method == "DELETE" for request in connected.requests)


async def test_no_event_fires_before_the_minimum_delay(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a triggerer, the event of a job that has ended waits until the scheduler has seen the deferral."""
    monkeypatch.setattr(triggers, "_MIN_DELAY", 0.5)
    trigger = FieldingJobTrigger(await submitted(connected, connected.seed(live=1)), CONNECTION)
    connected.clock.advance(10)
    trigger.trigger_id = 1  # as the triggerer does
    started = asyncio.get_running_loop().time()
    await only_event(trigger)
    assert asyncio.get_running_loop().time() - started >= 0.5


async def test_two_triggerers_can_run_the_same_trigger(connected: Sandbox) -> None:
    """Both only read, and both see the same end."""
    trigger = FieldingJobTrigger(await submitted(connected, connected.seed(live=2)), CONNECTION)
    connected.requests.clear()
    first, second = await asyncio.gather(only_event(restored(trigger)), only_event(restored(trigger)))
    assert first == second
    assert all(request.method == "GET" for request in connected.requests if "/oauth/" not in request.path)
    assert len(connected.jobs) == 1


async def test_an_outage_of_the_api_does_not_end_a_wait(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Failed polls are repeated without a limit."""
    assert client_pool._POLL.error_tolerance == math.inf
    monkeypatch.setattr(client_pool, "_POLL", attrs.evolve(client_pool._POLL, min_interval=0.01, max_interval=0.05))
    trigger = FieldingJobTrigger(await submitted(connected, connected.seed(live=1)), CONNECTION)
    connected.faults.add("get_bulk_pause_target_groups_job", faults.TruncatedJson(), times=7)
    assert (await only_event(trigger))["status"] == "Completed"


async def test_a_job_that_is_gone_is_reported_as_an_error(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The task resumes all the same, and reads its target groups."""
    monkeypatch.setattr(client_pool, "_POLL", attrs.evolve(client_pool._POLL, min_interval=0.01, not_found_grace=0.0))
    trigger = FieldingJobTrigger(await submitted(connected, connected.seed(live=1)), CONNECTION)
    connected.faults.add("get_bulk_pause_target_groups_job", faults.JobGone(410), times=None)
    payload = await only_event(trigger)
    assert payload["status"] is None
    assert "cannot be read any more" in payload["error"]


async def test_a_changed_connection_gets_a_new_client(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Current users keep the old client; later users get one with the new credentials."""
    monkeypatch.setattr(client_pool, "_CONNECTION_TTL", 0.0)
    async with pooled_client(CONNECTION) as first, pooled_client(CONNECTION) as second:
        assert first is second
        other = {"conn_type": "fieldingkit", "host": connected.url, "password": "another"}
        monkeypatch.setenv("AIRFLOW_CONN_FIELDINGKIT_DEFAULT", json.dumps(other))
        async with pooled_client(CONNECTION) as third:
            assert third is not first


async def test_an_idle_client_is_closed(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client is closed after the idle timeout, unless it is in use again."""
    monkeypatch.setattr(client_pool, "_IDLE_TIMEOUT", 0.05)
    async with pooled_client(CONNECTION) as first:
        pass
    pool = client_pool._POOLS[asyncio.get_running_loop()]
    async with pooled_client(CONNECTION) as second:
        assert second is first
        await asyncio.gather(*pool.closing)
        assert pool.by_connection
    await asyncio.gather(*pool.closing)
    assert not pool.by_connection
    with pytest.raises(ClientClosedError):
        await first.send(ListProjects())


def test_an_event_loop_that_ends_closes_its_clients(connected: Sandbox) -> None:
    """``airflow dags test`` runs each trigger in its own loop, which leaves no connection behind."""
    project = connected.seed(live=1)
    with Client(account_id=connected.account_id, auth=connected.token, base_url=connected.url) as client:
        token = client.submit(PauseTargetGroups(project_id=project.id, target_group_ids=project.ids())).token()
    clients: list[AsyncClient] = []

    async def run() -> None:
        async with pooled_client(CONNECTION) as client:
            clients.append(client)
        await only_event(FieldingJobTrigger(token, CONNECTION))

    asyncio.run(run())
    with pytest.raises(ClientClosedError):
        asyncio.run(clients[0].send(ListProjects()))


async def test_the_status_trigger_waits_until_the_condition_is_met(connected: Sandbox) -> None:
    """It survives serialization and failed checks, and reports the number of target groups."""
    project = connected.seed(live=2, paused=1)
    condition = {"status": "paused", "query": {"project_ids": [project.id]}}
    trigger = restored(FieldingStatusTrigger(condition, 0.05, CONNECTION))
    connected.faults.add("get_list_target_groups", faults.HtmlPage(), times=3)
    waiting = asyncio.create_task(only_event(trigger))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    await submitted(connected, project)
    assert await waiting == {"value": {"status": "paused", "target_groups": 3}}
