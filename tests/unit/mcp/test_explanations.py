"""Explanations of statuses, errors, codes and outcomes; they are of this release, and no request is sent."""

import pytest

from fieldingkit import errors
from fieldingkit.errors import FieldingKitError
from fieldingkit.mcp.explanations import explain
from fieldingkit.resources.target_group_changelog import StatusChangeReason
from fieldingkit.sweeps import Outcome

TERMS = [
    *errors.__all__,
    *StatusChangeReason,
    *Outcome,
    *map(str, (302, 400, 401, 403, 404, 409, 412, 418, 422, 429, 500, 503, 599)),
    "StatusTransitionNotAllowed",
    "TargetGroupNotFound",
]


@pytest.mark.parametrize("term", TERMS)
async def test_every_term_of_the_library_is_explained(term: str) -> None:
    """It says what happened, whether it may have been applied, and what to do: each a sentence."""
    known = getattr(errors, term, FieldingKitError)
    meanings = (await explain(term)).meanings
    assert bool(meanings) == issubclass(known, FieldingKitError)
    for meaning in meanings:
        for text in (meaning.what_happened, meaning.maybe_applied, meaning.what_to_do):
            assert text[0].isupper(), text
            assert text.endswith((".", "doctor", "list")), text
            assert "``" not in text
            assert "\n" not in text


@pytest.mark.parametrize(
    ("term", "kind", "maybe_applied"),
    [
        ("400", "http_status", "No. Nothing was changed."),
        ("503", "http_status", "Perhaps"),
        ("ConnectionFailedError", "error", "No. Nothing was changed."),
        ("AmbiguousOutcomeError", "error", "Perhaps"),
        ("DecodeError", "error", "Yes, if the call was an action"),
        ("TargetGroupInvalidState", "failure_code", "No. Nothing was changed."),
        ("high_drop_rates", "reason_code", "Yes: the status was changed, by the API"),
        ("unknown", "outcome", "Perhaps"),
        ("not_sent", "outcome", "No. Nothing was changed."),
    ],
)
async def test_an_action_that_may_have_been_applied_is_not_denied(term: str, kind: str, maybe_applied: str) -> None:
    """The three answers are yes, no and perhaps."""
    (meaning,) = (await explain(f" {term} ")).meanings
    assert meaning.kind == kind
    assert meaning.maybe_applied.startswith(maybe_applied)


@pytest.mark.parametrize("term", ["", "200", "1000000", "²", "NoSuchError", "Final", "__doc__", "annotations", "re"])
async def test_an_unknown_term_has_no_meaning(term: str) -> None:
    """Nothing is made up."""
    assert (await explain(term)).meanings == []
