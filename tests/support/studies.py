"""Study files: the example of docs/how-to/studies.md, a small one, and strategies of profiles."""

import re
from pathlib import Path
from typing import Final

import pytest
from hypothesis import strategies as st

from fieldingkit.errors import InvalidStudyError
from fieldingkit.resources.profiles import (
    AdjustmentType,
    Condition,
    OpenEnded,
    Profile,
    Profiling,
    Quota,
    Range,
    Selection,
    Target,
)
from fieldingkit.sandbox import Sandbox
from fieldingkit.studies import Study
from support.examples import AWKWARD

_PAGE: Final = Path(__file__).parents[2] / "docs" / "how-to" / "studies.md"
_FILE: Final = re.compile(r'^```toml title="study.toml"\n(.*?)^```$', re.MULTILINE | re.DOTALL)

MANAGER: Final = "e3e70682-c209-4cac-a29f-6fbed82c07cd"
"""The manager in the example."""


SMALL = f"""
schema = 1
[project]
reference = "TRACKER"
name = "Brand tracker"
project_manager_id = "{MANAGER}"
[defaults]
business_unit_id = "1234"
collects_pii = false
start_at = 2036-02-01T08:00:00Z
end_at = 2036-02-14T20:00:00Z
completes_goal = 1000
expected_length_of_interview_minutes = 12
expected_incidence_rate = 0.35
[target_groups.TRACKER-US]
name = "Tracker US"
locale = "eng_us"
"""


"""A study with one target group, to which a test adds its mistakes."""


def problems_of(text: str) -> list[str]:
    """Return the problems of a study file."""
    with pytest.raises(InvalidStudyError) as caught:
        Study.parse(text)
    assert caught.value.problems[0] in caught.value.message
    return list(caught.value.problems)


def example() -> str:
    """Return the example file."""
    found = _FILE.search(_PAGE.read_text(encoding="utf-8"))
    assert found is not None
    return found[1]


def example_for(sandbox: Sandbox) -> str:
    """Return the example file with a project manager of the sandbox, which gets another project."""
    return example().replace(MANAGER, sandbox.seed(draft=1).manager_id)


TEXTS: Final = st.text(alphabet=[char for char in AWKWARD if not "\ud800" <= char <= "\udfff"], min_size=1, max_size=20)
"""Texts with awkward characters; TOML has no halves of characters."""


@st.composite
def profilings(draw: st.DrawFn) -> Profiling:
    """Draw well-formed profiles, regular and blended, with quotas in percent or numbers, or without."""
    adjustment = draw(st.sampled_from([AdjustmentType.PERCENTAGE, AdjustmentType.NOMINAL]))
    names = draw(st.lists(TEXTS, min_size=1, max_size=3, unique=True))
    kinds = [_regular, _blended]
    made = [draw(st.sampled_from(kinds))(draw, name, adjustment) for name in names]
    has_quotas = any(target.quota for profile in made for target in profile.targets)
    return Profiling(profile_adjustment_type=adjustment if has_quotas else AdjustmentType.PERCENTAGE, profiles=made)


def _regular(draw: st.DrawFn, name: str, adjustment: AdjustmentType) -> Profile:
    question, enabled = draw(st.integers(1, 10**9)), draw(st.booleans())
    targets = [
        Target(
            name=draw(TEXTS),
            conditions=_conditions(draw, question),
            quota=_quota(draw, adjustment) if enabled else None,
        )
        for _ in range(draw(st.integers(1, 3)))
    ]
    return Profile(name=name, targets=targets, quotas_enabled=enabled)


def _blended(draw: st.DrawFn, name: str, adjustment: AdjustmentType) -> Profile:
    questions = draw(st.lists(st.integers(1, 10**9), min_size=2, max_size=3, unique=True))
    targets = [
        Target(
            name=draw(TEXTS),
            conditions=[condition for question in questions for condition in _conditions(draw, question)],
            quota=_quota(draw, adjustment),
        )
        for _ in range(draw(st.integers(1, 3)))
    ]
    return Profile.blended(name=name, targets=targets, blended_type=draw(st.sampled_from(["interlock", "control"])))


def _quota(draw: st.DrawFn, adjustment: AdjustmentType) -> Quota:
    if adjustment is AdjustmentType.PERCENTAGE:
        return Quota(completes_goal_percentage=draw(st.integers(0, 10_000)) / 100)
    return Quota(completes_goal=draw(st.integers(0, 10_000)))


def _conditions(draw: st.DrawFn, question: int) -> list[Condition]:
    bounds = draw(st.lists(st.tuples(st.integers(1, 99), st.integers(1, 99)).map(sorted), max_size=2))
    found: list[Condition] = [Range(question_id=question, min=low, max=high) for low, high in bounds]
    found += [Selection(question_id=question, option=code) for code in draw(st.lists(TEXTS, max_size=2))]
    if not found or draw(st.booleans()):
        values = draw(st.lists(TEXTS, min_size=1, max_size=3))
        found.append(OpenEnded(question_id=question, open_ended_values=values))
    return found
