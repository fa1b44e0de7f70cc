"""The questions of every sandbox, and the share of the panelists that gives each answer.

The questions are the same in every locale, but for the regions. Answers to different questions are independent of each
other, so that the share of the panelists who fit a target group is the product of the shares of its profiles.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final, Literal, NamedTuple, TypeAlias

__all__ = [
    "Answer",
    "Option",
    "Question",
    "condition_name",
    "find_question",
    "question_text",
    "questions_of",
    "reach_of",
    "share_of",
]

Answer: TypeAlias = int | str
"""An answer: the code of an option, a number, or a text."""

Form: TypeAlias = Literal["Single Punch", "Multi Punch", "Numeric - Open-end", "Text - Open-end"]


class Option(NamedTuple):
    """An answer to choose from."""

    code: str
    text: str
    share: float
    """The share of the panelists who give it, from 0 to 1."""


class Question(NamedTuple):
    """A question."""

    id: int
    name: str
    text: str
    form: Form
    category: str
    """The code of the category."""
    options: tuple[Option, ...] = ()
    """The answers of a question with options."""
    is_standard: bool = True
    """False for a question of the account's own."""
    mask: str | None = None
    """The form of an open answer."""


_DEMOGRAPHIC: Final = "DEM"
_AGES: Final = ((15, 17, 0.04), (18, 24, 0.13), (25, 34, 0.18), (35, 44, 0.17), (45, 54, 0.16), (55, 64, 0.15))
"""Bands of ages, both ends inclusive, with their shares; everybody else is older."""
_OLDEST: Final = (65, 99)
_TEXTS: Final = 10_000
"""The number of different texts, such as postal codes; all are equally frequent."""


def _options(*options: tuple[str, float]) -> tuple[Option, ...]:
    return tuple(Option(str(number), text, share) for number, (text, share) in enumerate(options, 1))


_QUESTIONS: Final = (
    Question(42, "AGE", "What is your age?", "Numeric - Open-end", _DEMOGRAPHIC, mask="XX"),
    Question(
        43,
        "GENDER",
        "What is your gender?",
        "Single Punch",
        _DEMOGRAPHIC,
        _options(("Male", 0.49), ("Female", 0.51)),
    ),
    Question(45, "ZIP", "What is your postal code?", "Text - Open-end", _DEMOGRAPHIC, mask="XXXXX"),
    Question(
        639,
        "HOUSEHOLD",
        "How many people live in your household?",
        "Single Punch",
        _DEMOGRAPHIC,
        _options(("1", 0.28), ("2", 0.34), ("3", 0.15), ("4", 0.13), ("5 or more", 0.10)),
    ),
    Question(
        2189,
        "EMPLOYMENT",
        "What is your employment status?",
        "Single Punch",
        _DEMOGRAPHIC,
        _options(("Full-time", 0.46), ("Part-time", 0.12), ("Not employed", 0.24), ("Retired", 0.18)),
    ),
)
_REGIONS: Final[Mapping[str, tuple[tuple[str, float], ...]]] = {
    "us": (("Northeast", 0.17), ("Midwest", 0.21), ("South", 0.38), ("West", 0.24)),
}
_OTHER_REGIONS: Final = (("North", 0.25), ("East", 0.2), ("South", 0.3), ("West", 0.25))
_CUSTOM: Final = Question(
    180_001,
    "PETS",
    "Which pets do you have?",
    "Multi Punch",
    "OTH",
    _options(("A dog", 0.3), ("A cat", 0.25), ("None of these", 0.45)),
    is_standard=False,
)


@cache
def questions_of(locale: str) -> tuple[Question, ...]:
    """Return all questions of a locale, such as `eng_us`: the standard ones, then those of the account."""
    regions = _REGIONS.get(locale.partition("_")[2], _OTHER_REGIONS)
    region = Question(98, "REGION", "In which region do you live?", "Single Punch", _DEMOGRAPHIC, _options(*regions))
    return tuple(sorted((*_QUESTIONS, region, _CUSTOM), key=lambda question: question.id))


def find_question(locale: str, question_id: object) -> Question | None:
    """Return a question of a locale by its number, or None."""
    return next((question for question in questions_of(locale) if question.id == question_id), None)


def question_text(question_id: int, locale: str) -> str:
    """Return the text of a question; its number if it is unknown."""
    question = find_question(locale, question_id)
    return f"Question {question_id}" if question is None else question.text


def condition_name(condition: Mapping[str, Any], locale: str) -> str:
    """Return the answer that a condition demands, in words."""
    if condition["object"] == "range":
        return f"{condition['min']} to {condition['max']}"
    if condition["object"] == "open_ended":
        return ", ".join(condition["open_ended_values"] or ["Any"])[:60]
    question = find_question(locale, condition["question_id"])
    options = () if question is None else question.options
    return next((option.text for option in options if option.code == condition["option"]), condition["option"])


def share_of(condition: Mapping[str, Any], locale: str) -> float:
    """Return the share of the panelists who meet a condition, from 0 to 1."""
    if condition["object"] == "range":
        return _share_of_ages(condition["min"], condition["max"])
    if condition["object"] == "open_ended":
        return 1.0 if condition["allow_all_values"] else min(1.0, len(condition["open_ended_values"]) / _TEXTS)
    question = find_question(locale, condition["question_id"])
    options = () if question is None else question.options
    return sum(option.share for option in options if option.code == condition["option"])


def _share_of_ages(least: int, most: int) -> float:
    older = (*_OLDEST, 1 - sum(share for _, _, share in _AGES))
    return sum(
        share * max(0, min(most, last) - max(least, first) + 1) / (last - first + 1)
        for first, last, share in (*_AGES, older)
    )


def reach_of(profiles: Iterable[Mapping[str, Any]], locale: str) -> float:
    """Return the share of the panelists who meet all profiles, from 0 to 1; control profiles admit everybody.

    Args:
        profiles: The profiles of a request, or as they are stored.
        locale: The locale's code.
    """
    admitting = [profile for profile in profiles if profile.get("blended_type") != "control"]
    return math.prod(min(1.0, sum(_share_of_target(target, locale) for target in _targets(one))) for one in admitting)


def _targets(profile: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    targets: Sequence[Mapping[str, Any]] = profile["targets"]
    return targets


def _share_of_target(target: Mapping[str, Any], locale: str) -> float:
    """Return the share of the panelists in a target: alternatives about one question add up, questions multiply."""
    shares: dict[int, float] = {}
    for condition in target["conditions"]:
        number = condition["question_id"]
        shares[number] = shares.get(number, 0.0) + share_of(condition, locale)
    return math.prod(min(1.0, share) for share in shares.values())
