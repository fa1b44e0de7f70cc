"""The loop of fieldingkit watch: an event brings the next state forward."""

import asyncio
import json
import re
from contextlib import suppress
from datetime import datetime

import pytest
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient

from fieldingkit.cli.output import Output
from fieldingkit.cli.watches.address import Address
from fieldingkit.cli.watches.command import WatchSettings, run_watch
from fieldingkit.monitoring import Rules
from fieldingkit.resources.batch_jobs import PauseTargetGroups
from fieldingkit.resources.webhooks import CreateWebhook, WebhookEventType
from fieldingkit.sandbox import Sandbox
from fieldingkit.secret import Secret
from fieldingkit.sweeps import TargetGroupQuery

HOUR = 3600.0


class Printed:
    """What a command has printed so far."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.out = self.err = ""
        self._capsys = capsys

    async def wait_for(self, *, states: int) -> list[str]:
        """Wait until so many states were printed, and return their statuses of the first target group."""
        async with asyncio.timeout(250):
            while self.out.count("\n") < states:
                out, err = self._capsys.readouterr()
                self.out, self.err = self.out + out, self.err + err
                await asyncio.sleep(0)  # sockets give no other sign
        return [json.loads(line)["groups"][0]["status"] for line in self.out.splitlines()]


async def test_an_event_brings_the_next_state_forward(
    sandbox: Sandbox, make_client: MakeClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """A change is printed as soon as its event came, long before the next read of the lists."""
    sandbox.delivery.background = False
    project = sandbox.seed(live=1, completes=50)
    client = make_client(clock=FakeClock(sandbox.clock, jump=60.0), deadline=None)
    made = await client.send(CreateWebhook(url="http://127.0.0.1:1/", events=[WebhookEventType.TARGET_GROUP_UPDATED]))
    settings = WatchSettings(
        query=TargetGroupQuery(project_ids=[project.id]),
        rules=Rules(),
        every=HOUR,
        refresh=HOUR,
        account=str(sandbox.account_id),
        base_url=sandbox.url,
        listen=Address("127.0.0.1", 0),
        webhook_secret=Secret(made.secret),
    )
    printed = Printed(capsys)
    watching = asyncio.create_task(run_watch(client, settings, Output(json=True)))
    assert await printed.wait_for(states=1) == ["live"]
    (url,) = re.findall(r"Listening for webhook events at (\S+); none came yet\.", printed.err)
    sandbox.webhooks[-1].url = url
    await client.run(PauseTargetGroups(project_id=project.id, target_group_ids=project.ids()))
    await sandbox.deliver()
    assert await printed.wait_for(states=2) == ["live", "paused"]
    first, second = (datetime.fromisoformat(json.loads(line)["at"]) for line in printed.out.splitlines())
    assert (second - first).total_seconds() < HOUR / 2
    assert "The first webhook event came." in printed.err
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
