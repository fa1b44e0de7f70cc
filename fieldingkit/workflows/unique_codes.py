"""Upload any number of unique codes: ``upload_codes``."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, TypeAlias, cast

import attrs

from fieldingkit._repr import brief_repr
from fieldingkit.client import AsyncClient
from fieldingkit.errors import FieldingKitError, IncompleteUploadError, InvalidCommandError, RateLimitedError
from fieldingkit.resources.unique_codes import (
    CodeStatistics,
    GetLiveCodeStatistics,
    GetTestCodeStatistics,
    UploadLiveCodes,
    UploadTestCodes,
)
from fieldingkit.results import Serializable
from fieldingkit.validators import str_tuple
from fieldingkit.workflows.creation import check_client
from fieldingkit.workflows.optimistic import keep_outcome
from fieldingkit.workflows.reading import send_read

__all__ = ["CodeUpload", "upload_codes"]

Upload: TypeAlias = UploadLiveCodes | UploadTestCodes
Statistics: TypeAlias = GetLiveCodeStatistics | GetTestCodeStatistics

_COMMANDS: Final[Mapping[str, tuple[type[Upload], type[Statistics]]]] = {
    "live": (UploadLiveCodes, GetLiveCodeStatistics),
    "test": (UploadTestCodes, GetTestCodeStatistics),
}
_MAX_SENDS: Final = 4
"""The largest number of times that one part is sent."""
_FIRST_DELAY: Final = 2.0
_MAX_DELAY: Final = 600.0
"""The longest wait that the API may ask for, in seconds."""


@attrs.frozen(kw_only=True)
class CodeUpload(Serializable):
    """The result of ``upload_codes``: the target group has all codes."""

    requested: int
    """The number of different codes."""
    uploaded: int
    """The number of new codes that the API reported; after an ambiguous outcome it may have added more."""
    before: CodeStatistics
    """The numbers of the target group's codes before the first part."""
    after: CodeStatistics | None
    """The numbers after the last part, uploads and respondents of the meantime included; None if it cannot be read."""
    conflicts: tuple[FieldingKitError, ...] = ()
    """The errors that were handled, in order."""


async def upload_codes(
    client: AsyncClient,
    codes: Iterable[str],
    *,
    target_group_id: str,
    kind: Literal["live", "test"] = "live",
    account_id: str | int | None = None,
) -> CodeUpload:
    """Upload unique codes of a target group in parts of 20,000, one after another.

    All codes are checked before anything is sent. The API ignores codes that the target group has, so a part whose
    outcome is unclear is sent again, and the whole upload can be repeated after an error or a crash. After a 429 the
    next part waits as long as the API asks for.

    Args:
        client: The client to use; with a blocking one, ``client.call(upload_codes, codes, target_group_id=...)``.
        codes: The codes, such as the lines of a text file; white space around them, a byte order mark and empty
            lines at the end are left out, and duplicates are sent once.
        target_group_id: The target group's ULID.
        kind: ``live`` for the live URL, ``test`` for the test URL.
        account_id: The account's number; the client's account by default.

    Raises:
        InvalidCommandError: if a code is malformed; nothing was sent.
        IncompleteUploadError: if a part cannot be uploaded, with the numbers and the codes that may be missing.
        FieldingKitError: if the statistics cannot be read before the first part; nothing was sent.
    """
    check_client(client)
    if kind not in tuple(_COMMANDS):
        raise InvalidCommandError(f"kind must be 'live' or 'test'; got {brief_repr(kind)}", field="kind")
    upload, statistics = _COMMANDS[kind]
    different = str_tuple(_without_empty_end([_stripped(code) for code in str_tuple(codes)]))
    size = upload.max_codes
    # Every part is checked before the first one is sent.
    parts = [
        upload(account_id=account_id, target_group_id=target_group_id, codes=different[start : start + size])
        for start in range(0, max(len(different), 1), size)
    ]
    read = statistics(account_id=account_id, target_group_id=target_group_id)
    return await _Upload(client, parts, read, await send_read(client, read)).run()


def _without_empty_end(codes: list[str]) -> list[str]:
    while codes and codes[-1] == "":
        codes.pop()
    return codes


def _stripped(code: str) -> str:
    return (
        code.strip().removeprefix("\ufeff") if isinstance(cast("object", code), str) else code
    )  # the command refuses anything else


class _Upload:
    """The upload of parts that were checked."""

    def __init__(self, client: AsyncClient, parts: Sequence[Upload], read: Statistics, before: CodeStatistics) -> None:
        self._client = client
        self._parts = parts
        self._read = read
        self._before = before
        self._uploaded = 0
        self._conflicts: list[FieldingKitError] = []

    async def run(self) -> CodeUpload:
        """Send all parts in order."""
        for number, part in enumerate(self._parts):
            try:
                self._uploaded += await self._send(part)
            except FieldingKitError as exc:
                raise self._incomplete(exc, number, await self._statistics()) from exc
            except BaseException as exc:
                sent = _count(self._parts[:number])
                keep_outcome(exc, f"{sent:,} of {_count(self._parts):,} codes were uploaded, the next ones perhaps")
                raise
        return CodeUpload(
            requested=_count(self._parts),
            uploaded=self._uploaded,
            before=self._before,
            after=await self._statistics(),
            conflicts=tuple(self._conflicts),
        )

    async def _send(self, part: Upload) -> int:
        """Send a part until its outcome is clear; return the number of new codes that the API reported."""
        delay = _FIRST_DELAY
        for _ in range(_MAX_SENDS - 1):
            try:
                return (await self._client.send(part)).uploaded_count
            except FieldingKitError as exc:
                asked = (exc.retry_after or 0.0) if isinstance(exc, RateLimitedError) else 0.0
                if not (exc.maybe_applied or isinstance(exc, RateLimitedError)) or asked > _MAX_DELAY:
                    raise
                self._conflicts.append(exc)
            await self._client.clock.sleep(max(asked, delay))
            delay *= 2
        return (await self._client.send(part)).uploaded_count

    async def _statistics(self) -> CodeStatistics | None:
        """Read the numbers of codes; None if that fails, since the uploads count more."""
        try:
            return await send_read(self._client, self._read)
        except FieldingKitError as exc:
            self._conflicts.append(exc)
            return None

    def _incomplete(self, exc: FieldingKitError, number: int, after: CodeStatistics | None) -> IncompleteUploadError:
        """Return the error of an upload that stopped at one of its parts."""
        part, sent = self._parts[number], _count(self._parts[:number])
        # An earlier send of the same part may have been applied although the last one was refused.
        unclear = any(error.maybe_applied and error.command == part for error in (exc, *self._conflicts))
        now = "unknown now" if after is None else f"{after.total_count:,} now"
        return IncompleteUploadError(
            f"{sent:,} of {_count(self._parts):,} codes were uploaded, {self._uploaded:,} of them new (codes in all: "
            f"{self._before.total_count:,} before, {now}); the next {len(part.codes):,} "
            f"{'may have been' if unclear else 'were refused'}: {exc.message}",
            uploaded=self._uploaded,
            missing=tuple(code for rest in self._parts[number:] for code in rest.codes),
            conflicts=self._conflicts,
            command=part,
            operation_id=part.endpoint.operation_id,
            maybe_applied=unclear or sent > 0,
            attempts=exc.attempts,
            trace_id=exc.trace_id,
            request_id=exc.request_id,
        )


def _count(parts: Sequence[Upload]) -> int:
    return sum(len(part.codes) for part in parts)
