"""Run docs/tutorials/first-batch.md in an environment that has nothing but Python and pip."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from support.pages import ROOT, blocks, code_of, commands, write_files

from fieldingkit.sweeps import SweepReport

PAGE: Final = "docs/tutorials/first-batch.md"
BASH: Final = shutil.which("bash")
WITHOUT_INDEX: Final = re.compile("Could not find a version|No matching distribution|Temporary failure|Network is")

pytestmark = [
    pytest.mark.skipif(BASH is None, reason="the page is for a shell like bash"),
    pytest.mark.timeout(1200),  # pip downloads, on a machine that may be busy
]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Install the package as the page says, or the wheel under test if there is one; return the variables."""
    folder = tmp_path / "try-fieldingkit"
    venv.create(folder, with_pip=True)
    variables = {"PATH": f"{folder / 'bin'}:{os.defpath}", "HOME": str(tmp_path), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    variables |= {name: os.environ[name] for name in os.environ if name.startswith("PIP_")}
    tested = os.environ.get("TESTED_WHEEL", str(ROOT))
    install = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", f"{tested}[cli]"]
    result = subprocess.run(install, env=variables, capture_output=True, text=True, timeout=600, check=False)
    if result.returncode and WITHOUT_INDEX.search(result.stderr):
        pytest.skip("pip reaches no package index")
    assert result.returncode == 0, result.stderr
    return variables


@pytest.fixture
def exports(environment: dict[str, str], tmp_path: Path) -> Iterator[list[str]]:
    """Start the sandbox of the page on a free port, and yield the lines that the page says to paste."""
    (line,) = (line for block in blocks(PAGE) if block.reason for line, _ in commands(block))
    words = shlex.split(line.replace("--port 8080", "--port 0"))
    words[0] = str(tmp_path / "try-fieldingkit" / "bin" / words[0])
    with subprocess.Popen(words, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout is not None
        printed: list[str] = []
        while not printed or not printed[-1].startswith("Example request"):
            printed.append(serving.stdout.readline())
            assert printed[-1], f"the sandbox ended: {printed}"
        yield [line.strip() for line in printed if line.strip().startswith("export ")]
        serving.terminate()


def test_a_newcomer_pauses_reports_and_undoes_a_batch(
    environment: dict[str, str], exports: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shell runs the commands of the page, and its script, with the variables that the sandbox printed."""
    monkeypatch.chdir(tmp_path)
    write_files(PAGE)
    _, *shown = blocks(PAGE, "sh", "console")
    script = ["set -e", *exports, *(line for block in shown for line, _ in commands(block)), "python batch.py"]
    result = subprocess.run(
        [BASH or "bash", "-c", "\n".join(script)],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    (printed,) = code_of(PAGE, "text", title="Output")
    assert result.stdout.endswith(printed)
    for line in ("All 38 target groups are paused.", "All 38 target groups are live."):
        assert line in result.stdout
    assert SweepReport.load("paused.html").counts.updated == 38
    assert sys.prefix not in result.stdout + result.stderr
