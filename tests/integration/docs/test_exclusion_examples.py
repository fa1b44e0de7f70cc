"""Run the code blocks of docs/how-to/exclusions.md, one after another."""

import ast
from pathlib import Path
from typing import Any, Final

import pytest
from support.pages import code_of
from support.sandbox_commands import EVERY

from fieldingkit import AsyncClient
from fieldingkit.sandbox import Sandbox

PAGE: Final = Path(__file__).parents[3] / "docs" / "how-to" / "exclusions.md"
PRINTED: Final = """\
True
True
True
2 sent, 2 excluded.
paused: True resumed: True status: live
"""


async def test_the_examples_exclude_the_waves_of_a_tracker(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The waves exclude each other, and the respondents of a file are uploaded and replaced."""
    with Sandbox(row_seconds=0.001) as sandbox:
        (tmp_path / "wave-1.csv").write_text(
            "0f1ce179-a917-49ff-9d50-b05fc91f7bd4\n75f1404c-65f6-4937-ad2a-588e4f66e07f\n"
        )
        monkeypatch.chdir(tmp_path)

        def connect() -> AsyncClient:
            """Return a client that polls often."""
            return AsyncClient(account_id=sandbox.account_id, auth=sandbox.token, base_url=sandbox.url, poll=EVERY)

        monkeypatch.setattr(AsyncClient, "from_env", connect)
        project = sandbox.seed(live=2)
        names: dict[str, Any] = {
            "project_id": project.id,
            "other_project_id": sandbox.seed(live=1).id,
            "wave_1": project.groups[0].id,
            "wave_2": project.groups[1].id,
        }
        for number, block in enumerate(code_of(PAGE, "python"), 1):
            code = compile(block, f"{PAGE.name}, block {number}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            await eval(code, names)
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == PRINTED.splitlines()
