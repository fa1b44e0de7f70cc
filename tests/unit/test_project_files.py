"""The files for contributors and releases agree with the tree that they describe."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from fieldingkit import API_VERSION, __version__

ROOT = Path(__file__).parents[2]
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
PAGES = ["CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "docs/project/versions.md"]


def nox_sessions() -> set[str]:
    """Return the names of the sessions."""
    code = (ROOT / "noxfile.py").read_text()
    return set(re.findall(r"^@nox\.session.*\n(?:@.*\n)*def (\w+)", code, re.MULTILINE))


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_a_page_names_exists(page: str) -> None:
    """A file or folder that moves is renamed on the page."""
    text = (ROOT / page).read_text()
    paths = set(re.findall(r"`((?:fieldingkit|tests|docs|benchmarks|examples)/[\w./-]*)`", text))
    assert {path for path in paths if not (ROOT / path).exists()} == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_session_that_a_page_names_exists(page: str) -> None:
    """The commands of the page can be copied."""
    commands = re.findall(r"nox -s ([\w. -]+?)(?: -- |`|$)", (ROOT / page).read_text(), re.MULTILINE)
    named = {session.partition("-")[0] for command in commands for session in command.split()}
    assert named <= nox_sessions()


def test_the_classes_that_are_shown_are_those_of_the_package() -> None:
    """The examples for an operation and a fault are copies of the code."""
    package = "\n".join(path.read_text() for path in (ROOT / "fieldingkit").rglob("*.py"))
    blocks = re.findall(r"^```python\n(.*?)^```$", CONTRIBUTING, re.MULTILINE | re.DOTALL)
    shown = [block for block in blocks if "\nclass " in block]
    assert len(shown) == 2
    assert all(block in package for block in shown)


def test_the_newest_entry_of_the_changelog_is_this_release() -> None:
    """The version has one place, and the changelog a dated entry for it."""
    entries = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    released = [entry for entry in entries if entry != "Unreleased"]
    assert re.fullmatch(rf"{re.escape(__version__)} - \d{{4}}-\d\d-\d\d", released[0])
    assert "version" in PYPROJECT["project"]["dynamic"]


def test_the_versions_page_names_this_release_line() -> None:
    """The page has the release line with its API version."""
    line = __version__.rpartition(".")[0]
    assert f"| {line} | `{API_VERSION}` |" in (ROOT / "docs" / "project" / "versions.md").read_text()


def test_a_commit_is_checked_by_the_tools_of_the_lint_session() -> None:
    """The hooks install what the group `lint` installs."""
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    hooks = [hook for repository in config["repos"] for hook in repository["hooks"]]
    tools = {tool for hook in hooks for tool in hook["additional_dependencies"]}
    assert {hook["id"] for hook in hooks} == {"ruff-check", "ruff-format", "codespell"}
    assert tools <= set(PYPROJECT["dependency-groups"]["lint"])


def test_ci_runs_nox_and_nothing_else() -> None:
    """Everything that must pass can be run on any machine with the same command."""
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    steps = yaml.safe_load(text)["jobs"]["nox"]["steps"]
    commands = [step["run"] for step in steps if "run" in step]
    versions = [step["with"]["python-version"].split() for step in steps if "with" in step]
    assert all(re.fullmatch(r"pipx run nox( -s \w+)?", command) for command in commands)
    classifiers = PYPROJECT["project"]["classifiers"]
    assert versions == [[name.rpartition(" ")[2] for name in classifiers if re.search(r":: 3\.\d+$", name)]]
    assert len(text.splitlines()) <= 20
