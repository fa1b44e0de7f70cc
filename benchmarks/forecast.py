"""The share of simulated fields whose true close lies in the range of the forecast, for four kinds of fields.

Run: ``python -m benchmarks.forecast [--fields 1000] [--seed 1] [-j 2]``

Each field is forecast when a quarter, a half and three quarters of its goal are reached, unless it is too early then.
The kinds:

- steady: completes at one rate,
- day rhythm: few completes at night and most in the evening,
- fading: the rate halves every few days, or decreases as 1 / t,
- stuck cell: one of four cells gets a tenth of the completes of the others, or none, from its start or from a time
  before the forecast.

The model of the forecast has none of these courses but the first: its day is a cosine, and its fading one of seven.
"""

import argparse
import bisect
import math
import random
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing import get_context
from typing import NamedTuple

import attrs

from fieldingkit.monitoring import CellCompletes, Forecast, ForecastStatus, forecast

START = datetime(2026, 3, 2, tzinfo=UTC)
KINDS = ("steady", "day rhythm", "fading", "stuck cell")
QUARTERS = (0.25, 0.5, 0.75)
LONGEST = 90 * 24.0
"""The hours after which a field that is not full never fills."""
_DAY_PARTS = (*(0.1,) * 6, *(0.7,) * 3, *(1.1,) * 8, *(2.0,) * 5, *(0.6,) * 2)
"""The rate in each hour of a day, with a mean of about 1."""

Rate = Callable[[float], float]


@attrs.frozen
class Field:
    """A simulated field."""

    cells: Sequence[Sequence[float]]
    """The hours at which the completes of each cell arrive; one cell if there are no quotas."""
    goals: Sequence[int]
    """The goal of each cell."""

    @property
    def goal(self) -> int:
        """The goal of all."""
        return sum(self.goals)

    @property
    def close(self) -> float:
        """The hour of the last complete that is needed; infinite if the field never fills."""
        ends = [
            times[goal - 1] if len(times) >= goal else math.inf
            for times, goal in zip(self.cells, self.goals, strict=True)
        ]
        return max(ends)

    def hour_of(self, share: float) -> float:
        """Return the hour at which a share of the goal is reached; infinite if it never is."""
        kept = (times[:goal] for times, goal in zip(self.cells, self.goals, strict=True))
        times = sorted(time for cell in kept for time in cell)
        number = math.ceil(share * self.goal)
        return times[number - 1] if len(times) >= number else math.inf

    def counts(self, cell: int, hour: float) -> list[tuple[datetime, int]]:
        """Return the hourly counts of a cell until an hour."""
        times, goal = self.cells[cell], self.goals[cell]
        hours = [*range(math.floor(hour) + 1), hour]
        return [(START + timedelta(hours=at), min(goal, bisect.bisect_right(times, at))) for at in hours]

    def forecast_at(self, hour: float) -> Forecast:
        """Return the forecast that is made at an hour."""
        cells = [
            CellCompletes(name=f"cell {n}", completes=self.counts(n, hour), goal=goal)
            for n, goal in enumerate(self.goals)
        ]
        at = [cell.completes for cell in cells]
        total = [(counts[0][0], sum(count for _, count in counts)) for counts in zip(*at, strict=True)]
        return forecast(total, goal=self.goal, at=START + timedelta(hours=hour), cells=cells if len(cells) > 1 else ())


def arrivals(rate: Rate, most: float, count: int, chance: random.Random) -> list[float]:
    """Return the hours of the first arrivals of a Poisson process.

    Args:
        rate: The arrivals in an hour at each hour.
        most: The greatest value of `rate`.
        count: The number of arrivals to stop at.
        chance: The source of randomness.
    """
    hours, hour = list[float](), 0.0
    while len(hours) < count and (hour := hour + chance.expovariate(most)) < LONGEST:
        if chance.random() * most < rate(hour):
            hours.append(hour)
    return hours


def simulate(kind: str, chance: random.Random) -> Field:
    """Return a field of a kind."""
    goal = round(math.exp(chance.uniform(math.log(60), math.log(1500))))
    base = goal / math.exp(chance.uniform(math.log(48), math.log(20 * 24)))
    if kind == "steady":
        return Field([arrivals(lambda _: base, base, goal, chance)], [goal])
    if kind == "day rhythm":
        shift = chance.uniform(0, 24)
        return Field([arrivals(lambda hour: base * _DAY_PARTS[int(hour + shift) % 24], 2 * base, goal, chance)], [goal])
    if kind == "fading":
        half = chance.uniform(0.5, 3) * goal / base
        if chance.random() < 0.5:
            return Field([arrivals(lambda hour: 2 * base * 0.5 ** (hour / half), 2 * base, goal, chance)], [goal])
        return Field([arrivals(lambda hour: 2 * base / (1 + hour / half), 2 * base, goal, chance)], [goal])
    return _stuck(goal // 4, base / 4, chance)


def _stuck(goal: int, base: float, chance: random.Random) -> Field:
    stop = chance.choice((0.0, chance.uniform(0.05, 0.2) * goal / base))
    slow = chance.choice((0.0, 0.1)) * base

    def stuck(hour: float) -> float:
        return base if hour < stop else slow

    cells = [arrivals(lambda _: base, base, goal, chance) for _ in range(3)]
    return Field([*cells, arrivals(stuck, base, goal, chance)], [goal] * 4)


class Tally(NamedTuple):
    """The forecasts of one kind of fields at one time."""

    forecasts: int
    too_early: int
    covered: int
    open_ended: int
    widths: list[float]
    """The length of each range, as a part of the time that remained."""

    @property
    def coverage(self) -> float:
        """The share of the forecasts whose range has the true close."""
        return self.covered / self.forecasts if self.forecasts else math.nan


def tally_of(kind: str, share: float, fields: int, seed: int) -> Tally:
    """Return how the forecasts of simulated fields did."""
    forecasts = too_early = covered = open_ended = 0
    widths: list[float] = []
    for number in range(fields):
        field = simulate(kind, random.Random(f"{seed}/{kind}/{number}"))
        hour = field.hour_of(share)
        if hour == math.inf:
            continue
        made = field.forecast_at(hour)
        if made.status is not ForecastStatus.OPEN:
            too_early += 1
            continue
        forecasts += 1
        low, high = (
            math.inf if time is None else (time - made.at) / timedelta(hours=1) for time in (made.earliest, made.latest)
        )
        true = field.close - hour
        covered += low <= true <= high
        open_ended += high == math.inf
        if high < math.inf and true < math.inf:
            widths.append((high - low) / true)
    return Tally(forecasts, too_early, covered, open_ended, widths)


def table(fields: int, seed: int, workers: int) -> Iterator[str]:
    """Yield the lines of the table."""
    yield "| field | goal reached | forecasts | too early | close in the range | without a latest time | median range |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    lines = [(kind, share) for kind in KINDS for share in QUARTERS]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        tallies = pool.map(partial(tally_of, fields=fields, seed=seed), *zip(*lines, strict=True))
        for (kind, share), tally in zip(lines, tallies, strict=True):
            width = f"{statistics.median(tally.widths):.2f}" if len(tally.widths) > fields / 20 else "-"
            yield (
                f"| {kind} | {share:.0%} | {tally.forecasts:,} | {tally.too_early:,} | {tally.coverage:.1%} | "
                f"{tally.open_ended / max(1, tally.forecasts):.1%} | {width} |"
            )


def main(words: Sequence[str]) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fields", type=int, default=1000, help="simulated fields of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-j", "--jobs", type=int, default=1, help="processes")
    options = parser.parse_args(words)
    for line in table(options.fields, options.seed, options.jobs):
        print(line, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
