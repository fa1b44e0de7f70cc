"""``fieldingkit doctor --deep``: what it reads, what it finds, and that it changes nothing."""

import pytest
from support.command_line import Cli

from fieldingkit.sandbox import Sandbox, faults


def found(out: str, severity: str) -> list[str]:
    """Return the findings of a severity, without it."""
    return [line.removeprefix(severity).strip() for line in out.splitlines() if line.startswith(severity)]


def test_a_documented_api_is_read_and_not_changed(connected: Cli, sandbox: Sandbox) -> None:
    """Each main resource is read with GET, of which all are as documented; what was not tried is named."""
    sandbox.seed(draft=2)
    sandbox.seed(live=1)
    ended = connected("doctor", "--deep")
    assert ended.code == 0
    assert found(ended.out, "warning") + found(ended.out, "error") == []
    (skipped,) = found(ended.out, "skipped")
    assert skipped.startswith("Not tried     everything that changes something")
    for operation in ("get_account_users", "list_profiles", "get_fielding_run", "get_webhooks", "report_requests"):
        assert f"{operation}" in ended.out
    assert {request.method for request in sandbox.requests} == {"GET"}
    assert len(sandbox.requests) < 35


def test_a_missing_permission_is_no_failure(connected: Cli, sandbox: Sandbox) -> None:
    """A 403 and a 404 are warnings, after which the other resources are read all the same."""
    sandbox.seed(live=1)
    sandbox.faults.add("get_suppliers", faults.Answer(403), times=None)
    sandbox.faults.add("get_target_group_changelog", faults.Answer(404), times=None)
    ended = connected("doctor", "--deep")
    assert ended.code == 0
    assert found(ended.out, "warning") == [
        "Definitions   get_suppliers: no permission",
        "Changelog     get_target_group_changelog: the API knows no such resource",
    ]
    assert "get_fielding_run" in ended.out


def test_an_answer_unlike_the_contract_is_an_error(connected: Cli, sandbox: Sandbox) -> None:
    """An answer that cannot be decoded is an error with the name of the operation; the exit code is 3."""
    sandbox.seed(live=1)
    sandbox.faults.add("list_profiles", faults.TruncatedJson(), times=None)
    ended = connected("doctor", "--deep")
    assert ended.code == 3
    (error,) = found(ended.out, "error")
    assert error.startswith("Profiles      list_profiles: ")


def test_a_field_unlike_the_contract_is_a_warning(connected: Cli, sandbox: Sandbox) -> None:
    """A secondary field of another type is named by its path; the value is not shown."""
    user = {"id": "0f1ce179-a917-49ff-9d50-b05fc91f7bd4", "name": {"secret": "value"}}
    sandbox.faults.add("get_account_users", faults.Answer(200, body={"users": [user]}), times=None)
    ended = connected("doctor", "--deep")
    assert ended.code == 0
    assert found(ended.out, "warning") == [
        "Users         get_account_users: 1 field unlike the contract: $.users[0].name"
    ]
    assert "value" not in ended.out


@pytest.mark.parametrize("projects", [0, 12])
def test_without_a_launched_target_group_its_resources_are_skipped(
    connected: Cli, sandbox: Sandbox, projects: int
) -> None:
    """No more than ten projects are searched, and the skipped resources are named."""
    for _ in range(projects):
        sandbox.seed(draft=1)
    ended = connected("doctor", "--deep")
    assert ended.code == 0
    assert found(ended.out, "skipped")[0].startswith("Target groups none is launched in the first 10 projects")
    assert len([request for request in sandbox.requests if request.operation_id == "get_list_target_groups"]) <= 10


def test_a_failed_check_before_ends_the_reads(connected: Cli, sandbox: Sandbox, bare: pytest.MonkeyPatch) -> None:
    """With a wrong account nothing else is read."""
    bare.setenv("CINT_ACCOUNT_ID", "999")
    assert connected("doctor", "--deep").code == 2
    assert len(sandbox.requests) == 1
