"""The demo: a batch, a stop of all projects, its report and its undo, on a sandbox inside this process."""

import tempfile
from collections import Counter
from pathlib import Path
from typing import Final

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from fieldingkit.cli.errors import ExitCode
from fieldingkit.cli.output import Output
from fieldingkit.cli.progress import ProgressDisplay
from fieldingkit.cli.sweep_summary import result_text
from fieldingkit.client import AsyncClient
from fieldingkit.job_commands import JobStatus
from fieldingkit.jobs.job import AsyncJob
from fieldingkit.rendering.text import pluralize
from fieldingkit.resources.batch_jobs import BatchResult, PauseTargetGroups
from fieldingkit.sandbox import Project, Sandbox
from fieldingkit.sweeps.engine import sweep
from fieldingkit.sweeps.inverse import undo
from fieldingkit.sweeps.plan import SweepPlan, TargetGroupQuery
from fieldingkit.sweeps.report import SweepReport
from fieldingkit.sweeps.report_files import to_document

__all__ = ["run_demo"]

_STOP: Final = "fieldingkit pause --all-projects --status live --yes --report stopped.html"
_UNDO: Final = "fieldingkit undo stopped.html --yes"
_TRY: Final = "fieldingkit sandbox --port 8080 --groups 300 --projects 4"


async def run_demo(*, json: bool) -> ExitCode:
    """Pause 40 target groups in one batch, stop all projects, write the report, and undo the stop.

    Args:
        json: Print one JSON document with the results, instead of text.
    """
    output = Output(json=json)
    output.print_json(await _Demo(output).run())
    return ExitCode.DONE


class _Demo:
    """The demo, printed as it runs."""

    def __init__(self, output: Output) -> None:
        self._output = output

    async def run(self) -> dict[str, object]:
        """Run the demo and return its results."""
        async with Sandbox(job_seconds=1.5) as api:
            project = api.seed(live=24, paused=5, scheduled=4, draft=4, completed=3)
            others = [api.seed(live=60, paused=10, draft=10) for _ in range(3)]
            total = sum(len(each.groups) for each in (project, *others))
            self._print(f"The API runs inside this process, with {pluralize(total)} in 4 projects.")
            async with AsyncClient(account_id=api.account_id, auth=api.token, base_url=api.url) as client:
                batch = await self._pause_batch(client, project)
                stopped = await self._stop(client)
                path = self._save(stopped)
                undone = await self._undo(client, stopped)
        self._print_title("Try it yourself")
        self._print("In one terminal, serve the API in memory:\n")
        self._print(f"$ {_TRY}\n")
        self._print("Paste the export lines that it prints into another one, then the commands.")
        return {
            "paused": list(batch.updated),
            "failed": {failed.target_group_id: failed.code for failed in batch.failed},
            "stopped": stopped.counts._asdict(),
            "report": str(path),
            "undone": undone.counts._asdict(),
        }

    async def _pause_batch(self, client: AsyncClient, project: Project) -> BatchResult:
        self._print_title(f"1. Pause {pluralize(len(project.groups))} of one project in one batch")
        before = len(project.ids("paused"))
        job = await client.submit(PauseTargetGroups(project_id=project.id, target_group_ids=project.ids()))
        await self._watch(job, len(project.groups))
        result = await job.wait()
        self._print(f"{len(result.updated)} are paused now; {before} of them already were.")
        self._print(f"{len(result.failed)} could not be paused, each with its reason:")
        for reason, number in Counter(failed.description for failed in result.failed).items():
            self._print(f"  {number:>3} {reason}")
        return result

    async def _watch(self, job: AsyncJob[BatchResult], total: int) -> None:
        """Show the progress of a job: a bar on a terminal, one line a poll elsewhere."""
        console = self._output.stdout
        if self._output.json or not console.is_terminal:
            async for event in job.watch():
                self._print(f"  {event.elapsed:4.1f} s  {event.status or 'not read yet'}")
            return
        columns = (TextColumn("  {task.description}"), BarColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console) as progress:
            task = progress.add_task("submitted", total=None)
            async for event in job.watch():
                progress.update(task, description=str(event.status or "not read yet"))
                if event.status == JobStatus.COMPLETED:
                    progress.update(task, total=total, completed=total)

    async def _stop(self, client: AsyncClient) -> SweepReport:
        self._print_title("2. Stop everything that is live, in all projects")
        self._print_command(_STOP)
        plan = SweepPlan(action="pause", query=TargetGroupQuery(status=["live"]))
        with ProgressDisplay(self._output) as progress:
            report = await sweep(client, plan, on_progress=self._unless_json(progress))
        self._print(result_text(to_document(report)))
        return report

    def _save(self, report: SweepReport) -> Path:
        self._print_title("3. Read the report: one file, for screens, phones and paper")
        path = Path(tempfile.mkdtemp(prefix="fieldingkit-demo-")) / "stopped.html"
        report.save(path)
        self._print(f"  {path}")
        return path

    async def _undo(self, client: AsyncClient, report: SweepReport) -> SweepReport:
        self._print_title("4. Undo it: exactly those that were stopped are live again")
        self._print_command(_UNDO)
        with ProgressDisplay(self._output) as progress:
            undone = await undo(client, report, on_progress=self._unless_json(progress))
        self._print(result_text(to_document(undone)))
        return undone

    def _unless_json(self, progress: ProgressDisplay) -> ProgressDisplay | None:
        return None if self._output.json else progress

    def _print_title(self, text: str) -> None:
        self._print(f"\n{text}\n")

    def _print_command(self, line: str) -> None:
        self._print(f"$ {line}\n")

    def _print(self, text: str) -> None:
        self._output.print_text(text)
