"""The demo: many target groups are paused and a conflict is resolved, on a sandbox inside this process."""

from collections import Counter
from datetime import timedelta
from typing import Any

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from fieldingkit.cli.errors import ExitCode
from fieldingkit.cli.output import Output
from fieldingkit.client import AsyncClient
from fieldingkit.commands import Command
from fieldingkit.errors import PreconditionFailedError
from fieldingkit.job_commands import JobStatus
from fieldingkit.jobs.job import AsyncJob
from fieldingkit.resources.batch_jobs import BatchResult, PauseTargetGroups
from fieldingkit.resources.fielding_runs import GetFieldingRun, PauseFieldingRun, ResumeFieldingRun, UpdateFieldingRun
from fieldingkit.sandbox import Project, Sandbox

__all__ = ["run_demo"]


async def run_demo(*, json: bool) -> ExitCode:
    """Pause 40 target groups in one batch, then cause and resolve a conflict.

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
        self._calls: list[tuple[str, str, str]] = []

    async def run(self) -> dict[str, object]:
        """Run the demo and return its results."""
        async with Sandbox(job_seconds=1.5) as api:
            project = api.seed(live=24, paused=5, scheduled=4, draft=4, completed=3)
            statuses = Counter(group.status for group in project.groups)
            self._print(f"A sandbox of the API runs inside this process, at {api.url}.")
            self._print(f"It has a project with {len(project.groups)} target groups:")
            self._print(f"{', '.join(f'{number} {status}' for status, number in statuses.items())}.")
            async with AsyncClient(account_id=api.account_id, auth=api.token, base_url=api.url) as client:
                paused = await self._pause_all(client, project)
                etag = await self._resolve_conflict(client, project)
        self._print_title("Calls and their trace ids, for the API's support")
        widths = [max(map(len, column)) for column in zip(*self._calls, strict=True)]
        for call in self._calls:
            self._print("  ".join(f"{cell:<{width}}" for cell, width in zip(call, widths, strict=True)).rstrip())
        return {
            "paused": list(paused.updated),
            "failed": {failed.target_group_id: failed.code for failed in paused.failed},
            "etag": etag,
            "calls": [dict(zip(("operation", "response", "trace_id"), call, strict=True)) for call in self._calls],
        }

    async def _pause_all(self, client: AsyncClient, project: Project) -> BatchResult:
        self._print_title("1. Pause all target groups of the project in one batch")
        paused_before = len(project.ids("paused"))
        command = PauseTargetGroups(project_id=project.id, target_group_ids=project.ids())
        job = await client.submit(command)
        self._add_call(command, "201 Created", job.trace_id)
        await self._watch(job, len(project.groups))
        result = await job.wait()
        self._print(f"{len(result.updated)} are paused now; {paused_before} of them already were.")
        self._print(f"{len(result.failed)} could not be paused:")
        by_reason: dict[str, list[str]] = {}
        for failed in result.failed:
            by_reason.setdefault(f"{failed.code}:\n  {failed.description}", []).append(failed.target_group_id)
        for reason, group_ids in by_reason.items():
            self._print(f"\n  {reason}")
            for group_id in group_ids:
                self._print(f"    {group_id}")
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

    async def _resolve_conflict(self, client: AsyncClient, project: Project) -> str:
        self._print_title("2. Two people change one fielding run: ETags prevent lost updates")
        run_of = {group.id: group.run.id for group in project.groups if group.run is not None}
        group_id = project.ids("paused")[0]
        ids = {"project_id": project.id, "target_group_id": group_id, "fielding_run_id": run_of[group_id]}
        ours = await client.send_detailed(GetFieldingRun(**ids))
        self._add_call(GetFieldingRun(**ids), f"{ours.status} {ours.result.status}", ours.trace_id)
        self._print(f"We read a run. It is {ours.result.status}, with ETag {ours.result.etag}.")

        resumed = await client.send(ResumeFieldingRun(**ids, if_match=ours.result.etag))
        await client.send(
            UpdateFieldingRun(
                **ids,
                if_match=resumed.etag,
                start_fielding_at=ours.result.start_fielding_at,
                end_fielding_at=ours.result.end_fielding_at + timedelta(days=1),
            )
        )
        self._print("Meanwhile a colleague resumes it and extends it by a day.")
        self._print("We do not know that, and send a pause with our ETag.")

        stale = PauseFieldingRun(**ids, if_match=ours.result.etag)
        try:
            await client.send(stale)
        except PreconditionFailedError as exc:
            self._add_call(stale, f"{exc.status} refused", exc.trace_id)
            self._print(f"The API refuses it ({exc.status} Precondition Failed); nothing is changed.")

        fresh = await client.send_detailed(GetFieldingRun(**ids))
        self._add_call(GetFieldingRun(**ids), f"{fresh.status} {fresh.result.status}", fresh.trace_id)
        self._print(f"We read the run again. It is {fresh.result.status}, with ETag {fresh.result.etag}.")
        paused = await client.send_detailed(PauseFieldingRun(**ids, if_match=fresh.result.etag))
        self._add_call(stale, f"{paused.status} paused", paused.trace_id)
        self._print(f"With this ETag the pause succeeds ({paused.result.etag}); the colleague's extra day is kept.")
        self._print("\n`fieldingkit runs ensure` does all of this in one command.")
        return paused.result.etag

    def _print_title(self, text: str) -> None:
        self._print(f"\n{text}\n")

    def _print(self, text: str) -> None:
        self._output.print_text(text)

    def _add_call(self, command: Command[Any], response: str, trace_id: str | None) -> None:
        self._calls.append((command.endpoint.operation_id, response, trace_id or "none"))
