"""The report file: what writing it must not destroy."""

import json
import re
from pathlib import Path

import attrs
import pytest
from aiohttp import web
from support.command_line import Cli

from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.sweeps import SweepReport


@attrs.define
class RemoveFolder(faults.Fault):
    """Remove an empty folder before the request is handled."""

    path: Path

    async def inject(self, exchange: faults.Exchange) -> web.StreamResponse:
        """Handle the request afterwards."""
        self.path.rmdir()
        return await exchange.proceed()


@pytest.mark.parametrize("name", ["out.json", "out.html", "out.csv"])
def test_the_report_of_another_run_is_not_overwritten(connected: Cli, sandbox: Sandbox, name: str) -> None:
    """The same pause twice with one report file is refused before anything is sent, and undo still works."""
    project = sandbox.seed(live=2)
    words = ("pause", "--project", project.id, "--yes", "--report", name)
    assert connected(*words).code == 0
    content = Path(name).read_bytes()
    requests = len(sandbox.requests)
    ended = connected(*words)
    assert ended.code == 2
    assert "which changed 2 target groups" in ended.err or "that changed 2 target groups" in ended.err
    assert "--force" in ended.err
    assert len(sandbox.requests) == requests
    assert Path(name).read_bytes() == content
    if name != "out.csv":
        assert connected("undo", name, "--yes", "--report", name).code == 2
        assert connected("undo", name, "--yes").code == 0
        assert len(project.ids("live")) == 2
    assert connected(*words, "--force").code == 0
    assert Path(name).read_bytes() != content


def test_a_report_without_changes_is_overwritten(connected: Cli, sandbox: Sandbox) -> None:
    """The report of a run that changed nothing, an empty file and the run's own report are overwritten."""
    project = sandbox.seed(paused=2)
    Path("out.json").touch()
    words = ("--project", project.id, "--yes", "--report", "out.json")
    assert connected("pause", *words).code == 0
    assert connected("resume", *words, "--run-id", "r", "--journal", "j").code == 0
    assert connected("resume", *words, "--run-id", "r", "--journal", "j").code == 0
    assert SweepReport.load("out.json").counts.updated == 2


def test_another_file_is_not_overwritten(connected: Cli, sandbox: Sandbox) -> None:
    """A file that is no report, the journal and the list of target groups are not overwritten, by whatever name."""
    project = sandbox.seed(live=1)
    Path("notes.html").write_text("<p>mine</p>")
    Path("ids.csv").write_text(f"{project.id} {project.ids()[0]}\n")
    Path("link.csv").symlink_to("ids.csv")
    Path("hard.csv").hardlink_to("ids.csv")
    Path("folder").symlink_to(".")
    for words in (
        ("--project", project.id, "--report", "notes.html"),
        ("--project", project.id, "--report", "j.json", "--journal", "j.json", "--force"),
        ("--project", project.id, "--report", "J.json", "--journal", "j.JSON", "--force"),
        ("--project", project.id, "--report", "folder/j.json", "--journal", "j.json", "--force"),
        ("--ids", "ids.csv", "--report", "ids.csv", "--force"),
        ("--ids", "ids.csv", "--report", "link.csv", "--force"),
        ("--ids", "ids.csv", "--report", "hard.csv", "--force"),
    ):
        ended = connected("pause", "--yes", *words)
        assert ended.code == 2, words
        assert "Nothing was sent" in ended.err
    assert not sandbox.requests


def test_an_undo_does_not_overwrite_the_report_that_it_reads(connected: Cli, sandbox: Sandbox) -> None:
    """The way back is never replaced by the report of going it, with --force and through links either."""
    project = sandbox.seed(live=2)
    assert connected("pause", "--project", project.id, "--yes", "--report", "out.json").code == 0
    content = Path("out.json").read_bytes()
    Path("link.json").symlink_to("out.json")
    Path("hard.json").hardlink_to("out.json")
    for name in ("out.json", "link.json", "hard.json"):
        ended = connected("undo", "out.json", "--yes", "--force", "--report", name)
        assert ended.code == 2
        assert "the report to undo" in ended.err
    assert Path("out.json").read_bytes() == content
    assert not project.ids("live")


def test_a_resumed_run_does_not_overwrite_the_table_of_another_run(connected: Cli, sandbox: Sandbox) -> None:
    """A table names its run too, so only the same run updates it."""
    one, other = sandbox.seed(live=1), sandbox.seed(live=1)
    assert connected("pause", "--project", one.id, "--yes", "--report", "out.csv").code == 0
    words = ("pause", "--project", other.id, "--yes", "--run-id", "r", "--journal", "j")
    assert connected(*words).code == 0
    ended = connected(*words, "--report", "out.csv")
    assert ended.code == 2
    assert "which changed 1 target group" in ended.err
    assert connected(*words, "--report", "own.csv").code == 0
    assert connected(*words, "--report", "own.csv").code == 0


def test_a_report_that_appears_meanwhile_is_kept(
    connected: Cli, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If another run wrote the report file during the sweep, the report goes to a file beside it, which is named."""
    project, other = sandbox.seed(live=1), sandbox.seed(live=1)
    assert connected("pause", "--project", other.id, "--yes", "--report", "out.json").code == 0
    monkeypatch.setattr("fieldingkit.cli.sweep_command.check_report_file", lambda *_, **__: None)
    ended = connected("pause", "--project", project.id, "--yes", "--report", "out.json", "--run-id", "b:1")
    assert ended.code == 0
    assert "Report: out-b-1.json" in ended.err
    assert SweepReport.load("out.json").groups[0].project_id == other.id
    assert SweepReport.load("out-b-1.json").groups[0].project_id == project.id


def test_a_report_that_cannot_be_written_can_be_written_elsewhere(connected: Cli, sandbox: Sandbox) -> None:
    """If the folder is removed during the sweep, the command that is named writes the report to another file."""
    project = sandbox.seed(live=2)
    Path("gone").mkdir()
    sandbox.faults.add("create_bulk_pause*", RemoveFolder(Path("gone")))
    ended = connected("pause", "--project", project.id, "--yes", "--report", "gone/out.json", "--run-id", "r")
    assert ended.code == 1
    assert "The report gone/out.json could not be written" in ended.err
    assert "All 2 target groups are paused" in ended.out
    named = re.search(r"fieldingkit (sweeps report r .*--report )FILE", " ".join(ended.err.split()))
    assert named, ended.err
    requests = len(sandbox.requests)
    assert connected(*named[1].split(), "out.json").code == 0
    assert SweepReport.load("out.json").counts.updated == 2
    assert len(sandbox.requests) == requests


def test_a_report_is_written_through_a_link(connected: Cli, sandbox: Sandbox) -> None:
    """A symbolic link stays one; the file that it names is replaced, or made."""
    project = sandbox.seed(live=2)
    Path("shared").mkdir()
    Path("latest.json").symlink_to("shared/latest.json")
    for action in ("pause", "resume"):
        ended = connected(action, "--project", project.id, "--yes", "--report", "latest.json", "--force")
        assert ended.code == 0, ended.err
        assert Path("latest.json").is_symlink()
        assert SweepReport.load("shared/latest.json").plan.action == action
    Path("nowhere.json").symlink_to("missing/latest.json")
    ended = connected("pause", "--project", project.id, "--yes", "--report", "nowhere.json")
    assert ended.code == 2
    assert len(project.ids("live")) == 2


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        ("outcome", "lost", "'lost' is not a valid Outcome"),
        ("outcome", None, "None is not a valid Outcome"),
        ("name", ..., "'name' is missing"),
    ],
)
def test_a_damaged_report_says_what_is_wrong(
    connected: Cli, sandbox: Sandbox, place: str, value: object, reason: str
) -> None:
    """A report that was edited is refused with the value that is wrong, or the name that is missing."""
    project = sandbox.seed(live=1)
    assert connected("pause", "--project", project.id, "--yes", "--report", "out.json").code == 0
    content = json.loads(Path("out.json").read_text(encoding="utf-8"))
    content["groups"][0] |= {place: value}
    if value is ...:
        del content["groups"][0][place]
    Path("out.json").write_text(json.dumps(content), encoding="utf-8")
    ended = connected("undo", "out.json", "--yes")
    assert ended.code == 2
    assert f"the report out.json is damaged: {reason}" in " ".join(ended.err.split())
