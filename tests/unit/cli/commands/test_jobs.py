"""``fieldingkit jobs``, in this process, on a sandbox."""

import json

from support.command_line import Cli

from fieldingkit import Client, batch_jobs
from fieldingkit.sandbox import Sandbox, faults


def submit(sandbox: Sandbox, *, live: int = 1, draft: int = 0) -> str:
    """Submit a pause from another client and return its token."""
    project = sandbox.seed(live=live, draft=draft)
    with Client(account_id=sandbox.account_id, auth=sandbox.token, base_url=sandbox.url) as client:
        command = batch_jobs.PauseTargetGroups(project_id=project.id, target_group_ids=project.ids())
        return client.submit(command).token()


def test_wait_polls_a_job_of_another_client(connected: Cli, sandbox: Sandbox) -> None:
    """A token is enough to wait for a job; the exit code reports its end."""
    ended = connected("jobs", "wait", submit(sandbox, live=2))
    assert ended.code == 0
    assert "Completed" in ended.out
    assert "Updated  " in ended.out


def test_failed_target_groups_are_named(connected: Cli, sandbox: Sandbox) -> None:
    """A job with failed target groups is exit code 1, and they are listed."""
    ended = connected("jobs", "wait", submit(sandbox, draft=1))
    assert ended.code == 1
    assert "StatusTransitionNotAllowed" in ended.out


def test_status_sends_one_request(connected: Cli, sandbox: Sandbox) -> None:
    """A job that has not ended is exit code 4, after one request."""
    token = submit(sandbox)
    sandbox.faults.add("get_bulk_pause_target_groups_job", faults.StuckJob(), times=None)
    sandbox.requests.clear()
    ended = connected("jobs", "status", token, "--json")
    assert ended.code == 4
    assert json.loads(ended.out)["status"] == "Processing"
    assert len(sandbox.requests) == 1


def test_a_wait_timeout_prints_the_command_to_wait_again(connected: Cli, sandbox: Sandbox) -> None:
    """When the wait times out, the message has the command that waits again."""
    token = submit(sandbox)
    sandbox.faults.add("get_bulk_pause_target_groups_job", faults.StuckJob(), times=None)
    ended = connected("jobs", "wait", token, "--wait-seconds", "0.3")
    assert ended.code == 4
    assert f"fieldingkit jobs wait {token}" in ended.err


def test_an_invalid_token_is_a_usage_error(connected: Cli, sandbox: Sandbox) -> None:
    """An invalid token is refused before anything is sent."""
    ended = connected("jobs", "status", "nonsense")
    assert ended.code == 2
    assert "Give the token of a job" in ended.err
    assert not sandbox.requests
