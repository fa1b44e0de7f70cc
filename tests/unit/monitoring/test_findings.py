"""Findings: each trouble is reported once when it begins and once when it is over, and never by guess."""

import json
from pathlib import Path

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.monitored_groups import NOON, full_snapshot, hours_after, live_group

from fieldingkit.errors import ConfigurationError
from fieldingkit.monitoring import Findings, LowConversion, RuleName, Rules, Snapshot, compare, evaluate
from fieldingkit.resources.target_groups import TargetGroupStatus
from fieldingkit.sweeps.report import UnlistedProject

LOW = {"conversion_rate": 0.05}
STATUSES = [TargetGroupStatus.LIVE, TargetGroupStatus.PAUSED]


def findings_of(snapshot: Snapshot, earlier: Findings | None = None, **rules: LowConversion) -> Findings:
    """Return the findings of a snapshot."""
    return evaluate(snapshot, Rules(**rules), earlier=earlier)  # type: ignore[arg-type]  # the others keep defaults


def test_a_trouble_is_new_then_continues_then_is_over() -> None:
    """The end has the finding as it was last seen, and the reason."""
    first = findings_of(full_snapshot(live_group(**LOW)))
    second = findings_of(full_snapshot(live_group(conversion_rate=0.06)), first)
    third = findings_of(full_snapshot(live_group()), second)
    assert [one.rule for one in compare(None, first).new] == ["low_conversion"]
    continuing = compare(first, second)
    assert (continuing.new, continuing.ended, continuing.has_news) == ((), (), False)
    assert "6.0%" in continuing.continuing[0].seen
    over = compare(second, third)
    assert [(one.finding, one.reason) for one in over.ended] == [(second.found[0], "it is no longer so")]
    assert over.has_news
    assert not compare(third, findings_of(full_snapshot(live_group()), third)).has_news


def test_a_trouble_whose_figure_is_unknown_stays_open() -> None:
    """It is unconfirmed, also over several snapshots, and is over when the figure is good again."""
    first = findings_of(full_snapshot(live_group(**LOW)))
    unread = findings_of(full_snapshot(live_group(conversion_rate=None)), first)
    unlisted = findings_of(full_snapshot(unlisted=(UnlistedProject("p1", "503"),)), unread)
    without = findings_of(full_snapshot(live_group(**LOW), details=()), unlisted)
    for earlier, now in ((first, unread), (unread, unlisted), (unlisted, without)):
        compared = compare(earlier, now)
        assert compared.unconfirmed == now.unconfirmed == first.found
        assert not compared.has_news
    good = findings_of(full_snapshot(live_group()), without)
    assert [one.finding.rule for one in compare(without, good).ended] == ["low_conversion"]


def test_the_end_names_its_reason() -> None:
    """A target group that was paused, or is not in the snapshot, or a rule that is off, is no recovery."""
    first = findings_of(full_snapshot(live_group(**LOW)))
    paused = findings_of(full_snapshot(live_group(status=TargetGroupStatus.PAUSED)), first)
    gone = findings_of(full_snapshot(), first)
    unlisted = full_snapshot(unlisted=(UnlistedProject("p1", "503"),))
    off = findings_of(unlisted, first, low_conversion=LowConversion(enabled=False))
    assert [one.reason for now in (paused, gone, off) for one in compare(first, now).ended] == [
        "its target group is paused now",
        "its target group is no longer in the snapshot",
        "its rule is no longer applied",
    ]


def test_findings_of_another_selection_are_refused_and_not_over() -> None:
    """Its target groups were not read, so that nothing is known of them."""
    first = findings_of(full_snapshot(live_group(**LOW), selection="account 101; project ids A"))
    assert first.selection == "account 101; project ids A"
    with pytest.raises(ConfigurationError, match=r"another selection .* \(then: project ids A; now: project ids B\)"):
        findings_of(full_snapshot(selection="account 101; project ids B"), first)


snapshots = st.lists(
    st.one_of(
        st.just(None),
        st.tuples(
            st.sampled_from(STATUSES),
            st.sampled_from([0.05, 0.4, None]),
            st.sampled_from([0.05, 0.4, None]),
        ),
    ),
    max_size=12,
)
"""Snapshots of one target group: None if its project could not be listed, else its status and two rates."""


@given(snapshots)
@settings(max_examples=60, deadline=None)
def test_over_any_series_beginnings_and_ends_alternate(
    series: list[tuple[TargetGroupStatus, float | None, float | None] | None],
) -> None:
    """No beginning is repeated before its end, nothing ends whose figure is unknown, and nothing is lost."""
    earlier: Findings | None = None
    open_keys: set[object] = set()
    for hours, one in enumerate(series):
        at = hours_after(hours * 4)
        if one is None:
            taken = full_snapshot(at=at, unlisted=(UnlistedProject("p1", "503"),))
        else:
            status, conversion, drop_off = one
            group = live_group(read_at=at, status=status, conversion_rate=conversion, drop_off_rate=drop_off)
            taken = full_snapshot(group, at=at)
        now = findings_of(taken, earlier)
        compared = compare(earlier, now)
        new, ended = {found.key for found in compared.new}, {end.finding.key for end in compared.ended}
        assert not new & open_keys
        assert ended <= open_keys
        assert not any(figure.covers(end.finding) for figure in now.unknown for end in compared.ended)
        open_keys = (open_keys | new) - ended
        assert open_keys == {found.key for found in (*compared.new, *compared.continuing, *compared.unconfirmed)}
        assert open_keys == {found.key for found in now.open}
        earlier = now


def test_findings_are_read_from_their_file_as_they_were_saved(tmp_path: Path) -> None:
    """A missing file is None, for the first time of all."""
    path = tmp_path / "findings.json"
    assert Findings.load(path) is None
    first = findings_of(full_snapshot(live_group(**LOW), unlisted=(UnlistedProject("p2", "503"),)))
    kept = findings_of(full_snapshot(live_group(conversion_rate=None), at=hours_after(1)), first)
    for findings in (kept, findings_of(full_snapshot(live_group(name="half \ud800 pair", **LOW)))):
        findings.save(path)
        assert Findings.load(path) == findings
    assert kept.unconfirmed


def test_rules_that_were_read_from_a_file_are_members(tmp_path: Path) -> None:
    """Text that only compares as the rule would fail at its first ``.value``."""
    path = tmp_path / "findings.json"
    findings_of(full_snapshot(live_group(conversion_rate=None, drop_off_rate=0.9), details=())).save(path)
    found = Findings.load(path)
    assert found is not None
    findings_of(full_snapshot(live_group(**LOW))).save(path)
    others = Findings.load(path)
    assert others is not None
    rules = [*found.rules, *(one.rule for one in found.unknown), *(one.rule for one in others.found)]
    assert {RuleName.LOW_CONVERSION, RuleName.RECONCILIATION_DUE} <= set(rules)
    assert {type(rule) for rule in rules} == {RuleName}


@pytest.mark.parametrize("place", ["found", "unconfirmed", "unknown", "rules"])
def test_an_unknown_rule_is_refused_by_its_name(place: str) -> None:
    """Its finding would stay open, or end, by guess; and the file may be of a later release."""
    first = findings_of(full_snapshot(live_group(**LOW)))
    findings = findings_of(full_snapshot(live_group(conversion_rate=None)), first)
    content = json.loads(attrs.evolve(findings, found=first.found).encode())
    rule = content[place][0]
    content[place][0] = "too_quiet" if isinstance(rule, str) else {**rule, "rule": "too_quiet"}
    with pytest.raises(ConfigurationError, match=r"variable x .* later release .*'too_quiet' is not a known RuleName"):
        Findings.decode(json.dumps(content), "variable x")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema": 2}', '{"schema": 1, "at": 3}', "\ud800"])
def test_a_file_without_findings_is_refused(tmp_path: Path, content: str) -> None:
    """It is not taken for a first time, which would report everything again."""
    path = tmp_path / "findings.json"
    path.write_text(content, errors="surrogatepass")
    with pytest.raises(ConfigurationError, match="delete it to begin again"):
        Findings.load(path)


def test_findings_may_be_kept_elsewhere_than_in_a_file() -> None:
    """Text is the same as in the file, and an error names the place of the caller."""
    findings = evaluate(full_snapshot(live_group(last_complete_at=hours_after(-9))))
    assert Findings.decode(findings.encode(), "variable x") == findings
    with pytest.raises(ConfigurationError, match="variable x has no findings that this release reads"):
        Findings.decode("{}", "variable x")


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """Otherwise all would be reported again the next time."""
    with pytest.raises(ConfigurationError, match="cannot be written"):
        findings_of(full_snapshot()).save(tmp_path / "missing" / "findings.json")


def test_all_parts_of_a_comparison_are_json() -> None:
    """It can be stored, or posted, as it is."""
    first = findings_of(full_snapshot(live_group(**LOW)))
    plain = json.loads(compare(None, first).to_json())
    assert plain["at"] == "2026-03-05T12:00:00.000Z"
    assert plain["new"][0]["rule"] == "low_conversion"
    assert first.at == NOON
    assert repr(attrs.evolve(first, unconfirmed=first.found)) == (
        "<Findings 1 finding, 1 unconfirmed, 2 unknown figures>"
    )
