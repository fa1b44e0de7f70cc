"""send_dead_letters: each letter once, what was taken is removed, and nothing is lost or sent by two processes."""

import asyncio
import json
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
from fieldingkit.monitoring import Program, Webhook, compare, dead_letters, evaluate, notify, send_dead_letters
from fieldingkit.monitoring.dead_letters import DeadLetterFile
from fieldingkit.sweeps.locks import FileLock


@pytest.fixture
def letters(tmp_path: Path) -> Path:
    """Return the path of the dead letters."""
    return tmp_path / "dead-letters.jsonl"


def letter(number: int = 1, receiver: str = "chat", **changes: Any) -> dict[str, Any]:
    """Return a letter."""
    document = {"id": f"id{number}", "text": f"finding {number}", "event": "findings"}
    times = {"failed_at": "2026-03-05T12:00:00.000Z", "attempts": 4}
    return {"receiver": receiver, "failure": "it answered 503", "document": document, **times, **changes}


def write(path: Path, *lines: Any) -> None:
    """Write a file of dead letters."""
    path.write_text("".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines))


def kept(path: Path) -> list[dict[str, Any]]:
    """Return the letters of a file."""
    return [json.loads(line) for line in text_of(path).splitlines()]


def text_of(path: Path) -> str:
    """Return the text of a file."""
    return path.read_text()


def mode(path: Path) -> int:
    """Return the permissions of a file."""
    return stat.S_IMODE(path.stat().st_mode)


def chat(origin: str, name: str = "chat", shape: Any = "json") -> Webhook:
    """Return a webhook that is tried twice."""
    return Webhook(f"{origin}/canary", shape, name=name, timeout=120, attempts=2)


async def test_letters_that_are_taken_are_removed_and_oldest_first(
    serve: Serve, letters: Path, clock: FakeClock
) -> None:
    """The receiver gets what notify would have sent; the file is left empty, for this user only."""
    server = await serve(answer(200))
    write(letters, letter(1), letter(2))
    report = await send_dead_letters(letters, [chat(server.origin)], clock=clock)
    assert report.ok
    assert [one.document_id for one in report.deliveries] == ["id1", "id2"]
    assert [json.loads(request.body)["text"] for request in server.requests] == ["finding 1", "finding 2"]
    assert kept(letters) == []
    assert mode(letters) == 0o600
    assert (await send_dead_letters(letters, [chat(server.origin)], clock=clock)).deliveries == ()


async def test_a_letter_that_fails_again_stays_with_all_its_attempts(
    serve: Serve, letters: Path, clock: FakeClock
) -> None:
    """The new failure and time replace the old ones; the letter after it is sent all the same."""
    server = await serve(answer(503), answer(503), answer(200))
    write(letters, letter(1), letter(2))
    report = await send_dead_letters(letters, [chat(server.origin)], clock=clock)
    assert [one.ok for one in report.deliveries] == [False, True]
    assert not report.ok
    (left,) = kept(letters)
    assert (left["document"]["id"], left["attempts"], left["failure"]) == ("id1", 6, "it answered 503")
    assert left["failed_at"] != letter()["failed_at"]


async def test_a_letter_that_stands_twice_is_sent_once(serve: Serve, letters: Path, clock: FakeClock) -> None:
    """The same document for the same receiver is one letter; for another receiver it is another."""
    server = await serve(answer(200))
    write(letters, letter(1), letter(2), letter(1), letter(1, "other"))
    receivers = [chat(server.origin), chat(server.origin, "other", "slack")]
    report = await send_dead_letters(letters, receivers, clock=clock)
    sent = [(one.receiver, one.document_id) for one in report.deliveries]
    assert sent == [("chat", "id1"), ("chat", "id2"), ("other", "id1")]
    assert kept(letters) == []


async def test_a_letter_that_stands_twice_and_fails_is_kept_once(serve: Serve, letters: Path, clock: FakeClock) -> None:
    """Its attempts are those of both."""
    server = await serve(answer(404))
    write(letters, letter(1), letter(1))
    await send_dead_letters(letters, [chat(server.origin)], clock=clock)
    assert [one["attempts"] for one in kept(letters)] == [9]


async def test_what_cannot_be_sent_stays_as_it_is(serve: Serve, letters: Path, clock: FakeClock) -> None:
    """Letters of receivers that were not given, and damaged lines, are reported and not touched."""
    server = await serve(answer(200))
    damaged = ["{cut of\n", "[]\n", "\n", json.dumps(letter(7) | {"document": {"id": 5}}) + "\n"]
    write(letters, *damaged, letter(1), letter(2, "gone"))
    report = await send_dead_letters(letters, [chat(server.origin)], clock=clock)
    assert (report.unmatched, report.ok) == (("gone",), False)
    assert [(one.line, one.reason) for one in report.damaged] == [
        (1, "it is not valid JSON"),
        (2, "it has not the members of a letter"),
        (3, "it has not the members of a letter"),
    ]
    expected = [*(line for line in damaged if line.strip()), json.dumps(letter(2, "gone")) + "\n"]
    assert text_of(letters) == "".join(expected)


async def test_a_file_that_does_not_exist_has_no_letters(letters: Path) -> None:
    """Nothing is created."""
    assert (await send_dead_letters(letters, [])).ok
    assert not list(letters.parent.iterdir())


async def test_two_processes_do_not_send_at_the_same_time(letters: Path) -> None:
    """The second is refused before it sends anything."""
    write(letters, letter(1))
    with (
        DeadLetterFile(letters).sending(),
        pytest.raises(ConfigurationError, match="are being sent; nothing was sent"),
    ):
        await send_dead_letters(letters, [Program([sys.executable], name="chat")])
    assert kept(letters) == [letter(1)]


async def test_a_letter_that_is_added_while_letters_are_sent_is_not_lost(letters: Path, clock: FakeClock) -> None:
    """The receiver itself adds one, before the letter that it takes is removed."""
    added = json.dumps(letter(9))
    script = (
        "import sys; from pathlib import Path; from fieldingkit.monitoring.dead_letters import *\n"
        f"DeadLetterFile(Path(sys.argv[1])).add([DeadLetter.parse({added.encode()!r})])"
    )
    write(letters, letter(1))
    receiver = Program([sys.executable, "-c", script, str(letters)], name="chat", time_limit=120)
    report = await send_dead_letters(letters, [receiver], clock=clock)
    assert [(one.document_id, one.failure) for one in report.deliveries] == [("id1", None)]
    assert kept(letters) == [letter(9)]


def test_a_file_is_changed_by_one_process_at_a_time(letters: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A removal replaces the file, and a letter that was added to the old one would be lost."""
    monkeypatch.setattr(dead_letters, "_LOCK_TIMEOUT", 0.0)
    _add(letters, 1)
    lock = FileLock(letters.with_name("dead-letters.jsonl.lock"))
    with pytest.raises(OSError, match="is locked"):
        _add(letters, 2)
    with pytest.raises(OSError, match="is locked"):
        DeadLetterFile(letters).settle(DeadLetterFile(letters).read()[0][0])
    assert kept(letters) == [letter(1)]
    lock.close()
    _add(letters, 2)
    assert kept(letters) == [letter(1), letter(2)]


def _add(path: Path, number: int) -> None:
    file = DeadLetterFile(path)
    write(path.with_name("one"), letter(number))
    file.add(DeadLetterFile(path.with_name("one")).read()[0])


def test_a_letter_after_a_line_that_was_cut_off_is_readable(letters: Path) -> None:
    """A crash in the middle of a write damages one letter and not the next one."""
    letters.write_text('{"failed_at": "20')
    _add(letters, 1)
    assert [one.line for one in DeadLetterFile(letters).read()[1]] == [1]
    assert json.loads(letters.read_text().splitlines()[1]) == letter(1)


async def test_a_crash_after_sending_leaves_the_letter(letters: Path, tmp_path: Path) -> None:
    """It is sent again with the same id; the lock of the process that died does not prevent that."""
    write(letters, letter(1))
    script = (
        "import asyncio, os, sys; from fieldingkit.monitoring import *\n"
        "from fieldingkit.monitoring import dead_letters\n"
        "dead_letters.DeadLetterFile.settle = lambda *_: os._exit(9)\n"
        "copy = \"import sys; open(sys.argv[1], 'a').write(sys.stdin.read())\"\n"
        "receiver = Program([sys.executable, '-c', copy, sys.argv[2]], name='chat', time_limit=120)\n"
        "asyncio.run(send_dead_letters(sys.argv[1], [receiver]))"
    )
    copy = "import sys; open(sys.argv[1], 'a').write(sys.stdin.read())"
    taken = tmp_path / "taken"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, letters, taken)
    assert await process.wait() == 9
    assert kept(letters) == [letter(1)]
    receiver = Program([sys.executable, "-c", copy, str(taken)], name="chat", time_limit=120)
    assert (await send_dead_letters(letters, [receiver])).ok
    assert text_of(taken) == json.dumps(letter(1)["document"], separators=(",", ":")) * 2
    assert kept(letters) == []


async def test_a_letter_that_was_taken_and_cannot_be_removed_is_said_to_be(
    letters: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says that the receiver took it and will get it again."""

    def refuse(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    write(letters, letter(1))
    receiver = Program([sys.executable, "-c", "import sys; sys.stdin.read()"], name="chat", time_limit=120)
    monkeypatch.setattr(DeadLetterFile, "settle", refuse)
    with pytest.raises(
        ConfigurationError, match=r"took the document id1.*No space left.*it will be sent again"
    ) as caught:
        await send_dead_letters(letters, [receiver])
    assert caught.value.maybe_applied


async def test_what_notify_keeps_is_sent_again(serve: Serve, letters: Path, clock: FakeClock) -> None:
    """A receiver without a name is found by its host."""
    changes = compare(None, evaluate(full_snapshot(live_group(conversion_rate=0.05))))
    server = await serve(answer(404), answer(200))
    receiver = Webhook(server.origin, timeout=120)
    await notify(changes, [receiver], dead_letters=letters, clock=clock)
    assert [(one["receiver"], one["attempts"]) for one in kept(letters)] == [("127.0.0.1", 1)]
    assert (await send_dead_letters(letters, [receiver], clock=clock)).ok
    first, second = (json.loads(request.body) for request in server.requests)
    assert first == second


async def test_receivers_of_the_same_name_are_refused(letters: Path) -> None:
    """It would not be known whose letter it is; also where there is nothing to send."""
    receivers = [Webhook("https://hooks.example.com/a"), Webhook("https://hooks.example.com/b")]
    with pytest.raises(ConfigurationError, match=r"^two receivers are named hooks\.example\.com; nothing was sent"):
        await send_dead_letters(letters, receivers)
    quiet = compare(None, evaluate(full_snapshot(live_group())))
    with pytest.raises(ConfigurationError, match="Give each a name"):
        await notify(quiet, receivers, dead_letters=letters)
