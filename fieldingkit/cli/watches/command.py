"""The loop of ``fieldingkit watch``: each state is shown, written to the page, and reported to receivers."""

import asyncio
import io
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, ExitStack, aclosing, redirect_stderr, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs
from rich.live import Live
from rich.text import Text

from fieldingkit.cli.errors import ExitCode, NotPossibleError, file_errors
from fieldingkit.cli.output import Output
from fieldingkit.cli.watches.address import Address
from fieldingkit.cli.watches.delivery import Deliveries
from fieldingkit.cli.watches.keys import is_in_foreground, reading_keys
from fieldingkit.cli.watches.table import fit, heading, table_lines
from fieldingkit.cli.watches.view import View, press, visible
from fieldingkit.client import AsyncClient
from fieldingkit.monitoring.findings import Finding, Findings
from fieldingkit.monitoring.history import SnapshotHistory
from fieldingkit.monitoring.receivers import Program, Webhook
from fieldingkit.monitoring.rules import Rules
from fieldingkit.monitoring.watches.document import LABELS, to_document
from fieldingkit.monitoring.watches.loop import watch
from fieldingkit.monitoring.watches.state import Condition, WatchState
from fieldingkit.rendering.text import format_moment, strip_control_chars, visible_name
from fieldingkit.rendering.watches.model import GroupView, WatchDocument
from fieldingkit.rendering.watches.page import write_page
from fieldingkit.secret import Secret
from fieldingkit.sweeps.plan import TargetGroupQuery
from fieldingkit.workflows.due_reconciliations import now_of

if TYPE_CHECKING:
    from fieldingkit.cli.watches.listener import WebhookListener

__all__ = ["WatchSettings", "run_watch"]

_TICK: Final = 1.0
"""Seconds from one display of the age to the next."""
_NOTED: Final = 60.0
"""Seconds for which a line of stderr is shown below the table."""
_COLUMNS: Final[dict[str, Callable[[GroupView], object]]] = {
    "Condition": lambda one: one.condition,
    "Project": lambda one: one.project_id,
    "Target group": lambda one: one.target_group_id,
    "Status": lambda one: one.status,
    "Reached": lambda one: one.reached,
    "Goal": lambda one: one.goal,
    "Per hour": lambda one: None if one.per_hour is None else f"{one.per_hour:.1f}",
    "Closes": lambda one: one.closes,
    "Findings": lambda one: ", ".join(finding.rule for finding in one.findings),
    "Name": lambda one: one.name,
}


@attrs.frozen(kw_only=True)
class WatchSettings:
    """The settings of a watch."""

    query: TargetGroupQuery
    """The filters of the target groups."""
    rules: Rules
    """The rules."""
    every: float | None
    """Seconds from one read to the next; None to read once."""
    refresh: float
    """Seconds from one full read of a target group to the next."""
    account: str | None
    """The account's number."""
    base_url: str
    """The API's base URL."""
    page: Path | None = None
    """The page to keep fresh."""
    findings: Path | None = None
    """The file that keeps the findings from one run to the next."""
    history: Path | None = None
    """The file that keeps all full reads."""
    receivers: tuple[Webhook | Program, ...] = ()
    """The receivers of new findings and of those that are over."""
    dead_letters: Path = Path("dead-letters.jsonl")
    """The file for what a receiver did not take."""
    listen: Address | None = None
    """The address to receive webhook events on."""
    webhook_secret: Secret | None = None
    """The secret of their webhook."""
    table: bool = True
    """False to print lines on a terminal, too, such as between those of a log."""


async def run_watch(client: AsyncClient, settings: WatchSettings, output: Output) -> ExitCode:
    """Watch until the table is closed, or once; return the exit code.

    Raises:
        NotPossibleError: The page or the history of a watch that reads once, or the findings, could not be written.
        UsageError: The history or the findings cannot be read, the secret is not one of a webhook, or the address to
            listen on cannot be used.
        FieldingKitError: The first read failed.
    """
    watching = _Watch(client, settings, output)
    async with AsyncExitStack() as stack:
        with file_errors("Nothing was read."):
            history = None if settings.history is None else stack.enter_context(SnapshotHistory(settings.history))
            earlier = None if settings.findings is None else Findings.load(settings.findings)
            listener = watching.listener()
        if listener is not None:
            await stack.enter_async_context(listener)
            output.note(listener.status)
        states = watch(
            client,
            settings.query,
            rules=settings.rules,
            every=settings.every,
            refresh=settings.refresh,
            waker=None if listener is None else listener.waker,
            history=history,
            earlier=earlier,
        )
        await stack.enter_async_context(aclosing(states))
        if settings.every is None:
            return await watching.once(states)
        await stack.enter_async_context(watching.deliveries)
        if settings.table and not output.json and _has_screen(output):
            await watching.live(states)
        else:
            await watching.log(states)
    return ExitCode.DONE


class _Watch:
    """A watch that shows its states."""

    def __init__(self, client: AsyncClient, settings: WatchSettings, output: Output) -> None:
        self._client, self._settings, self._output = client, settings, output
        self._failures: tuple[str, ...] = ()
        self._listener: WebhookListener | None = None
        self._note: Callable[[str], object] = output.note
        self.deliveries = Deliveries(
            settings.receivers,
            dead_letters=settings.dead_letters,
            findings=settings.findings,
            note=self._say,
        )
        """The deliveries of the changes."""

    def listener(self) -> "WebhookListener | None":
        """Return the listener for webhook events; None if there is none.

        Raises:
            ConfigurationError: The secret is not one of a webhook.
        """
        settings = self._settings
        if settings.listen is not None and settings.webhook_secret is not None:
            from fieldingkit.cli.watches.listener import WebhookListener  # it loads aiohttp's server

            self._listener = WebhookListener(settings.listen, settings.webhook_secret, now=self._now, note=self._say)
        return self._listener

    async def once(self, states: AsyncGenerator[WatchState]) -> ExitCode:
        """Show one state as a whole; return 1 if there is trouble, 4 if nothing matched, or not all could be read."""
        output = self._output
        with ExitStack() as stack:
            if output.stderr.is_terminal:
                stack.enter_context(output.stderr.status("Reading the target groups"))
            state = await anext(states)
        written = await self._write_page(state)
        document = self._document(state)
        output.print_json(state.to_document())
        if output.stdout.is_terminal and not output.json:
            self._print_lines(document)
        elif not output.json:
            await output.print_items(_COLUMNS, _iterate(document.groups))
            output.note(f"{document.headline}.")
            for failure in state.failures:
                output.note(f"Could not be read: {strip_control_chars(failure)}")
            for note in document.notes:
                output.note(strip_control_chars(f"{note.rule}: {note.seen}; {note.action}"))
        output.flush()
        with ExitStack() as stack:
            if output.stderr.is_terminal and self._settings.receivers and state.changes.has_news:
                names = strip_control_chars(", ".join(one.name for one in self._settings.receivers))
                stack.enter_context(output.stderr.status(f"Sending the findings to {names}"))
            async with self.deliveries:
                self.deliveries.add(state)
        if not written:
            raise NotPossibleError(f"the page {self._settings.page} could not be written")
        if state.history_problem is not None:
            raise NotPossibleError(strip_control_chars(state.history_problem))
        if any(one.condition is Condition.TROUBLE for one in state.groups) or state.project_findings:
            return ExitCode.FAILED
        return ExitCode.DONE if state.groups and state.is_complete else ExitCode.UNKNOWN

    async def log(self, states: AsyncGenerator[WatchState]) -> None:
        """Print a line for each finding that is new or over; with ``json`` a document for each state.

        The findings that were open before the watch began are printed once.
        """
        is_first = True
        async for state in states:
            self._output.print_json(state.to_document())
            at, changes = format_moment(state.at), state.changes
            before = (*changes.continuing, *changes.unconfirmed) if is_first else ()
            if is_first:
                self._output.note(f"{at} {strip_control_chars(self._document(state).headline)}.")
            is_first = False
            for finding in (*before, *changes.new):
                kind = "new" if finding in changes.new else "open"
                self._output.print_row(at, kind, _line(finding, f"{finding.seen}; to do: {finding.action}"))
            for end in state.changes.ended:
                self._output.print_row(at, "over", _line(end.finding, end.reason))
            if state.failures != self._failures:
                self._failures = state.failures
                failures = "; ".join(map(strip_control_chars, state.failures))
                rest = "All could be read." if state.is_complete else "Not all was read yet."
                self._output.note(f"{at} Could not be read: {failures}" if failures else f"{at} {rest}")
            self._output.flush()
            await self._handle(state)

    async def live(self, states: AsyncGenerator[WatchState]) -> None:
        """Show the table until it is closed."""
        console, view, document = self._output.stdout, View(), None
        notes = _LastLine()
        self._note = notes.write
        inbox: asyncio.Queue[WatchState | str | None] = asyncio.Queue()
        follower = asyncio.create_task(self._follow(states, inbox))
        follower.add_done_callback(lambda _: inbox.put_nowait(None))
        try:
            with (
                redirect_stderr(notes),
                Live(console=console, screen=True, auto_refresh=False, redirect_stderr=False) as live,
                reading_keys(inbox.put_nowait),
            ):
                while not (view.is_closed or follower.done()):
                    live.update(self._screen(document, view, notes.text or self._problem()), refresh=True)
                    received = await _receive(inbox)
                    if isinstance(received, WatchState):
                        document = self._document(received)
                    elif received is not None:
                        groups = () if document is None else document.groups
                        view = press(view, received, len(visible(groups, view)))
        finally:
            self._note = self._output.note
            follower.cancel()
            with suppress(asyncio.CancelledError):
                await follower
        if document is not None:
            self._output.note(f"{document.headline}. Read {format_moment(document.read_at)}.")

    async def _follow(
        self, states: AsyncGenerator[WatchState], inbox: "asyncio.Queue[WatchState | str | None]"
    ) -> None:
        async for state in states:
            inbox.put_nowait(state)
            await self._handle(state)

    async def _handle(self, state: WatchState) -> None:
        """Write the page of a state, note what could not be kept, and send the changes."""
        await self._write_page(state)
        if state.history_problem is not None:
            self._note(strip_control_chars(f"{state.history_problem}."))
        self.deliveries.add(state)

    def _problem(self) -> str:
        return self.deliveries.waiting or ("" if self._listener is None else self._listener.problem)

    def _say(self, text: str) -> None:
        self._note(text)

    async def _write_page(self, state: WatchState) -> bool:
        """Write the page; return False if it could not be written."""
        page = self._settings.page
        if page is None:
            return True
        try:
            await asyncio.to_thread(write_page, self._document(state), page)
        except OSError as exc:
            self._note(f"The page {page} could not be written: {exc.strerror}.")
            return False
        return True

    def _document(self, state: WatchState) -> WatchDocument:
        settings = self._settings
        return to_document(state, account_id=settings.account, base_url=settings.base_url, every=settings.every)

    def _screen(self, document: WatchDocument | None, view: View, note: str) -> Text:
        if document is None:
            return Text(f"Reading the target groups. q quit\n{strip_control_chars(note)}", style="dim")
        status = "" if self._listener is None else self._listener.status
        return fit(document, view, self._now(), self._output.stdout.size, note=note, status=status)

    def _print_lines(self, document: WatchDocument) -> None:
        console, width = self._output.stdout, self._output.stdout.width
        for line in heading(document, self._now(), width):
            console.print(line)
        if document.groups:
            console.print()
        for block in table_lines(document.groups, width) if document.groups else ():
            for line in block:
                console.print(line)

    def _now(self) -> datetime:
        return now_of(self._client)


class _LastLine(io.TextIOBase):
    """Keeps the last line that was written, because a terminal with a table has no place for lines below each other."""

    def __init__(self) -> None:
        self._text, self._until = "", 0.0

    @property
    def text(self) -> str:
        """The line, for a minute."""
        return self._text if time.monotonic() < self._until else ""

    def write(self, text: str, /) -> int:
        """Keep the last line of a text."""
        if lines := [line for line in text.splitlines() if line.strip()]:
            self._text, self._until = lines[-1], time.monotonic() + _NOTED
        return len(text)


def _has_screen(output: Output) -> bool:
    """Return True if stdout is a terminal on which a table can stay in place; a variable cannot make it one."""
    return output.stdout.file.isatty() and not output.stdout.is_dumb_terminal and is_in_foreground()


async def _receive(inbox: "asyncio.Queue[WatchState | str | None]") -> WatchState | str | None:
    """Return what came, or None after a second."""
    try:
        async with asyncio.timeout(_TICK):
            return await inbox.get()
    except TimeoutError:
        return None


async def _iterate(groups: tuple[GroupView, ...]) -> AsyncIterator[GroupView]:
    for group in groups:
        yield group


def _line(finding: Finding, text: str) -> str:
    part = f" ({finding.part})" if finding.part else ""
    id_ = finding.target_group_id or finding.project_id or ""
    return strip_control_chars(f"{id_} {visible_name(finding.name)}: {LABELS[finding.rule]}{part}: {text}")
