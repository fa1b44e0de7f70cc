"""Plans and journals of sweeps that several test modules share."""

import sqlite3
from pathlib import Path
from typing import Any

from fieldingkit.sandbox.model.state import Project
from fieldingkit.sweeps import SweepPlan


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
