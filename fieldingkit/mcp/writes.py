"""The tools that plan and apply: pause or resume named target groups, as a plan that was shown before."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal

import attrs
from mcp.server.mcpserver import AcceptedElicitation, CancelledElicitation, Context, Elicit, ElicitationResult, Resolve
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import BaseModel, Field

from fieldingkit.client import AsyncClient
from fieldingkit.mcp.execution import PlanExecutor
from fieldingkit.mcp.outputs import ApiText, Output, api_code, api_text, plain_text
from fieldingkit.mcp.plans import KEPT, LIFETIME, PlanRefusedError, ShownPlans, refusal
from fieldingkit.mcp.progress import SweepReports
from fieldingkit.mcp.runs import SweepCommands, SweepOutput, sweep_output
from fieldingkit.rendering.text import pluralize
from fieldingkit.sweeps.actions import Action
from fieldingkit.sweeps.discovery import FoundGroups, find_groups
from fieldingkit.sweeps.plan import SweepPlan, TargetGroupQuery
from fieldingkit.sweeps.previews import SweepPreview, make_preview
from fieldingkit.sweeps.state import FoundGroup

__all__ = ["PlanOutput", "WriteTools"]

_MOST_NAMED: Final = 10
"""Target groups that the question to the user names."""


class Member(BaseModel):
    """A target group to plan for."""

    project_id: str = Field(description="Its project's id, a ULID.")
    target_group_id: str = Field(description="Its id, a ULID.")


class Confirmation(BaseModel):
    """The answer of the user."""

    apply: bool = Field(title="Apply", description="Yes to apply the plan now.")


class PlannedGroup(Output):
    """A target group of a plan."""

    project_id: str
    """Its project's id."""
    target_group_id: str
    """Its id."""
    name: ApiText | None
    """Its name."""
    status: str | None
    """Its status now."""
    would: str
    """pause or resume if it would be sent; unchanged or skipped if not."""
    reason: str | None
    """The reason why it would not be sent."""


class PlanOutput(Output):
    """A plan. Nothing was changed yet. Show it to your user before you apply it."""

    plan_id: str | None
    """The id for apply_sweep, which works once; null if there is nothing to send."""
    expires_at: datetime | None
    """The time until which it can be applied, UTC: ten minutes from now."""
    run_id: str | None
    """The id of the run that applies it, for show_sweep, also if apply_sweep gives no answer; null if there is nothing
    to send."""
    account_id: str | None
    """The account."""
    api: str
    """The base URL of the API."""
    action: str
    """pause or resume."""
    to_send: int
    """The number of target groups that would be sent. Exactly these are sent."""
    target_groups: list[PlannedGroup]
    """All target groups of the plan."""
    what_to_do: str
    """The next step."""


class WriteTools:
    """The tools that plan and apply.

    Args:
        client: The client.
        executor: Applies the plans.
        commands: The command lines that continue or undo a run.
    """

    def __init__(self, client: AsyncClient, executor: PlanExecutor, commands: SweepCommands) -> None:
        self._client = client
        self._commands = commands
        self._executor = executor
        self._plans = ShownPlans(client.clock)

    async def plan_sweep(
        self,
        action: Annotated[Literal["pause", "resume"], Field(description="The action.")],
        target_groups: Annotated[
            list[Member], Field(min_length=1, max_length=100, description="1 to 100 target groups, each named.")
        ],
    ) -> PlanOutput:
        """Plan to pause live target groups, or to resume paused ones. Nothing is changed.

        Show the plan to your user. apply_sweep applies it once, within ten minutes, and refuses it if one of its
        target groups moved meanwhile.
        """
        by_project: dict[str, list[str]] = {}
        for one in target_groups:
            by_project.setdefault(one.project_id, []).append(one.target_group_id)
        # The account is in the plan, since the command line resumes runs whose plan names it.
        account_id = self._client.account_id
        plan = SweepPlan(action=Action(action), target_groups=by_project, account_id=account_id, strict=True)
        seen = await self._preview(plan)
        return _output(seen, self._plans.add(seen) if seen.to_send else None)

    async def _preview(self, plan: SweepPlan) -> SweepPreview:
        """Return the target groups of a plan with statuses and names, which only the lists of their projects have.

        Raises:
            ToolError: if one of them is not in its project, or has a status that this release does not know.
            FieldingKitError: if one of the projects cannot be listed.
        """
        named = plan.target_groups or {}
        query = TargetGroupQuery(project_ids=named)
        listed = await find_groups(self._client, attrs.evolve(plan, target_groups=None, query=query))
        found = {(group.project_id, group.target_group_id): group for group in listed.groups}
        wanted = list(dict.fromkeys((project_id, id_) for project_id, ids in named.items() for id_ in ids))
        missing = [id_ for project_id, id_ in wanted if (project_id, id_) not in found]
        groups = tuple(found[key] for key in wanted if key in found)
        missing += [group.target_group_id for group in groups if group.status is None or not group.status.known]
        if missing:
            raise ToolError(
                f"{pluralize(len(missing))} cannot be planned for, because they are not in their project, or have a "
                f"status that this release does not know, such as {missing[0]}. Nothing was changed. Check the ids."
            )
        return make_preview(self._client, plan, FoundGroups(groups, ()))

    def apply_tool(self) -> Callable[..., Awaitable[SweepOutput]]:
        """Return the tool that applies a plan. The question to the user is one of its parameters."""
        plans, executor, commands = self._plans, self._executor, self._commands

        async def ask(plan_id: str, ctx: Context) -> Confirmation | Elicit[Confirmation]:
            planned = plans.get(plan_id)
            capabilities = ctx.client_capabilities
            form = None if capabilities is None else capabilities.elicitation
            if form is None or (form.form is None and form.url is not None):
                return Confirmation(apply=True)  # its user cannot be asked; many clients ask before each tool
            return Elicit(_question(planned), Confirmation)

        async def apply_sweep(
            plan_id: Annotated[str, Field(description="The plan_id of a plan that was shown.")],
            answer: Annotated[ElicitationResult[Confirmation], Resolve(ask)],
            ctx: Context,
        ) -> SweepOutput:
            """Apply a plan of plan_sweep. It changes exactly the target groups that the plan names.

            It takes as long as the jobs of the API, which may be minutes, and reports progress meanwhile.
            If the call is cancelled, times out or loses its answer, it may have been applied, or still be in progress:
            call show_sweep with the run_id of the plan, and do not plan again before it says what was done.
            """
            if isinstance(answer, CancelledElicitation):
                raise refusal("The user closed the question without an answer", KEPT)
            if not (isinstance(answer, AcceptedElicitation) and answer.data.apply):
                plans.get(plan_id)
                plans.end(plan_id, "the user declined it")
                raise refusal("The user did not accept the plan")
            planned = plans.take(plan_id)
            run_id = planned.plan.run_id
            became = (
                f"a call that failed or was cancelled may have applied it as the run {run_id}; see show_sweep. "
                "If there is no such run, nothing was sent"
            )
            async with SweepReports(ctx, len(planned.groups)) as progress:
                try:
                    applied = await executor.apply(planned, progress)
                    became = f"it was applied before, as the run {run_id}; see show_sweep"
                except PlanRefusedError:
                    became = "it was refused before, and nothing was sent for it"
                    raise
                finally:
                    plans.end(plan_id, became)
            return sweep_output(applied.report, commands, finished=applied.finished)

        return apply_sweep


def _question(planned: SweepPreview) -> str:
    """Return the question to the user. Names of target groups may say anything, such as another id.

    So a line begins with the id, and has no other double quotes than those around the name.
    """
    plan, groups = planned.plan, planned.to_send
    place = f"account {planned.identity.account_id} at {planned.identity.base_url}"
    names = [
        f'- {group.target_group_id}: "{plain_text(group.name or "").replace(chr(34), chr(39))}"'
        for group in groups[:_MOST_NAMED]
    ]
    left = [f"and {len(groups) - _MOST_NAMED:,} more"] if len(groups) > _MOST_NAMED else []
    return "\n".join([f"{plan.action.capitalize()} {pluralize(len(groups))} of {place}?", *names, *left])


def _output(seen: SweepPreview, plan_id: str | None) -> PlanOutput:
    count = len(seen.to_send)
    return PlanOutput(
        plan_id=plan_id,
        expires_at=None if plan_id is None else seen.created_at.astimezone(UTC) + timedelta(seconds=LIFETIME),
        run_id=None if plan_id is None else seen.plan.run_id,
        account_id=seen.identity.account_id,
        api=seen.identity.base_url,
        action=seen.plan.action.value,
        to_send=count,
        target_groups=[_planned(seen, group) for group in seen.groups],
        what_to_do=f"Show this plan to your user. If they want it, call apply_sweep: it would {seen.plan.action} "
        f"{pluralize(count)}. It may take minutes. If the call is cancelled, times out or loses its answer, call "
        f"show_sweep with the run_id {seen.plan.run_id}, and do not plan again before."
        if count
        else "Nothing would be sent, so there is nothing to apply.",
    )


def _planned(seen: SweepPreview, group: FoundGroup) -> PlannedGroup:
    action = seen.plan.action
    outcome, reason = group.settled(action) or (action, None)
    return PlannedGroup(
        project_id=group.project_id,
        target_group_id=group.target_group_id,
        name=api_text(group.name),
        status=api_code(group.status),
        would=outcome.value,
        reason=None if reason is None else plain_text(reason),
    )
