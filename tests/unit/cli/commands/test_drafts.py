"""``fieldingkit drafts``, in this process, on a sandbox."""

import asyncio
import io
import json
from pathlib import Path
from typing import NamedTuple

import pytest
from support.command_line import Cli, Ended
from support.studies import SMALL, example_for

from fieldingkit import Client
from fieldingkit.resources.target_group_drafts import GetTargetGroup, UpdateTargetGroup
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.studies import Study
from fieldingkit.workflows import ensure_target_group

US, DE = "TRACKER-2036-US", "TRACKER-2036-DE"


@pytest.fixture
def file(sandbox: Sandbox, connected: Cli) -> Path:
    """Return the example file in the working folder."""
    path = Path("study.toml")
    path.write_text(example_for(sandbox), encoding="utf-8")
    sandbox.requests.clear()
    return path


class Applied(NamedTuple):
    """A study that was applied."""

    project: str
    us: str
    de: str


@pytest.fixture
def applied(connected: Cli, file: Path) -> Applied:
    """Apply the example file."""
    report = json.loads(connected("drafts", "apply", str(file), "--yes", "--json").out)
    return Applied(report["project"]["id"], *(part["id"] for part in report["target_groups"]))


def replace(path: Path, old: str, new: str) -> None:
    """Replace a text in a file."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def lines(ended: Ended) -> list[list[str]]:
    """Return the words of the lines on stdout."""
    return [line.split() for line in ended.out.splitlines()]


def test_a_dry_run_shows_what_would_be_created(connected: Cli, sandbox: Sandbox, file: Path) -> None:
    """Every part has a line with its main settings, and only reads are sent."""
    ended = connected("drafts", "apply", str(file), "--dry-run")
    assert (ended.code, ended.err) == (0, "Dry run: nothing was sent.\n")
    assert ended.out.splitlines() == [
        "Project TRACKER-2036  create   Brand tracker 2036",
        f"{US}       create   Tracker 2036, United States, eng_us, 1,000 completes, 2.50 USD",
        f"{DE}       create   Tracker 2036, Germany, ger_de, 500 completes, 2.10 USD",
    ]
    assert {request.method for request in sandbox.requests} == {"GET"}


def test_a_file_is_applied_and_applied_again(connected: Cli, file: Path) -> None:
    """The first application names what was created; the second one says that all is equal, without a question."""
    ended = connected("drafts", "apply", str(file), "--yes")
    assert ended.code == 0
    assert [words[:3] for words in lines(ended)[3:-1]] == [
        ["Project", "TRACKER-2036", "created"],
        [US, "created", lines(ended)[4][2]],
        [DE, "created", lines(ended)[5][2]],
    ]
    assert ended.out.endswith("Target groups: 2 created.\n")
    again = connected("drafts", "apply", str(file))
    assert (again.code, again.out.splitlines()[-1]) == (0, "Target groups: 2 equal.")


def test_differences_are_shown_value_by_value(connected: Cli, file: Path, applied: Applied) -> None:
    """A change is shown as the path of the file with the value before and after."""
    replace(file, "completes_goal = 1000", "completes_goal = 1200")
    replace(file, 'range = "18-34", percentage = 40', 'range = "18-34", percentage = 45')
    replace(file, 'range = "35-64", percentage = 60', 'range = "35-64", percentage = 55')
    ended = connected("drafts", "apply", str(file), "--yes")
    assert ended.out.splitlines() == [
        "Project TRACKER-2036  equal    Brand tracker 2036",
        f"{US}       change   completes_goal: 1000 -> 1200",
        "                               profiles.Age.18-34.percentage: 40 -> 45",
        "                               profiles.Age.35-64.percentage: 60 -> 55",
        f"{DE}       change   profiles.Age.18-34.percentage: 40 -> 45",
        "                               profiles.Age.35-64.percentage: 60 -> 55",
        f"{US}       changed  {applied.us}",
        f"{DE}       changed  {applied.de}",
        "Target groups: 2 changed.",
    ]


def test_lines_fit_a_terminal_of_80_columns(
    connected: Cli, file: Path, applied: Applied, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal long values continue below themselves."""
    replace(file, "https://survey.example/live", f"https://survey.example/live?{'wave=one&' * 9}")
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    monkeypatch.setenv("COLUMNS", "80")
    ended = connected("drafts", "apply", str(file), "--dry-run")
    assert "change" in ended.out
    words = [line for line in ended.out.splitlines() if "wave" not in line]
    assert max(map(len, words)) <= 80


def test_a_change_needs_a_confirmation(connected: Cli, sandbox: Sandbox, file: Path) -> None:
    """Without a terminal and --yes the question is named, and nothing is sent."""
    ended = connected("drafts", "apply", str(file))
    assert ended.code == 2
    assert "Create the project and 2 target groups (account 101 at 127.0.0.1" in ended.err
    assert "--yes" in ended.err
    assert {request.method for request in sandbox.requests} == {"GET"}


def test_the_answer_no_changes_nothing(
    connected: Cli, sandbox: Sandbox, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any answer but yes ends the command with exit code 1, after the differences were shown."""
    monkeypatch.setattr("fieldingkit.cli.prompts._answer", lambda _: "no")
    ended = connected("drafts", "apply", str(file))
    assert ended.code == 1
    assert "create" in ended.out
    assert "This command changed nothing." in ended.err
    assert {request.method for request in sandbox.requests} == {"GET"}


def test_json_is_one_document_and_the_lines_go_to_stderr(connected: Cli, file: Path) -> None:
    """With --json stdout has the plan of a dry run, or the report, and people still read what happens."""
    plan = json.loads(connected("drafts", "apply", str(file), "--dry-run", "--json").out)
    assert [part["action"] for part in (plan["project"], *plan["target_groups"])] == ["create"] * 3
    ended = connected("drafts", "apply", str(file), "--yes", "--json")
    report = json.loads(ended.out)
    assert [part["outcome"] for part in (report["project"], *report["target_groups"])] == ["created"] * 3
    assert f"{US}       created" in ended.err


def test_all_problems_of_a_file_are_listed(connected: Cli, sandbox: Sandbox) -> None:
    """An invalid file is exit code 2 with every problem on a line, and nothing is sent."""
    Path("bad.toml").write_text(SMALL.replace("= 1000", "= 1e3").replace("locale", "locael"), encoding="utf-8")
    ended = connected("drafts", "apply", "bad.toml", "--yes")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.splitlines() == [
        "fieldingkit: bad.toml has 3 problems",
        "  - [defaults] completes_goal must be a whole number; got 1000.0",
        "  - [target_groups.TRACKER-US] locael is an unknown key; did you mean locale?",
        "  - [target_groups.TRACKER-US] has no locale",
        "  Nothing was sent.",
    ]
    assert not sandbox.requests


@pytest.mark.parametrize("command", ["drafts apply", "feasibility"])
def test_a_file_that_cannot_be_read_is_a_usage_error(connected: Cli, sandbox: Sandbox, command: str) -> None:
    """A missing file is named with the reason."""
    ended = connected(*command.split(), "missing.toml")
    assert ended.code == 2
    assert "missing.toml cannot be read: No such file or directory" in ended.err
    assert not sandbox.requests


def test_target_groups_that_are_not_in_the_file_are_named(
    connected: Cli, sandbox: Sandbox, file: Path, applied: Applied
) -> None:
    """Others of the project are listed with their status, and left as they are."""
    sandbox.seed(live=1, project_id=applied.project)
    ended = connected("drafts", "apply", str(file))
    assert ended.code == 0
    assert "Not in the file, and left as it is:\n  " in ended.out
    assert "  live  REF-" in ended.out


def test_a_refused_target_group_is_exit_code_1(connected: Cli, sandbox: Sandbox, file: Path, applied: Applied) -> None:
    """A difference that cannot be applied is refused, in a dry run too, with what to do instead."""
    replace(
        file,
        "[target_groups.TRACKER-2036-US]\n",
        '[target_groups.TRACKER-2036-US]\nid = "01BTGNYV6HRNK8K8VKZASZCFP0"\n',
    )
    for flag in ("--dry-run", "--yes"):
        ended = connected("drafts", "apply", str(file), flag)
        assert ended.code == 1
        assert f"{US}       refuse   there is no target group with the id in the file" in ended.out


@pytest.mark.parametrize("json_flag", [(), ("--json",)])
def test_an_interruption_says_what_is_unknown_and_how_to_finish(
    connected: Cli,
    sandbox: Sandbox,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    json_flag: tuple[str, ...],
) -> None:
    """The outcomes so far are printed, with --json as the document; the same command finishes the application."""

    async def interrupted(client: object, command: object) -> None:
        del client, command
        exc = asyncio.CancelledError()
        exc.add_note("it may have been applied")
        raise exc

    with monkeypatch.context() as patch:
        patch.setattr("fieldingkit.studies.apply.ensure_target_group", interrupted)
        with pytest.raises(asyncio.CancelledError) as caught:
            connected("drafts", "apply", str(file), "--yes", *json_flag)
    assert caught.value.__notes__ == []  # so that nothing is said twice
    out, err = capsys.readouterr()
    lines = err if json_flag else out
    assert f"{US}       unknown  interrupted: it may have been created" in lines
    assert f"{DE}       not sent interrupted" in lines
    if json_flag:
        assert [part["outcome"] for part in json.loads(out)["target_groups"]] == ["unknown", "not sent"]
    else:
        assert out.endswith("Target groups: 1 not sent, 1 unknown.\n")
    assert "Run the command again to finish" in err
    assert connected("drafts", "apply", str(file), "--yes").code == 0


def test_a_closed_pipe_does_not_stop_the_application(
    connected: Cli, sandbox: Sandbox, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that ends, such as `head`, leaves no part of the file unapplied."""

    class Closed(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    with monkeypatch.context() as patch:
        patch.setattr("sys.stdout", Closed())
        assert "The result could not be printed" in connected("drafts", "apply", str(file), "--yes").err
    assert connected("drafts", "apply", str(file)).out.endswith("Target groups: 2 equal.\n")


def test_an_unknown_outcome_is_exit_code_4(
    connected: Cli, sandbox: Sandbox, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A creation whose response was lost and that cannot be found is reported as unknown."""
    monkeypatch.setitem(ensure_target_group.__kwdefaults__, "timeout", 0.1)  # it is searched for half a minute
    sandbox.faults.add("create_target_group", faults.DropBefore())
    ended = connected("drafts", "apply", str(file), "--yes")
    assert ended.code == 4
    assert "unknown" in ended.out
    assert ended.out.endswith("Target groups: 1 created, 1 unknown.\n")


def test_a_failure_is_exit_code_1_with_its_reason(connected: Cli, sandbox: Sandbox, file: Path) -> None:
    """The API's refusal of one target group is shown beside it, and the others are applied."""
    replace(file, "eng_us", "xxx_us")
    ended = connected("drafts", "apply", str(file), "--yes")
    assert ended.code == 1
    assert "failed   400 bad_request_error" in ended.out
    assert ended.out.endswith("Target groups: 1 created, 1 failed.\n")


def test_an_export_is_a_file_that_changes_nothing(connected: Cli, applied: Applied) -> None:
    """The file of a draft finds everything equal; the other draft of the project is named."""
    ended = connected("drafts", "export", applied.us, "--project", applied.project)
    assert ended.code == 0
    assert Study.parse(ended.out).target_groups[0].reference == US
    Path("exported.toml").write_text(ended.out, encoding="utf-8")
    again = connected("drafts", "apply", "exported.toml")
    assert again.code == 0
    assert again.out.splitlines()[1].split() == [US, "equal"]
    assert applied.de in again.out


def test_only_a_draft_with_a_reference_is_exported(
    connected: Cli, sandbox: Sandbox, applied: Applied, blocking_client: Client
) -> None:
    """A launched target group is refused; a draft without a reference needs one, which the file gives it."""
    project = sandbox.seed(live=1)
    ended = connected("drafts", "export", project.ids("live")[0], "--project", project.id)
    assert (ended.code, ended.out) == (1, "")
    assert "has been launched" in ended.err
    ids = {"project_id": applied.project, "target_group_id": applied.us}
    draft = UpdateTargetGroup.of(blocking_client.send(GetTargetGroup(**ids)), **ids)
    blocking_client.send(draft.replace(target_group_customer_reference_number=None))
    words = ("drafts", "export", applied.us, "--project", applied.project)
    ended = connected(*words)
    assert (ended.code, ended.out) == (2, "")
    assert "Give it one with --reference" in ended.err
    Path("named.toml").write_text(connected(*words, "--reference", "NEW-NAME").out, encoding="utf-8")
    ended = connected("drafts", "apply", "named.toml", "--yes")
    assert "reference: none -> NEW-NAME" in ended.out
    assert ended.out.endswith("Target groups: 1 changed.\n")
