"""Any content of a file is a study, or an error with its problems."""

import contextlib
import tomllib
from datetime import UTC, date, datetime, time
from typing import Any

import tomlkit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.studies import TEXTS, example

from fieldingkit.errors import InvalidStudyError
from fieldingkit.studies import Study
from fieldingkit.studies.study import kinds_of_settings

EXAMPLE = tomllib.loads(example())
KEYS = st.sampled_from([
    *kinds_of_settings(), "id", "reference", "answers", "42", "range", "option", "values", "all_values", "percentage",
    "cells", "targets", "blended_type", "quotas_enabled", "question_id", "others", "etag", "group_id", "x",
])  # fmt: skip
SCALARS = st.one_of(
    st.none().map(lambda _: ""),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    TEXTS,
    st.sampled_from(
        ["2.50 USD", "18-34", "99-1", "eng_us", "dynamic", "P1D", "https://[", "01BTGNYV6HRNK8K8VKZASZCFP0"]
    ),
    st.sampled_from([datetime(2036, 1, 1), datetime(1, 1, 1, tzinfo=UTC), date(2036, 1, 1), time(8)]),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=6
)


def mutated(value: Any, data: st.DataObject) -> Any:
    """Return a copy of a value in which one part is another value, is missing, or has a new neighbor."""
    if isinstance(value, dict) and value and data.draw(st.booleans()):
        key = data.draw(st.sampled_from(sorted(value)))
        return {**value, key: mutated(value[key], data)}
    if isinstance(value, list) and value and data.draw(st.booleans()):
        return [mutated(value[0], data), *value[1:]]
    if isinstance(value, dict):
        kept = {key: part for key, part in value.items() if key != data.draw(st.sampled_from([*sorted(value), ""]))}
        return {**kept, **data.draw(st.dictionaries(KEYS, VALUES, max_size=2))}
    return data.draw(VALUES)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_no_mistake_is_a_traceback(data: st.DataObject) -> None:
    """A file with any other value in any place is a study, or an error that lists every problem as a sentence."""
    changed = mutated(EXAMPLE, data)
    for _ in range(data.draw(st.integers(0, 2))):
        changed = mutated(changed, data) if isinstance(changed, dict) else changed
    text = tomlkit.dumps(changed) if isinstance(changed, dict) else "x"
    with contextlib.suppress(InvalidStudyError):
        assert Study.parse(text).target_groups
        return
    try:
        Study.parse(text)
    except InvalidStudyError as exc:
        assert exc.problems
        assert all(problem == problem.strip() and "\n" not in problem for problem in exc.problems)
