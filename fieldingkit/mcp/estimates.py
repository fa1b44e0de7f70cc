"""The tool of feasibility: the completes and the price that the API expects of a launched target group."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Final

from pydantic import Field

from fieldingkit.client import AsyncClient
from fieldingkit.mcp.lists import GroupId, ProjectId
from fieldingkit.mcp.outputs import Amount, Output, amount, cut_note
from fieldingkit.resources.feasibility import CalculateTargetGroupFeasibility, Feasibility
from fieldingkit.resources.money import Money
from fieldingkit.workflows.reading import send_read

__all__ = ["EstimateTools", "FeasibilityOutput"]

_MOST_TARGETS: Final = 50
"""Targets of profiles shown."""


class TargetEstimate(Output):
    """The estimate of one target of a profile."""

    profile: int
    """The position of the profile, from 0."""
    target: int
    """The position of the target in the profile, from 0."""
    completes_min: int | None
    """The least number of completes to expect."""
    completes_max: int | None
    """The greatest number of completes to expect."""


class FeasibilityOutput(Output):
    """An estimate of the API. It reserves nothing."""

    completes_min: int | None
    """The least number of completes to expect; null if the API has no estimate."""
    completes_max: int | None
    """The greatest number of completes to expect; null if the API has no estimate."""
    suggested_price: Amount | None
    """The suggested price of a complete."""
    suggested_price_min: Amount | None
    """The lower end of the suggested range."""
    suggested_price_max: Amount | None
    """The upper end of the suggested range."""
    targets: list[TargetEstimate]
    """The estimates of the targets of its profiles."""
    targets_cut: str | None
    """The targets that are not shown; null if all are."""


class EstimateTools:
    """The tool of feasibility."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def check_feasibility(
        self,
        *,
        project_id: ProjectId,
        target_group_id: GroupId,
        completes_goal: Annotated[int | None, Field(ge=1, le=10_000, description="Another goal.")] = None,
        end_at: Annotated[datetime | None, Field(description="Another end of fielding, with a time zone.")] = None,
        price: Annotated[Decimal | None, Field(ge=0, description="Another price of a complete.")] = None,
        currency: Annotated[
            str | None, Field(pattern="^[A-Z]{3}$", description="The currency of price, such as USD.")
        ] = None,
    ) -> FeasibilityOutput:
        """Ask how many completes a launched target group can reach, as it is or with another goal, end or price.

        Nothing is changed. A draft has no such estimate: its user can run `fieldingkit feasibility study.toml`.
        """
        cost = None if price is None and currency is None else Money(value=price, currency_code=currency)
        command = CalculateTargetGroupFeasibility(
            project_id=project_id,
            target_group_id=target_group_id,
            completes_goal=completes_goal,
            end_at=end_at,
            cost_per_interview=cost,
        )
        return _output(await send_read(self._client, command))


def _output(read: Feasibility) -> FeasibilityOutput:
    targets = [
        TargetEstimate(
            profile=profile,
            target=position,
            completes_min=None if one.min_completes is None else one.min_completes.projected_completes_goal,
            completes_max=None if one.max_completes is None else one.max_completes.projected_completes_goal,
        )
        for profile, estimates in enumerate(read.profiles)
        for position, one in enumerate(estimates.targets)
    ]
    return FeasibilityOutput(
        completes_min=read.completes_min,
        completes_max=read.completes_max,
        suggested_price=amount(read.suggested_price),
        suggested_price_min=amount(read.suggested_price_min),
        suggested_price_max=amount(read.suggested_price_max),
        targets=targets[:_MOST_TARGETS],
        targets_cut=cut_note(len(targets) - _MOST_TARGETS, "target", "Its user can see them on the platform."),
    )
