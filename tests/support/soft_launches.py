"""A draft in a sandbox whose soft launch a test moves ahead by hand."""

import asyncio
from datetime import timedelta
from typing import Any, Self

import attrs

from fieldingkit import AsyncClient
from fieldingkit.monitoring import SoftLaunchCheck, SoftLaunchLimit, SoftLaunchReport, soft_launch
from fieldingkit.resources.target_group_drafts import CreateTargetGroup, FieldingSpecification, GetTargetGroup
from fieldingkit.sandbox import Sandbox, TargetGroup, faults
from fieldingkit.sandbox.model.assistant import module_changes
from support import draft_settings
from support.fake_clock import FakeClock

GOAL, LIMIT = 200, 21
PASSING = SoftLaunchCheck(
    max_length_of_interview_minutes=10, min_incidence_rate=0.3, max_drop_off_rate=0.3, min_conversion_rate=0.3
)
"""Limits that the sandbox's figures keep."""
FAILING = SoftLaunchCheck(max_length_of_interview_minutes=7, min_conversion_rate=0.3)
"""Limits of which the sandbox's length of interview, 8 minutes, breaks one."""
UNTIL = SoftLaunchLimit(completes=LIMIT)
"""The API's own limit is 11 %, which are 22 completes: it does not pause the target group first."""
REDUCED = SoftLaunchLimit(completes=LIMIT, whole_goal=GOAL)
"""The same where the goal may be reduced."""


class Scene:
    """A draft that gets completes from the test alone, and a client whose waits take no time.

    Args:
        sandbox: The sandbox.
        has_assistant: False if the API refuses the fielding assistant; the goal is reduced then.
    """

    def __init__(self, sandbox: Sandbox, *, has_assistant: bool = True) -> None:
        self.sandbox = sandbox
        self.has_assistant = has_assistant
        self.clock = FakeClock(sandbox.clock, jump=60.0)
        self.client = AsyncClient(
            auth=sandbox.issue_token(1e9),
            account_id=sandbox.account_id,
            base_url=sandbox.url,
            clock=self.clock,
            deadline=None,
        )
        self.group: TargetGroup
        self.draft: GetTargetGroup

    async def __aenter__(self) -> Self:
        project, now = self.sandbox.seed(draft=1), self.sandbox.clock.now()
        period = FieldingSpecification(start_at=now, end_at=now + timedelta(days=20))
        changes = {"project_manager_id": project.manager_id, "fielding_specification": period, "completes_goal": GOAL}
        command = CreateTargetGroup(project_id=project.id, **draft_settings.settings(**changes))
        self.group = self.sandbox.group((await self.client.send(command)).id)
        self.draft = GetTargetGroup(project_id=project.id, target_group_id=self.group.id)
        self.calm()
        return self

    def calm(self) -> None:
        """Remove all faults but the refusal of the assistant."""
        self.sandbox.faults.clear()
        if not self.has_assistant:
            refused = "create_or_update_fielding_assistant_assignment"
            self.sandbox.faults.add(refused, faults.Answer(403), times=None)

    async def __aexit__(self, *exc: object) -> None:
        self.sandbox.faults.clear()
        await self.client.aclose()

    async def call(self, check: SoftLaunchCheck = PASSING, **options: Any) -> SoftLaunchReport:
        """Call ``soft_launch`` without waiting for completes."""
        options = {
            "until": UNTIL if self.has_assistant else REDUCED,
            "timeout": 0,
            "accept_infeasible": True,
            **options,
        }
        return await soft_launch(self.client, self.draft, check=check, **options)

    async def reach(self) -> None:
        """Launch it up to the limit, and count the completes."""
        await self.call()
        self.group.completes = LIMIT

    @property
    def is_limited(self) -> bool:
        """True if the soft launch is on, or the goal reduced."""
        return bool((self.group.assistant or {}).get("soft_launch")) or self.group.goal == LIMIT

    @property
    def is_bounded(self) -> bool:
        """True if the target group cannot field its whole goal now."""
        return self.group.status in ("draft", "paused", "completed") or self.is_limited

    def actions(self, since: int = 0) -> list[str]:
        """Return the names of the changes, the later ones of them."""
        return [change.action for change in self.group.history[since:]]


class Interruption(faults.Fault):
    """Call a function when the request with a number arrives, counted from 0.

    Args:
        number: The number of the request.
        function: The function; called before the request is handled.
    """

    def __init__(self, number: int, function: Any) -> None:
        self.left = number
        self.function = function

    async def inject(self, exchange: faults.Exchange) -> Any:
        """Handle the request."""
        self.left -= 1
        if self.left == -1:
            self.function()
        return await exchange.proceed()


class Crash(faults.Fault):
    """Cancel a task when the request with a number arrives, counted from 0, and drop the connection.

    Args:
        number: The number of the request.
        task: The task, of the present event loop.
        is_applied: True if that request is handled.
    """

    def __init__(self, number: int, task: "asyncio.Task[Any]", *, is_applied: bool) -> None:
        self.left = number
        self.task = task
        self.loop = asyncio.get_running_loop()
        self.is_applied = is_applied

    async def inject(self, exchange: faults.Exchange) -> Any:
        """Handle the request, or crash."""
        self.left -= 1
        if self.left >= 0:
            return await exchange.proceed()
        if self.is_applied:
            await exchange.proceed()
        self.loop.call_soon_threadsafe(self.task.cancel)
        return await faults.DropBefore().inject(exchange)


def change_goal(sandbox: Sandbox, group: TargetGroup) -> None:
    """Change the goal as another user."""
    group.set_goal(300, at=sandbox.clock.now(), request=0)
    _by_another_user(group)


def switch_off(sandbox: Sandbox, group: TargetGroup) -> None:
    """Switch all modules of the fielding assistant off as another user."""
    group.set_assistant({}, module_changes(group.assistant or {}, {}), at=sandbox.clock.now(), request=0)
    _by_another_user(group)


def _by_another_user(group: TargetGroup) -> None:
    """Give the latest change another author."""
    group._history[-1] = attrs.evolve(group._history[-1], by="Ada")
