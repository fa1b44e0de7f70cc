"""Differences between a file and what exists."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from fieldingkit.studies.differences import find_differences

AGE: dict[str, Any] = {
    "question_id": 42,
    "targets": [{"range": "18-34", "percentage": 40}, {"range": "35-64", "percentage": 60}],
}


def shown(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Return differences as text: path, value before, value after."""
    found = find_differences(before, after)
    return [f"{difference.path}: {difference.found} -> {difference.wanted}" for difference in found]


def test_values_are_compared_one_by_one() -> None:
    """A value that was changed, added or removed is a difference; the others are not mentioned."""
    before = {"name": "One", "completes_goal": 100, "live_url": "https://a.example"}
    after = {"name": "One", "completes_goal": 120, "client_id": 7}
    assert shown(before, after) == [
        "completes_goal: 100 -> 120",
        "client_id: None -> 7",
        "live_url: https://a.example -> None",
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("2.5 USD", "2.50 USD"),
        (40, 40.0),
        (datetime(2036, 1, 1, 8, tzinfo=UTC), datetime(2036, 1, 1, 9, tzinfo=timezone(timedelta(hours=1)))),
        ("3F2504E0-4F89-41D3-9A0C-0305E82C3301", "3f2504e0-4f89-41d3-9a0c-0305e82c3301"),
        (["1", "2"], ["2", "1"]),
        ("Tracker", " Tracker"),
    ],
)
def test_other_spellings_of_a_value_are_equal(before: object, after: object) -> None:
    """The same amount, number, moment or id is no difference, however it is written."""
    assert shown({"value": before}, {"value": after}) == []


def test_targets_are_compared_by_their_answers() -> None:
    """The order of targets does not matter; each is named by its answers."""
    after = {"question_id": 42, "targets": [{"range": "35-64", "percentage": 55}, {"range": "18-34", "percentage": 45}]}
    assert shown({"profiles": {"Age": AGE}}, {"profiles": {"Age": after}}) == [
        "profiles.Age.35-64.percentage: 60 -> 55",
        "profiles.Age.18-34.percentage: 40 -> 45",
    ]


def test_names_that_the_api_adds_to_targets_are_no_difference() -> None:
    """A target without a name in the file keeps the name that the API gave it; a removed target is a difference."""
    named = {"question_id": 42, "targets": [{"name": f"Age {item['range']}", **item} for item in AGE["targets"]]}
    assert shown({"profiles": {"Age": named}}, {"profiles": {"Age": AGE}}) == []
    fewer = {"question_id": 42, "targets": [{"range": "18-34", "percentage": 40}]}
    assert shown({"profiles": {"Age": named}}, {"profiles": {"Age": fewer}}) == [
        "profiles.Age.35-64.name: Age 35-64 -> None",
        "profiles.Age.35-64.range: 35-64 -> None",
        "profiles.Age.35-64.percentage: 60 -> None",
    ]


def test_defaults_of_the_api_are_no_difference() -> None:
    """The API fills in the duration of an exclusion, and may write it in days."""
    before, after = ({"exclusions": [{"id": "A", "duration": text}]} for text in ("P90D", "P14D"))
    assert shown(before, {"exclusions": [{"id": "A"}]}) == []
    assert shown(after, {"exclusions": [{"id": "A", "duration": "P2W"}]}) == []
    assert shown(after, {"exclusions": [{"id": "A"}]}) == ["exclusions 1.duration: P14D -> None"]


def test_long_lists_of_answers_have_short_names() -> None:
    """A target with thousands of postal codes has a path that fits a line; two such targets stay apart."""
    codes = [str(code) for code in range(10_000)]
    targets = [{"values": codes, "percentage": 40}, {"values": [*codes, "x"], "percentage": 60}]
    changed = [targets[0], targets[1] | {"percentage": 50}]
    (difference,) = find_differences(
        {"profiles": {"A": {"targets": targets}}}, {"profiles": {"A": {"targets": changed}}}
    )
    assert len(difference.path) < 100
    assert (difference.found, difference.wanted) == (60, 50)


def test_cells_and_groups_are_named() -> None:
    """A cell has its name in the file, or else its answers to each question; a group of suppliers has its name."""
    cell = {"name": "Women", "42": {"range": "18-34"}, "43": {"option": ["1", "2"]}, "percentage": 20}
    group = {"group_name": "Best", "min_percentage": 40}
    before = {"profiles": {"Mix": {"cells": [cell]}}, "groups": [group]}
    after = {"profiles": {"Mix": {"cells": [cell | {"percentage": 30}]}}, "groups": [group | {"min_percentage": 50}]}
    assert shown(before, after) == [
        "profiles.Mix.Women.percentage: 20 -> 30",
        "Best.min_percentage: 40 -> 50",
    ]
    added = shown({"profiles": {"Mix": {}}}, {"profiles": before["profiles"]})
    assert {change.partition(": ")[0] for change in added} == {
        f"profiles.Mix.Women.{key}" for key in ("name", "42.range", "43.option", "percentage")
    }
    del cell["name"]
    unnamed = {"profiles": {"Mix": {"cells": [cell | {"percentage": 30}]}}}
    assert shown({"profiles": {"Mix": {"cells": [cell]}}}, unnamed) == [
        "profiles.Mix.42 18-34, 43 1, 2.percentage: 20 -> 30"
    ]


def test_values_are_as_json_has_them() -> None:
    """Times are texts in UTC; numbers, lists and booleans keep their kinds."""
    before = {"start_at": datetime(2036, 1, 1, 8, tzinfo=UTC), "flag": True, "codes": ["1"]}
    after = {"start_at": datetime(2036, 1, 2, 8, 0, 5, tzinfo=UTC), "flag": False, "codes": ["1", "2"]}
    assert shown(before, after) == [
        "start_at: 2036-01-01T08:00:00.000Z -> 2036-01-02T08:00:05.000Z",
        "flag: True -> False",
        "codes: ['1'] -> ['1', '2']",
    ]
