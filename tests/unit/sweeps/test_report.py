"""Sweep reports: counts, saved files, and the plan that undoes a sweep."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pytest
from support.sweep_reports import NASTY, make_report

from fieldingkit.errors import ConfigurationError, InvalidCommandError
from fieldingkit.resources.target_groups import TargetGroupStatus
from fieldingkit.sweeps import Action, GroupOutcome, Outcome, SweepPlan, SweepReport, undo_plan

P1, P2 = "01BTGNYV6HRNK8K8VKZASZCFP0", "01BTGNYV6HRNK8K8VKZASZCFP1"
A, B, C, D = (f"01BTGNYV6HRNK8K8VKZASZCF{letter}0" for letter in "ABCD")
LIVE, PAUSED = TargetGroupStatus.LIVE, TargetGroupStatus.PAUSED


def a_report(
    *groups: tuple[str, str, Outcome, TargetGroupStatus | None], action: Action = Action.PAUSE, **changes: Any
) -> SweepReport:
    """Return a report with the given outcomes."""
    return SweepReport(
        plan=SweepPlan(action=action, target_groups={P1: [A, B], P2: [C, D]}, run_id="run"),
        started_at=datetime.now(UTC),
        base_url="https://api.cint.com/v1",
        groups=tuple(
            GroupOutcome(target_group_id=id_, project_id=project_id, outcome=outcome, previous_status=status)
            for project_id, id_, outcome, status in groups
        ),
        **changes,
    )


def test_counts_add_up_by_project_and_by_code() -> None:
    """A report answers how many target groups had each outcome, by project and by failure code."""
    report = a_report((P1, A, Outcome.UPDATED, LIVE), (P1, B, Outcome.FAILED, LIVE), (P2, C, Outcome.UNKNOWN, LIVE))

    assert tuple(report.counts) == (1, 0, 1, 0, 0, 1)
    assert {project_id: counts.total for project_id, counts in report.by_project.items()} == {P1: 2, P2: 1}
    assert report.failure_codes == {"": 1}
    assert [group.target_group_id for group in report.of(Outcome.FAILED, Outcome.UNKNOWN)] == [B, C]
    assert report.by_id[A].previous_status is LIVE
    assert not report.ok


@pytest.mark.parametrize("outcome", Outcome)
def test_a_report_is_ok_only_if_nothing_is_left_to_do(outcome: Outcome) -> None:
    """A report is not ok if a target group failed, was not sent, or is unknown."""
    report = a_report((P1, A, Outcome.UPDATED, LIVE), (P1, B, outcome, LIVE))

    assert report.ok == (outcome in (Outcome.UPDATED, Outcome.UNCHANGED, Outcome.SKIPPED))


@pytest.mark.parametrize("extension", [".json", ".html", ".HTML"])
def test_a_saved_report_is_loaded_unchanged(tmp_path: Path, extension: str) -> None:
    """JSON and HTML files contain the whole report, with any text from the API."""
    report = make_report(outcomes=tuple(Outcome), each=6, reason=NASTY)
    report.save(tmp_path / f"report{extension}")
    assert SweepReport.load(tmp_path / f"report{extension}") == attrs.evolve(report)


def test_a_report_without_job_times_is_saved_and_loaded(tmp_path: Path) -> None:
    """Jobs whose creation, end and trace id are not known are reported without them."""
    report = make_report()
    jobs = tuple(attrs.evolve(job, created_at=None, ended_at=None, trace_id=None) for job in report.jobs)
    report = attrs.evolve(report, jobs=jobs, finished_at=None)
    for name in ("report.json", "report.html"):
        report.save(tmp_path / name)
        assert SweepReport.load(tmp_path / name) == report


def test_a_damaged_report_is_refused(tmp_path: Path) -> None:
    """A report with a missing field raises a typed error."""
    path = tmp_path / "report.json"
    make_report().save(path)
    content = json.loads(path.read_text())
    del content["groups"][0]["outcome"]
    path.write_text(json.dumps(content))
    with pytest.raises(ConfigurationError, match="is damaged: 'outcome' is missing"):
        SweepReport.load(path)


def test_an_unknown_extension_is_refused(tmp_path: Path) -> None:
    """The extension selects the format, so it must be one of the three."""
    with pytest.raises(ConfigurationError, match=r"must end with \.json, \.csv, \.html"):
        make_report().save(tmp_path / "report.pdf")


def test_undo_restores_exactly_what_the_sweep_changed() -> None:
    """Unchanged, failed and unread target groups are left out; undoing twice is the same run."""
    report = a_report(
        (P1, A, Outcome.UPDATED, LIVE),
        (P1, B, Outcome.UNCHANGED, PAUSED),
        (P2, C, Outcome.UPDATED, None),
        (P2, D, Outcome.FAILED, LIVE),
    )

    plan = undo_plan(report)

    assert (plan.action, plan.target_groups, plan.query) == (Action.RESUME, {P1: (A,)}, None)
    assert plan.run_id == "run-undo"
    assert plan == undo_plan(report)


def test_undo_of_a_sweep_without_changes_is_an_empty_plan() -> None:
    """A sweep that changed nothing has an undo plan without target groups."""
    assert undo_plan(a_report((P1, A, Outcome.UNCHANGED, PAUSED))).target_groups == {}


@pytest.mark.parametrize("action", ["complete", "relaunch", "launch"])
def test_an_irreversible_action_is_not_undone(action: str) -> None:
    """Only pause and resume have an opposite action."""
    with pytest.raises(InvalidCommandError, match=f"a {action} cannot be undone"):
        undo_plan(a_report(action=Action(action)))
