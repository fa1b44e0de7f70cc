"""``fieldingkit webhooks``, in this process, on a sandbox."""

import asyncio
import json
import resource
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import attrs
import pytest
from aiohttp import web
from support.command_line import LOST_OUTPUTS, Cli, Ended, run_into

from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.sandbox.faults import Exchange, Fault

PROGRAM = f"{sys.executable} -m fieldingkit"
CREATE = ("webhooks", "create", "https://example.com/cint", "--event", "target-group-updated")


def created(connected: Cli) -> str:
    """Create a webhook and return its id."""
    ended = connected(*CREATE, "--secret-file", "-", "--json")
    webhook_id: str = json.loads(ended.out.splitlines()[-1])["id"]
    return webhook_id


def test_the_secret_is_written_to_a_private_file(connected: Cli, tmp_path: Path) -> None:
    """The secret is only in the file, which only its owner can read."""
    ended = connected(*CREATE, "--secret-file", "secret.txt", "--json")
    assert ended.code == 0
    secret = (tmp_path / "secret.txt").read_text().strip()
    assert secret
    assert secret not in ended.out + ended.err
    assert (tmp_path / "secret.txt").stat().st_mode & 0o777 == 0o600


def test_an_unusable_secret_file_sends_nothing(connected: Cli, sandbox: Sandbox, tmp_path: Path) -> None:
    """A file that exists, or cannot be created, is refused before a webhook is created."""
    (tmp_path / "secret.txt").write_text("another")
    for name in ("secret.txt", "nowhere/secret.txt"):
        ended = connected(*CREATE, "--secret-file", name)
        assert ended.code == 2
        assert "Nothing was sent" in ended.err
    assert (tmp_path / "secret.txt").read_text() == "another"
    assert not sandbox.requests


def test_a_refused_webhook_leaves_no_file(connected: Cli, sandbox: Sandbox, tmp_path: Path) -> None:
    """The empty file is removed when the API refuses the webhook."""
    sandbox.faults.add("create_webhook", faults.Answer(400))
    assert connected(*CREATE, "--secret-file", "secret.txt").code == 3
    assert not (tmp_path / "secret.txt").exists()


def in_shell(line: str) -> Ended:
    """Run a line of a shell."""
    ended = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=120, check=False)
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def test_a_full_disk_is_found_before_the_request(connected: Cli, sandbox: Sandbox, tmp_path: Path) -> None:
    """A file that cannot take a secret is found before a webhook is created, and is removed again."""
    assert connected
    ended = in_shell(f"ulimit -f 0; {PROGRAM} {' '.join(CREATE)} --secret-file secret.txt")
    assert (ended.code, sandbox.requests) == (2, [])
    assert ended.err == "fieldingkit: secret.txt cannot be written: File too large\n  Nothing was sent.\n"
    assert not (tmp_path / "secret.txt").exists()


@pytest.mark.parametrize("redirection", [">&-", ">/dev/null"])
def test_a_secret_for_nowhere_is_refused(connected: Cli, sandbox: Sandbox, redirection: str) -> None:
    """A stdout that is closed or discarded would lose the secret, so nothing is sent."""
    assert connected
    ended = in_shell(f"{PROGRAM} {' '.join(CREATE)} --secret-file - {redirection}")
    assert (ended.code, sandbox.requests) == (2, [])
    assert "the secret would be lost\n  Nothing was sent." in ended.err


@pytest.mark.parametrize(("stdout", "reason"), LOST_OUTPUTS.items())
@pytest.mark.parametrize("json_flag", [(), ("--json",)], ids=str)
def test_a_secret_that_is_lost_is_said_to_be(
    connected: Cli, stdout: Callable[[], int], reason: str, json_flag: tuple[str, ...]
) -> None:
    """The message says what the API did, that the secret is lost, and how to get another."""
    webhook = created(connected)
    ended = run_into(stdout(), *CREATE, *json_flag, "--secret-file", "-")
    (new,) = {line.split("\t")[0] for line in connected("webhooks", "list").out.splitlines()} - {webhook}
    lost = f"but the secret could not be stored on stdout, and is lost: {reason}"
    advice = "For another secret, run: fieldingkit webhooks regenerate-secret"
    assert (ended.code, ended.err.splitlines()) == (
        1,
        [f"fieldingkit: webhook {new} was created, {lost}", f"  {advice} {new} --secret-file FILE"],
    )
    ended = run_into(stdout(), "webhooks", "regenerate-secret", new, "--yes", *json_flag, "--secret-file", "-")
    first, _ = ended.err.splitlines()
    assert ended.code == 1
    assert (
        first == f"fieldingkit: the secret of webhook {new} was replaced, and the old one stopped being valid, {lost}"
    )


@pytest.mark.parametrize(
    "fault", [faults.ApplyThenDrop(), faults.ApplyThenAnswer(500), faults.TruncatedJson()], ids=str
)
def test_an_unclear_outcome_speaks_of_the_secret(connected: Cli, sandbox: Sandbox, fault: Fault) -> None:
    """No reading returns a secret: a new webhook is deleted or gets another secret, and a replacement is repeated."""
    webhook = created(connected)
    for operation_id in ("create_webhook", "regenerate_webhook_secret"):
        sandbox.faults.add(operation_id, fault, times=None)
    ended = connected(*CREATE, "--secret-file", "secret.txt")
    assert ended.code == 4
    assert "A webhook with a lost secret may exist: find it with `fieldingkit webhooks list`" in ended.err
    replaced = connected("webhooks", "regenerate-secret", webhook, "--secret-file", "secret.txt", "--yes")
    assert replaced.code == 4
    assert "The old secret may have stopped being valid, and a new one is lost: run the command again" in replaced.err
    assert "Read the resource" not in ended.err + replaced.err
    assert not Path("secret.txt").exists()


@attrs.frozen
class FullDisk(Fault):
    """Handle the request, and let the process that sent it write no more files."""

    process: Future[int] = attrs.field(factory=Future[int])
    """The id of the process."""

    async def inject(self, exchange: Exchange) -> web.StreamResponse:
        """Limit the process, then answer."""
        resource.prlimit(await asyncio.wrap_future(self.process), resource.RLIMIT_FSIZE, (0, 0))
        return await exchange.proceed()


def test_a_disk_that_is_full_after_the_request_loses_the_secret(
    connected: Cli, sandbox: Sandbox, tmp_path: Path
) -> None:
    """The webhook is said to exist, and no file without a secret is left."""
    assert connected
    disk = FullDisk()
    sandbox.faults.add("create_webhook", disk)
    words = [*PROGRAM.split(), *CREATE, "--secret-file", "secret.txt"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        disk.process.set_result(process.pid)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "was created, but the secret could not be stored in secret.txt, and is lost: File too large\n" in err
    assert not (tmp_path / "secret.txt").exists()


def test_webhooks_are_listed_changed_and_deleted(connected: Cli) -> None:
    """A webhook is listed, changed with its ETag, and deleted after a confirmation."""
    webhook = created(connected)
    assert webhook in connected("webhooks", "list").out
    assert connected("webhooks", "update", webhook, "--url", "https://example.com/other").code == 0
    assert "https://example.com/other" in connected("webhooks", "list").out
    assert connected("webhooks", "delete", webhook).code == 2
    ended = connected("webhooks", "delete", webhook, "--yes", "--json")
    assert (ended.code, json.loads(ended.out)) == (0, {"id": webhook, "deleted": True})
    assert connected("webhooks", "list").out == ""


def test_the_secret_is_replaced_after_a_confirmation(connected: Cli, tmp_path: Path) -> None:
    """The secret is replaced after a confirmation; without one no file is left behind."""
    webhook = created(connected)
    words = ("webhooks", "regenerate-secret", webhook, "--secret-file", "new.txt")
    assert connected(*words).code == 2
    assert not (tmp_path / "new.txt").exists()
    assert connected(*words, "--yes").code == 0
    assert (tmp_path / "new.txt").read_text().strip()


def test_a_plain_http_url_is_refused(connected: Cli, sandbox: Sandbox) -> None:
    """A URL without https is refused before anything is sent."""
    ended = connected("webhooks", "create", "http://example.com", "--event", "x", "--secret-file", "-")
    assert ended.code == 2
    assert "https" in ended.err
    assert not sandbox.requests


def test_event_types_and_history_are_listed(connected: Cli) -> None:
    """The event types are listed; a new webhook has no history."""
    assert "target-group-updated" in connected("webhooks", "event-types").out
    ended = connected("webhooks", "history", created(connected))
    assert (ended.code, ended.out) == (0, "")
