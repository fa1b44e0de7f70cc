"""Results as dictionaries, JSON, rows for data frames, and sequences."""

import json
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import attrs
import pytest

import fieldingkit.resources
from fieldingkit.commands import Command, CommandPart
from fieldingkit.job_commands import JobAccepted, JobStatus
from fieldingkit.resources.batch_jobs import BatchResult, FailedTargetGroup
from fieldingkit.resources.fielding_runs import FieldingRun, FieldingRunList, FieldingRunStatus
from fieldingkit.resources.money import Money
from fieldingkit.resources.target_groups import (
    FillingStrategy,
    TargetGroupList,
    TargetGroupProgress,
    TargetGroupStatistics,
    TargetGroupStatus,
    TargetGroupSummary,
)
from fieldingkit.resources.webhooks import WebhookEventType, WebhookEventTypes, WebhookWithSecret
from fieldingkit.results import Result, Serializable
from fieldingkit.sweeps import (
    Counts,
    GroupOutcome,
    Outcome,
    SweepJob,
    SweepPlan,
    SweepPreview,
    SweepProgress,
    SweepReport,
)

MOMENT = datetime(2026, 1, 31, 23, 59, 59, 500, tzinfo=UTC)
RUN = FieldingRun(
    id="r", status=FieldingRunStatus.LIVE, start_fielding_at=MOMENT, end_fielding_at=MOMENT, version=2, etag='"1"'
)


def summary(number: int) -> TargetGroupSummary:
    """Return a target group."""
    progress = TargetGroupProgress(
        current_completes=number, current_prescreens=0, filling_goal=9, filling_strategy=FillingStrategy.COMPLETES
    )
    price = Money(value=Decimal("2.7350"), currency_code="USD")
    return TargetGroupSummary(
        id=f"{number:026}",
        name="Women 18-34",
        status=TargetGroupStatus.LIVE,
        project_manager_id="m",
        locale="eng_us",
        created_at=MOMENT,
        statistics=TargetGroupStatistics(progress=progress, earnings_per_click=price),
    )


PAGE = TargetGroupList(target_groups=(summary(1), summary(2), summary(3)), next_cursor="c")


def models() -> Iterator[Any]:
    """Yield all models of all resources."""
    for info in iter_modules(fieldingkit.resources.__path__):
        module = import_module(f"fieldingkit.resources.{info.name}")
        for kind in (getattr(module, name) for name in module.__all__):
            if attrs.has(kind) and not (issubclass(kind, CommandPart) and not issubclass(kind, Result)):
                yield kind


@pytest.mark.parametrize("kind", [*models(), JobAccepted], ids=lambda kind: kind.__name__)
def test_every_model_is_a_result(kind: type) -> None:
    """Every model has ``to_dict`` and ``to_json`` from one base class."""
    assert issubclass(kind, Result)
    assert not issubclass(kind, Command)


@pytest.mark.parametrize("kind", [SweepReport, SweepPreview, SweepProgress, GroupOutcome, SweepJob])
def test_every_report_is_serializable(kind: type) -> None:
    """Reports, previews and their parts have ``to_dict`` and ``to_json`` from the base class of results."""
    assert issubclass(kind, Serializable)


def test_a_dictionary_is_ready_for_json() -> None:
    """Times are RFC 3339 text, amounts exact text, enumerations their values and tuples lists."""
    assert RUN.to_dict() == {
        "id": "r",
        "status": "live",
        "start_fielding_at": "2026-01-31T23:59:59.000Z",
        "end_fielding_at": "2026-01-31T23:59:59.000Z",
        "version": 2,
        "last_changed_at": None,
        "last_changed_by": None,
        "etag": '"1"',
    }
    assert Money(value=Decimal("2.7350")).to_dict()["value"] == "2.7350"
    first = PAGE.to_dict()["target_groups"][0]
    assert first["statistics"]["progress"]["filling_strategy"] == "completes"


def test_json_is_the_dictionary_as_text() -> None:
    """``to_json`` is ``to_dict`` as JSON, on one line by default."""
    assert json.loads(PAGE.to_json()) == PAGE.to_dict()
    assert "\n" not in PAGE.to_json()
    assert "\n" in PAGE.to_json(indent=2)


def test_secrets_are_in_no_export() -> None:
    """A secret is neither in the repr nor in the dictionary nor in the JSON of a result."""
    webhook = WebhookWithSecret(id="w", secret="canary")
    assert "canary" not in repr(webhook) + repr(webhook.to_dict()) + webhook.to_json()


def test_a_list_is_a_sequence() -> None:
    """A list has a length, iterates, and has indexes and slices."""
    assert isinstance(PAGE, Sequence)
    assert len(PAGE) == 3
    assert [group.id[-1] for group in PAGE] == ["1", "2", "3"]
    assert (PAGE[0], PAGE[-1]) == (summary(1), summary(3))
    assert PAGE[1:] == (summary(2), summary(3))
    assert summary(2) in PAGE
    assert not FieldingRunList(data=())


def test_rows_are_flat_and_keep_their_types() -> None:
    """Nested fields are joined with dots; times and amounts keep their types, enumerations become text."""
    row = PAGE.rows()[1]
    assert row["statistics.progress.current_completes"] == 2
    assert row["statistics.earnings_per_click.value"] == Decimal("2.7350")
    assert (row["status"], type(row["status"]), row["created_at"]) == ("live", str, MOMENT)
    assert row["statistics.issues"] == []
    assert WebhookEventTypes(events=(WebhookEventType("novel"),)).rows() == [{"value": "novel"}]


def test_rows_of_a_batch_have_one_row_for_each_target_group() -> None:
    """A batch has a row for each failed, missing and updated target group."""
    failed = FailedTargetGroup(target_group_id="F", code="c", description="d")
    result = BatchResult(job_id="j", status=JobStatus.COMPLETED, updated=("U",), failed=(failed,), missing=("M",))
    assert result.rows() == [
        {"target_group_id": "F", "outcome": "failed", "code": "c", "description": "d"},
        {"target_group_id": "M", "outcome": "missing", "code": None, "description": None},
        {"target_group_id": "U", "outcome": "updated", "code": None, "description": None},
    ]


def test_reprs_of_lists_are_short() -> None:
    """A list of thousands shows its number of items."""
    page = TargetGroupList(target_groups=tuple(summary(number) for number in range(3000)), next_cursor="c")
    assert repr(page) == "<TargetGroupList 3000 items, more to come>"
    assert repr(FieldingRunList(data=(RUN,))) == "<FieldingRunList 1 item>"
    assert page._repr_html_().count("<tr>") <= 22


def report() -> SweepReport:
    """Return the report of a sweep of 1,000 target groups."""
    ids = [f"{number:026}" for number in range(1000)]
    plan = SweepPlan(action="pause", target_groups={"P" * 26: ids})
    outcomes = [Outcome.FAILED, *[Outcome.UPDATED] * 998, Outcome.UNKNOWN]
    groups = tuple(
        GroupOutcome(target_group_id=id_, project_id="P" * 26, outcome=outcome)
        for id_, outcome in zip(ids, outcomes, strict=True)
    )
    return SweepReport(plan=plan, groups=groups, base_url="https://api.cint.com/v1", started_at=MOMENT)


def test_a_sweep_report_is_displayed_without_jinja2(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a notebook without Jinja2, a report is a plain table that begins with the problems."""
    monkeypatch.setitem(sys.modules, "jinja2", None)
    html = report()._repr_html_()
    assert html.index(f"{0:026}") < html.index(f"{999:026}") < html.index(f"{1:026}")
    assert len(html) < 10_000


def test_a_sweep_report_is_short_and_exports_its_groups() -> None:
    """A report shows its counts, what is unknown first in a notebook, and a row for each target group."""
    swept = report()
    assert swept.counts == Counts(updated=998, failed=1, unknown=1)
    assert len(repr(swept)) < 200
    assert "998 updated, 1 failed, 1 unknown" in repr(swept)
    html = swept._repr_html_()
    assert "1 target group: outcome unknown" in html
    assert html.index(f"{999:026}") < html.index(f"{0:026}")
    assert len(html) < 30_000
    assert len(swept.rows()) == 1000
    assert swept.rows()[0]["outcome"] == "failed"
    assert json.loads(swept.to_json())["groups"][0]["outcome"] == "failed"
