"""``fieldingkit jobs``, in this process on a sandbox."""

import json

from support.command_line import Cli

from fieldingkit import Client, batch_jobs
from fieldingkit.sandbox import Sandbox, faults


def submit(sandbox: Sandbox, *, live: int = 1, draft: int = 0) -> str:
    """Have a pause created elsewhere, and give its token."""
    project = sandbox.seed(live=live, draft=draft)
    with Client(account_id=sandbox.account_id, auth=sandbox.token, base_url=sandbox.url) as client:
        command = batch_jobs.PauseTargetGroups(project_id=project.id, target_group_ids=project.ids())
        return client.submit(command).token()


def test_wait_follows_a_job_of_another_process(connected: Cli, sandbox: Sandbox) -> None:
    """A token is all that it takes to wait for a job; its end is told by the exit code."""
    ended = connected("jobs", "wait", submit(sandbox, live=2))
    assert ended.code == 0
    assert "Completed" in ended.out
    assert "Updated  " in ended.out


def test_failed_target_groups_are_named(connected: Cli, sandbox: Sandbox) -> None:
    """A job that ended with failures is exit code 1 and names them."""
    ended = connected("jobs", "wait", submit(sandbox, draft=1))
    assert ended.code == 1
    assert "StatusTransitionNotAllowed" in ended.out


def test_status_looks_once(connected: Cli, sandbox: Sandbox) -> None:
    """A job that has not ended is exit code 4, after one request."""
    token = submit(sandbox)
    sandbox.faults.add("get_bulk_pause_target_groups_job", faults.StuckJob(), times=None)
    sandbox.requests.clear()
    ended = connected("jobs", "status", token, "--json")
    assert ended.code == 4
    assert json.loads(ended.out)["status"] == "Processing"
    assert len(sandbox.requests) == 1


def test_a_wait_that_is_too_short_says_how_to_go_on(connected: Cli, sandbox: Sandbox) -> None:
    """Whoever stops waiting is told that the job goes on, and the command that waits again."""
    token = submit(sandbox)
    sandbox.faults.add("get_bulk_pause_target_groups_job", faults.StuckJob(), times=None)
    ended = connected("jobs", "wait", token, "--wait-seconds", "0.3")
    assert ended.code == 4
    assert f"fieldingkit jobs wait {token}" in ended.err


def test_what_is_no_token_is_a_usage_error(connected: Cli, sandbox: Sandbox) -> None:
    """Anything else than a token is refused before anything is sent."""
    assert connected("jobs", "status", "nonsense").code == 2
    assert not sandbox.requests
