"""The cells of quotas that respondents match, before and after profiles are replaced.

A respondent's answers never change. Respondents who complete under a profile give the answers of one of its cells, so
that cells fill in proportion to what they lack; to all other questions the answers are spread as among the panelists.
When profiles are replaced, the answers decide which of the new cells a respondent matches, if any.
"""

import heapq
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from fieldingkit.sandbox.model.profiles import goals_of, is_control, questions_in
from fieldingkit.sandbox.model.questions import Answer, find_question, reach_of

__all__ = ["Answers", "Profile", "ProfileHistory", "StuckCell", "cells_of"]

Profile = Mapping[str, Any]
"""A profile as it is stored."""

Answers = dict[int, Answer]
"""The answers of a respondent by question."""

_GOLDEN = (math.sqrt(5) - 1) / 2
"""Its multiples spread evenly between whole numbers."""


class _Era(NamedTuple):
    """The time in which the profiles of a target group stay the same."""

    first: int
    """The number of completes before it."""
    profiles: Sequence[Profile]
    """The profiles; none if anybody may take part."""


class StuckCell(NamedTuple):
    """A quota cell that gets no more completes, while others fill."""

    name: str
    """The name of the target."""
    completes: int = 0
    """The number of completes at which it stays."""


class ProfileHistory:
    """The profiles of a target group, one after the other, and the answers that respondents gave under them.

    Args:
        locale: The locale's code.
        stuck: The cell that gets no more completes; None if there is none.
    """

    __slots__ = ("_eras", "_locale", "_stuck")

    def __init__(self, locale: str, stuck: StuckCell | None = None) -> None:
        self._locale = locale
        self._stuck = stuck
        self._eras = [_Era(0, ())]

    @property
    def current(self) -> Sequence[Profile]:
        """The profiles in force."""
        return self._eras[-1].profiles

    def replace(self, profiles: Sequence[Profile], completes: int) -> None:
        """Replace the profiles after so many completes."""
        self._eras = [*(era for era in self._eras if era.first < completes), _Era(completes, profiles)]

    def answers(self, completes: int) -> list[Answers]:
        """Return the answers of everybody who completed, in the order of arrival."""
        return _answers_of(self._eras, completes, self._locale, self._stuck)

    def matched(self, profile: Profile, answers: Answers, number: int) -> int | None:
        """Return the index of the target that a respondent matches; None if there is none."""
        return _matched_target(profile, answers, number, self._locale)

    @property
    def most_completes(self) -> int | None:
        """The number of completes at which all quota cells but the stuck one are full; None if none is stuck."""
        return _completes_until_full(self._eras, self._locale, self._stuck)


def _answers_of(eras: Sequence[_Era], completes: int, locale: str, stuck: StuckCell | None = None) -> list[Answers]:
    """Return the answers of everybody who completed, in the order of arrival.

    Args:
        eras: The times with different profiles, in order.
        completes: The number of completes.
        locale: The locale's code.
        stuck: The cell that gets no more completes; None if there is none.
    """
    people: list[Answers] = []
    for number, era in enumerate(eras):
        last = eras[number + 1].first if number + 1 < len(eras) else completes
        _add_people(people, era.profiles, min(last, completes), locale, stuck)
    return people


def _completes_until_full(eras: Sequence[_Era], locale: str, stuck: StuckCell | None) -> int | None:
    """Return the number of completes at which all quota cells but the stuck one are full; None if none is stuck."""
    first, profiles = eras[-1]
    for profile in profiles if stuck is not None else ():
        people = _answers_of(eras[:-1], first, locale, stuck)
        goals, most = _missing(profile, people, locale), _most(profile, people, locale, stuck)
        if most:
            return first + sum(min(goal, most.get(cell, goal)) for cell, goal in enumerate(goals))
    return None


def _add_people(
    people: list[Answers], profiles: Sequence[Profile], last: int, locale: str, stuck: StuckCell | None
) -> None:
    """Add those who completed under the same profiles."""
    first = len(people)
    earlier = people[:]
    people += [{} for _ in range(last - first)]
    # Blended profiles first: their cells decide the answers to the questions of regular ones.
    admitting = sorted((one for one in profiles if not is_control(one)), key=lambda one: one["object"] != "blended")
    decided: set[int] = set()
    for profile in admitting if last > first else ():
        questions = questions_in(profile)
        goals, most = _missing(profile, earlier, locale), _most(profile, earlier, locale, stuck)
        for number, cell in enumerate(cells_of(goals, last - first, most), first):
            if not questions <= decided:
                conditions = profile["targets"][cell]["conditions"][::-1]  # of alternatives the first one is given
                people[number].update((one["question_id"], _answer_to(one, number)) for one in conditions)
        decided |= questions


def _missing(profile: Profile, people: Sequence[Answers], locale: str) -> list[int]:
    """Return the number of completes that each target lacks; shares of the panelists if it has no quotas."""
    goals = goals_of(profile)
    if not any(goals):
        alone = ({**profile, "targets": [target]} for target in profile["targets"])
        return [round(1000 * reach_of([one], locale)) for one in alone]
    for number, answers in enumerate(people):
        if (cell := _matched_target(profile, answers, number, locale)) is not None:
            goals[cell] = max(0, goals[cell] - 1)
    return goals


def _most(profile: Profile, people: Sequence[Answers], locale: str, stuck: StuckCell | None) -> dict[int, int]:
    """Return the most completes that a stuck target gets, by its index; empty if the profile has none."""
    if stuck is None or not any(goals_of(profile)):
        return {}
    names = [target.get("name") for target in profile["targets"]]
    if stuck.name not in names:
        return {}
    index = names.index(stuck.name)
    matched = sum(_matched_target(profile, answers, number, locale) == index for number, answers in enumerate(people))
    return {index: max(0, stuck.completes - matched)}


def _matched_target(profile: Profile, answers: Answers, number: int, locale: str) -> int | None:
    """Return the index of the target that a respondent matches; None if there is none.

    Args:
        profile: The profile.
        answers: The answers that earlier profiles decided.
        number: The number of the respondent, which decides the others.
        locale: The locale's code.
    """
    for index, target in enumerate(profile["targets"]):
        met: dict[int, bool] = {}
        for condition in target["conditions"]:
            question_id = condition["question_id"]
            answer = answers[question_id] if question_id in answers else _spread_answer(question_id, number, locale)
            met[question_id] = met.get(question_id, False) or _meets(condition, answer)
        if all(met.values()):
            return index
    return None


def _meets(condition: Mapping[str, Any], answer: Answer) -> bool:
    if condition["object"] == "range":
        return isinstance(answer, int) and condition["min"] <= answer <= condition["max"]
    if condition["object"] == "open_ended":
        return bool(condition["allow_all_values"] or answer in condition["open_ended_values"])
    return bool(answer == condition["option"])


def _answer_to(condition: Mapping[str, Any], number: int) -> Answer:
    """Return an answer that meets a condition."""
    if condition["object"] == "range":
        return int(condition["min"]) + number % (int(condition["max"]) - int(condition["min"]) + 1)
    if condition["object"] == "open_ended":
        values: list[str] = condition["open_ended_values"] or [f"{10_000 + number % 10_000}"]
        return values[number % len(values)]
    return str(condition["option"])


def _spread_answer(question_id: int, number: int, locale: str) -> Answer:
    """Return the answer of a respondent that no profile decided."""
    question = find_question(locale, question_id)
    place = (number + 1) * question_id * _GOLDEN % 1
    if question is None or question.form == "Text - Open-end":
        return f"{10_000 + int(place * 10_000)}"
    if question.form == "Numeric - Open-end":
        return 18 + int(place * 60)
    for option in question.options:
        place -= option.share
        if place < 0:
            return option.code
    return question.options[-1].code


def cells_of(goals: Iterable[int], completes: int, most: Mapping[int, int] | None = None) -> list[int]:
    """Return the cell of each complete in the order of arrival, so that cells fill in proportion to their goals.

    Args:
        goals: The goal of each cell; a cell with the goal 0 gets none, unless all have it.
        completes: The number of completes.
        most: The most completes of a cell that gets no more then, unless no other cell is left.
    """
    # The method of Sainte-Laguë: one more complete changes no earlier one, and at the sum of all goals each is met.
    weights = [*goals]
    weights = weights if any(weights) else [1] * len(weights)
    limits = {**(most or {})}
    open_cells = [cell for cell, weight in enumerate(weights) if weight and limits.get(cell, 1)]
    order = [(float(-weights[cell]), cell, 1) for cell in open_cells or limits]
    heapq.heapify(order)
    cells: list[int] = []
    for _ in range(completes if order else 0):
        _, cell, divisor = order[0]
        cells.append(cell)
        if (divisor + 1) // 2 == limits.get(cell) and len(order) > 1:
            heapq.heappop(order)
        else:
            heapq.heapreplace(order, (-weights[cell] / (divisor + 2), cell, divisor + 2))
    return cells
