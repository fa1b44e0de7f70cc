"""Deliveries of a watch: changes are sent to the receivers beside the reads, and the findings are saved afterwards."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from fieldingkit.cli.errors import NotPossibleError
from fieldingkit.errors import ConfigurationError
from fieldingkit.monitoring.receivers import Delivery, Program, Webhook, notify
from fieldingkit.monitoring.watches.state import WatchState
from fieldingkit.rendering.text import format_moment, strip_control_chars

__all__ = ["Deliveries"]


class Deliveries:
    """The states whose changes are sent, one after the other, while the watch continues.

    The end of the block waits for the receivers, unless it is interrupted; then a note has what each of them took.

    Args:
        receivers: The receivers.
        dead_letters: The file for what a receiver did not take.
        findings: The file that keeps the findings; None if they are not kept.
        note: Prints a message for the user.
    """

    def __init__(
        self,
        receivers: tuple[Webhook | Program, ...],
        *,
        dead_letters: Path,
        findings: Path | None,
        note: Callable[[str], object],
    ) -> None:
        self._receivers, self._dead_letters, self._findings, self._note = receivers, dead_letters, findings, note
        self._states: asyncio.Queue[WatchState | None] = asyncio.Queue()
        self._current: WatchState | None = None
        self._answers: dict[str, Delivery] = {}

    @property
    def waiting(self) -> str:
        """The receivers that are waited for, in a sentence; empty if there are none."""
        if self._current is None or not self._missing():
            return ""
        return f"Waiting for {_names(self._missing())} to take the findings of {format_moment(self._current.at)}."

    def add(self, state: WatchState) -> None:
        """Send the changes of a state, and save its findings, after those of the states before.

        Raises:
            NotPossibleError: A receiver did not take earlier ones, and they could not be kept; or the findings could
                not be saved.
        """
        if self._task.done():
            self._task.result()
        if waiting := self.waiting:
            self._note(waiting)
        self._states.put_nowait(state)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._states.put_nowait(None)
        if kind is not None and not issubclass(kind, Exception):
            self._task.cancel()
        elif waiting := self.waiting:
            self._note(f"{waiting} Press Ctrl-C to end without.")
        try:
            await self._task
        except asyncio.CancelledError:
            if note := self._interruption():
                self._note(note)
            raise

    async def _run(self) -> None:
        while (state := await self._states.get()) is not None:
            self._answers, self._current = {}, state
            try:
                await self._deliver(state)
            except ConfigurationError as exc:
                # A message that arrives twice is better than one that is lost.
                again = "The findings were not saved; the next watch sends them to all receivers again."
                raise NotPossibleError(f"{strip_control_chars(exc.message)}\n{again}") from exc
            self._current = None

    async def _deliver(self, state: WatchState) -> None:
        await notify(state.changes, self._receivers, dead_letters=self._dead_letters, on_delivery=self._keep)
        for one in self._answers.values():
            if not one.ok:
                failure = strip_control_chars(f"{one.receiver}: {one.failure}")
                self._note(f"Not notified, see {self._dead_letters}: {failure}.")
        if self._findings is not None:
            state.findings.save(self._findings)  # without a thread, so that an interruption finds it done or not begun

    def _keep(self, delivery: Delivery) -> None:
        self._answers[delivery.receiver] = delivery

    def _missing(self) -> list[str]:
        """Return the names of the receivers that have not answered yet."""
        if self._current is None or not self._current.changes.has_news:
            return []
        return [one.name for one in self._receivers if one.name not in self._answers]

    def _interruption(self) -> str:
        """Return what an interruption left behind; empty if there is nothing to say."""
        if (state := self._current) is None or not state.changes.has_news or not self._receivers:
            return ""
        parts = [f"{_names(took)} took them"] if (took := [*self._named(ok=True)]) else []
        parts += [f"{name} did not take them ({self._answers[name].failure})" for name in self._named(ok=False)]
        if missing := self._missing():
            parts.append(f"{_names(missing)} did not answer yet, and may have taken them")
        sentences = [f"Findings of {format_moment(state.at)}: {'; '.join(parts)}."]
        if self._has_news_left():
            sentences.append("Those of later reads were not sent.")
        if self._findings is not None:
            sentences.append(f"{self._findings} was not changed: the next watch sends them to all receivers again.")
        else:
            sentences.append("A watch without --findings sends all that are open when it begins.")
        return strip_control_chars(" ".join(sentences))

    def _named(self, *, ok: bool) -> Iterator[str]:
        return (name for name, one in self._answers.items() if one.ok is ok)

    def _has_news_left(self) -> bool:
        while not self._states.empty():
            state = self._states.get_nowait()
            if state is not None and state.changes.has_news:
                return True
        return False


def _names(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
