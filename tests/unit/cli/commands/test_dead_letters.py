"""``fieldingkit dead-letters send``: what was sent, what is left and why; no credentials of the API are needed."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from support.command_line import Cli

from fieldingkit.cli.errors import ExitCode
from fieldingkit.monitoring.dead_letters import DeadLetterFile


@pytest.fixture
def letters(tmp_path: Path) -> Path:
    """Return a file with one letter for each of three receivers, and a damaged line."""
    path = tmp_path / "dead-letters.jsonl"
    lines = [letter(name) for name in ("works", "fails", "gone")]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + "{cut\n")
    programs = {"works": "import sys; sys.stdin.read()", "fails": "import sys; sys.exit('no route')"}
    tables = [f"[{name}]\narguments = {[sys.executable, '-c', script]}\n" for name, script in programs.items()]
    (tmp_path / "receivers.toml").write_text("".join(tables))
    return path


def letter(receiver: str) -> dict[str, Any]:
    """Return a letter."""
    document = {"id": f"id-{receiver}", "text": "a finding"}
    known = {"failed_at": "2026-03-05T12:00:00.000Z", "failure": "it answered 503", "attempts": 1}
    return {**known, "receiver": receiver, "document": document}


def test_the_result_of_each_letter_is_printed(cli: Cli, letters: Path) -> None:
    """The exit code is 1 as long as something is left, and what was sent is gone from the file."""
    ended = cli("dead-letters", "send", str(letters), "--receivers", "receivers.toml")
    assert ended.code == ExitCode.FAILED
    assert ended.out.splitlines() == [
        "works  id-works  sent",
        "fails  id-fails  failed after 1 attempt: its exit code is 1: no route",
    ]
    assert "receivers.toml has no receiver gone; 1 letter for it not sent" in ended.err
    assert f"{letters}, line 3 was left as found: it is not valid JSON." in ended.err
    assert [(one.receiver, one.attempts) for one in DeadLetterFile(letters).read()[0]] == [("fails", 2), ("gone", 1)]


def test_with_json_the_report_is_printed(cli: Cli, letters: Path) -> None:
    """One document has all deliveries."""
    ended = cli("dead-letters", "send", str(letters), "--receivers", "receivers.toml", "--json")
    report = json.loads(ended.out)
    assert [(one["receiver"], one["failure"] is None) for one in report["deliveries"]] == [
        ("works", True),
        ("fails", False),
    ]
    assert report["unmatched"] == ["gone"]
    assert report["damaged"] == [{"line": 3, "reason": "it is not valid JSON"}]


def test_without_letters_the_command_succeeds(cli: Cli, letters: Path) -> None:
    """The file is empty after all were sent."""
    letters.write_text("")
    ended = cli("dead-letters", "send", str(letters), "--receivers", "receivers.toml")
    assert (ended.code, ended.out, ended.err.strip()) == (ExitCode.DONE, "", "No dead letters.")


def test_a_file_that_does_not_exist_is_said_and_not_created(cli: Cli, letters: Path) -> None:
    """It is created when the first message is not taken, so that this is no failure; but the name may be wrong."""
    assert letters
    ended = cli("dead-letters", "send", "none.jsonl", "--receivers", "receivers.toml")
    assert (ended.code, ended.out) == (ExitCode.DONE, "")
    assert ended.err.strip() == "none.jsonl does not exist; no letters were sent."
    assert not Path("none.jsonl").exists()


def test_a_wrong_file_of_receivers_is_said_with_its_own_words(cli: Cli, letters: Path) -> None:
    """Its keys keep their names, and the advice is not to check the configuration of the client."""
    Path("receivers.toml").write_text('[chat]\nurl = "https://example.com/canary"\n')
    ended = cli("dead-letters", "send", str(letters), "--receivers", "receivers.toml")
    assert ended.code == ExitCode.USAGE
    assert ended.err.splitlines() == [
        "fieldingkit: receivers.toml: [chat] url is a credential; write it to a file and name that as url_file",
        "  Nothing was sent.",
    ]


def test_while_another_process_sends_nothing_is_sent(cli: Cli, letters: Path) -> None:
    """The command line is right, and can be repeated."""
    before = letters.read_text()
    with DeadLetterFile(letters).sending():
        ended = cli("dead-letters", "send", str(letters), "--receivers", "receivers.toml")
    assert ended.code != ExitCode.DONE
    assert "are being sent; nothing was sent" in ended.err
    assert letters.read_text() == before
