"""Story: a study runs from its project to the report that itemizes its invoice, and a reconciliation changes both."""

import csv
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.walking import Walker

from fieldingkit.resources.accounts import ListAccountUsers
from fieldingkit.resources.money import Money
from fieldingkit.resources.reconciliations import Reconcile
from fieldingkit.resources.reports import GenerateReport
from fieldingkit.resources.target_group_drafts import CreateTargetGroup, FieldingSpecification, GetTargetGroup
from fieldingkit.sandbox import Sandbox
from fieldingkit.workflows import ensure_project, ensure_target_group, launch, reconcile, run_report


@pytest.fixture(autouse=True)
def _no_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Poll reports and reconciliations as quickly as other jobs."""
    monkeypatch.setattr(GenerateReport, "pace", None)
    monkeypatch.setattr(Reconcile, "pace", None)


def bought(path: Path) -> dict[str, Decimal]:
    """Return the prices in a report by their RIDs."""
    with path.open(newline="") as file:
        return {row["rid"]: Decimal(row["price"]) for row in csv.DictReader(file)}


async def test_a_study_runs_from_its_project_to_its_invoice(walker: Walker, sandbox: Sandbox, tmp_path: Path) -> None:
    """The money of the report is that of the ledger to the cent, before a reconciliation and after it."""
    manager = (await walker.send(ListAccountUsers(user_type="project_manager")))[0]
    project = await walker.call(ensure_project, name="Tea and coffee", project_manager_id=manager.id, reference="TEA")
    start = sandbox.clock.now()
    draft = CreateTargetGroup(
        project_id=project.project.id,
        project_manager_id=manager.id,
        name="Tea and coffee, United States",
        locale="eng_us",
        business_unit_id="1234",
        expected_incidence_rate=0.5,
        expected_length_of_interview_minutes=5,
        collects_pii=False,
        completes_goal=400,
        cost_per_interview=Money(value=Decimal("4.35"), currency_code="USD"),
        fielding_specification=FieldingSpecification(start_at=start, end_at=start + timedelta(days=7)),
        live_url="https://survey.example/live",
        target_group_customer_reference_number="TEA-US",
    )
    created = await walker.call(ensure_target_group, draft)
    ids = {"project_id": project.project.id, "target_group_id": created.target_group_id}
    await walker.call(launch, GetTargetGroup(**ids))
    sandbox.clock.advance(20 * 3600)
    group = sandbox.group(created.target_group_id)
    assert group.completes > 3

    today = sandbox.clock.now().date()
    period: dict[str, Any] = {"start_date": today - timedelta(days=30), "end_date": today + timedelta(days=2)}
    command = GenerateReport(report_type="sample-bought", level="project", filter_ids=[project.project.id], **period)
    before = bought((await walker.call(run_report, command, tmp_path / "before")).path)
    assert (len(before), sum(before.values())) == (group.completes, group.ledger.cost.value)

    terminated = next(iter(before))
    outcome = await walker.call(reconcile, [(terminated, "932")], max_share=1.0)
    assert (outcome.reconciliation.negative_reversed, outcome.preview.terminated) == (1, 1)
    after = bought((await walker.call(run_report, command, tmp_path / "after")).path)
    assert terminated not in after
    assert sum(after.values()) == group.ledger.cost.value
    assert before[terminated] + sum(rest for rid, rest in after.items() if rid in before) == sum(before.values())
