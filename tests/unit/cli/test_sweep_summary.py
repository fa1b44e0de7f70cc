"""The summary of a sweep on a terminal: 80 columns, whole words, names, and what is unknown first."""

from datetime import timedelta

import attrs
import pytest
from support.sweep_reports import NASTY, STARTED, TRACE, make_document, ulid

from fieldingkit.cli.sweep_summary import result_fields, result_text
from fieldingkit.rendering.model import StragglerRow
from fieldingkit.rendering.text import strip_control_chars
from fieldingkit.sweeps.report import Outcome

VERIFIED = STARTED + timedelta(minutes=1)
STRAGGLER = StragglerRow(
    project_id=ulid("PPPP", 0),
    target_group_id=ulid("GGGG", 99),
    name="Late wave",
    short_id="TG-99",
    status="live",
    reason="went live since",
)


def test_a_summary_without_problems_is_two_lines() -> None:
    """If everything went well, the headline and the count say so."""
    assert (
        result_text(make_document(verified_at=VERIFIED))
        == "All 8 target groups are paused.\n        8 paused by this sweep"
    )


def test_a_target_group_is_printed_with_names_above_its_ids() -> None:
    """People know the names, commands and the API's support take the ids."""
    document = make_document(projects=1, each=1, outcomes=(Outcome.FAILED,), name="Wave 3")
    named = attrs.evolve(document.groups[0], short_id="TG-3")
    lines = result_text(attrs.evolve(document, groups=(named,))).splitlines()
    assert lines[-3:] == [
        "  Wave 3 (TG-3), project Wave 3 (Wave 3)",
        f"    {ulid('PPPP', 0)} {ulid('GGGG', 0)}",
        f"    trace {TRACE}",
    ]


@pytest.mark.parametrize("name", ["a name of many words " * 9, "品牌追踪 " * 30, NASTY])
def test_no_line_exceeds_80_columns_and_no_word_is_broken(name: str) -> None:
    """Long names and reasons continue on the next line between words; wide characters count twice."""
    document = make_document(outcomes=tuple(Outcome), each=12, name=name, reason=name)
    text = result_text(attrs.evolve(document, stragglers=(STRAGGLER,), unlisted={ulid("PPPP", 0): name}))
    widths = [sum(2 if ord(letter) > 0x2E80 else 1 for letter in line) for line in text.splitlines()]
    assert max(widths) <= 80
    assert all(word in text for word in strip_control_chars(name).split())
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_stragglers_and_unread_projects_are_named_with_their_cause() -> None:
    """Projects with one cause are one paragraph; what verification found is named."""
    reasons = {ulid("PPPP", number): f"job {ulid('JJJJ', number)} refused" for number in range(7)}
    document = make_document(verified_at=VERIFIED, stragglers=(STRAGGLER,), unlisted=reasons, unverified=reasons)
    text = result_text(document)
    assert "7 projects could not be listed: job … refused" in text
    assert "7 projects could not be verified: job … refused" in text
    assert text.count("and 2 more; --report lists them all") == 2
    assert "Found afterwards: 1 went live since.\n" in text
    assert f"  Late wave (TG-99)\n    {ulid('PPPP', 0)} {ulid('GGGG', 99)}" in text


def test_a_terminal_is_not_flooded_with_reasons() -> None:
    """Each reason names five target groups, and ten reasons are printed."""
    document = make_document(projects=1, each=40, outcomes=(Outcome.FAILED,))
    groups = tuple(attrs.evolve(group, reason=f"cause {number // 2}") for number, group in enumerate(document.groups))
    text = result_text(attrs.evolve(document, groups=groups))
    assert text.count("Failed, 2 target groups") == 10
    assert text.endswith("10 more reasons; --report lists them all.")


def test_json_has_the_headline_names_and_verification() -> None:
    """A program reads the same facts as a person."""
    document = make_document(outcomes=(Outcome.FAILED,), name="Wave 3", verified_at=VERIFIED, stragglers=(STRAGGLER,))
    fields = result_fields(document)
    assert fields["headline"] == "0 of 8 target groups are paused; 1 went live since"
    assert fields["verified_at"] == "2036-01-01T12:01:00Z"
    assert isinstance(fields["groups"], list)
    assert fields["groups"][0]["name"] == "Wave 3"
    assert fields["stragglers"] == [attrs.asdict(STRAGGLER)]
