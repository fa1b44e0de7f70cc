"""Run the code blocks of docs/how-to/sweeps.md."""

import ast
import asyncio
import inspect
from pathlib import Path

import pytest
from support.pages import code_of

from fieldingkit.sandbox import Sandbox

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "sweeps.md"
BLOCKS = code_of(PAGE, "python")


def test_the_blocks_of_the_page_run_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With nothing but credentials in the environment, and some ids of the user's own."""
    with Sandbox(job_seconds=0.02) as sandbox:
        project = sandbox.seed(live=3, paused=1)
        sandbox.seed(live=2)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("CINT_BASE_URL", sandbox.url)
        monkeypatch.setenv("CINT_ACCOUNT_ID", str(sandbox.account_id))
        monkeypatch.setenv("CINT_TOKEN", sandbox.token)
        for number, block in enumerate(BLOCKS):
            names = {"project_id": project.id, "group_ids": project.ids("live")}
            code = compile(
                block, f"docs/how-to/sweeps.md, block {number}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            )
            outcome = eval(code, names)
            if inspect.iscoroutine(outcome):
                asyncio.run(outcome)
            if number == 0:
                assert (project.ids("live"), len(project.ids("paused"))) == (project.ids()[:3], 1)

    printed = capsys.readouterr().out
    assert "5 to pause in 2 jobs, at least 0 s" in printed
    assert "Counts(updated=5, unchanged=0, failed=0, skipped=0, not_sent=0, unknown=0)" in printed
    assert "budget-stop-2026-11-21-undo resume" in printed
