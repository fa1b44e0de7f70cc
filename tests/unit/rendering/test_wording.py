"""The wording of a sweep report: its headline, and its reasons grouped by cause."""

import attrs
import pytest
from support.sweep_reports import make_document, ulid

from fieldingkit.rendering.model import GroupRow
from fieldingkit.rendering.wording import advice_for, group_by_reason, headline
from fieldingkit.sweeps.report import Outcome


@pytest.mark.parametrize(
    ("outcomes", "text"),
    [
        ((Outcome.UPDATED,), "All 8 target groups are paused"),
        ((Outcome.FAILED,), "0 of 8 target groups are paused"),
        ((Outcome.NOT_SENT, Outcome.UPDATED), "4 of 8 target groups are paused"),
        ((Outcome.UNKNOWN,), "8 target groups: outcome unknown"),
        ((Outcome.UNKNOWN, Outcome.FAILED), "4 target groups: outcome unknown"),
        (
            (Outcome.UNKNOWN, Outcome.UPDATED),
            "4 target groups: outcome unknown; 4 of 8 target groups are paused",
        ),
    ],
)
def test_the_headline_begins_with_what_is_unknown(outcomes: tuple[Outcome, ...], text: str) -> None:
    """The headline counts the target groups with the status, unless their outcome is unknown: that comes first."""
    assert headline(make_document(outcomes=outcomes)) == text


def test_a_headline_names_projects_that_could_not_be_listed() -> None:
    """Projects that could not be listed are part of the headline."""
    document = attrs.evolve(make_document(), unlisted={"p": "403"})
    assert headline(document) == "8 of 8 target groups are paused; 1 project could not be listed"


@pytest.mark.parametrize(
    ("first", "second", "text"),
    [
        (
            f"job {ulid('JJJJ', 1)} had not ended after 1800 s",
            f"job {ulid('JJJJ', 2)} had not ended after 1799.5 s",
            "job … had not ended after … s",
        ),
        ("no answer in 3 attempts (trace " + "a" * 32 + ")", "no answer in 4 attempts (trace " + "b" * 32 + ")", None),
        ("it is live", "it is live", "it is live"),
        ("the API answered 502", "the API answered 503", ""),
        ("its status was live", "its status was draft", ""),
    ],
)
def test_reasons_with_one_cause_are_one_reason(first: str, second: str, text: str | None) -> None:
    """Reasons that differ only in ids, seconds and attempts are shown once; other differences keep them apart."""
    groups = [
        GroupRow(project_id="p", target_group_id=text, outcome="unknown", reason=text) for text in (first, second)
    ]
    reasons = group_by_reason(groups, "unknown")
    assert len(reasons) == (2 if text == "" else 1)
    assert text in (None, "") or reasons[0].text == text


def test_no_advice_contradicts_its_reason() -> None:
    """What may have been sent is not said to be sent, nor to be not sent."""
    for outcome in (Outcome.UNKNOWN, Outcome.SKIPPED):
        (reason,) = group_by_reason(make_document(outcomes=(outcome,)).groups, outcome.value)
        assert "sent" not in advice_for(reason)
