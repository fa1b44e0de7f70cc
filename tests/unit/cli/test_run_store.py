"""Which journal a sweep goes on with."""

from datetime import timedelta
from pathlib import Path

import pytest
from support.command_line import Cli
from support.sweep_records import ulid

from fieldingkit.cli.errors import UsageError
from fieldingkit.cli.run_store import choose_journal, journal_folder
from fieldingkit.cli.selection import parse_ids
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.sweeps.actions import Action
from fieldingkit.sweeps.plan import SweepPlan

PROJECT, GROUP, OTHER = ulid("PPPP", 1), ulid("GGGG", 1), ulid("GGGG", 2)
URL = "https://api.cint.com/v1"


def test_an_unfinished_sweep_is_gone_on_with(connected: Cli, sandbox: Sandbox) -> None:
    """A sweep that ended with unknown outcomes is gone on with by the same command, under its first run id."""
    project = sandbox.seed(live=2)
    for operation in ("get_bulk_pause_target_groups_job", "get_fielding_runs_by_target_group_id"):
        sandbox.faults.add(operation, faults.Answer(403), times=None)
    assert connected("pause", "--project", project.id, "--yes").code == 4
    sandbox.faults.clear()
    ended = connected("pause", "--project", project.id, "--yes")
    assert ended.code == 0
    assert "Going on with the run of" in ended.err
    assert len(sandbox.jobs) == 1
    ended = connected("pause", "--project", project.id, "--yes")
    assert "Going on" not in ended.err


def test_another_command_is_another_run(connected: Cli, sandbox: Sandbox) -> None:
    """An unfinished sweep of other target groups is left alone."""
    project, other = sandbox.seed(live=2), sandbox.seed(live=2)
    for operation in ("get_bulk_pause_target_groups_job", "get_fielding_runs_by_target_group_id"):
        sandbox.faults.add(operation, faults.Answer(403), times=None)
    assert connected("pause", "--project", project.id, "--yes", "--journal", "j").code == 4
    sandbox.faults.clear()
    ended = connected("pause", "--project", other.id, "--yes", "--journal", "j")
    assert ended.code == 0
    assert "Going on" not in ended.err


def test_an_old_run_is_gone_on_with_by_its_name_only(
    connected: Cli, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long after, the same command means what is live by then: it begins anew, and says how to finish the old run."""
    project = sandbox.seed(live=2)
    words = ("pause", "--project", project.id, "--yes")
    for operation in ("get_bulk_pause_target_groups_job", "get_fielding_runs_by_target_group_id"):
        sandbox.faults.add(operation, faults.Answer(403), times=None)
    assert connected(*words).code == 4
    sandbox.faults.clear()
    sandbox.seed(project_id=project.id, live=1)
    monkeypatch.setattr("fieldingkit.cli.run_store._UNNAMED", timedelta(0))
    ended = connected(*words)
    assert ended.code == 0
    assert not project.ids("live")
    assert "was never finished" in ended.err
    old = ended.err.split("To go on with that one: ")[1].splitlines()[0].split()
    assert "Going on with the run of" in connected(*words, *old).err


def test_a_journal_must_be_one(connected: Cli, sandbox: Sandbox, tmp_path: Path) -> None:
    """A file that is something else is not written to, and nothing is sent."""
    project = sandbox.seed(live=1)
    (tmp_path / "notes.txt").write_text("something else " * 100)
    ended = connected("pause", "--project", project.id, "--yes", "--journal", "notes.txt")
    assert ended.code == 2
    assert "Nothing was sent" in ended.err
    assert (tmp_path / "notes.txt").read_text() == "something else " * 100
    assert project.ids("live")


def test_each_api_has_a_folder_of_its_own(bare: pytest.MonkeyPatch) -> None:
    """Journals of a sandbox and of the API are kept apart, and a place that is looked for makes no file."""
    assert journal_folder(URL) != journal_folder("http://127.0.0.1:8080/v1")
    plan = SweepPlan(action=Action.PAUSE, target_groups={PROJECT: [GROUP]}, run_id="a:b")
    place = choose_journal(plan, None, base_url=URL, named=False)
    assert place.path == journal_folder(URL) / "a-b.journal"
    assert not place.path.parent.exists()


@pytest.mark.parametrize(
    "text",
    [
        f"{PROJECT} {GROUP}\n{PROJECT} {OTHER}",
        f"# mine\n\n{PROJECT}\t{GROUP}\tlive\tA name, with a comma\n{PROJECT}\t{OTHER}",
        f"project_id,target_group_id,outcome\r\n{PROJECT},{GROUP},failed\r\n{PROJECT},{OTHER},\r\n",
        f"{GROUP}\n{OTHER}\n{GROUP}",
    ],
)
def test_lists_of_ids_are_read(text: str) -> None:
    """Ids between blanks, tabs or commas, with headings and comments, each once."""
    assert parse_ids(text.splitlines(), "ids", PROJECT) == {PROJECT: (GROUP, OTHER)}


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "names no target groups"), (f"{PROJECT} {GROUP}\nnonsense", "line 2"), (GROUP, "in which project")],
)
def test_lists_that_make_no_sense_are_refused(text: str, said: str) -> None:
    """A line that names nothing is told by its number."""
    with pytest.raises(UsageError, match=said):
        parse_ids(text.splitlines(), "ids", None)
