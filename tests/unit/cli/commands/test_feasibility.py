"""``fieldingkit feasibility``, in this process, on a sandbox."""

import json
from pathlib import Path

import pytest
from support.command_line import Cli
from support.studies import example_for

from fieldingkit.sandbox import Sandbox, faults

US, DE = "TRACKER-2036-US", "TRACKER-2036-DE"


@pytest.fixture
def file(sandbox: Sandbox, connected: Cli) -> Path:
    """Return the example file in the working folder."""
    path = Path("study.toml")
    path.write_text(example_for(sandbox), encoding="utf-8")
    sandbox.requests.clear()
    return path


def test_each_target_group_is_a_line(connected: Cli, sandbox: Sandbox, file: Path) -> None:
    """A line has the goal, the reach, the price, the days, the planned days and whether the goals are feasible."""
    ended = connected("feasibility", str(file))
    assert (ended.code, ended.err) == (0, "")
    us, de = (line.split("\t") for line in ended.out.splitlines())
    assert [us[0], us[1], us[5], us[6]] == [US, "1,000", "13.5", "yes"]
    assert [de[0], de[1], de[5], de[6]] == [DE, "500", "20.5", "yes"]
    assert us[3].endswith(" USD")
    assert int(us[4]) >= 1
    assert {request.operation_id for request in sandbox.requests} == {
        "calculate_target_group_feasibility",
        "suggest_days",
    }


def test_goals_that_are_not_feasible_are_named(connected: Cli, file: Path) -> None:
    """A goal beyond the reach is no error; the goal and the quotas that cannot be reached are named on stderr."""
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("= 1000", "= 9000").replace("= 0.35", "= 0.05"), encoding="utf-8")
    ended = connected("feasibility", str(file))
    assert ended.code == 0
    assert ended.out.splitlines()[0].endswith("\tno")
    assert f"{US}: not feasible: the goal of 9,000, with " in ended.err
    assert "South and West of 4,950, with " in ended.err


def test_a_refusal_is_shown_beside_the_others(connected: Cli, sandbox: Sandbox, file: Path) -> None:
    """A target group without an estimate is named as such, with the reason, and does not hide the others."""
    file.write_text(file.read_text(encoding="utf-8").replace("= 1000", "= 90000"), encoding="utf-8")
    ended = connected("feasibility", str(file))
    assert ended.code == 3
    assert [line.rsplit("\t", 1)[1] for line in ended.out.splitlines()] == ["no estimate", "yes"]
    assert f"{US}: completes_goal must be a whole number, from 1 to 10000; got 90000" in ended.err


@pytest.mark.parametrize(("status", "advice"), [(401, "the credentials"), (403, "the account's permissions")])
def test_refused_credentials_end_the_command(
    connected: Cli, sandbox: Sandbox, file: Path, status: int, advice: str
) -> None:
    """A refusal that concerns every target group is explained once."""
    sandbox.faults.add("calculate_target_group_feasibility", faults.Answer(status), times=None)
    ended = connected("feasibility", str(file))
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.count(advice) == 1


def test_json_has_the_whole_estimate(connected: Cli, file: Path) -> None:
    """With --json each line is a document, with the estimates of the quotas."""
    us, _ = map(json.loads, connected("feasibility", str(file), "--json").out.splitlines())
    assert (us["reference"], us["is_feasible"]) == (US, True)
    assert us["feasibility"]["profiles"][0]["targets"][0]["max_completes"]["projected_completes_goal"] > 0
    assert us["days"] >= 1


def test_the_table_fits_80_columns(connected: Cli, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal the table has headings and one line for each target group."""
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    monkeypatch.setenv("COLUMNS", "80")
    lines = connected("feasibility", str(file)).out.splitlines()
    assert lines[0].split() == ["Target", "group", "Goal", "Reach", "Price", "Days", "Planned", "Feasible"]
    assert len(lines) == 3
    assert max(map(len, lines)) <= 80
