"""notify: webhooks are retried, programs run without a shell, and what was not taken is kept."""

import asyncio
import json
import os
import signal
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from support.fake_clock import FakeClock
from support.fixture_types import Serve
from support.monitored_groups import full_snapshot, live_group
from support.raw_server import answer

from fieldingkit.errors import ConfigurationError
from fieldingkit.monitoring import Program, Webhook, compare, evaluate, notify, to_document

CHANGES = compare(None, evaluate(full_snapshot(live_group(conversion_rate=0.05))))
DOCUMENT = to_document(CHANGES)
QUIET = compare(None, evaluate(full_snapshot(live_group())))
COPY = "import sys; open(sys.argv[1], 'wb').write(sys.stdin.buffer.read())"


@pytest.fixture
def letters(tmp_path: Path) -> Path:
    """Return the path of the dead letters."""
    return tmp_path / "dead-letters.jsonl"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> "asyncio.Queue[asyncio.subprocess.Process]":
    """Return a queue of the programs that are started."""
    create, queue = asyncio.create_subprocess_exec, asyncio.Queue[asyncio.subprocess.Process]()

    async def recorded(*arguments: Any, **options: Any) -> asyncio.subprocess.Process:
        process = await create(*arguments, **options)
        queue.put_nowait(process)
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", recorded)
    return queue


def webhook(url: str, shape: Any = "json", attempts: int = 4) -> Webhook:
    """Return a webhook with a timeout that a machine under load does not reach."""
    return Webhook(url, shape, timeout=120, attempts=attempts)


def kept(letters: Path) -> list[dict[str, Any]]:
    """Return the dead letters."""
    return [json.loads(line) for line in letters.read_text().splitlines()] if letters.exists() else []


def mode(path: Path) -> int:
    """Return the permissions of a file."""
    return stat.S_IMODE(path.stat().st_mode)


def python(script: str, *arguments: str, time_limit: float = 120.0) -> Program:
    """Return a program in Python."""
    return Program([sys.executable, "-c", script, *arguments], time_limit=time_limit)


async def test_a_webhook_gets_the_document_once(serve: Serve, letters: Path, clock: FakeClock) -> None:
    """One POST has all changes; nothing is kept."""
    server = await serve(answer(200))
    (delivery,) = await notify(CHANGES, [webhook(f"{server.origin}/hook")], dead_letters=letters, clock=clock)
    assert (delivery.ok, delivery.receiver, delivery.attempts) == (True, "127.0.0.1", 1)
    assert [json.loads(request.body) for request in server.requests] == [DOCUMENT]
    assert not kept(letters)


@pytest.mark.parametrize("shape", ["slack", "teams"])
async def test_a_webhook_of_a_chat_gets_its_shape(serve: Serve, letters: Path, shape: Any) -> None:
    """Slack wants a text, and Teams a card."""
    server = await serve(answer(200))
    await notify(CHANGES, [webhook(f"{server.origin}/hook", shape)], dead_letters=letters)
    (request,) = server.requests
    assert json.loads(request.body).keys() == ({"text"} if shape == "slack" else {"type", "attachments"})


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
async def test_a_webhook_that_may_recover_is_tried_again(
    serve: Serve, letters: Path, clock: FakeClock, status: int
) -> None:
    """It gets the same document with the same id, after delays."""
    server = await serve(answer(status), answer(status), answer(200))
    (delivery,) = await notify(CHANGES, [webhook(server.origin)], dead_letters=letters, clock=clock)
    assert (delivery.ok, delivery.attempts) == (True, 3)
    assert {json.loads(request.body)["id"] for request in server.requests} == {DOCUMENT["id"]}
    assert len(clock.sleeps) == 2
    assert not kept(letters)


@pytest.mark.parametrize(("status", "attempts"), [(404, 1), (302, 1), (503, 3)])
async def test_what_a_webhook_does_not_take_is_kept(
    serve: Serve, letters: Path, clock: FakeClock, status: int, attempts: int
) -> None:
    """The line has the whole document and the reason, and not the URL; only this user can read the file."""
    server = await serve(answer(status))
    receiver = webhook(f"{server.origin}/canary", "slack", attempts=3)
    for _ in range(2):
        (delivery,) = await notify(CHANGES, [receiver], dead_letters=letters, clock=clock)
        assert (delivery.failure, delivery.attempts) == (f"it answered {status}", attempts)
    first, second = kept(letters)
    assert first["document"] == second["document"] == DOCUMENT
    assert (first["receiver"], first["failure"]) == ("127.0.0.1", f"it answered {status}")
    assert first["failed_at"].endswith("Z")
    assert "canary" not in repr((first, receiver, delivery))
    assert mode(letters) == 0o600


async def test_a_webhook_that_cannot_be_reached_is_tried_again(letters: Path, clock: FakeClock) -> None:
    """No answer is no refusal."""
    (delivery,) = await notify(CHANGES, [webhook("http://127.0.0.1:9/x")], dead_letters=letters, clock=clock)
    assert (delivery.ok, delivery.attempts) == (False, 4)
    assert kept(letters)


async def test_without_changes_nothing_is_sent(serve: Serve, letters: Path) -> None:
    """Findings that continue are not repeated."""
    server = await serve(answer(200))
    assert await notify(QUIET, [webhook(server.origin)], dead_letters=letters) == ()
    assert not server.requests


async def test_a_program_gets_the_document_and_its_arguments_as_they_are(tmp_path: Path, letters: Path) -> None:
    """There is no shell that reads them, and a receiver that fails does not keep the others from it."""
    target = tmp_path / "$(touch canary); *"
    receivers = [Program(["/nowhere/canary"]), python(COPY, str(target))]
    failed, done = await notify(CHANGES, receivers, dead_letters=letters)
    assert json.loads(target.read_bytes()) == DOCUMENT
    assert (done.ok, done.receiver) == (True, sys.executable)
    assert failed.failure == "it cannot be started: No such file or directory"
    assert [one["receiver"] for one in kept(letters)] == ["/nowhere/canary"]


async def test_a_program_that_fails_is_kept_with_its_last_words(letters: Path) -> None:
    """The exit code and the end of standard error are the reason; standard output is discarded."""
    script = "import sys; print('out'); sys.stderr.write('x' * 100000 + '\\nno\\x1b route\\n'); sys.exit(3)"
    (delivery,) = await notify(CHANGES, [python(script)], dead_letters=letters)
    assert delivery.failure is not None
    assert delivery.failure.startswith("its exit code is 3: x")
    assert delivery.failure.endswith("x no route")
    assert len(delivery.failure) < 400
    assert [one["document"] for one in kept(letters)] == [DOCUMENT]


async def test_a_program_need_not_read_its_input(letters: Path) -> None:
    """A document that is larger than a pipe is no failure of a program that ends without reading it."""
    groups = [live_group(target_group_id=f"t{number}", conversion_rate=0.05) for number in range(400)]
    large = compare(None, evaluate(full_snapshot(*groups)))
    assert len(json.dumps(to_document(large))) > 100_000
    (delivery,) = await notify(large, [python("pass")], dead_letters=letters)
    assert delivery.ok


async def test_a_program_over_its_time_is_killed_with_those_it_started(
    tmp_path: Path, letters: Path, started: "asyncio.Queue[asyncio.subprocess.Process]"
) -> None:
    """No process is left that could hold the pipe."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    child = "import sys, time; pipe = open(sys.argv[1], 'wb'); time.sleep(3600)"
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}, sys.argv[1]])"
    try:
        (delivery,) = await notify(CHANGES, [python(script, str(pipe), time_limit=0.5)], dead_letters=letters)
        assert delivery.failure == "it was killed after 0.5 seconds"
        assert started.get_nowait().returncode == -signal.SIGKILL
        assert await is_closed(reader)
    finally:
        os.close(reader)
    assert kept(letters)


async def is_closed(reader: int) -> bool:
    """Return True as soon as no process can write to a pipe."""
    while True:
        try:
            return os.read(reader, 1) == b""
        except BlockingIOError:
            await asyncio.sleep(0.01)


async def test_a_cancelled_notification_leaves_no_program(
    letters: Path, started: "asyncio.Queue[asyncio.subprocess.Process]"
) -> None:
    """The program is killed, and the cancellation goes through."""
    task = asyncio.create_task(notify(CHANGES, [python("import time; time.sleep(3600)")], dead_letters=letters))
    process = await started.get()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert process.returncode == -signal.SIGKILL


async def test_dead_letters_that_cannot_be_written_are_an_error(tmp_path: Path) -> None:
    """Otherwise the findings were lost without a word."""
    with pytest.raises(ConfigurationError, match=r"/nowhere/x did not take the findings .* cannot be added to"):
        await notify(CHANGES, [Program(["/nowhere/x"])], dead_letters=tmp_path / "missing" / "letters.jsonl")


@pytest.mark.parametrize("arguments", ["notify-send", [], [""], ["a", "b\0c"], ["a", 1]])
def test_arguments_that_are_no_list_of_texts_are_refused(arguments: Any) -> None:
    """A text would be read by a shell, and there is none."""
    with pytest.raises(ConfigurationError, match="arguments must be a list of texts"):
        Program(arguments)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"url": "canary"}, "must be an http or https URL"),
        ({"shape": "irc"}, "shape must be json, slack or teams"),
        ({"timeout": 0}, "timeout must be above 0 seconds"),
        ({"attempts": 0}, "attempts must be at least 1"),
    ],
)
def test_wrong_options_of_a_webhook_are_refused(options: dict[str, Any], problem: str) -> None:
    """The URL is not quoted."""
    with pytest.raises(ConfigurationError, match=problem) as caught:
        Webhook(**{"url": "https://example.com/canary", **options})
    assert "canary" not in str(caught.value)
