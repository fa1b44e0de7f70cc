"""Run every code block of the README and of the docs as it stands."""

import asyncio
import json
import shlex
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from support.command_line import Cli, check_command_line
from support.pages import ROOT, Block, blocks, commands, matches, pages, read, run_line, run_python, write_files

from fieldingkit.cli.sandbox_server import _seed
from fieldingkit.configuration import read_file
from fieldingkit.monitoring import Rules
from fieldingkit.sandbox import Sandbox

OWN_TESTS: Final = {
    "docs/how-to/airflow.md": "../../airflow/test_dags.py",
    "docs/how-to/allocations.md": "test_allocation_examples.py",
    "docs/how-to/deployment.md": "test_deployment.py",
    "docs/how-to/drafts.md": "test_draft_examples.py",
    "docs/how-to/exclusions.md": "test_exclusion_examples.py",
    "docs/how-to/fulfillment.md": "test_tutorial.py",
    "docs/how-to/reconciliations.md": "test_tutorial.py",
    "docs/how-to/recontacts.md": "test_recontact_examples.py",
    "docs/how-to/reports.md": "test_reports.py",
    "docs/how-to/studies.md": "test_studies.py",
    "docs/how-to/sweeps.md": "test_cli_examples.py",
    "docs/how-to/webhooks.md": "test_webhook_examples.py",
    "docs/tutorials/brief-to-field.md": "test_tutorial.py",
    "docs/tutorials/watch-your-field.md": "test_watch_your_field.py",
}
"""The test files of pages whose blocks need more than an account with target groups, or have more to check."""
TEXTS: Final = {"text"}
"""Blocks that are not code: output, trees, diagrams."""
RUN_HERE: Final = {"python", "sh", "console", "toml", "json"}
MOST_NOT_RUN: Final = 20
"""The number of blocks that may say why they are not run."""
ALREADY_DONE: Final = (". ", "python -m pip ", "python -m venv", "nox")
"""Beginnings of command lines that made the environment of these tests."""

ALL: Final = [block for page in pages() for block in blocks(page)]


def is_test(block: Block) -> bool:
    """Return whether a block is a file of tests or fixtures."""
    return block.title.startswith(("test_", "conftest"))


def here(*kinds: str) -> list[Any]:
    """Return the blocks of some kinds that are run here, as test parameters."""
    found = [block for block in ALL if block.kind in kinds and block.reason is None and block.page not in OWN_TESTS]
    return [pytest.param(block, id=str(block)) for block in found]


def pages_with(*kinds: str) -> list[str]:
    """Return the pages with such blocks that are run here."""
    return list(dict.fromkeys(param.values[0].page for param in here(*kinds)))


@pytest.fixture
def account(bare: pytest.MonkeyPatch, sandbox: Sandbox) -> dict[str, Any]:
    """Serve what `fieldingkit sandbox --groups 300 --projects 4` does, name it in the environment, and return ids."""
    project, *_ = (_seed(sandbox, 75) for _ in range(4))
    bare.setenv("CINT_BASE_URL", sandbox.url)
    bare.setenv("CINT_ACCOUNT_ID", str(sandbox.account_id))
    bare.setenv("CINT_TOKEN", sandbox.token)
    group = next(group for group in project.groups if group.status == "live")
    now = datetime.now(UTC)
    return {
        "__name__": "page",
        "sandbox": sandbox,
        "project_id": project.id,
        "group_ids": project.ids("live"),
        "group_id": group.id,
        "target_group_id": group.id,
        "run_id": group.run.id if group.run is not None else "",
        "start_at": now - timedelta(days=1),
        "end_at": now + timedelta(days=1),
        "yesterday": now - timedelta(days=1),
        "last_month": now - timedelta(days=30),
    }


def test_every_fence_is_a_block() -> None:
    """No fence escapes the pattern that finds the blocks."""
    for page in pages():
        fences = [line for line in read(page).splitlines() if line.strip().startswith("```")]
        assert len(fences) == 2 * len(blocks(page)), page


@pytest.mark.parametrize("page", pages())
def test_a_page_says_where_its_blocks_that_await_run(page: str) -> None:
    """A block that awaits at the top level runs in a notebook, and its page says so; a block with a title is a file."""
    for block in blocks(page, "python"):
        try:
            compile(block.code, str(block), "exec")
        except SyntaxError:
            assert not block.title, f"{block} does not run as the file {block.title}"
            assert "notebook" in read(page), f"{page} does not say where its block of line {block.line} runs"


def test_a_block_is_run_or_says_why_not() -> None:
    """Each block names its language; it is run or used here, by a test of its page, or has a reason not to be."""
    for block in ALL:
        assert block.kind, f"{block} names no language"
        if block.kind not in TEXTS and block.reason is None and block.page not in OWN_TESTS:
            assert block.kind in RUN_HERE or block.title, f"{block} is not run"


def test_the_blocks_that_are_not_run_are_few() -> None:
    """A page is not full of code that has never run."""
    assert len([block for block in ALL if block.reason is not None]) <= MOST_NOT_RUN


def test_the_excerpts_of_contributing_are_in_the_code() -> None:
    """The examples for contributors are parts of the package and of its tests, word by word."""
    files = [path for part in ("fieldingkit", "tests") for path in (ROOT / part).rglob("*.py")]
    code = "\n".join(path.read_text(encoding="utf-8") for path in files)
    excerpts = blocks("CONTRIBUTING.md", "python")
    assert excerpts
    for block in excerpts:
        assert block.code.strip() in code, block


def test_a_command_that_is_not_run_is_a_valid_one() -> None:
    """Command lines of ours are parsed at least."""
    for block in ALL:
        if block.reason is not None and block.kind in {"sh", "console"}:
            for line, _ in commands(block):
                if line.startswith("fieldingkit "):
                    check_command_line(shlex.split(line, comments=True)[1:])


@pytest.mark.parametrize(("page", "file"), OWN_TESTS.items(), ids=OWN_TESTS)
def test_a_page_with_tests_of_its_own_has_them(page: str, file: str) -> None:
    """The file that runs the blocks of a page names it."""
    assert any(block.page == page for block in ALL)
    assert Path(page).name in (Path(__file__).parent / file).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", pages_with("python", "sh", "console"))
def test_a_page_runs(
    page: str,
    account: dict[str, Any],
    cli: Cli,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Code and commands run in their order in one folder, with credentials in the environment, and ids as names."""
    write_files(page)
    printed = ""
    with asyncio.Runner() as runner:
        for block in blocks(page, "python", "sh", "console", "text"):
            if block.kind == "python" and not is_test(block):
                capsys.readouterr()
                run_python(block, account, runner)
                printed = capsys.readouterr().out
            elif block.kind in {"sh", "console"}:
                run_commands(block, cli, monkeypatch)
            elif block.title == "Output":
                assert matches(block.code.splitlines(), printed), printed


def run_commands(block: Block, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the command lines of a block, and compare the output with the page."""
    for line, shown in commands(block):
        for part in line.split(" && "):
            if part.startswith(ALREADY_DONE):
                continue
            assert part.startswith("fieldingkit "), f"{block}: {part} is no command of ours"
            ended = run_line(cli, part, monkeypatch)
            assert not shown or matches(shown, ended.out), f"{block}: {part}\n{ended.out}{ended.err}"


@pytest.mark.parametrize("page", [page for page in pages() if any(is_test(block) for block in blocks(page))])
def test_the_tests_of_a_page_pass(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks with the title of a test file are tests that pass, in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    write_files(page)
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", str(tmp_path)]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=250, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("block", here("toml"))
def test_a_toml_file_is_valid(block: Block, bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A TOML block is a configuration file with known keys, unless its title says that it is one of rules."""
    path = tmp_path / (block.title or "config.toml")
    path.write_text(block.code, encoding="utf-8")
    if block.title == "rules.toml":
        assert Rules.from_path(path)
    else:
        bare.setenv("FIELDINGKIT_CONFIG", str(path))
        assert read_file()


@pytest.mark.parametrize("block", here("json"))
def test_a_document_is_json(block: Block) -> None:
    """A JSON block can be parsed, line by line if it has several documents."""
    try:
        json.loads(block.code)
    except ValueError:
        for line in block.code.splitlines():
            json.loads(line)
