"""Uploads and downloads: identical bytes for every attempt, complete files or none."""

import asyncio
import csv
import gzip
import io
import os
from email.parser import BytesParser
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

import attrs
import pytest
from support.examples import BY_GUARD, GROUP, LAUNCH, PROJECT, READ
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient, Serve
from support.raw_server import Connection, Step, answer, close, raw

from fieldingkit import Client, RetryPolicy, reconciliations, reports
from fieldingkit.commands import Command, DownloadCommand, Endpoint, TargetGroupCommand
from fieldingkit.errors import (
    ClientClosedError,
    DecodeError,
    FieldingKitError,
    InvalidCommandError,
    NotFoundError,
    TransportError,
)
from fieldingkit.files import Upload
from fieldingkit.idempotency import RetrySafety
from fieldingkit.sandbox import Sandbox

BODY = b"\x00\xff" + b"0123456789" * 30_000


@attrs.frozen(kw_only=True)
class WriteArchive(DownloadCommand, TargetGroupCommand[None]):
    """Archive the answers of a target group: an action whose response is a file."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "POST",
        "/demand/accounts/{account_id}/projects/{project_id}/target-groups/{target_group_id}/archive",
        operation_id="write_archive",
    )


ARCHIVE = WriteArchive(project_id=PROJECT, target_group_id=GROUP)
REPORT = reports.DownloadReport(report_id="r1")
EXPIRED = reconciliations.DownloadReconciliation(request_id="r1", download_type="expired-rids")
"""The download of a list without a header, which is empty if no respondent id was expired."""
CSV = {"Content-Type": "text/csv"}
PAGE = b"<html>Log in</html>"


def files_in(folder: Path) -> list[str]:
    """Return the names of all files in a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_a_multipart_form_is_read_by_the_standard_library() -> None:
    """A form holds its parts byte for byte, with their types and their escaped names."""
    form = Upload.multipart(
        {
            "text": "Größe",
            "ids": Upload.csv([["id"], [1]], filename="ids.csv"),
            "raw": b"\x00\r\n--\xff",
            "named": Upload(b"{}", content_type="application/json", filename='a"b\r\nc.json'),
        }
    )
    head = f"Content-Type: {form.content_type}\r\n\r\n".encode()
    parts: list[Any] = list(BytesParser().parsebytes(head + form.content).get_payload())
    contents = ["Größe".encode(), b"id\r\n1\r\n", b"\x00\r\n--\xff", b"{}"]
    assert [part.get_payload(decode=True) for part in parts] == contents
    kinds = ["text/plain", "text/csv", "application/octet-stream", "application/json"]
    assert [part.get_content_type() for part in parts] == kinds
    assert b'name="ids"; filename="ids.csv"' in form.content
    assert b'name="named"; filename="a%22b%0D%0Ac.json"' in form.content


def test_csv_quotes_what_needs_quoting() -> None:
    """A CSV upload is UTF-8 by RFC 4180: readable by any CSV reader, None as an empty cell."""
    rows = [["id", "name"], [1, 'a "b", c'], [None, "é\nf"]]
    upload = Upload.csv(rows, filename="ids.csv")
    assert (upload.content_type, upload.filename) == ("text/csv", "ids.csv")
    assert upload.content.startswith(b"id,name\r\n")
    read = list(csv.reader(io.StringIO(upload.content.decode(), newline="")))
    assert read == [["id", "name"], ["1", 'a "b", c'], ["", "é\nf"]]


def test_upload_from_a_path_guesses_its_type(tmp_path: Path) -> None:
    """An upload from a path has the content, the name and the guessed type of its file."""
    path = tmp_path / "a.json"
    path.write_bytes(b"{}")
    assert Upload.from_path(path) == Upload(b"{}", content_type="application/json", filename="a.json")
    assert Upload.from_path(path, content_type="text/x").content_type == "text/x"
    assert repr(Upload.from_path(path)) == "Upload(<2 bytes>, content_type='application/json', filename='a.json')"


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ({"json": {}, "content": b""}, "content"),
        ({"json": {}, "files": {"a": b""}}, "files"),
        ({"content": b"", "files": {"a": b""}}, "files"),
        ({"content": 3}, "content"),
        ({"content": {"a": 1}}, "content"),
        ({"files": [b"x"]}, "files"),
        ({"files": {}}, "files"),
        ({"files": {"a": 3}}, "files"),
        ({"files": {"": b"x"}}, "files"),
        ({"files": {3: b"x"}}, "files"),
        ({"files": {"a": Path("/nowhere/at/all")}}, "files"),
        ({"files": {"a": b"x"}, "headers": {"Content-Type": "text/plain"}}, "files"),
        ({"content": "\ud800"}, "content"),
        ({"files": {"a": "\ud800"}}, "files"),
        ({"files": {"\ud800": "a"}}, "files"),
        ({"params": {"a": 10**400}}, "params"),
    ],
)
async def test_body_that_cannot_be_sent_is_refused_by_name(
    parts: dict[str, Any], field: str, make_client: MakeClient
) -> None:
    """A body of two kinds, or of none that can be sent, is an InvalidCommandError that names the argument."""
    with pytest.raises(InvalidCommandError, match=field) as caught:
        await make_client(base_url="https://api.example.org").request("POST", "/x", **parts)
    assert caught.value.field == field


@pytest.mark.parametrize(
    "options", [{"content": "text"}, {"content": b"x", "content_type": "a\r\nb"}, {"content": b"", "filename": 3}]
)
def test_invalid_upload_is_refused(options: dict[str, Any]) -> None:
    """An upload that cannot be sent raises InvalidCommandError when it is created."""
    with pytest.raises(InvalidCommandError):
        Upload(**options)


# Downloads


async def test_download_writes_the_body_and_returns_the_path(
    serve: Serve, make_client: MakeClient, tmp_path: Path
) -> None:
    """A download streams to the file, reports progress, and is not limited by ``max_body``."""
    server = await serve(answer(200, BODY, {"Content-Type": "application/zip"}))
    client = make_client(base_url=server.url, max_body=1000)
    progress: list[tuple[int, int | None]] = []

    path = (await client.download(READ, tmp_path / "report.zip", lambda *sizes: progress.append(sizes))).path

    assert path == tmp_path / "report.zip"
    assert path.read_bytes() == BODY
    assert files_in(tmp_path) == [path.name]
    assert progress[-1] == (len(BODY), len(BODY))
    assert [size for size, _ in progress] == sorted({size for size, _ in progress})
    assert server.requests[0].headers["accept"] == "*/*"


async def test_download_replaces_an_existing_file(serve: Serve, make_client: MakeClient, tmp_path: Path) -> None:
    """A successful download replaces the file; a failed one leaves it as it was."""
    path = tmp_path / "report.csv"
    path.write_bytes(b"old")
    server = await serve(answer(404, {}), answer(200, b"new"))
    client = make_client(base_url=server.url)

    with pytest.raises(NotFoundError):
        await client.download(READ, path)
    assert path.read_bytes() == b"old"

    await client.download(READ, str(path))
    assert path.read_bytes() == b"new"
    assert files_in(tmp_path) == [path.name]


@pytest.mark.parametrize(
    ("steps", "error"),
    [
        ([answer(404, {"object": "not_found"})], NotFoundError),
        ([answer(200, BODY, length=2 * len(BODY))] * 3, TransportError),
        ([close] * 3, TransportError),
    ],
    ids=["status", "truncated", "no response"],
)
async def test_failed_download_leaves_nothing_behind(
    steps: list[Step], error: type[Exception], serve: Serve, make_client: MakeClient, tmp_path: Path, clock: FakeClock
) -> None:
    """A download that fails leaves neither the file nor a temporary one."""
    client = make_client(base_url=(await serve(*steps)).url, clock=clock, retry=RetryPolicy(max_attempts=3))
    with pytest.raises((error, DecodeError)):
        await client.download(READ, tmp_path / "report.zip")
    assert files_in(tmp_path) == []


async def test_retried_download_starts_over(
    serve: Serve, make_client: MakeClient, tmp_path: Path, clock: FakeClock
) -> None:
    """A download whose body broke off is retried from its beginning."""
    server = await serve(answer(200, BODY, length=2 * len(BODY)), answer(503), answer(200, b"whole"))
    progress: list[tuple[int, int | None]] = []
    client = make_client(base_url=server.url, clock=clock)
    path = (await client.download(READ, tmp_path / "report.zip", lambda *sizes: progress.append(sizes))).path
    assert path.read_bytes() == b"whole"
    assert progress[-1] == (5, 5)
    assert len(server.requests) == 3


async def test_cancelled_download_leaves_nothing_behind(serve: Serve, make_client: MakeClient, tmp_path: Path) -> None:
    """A download that is cancelled half way removes its temporary file."""

    async def half(connection: Connection) -> None:
        await connection.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 50_000)
        await connection.gone()

    begun = asyncio.Event()
    client = make_client(base_url=(await serve(half)).url)
    download = asyncio.create_task(client.download(READ, tmp_path / "a", lambda *_: begun.set()))
    await begun.wait()
    assert len(files_in(tmp_path)) == 1
    download.cancel()
    with pytest.raises(asyncio.CancelledError):
        await download
    assert files_in(tmp_path) == []


@pytest.mark.parametrize(
    "command",
    [*(command for safety, command in BY_GUARD.items() if safety is not RetrySafety.READ), LAUNCH],
    ids=lambda command: type(command).__name__,
)
async def test_download_of_an_action_sends_nothing(
    command: Command[Any], serve: Serve, make_client: MakeClient, tmp_path: Path
) -> None:
    """An action is refused by its name: its response is no file, and would be thrown away with the job it names."""
    server = await serve(answer(200, b"x"))
    name = type(command).__name__
    with pytest.raises(InvalidCommandError, match=f"^{name}: this command is an action, and its response is") as caught:
        await make_client(base_url=server.url).download(command, tmp_path / "a")
    assert (caught.value.field, caught.value.maybe_applied) == ("command", False)
    assert server.requests == []
    assert files_in(tmp_path) == []


def unwritable(folder: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a path that cannot be written."""
    path = folder / "target"
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "link to a folder":
            path.symlink_to(folder)
        case "loop":
            path.symlink_to(path)
        case "read-only":
            path.write_bytes(b"old")
            monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everything
        case "missing folder":
            return folder / "missing" / "target"
        case "null":
            return f"{folder}/a\0b"
        case "new folder":
            return f"{folder}/new/"
        case "surrogate":
            return f"{folder}/\ud800"
        case _:
            return {"None": None, "number": 5, "bytes": b"target"}[kind]
    return path


@pytest.mark.parametrize(
    "kind",
    [
        *("folder", "pipe", "link to a folder", "loop", "read-only", "missing folder"),
        *("null", "new folder", "surrogate", "None", "number", "bytes"),
    ],
)
async def test_download_that_cannot_be_written_sends_nothing(
    kind: str, serve: Serve, make_client: MakeClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path that cannot be written is reported before anything is sent, and nothing is left behind."""
    server = await serve(answer(200, b"x"))
    path = unwritable(tmp_path, kind, monkeypatch)
    before = files_in(tmp_path)
    with pytest.raises(InvalidCommandError, match=r"path .* cannot be written") as caught:
        await make_client(base_url=server.url).download(READ, path)
    assert caught.value.field == "path"
    assert server.requests == []
    assert files_in(tmp_path) == before


async def test_download_to_a_symbolic_link_replaces_its_target(
    serve: Serve, make_client: MakeClient, tmp_path: Path
) -> None:
    """A symbolic link remains one; the file that it names is replaced."""
    (tmp_path / "folder").mkdir()
    link, file = tmp_path / "link", tmp_path / "folder" / "file"
    link.symlink_to(file)
    client = make_client(base_url=(await serve(answer(200, b"new"))).url)
    assert (await client.download(READ, link)).path == link
    assert link.readlink() == file
    assert file.read_bytes() == b"new"
    assert files_in(tmp_path / "folder") == ["file"]


@pytest.mark.parametrize(("command", "applied"), [(ARCHIVE, True), (READ, False)], ids=["write", "read"])
@pytest.mark.parametrize("failing", ["write", "replace"])
async def test_file_that_fails_later_says_whether_the_action_was_applied(
    failing: str,
    command: Command[Any],
    applied: bool,
    serve: Serve,
    make_client: MakeClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A file that cannot be written after a successful response is an error: the action of a write was done."""

    def full(*_: object) -> Any:
        raise OSError(28, "No space left on device")

    if failing == "replace":
        monkeypatch.setattr(Path, "replace", full)
    else:
        full_disk = type("FullDisk", (io.FileIO,), {"write": full})
        monkeypatch.setattr(Path, "open", lambda path, _: full_disk(path, "x"))
    server = await serve(answer(200, BODY, CSV))
    with pytest.raises(FieldingKitError, match="No space left on device") as caught:
        await make_client(base_url=server.url).download(command, tmp_path / "a")
    assert caught.value.maybe_applied is applied
    assert len(caught.value.attempts) == 1
    assert len(server.requests) == 1
    assert files_in(tmp_path) == []


@pytest.mark.parametrize("status", [202, 204, 206])
@pytest.mark.parametrize(("command", "applied"), [(ARCHIVE, True), (READ, False)], ids=["write", "read"])
async def test_response_that_is_no_whole_file_is_refused(
    status: int, command: Command[Any], applied: bool, serve: Serve, make_client: MakeClient, tmp_path: Path
) -> None:
    """A part of a file that was not asked for, no content, or word that it is not ready is never saved."""
    body = b"" if status == 204 else b"part"
    client = make_client(base_url=(await serve(answer(status, body, {"Content-Range": "bytes 0-3/100"}))).url)
    with pytest.raises(DecodeError, match="not a whole file") as caught:
        await client.download(command, tmp_path / "a")
    assert (caught.value.status, caught.value.maybe_applied) == (status, applied)
    assert files_in(tmp_path) == []


@pytest.mark.parametrize(
    ("command", "content_type"),
    [
        *((command, "text/html") for command in (READ, REPORT, EXPIRED)),
        (READ, "Application/XHTML+XML; charset=utf-8"),
        *((REPORT, kind) for kind in ("application/json", "application/problem+json")),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
async def test_page_of_a_proxy_does_not_replace_a_file(
    command: Command[Any], content_type: str, serve: Serve, make_client: MakeClient, tmp_path: Path
) -> None:
    """No operation responds with HTML, and none that has a file with JSON: the earlier file stays."""
    path = tmp_path / "a.csv"
    path.write_bytes(b"old")
    client = make_client(base_url=(await serve(answer(200, PAGE, {"Content-Type": content_type}))).url)
    with pytest.raises(DecodeError, match="and not the file") as caught:
        await client.download(command, path)
    assert (caught.value.status, caught.value.maybe_applied) == (200, False)
    assert path.read_bytes() == b"old"
    assert files_in(tmp_path) == ["a.csv"]


async def test_json_of_a_list_is_saved(serve: Serve, make_client: MakeClient, tmp_path: Path) -> None:
    """JSON is what a command that is no ``DownloadCommand`` responds with."""
    client = make_client(base_url=(await serve(answer(200, {"data": []}))).url)
    assert (await client.download(READ, tmp_path / "a.json")).content_type == "application/json"


@pytest.mark.parametrize(
    ("command", "step"),
    [
        (READ, answer(200, b"", CSV)),
        (REPORT, answer(200, b"", CSV)),
        (EXPIRED, raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\n\r\n")),
        (EXPIRED, answer(200, b"", {"Content-Type": "text/html"})),
    ],
    ids=["JSON", "report", "list of unknown length", "list as HTML"],
)
async def test_empty_body_does_not_replace_a_file(
    command: Command[Any], step: Step, serve: Serve, make_client: MakeClient, tmp_path: Path
) -> None:
    """An empty body is no file of the API, unless the file may be empty and the response says that it is."""
    path = tmp_path / "a.csv"
    path.write_bytes(b"old")
    with pytest.raises(DecodeError):
        await make_client(base_url=(await serve(step)).url).download(command, path)
    assert path.read_bytes() == b"old"
    assert files_in(tmp_path) == ["a.csv"]


async def test_list_without_rows_is_an_empty_file(serve: Serve, make_client: MakeClient, tmp_path: Path) -> None:
    """The file of a reconciliation without expired respondent ids is empty, and replaces an earlier one."""
    path = tmp_path / "a.csv"
    path.write_bytes(b"old")
    file = await make_client(base_url=(await serve(answer(200, b"", CSV))).url).download(EXPIRED, path)
    assert (file.size, path.read_bytes()) == (0, b"")


async def test_download_asks_for_a_body_whose_end_can_be_told(
    serve: Serve, make_client: MakeClient, tmp_path: Path
) -> None:
    """A compressed file that was cut would be saved as a whole one, so that a file is asked for as it is."""
    cut = gzip.compress(BODY)[:-20]
    server = await serve(answer(200, cut, {"Content-Encoding": "gzip"}), answer(200, BODY, {"Content-Encoding": "xz"}))
    client = make_client(base_url=server.url)
    for _ in range(2):
        with pytest.raises(DecodeError, match="might not be whole"):
            await client.download(READ, tmp_path / "a")
    assert server.requests[0].headers["accept-encoding"] == "identity"
    assert files_in(tmp_path) == []


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("../../b.csv", "b.csv"),
        ("..", None),
        ("a/.", None),
        ("\u202ecsv.exe", None),
        ("Gr\u00f6\u00dfe.csv", "Gr\u00f6\u00dfe.csv"),
    ],
)
async def test_name_of_a_download_is_one_that_a_file_can_have(
    given: str, name: str | None, serve: Serve, make_client: MakeClient, tmp_path: Path
) -> None:
    """A name that leads elsewhere, or does not show what it is, is not passed on."""
    disposition = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(given)}"}
    client = make_client(base_url=(await serve(answer(200, b"x", disposition))).url)
    assert (await client.download(READ, tmp_path / "a")).filename == name


async def test_download_to_the_longest_name(serve: Serve, make_client: MakeClient, tmp_path: Path) -> None:
    """The temporary file beside a file with the longest name has a shorter one."""
    client = make_client(base_url=(await serve(answer(200, b"x"))).url)
    await client.download(READ, tmp_path / ("x" * 255))
    assert files_in(tmp_path) == ["x" * 255]


@pytest.mark.parametrize("path", ["a\0b", b"a", 5, None, "/nowhere"])
def test_upload_from_what_is_no_file_is_refused(path: Any) -> None:
    """A path that cannot be one is refused like a file that cannot be read."""
    with pytest.raises(InvalidCommandError, match="cannot be read"):
        Upload.from_path(path)


async def test_callback_that_raises_ends_the_download(serve: Serve, make_client: MakeClient, tmp_path: Path) -> None:
    """An exception of ``on_progress`` ends the download and reaches the caller."""

    class StopError(Exception):
        pass

    def stop(received: int, total: int | None) -> None:
        raise StopError

    client = make_client(base_url=(await serve(answer(200, BODY))).url)
    with pytest.raises(StopError):
        await client.download(READ, tmp_path / "a", stop)
    assert files_in(tmp_path) == []


async def test_download_of_a_closed_client_creates_no_file(make_client: MakeClient, tmp_path: Path) -> None:
    """A closed client refuses a download and leaves nothing behind."""
    client = make_client(base_url="https://api.example.org")
    await client.aclose()
    with pytest.raises(ClientClosedError):
        await client.download(READ, tmp_path / "a")
    assert files_in(tmp_path) == []


def test_blocking_client_uploads_and_downloads(sandbox: Sandbox, tmp_path: Path) -> None:
    """The blocking client has the same uploads and downloads."""
    from fieldingkit import accounts

    with Client(account_id=sandbox.account_id, auth=sandbox.token, base_url=sandbox.url) as client:
        path = client.download(accounts.ListAccounts(), tmp_path / "accounts.json").path
        assert path.read_bytes().startswith(b"{")
        with pytest.raises(NotFoundError):
            client.request("POST", "/nowhere", content=b"x")
        with pytest.raises(NotFoundError):
            client.request("POST", "/nowhere", files={"a": b"x"})
