"""``--on-finish``: a document about the end of a sweep for a chat; its URL is a secret, its failure changes nothing."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.command_line import Cli
from support.post_receiver import PostReceiver

from fieldingkit.sandbox import Sandbox, faults


class Chat(PostReceiver):
    """A receiver of notifications, whose path is a secret."""

    def __init__(self) -> None:
        self.documents: list[dict[str, Any]] = []
        self.headers: list[Mapping[str, str]] = []
        super().__init__()

    @property
    def url(self) -> str:
        """The URL of the webhook."""
        return f"{self.origin}/services/canary?sig=canary"

    def receive(self, path: str, headers: Mapping[str, str], body: bytes) -> None:
        """Keep the document."""
        del path
        self.documents.append(json.loads(body))
        self.headers.append(headers)


@pytest.fixture
def chat() -> Iterator[Chat]:
    """Yield a receiver of notifications."""
    chat = Chat()
    yield chat
    chat.close()


def test_the_end_of_a_sweep_is_posted(connected: Cli, sandbox: Sandbox, chat: Chat) -> None:
    """The document has the text for people and the facts for programs, and no credentials of the API."""
    project = sandbox.seed(live=3, draft=1)
    ended = connected("pause", "--project", project.id, "--yes", "--run-id", "night", "--on-finish", chat.url)
    assert ended.code == 0
    (document,) = chat.documents
    assert document["text"].startswith("fieldingkit pause finished with exit code 0: account 101 at http://127.0.0.1")
    assert "3 of 4 target groups are paused." in document["text"]
    assert (document["event"], document["exit"], document["run_id"]) == ("finished", 0, "night")
    assert (document["counts"]["updated"], document["total"], document["ok"]) == (3, 4, True)
    assert sandbox.token not in json.dumps([document, chat.headers])


def test_the_url_is_a_secret(
    connected: Cli, sandbox: Sandbox, chat: Chat, bare: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The URL, from a flag or the environment, is in no output, log, report or journal; only its host is named."""
    chat.status = 403
    project = sandbox.seed(live=2)
    bare.setenv("FIELDINGKIT_ON_FINISH", chat.url)
    bare.setenv("FIELDINGKIT_DEBUG", "1")
    for bad in ("canary", "ftp://canary/", "https://[canary/"):
        refused = connected("pause", "--project", project.id, "--yes", "--on-finish", bad)
        assert refused.code == 2
        assert "canary" not in refused.err
    # In a process of its own, because logging is set up once a process.
    words = [
        sys.executable,
        "-m",
        "fieldingkit",
        "pause",
        "--project",
        project.id,
        "--yes",
        "--report",
        "out.html",
        "-vv",
    ]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=240, check=False)
    assert ended.returncode == 0
    assert "The notification to 127.0.0.1 failed: it answered 403." in ended.stderr
    assert "DEBUG" in ended.stderr
    texts = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(texts) >= 2
    assert b"canary" not in b"".join([ended.stdout.encode(), ended.stderr.encode(), *texts])


def test_a_receiver_never_changes_the_exit_code(
    connected: Cli, sandbox: Sandbox, chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A receiver that does not answer, or is not there, is noted; the sweep keeps its exit code."""
    monkeypatch.setattr("fieldingkit.notifications.post_notification.__kwdefaults__", {"timeout": 0.2, "proxy": None})
    chat.released.clear()
    for url in (chat.url, "http://127.0.0.1:9/canary"):
        project = sandbox.seed(live=1)
        ended = connected("pause", "--project", project.id, "--yes", "--on-finish", url)
        assert ended.code == 0
        assert "The notification to 127.0.0.1 failed:" in ended.err
        assert "canary" not in ended.err


def test_a_sweep_that_could_not_begin_is_posted(connected: Cli, sandbox: Sandbox, chat: Chat) -> None:
    """A nightly sweep that fails before its first job is news: the document has the exit code and the reason."""
    sandbox.faults.add("list_account_projects", faults.Answer(403), times=None)
    assert connected("pause", "--all-projects", "--yes", "--on-finish", chat.url).code == 3
    (document,) = chat.documents
    assert (document["event"], document["exit"]) == ("failed", 3)
    assert "403" in document["error"]
    assert "counts" not in document


def test_a_dry_run_posts_nothing(connected: Cli, sandbox: Sandbox, chat: Chat) -> None:
    """A dry run changes nothing, so there is nothing to report."""
    project = sandbox.seed(live=1)
    assert connected("pause", "--project", project.id, "--dry-run", "--on-finish", chat.url).code == 0
    assert not chat.documents


def test_an_interrupted_sweep_is_posted(connected: Cli, sandbox: Sandbox, chat: Chat) -> None:
    """SIGTERM, as a cluster sends it, posts what is known and keeps exit code 143."""
    assert connected
    sandbox.seed(live=2)
    sandbox.clock.freeze()  # no job ends before the signal
    words = [sys.executable, "-m", "fieldingkit", "pause", "--all-projects", "--yes", "--on-finish", chat.url]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "sweeping" in line:
                process.send_signal(signal.SIGTERM)
                break
        process.communicate(timeout=120)
    assert process.returncode == 143
    (document,) = chat.documents
    assert document["event"] == "interrupted"
    assert document["counts"]["unknown"] + document["counts"]["not_sent"] == 2  # the job may not be sent yet
    assert "fieldingkit pause interrupted" in document["text"]
