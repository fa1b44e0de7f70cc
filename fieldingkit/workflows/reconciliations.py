"""The workflow ``reconcile``: reconcile respondents, and terminate no completes by accident."""

import csv
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from hashlib import sha256
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal, TypeAlias
from uuid import UUID

import attrs

from fieldingkit._repr import brief_repr
from fieldingkit.client import AsyncClient
from fieldingkit.errors import FieldingKitError, InvalidCommandError, UnexpectedTerminationError, WorkflowError
from fieldingkit.files import Upload
from fieldingkit.jobs.job import AsyncJob
from fieldingkit.option_validators import check_wait_timeout
from fieldingkit.resources.money import Money
from fieldingkit.resources.reconciliations import (
    DownloadReconciliation,
    ListReasonCodes,
    Reconcile,
    ReconcileCompletes,
    Reconciliation,
    ReconciliationFile,
)
from fieldingkit.results import Serializable
from fieldingkit.workflows.creation import check_callback, check_client
from fieldingkit.workflows.due_reconciliations import now_of, show_money
from fieldingkit.workflows.eligible_rids import EligibleCompletes, read_eligible
from fieldingkit.workflows.optimistic import keep_outcome
from fieldingkit.workflows.reading import send_read

__all__ = ["Reconciled", "ReconciliationPreview", "preview_reconciliation", "reconcile"]

Rows: TypeAlias = Upload | Iterable[tuple[str | UUID, str | int]]
Ids: TypeAlias = Upload | Iterable[str | UUID]
Scope: TypeAlias = Literal["project", "projects", "account"]
Timeout: TypeAlias = float | Literal["auto"] | None

_COMPLETE: Final = "11"
_SCOPES: Final = {"project": "the project", "projects": "the projects concerned", "account": "the account"}
_MAX_SHARE: Final = 0.1
_MAX_SUBMISSIONS: Final = 3
_FIRST_DELAY: Final = 0.5
_CLOCK_STEP: Final = timedelta(seconds=5)
"""The largest difference between clocks of the API's machines that is no sign of an earlier list."""


@attrs.frozen(kw_only=True)
class ReconciliationPreview(Serializable):
    """The effect that a list would have; it was not sent."""

    rows: int
    """The number of rows of the list."""
    eligible: int
    """The number of completes that can be reconciled, of ``scope``."""
    eligible_money: tuple[Money, ...]
    """Their cost, one sum for each currency."""
    terminated: int
    """The number of eligible completes that would be terminated."""
    terminated_money: tuple[Money, ...]
    """Their cost, one sum for each currency."""
    is_exact: bool
    """True if the cost is the sum of their prices; False if it is their share of the cost of all."""
    terminated_rids: tuple[str, ...] = attrs.field(repr=False)
    """Their RIDs, in lower case, as far as the API's report has them."""
    scope: Scope
    """Whose completes are counted as eligible: those of the project for a list of valid ids; else of the projects with
    completes that would be terminated, or of the account if there are none or their projects are not known."""
    others: int
    """The number of rows that name no eligible complete: such a respondent may become a complete, or the row is
    refused as expired or invalid."""
    is_known: bool = True
    """False if the list may terminate completes that the API did not show: it lists none, or not whose they are."""
    warnings: tuple[str, ...] = ()
    """The reasons why these numbers may be wrong; empty if there are none."""

    @property
    def share(self) -> float:
        """The share of the eligible completes that would be terminated, from 0 to 1."""
        return self.terminated / self.eligible if self.eligible else 0.0

    @property
    def summary(self) -> str:
        """The effect as a sentence."""
        if not self.is_known:
            return "it is not known how many completes would be terminated"
        if not self.terminated:
            return f"no complete would be terminated, of {self.eligible:,} eligible ones of {_SCOPES[self.scope]}"
        cost = show_money(self.terminated_money) if self.is_exact else f"about {show_money(self.terminated_money)}"
        return (
            f"{self.terminated:,} of {self.eligible:,} eligible completes of {_SCOPES[self.scope]} ({self.share:.1%}) "
            f"would be terminated, worth {cost} of {show_money(self.eligible_money)}"
        )


@attrs.frozen(kw_only=True)
class Reconciled(Serializable):
    """The result of ``reconcile``: the API has processed the list."""

    reconciliation: Reconciliation
    """The reconciliation at its end, with its counts."""
    preview: ReconciliationPreview
    """The effect that was expected."""
    expired: tuple[tuple[str, ...], ...] | None
    """The rows that came too late, as in the API's file; None if it could not be read."""
    invalid: tuple[tuple[str, ...], ...] | None
    """The rows that stand for no respondent, as in the API's file; None if it could not be read."""
    warnings: tuple[str, ...] = ()
    """The ways in which the result is not the expected one, or not known."""
    conflicts: tuple[FieldingKitError, ...] = attrs.field(default=(), repr=False)
    """The errors that were handled: files that could not be read."""


async def preview_reconciliation(
    client: AsyncClient,
    rows: Rows | None = None,
    *,
    valid_ids: Ids | None = None,
    project_id: str | None = None,
    account_id: str | int | None = None,
) -> ReconciliationPreview:
    """Return the effect that a list would have: the completes it would terminate, and their money. It is not sent.

    The API counts the eligible completes; a report names them, which takes as long as any report. The arguments are
    those of ``reconcile``.

    Raises:
        InvalidCommandError: if the list cannot be sent, such as for a reason code that does not exist.
        WorkflowError: if the report cannot be read, or has no RIDs.
        FieldingKitError: if something cannot be read.
    """
    check_client(client)
    return await _preview(client, _command(rows, valid_ids, project_id, account_id, None))


async def reconcile(
    client: AsyncClient,
    rows: Rows | None = None,
    *,
    valid_ids: Ids | None = None,
    project_id: str | None = None,
    account_id: str | int | None = None,
    name: str | None = None,
    max_share: float = _MAX_SHARE,
    timeout: Timeout = "auto",
    on_preview: Callable[[ReconciliationPreview], object] | None = None,
    on_start: Callable[[AsyncJob[Reconciliation]], object] | None = None,
) -> Reconciled:
    """Reconcile respondents; refuse a list that would terminate a larger share of the completes than expected.

    A list of ``rows`` has a reason code for each RID: code 11 makes a complete, any other code terminates one. A list
    of ``valid_ids`` names ALL valid completes of a project, and every eligible complete that it leaves out is
    terminated. The API cannot take a reconciliation back, except by another one until the 25th.

    The list gets an idempotency key that follows from its contents and its name, so that the same list can be sent
    again after an unclear outcome or a crash. If it was processed before, it is not applied again; a warning says so
    if something is left to do.

    Args:
        client: The client to use; with a blocking one, ``client.call(reconcile, rows)``.
        rows: Pairs of a RID and a reason code, or a file of them: ``Upload.from_path(path)``.
        valid_ids: The RIDs of all valid completes of the project, or a file of them.
        project_id: The project of ``valid_ids``.
        account_id: The account's number; the client's account by default.
        name: The name of the list; that of the file by default, or one that follows from its contents.
        max_share: The largest share of the eligible completes that may be terminated, from 0 to 1: of the project for
            ``valid_ids``, else of the projects whose completes would be terminated.
        timeout: Seconds to wait for the end; None for no limit. The reconciliation itself continues after a timeout.
        on_preview: Called with the expected effect before the list is sent. Raise an exception or return False to stop
            it.
        on_start: Called with the job once the list is accepted; ``client.job(job.token())`` follows it elsewhere.

    Raises:
        UnexpectedTerminationError: if the list would terminate more; it was not sent.
        InvalidCommandError: if the list cannot be sent.
        WorkflowError: if the eligible completes are not known, and max_share is less than 1; the list was not sent.
        JobFailedError: if the reconciliation failed; parts of it may have been applied.
        JobTimeoutError: if it has not ended in time; the error has its token.
        FieldingKitError: if something cannot be read, or the list is refused. If ``maybe_applied`` is true, run the
            workflow again with the same list.
    """
    check_client(client)
    if type(max_share) not in {int, float} or not 0 <= max_share <= 1:
        raise InvalidCommandError(f"max_share must be from 0 to 1; got {brief_repr(max_share)}", field="max_share")
    check_callback(on_preview, "on_preview")
    check_callback(on_start, "on_start")
    if timeout != "auto":
        check_wait_timeout(timeout)
    command = _command(rows, valid_ids, project_id, account_id, name)
    command = command.replace(idempotency_key=_key(client, command))
    preview = await _preview(client, command)
    if not preview.is_known and max_share < 1:
        raise WorkflowError(
            f"{preview.summary}: {'; '.join(preview.warnings)}. The list was not sent; max_share=1 sends it anyway",
            command=command,
        )
    if preview.share > max_share:
        raise UnexpectedTerminationError(
            f"{preview.summary}: more than the allowed {max_share:.1%}", preview=preview, command=command
        )
    if on_preview is not None and on_preview(preview) is False:
        raise WorkflowError("on_preview returned False: the list was not sent", command=command)
    begun = now_of(client)
    job = await _submit(client, command)
    if on_start is not None:
        try:
            on_start(job)
        except BaseException as exc:
            keep_outcome(exc, job.resume_note())
            raise
    return await _result(client, command, preview, begun, await job.wait(timeout))


Command: TypeAlias = Reconcile | ReconcileCompletes


async def _submit(client: AsyncClient, command: Command) -> AsyncJob[Reconciliation]:
    """Submit a list; again after an unclear outcome, because its key makes it the same list."""
    unclear = False
    try:
        for number in range(_MAX_SUBMISSIONS - 1):
            try:
                return await client.submit(command)
            except FieldingKitError as exc:
                if not exc.maybe_applied:
                    raise
            unclear = True
            await client.clock.sleep(_FIRST_DELAY * 2**number)
        return await client.submit(command)
    except BaseException as exc:
        if unclear:
            keep_outcome(exc, f"{command.endpoint.operation_id} may have been applied")
        raise


def _command(
    rows: Rows | None,
    valid_ids: Ids | None,
    project_id: str | None,
    account_id: str | int | None,
    name: str | None,
) -> Command:
    """Return the command of a list."""
    given = {} if name is None else {"name": name}
    if rows is not None and valid_ids is None and project_id is None:
        return Reconcile(account_id=account_id, rows=rows, **given)
    if valid_ids is not None and project_id is not None and rows is None:
        return ReconcileCompletes(account_id=account_id, project_id=project_id, valid_ids=valid_ids, **given)
    raise InvalidCommandError("reconcile takes either rows, or valid_ids and their project_id", field="rows")


def _key(client: AsyncClient, command: Command) -> str:
    """Return an idempotency key, a UUID, that the same list for the same account always has."""
    account_id = client.account_id if command.account_id is None else command.account_id
    owner = f"{account_id}/{getattr(command, 'project_id', '')}/{command.name}\n"
    return str(UUID(bytes=sha256(owner.encode() + _upload(command).content).digest()[:16], version=4))


def _upload(command: Command) -> Upload:
    return command.rows if isinstance(command, Reconcile) else command.valid_ids


async def _preview(client: AsyncClient, command: Command) -> ReconciliationPreview:
    """Read what is eligible, and compute the effect of a list."""
    if isinstance(command, Reconcile):
        await _check_codes(client, command)
    project_id = command.project_id if isinstance(command, ReconcileCompletes) else None
    return _effect(command, await read_eligible(client, account_id=command.account_id, project_id=project_id))


async def _check_codes(client: AsyncClient, command: Reconcile) -> None:
    reasons = await send_read(client, ListReasonCodes(account_id=command.account_id))
    known = {reason.code for reason in reasons if reason.allowed is not False}
    unknown = sorted({row[1] for row in _cells(command)} - known)
    if unknown:
        raise InvalidCommandError(
            f"the reason codes {', '.join(unknown):.100} do not exist or are no longer in use; known are "
            f"{', '.join(sorted(known)):.100}",
            field="rows",
            command=command,
        )


def _cells(command: Command) -> list[list[str]]:
    return [line.split(",") for line in _upload(command).content.decode().splitlines()]


def _effect(command: Command, eligible: EligibleCompletes) -> ReconciliationPreview:
    """Compute the effect of a list on the eligible completes."""
    cells = [(row[0].lower(), row[-1]) for row in _cells(command)]
    named = {rid for rid, _ in cells}
    others = len(named.difference(eligible.rids))
    scope: Scope = "project"
    if isinstance(command, Reconcile):
        terminated = [rid for rid, code in cells if code != _COMPLETE and rid in eligible.rids]
        # A row that the report lacks may name one of the eligible completes that it lacks.
        absent = sum(code != _COMPLETE and rid not in eligible.rids for rid, code in cells)
        unseen = min(eligible.unseen, absent)
        may_terminate = absent > 0
        account = eligible
        eligible = eligible if unseen else eligible.in_projects_of(terminated)
        scope = "account" if eligible is account else "projects"
    else:
        terminated = [rid for rid in eligible.rids if rid not in named]
        unseen = eligible.unseen
        may_terminate = True
    cost = eligible.cost_of(terminated, unseen)
    warnings = [*eligible.warnings]
    if not eligible.completes and may_terminate:
        warnings.append("the API lists no completes that can be reconciled")
    if eligible.unseen:
        warnings.append(
            f"{eligible.unseen:,} eligible completes are not in the API's report of RIDs; as far as the list could "
            "terminate them, they are counted as terminated"
        )
    live = len({group.target_group_id for group in eligible.groups if group.status == "live"})
    if live and isinstance(command, ReconcileCompletes):
        warnings.append(
            f"{live} target groups are live: completes that arrive before the API has processed the list are "
            "terminated as well"
        )
    return ReconciliationPreview(
        rows=len(cells),
        eligible=eligible.completes,
        scope=scope,
        eligible_money=eligible.money,
        terminated=len(terminated) + unseen,
        terminated_money=cost.money,
        is_exact=cost.is_exact,
        terminated_rids=tuple(terminated),
        others=others,
        is_known=not may_terminate or (eligible.completes > 0 and not eligible.unplaced),
        warnings=tuple(warnings),
    )


async def _result(
    client: AsyncClient,
    command: Command,
    preview: ReconciliationPreview,
    begun: datetime,
    reconciliation: Reconciliation,
) -> Reconciled:
    """Read the rows that were refused, and compare the counts with the expected ones."""
    conflicts: list[FieldingKitError] = []
    try:
        expired, invalid = [
            () if count == 0 else await _refused_rows(client, _download(command, reconciliation, file), conflicts)
            for file, count in (
                (ReconciliationFile.EXPIRED, reconciliation.expired),
                (ReconciliationFile.INVALID, reconciliation.invalid),
            )
        ]
    except BaseException as exc:
        keep_outcome(exc, f"the reconciliation {reconciliation.request_id} is complete", command)
        raise
    return Reconciled(
        reconciliation=reconciliation,
        preview=preview,
        expired=expired,
        invalid=invalid,
        warnings=(
            *_unexpected(command, preview, reconciliation, begun),
            *_refused(reconciliation, expired, invalid),
        ),
        conflicts=tuple(conflicts),
    )


def _download(command: Command, reconciliation: Reconciliation, file: ReconciliationFile) -> DownloadReconciliation:
    return DownloadReconciliation(
        account_id=command.account_id, request_id=reconciliation.request_id, download_type=file
    )


async def _refused_rows(
    client: AsyncClient, download: DownloadReconciliation, conflicts: list[FieldingKitError]
) -> tuple[tuple[str, ...], ...] | None:
    """Return the rows of a file of refused ones; None if it cannot be read."""
    try:
        with TemporaryDirectory(prefix="fieldingkit-") as folder:
            return _rows_of(await client.download(download, Path(folder) / "rows.csv"))
    except FieldingKitError as exc:
        conflicts.append(exc)
    except (csv.Error, OSError) as exc:
        conflicts.append(WorkflowError(f"the file of refused rows cannot be read: {exc}", command=download))
    return None


def _rows_of(path: PathLike[str]) -> tuple[tuple[str, ...], ...]:
    with Path(path).open(encoding="utf-8-sig", errors="replace", newline="") as file:
        return tuple(tuple(row) for row in csv.reader(file) if row)


def _unexpected(
    command: Command, preview: ReconciliationPreview, reconciliation: Reconciliation, begun: datetime
) -> Iterable[str]:
    """Yield the ways in which the counts are not the expected ones."""
    if reconciliation.submitted != preview.rows:
        yield f"{preview.rows:,} rows were sent, and the API counts {_shown(reconciliation.submitted)}"
    submitted_at = reconciliation.submitted_at
    if submitted_at is not None and submitted_at < begun - _CLOCK_STEP:
        # Because of its key, the list got the answer to an earlier one, and was not applied again.
        is_done = not preview.terminated and (
            isinstance(command, ReconcileCompletes) or all(code != _COMPLETE for _, code in _cells(command))
        )
        if not is_done:
            yield (
                f"the same list was sent before, at {submitted_at:%Y-%m-%d %H:%M:%S} UTC: this is its reconciliation, "
                "and nothing was applied again; under another name the list is sent again"
            )
    elif reconciliation.negative_reversed != preview.terminated:
        yield (
            f"{_shown(reconciliation.negative_reversed)} completes were terminated by the API's count; expected were "
            f"{preview.terminated:,}"
        )


def _refused(
    reconciliation: Reconciliation,
    expired: tuple[tuple[str, ...], ...] | None,
    invalid: tuple[tuple[str, ...], ...] | None,
) -> Iterable[str]:
    """Yield the numbers of rows that were refused, and the files that are not known."""
    counts = (("expired", reconciliation.expired, expired), ("invalid", reconciliation.invalid, invalid))
    for word, count, rows in counts:
        if rows is None:
            yield f"{_shown(count)} rows are {word}, and their file could not be read"
        elif rows and len(rows) == count:
            yield f"{count:,} rows were refused because they are {word}"
        elif len(rows) != count:
            yield f"{_shown(count)} rows are {word}, and their file has {len(rows):,}"


def _shown(count: int | None) -> str:
    return "an unknown number of" if count is None else f"{count:,}"
