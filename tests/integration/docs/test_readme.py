"""The README's and the docs' code blocks are run as they stand."""

import ast
import asyncio
import inspect
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from fieldingkit import API_VERSION
from fieldingkit.sandbox import Sandbox

ROOT = Path(__file__).parents[3]
FENCE = re.compile(r"^```(?P<kind>[^\n]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block of a page."""

    page: str
    line: int
    kind: str
    code: str


def blocks(page: str, kind: str) -> list[Any]:
    """The blocks of one kind, as test parameters that name their place."""
    text = (ROOT / page).read_text()
    found = [
        Block(page, text[: match.start()].count("\n") + 1, match["kind"], match["code"])
        for match in FENCE.finditer(text)
    ]
    return [pytest.param(block, id=f"{page}:{block.line}") for block in found if block.kind == kind]


def test_the_first_screen_names_the_api_version() -> None:
    """A reader of the first lines knows for which API version the release is made."""
    assert f"API version `{API_VERSION}`" in " ".join((ROOT / "README.md").read_text().split("\n## ")[0].split())


@pytest.mark.parametrize("block", blocks("README.md", "python"))
def test_a_python_block_runs(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    """A python block runs with nothing but the environment's credentials and some ids of the user's own."""
    with Sandbox(job_seconds=0.05) as sandbox:
        project = sandbox.seed(live=3, draft=1)
        monkeypatch.setenv("CINT_BASE_URL", sandbox.url)
        monkeypatch.setenv("CINT_ACCOUNT_ID", str(sandbox.account_id))
        monkeypatch.setenv("CINT_TOKEN", sandbox.token)
        group = next(group for group in project.groups if group.run is not None)
        names = {
            "project_id": project.id,
            "group_ids": project.ids("live"),
            "group_id": group.id,
            "run_id": group.run.id if group.run is not None else "",
        }
        code = compile(block.code, f"{block.page}:{block.line}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        outcome = eval(code, names)
        if inspect.iscoroutine(outcome):
            asyncio.run(outcome)


@pytest.mark.parametrize("block", blocks("README.md", "python test"))
def test_a_test_block_passes(block: Block, tmp_path: Path) -> None:
    """A block that shows a test is a test that passes, in a folder of its own."""
    (tmp_path / "test_block.py").write_text(block.code)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=250, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("block", blocks("README.md", "sh"))
def test_a_shell_block_runs_what_it_installs(block: Block) -> None:
    """A shell line ends well; installing and nox are what the run is already part of."""
    programs = [shlex.split(part)[0:] for part in block.code.strip().split("&&")]
    for program in programs:
        if program[0] in {"python", "nox"}:
            continue
        path = Path(sys.executable).with_name(program[0])
        result = subprocess.run([path, *program[1:]], capture_output=True, text=True, timeout=120, check=False)
        assert result.returncode == 0, result.stdout + result.stderr
        assert "StatusTransitionNotAllowed" in result.stdout
        assert "412" in result.stdout
