"""Batch jobs: the hand-written decoding of failures agrees with the converter's."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from support.examples import GROUP

from fieldingkit.converter import STRUCTURE_ERRORS, structure
from fieldingkit.resources.batch_jobs import BatchResult, FailedTargetGroup

_VALUES = st.sampled_from([GROUP, "", "StatusTransitionNotAllowed", None, 7, True, [], {}, {"code": "x"}])
_MEMBERS = st.sampled_from(["target_group_id", "code", "description", "new"])
_REASONS = st.dictionaries(_MEMBERS, _VALUES, max_size=4) | _VALUES
_ITEMS = st.builds(
    lambda item, reason: {**item, **reason},
    st.dictionaries(_MEMBERS, _VALUES, max_size=4),
    st.just({}) | st.fixed_dictionaries({"failure_reason": _REASONS}),
)
_REGULAR = st.fixed_dictionaries(
    {"target_group_id": st.just(GROUP)},
    optional={
        "failure_reason": st.none()
        | st.dictionaries(st.sampled_from(["code", "description"]), st.text(max_size=3) | st.none())
    },
)


def outcome(kind: Any, value: Any) -> Any:
    """Return the decoded value; None if it does not fit."""
    try:
        return structure(kind)(value, kind)
    except STRUCTURE_ERRORS:
        return None


@given(st.lists(_REGULAR | _ITEMS, max_size=3) | _VALUES)
def test_failures_are_decoded_as_the_converter_would(failures: Any) -> None:
    """A list of failures is decoded, or refused, as the converter decodes a list of the same class, each id once."""
    expected = outcome(tuple[FailedTargetGroup, ...], failures)
    if expected is not None:
        expected = tuple({one.target_group_id: one for one in expected}.values())
    found = outcome(
        BatchResult, {"job_id": "1", "status": "Completed", "failed_target_groups": {"data": failures or []}}
    )
    if failures:
        assert (None if found is None else found.failed) == expected
    else:
        assert found.failed == ()
