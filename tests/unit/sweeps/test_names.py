"""Names of projects and target groups: from discovery into previews, reports, journals and files."""

from pathlib import Path

import pytest
from support.sweep_plans import pausing

from fieldingkit import AsyncClient
from fieldingkit.sandbox import Sandbox
from fieldingkit.sweeps import Journal, SweepPlan, SweepReport, TargetGroupQuery, preview, read_report, sweep


async def test_a_query_names_target_groups_and_their_projects(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """Discovery reads the names anyway, so previews and reports carry them."""
    project = sandbox.seed(live=2)
    named = {group.id: (group.settings.name, group.settings.human_readable_id) for group in project.groups}
    plan = SweepPlan(action="pause", query=TargetGroupQuery())

    shown = await preview(sweep_client, plan)
    report = await sweep(sweep_client, plan)

    for groups in (shown.groups, report.groups):
        assert {group.target_group_id: (group.name, group.short_id) for group in groups} == named
    for projects in (shown.projects, report.projects):
        assert [(item.project_id, item.name) for item in projects] == [(project.id, project.name)]
        assert projects[0].short_id == project.human_readable_id


async def test_names_are_never_read_for_their_own_sake(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """Named target groups have names if their project was listed; their project has none."""
    several, alone = sandbox.seed(live=3), sandbox.seed(live=1)

    report = await sweep(sweep_client, pausing(several, alone))

    assert report.projects == ()
    assert all(report.by_id[id_].name for id_ in several.ids())
    assert report.by_id[alone.ids()[0]].name is None


@pytest.mark.parametrize("extension", ["json", "html"])
async def test_names_survive_the_journal_and_report_files(
    sweep_client: AsyncClient, sandbox: Sandbox, path: Path, tmp_path: Path, extension: str
) -> None:
    """Another process reports the same names."""
    sandbox.seed(live=2)
    plan = SweepPlan(action="pause", query=TargetGroupQuery())
    report = await sweep(sweep_client, plan, journal=path)
    file = tmp_path / f"report.{extension}"

    report.save(file)
    with Journal(path) as journal:
        stored = read_report(journal, plan.run_id)

    for other in (stored, SweepReport.load(file)):
        assert [(group.name, group.short_id) for group in other.groups] == [
            (group.name, group.short_id) for group in report.groups
        ]
        assert other.projects == report.projects


@pytest.mark.parametrize("name", ["Kaffee \ud83d", "\udc00", "Kaffee ☕ 😀", "\x00"])
async def test_a_name_that_is_no_utf_8_survives_the_journal(
    sweep_client: AsyncClient, sandbox: Sandbox, path: Path, name: str
) -> None:
    """Half a surrogate pair, which JSON can spell, comes back equal, also in the report of a run that is resumed."""
    project = sandbox.seed(live=2)
    for group in project.groups:
        group.settings = group.settings.with_member("name", name)
    plan = SweepPlan(action="pause", query=TargetGroupQuery())

    report = await sweep(sweep_client, plan, journal=path)

    with Journal(path) as journal:
        stored = read_report(journal, plan.run_id)
    again = await sweep(sweep_client, plan, journal=path)
    assert [group.name for group in report.groups] == [name] * 2
    assert stored.groups == again.groups == report.groups
