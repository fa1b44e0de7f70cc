"""``soft_launch``: field a part of the goal, pause, check the figures, and resume or report."""

from datetime import datetime, timedelta
from typing import Any, cast

import attrs

from fieldingkit._repr import brief_repr
from fieldingkit.client import AsyncClient
from fieldingkit.commands import Command, check_kind
from fieldingkit.errors import (
    ApiError,
    ConfigurationError,
    FieldingKitError,
    InvalidStateError,
    PreconditionFailedError,
    TooManyConflictsError,
    WorkflowError,
)
from fieldingkit.monitoring.soft_launches.gate import Decision, Reading, Step, next_step
from fieldingkit.monitoring.soft_launches.history import OtherChange
from fieldingkit.monitoring.soft_launches.limits import SoftLaunchCheck, SoftLaunchLimit
from fieldingkit.monitoring.soft_launches.reader import UNAVAILABLE, ids_of, read_state
from fieldingkit.monitoring.soft_launches.report import SoftLaunchOutcome, SoftLaunchReport
from fieldingkit.option_validators import check_wait_timeout
from fieldingkit.resources.accounts import ListAccountUsers
from fieldingkit.resources.fielding_assistant import (
    FieldingAssistantAssignment,
    PutFieldingAssistantAssignment,
    SoftLaunch,
)
from fieldingkit.resources.fielding_runs import (
    FieldingRun,
    FieldingRunChange,
    FieldingRunStatus,
    PauseFieldingRun,
    ResumeFieldingRun,
)
from fieldingkit.resources.profiling import TargetGroupProfiles
from fieldingkit.resources.target_group_drafts import GetTargetGroup
from fieldingkit.resources.target_group_goals import UpdateProfileFillingGoal
from fieldingkit.workflows.creation import check_client
from fieldingkit.workflows.due_reconciliations import now_of
from fieldingkit.workflows.launches import launch
from fieldingkit.workflows.optimistic import any_maybe_applied, keep_outcome
from fieldingkit.workflows.reading import send_read

__all__ = ["soft_launch", "soft_launch_is_due"]

_ENDS = (Step.STOP_RESUMED, Step.STOP_HELD, Step.STOP_INTERRUPTED)
_LAG_DELAYS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""The delays before a changelog is read again that may lack the latest change, in seconds."""
_MAX_DELAY = 30.0
"""The longest delay after a conflict, in seconds, unless the API asks for more."""


async def soft_launch(
    client: AsyncClient,
    group: GetTargetGroup,
    *,
    until: SoftLaunchLimit,
    check: SoftLaunchCheck,
    end_fielding_at: datetime | None = None,
    accept_infeasible: bool = False,
    interval: float = 60.0,
    timeout: float | None = None,
    max_conflicts: int = 3,
) -> SoftLaunchReport:
    """Launch a draft up to a limit, pause it, check its figures, and resume it if all are within their limits.

    The limit is set at the API before the launch, as the ``soft_launch`` module of the fielding assistant: after a
    crash the API pauses the target group there. Call it again with the same arguments to continue, in any process:
    each step follows from what is read. A paused target group that is within its limits has its soft launch switched
    off, and is then resumed.

    Goals are only changed if ``until.whole_goal`` is given and the API refuses the module (403, 404 or 405): the
    goal of the draft is reduced before the launch, and restored before the target group is resumed. No ETag guards a
    goal: a change by another user is named and kept, unless it comes after the last read and before the write.

    If another user changes the status, the goal or the soft launch after the launch, or the API pauses the target group
    for another reason than its limit, nothing more is done: the report says who, what and when. Other users are
    recognized by the id in the changelog; programs with the same credentials are one user.

    Args:
        client: The client to use; with a blocking one, ``client.call(soft_launch, group, until=..., check=...)``.
        group: The command that reads the draft.
        until: The completes or the percentage of the goal to field first.
        check: The limits of the figures.
        end_fielding_at: The end of fielding, with a time zone; by default the draft's planned one.
        accept_infeasible: True to launch although goals are not feasible.
        interval: Seconds between two reads while completes arrive. Each takes four requests, and one for each
            50 changes of its status, goal and soft launch.
        timeout: Seconds to wait for completes at most; None for no limit, 0 to take the steps that are due.
        max_conflicts: Conflicts and ambiguous outcomes to resolve by reading before giving up.

    Raises:
        InfeasibleError: if a goal is not feasible; nothing was launched.
        WorkflowError: if the limit is not below the goal, a draft has another goal than ``until.whole_goal``, or a part
            of the state cannot be read.
        TooManyConflictsError: if more conflicts and ambiguous outcomes than that occurred; the error lists them.
        FieldingKitError: if the state cannot be read, or the launch fails as in ``workflows.launch``. A note lists the
            steps that were done before.
    """
    check_client(client)
    check_kind(group, GetTargetGroup)
    check_kind(until, SoftLaunchLimit)
    check_kind(check, SoftLaunchCheck)
    check_wait_timeout(interval, optional=False, name="interval")
    check_wait_timeout(timeout)
    if type(max_conflicts) is not int or max_conflicts < 0:
        raise ConfigurationError(f"max_conflicts must be an integer of at least 0; got {brief_repr(max_conflicts)}")
    options = {"end_fielding_at": end_fielding_at, "accept_infeasible": accept_infeasible}
    gate = _Gate(client, group, until, check, interval, timeout, max_conflicts, options)
    try:
        return await gate.run()
    except BaseException as exc:
        if gate.steps:
            done = f"Steps done before: {', '.join(gate.steps)}. Call soft_launch again to continue."
            if gate.steps != [_LIMITED]:
                keep_outcome(exc, done)
            exc.add_note(done)
        elif any_maybe_applied(gate.conflicts):
            last = next(conflict for conflict in reversed(gate.conflicts) if conflict.maybe_applied)
            keep_outcome(exc, f"{last.operation_id} may have been applied: call soft_launch again", last.command)
        raise


async def soft_launch_is_due(
    client: AsyncClient, group: GetTargetGroup, *, until: SoftLaunchLimit, check: SoftLaunchCheck
) -> bool:
    """Return False while ``soft_launch`` would only wait for completes. It sends reads only.

    With it, the wait can be somewhere else than in ``soft_launch``: call that with ``timeout=0`` whenever this returns
    True, until its outcome is another one than ``waiting``.

    Args:
        client: The client to use; with a blocking one, ``client.call(soft_launch_is_due, group, ...)``.
        group: The command that reads the draft.
        until: The completes or the percentage of the goal to field first.
        check: The limits of the figures.

    Raises:
        WorkflowError: if a part of the state cannot be read.
        FieldingKitError: if the API does not answer.
    """
    check_client(client)
    check_kind(group, GetTargetGroup)
    check_kind(until, SoftLaunchLimit)
    check_kind(check, SoftLaunchCheck)
    seen = await read_state(client, group, needs_assistant=until.whole_goal is None)
    return next_step(seen, until, check).step is not Step.WAIT


_LIMITED = "limited"


@attrs.define
class _Gate:
    """One call of ``soft_launch``."""

    client: AsyncClient
    group: GetTargetGroup
    until: SoftLaunchLimit
    check: SoftLaunchCheck
    interval: float
    timeout: float | None
    max_conflicts: int
    launch_options: dict[str, Any]
    steps: list[str] = attrs.field(init=False, factory=list[str])
    conflicts: list[FieldingKitError] = attrs.field(init=False, factory=list[FieldingKitError])
    has_released: bool = attrs.field(init=False, default=False)
    wanted: SoftLaunch | None = attrs.field(init=False, default=None)
    """The soft launch to set; the same for all of this call."""

    async def run(self) -> SoftLaunchReport:
        """Read, decide and act until nothing is left to do."""
        deadline = None if self.timeout is None else self.client.clock.now() + self.timeout
        lags = iter(_LAG_DELAYS)
        while True:
            seen = await read_state(self.client, self.group, needs_assistant=self.until.whole_goal is None)
            decision = self._decide(seen)
            if not decision.is_settled and (delay := next(lags, None)) is not None:
                await self.client.clock.sleep(delay)
                continue
            if decision.step is Step.WAIT:
                left = self.interval if deadline is None else deadline - self.client.clock.now()
                if left <= 0:
                    return await self._report(seen, decision)
                await self.client.clock.sleep(min(left, self.interval))
            elif decision.step in _ENDS:
                return await self._report(seen, decision)
            elif (etag := await self._act(decision.step, seen)) is not None and decision.step is Step.RESUME:
                return await self._report(seen, Decision(Step.STOP_RESUMED), etag=etag)
            lags = iter(_LAG_DELAYS)

    def _decide(self, seen: Reading) -> Decision:
        if seen.run is None:
            self.wanted = self._wanted(seen.goal)
        return next_step(seen, self.until, self.check, self.wanted, has_released=self.has_released)

    async def _act(self, step: Step, seen: Reading) -> str | None:
        """Take a step; return the new ETag of the run, or None if the state must be read to know the outcome."""
        match step:
            case Step.LIMIT:
                return await self._limit(seen)
            case Step.LAUNCH:
                await self._launch()
                return None
            case Step.PAUSE:
                return await self._send(self._action(PauseFieldingRun, seen), "paused")
            case Step.RELEASE:
                return await self._release(seen)
            case _:
                return await self._send(self._action(ResumeFieldingRun, seen), "resumed")

    def _wanted(self, goal: int) -> SoftLaunch:
        """Return the soft launch to set before the launch."""
        limit, whole = self.until.of_goal(goal), self.until.whole_goal or goal
        if limit >= whole:
            raise WorkflowError(f"the limit of {limit} is not below the goal of {whole}", command=self.group)
        if goal not in (limit, whole):
            raise WorkflowError(
                f"the draft has a goal of {goal}, and neither {whole} nor {limit}; nothing was launched",
                command=self.group,
            )
        if self.wanted is not None:
            return self.wanted
        end_at = now_of(self.client) + timedelta(hours=self.until.max_hours)
        return self.until.module(whole, end_at.replace(microsecond=end_at.microsecond // 1000 * 1000))

    async def _limit(self, seen: Reading) -> str | None:
        assignment = (seen.assignment or FieldingAssistantAssignment()).replace(soft_launch=self.wanted)
        command = PutFieldingAssistantAssignment(
            **ids_of(self.group), assignment=assignment, if_none_match="*" if seen.assignment is None else None
        )
        try:
            return await self._send(command, _LIMITED)
        except ApiError as exc:
            if self.until.whole_goal is None or exc.maybe_applied or exc.status not in UNAVAILABLE:
                raise
        return await self._set_goal(self.until.of_goal(seen.goal), _LIMITED)

    async def _release(self, seen: Reading) -> str | None:
        if seen.module is None:
            answer = await self._set_goal(cast("int", self.until.whole_goal), "released")
        else:
            assignment = cast("FieldingAssistantAssignment", seen.assignment).replace(soft_launch=None)
            command = PutFieldingAssistantAssignment(**ids_of(self.group), assignment=assignment)
            answer = await self._send(command, "released")
        self.has_released = self.has_released or answer is not None
        return answer

    async def _set_goal(self, goal: int, step: str) -> str | None:
        return await self._send(UpdateProfileFillingGoal(**ids_of(self.group), completes_goal=goal), step)

    async def _launch(self) -> None:
        launched = await launch(self.client, self.group, max_conflicts=self.max_conflicts, **self.launch_options)
        self.conflicts += launched.conflicts
        if launched.changed:
            self.steps.append("launched")

    def _action(
        self, kind: type[PauseFieldingRun] | type[ResumeFieldingRun], seen: Reading
    ) -> PauseFieldingRun | ResumeFieldingRun:
        """Return an action on the run as it was judged: after any change of it, the API refuses the action."""
        run = cast("FieldingRun", seen.run)
        return kind(**ids_of(self.group), fielding_run_id=run.id, if_match=run.etag)

    async def _send(self, command: Command[Any], step: str) -> str | None:
        """Send a write; return the ETag of the response, or None if the state must be read to know the outcome."""
        try:
            result = await self.client.send(command)
        except FieldingKitError as exc:
            if not (exc.maybe_applied or isinstance(exc, PreconditionFailedError | InvalidStateError)):
                raise
            self.conflicts.append(exc)
        else:
            return self._done(result, step, command)
        number, last = len(self.conflicts), self.conflicts[-1]
        if number > self.max_conflicts:
            raise TooManyConflictsError(
                f"{number} writes were refused or of unclear outcome",
                conflicts=self.conflicts,
                command=command,
                maybe_applied=any_maybe_applied(self.conflicts),
                attempts=[attempt for conflict in self.conflicts for attempt in conflict.attempts],
            ) from last
        asked = getattr(last, "retry_after", None) or 0.0
        await self.client.clock.sleep(max(asked, min(2.0**number, _MAX_DELAY)))
        return None

    def _done(
        self, result: FieldingRunChange | TargetGroupProfiles | None, step: str, command: Command[Any]
    ) -> str | None:
        """Note a step that the API answered as done; return the run's ETag, or None if the answer contradicts it."""
        if self.steps.count(step) > self.max_conflicts:
            raise WorkflowError(
                f"the API answered {self.steps.count(step)} times that it {step} the target group, "
                "and it still reads as before",
                conflicts=self.conflicts,
                command=command,
                maybe_applied=True,
            )
        self.steps.append(step)
        if not isinstance(result, FieldingRunChange):
            return ""
        wanted = FieldingRunStatus.PAUSED if isinstance(command, PauseFieldingRun) else FieldingRunStatus.LIVE
        return result.etag if result.status in (None, wanted) else None

    async def _report(self, seen: Reading, decision: Decision, *, etag: str | None = None) -> SoftLaunchReport:
        run = cast("FieldingRun", seen.run)
        is_waiting = decision.step is Step.WAIT
        others = await self._named(decision.others)
        return SoftLaunchReport(
            outcome=SoftLaunchOutcome.WAITING if is_waiting else SoftLaunchOutcome(decision.step.value),
            reason="; ".join(map(str, others)) or decision.reason,
            target_group_id=self.group.target_group_id,
            status=run.status if etag is None else FieldingRunStatus.LIVE,
            etag=run.etag if etag is None else etag,
            is_limited=seen.module is not None or self.until.is_reduced(seen.goal),
            counted=seen.counted,
            limit=self.until.of_goal(seen.goal),
            goal=seen.goal,
            figures=() if seen.overview is None else self.check.figures(seen.overview),
            others=others,
            steps=tuple(self.steps),
            conflicts=tuple(self.conflicts),
        )

    async def _named(self, others: tuple[OtherChange, ...]) -> tuple[OtherChange, ...]:
        """Add the names of users, as far as they can be read."""
        if not others:
            return ()
        try:
            users = await send_read(self.client, ListAccountUsers(account_id=self.group.account_id))
        except ApiError:
            return others
        names = {user.id: user.name for user in users}
        return tuple(attrs.evolve(one, user_name=names.get(one.user_id or "")) for one in others)
