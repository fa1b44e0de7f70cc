"""``fieldingkit webhooks``, in this process, on a sandbox."""

import json
from pathlib import Path

from support.command_line import Cli

from fieldingkit.sandbox import Sandbox, faults

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
