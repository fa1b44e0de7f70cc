"""Deliveries of a watch: beside the reads, in order, and with a note of what each receiver took."""

import asyncio
from collections import defaultdict
from pathlib import Path
from typing import Any

import attrs
import pytest
from support.monitored_groups import full_snapshot, hours_after, live_group
from support.watch_states import state_of

from fieldingkit.cli.errors import NotPossibleError
from fieldingkit.cli.watches.delivery import Deliveries
from fieldingkit.monitoring import Findings, Program, WatchState, compare, evaluate
from fieldingkit.monitoring.receivers import Delivery

FAST, SLOW = Program(["fast"]), Program(["slow"])


class Receivers:
    """Receivers that answer when a test lets them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: asyncio.Queue[str] = asyncio.Queue()
        self.failures: dict[str, str] = {}
        self._free: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        monkeypatch.setattr("fieldingkit.monitoring.receivers.deliver", self._deliver)

    def answer(self, *names: str) -> None:
        """Let receivers answer, now and later."""
        for name in names:
            self._free[name].set()

    async def _deliver(self, document: dict[str, Any], receiver: Program, clock: object) -> Delivery:
        del clock
        self.asked.put_nowait(receiver.name)
        await self._free[receiver.name].wait()
        failure = self.failures.get(receiver.name)
        return Delivery(receiver=receiver.name, document_id=document["id"], failure=failure)


class Watch:
    """The deliveries of a watch in a folder, and their notes."""

    def __init__(self, folder: Path, *, keep: bool = True) -> None:
        self.notes: list[str] = []
        self.findings = folder / "findings.json"
        self.letters = folder / "letters.jsonl"
        self.deliveries = Deliveries(
            (FAST, SLOW),
            dead_letters=self.letters,
            findings=self.findings if keep else None,
            note=self.notes.append,
        )

    async def run(self, *states: WatchState, added: asyncio.Event | None = None) -> None:
        """Add states, and wait for the receivers."""
        async with self.deliveries:
            for state in states:
                self.deliveries.add(state)
            if added is not None:
                added.set()
                await asyncio.Event().wait()


@pytest.fixture
def receivers(monkeypatch: pytest.MonkeyPatch) -> Receivers:
    """Return the receivers."""
    return Receivers(monkeypatch)


def troubled(*names: str, hour: int = 0) -> WatchState:
    """Return a state in which the target groups of these names are newly in trouble."""
    groups = [live_group(target_group_id=name, conversion_rate=0.01) for name in names]
    findings = evaluate(full_snapshot(*groups, at=hours_after(hour)))
    return attrs.evolve(state_of(), at=hours_after(hour), findings=findings, changes=compare(None, findings))


async def cancelled(task: "asyncio.Task[None]") -> None:
    """Cancel a watch, as Ctrl-C does."""
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_slow_receiver_does_not_hold_the_watch(receivers: Receivers, tmp_path: Path) -> None:
    """Further states are added meanwhile, and the user reads whom the watch waits for."""
    watch = Watch(tmp_path)
    async with watch.deliveries:
        watch.deliveries.add(troubled("a"))
        assert {await receivers.asked.get(), await receivers.asked.get()} == {"fast", "slow"}
        waiting = "Waiting for fast and slow to take the findings of 2026-03-05 12:00:00 UTC."
        assert watch.deliveries.waiting == waiting
        watch.deliveries.add(troubled("b", hour=1))
        assert watch.notes == [waiting]
        receivers.answer("fast", "slow")
    assert watch.deliveries.waiting == ""
    assert receivers.asked.qsize() == 2
    assert Findings.load(watch.findings) == troubled("b", hour=1).findings


async def test_the_end_of_a_watch_waits_for_the_receivers(receivers: Receivers, tmp_path: Path) -> None:
    """Closing the table loses no message; the user reads how to end at once."""
    watch = Watch(tmp_path)
    async with watch.deliveries:
        watch.deliveries.add(troubled("a"))
        await receivers.asked.get()
        asyncio.get_running_loop().call_soon(receivers.answer, "fast", "slow")
    assert watch.notes == [
        "Waiting for fast and slow to take the findings of 2026-03-05 12:00:00 UTC. Press Ctrl-C to end without."
    ]
    assert Findings.load(watch.findings) == troubled("a").findings


async def test_an_interruption_says_what_each_receiver_took(receivers: Receivers, tmp_path: Path) -> None:
    """And what happens next; the findings are not saved, so that nothing is lost."""
    watch, added = Watch(tmp_path), asyncio.Event()
    receivers.answer("fast")
    task = asyncio.create_task(watch.run(troubled("a"), troubled("b", hour=1), added=added))
    await added.wait()
    assert {await receivers.asked.get(), await receivers.asked.get()} == {"fast", "slow"}
    while watch.deliveries.waiting != "Waiting for slow to take the findings of 2026-03-05 12:00:00 UTC.":
        await asyncio.sleep(0)
    await cancelled(task)
    assert watch.notes == [
        (
            "Findings of 2026-03-05 12:00:00 UTC: fast took them; slow did not answer yet, and may have taken them. "
            f"Those of later reads were not sent. {watch.findings} was not changed: "
            "the next watch sends them to all receivers again."
        )
    ]
    assert not watch.findings.exists()


async def test_an_interruption_says_who_did_not_take_the_findings(receivers: Receivers, tmp_path: Path) -> None:
    """Without a file of findings, too."""
    watch, added = Watch(tmp_path, keep=False), asyncio.Event()
    receivers.failures["fast"] = "it answered 503"
    receivers.answer("fast")
    task = asyncio.create_task(watch.run(troubled("a"), added=added))
    await added.wait()
    while "Waiting for slow " not in watch.deliveries.waiting:
        await asyncio.sleep(0)
    await cancelled(task)
    assert watch.notes == [
        (
            "Findings of 2026-03-05 12:00:00 UTC: fast did not take them (it answered 503); "
            "slow did not answer yet, and may have taken them. A watch without --findings sends "
            "all that are open when it begins."
        )
    ]


async def test_an_interruption_between_deliveries_says_nothing(receivers: Receivers, tmp_path: Path) -> None:
    """All was sent and saved."""
    watch, added = Watch(tmp_path), asyncio.Event()
    receivers.answer("fast", "slow")
    task = asyncio.create_task(watch.run(troubled("a"), added=added))
    await added.wait()
    while not watch.findings.exists() or watch.deliveries.waiting:
        await asyncio.sleep(0)
    await cancelled(task)
    assert watch.notes == []


async def test_what_can_be_neither_sent_nor_kept_ends_the_watch(receivers: Receivers, tmp_path: Path) -> None:
    """The findings are not saved, so that the next watch sends them again."""
    watch = Watch(tmp_path)
    watch.letters.mkdir()
    receivers.failures["slow"] = "it answered 503"
    receivers.answer("fast", "slow")
    with pytest.raises(NotPossibleError, match=r"(?s)slow did not take the findings .*cannot be added.*sends them to"):
        await watch.run(troubled("a"))
    assert not watch.findings.exists()
