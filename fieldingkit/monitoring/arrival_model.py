"""The probability of further completes, from those that arrived so far.

Completes arrive at random. With the time u in hours, 0 now, their mean number in an hour is::

    rate * exp(-fading * u) * (1 + amplitude * cos(2 pi * (u - peak) / 24))

Each pair of a fading and a day rhythm from a fixed list is a *scenario*, and each has a twin in which the completes
stopped after the latest one. `fit` weighs the scenarios by their likelihood. A complete and an hour of the past count
less with age: by half after `HALF_LIFE_HOURS`. In one scenario, with

- k: the weighted number of completes so far, plus 1/2,
- E: the weighted integral of the formula over the past without `rate`, so that k / E estimates `rate`,
- F(h): its integral over the next h hours,

the r-th further complete arrives within h hours with the probability that an F-distributed variable with 2 r and 2 k
degrees of freedom is at most (F(h) / r) / (E / k), by Paulson's approximation. There 1 / r is increased by 0.01: the
rate ahead is taken to differ by a tenth from its course.
"""

import math
from cmath import exp, rect
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import attrs

__all__ = ["HALF_LIFE_HOURS", "ArrivalModel", "bisect_hours", "fit"]

HALF_LIFE_HOURS: Final = 72.0
"""The age at which a complete counts half."""
HORIZON_HOURS: Final = 90 * 24.0
"""The longest time ahead."""

_DAY: Final = 2 * math.pi / 24
_FADINGS: Final = (-0.05, 0.0, 0.05, 0.1, 0.2, 0.35, 0.6)
"""The parts by which completes become fewer in a day, as exponents."""
_FADING_PRIORS: Final = (0.03, 0.47, 0.2, 0.12, 0.08, 0.06, 0.04)
_AMPLITUDES: Final = (0.45, 0.9)
_PEAKS: Final = 12
_RHYTHM_PRIOR: Final = 0.6
_STOPPED_PRIOR: Final = 0.01
_UNSTEADINESS: Final = 0.01
_NEGLIGIBLE: Final = 3e-3
_STEPS: Final = 24


class _Scenario(NamedTuple):
    """A course of the rate, with its probability."""

    weight: float
    fading: float
    rhythm: complex
    completes: float
    exposure: float
    stopped: bool

    def exposure_within(self, hours: float) -> float:
        """Return F(h)."""
        if self.stopped:
            return 0.0
        level, wave = _integral(self.fading, hours)
        return max(0.0, level + (self.rhythm.conjugate() * wave).real)

    def chance(self, remaining: int, hours: float) -> float:
        """Return the probability of so many completes within so many hours."""
        ratio = self.exposure_within(hours) * self.completes / (self.exposure * remaining)
        root, few, known = ratio ** (1 / 3), (1 / remaining + _UNSTEADINESS) / 9, 1 / (9 * self.completes)
        deviation = ((1 - known) * root - (1 - few)) / math.sqrt(known * root**2 + few)
        return 0.0 if ratio <= 0 else 0.5 * (1 + math.erf(deviation / math.sqrt(2)))


@attrs.frozen
class ArrivalModel:
    """The probability of further completes."""

    scenarios: Sequence[_Scenario]
    """The courses of the rate, with probabilities that add up to 1."""
    completes_per_hour: float
    """The weighted completes in an hour so far."""

    def chance(self, remaining: int, hours: float) -> float:
        """Return the probability, from 0 to 1, of at least so many completes within so many hours."""
        if remaining <= 0:
            return 1.0
        if hours <= 0:
            return 0.0
        return sum(one.weight * one.chance(remaining, hours) for one in self.scenarios)

    def mean(self, remaining: int, hours: float) -> float:
        """Return the mean number of completes within so many hours, at most `remaining`."""
        if remaining <= 0 or hours <= 0:
            return 0.0
        return sum(
            one.weight * min(remaining, one.completes / one.exposure * one.exposure_within(hours))
            for one in self.scenarios
        )


def fit(hours: Sequence[float], completes: Sequence[int]) -> ArrivalModel:
    """Return the model of completes that were counted at several times.

    Args:
        hours: The times of the counts in hours from now: none positive, increasing, at least two.
        completes: The number of completes at each, which never decreases.
    """
    arrived = [after - before for before, after in pairwise(completes)]
    recency = [0.5 ** (-(since + until) / 2 / HALF_LIFE_HOURS) for since, until in pairwise(hours)]
    weighted = [number * weight for number, weight in zip(arrived, recency, strict=True)]
    observed = sum((until - since) * weight for (since, until), weight in zip(pairwise(hours), recency, strict=True))
    scored = list(_scenarios(hours, weighted, recency))
    best = max(score for score, _ in scored)
    likely = [(math.exp(score - best), one) for score, one in scored if math.exp(score - best) > _NEGLIGIBLE]
    total = sum(weight for weight, _ in likely)
    scenarios = tuple(one._replace(weight=weight / total) for weight, one in likely)
    return ArrivalModel(scenarios, sum(weighted) / observed)


def bisect_hours(chance: Callable[[float], float], share: float) -> float | None:
    """Return the hours after which a probability that never decreases has reached a share; None beyond the horizon."""
    if chance(HORIZON_HOURS) < share:
        return None
    low, high = 0.0, HORIZON_HOURS
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if chance(middle) >= share else (middle, high)
    return high


def _integral(fading: float, hours: float) -> tuple[float, complex]:
    """Return the integrals from 0 to u of exp(-fading * u), and of the same times exp(2 pi i u / 24)."""
    turning = complex(-fading, _DAY)
    level = -math.expm1(-fading * hours) / fading if fading else hours
    return level, (exp(turning * hours) - 1) / turning


def _rhythms() -> Iterator[tuple[float, complex]]:
    """Yield each day rhythm, its amplitude and peak as a complex number, with its prior probability."""
    yield 1 - _RHYTHM_PRIOR, 0j
    prior = _RHYTHM_PRIOR / (len(_AMPLITUDES) * _PEAKS)
    for amplitude in _AMPLITUDES:
        for peak in range(_PEAKS):
            yield prior, rect(amplitude, 2 * math.pi * peak / _PEAKS)


_RHYTHMS: Final = tuple(_rhythms())


def _scenarios(
    hours: Sequence[float], arrived: Sequence[float], recency: Sequence[float]
) -> Iterator[tuple[float, _Scenario]]:
    """Yield each scenario with the logarithm of its likelihood times its prior probability.

    With a gamma prior of the rate (1/2, 0), the likelihood is the product of the exposures of the intervals, each to
    the power of its completes, divided by E to the power of k.
    """
    busy = [index for index, number in enumerate(arrived) if number]
    completes = sum(arrived) + 0.5
    until_latest = busy[-1] + 1 if busy else 0
    for per_day, prior in zip(_FADINGS, _FADING_PRIORS, strict=True):
        fading = per_day / 24
        edges = [_integral(fading, hour) for hour in hours]
        levels = [(after[0] - before[0]) * part for (before, after), part in zip(pairwise(edges), recency, strict=True)]
        waves = [(after[1] - before[1]) * part for (before, after), part in zip(pairwise(edges), recency, strict=True)]
        sums = [(sum(levels), sum(waves))]
        if 0 < until_latest < len(arrived):
            sums.append((sum(levels[:until_latest]), sum(waves[:until_latest])))
        for rhythm_prior, rhythm in _RHYTHMS:
            shape = rhythm.conjugate()
            fit_of_times = sum(arrived[index] * math.log(levels[index] + (shape * waves[index]).real) for index in busy)
            for stopped, (level, wave) in enumerate(sums):
                exposure = level + (shape * wave).real
                chance = prior * rhythm_prior * (_STOPPED_PRIOR if stopped else 1 - _STOPPED_PRIOR)
                score = math.log(chance) + fit_of_times - completes * math.log(exposure)
                yield score, _Scenario(0.0, fading, rhythm, completes, exposure, bool(stopped))
