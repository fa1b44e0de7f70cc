"""Files: request bodies that are not JSON, and downloads."""

import errno
import io
import mimetypes
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, cast

import attrs

from fieldingkit._repr import brief_repr
from fieldingkit.errors import FieldingKitError, InvalidCommandError

__all__ = ["Download", "Downloaded", "Upload"]

_BINARY = "application/octet-stream"
_CONTENT_TYPE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")


def _is_bytes(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    if not isinstance(value, bytes):
        raise InvalidCommandError(f"{attribute.name} must be bytes; got {type(value).__name__}", field=attribute.name)


def _is_content_type(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    if not (isinstance(value, str) and _CONTENT_TYPE.fullmatch(value)):
        raise InvalidCommandError(
            f"{attribute.name} must be visible ASCII; got {brief_repr(value)}", field=attribute.name
        )


def _is_filename(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    if not (value is None or isinstance(value, str)):
        raise InvalidCommandError(f"{attribute.name} must be text; got {type(value).__name__}", field=attribute.name)


@attrs.frozen
class Upload:
    """A request body that is not JSON, built whole: every attempt of a call sends the same bytes."""

    content: bytes = attrs.field(validator=_is_bytes, repr=lambda content: f"<{len(content)} bytes>")
    """The bytes."""
    content_type: str = attrs.field(default=_BINARY, kw_only=True, validator=_is_content_type)
    """The ``Content-Type``."""
    filename: str | None = attrs.field(default=None, kw_only=True, validator=_is_filename)
    """The name of the file in a multipart form; None for a plain field."""

    def __repr__(self) -> str:
        return f"Upload(<{len(self.content)} bytes>, content_type={self.content_type!r}, filename={self.filename!r})"

    @classmethod
    def from_path(cls, path: str | os.PathLike[str], *, content_type: str | None = None) -> Self:
        """Read a file.

        Args:
            path: The path of the file.
            content_type: The content type; by default it is guessed from the file's name.

        Raises:
            InvalidCommandError: if the file cannot be read.
        """
        try:
            file = Path(path)
            content = file.read_bytes()
        except (OSError, TypeError, ValueError) as exc:
            reason = (exc.strerror if isinstance(exc, OSError) else None) or exc
            raise InvalidCommandError(f"{brief_repr(path, 200)} cannot be read: {reason}", field="path") from exc
        return cls(
            content, content_type=content_type or mimetypes.guess_type(file.name)[0] or _BINARY, filename=file.name
        )

    @classmethod
    def csv(cls, rows: Iterable[Iterable[str | float | None]], *, filename: str | None = "upload.csv") -> Self:
        """Write rows as CSV (RFC 4180, UTF-8); None becomes an empty cell.

        Args:
            rows: The rows, the header first if there is one.
            filename: The name of the file in a multipart form.
        """
        import csv

        text = io.StringIO(newline="")
        csv.writer(text).writerows(rows)
        return cls(text.getvalue().encode(), content_type="text/csv", filename=filename)

    @classmethod
    def ids(cls, values: Iterable[str], *, filename: str | None = "ids.csv") -> Self:
        """Write one id a line, without a header.

        Args:
            values: The ids.
            filename: The name of the file in a multipart form.
        """
        return cls.csv(([value] for value in values), filename=filename)

    @classmethod
    def multipart(cls, parts: "Mapping[str, Upload | bytes | str | os.PathLike[str]]") -> Self:
        """Write a multipart form (RFC 7578).

        Args:
            parts: The parts by their names. Text becomes a plain field; bytes and paths become files.

        Raises:
            InvalidCommandError: if a part cannot be sent.
        """
        boundary = secrets.token_hex(16)
        lines: list[bytes] = []
        for name, part in _parts(parts):
            filename = "" if part.filename is None else f'; filename="{_escaped(part.filename)}"'
            disposition = f'Content-Disposition: form-data; name="{_escaped(name)}"{filename}'
            lines += [_encoded(f"--{boundary}\r\n{disposition}\r\nContent-Type: {part.content_type}\r\n\r\n")]
            lines += [part.content, b"\r\n"]
        lines.append(f"--{boundary}--\r\n".encode())
        return cls(b"".join(lines), content_type=f"multipart/form-data; boundary={boundary}")


def _parts(parts: object) -> Iterator[tuple[str, Upload]]:
    if not isinstance(parts, Mapping) or not parts:
        raise InvalidCommandError("files must be a mapping of names to contents, with one at least", field="files")
    for name, value in cast("Mapping[object, object]", parts).items():
        if not isinstance(name, str) or not name:
            raise InvalidCommandError(f"files must have names that are text; got {brief_repr(name)}", field="files")
        yield name, _part(name, value)


def _part(name: str, value: object) -> Upload:
    match value:
        case Upload():
            return value
        case bytes():
            return Upload(value, filename=name)
        case str():
            return Upload(_encoded(value), content_type="text/plain; charset=utf-8")
        case os.PathLike():
            try:
                return Upload.from_path(Path(cast("os.PathLike[str]", value)))
            except InvalidCommandError as exc:
                raise InvalidCommandError(f"files: {exc.message}", field="files") from exc.__cause__
        case _:
            raise InvalidCommandError(
                f"files: {name} must be text, bytes, a path or an Upload; got {type(value).__name__}", field="files"
            )


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as exc:
        raise InvalidCommandError("files contain text that cannot be encoded", field="files") from exc


def _escaped(text: str) -> str:
    """Escape a name as browsers do: https://html.spec.whatwg.org/#multipart-form-data."""
    return text.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")


@attrs.frozen(kw_only=True)
class Downloaded(os.PathLike[str]):
    """A file that was downloaded as a whole; ``open()`` and ``Path()`` take it as a path."""

    path: Path
    """The path of the file."""
    size: int
    """The size of the file in bytes."""
    content_type: str | None
    """The ``Content-Type`` without parameters, in lower case; None if the API sent none."""
    filename: str | None
    """The name that the API gave the file, without directories; None if it gave none that a file can have."""

    def __fspath__(self) -> str:
        return str(self.path)


class Download:
    """Writes a response body to a temporary file beside its target, which it becomes when it is complete.

    Args:
        path: The target: a regular file, which is replaced, or a new one. A symbolic link is followed.
        on_progress: Called with the bytes received and the size of the body, which is None if unknown.

    Raises:
        InvalidCommandError: if the file cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str], on_progress: Callable[[int, int | None], object] | None) -> None:
        if not (on_progress is None or callable(on_progress)):
            kind = type(on_progress).__name__
            raise InvalidCommandError(f"on_progress must be callable; got {kind}", field="on_progress")
        self.failed: bool = False
        """True if a response arrived and could not be written."""
        self._on_progress = on_progress
        self.received: int = 0
        """The bytes of the body that have arrived."""
        self._total: int | None = None
        try:
            self.path: Path = Path(path)
            if os.fspath(path).endswith(os.sep):  # which a Path drops
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            self._target = _writable_target(self.path)
            # The longest names that a file can have leave no room for a longer one.
            self._temporary = self._target.with_name(f".{self._target.name[:40]}.{secrets.token_hex(4)}.part")
            self._file: BinaryIO = self._temporary.open("xb")
        except (OSError, TypeError, ValueError) as exc:
            reason = (exc.strerror if isinstance(exc, OSError) else None) or exc
            raise InvalidCommandError(
                f"path {brief_repr(path, 200)} cannot be written: {reason}", field="path"
            ) from exc

    def start(self, total: int | None) -> None:
        """Start the body of an attempt; what an earlier attempt wrote is dropped.

        Args:
            total: The size of the body in bytes; None if unknown.
        """
        self.received, self._total = 0, total
        try:
            self._file.seek(0)
            self._file.truncate()
        except OSError as exc:
            raise self._error(exc) from exc

    def write(self, chunk: bytes) -> None:
        """Write a part of the body and report the progress."""
        try:
            self._file.write(chunk)
        except OSError as exc:
            raise self._error(exc) from exc
        self.received += len(chunk)
        if self._on_progress is not None:
            self._on_progress(self.received, self._total)

    def complete(self, *, content_type: str | None, disposition: str) -> Downloaded:
        """Replace the target by the temporary file and return the facts of the file.

        Args:
            content_type: The content type of the response.
            disposition: The ``Content-Disposition`` of the response; empty if it has none.
        """
        try:
            self._file.close()
            self._temporary.replace(self._target)
        except OSError as exc:
            raise self._error(exc) from exc
        return Downloaded(
            path=self.path,
            size=self.received,
            content_type=content_type,
            filename=_given_name(disposition),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._file.close()
        self._temporary.unlink(missing_ok=True)

    def _error(self, exc: OSError) -> FieldingKitError:
        self.failed = True
        return FieldingKitError(f"{self.path} cannot be written: {exc.strerror}")


def _given_name(disposition: str) -> str | None:
    """Return the name in a ``Content-Disposition``, RFC 6266, without directories."""
    from email.message import Message

    message = Message()
    message["Content-Disposition"] = disposition
    name = message.get_filename("")
    name = name.replace("\\", "/").rpartition("/")[2].strip()
    return name if name.strip(".") and name.isprintable() else None


def _writable_target(path: Path) -> Path:
    """Return the file that a path leads to: one that can be replaced, or a new one."""
    target = Path(os.path.realpath(path))
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        return target
    # A directory could not be replaced; a device or a pipe would be.
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "not a regular file")
    if not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return target
