"""The limits of a soft launch: of its completes, and of the figures that they bring."""

import math
from datetime import datetime

import attrs

from fieldingkit.errors import InvalidCommandError
from fieldingkit.resources.fielding_assistant import SoftLaunch
from fieldingkit.resources.target_group_progress import TargetGroupOverview
from fieldingkit.results import Serializable
from fieldingkit.validators import integer, number

__all__ = ["CheckedFigure", "SoftLaunchCheck", "SoftLaunchLimit"]


@attrs.frozen(kw_only=True)
class SoftLaunchLimit(Serializable):
    """The part of the goal that a soft launch fields: a number of completes or a percentage, not both."""

    completes: int | None = attrs.field(default=None, validator=integer(1))
    """The number of completes, or of prescreens if the goal counts these; below the goal."""
    percent: int | None = attrs.field(default=None, validator=integer(1, 99))
    """The percentage of the goal, 1 to 99; rounded up to a whole complete."""
    max_hours: float = attrs.field(default=48.0, validator=number(0, 24 * 365, exclusive=True))
    """The hours after which the API pauses the target group at the latest, counted from the call that launches it."""
    demographics_strictness_percentage: int = attrs.field(default=0, validator=integer(0, 100))
    """The adherence to the demographics of the full launch, 0 to 100: 100 is strict, 0 is none."""
    whole_goal: int | None = attrs.field(default=None, validator=integer(1))
    """The whole goal, to limit the launch by a smaller goal where the API refuses the fielding assistant. That has no
    ``max_hours``, and the shares of quotas stay as they are. By default goals are not changed."""

    def __attrs_post_init__(self) -> None:
        if (self.completes is None) == (self.percent is None):
            raise InvalidCommandError("SoftLaunchLimit: set either completes or percent", field="completes")

    def of_goal(self, goal: int) -> int:
        """Return the number of completes for a goal; the whole goal counts if it is given."""
        return self.completes or math.ceil((self.whole_goal or goal) * (self.percent or 0) / 100)

    def is_reduced(self, goal: int) -> bool:
        """Return True if a goal is the smaller one that limits the launch."""
        return self.whole_goal is not None and goal == self.of_goal(goal) < self.whole_goal

    def module(self, goal: int, end_at: datetime) -> SoftLaunch:
        """Return the assistant's module with this limit. Its percentage is whole, and so may allow some more completes.

        Args:
            goal: The goal of the target group.
            end_at: The time of the pause at the latest.
        """
        return SoftLaunch(
            end_at=end_at,
            filling_goal_percentage=self.percent or min(100, math.ceil(100 * (self.completes or 0) / goal)),
            demographics_strictness_percentage=self.demographics_strictness_percentage,
        )


@attrs.frozen(kw_only=True)
class CheckedFigure(Serializable):
    """A figure of a soft launch, beside its limit."""

    name: str
    """The name of the figure, with its unit if it has one."""
    value: float | None
    """The figure as it was read; None if the API sent no readable one."""
    minimum: float | None = None
    """The smallest value allowed."""
    maximum: float | None = None
    """The largest value allowed."""

    @property
    def is_within(self) -> bool:
        """True if the figure is known and within its limit."""
        return (
            self.value is not None
            and (self.minimum is None or self.value >= self.minimum)
            and (self.maximum is None or self.value <= self.maximum)
        )

    def __str__(self) -> str:
        value = "unknown" if self.value is None else f"{self.value:.4g}"
        limit = f"at most {self.maximum:g}" if self.minimum is None else f"at least {self.minimum:g}"
        return f"{self.name.replace('_', ' ')} is {value}, wanted {limit}"


@attrs.frozen(kw_only=True)
class SoftLaunchCheck(Serializable):
    """The limits of a soft launch's figures; at least one. A figure that the API does not send is out of its limit."""

    max_length_of_interview_minutes: float | None = attrs.field(default=None, validator=number(0))
    """The largest median length of an interview, in minutes."""
    min_incidence_rate: float | None = attrs.field(default=None, validator=number(0, 1))
    """The smallest share of screened respondents who qualify, from 0 to 1."""
    max_drop_off_rate: float | None = attrs.field(default=None, validator=number(0, 1))
    """The largest share of respondents who drop off, from 0 to 1."""
    min_conversion_rate: float | None = attrs.field(default=None, validator=number(0, 1))
    """The smallest share of entrants who complete, from 0 to 1."""

    def __attrs_post_init__(self) -> None:
        if all(getattr(self, field.name) is None for field in attrs.fields(SoftLaunchCheck)):
            raise InvalidCommandError("SoftLaunchCheck: set at least one limit", field="min_conversion_rate")

    def figures(self, overview: TargetGroupOverview) -> tuple[CheckedFigure, ...]:
        """Return the figures that have a limit."""
        seconds = overview.median_length_of_interview_seconds
        found = (
            CheckedFigure(
                name="length_of_interview_minutes",
                value=None if seconds is None else seconds / 60,
                maximum=self.max_length_of_interview_minutes,
            ),
            CheckedFigure(name="incidence_rate", value=overview.incidence_rate, minimum=self.min_incidence_rate),
            CheckedFigure(name="drop_off_rate", value=overview.drop_off_rate, maximum=self.max_drop_off_rate),
            CheckedFigure(name="conversion_rate", value=overview.conversion_rate, minimum=self.min_conversion_rate),
        )
        return tuple(one for one in found if one.minimum is not None or one.maximum is not None)
