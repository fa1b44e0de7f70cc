"""Profiles in a study file: readable tables for the ``Profiling`` of a target group.

A table is named as its profile. A regular profile has a question and targets; a blended one has cells, with the
accepted answers to each question under its number::

    [defaults.profiles.Age]
    question_id = 42
    targets = [
      { range = "18-34", percentage = 40 },
      { range = "35-64", percentage = 60 },
    ]

    [defaults.profiles."Age by gender"]
    cells = [
      { name = "Women 18-34", 42.range = "18-34", 43.option = "2", percentage = 20 },
    ]
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import attrs

from fieldingkit._repr import brief_repr
from fieldingkit.resources.profile_checks import profile_problems
from fieldingkit.resources.profiles import (
    AdjustmentType,
    BlendedType,
    Condition,
    OpenEnded,
    OtherCondition,
    Profile,
    ProfileKind,
    Profiling,
    Quota,
    Range,
    Selection,
    Target,
)
from fieldingkit.studies.values import Path, to_table

__all__ = ["ProfileTable", "problems_of_profiles", "profile_tables", "profiling_of"]

_RANGE = re.compile(r"([0-9]{1,2})-([0-9]{1,2})")
_SINGULAR = ("range", "option")
"""The keys that take one text instead of a list of one."""


def _ranges(table: object, attribute: "attrs.Attribute[Any]", ranges: tuple[str, ...]) -> None:
    del table
    for text in ranges:
        if not _RANGE.fullmatch(text):
            raise ValueError(f'{attribute.name} must be two numbers, such as "18-34"; got {brief_repr(text)}')


@attrs.frozen(kw_only=True)
class _Answers:
    """The accepted answers to one question."""

    range: tuple[str, ...] = attrs.field(default=(), validator=_ranges)
    """Ranges of numbers, such as ``18-34``, both ends included."""
    option: tuple[str, ...] = ()
    """The codes of options."""
    values: tuple[str, ...] = ()
    """The answers to an open-ended question, such as postal codes."""
    all_values: bool = False
    """True to accept any answer to an open-ended question."""

    @classmethod
    def _from_file(cls, table: dict[str, Any]) -> dict[str, Any]:
        """Read a single text as a list of one, and a number as the code of an option."""
        listed: dict[str, list[Any]] = {
            key: value if type(value) is list else [value] for key, value in table.items() if key in _SINGULAR
        }
        if "option" in listed:
            listed["option"] = [str(code) if type(code) is int else code for code in listed["option"]]
        return {**table, **listed}

    @classmethod
    def _to_file(cls, table: dict[str, Any]) -> dict[str, Any]:
        """Write a list of one as a single text."""
        return {key: value[0] if key in _SINGULAR and len(value) == 1 else value for key, value in table.items()}

    def conditions(self, question_id: int) -> tuple[Condition, ...]:
        """Return the answers as conditions."""
        bounds = [map(int, text.split("-")) for text in self.range]
        found: list[Condition] = [Range(question_id=question_id, min=low, max=high) for low, high in bounds]
        found += [Selection(question_id=question_id, option=code) for code in self.option]
        if self.values or self.all_values:
            found.append(
                OpenEnded(question_id=question_id, open_ended_values=self.values, allow_all_values=self.all_values)
            )
        return tuple(found)


@attrs.frozen(kw_only=True)
class _Target(_Answers):
    """A target of a regular profile."""

    name: str | None = None
    """The name; required with several answers."""
    percentage: float | None = None
    """The quota as a percentage of the goal."""
    completes_goal: int | None = None
    """The quota as a number of completes."""


@attrs.frozen(kw_only=True)
class _Cell:
    """A target of a blended profile."""

    name: str
    """The name."""
    answers: Mapping[str, _Answers]
    """The accepted answers by the number of the question; a file has them beside the other keys."""
    percentage: float | None = None
    """The quota as a percentage of the goal."""
    completes_goal: int | None = None
    """The quota as a number of completes."""

    @classmethod
    def _from_file(cls, table: dict[str, Any]) -> dict[str, Any]:
        """Collect the answers, whose keys are the numbers of questions."""
        if "answers" in table:
            raise ValueError("has an unknown key answers; the key of an answer is the number of its question")
        answers = {key: value for key, value in table.items() if key.isascii() and key.isdecimal()}
        named = {key: value for key, value in table.items() if key not in answers}
        return {**named, "answers": answers}

    @classmethod
    def _to_file(cls, table: dict[str, Any]) -> dict[str, Any]:
        """Put the answers beside the other keys."""
        return {"name": table.pop("name"), **table.pop("answers"), **table}


@attrs.frozen(kw_only=True)
class ProfileTable:
    """The table of a profile."""

    question_id: int | None = None
    """The question of a regular profile."""
    targets: tuple[_Target, ...] = ()
    """The targets of a regular profile."""
    cells: tuple[_Cell, ...] = ()
    """The targets of a blended profile."""
    blended_type: BlendedType = BlendedType.INTERLOCK
    """The purpose of a blended profile."""
    quotas_enabled: bool | None = None
    """False to disable the quotas; by default they are in force if there are any."""

    def problems(self) -> Iterator[str]:
        """Yield what is missing, and what does not belong together."""
        if not self.targets and not self.cells:
            yield "needs targets and a question_id, or cells"
        elif self.cells and (self.targets or self.question_id is not None):
            yield "has cells, so that it takes neither targets nor a question_id"
        elif self.targets and self.question_id is None:
            yield "has no question_id"
        if self.targets and self.blended_type is not BlendedType.INTERLOCK:
            yield "has targets, so that it takes no blended_type; only cells do"

    def profile(self, name: str) -> Profile:
        """Return the profile."""
        if self.cells:
            targets = [_target(cell, _in_cell(cell)) for cell in self.cells]
            return Profile.blended(name=name, targets=targets, blended_type=self.blended_type)
        targets = [_target(target, target.conditions(self.question_id or 0)) for target in self.targets]
        has_quotas = any(target.quota for target in targets)
        enabled = has_quotas if self.quotas_enabled is None else self.quotas_enabled
        return Profile(name=name, targets=targets, quotas_enabled=enabled)


def _in_cell(cell: _Cell) -> tuple[Condition, ...]:
    return tuple(
        condition for question, answers in cell.answers.items() for condition in answers.conditions(int(question))
    )


def _target(table: _Target | _Cell, conditions: tuple[Condition, ...]) -> Target:
    has_quota = table.percentage is not None or table.completes_goal is not None
    quota = Quota(completes_goal_percentage=table.percentage, completes_goal=table.completes_goal)
    return Target(name=table.name, conditions=conditions, quota=quota if has_quota else None)


# Reading


def problems_of_profiles(
    tables: Mapping[str, ProfileTable], *, has_template: bool = False
) -> Iterator[tuple[Path, str]]:
    """Yield what is wrong with the profiles of a target group: the path of each profile, and its problem.

    Args:
        tables: The tables of the profiles, by name.
        has_template: True if the target group has a template of profiles too.
    """
    adjustments = {*_adjustments(tables.values())}
    if has_template and AdjustmentType.NOMINAL in adjustments:
        yield (), "have numbers of completes; beside a template they must have percentages"
    if len(adjustments) > 1:
        yield (), "have percentages and numbers of completes; use one of them for the whole target group"
        return
    adjustment = next(iter(adjustments), AdjustmentType.PERCENTAGE)
    for name, table in tables.items():
        own = [*table.problems()]
        yield from (((name,), problem) for problem in own)
        for problem in () if own else profile_problems(table.profile(name), adjustment):
            yield _in_file_words(name, "cells" if table.cells else "targets", problem)


def profiling_of(tables: Mapping[str, ProfileTable], template_id: str | None) -> Profiling | None:
    """Return profiles as a draft has them; None if everybody may take part."""
    if not tables and template_id is None:
        return None
    return Profiling(
        profile_adjustment_type=next(_adjustments(tables.values()), AdjustmentType.PERCENTAGE),
        profiles=[table.profile(name) for name, table in tables.items()],
        template_id=template_id,
    )


def _adjustments(tables: Iterable[ProfileTable]) -> Iterator[AdjustmentType]:
    for table in tables:
        targets: tuple[_Target | _Cell, ...] = (*table.targets, *table.cells)
        for target in targets:
            if target.percentage is not None:
                yield AdjustmentType.PERCENTAGE
            if target.completes_goal is not None:
                yield AdjustmentType.NOMINAL


def _in_file_words(name: str, targets: str, problem: str) -> tuple[Path, str]:
    """Return the path and the problem of a part of a profile in the words of a file."""
    path: Path = (name,)
    for key, pattern in ((targets, r"\.targets\[([0-9]+)\]"), ("answers", r"\.conditions\[([0-9]+)\]")):
        if (match := re.match(pattern, problem)) is not None:
            path, problem = (*path, key, int(match[1])), problem[match.end() :]
    problem = problem.replace("completes_goal_percentage", "percentage").removeprefix(".quota.")
    return path, problem.strip()


# Writing


def profile_tables(profiling: Profiling) -> dict[str, Any]:
    """Return profiles as tables of a file, by name.

    Raises:
        ValueError: A file cannot have them: two of them have one name, or a condition is of an unknown kind.
    """
    tables: dict[str, Any] = {}
    for position, profile in enumerate(profiling.profiles, 1):
        name = profile.name or f"Profile {position}"
        if name in tables:
            raise ValueError(f"two profiles are called {name!r}; a file needs a name for each")
        tables[name] = to_table(_table(profile, profiling.profile_adjustment_type))
    return tables


def _table(profile: Profile, adjustment: AdjustmentType) -> ProfileTable:
    if profile.object is ProfileKind.BLENDED:
        return ProfileTable(
            cells=tuple(
                _Cell(
                    name=_name(target) or "",
                    answers={str(question): answers for question, answers in _answers(target).items()},
                    **_quota(target, profile, adjustment),
                )
                for target in profile.targets
            ),
            blended_type=profile.blended_type or BlendedType.INTERLOCK,
        )
    targets = [
        _Target(
            name=_name(target),
            **{field: value for answers in _answers(target).values() for field, value in attrs.asdict(answers).items()},
            **_quota(target, profile, adjustment),
        )
        for target in profile.targets
    ]
    has_quotas = any(target.percentage is not None or target.completes_goal is not None for target in targets)
    return ProfileTable(
        question_id=next((question for target in profile.targets for question in _answers(target)), None),
        targets=tuple(targets),
        quotas_enabled=None if profile.quotas_enabled == has_quotas else profile.quotas_enabled,
    )


def _name(target: Target) -> str | None:
    return target.name or (target.quota.name if target.quota is not None else None)


def _quota(target: Target, profile: Profile, adjustment: AdjustmentType) -> dict[str, Any]:
    quota = target.quota if profile.quotas_enabled else None
    if quota is None:
        return {}
    if adjustment is AdjustmentType.PERCENTAGE:
        return {"percentage": quota.completes_goal_percentage}
    return {"completes_goal": quota.completes_goal}


def _answers(target: Target) -> dict[int, _Answers]:
    found: dict[int, _Answers] = {}
    for condition in target.conditions:
        match condition:
            case OtherCondition(object=kind):
                raise ValueError(f"a condition is of the kind {kind!r}, which a file cannot have")
            case Range(question_id=question, min=low, max=high):
                answers = found.get(question, _Answers())
                found[question] = attrs.evolve(answers, range=(*answers.range, f"{low}-{high}"))
            case Selection(question_id=question, option=code):
                answers = found.get(question, _Answers())
                found[question] = attrs.evolve(answers, option=(*answers.option, code))
            case OpenEnded(question_id=question, open_ended_values=values, allow_all_values=every):
                answers = found.get(question, _Answers())
                found[question] = attrs.evolve(answers, values=(*answers.values, *values), all_values=every)
    return found
