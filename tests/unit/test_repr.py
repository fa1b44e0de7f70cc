"""Short reprs for terminals and HTML tables for notebooks."""

from fieldingkit import AsyncClient, Client, batch_jobs, target_group_progress, target_groups
from fieldingkit._repr import html_table
from fieldingkit.job_commands import JobStatus
from fieldingkit.resources.batch_jobs import BatchResult, FailedTargetGroup
from fieldingkit.sandbox import Sandbox


def result(updated: int, description: str = "not allowed") -> BatchResult:
    """Return a finished batch with one failure and one missing id."""
    failed = FailedTargetGroup(target_group_id="F" * 26, code="StatusTransitionNotAllowed", description=description)
    return BatchResult(
        job_id="J1",
        status=JobStatus.COMPLETED,
        updated=tuple(f"{number:026d}" for number in range(updated)),
        failed=(failed,),
        missing=("M" * 26,),
        unaccounted=1,
        as_requested=False,
    )


def test_a_batch_has_a_one_line_repr() -> None:
    """A batch of thousands shows its counts, not its ids."""
    assert repr(result(3000)) == "<BatchResult J1 Completed, 3000 updated, 1 failed, 1 missing>"


def test_a_batch_table_begins_with_failures() -> None:
    """A notebook shows the failures first, then the missing ids, and at most 20 rows."""
    html = result(3000)._repr_html_()
    assert html.index("F" * 26) < html.index("M" * 26) < html.index(f"{0:026d}")
    assert html.count("<tr>") <= 22
    assert "and 2982 more" in html


def test_table_cells_are_escaped() -> None:
    """Text from the API never becomes markup."""
    assert "<script>" not in result(0, "<script>alert(1)</script>")._repr_html_()
    assert "<b>" not in html_table("<b>", ("<b>",), [("<b>",)], 1)


async def test_lists_overviews_and_jobs_have_both(sandbox: Sandbox, client: AsyncClient) -> None:
    """Lists of target groups, overviews and jobs have a one-line repr and a table."""
    project = sandbox.seed(live=2)
    page = await client.send(target_groups.ListTargetGroups(project_id=project.id))
    overview = await client.send(target_group_progress.GetTargetGroupOverviewById(target_group_id=project.groups[0].id))
    job = await client.submit(batch_jobs.PauseTargetGroups(project_id=project.id, target_group_ids=project.ids()))
    assert repr(page) == "<TargetGroupList 2 items>"
    assert repr(overview).startswith("<TargetGroupOverviewById ")
    assert "live" in repr(overview)
    for shown in (page, overview, job):
        assert "\n" not in repr(shown)
        assert len(repr(shown)) < 300
        assert shown._repr_html_().startswith("<table>")
    assert project.ids()[0] in page._repr_html_()


def test_a_blocking_job_has_a_repr_and_a_table(sandbox: Sandbox, blocking_client: Client) -> None:
    """A blocking job has the same table."""
    project = sandbox.seed(live=1)
    command = batch_jobs.PauseTargetGroups(project_id=project.id, target_group_ids=project.ids())
    job = blocking_client.submit(command)
    assert job.id in job._repr_html_()
    assert repr(job).startswith("<Job ")
