"""``watch``: read target groups again and again, and yield their state after each read."""

import asyncio
import math
from collections.abc import AsyncGenerator, Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import Any, Final

import attrs

from fieldingkit.client import AsyncClient
from fieldingkit.errors import (
    ApiError,
    ConfigurationError,
    DecodeError,
    FieldingKitError,
    NotFoundError,
    TransportError,
)
from fieldingkit.events.waker import Waker
from fieldingkit.monitoring.due_reader import read_due
from fieldingkit.monitoring.evaluation import evaluate
from fieldingkit.monitoring.findings import Finding, Findings, compare
from fieldingkit.monitoring.forecasts import Forecast
from fieldingkit.monitoring.group_forecasts import forecast_group
from fieldingkit.monitoring.group_rules import ASSISTANT, FORECAST
from fieldingkit.monitoring.history import SnapshotHistory
from fieldingkit.monitoring.rules import RuleName, Rules
from fieldingkit.monitoring.snapshot_reader import (
    Reader,
    is_local,
    read_detail,
    read_lists,
    read_projects,
    selection_of,
)
from fieldingkit.monitoring.snapshots import Detail, GroupSnapshot, Snapshot, UnreadDetail
from fieldingkit.monitoring.watches.schedule import (
    FullRead,
    details_to_read,
    groups_to_read,
    is_changed,
    is_due,
    thinned,
)
from fieldingkit.monitoring.watches.state import CHANGED, NOT_READ_YET, WatchedGroup, WatchState, by_trouble, by_urgency
from fieldingkit.rendering.text import pluralize
from fieldingkit.resources.fielding_assistant import FieldingAssistantAssignment, GetFieldingAssistantAssignment
from fieldingkit.resources.target_groups import TargetGroupStatus
from fieldingkit.sweeps.concurrency import run_limited, wait_for_capacity
from fieldingkit.sweeps.plan import TargetGroupQuery
from fieldingkit.sweeps.report import UnlistedProject
from fieldingkit.workflows.creation import check_client
from fieldingkit.workflows.due_reconciliations import DueReconciliations, now_of
from fieldingkit.workflows.reading import send_read

__all__ = ["DEFAULT_QUERY", "watch"]

DEFAULT_QUERY: Final = TargetGroupQuery(status=(TargetGroupStatus.LIVE, TargetGroupStatus.PAUSED))
"""The query of a watch that is given none: what is live or paused in all projects."""

_AT_ONCE: Final = 16
_LEAST_WAIT: Final = 15.0
"""Seconds from one read to the next one that an event brings forward: many events are one read."""
_DETAIL_FIELDS: Final[Mapping[Detail, tuple[str, ...]]] = {
    Detail.PRICE: ("price", "cost"),
    Detail.PERIOD: ("starts_at", "ends_at"),
    Detail.CELLS: ("cells",),
    Detail.BID: ("bid_incidence_rate", "bid_length_of_interview_minutes"),
    Detail.COMPLETES: ("intervals", "completes_per_hour"),
    Detail.ENTRANTS: ("entrants",),
    Detail.REASON: ("reason_code", "status_changed_at"),
}


async def watch(
    client: AsyncClient,
    query: TargetGroupQuery | None = None,
    *,
    rules: Rules | None = None,
    every: float | None = 300.0,
    refresh: float = 3600.0,
    waker: Waker | None = None,
    history: SnapshotHistory | None = None,
    earlier: Findings | None = None,
    account_id: str | int | None = None,
) -> AsyncGenerator[WatchState]:
    """Yield the state of target groups after each read, with their forecasts and findings, until it is closed.

    The lists are read each ``every`` seconds: one request for each 100 projects of the account and each 100 target
    groups of a project. A target group is read in full, with all its details, when it is new, when its status or goal
    changed, and when its latest full read is ``refresh`` seconds old: seven or eight requests. Target groups that are
    not live are read in full once in 24 times ``refresh``. `requests_per_day` computes what a day costs. Requests wait
    for the client's rate limit.

    Findings and forecasts are made of full reads only, so that their figures belong together. If a read takes longer
    than ``every`` seconds, the state is yielded, and the remaining target groups are read in full next.

    If a read fails, the figures of earlier reads are kept with their times, and ``problems`` has the reasons. The first
    read raises if no project can be listed.

    Args:
        client: The client to use; its clock measures the waits.
        query: The filters of the target groups; by default those of all projects that are live or paused.
        rules: The rules; the default ones if omitted.
        every: Seconds from the start of one read of the lists to the next; None to read everything once, and end.
        refresh: Seconds from one full read of a live target group to the next.
        waker: Brings the read of a project's list forward when an event reports a change of its target groups; once in
            15 seconds at most.
        history: Keeps all full reads; ``history_problem`` has the reason if it fails.
        earlier: The findings to begin with, such as those of the latest run with the same query.
        account_id: The account's number; the client's account by default.

    Raises:
        ConfigurationError: A time is not above 0, or the earlier findings are those of another selection of target
            groups.
        FieldingKitError: if the first read fails.
    """
    check_client(client)
    wanted = query or DEFAULT_QUERY
    for name, seconds in {"every": every, "refresh": refresh}.items():
        if seconds is not None and not 0 < seconds < math.inf:
            raise ConfigurationError(f"{name} must be above 0 seconds; got {seconds!r}")
    reader = _WatchReader(
        Reader(client, account_id), wanted, rules or Rules(), refresh=refresh, history=history, earlier=earlier
    )
    if earlier is not None:
        earlier.check_selection(reader.selection)
    with ExitStack() as subscriptions:
        wakes = _Wakes(client, waker, subscriptions)
        while True:
            started = client.clock.now()
            yield await reader.read(until=None if every is None else started + every)
            if every is None:
                return
            wakes.ignored.clear()
            while woken := await wakes.wait(until=started + every):
                state = await reader.read(woken, until=started + every)
                # Those that no filter selects are not read again for each of their events.
                wakes.ignored.update(set(woken) - reader.projects.keys())
                yield state


class _Wakes:
    """The projects of which events reported a change."""

    def __init__(self, client: AsyncClient, waker: Waker | None, subscriptions: ExitStack) -> None:
        self.ignored: set[str] = set()
        """The projects whose events are ignored."""
        self._clock = client.clock
        self._woken: set[str] = set()
        self._changed = asyncio.Event()
        if waker is not None:
            subscriptions.enter_context(waker.subscribe_all(self._wake))

    async def wait(self, *, until: float) -> Collection[str]:
        """Wait for events or until a time by the client's clock; return their projects, none at that time.

        Events since the end of the last wait count: their changes may be later than the list that was read meanwhile.
        """
        await self._clock.sleep(max(0.0, min(_LEAST_WAIT, until - self._clock.now())))
        timer = self._clock.call_later(max(0.0, until - self._clock.now()), self._changed.set)
        try:
            await self._changed.wait()
        finally:
            timer.cancel()
            self._changed.clear()
        woken, self._woken = self._woken, set()
        return woken if self._clock.now() < until else ()

    def _wake(self, project_id: str) -> None:
        if project_id not in self.ignored:
            self._woken.add(project_id)
            self._changed.set()


class _WatchReader:
    """The target groups of a watch, as far as they were read."""

    def __init__(
        self,
        reader: Reader,
        query: TargetGroupQuery,
        rules: Rules,
        *,
        refresh: float,
        history: SnapshotHistory | None,
        earlier: Findings | None,
    ) -> None:
        self.projects: dict[str, str | None] = {}
        """The projects by id, with their names."""
        self.selection = selection_of(reader, query)
        """The account and the filters in words."""
        self._reader, self._query, self._rules, self._refresh = reader, query, rules, refresh
        self._history, self._findings = history, earlier
        self._listed: dict[str, dict[str, GroupSnapshot]] = {}
        self._failures: dict[str, str] = {}
        self._full: dict[str, FullRead] = {}
        self._earlier: dict[str, list[GroupSnapshot]] = {}
        self._forecasts: dict[str, Forecast | None] = {}
        self._assistants: dict[str, FieldingAssistantAssignment] = {}
        self._due: tuple[DueReconciliations, datetime] | None = None
        self._read_at: datetime | None = None
        self._due_tried: datetime | None = None
        self._due_problem: str | None = None
        self._history_problem: str | None = None

    async def read(self, only: Collection[str] | None = None, *, until: float | None) -> WatchState:
        """Read what is due, and return the state.

        Args:
            only: The projects whose lists are read; all by default. The list of projects is read with them if one of
                them is new.
            until: The time by the client's clock at which no further target group is read in full.

        Raises:
            FieldingKitError: if nothing was ever read.
        """
        client, problem, at = self._reader.client, None, None
        try:
            is_read = await self._read_lists(only)
            at = now_of(client)  # the first response has shown the API's clock
            self._read_at = at if is_read else self._read_at
            await self._read_due(at)
            await self._read_full(until)
        except (ApiError, TransportError, DecodeError) as exc:
            if not self._listed:
                raise
            problem = exc.message
        at = at or now_of(client)
        return self._state(at, problem)

    async def _read_lists(self, only: Collection[str] | None) -> bool:
        """Read the lists of projects, and return False if none could be read.

        Target groups that the lists lack are no longer watched.
        """
        if only is None or not self.projects.keys() >= set(only):
            self.projects = dict(await read_projects(self._reader, self._query))
        names = {id_: name for id_, name in self.projects.items() if only is None or id_ in only}
        groups, failures = await read_lists(self._reader, self._query, names)
        if failures and len(failures) == len(names) and not self._listed:
            raise next(iter(failures.values()))
        for id_ in names:
            self._failures.pop(id_, None)
        self._failures |= {id_: exc.message for id_, exc in failures.items()}
        self._listed |= {id_: {one.target_group_id: one for one in found} for id_, found in groups.items()}
        self._listed = {id_: found for id_, found in self._listed.items() if id_ in self.projects}
        watched = {id_ for found in self._listed.values() for id_ in found}
        memories: tuple[dict[str, Any], ...] = (self._full, self._earlier, self._forecasts, self._assistants)
        for memory in memories:
            for id_ in memory.keys() - watched:
                del memory[id_]
        return bool(groups) or not self.projects

    async def _read_due(self, at: datetime) -> None:
        """Read the reconciliations that are due, if that was tried long ago."""
        tried = self._due_tried
        if RuleName.RECONCILIATION_DUE not in self._rules.enabled:
            return
        if tried is not None and not is_due(tried, at, self._refresh):
            return
        self._due_tried, self._due_problem = at, None
        try:
            self._due = (await read_due(self._reader, self._query), at)
        except FieldingKitError as exc:
            if not is_local(exc):
                raise
            self._due_problem = f"the reconciliations that are due: {exc.message}"

    async def _read_full(self, until: float | None) -> None:
        """Read the target groups in full that are due, as far as there is time."""
        clock, done = self._reader.client.clock, list[GroupSnapshot]()

        async def read(group: GroupSnapshot) -> None:
            if until is None or clock.now() < until:
                done.append(await self._read_group(group))

        fresh = [one for id_, found in self._listed.items() if id_ not in self._failures for one in found.values()]
        try:
            await run_limited(groups_to_read(self._full, fresh, refresh=self._refresh), read, limit=_AT_ONCE)
        finally:
            if done and self._history is not None:
                await self._keep(self._history, done)

    async def _keep(self, history: SnapshotHistory, groups: Sequence[GroupSnapshot]) -> None:
        """Keep full reads in the history; if that fails, the watch continues, and the state says so."""
        self._history_problem = None
        try:
            await asyncio.to_thread(
                history.add, Snapshot(at=groups[0].read_at, groups=tuple(groups), details=tuple(Detail))
            )
        except ConfigurationError as exc:
            self._history_problem = f"{pluralize(len(groups))} could not be kept: {exc.message}"

    async def _read_group(self, listed: GroupSnapshot) -> GroupSnapshot:
        """Read a target group in full."""
        id_ = listed.target_group_id
        before = self._full.get(id_)
        details = details_to_read(before, listed, refresh=self._refresh)
        group = listed if before is None else _with_details(listed, before.group)
        for detail in details:
            changes, unread = await read_detail(self._reader, group, detail)
            missing = dict.fromkeys(_DETAIL_FIELDS[detail]) if unread else {}
            group = attrs.evolve(group, **{**missing, **changes}, unread=(*_others(group, detail), *unread))
        group = attrs.evolve(group, unread=tuple(_others(group, FORECAST)))
        settled = Detail.BID in details
        if settled or any(one.detail == ASSISTANT for one in group.unread):
            group = await self._read_assistant(group)
        settled_at = listed.read_at if settled or before is None else before.settled_at
        earlier = thinned(self._earlier.get(id_, ()), group)
        # The forecast belongs to the full read: no target group is ever shown as read without it.
        made, unread = await _forecast(earlier)
        self._full[id_] = FullRead(group=attrs.evolve(group, unread=(*group.unread, *unread)), settled_at=settled_at)
        self._earlier[id_], self._forecasts[id_] = earlier, made
        return group

    async def _read_assistant(self, group: GroupSnapshot) -> GroupSnapshot:
        """Read the fielding assistant of a target group, if a rule needs it; one that cannot be read is kept."""
        if not {RuleName.PRICE_AT_CAP, RuleName.SOFT_LAUNCH_REACHED} & {*self._rules.enabled}:
            return group
        command = GetFieldingAssistantAssignment(
            account_id=self._reader.account_id, project_id=group.project_id, target_group_id=group.target_group_id
        )
        unread: tuple[UnreadDetail, ...] = ()
        await wait_for_capacity(self._reader.client)
        try:
            self._assistants[group.target_group_id] = await send_read(self._reader.client, command)
        except NotFoundError:
            self._assistants.pop(group.target_group_id, None)
        except FieldingKitError as exc:
            if not is_local(exc):
                raise
            unread = (UnreadDetail(detail=ASSISTANT, reason=exc.message),)
        return attrs.evolve(group, unread=(*_others(group, ASSISTANT), *unread))

    def _state(self, at: datetime, problem: str | None) -> WatchState:
        """Return the state of what was read."""
        listed = {id_: one for found in self._listed.values() for id_, one in found.items()}
        failures = self._failures if problem is None else {**dict.fromkeys(self.projects, problem), **self._failures}
        now = Snapshot(
            at=at,
            groups=tuple(self._evaluated(one) for one in listed.values() if one.project_id not in failures),
            details=tuple(Detail),
            unlisted=tuple(UnlistedProject(id_, reason) for id_, reason in failures.items()),
            selection=self.selection,
        )
        before = self._findings
        self._findings = evaluate(
            now,
            self._rules,
            earlier=before,
            forecasts={id_: made for id_, made in self._forecasts.items() if made is not None},
            assistants=self._assistants,
            due=None if self._due is None else self._due[0],
        )
        of_group: dict[str | None, list[Finding]] = {}
        for finding in self._findings.open:
            of_group.setdefault(finding.target_group_id, []).append(finding)
        groups = (self._watched(one, failures, of_group.get(id_, [])) for id_, one in listed.items())
        unlisted = [f"the target groups of project {self._name(id_)}: {reason}" for id_, reason in failures.items()]
        return WatchState(
            at=at,
            read_at=self._read_at or at,
            groups=by_trouble(groups),
            findings=self._findings,
            changes=compare(before, self._findings),
            due=None if self._due is None else self._due[0],
            due_at=None if self._due is None else self._due[1],
            problems=tuple(filter(None, [problem, *([] if problem else unlisted), self._due_problem])),
            history_problem=self._history_problem,
        )

    def _name(self, project_id: str) -> str:
        name = self.projects.get(project_id)
        return project_id if name is None else f"{name} ({project_id})"

    def _evaluated(self, listed: GroupSnapshot) -> GroupSnapshot:
        """Return the full read of a target group, or its entry in the list with what was not read yet."""
        read = self._full.get(listed.target_group_id)
        if read is not None:
            return read.group
        wanted = details_to_read(None, listed, refresh=self._refresh)
        pending = () if listed.status == TargetGroupStatus.DRAFT else (*wanted, ASSISTANT)
        unread = (UnreadDetail(detail=detail, reason=NOT_READ_YET) for detail in pending)
        return attrs.evolve(listed, unread=(*listed.unread, *unread))

    def _watched(self, listed: GroupSnapshot, failures: Mapping[str, str], findings: Iterable[Finding]) -> WatchedGroup:
        full = self._full.get(listed.target_group_id)
        group = self._evaluated(listed) if full is None else _with_details(listed, full.group)
        if full is not None and is_changed(full.group, listed):
            changed = UnreadDetail(detail="list", reason=CHANGED)
            group = attrs.evolve(group, unread=(*group.unread, changed))
        return WatchedGroup(
            group=group,
            details_at=None if full is None else full.group.read_at,
            forecast=self._forecasts.get(listed.target_group_id),
            findings=by_urgency(findings),
            problem=failures.get(listed.project_id),
        )


async def _forecast(snapshots: Sequence[GroupSnapshot]) -> tuple[Forecast | None, tuple[UnreadDetail, ...]]:
    """Return the forecast of a target group, and the reason if none can be made; None if it is not live."""
    if snapshots[-1].status != TargetGroupStatus.LIVE:
        return None, ()
    try:
        return await asyncio.to_thread(forecast_group, snapshots), ()  # it computes for some hundredths of a second
    except (ValueError, ArithmeticError) as exc:  # of figures that make no sense, such as a negative goal
        return None, (UnreadDetail(detail=FORECAST, reason=f"none can be made: {exc}"),)


def _others(group: GroupSnapshot, detail: str) -> Iterable[UnreadDetail]:
    return (one for one in group.unread if one.detail != detail)


def _with_details(listed: GroupSnapshot, full: GroupSnapshot) -> GroupSnapshot:
    """Return an entry of a list with the details of an earlier full read."""
    names = [name for detail, fields in _DETAIL_FIELDS.items() if detail is not Detail.REASON for name in fields]
    if listed.status == full.status:
        names += _DETAIL_FIELDS[Detail.REASON]
    details: dict[str, Any] = {name: getattr(full, name) for name in names}
    kept = full if listed.status == full.status else attrs.evolve(full, unread=tuple(_others(full, Detail.REASON)))
    unread = (*listed.unread, *_others(kept, "list"))
    return attrs.evolve(listed, project_name=listed.project_name or full.project_name, unread=unread, **details)
