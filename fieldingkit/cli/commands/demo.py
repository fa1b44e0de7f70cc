"""``fieldingkit demo``: the main job, on a sandbox inside this process."""

import asyncio
from collections import Counter
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from fieldingkit.client import AsyncClient
from fieldingkit.commands import JobStatus
from fieldingkit.errors import PreconditionFailedError
from fieldingkit.jobs.job import AsyncJob
from fieldingkit.loop_thread import new_event_loop
from fieldingkit.resources.batch_jobs import BatchResult, PauseTargetGroups
from fieldingkit.resources.fielding_runs import GetFieldingRun, PauseFieldingRun, ResumeFieldingRun, UpdateFieldingRun
from fieldingkit.sandbox import Project, Sandbox

__all__ = ["demo"]


def demo() -> int:
    """Pause 40 target groups in one batch, then meet and resolve a conflict. Needs no account; takes a few seconds."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(_Demo(Console(highlight=False)).run())
    return 0


class _Demo:
    """The demo, told on a console as it goes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._calls = Table.grid(padding=(0, 2))

    async def run(self) -> None:
        async with Sandbox(job_seconds=1.5) as api:
            project = api.seed(live=24, paused=5, scheduled=4, draft=4, completed=3)
            self._say(f"A sandbox of the API runs inside this process, at {api.url}.")
            self._say(f"A project with {len(project.groups)} target groups: {_counted(project)}.")
            async with AsyncClient(account_id=api.account_id, auth=api.token, base_url=api.url) as client:
                await self._pause_all(client, project)
                await self._meet_a_conflict(client, project)
        self._title("The calls, and the trace ids by which the API's support finds them")
        self._console.print(self._calls, soft_wrap=True)

    async def _pause_all(self, client: AsyncClient, project: Project) -> None:
        self._title("1. The survey is broken: pause them all, in one batch")
        unchanged = len(project.ids("paused"))
        job = await client.submit(PauseTargetGroups(project_id=project.id, target_group_ids=project.ids()))
        self._note(job.command, "201 accepted", job.trace_id)
        await self._follow(job, len(project.groups))
        result = await job.wait()
        self._say(f"{len(result.updated)} are paused now; {unchanged} of them had been before.")
        self._say(f"{len(result.failed)} could not be paused:")
        for reason, group_ids in _by_reason(result).items():
            self._say(f"\n  {reason}")
            for group_id in group_ids:
                self._say(f"    {group_id}")

    async def _follow(self, job: AsyncJob[BatchResult], total: int) -> None:
        """Show the job's progress: a bar on a terminal, a line for each look elsewhere."""
        if not self._console.is_terminal:
            async for event in job.watch():
                self._say(f"  {event.elapsed:4.1f} s  {event.status or 'not seen yet'}")
            return
        columns = (TextColumn("  {task.description}"), BarColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self._console) as progress:
            task = progress.add_task("submitted", total=None)
            async for event in job.watch():
                progress.update(task, description=str(event.status or "not seen yet"))
                if event.status == JobStatus.COMPLETED:
                    progress.update(task, total=total, completed=total)

    async def _meet_a_conflict(self, client: AsyncClient, project: Project) -> None:
        self._title("2. One run, two people: what an ETag is for")
        run_of = {group.id: group.run.id for group in project.groups if group.run is not None}
        group_id = project.ids("paused")[0]
        ids = {"project_id": project.id, "target_group_id": group_id, "fielding_run_id": run_of[group_id]}
        read = await client.send_detailed(GetFieldingRun(**ids))
        self._note(GetFieldingRun(**ids), f"{read.status} {read.result.status}", read.trace_id)
        self._say(f"We read a run: {read.result.status}, ETag {read.result.etag}.")

        resumed = await client.send(ResumeFieldingRun(**ids, if_match=read.result.etag))
        longer = read.result.end_fielding_at + timedelta(days=1)
        await client.send(
            UpdateFieldingRun(
                **ids,
                if_match=resumed.etag,
                start_fielding_at=read.result.start_fielding_at,
                end_fielding_at=longer,
            )
        )
        self._say("Meanwhile a colleague resumes it and extends it by a day. We do not know that, and send a pause.")

        stale = PauseFieldingRun(**ids, if_match=read.result.etag)
        try:
            await client.send(stale)
        except PreconditionFailedError as exc:
            self._note(stale, "412 refused", exc.trace_id)
            self._say(f"The API refuses, and nothing is done:\n  {exc}")

        fresh = await client.send_detailed(GetFieldingRun(**ids))
        self._note(GetFieldingRun(**ids), f"{fresh.status} {fresh.result.status}", fresh.trace_id)
        self._say(f"So we read it again: {fresh.result.status}, ETag {fresh.result.etag}. It still is to be paused:")
        paused = await client.send_detailed(PauseFieldingRun(**ids, if_match=fresh.result.etag))
        self._note(stale, f"{paused.status} done", paused.trace_id)
        self._say(f"paused, ETag {paused.result.etag}; the colleague's extra day is kept.")
        self._say("All of this in one line: await ensure_status(client, GetFieldingRun(...), 'paused')")

    def _title(self, text: str) -> None:
        self._console.print(f"\n[bold]{text}[/bold]\n")

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, soft_wrap=True)

    def _note(self, command: object, answer: str, trace_id: str | None) -> None:
        self._calls.add_row(type(command).__name__, answer, trace_id or "none")


def _counted(project: Project) -> str:
    return ", ".join(f"{number} {state}" for state, number in Counter(group.status for group in project.groups).items())


def _by_reason(result: BatchResult) -> dict[str, list[str]]:
    reasons: dict[str, list[str]] = {}
    for failed in result.failed:
        reasons.setdefault(f"{failed.code}: {failed.description}", []).append(failed.target_group_id)
    return reasons
