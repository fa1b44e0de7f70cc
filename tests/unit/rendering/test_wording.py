"""The wording of a sweep report: its headline, and its reasons grouped by cause."""

from datetime import timedelta
from typing import Any

import attrs
import pytest
from support.sweep_reports import STARTED, make_document, ulid

from fieldingkit.rendering.model import GroupRow, StragglerRow
from fieldingkit.rendering.wording import advice_for, group_by_reason, headline, outcome_label, report_notes
from fieldingkit.sweeps.report import Outcome

LATER = STARTED + timedelta(minutes=1)
WENT_LIVE = StragglerRow(project_id=ulid("PPPP", 0), target_group_id=ulid("GGGG", 99), reason="went live since")
MOVED = StragglerRow(project_id=ulid("PPPP", 0), target_group_id=ulid("GGGG", 0), reason="moved since")


@pytest.mark.parametrize(
    ("outcomes", "text"),
    [
        ((Outcome.UPDATED,), "All 8 target groups are paused"),
        ((Outcome.FAILED,), "0 of 8 target groups are paused"),
        ((Outcome.NOT_SENT, Outcome.UPDATED), "4 of 8 target groups are paused"),
        ((Outcome.SKIPPED, Outcome.UPDATED), "4 of 8 target groups are paused"),
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
    assert headline(make_document(outcomes=outcomes, verified_at=LATER)) == text


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"verified_at": None}, "All 8 target groups were paused (not verified)"),
        (
            {"unlisted": {"p": "403"}},
            "8 of 8 target groups are paused; 1 project could not be listed",
        ),
        (
            {"unverified": {"p": "403"}},
            "8 of 8 target groups were paused; 1 project could not be verified",
        ),
        (
            {"unverified": {"p": "403"}, "verified_at": None},
            "8 of 8 target groups were paused; 1 project could not be verified",
        ),
        ({"stragglers": (WENT_LIVE,)}, "8 of 8 target groups are paused; 1 went live since"),
        (
            {"stragglers": (MOVED, WENT_LIVE)},
            "7 of 8 target groups are paused; 1 moved since; 1 went live since",
        ),
        ({"as_of": LATER}, "As of 2036-01-01 12:01:00 UTC: all 8 target groups were paused"),
        (
            {"as_of": LATER, "verified_at": None},
            "As of 2036-01-01 12:01:00 UTC: all 8 target groups were paused (not verified)",
        ),
        ({"groups": ()}, "No target groups were found"),
        ({"groups": (), "as_of": LATER}, "As of 2036-01-01 12:01:00 UTC: no target groups were found"),
        ({"groups": (), "unlisted": {"p": "403"}}, "0 of 0 target groups are paused; 1 project could not be listed"),
        ({"action": "launch", "target_status": "live"}, "All 8 target groups are live"),
    ],
)
def test_the_headline_claims_only_what_was_read(changes: dict[str, Any], text: str) -> None:
    """The present tense is for statuses that were read after the last job; the headline names what was not."""
    assert headline(make_document(**{"verified_at": LATER, **changes})) == text


@pytest.mark.parametrize(
    ("sent", "label"),
    [
        ((False,), "already paused"),
        ((True,), "paused, by this sweep or another"),
        ((True, False), "found paused"),
    ],
)
def test_what_was_sent_is_not_called_paused_already(sent: tuple[bool, ...], label: str) -> None:
    """A target group that was sent and read as paused afterwards may have been paused by the sweep."""
    document = make_document(outcomes=(Outcome.UNCHANGED,))
    groups = tuple(attrs.evolve(row, verified=sent[n % len(sent)]) for n, row in enumerate(document.groups))

    assert outcome_label(attrs.evolve(document, groups=groups), "unchanged") == label


def test_the_headline_of_a_single_target_group_is_in_the_singular() -> None:
    """One target group is one target group."""
    assert headline(make_document(projects=1, each=1, verified_at=LATER)) == "1 target group is paused"


def test_notes_qualify_the_headline() -> None:
    """A report says whether and when the statuses were read again, and which run it continues."""
    assert report_notes(make_document(verified_at=LATER)) == [
        "The statuses were read again after the last job, at 2036-01-01 12:01:00 UTC."
    ]
    (partly,) = report_notes(make_document(verified_at=LATER, unverified={"p": "403"}))
    assert partly.endswith("12:01:00 UTC, except in 1 project.")
    (unverified,) = report_notes(make_document())
    assert "not read again" in unverified
    assert "nothing was read since" in report_notes(make_document(as_of=LATER))[0]
    assert "not finished" in report_notes(make_document(finished_at=None))[0]
    unfinished = report_notes(make_document(finished_at=None, as_of=LATER))
    assert len(unfinished) == 2
    assert unfinished[1].startswith("Its last step was at ")
    assert "continues the run old" in report_notes(make_document(continues="old"))[-1]


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
    """Advice does not claim that something was sent, where the outcome is open."""
    for outcome in (Outcome.UNKNOWN, Outcome.SKIPPED):
        (reason,) = group_by_reason(make_document(outcomes=(outcome,)).groups, outcome.value)
        assert "sent" not in advice_for(reason.outcome, reason.code)
