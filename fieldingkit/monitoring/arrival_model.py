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
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

import attrs

__all__ = ["HALF_LIFE_HOURS", "ArrivalModel", "fit", "hours_until"]

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
_PRIOR_COMPLETES: Final = 0.5
_UNSTEADINESS: Final = 0.01
_NEGLIGIBLE: Final = 3e-3
_PLACES: Final = 2**24
"""The hours ahead are searched in so many steps."""
_PLACE: Final = HORIZON_HOURS / _PLACES


class _Scenario(NamedTuple):
    """A course of the rate, with its probability."""

    weight: float
    fading: int
    """The place of its fading in `_FADINGS`."""
    rhythm: complex
    rate: float
    """k / E; 0 if the completes stopped."""


@attrs.frozen
class ArrivalModel:
    """The probability of further completes."""

    scenarios: Sequence[_Scenario]
    """The courses of the rate, with probabilities that add up to 1."""
    completes: float
    """k."""
    completes_per_hour: float
    """The weighted completes in an hour so far."""

    def chance(self, remaining: int, hours: float) -> float:
        """Return the probability, from 0 to 1, of at least so many completes within so many hours."""
        if remaining <= 0:
            return 1.0
        if hours <= 0:
            return 0.0
        few, known = (1 / remaining + _UNSTEADINESS) / 9, 1 / (9 * self.completes)
        most, least, total = 1 - known, 1 - few, 0.0
        for weight, mean in self._means(hours):  # most of a forecast's time is spent here
            root = (mean / remaining) ** (1 / 3)
            deviation = (most * root - least) / math.sqrt(2 * (known * root * root + few))
            total += weight * (1 + math.erf(deviation))
        return total / 2

    def mean(self, remaining: int, hours: float) -> float:
        """Return the mean number of completes within so many hours, at most `remaining`."""
        if remaining <= 0 or hours <= 0:
            return 0.0
        return sum(weight * min(remaining, mean) for weight, mean in self._means(hours))

    def _means(self, hours: float) -> list[tuple[float, float]]:
        """Return the probability of each scenario that expects completes within so many hours, and F(h) * k / E."""
        integrals, means = _integrals(hours), list[tuple[float, float]]()
        for weight, fading, rhythm, rate in self.scenarios:
            level, cosine, sine = integrals[fading]
            mean = rate * (level + rhythm.real * cosine + rhythm.imag * sine)
            if mean > 0:
                means.append((weight, mean))
        return means


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
    return ArrivalModel(scenarios, sum(weighted) + _PRIOR_COMPLETES, sum(weighted) / observed)


def hours_until(chance: Callable[[float], float], shares: Sequence[float]) -> list[float | None]:
    """Return the hours after which a probability has reached each share, to half a second; None beyond the horizon.

    Args:
        chance: The probability by hours, which never decreases. It is computed as seldom as possible.
        shares: The shares, above 0 and above the probability of 0 hours.
    """
    known = {0: chance(0.0), _PLACES: chance(HORIZON_HOURS)}
    return [_place_of(chance, share, known) * _PLACE if share <= known[_PLACES] else None for share in shares]


def _place_of(chance: Callable[[float], float], share: float, known: dict[int, float]) -> int:
    """Return the first place with a share, by Chandrupatla's method; the places that it computes become known."""
    far = max(place for place, reached in known.items() if reached < share)
    near = min(place for place, reached in known.items() if reached >= share)
    part = 0.5
    while abs(far - near) > 1:
        low, high = min(far, near), max(far, near)
        place = min(max(near + round(part * (far - near)), low + 1), high - 1)
        known[place] = chance(place * _PLACE)
        is_same_side = (known[place] >= share) == (known[near] >= share)
        before, far, near = (near, far, place) if is_same_side else (far, near, place)
        at_near, at_far, at_before = (known[one] - share for one in (near, far, before))
        part = _interpolated(far - near, before - near, at_near, at_far, at_before)
    return max(far, near)


def _interpolated(far: int, before: int, at_near: float, at_far: float, at_before: float) -> float:
    """Return the part of the way from the place 0 to the far one at which a curve through three points is 0.

    Where the inverse parabola through them is no safe guess, it is the half.
    """
    if at_before == at_far:
        return 0.5
    xi, phi = far / (far - before), (at_near - at_far) / (at_before - at_far)
    if phi * phi >= xi or (1 - phi) * (1 - phi) >= 1 - xi:
        return 0.5
    straight = at_near / (at_far - at_near) * at_before / (at_far - at_before)
    bend = at_near / (at_before - at_near) * at_far / (at_before - at_far)
    return straight + before / far * bend


@lru_cache(maxsize=256)
def _integrals(hours: float) -> tuple[tuple[float, float, float], ...]:
    """Return the integrals for each fading. All goals of a target group are asked for the same hours."""
    integrals = (_integral(per_day / 24, hours) for per_day in _FADINGS)
    return tuple((level, wave.real, wave.imag) for level, wave in integrals)


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
    completes = sum(arrived) + _PRIOR_COMPLETES
    until_latest = busy[-1] + 1 if busy else 0
    for fading, (per_day, prior) in enumerate(zip(_FADINGS, _FADING_PRIORS, strict=True)):
        edges = [_integral(per_day / 24, hour) for hour in hours]
        levels = [(after[0] - before[0]) * part for (before, after), part in zip(pairwise(edges), recency, strict=True)]
        waves = [(after[1] - before[1]) * part for (before, after), part in zip(pairwise(edges), recency, strict=True)]
        sums = [(sum(levels), sum(waves))]
        if 0 < until_latest < len(arrived):
            sums.append((sum(levels[:until_latest]), sum(waves[:until_latest])))
        counted = [(arrived[index], levels[index], waves[index].real, waves[index].imag) for index in busy]
        for rhythm_prior, rhythm in _RHYTHMS:
            real, imag = rhythm.real, rhythm.imag
            fit_of_times = sum([number * math.log(level + real * x + imag * y) for number, level, x, y in counted])
            for stopped, (level, wave) in enumerate(sums):
                exposure = level + real * wave.real + imag * wave.imag
                chance = prior * rhythm_prior * (_STOPPED_PRIOR if stopped else 1 - _STOPPED_PRIOR)
                score = math.log(chance) + fit_of_times - completes * math.log(exposure)
                yield score, _Scenario(0.0, fading, rhythm, 0.0 if stopped else completes / exposure)
