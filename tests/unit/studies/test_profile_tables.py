"""Profiles in a study file."""

from typing import Any

import pytest
from hypothesis import given
from support.studies import SMALL, problems_of, profilings

from fieldingkit.resources.profile_checks import profiling_problems
from fieldingkit.resources.profiles import (
    AdjustmentType,
    OpenEnded,
    OtherCondition,
    Profile,
    Profiling,
    Quota,
    Range,
    Selection,
    Target,
)
from fieldingkit.studies.profile_tables import ProfileTable, profile_tables, profiling_of
from fieldingkit.studies.values import read_value


def read(tables: dict[str, Any], template_id: str | None = None) -> Profiling | None:
    """Return the profiles of tables."""
    return profiling_of({name: read_value(table, ProfileTable) for name, table in tables.items()}, template_id)


@given(profilings())
def test_profiles_that_are_written_are_read_as_they_were(profiling: Profiling) -> None:
    """Tables of profiles are read as the same profiles, which a request can have."""
    assert read(profile_tables(profiling)) == profiling
    assert list(profiling_problems(profiling)) == []


def test_answers_are_read_as_conditions() -> None:
    """One answer is written as a text, several as a list; a number is the code of an option."""
    table = {
        "question_id": 42,
        "targets": [
            {"name": "Young or old", "range": ["18-24", "65-99"], "percentage": 50},
            {"option": 3, "percentage": 50},
            {"all_values": True},
        ],
    }
    (profile,) = (read({"Age": table}) or Profiling()).profiles
    assert [target.conditions for target in profile.targets] == [
        (Range(question_id=42, min=18, max=24), Range(question_id=42, min=65, max=99)),
        (Selection(question_id=42, option="3"),),
        (OpenEnded(question_id=42, allow_all_values=True),),
    ]
    assert profile.quotas_enabled


def test_quotas_say_how_they_are_given() -> None:
    """Percentages and numbers have keys of their own, which decide the adjustment type."""
    numbers = read({"Age": {"question_id": 42, "targets": [{"range": "18-99", "completes_goal": 100}]}})
    assert numbers is not None
    assert numbers.profile_adjustment_type is AdjustmentType.NOMINAL
    without = read({"Age": {"question_id": 42, "targets": [{"range": "18-99"}]}})
    assert without is not None
    assert not without.profiles[0].quotas_enabled


def test_a_template_needs_no_profiles() -> None:
    """The id of a template alone is profiling too; neither is none."""
    template = read({}, "b551326b-ac9d-4d32-8823-4f025787dab9")
    assert template is not None
    assert template.template_id is not None
    assert read({}) is None


def test_quotas_that_are_not_in_force_are_not_written() -> None:
    """The API shows the goals of disabled quotas too; a file has only those that are in force."""
    target = Target(conditions=[Range(question_id=42, min=18, max=99)], quota=Quota(completes_goal_percentage=100))
    profiling = Profiling(profiles=[Profile(name="Age", targets=[target], quotas_enabled=False)])
    assert profile_tables(profiling) == {"Age": {"question_id": 42, "targets": [{"range": "18-99"}]}}


def test_profiles_that_a_file_cannot_have_are_named() -> None:
    """Two profiles of one name, or a condition of a kind that this release does not know."""
    target = Target(conditions=[Selection(question_id=1, option="1")])
    with pytest.raises(ValueError, match="two profiles are called 'Age'"):
        profile_tables(Profiling(profiles=[Profile(name="Age", targets=[target])] * 2))
    odd = Target(conditions=[OtherCondition(object="distance", content={"km": 5})])
    with pytest.raises(ValueError, match="'distance'"):
        profile_tables(Profiling(profiles=[Profile(name="Near", targets=[odd])]))


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("", "profiles.Age needs targets and a question_id, or cells"),
        ('targets = [{ range = "18-34" }]', "profiles.Age has no question_id"),
        (
            'question_id = 1\ncells = [{ name = "A", 1.option = "1" }]',
            "profiles.Age has cells, so that it takes neither",
        ),
        ("question_id = 1\ntargets = [{}]", "profiles.Age, target 1 has no conditions"),
        (
            'question_id = 1\ntargets = [{ range = "34-18", percentage = 1 }]',
            "profiles.Age, target 1, answer 1 must have bounds",
        ),
        (
            'question_id = 1\ntargets = [{ range = "18 to 34" }]',
            'profiles.Age, target 1 range must be two numbers, such as "18-34"',
        ),
        (
            'question_id = 1\ntargets = [{ option = ["1", "2"] }]',
            "profiles.Age, target 1 has several conditions and needs a name",
        ),
        (
            'question_id = 1\ntargets = [{ option = "1", percent = 5 }]',
            "profiles.Age, target 1: percent is an unknown key; did you mean percentage?",
        ),
        (
            'question_id = 1\ntargets = [{ option = "1", percentage = 5 }, { option = "2" }]',
            "profiles.Age, target 2 has no percentage",
        ),
        (
            'question_id = 1\ntargets = [{ option = "1", percentage = 5 }, { option = "2", completes_goal = 5 }]',
            "profiles have percentages and numbers",
        ),
        (
            'question_id = 1\ntargets = [{ option = "1", percentage = 500 }]',
            "profiles.Age, target 1 percentage must be from 0 to 100",
        ),
        ('cells = [{ 1.option = "1", 2.option = "1", percentage = 5 }]', "profiles.Age, cell 1 has no name"),
        (
            'cells = [{ name = "A", 1.option = "1", percentage = 5 }]',
            "profiles.Age, cell 1 is part of a blended profile and needs two",
        ),
        (
            'cells = [{ name = "A", 1.opton = "1", 2.option = "1" }]',
            "profiles.Age, cell 1: 1.opton is an unknown key; did you mean option?",
        ),
        ('cells = [{ name = "A", answers = 1 }]', "profiles.Age, cell 1 has an unknown key answers"),
        ('blended_type = "interlok"\ncells = []', "profiles.Age.blended_type must be one of interlock, control"),
        (
            'blended_type = "control"\nquestion_id = 1\ntargets = [{ option = "1" }]',
            "profiles.Age has targets, so that it takes no blended_type",
        ),
    ],
)
def test_a_mistake_in_a_profile_is_named_in_the_words_of_the_file(table: str, problem: str) -> None:
    """A problem names the profile, the target or cell by its position, and the key as the file has it."""
    found = problems_of(f"{SMALL}[target_groups.TRACKER-US.profiles.Age]\n{table}")
    assert any(text.startswith(f"[target_groups.TRACKER-US] {problem}") for text in found), found
