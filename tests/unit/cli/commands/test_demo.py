"""``fieldingkit demo``, in this process."""

import json

from support.command_line import Cli


def test_the_demo_needs_no_account(cli: Cli) -> None:
    """Without credentials it pauses 40 target groups and resolves a conflict, and names no class of the Python API."""
    ended = cli("demo")
    assert ended.code == 0, ended.err
    assert "40 target groups" in ended.out
    assert "412 refused" in ended.out
    assert "create_bulk_pause_target_groups_job" in ended.out
    assert "PauseTargetGroups" not in ended.out
    assert "ensure_status" not in ended.out


def test_json_is_one_document(cli: Cli) -> None:
    """With --json the results are one document, and nothing else is on stdout."""
    printed = json.loads(cli("demo", "--json").out)
    assert len(printed["paused"]) + len(printed["failed"]) == 40
    assert printed["calls"][0]["operation"] == "create_bulk_pause_target_groups_job"
