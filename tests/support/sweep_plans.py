"""Plans and journals of sweeps that several test modules share."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from fieldingkit import AsyncClient
from fieldingkit.sandbox.model.state import Project
from fieldingkit.sweeps import SweepPlan, SweepProgress, sweep


def pausing(*projects: Project, **changes: Any) -> SweepPlan:
    """Return a plan to pause all target groups of projects."""
    return SweepPlan(
        **{"action": "pause", "target_groups": {project.id: project.ids() for project in projects}, **changes}
    )


def change_journal(path: Path, sql: str, *values: Any) -> None:
    """Change a journal with plain SQL."""
    with sqlite3.connect(path) as database:
        database.execute(sql, values)
    database.close()


async def interrupt(
    client: AsyncClient, plan: SweepPlan, path: Path, *, submitted: int, continues: str | None = None
) -> None:
    """Cancel a sweep as soon as a number of jobs has been submitted."""

    def on_progress(progress: SweepProgress) -> None:
        if progress.jobs_submitted >= submitted and progress.phase == "sweeping":
            sweeping.cancel()

    sweeping = asyncio.ensure_future(sweep(client, plan, journal=path, on_progress=on_progress, continues=continues))
    with pytest.raises(asyncio.CancelledError):
        await sweeping
