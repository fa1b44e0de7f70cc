"""``fieldingkit reconcile``: what is due, the effect of a list, its submission, and its status."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from cyclopts import Parameter
from cyclopts.validators import Number

from fieldingkit.cli.connection import DEFAULT_CONNECTION, Connection
from fieldingkit.cli.errors import ExitCode, NotPossibleError
from fieldingkit.cli.output import Output, format_fields
from fieldingkit.files import Upload
from fieldingkit.rendering.text import format_time, pluralize
from fieldingkit.resources.reconciliations import GetReconciliation, ListReconciliations, Reconcile, Reconciliation

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fieldingkit.jobs.job import AsyncJob
    from fieldingkit.workflows import DueProject, Reconciled, ReconciliationPreview

__all__ = ["check", "due", "status", "submit"]

_COLUMNS: Final[dict[str, Callable[[Reconciliation], object]]] = {
    "Reconciliation": lambda one: one.request_id,
    "Status": lambda one: one.status,
    "Submitted": lambda one: one.submitted_at,
    "Rows": lambda one: one.submitted,
    "Expired": lambda one: one.expired,
    "Invalid": lambda one: one.invalid,
    "Completed": lambda one: one.positive_reversed,
    "Terminated": lambda one: one.negative_reversed,
    "Name": lambda one: one.name,
}
_Share = Annotated[float, Parameter(validator=Number(gte=0, lte=1))]


async def due(
    *,
    following: Annotated[bool, Parameter(name="--next", negative=())] = False,
    json: bool = False,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """List the completes that must be reconciled by the 25th, per project and manager, with their money.

    Those of last month are due on the 25th of this month, US Central Time. After that day, once none of them is left,
    those of this month are listed; with --next, always.

    Args:
        following: List those that are due next month.
        json: Print one JSON document.
        connection: How to reach the API.
    """
    from fieldingkit.workflows.due_reconciliations import due, show_money

    output = Output(json=json)
    async with connection.open() as client:
        found = await due(client, "next_month" if following else "current_month")
        if found.seconds_left <= 0 and not (following or found.projects or found.warnings):
            output.note(f"No completes are left until {format_time(found.deadline)}, which is past.")
            found = await due(client, "next_month")
    columns: dict[str, Callable[[DueProject], object]] = {
        "Project": lambda one: one.project_id,
        "Name": lambda one: one.project_name,
        "Manager": lambda one: one.project_manager_name or one.project_manager_id,
        "Completes": lambda one: one.completes,
        "Money": lambda one: show_money(one.money),
    }
    output.print_json(found)
    if not json:

        async def projects() -> "AsyncIterator[DueProject]":
            for project in found.projects:
                yield project

        await output.print_items(columns, projects())
    days = found.seconds_left / 86400
    until = f"until {format_time(found.deadline)}, {f'{days:.1f} days from now' if days > 0 else 'which is past'}"
    counted = f"{pluralize(found.completes, 'complete')} worth {show_money(found.money)}"
    output.note(f"{counted} {until}." if found.completes else f"No completes are due {until}.")
    _note_warnings(output, found.warnings)
    return ExitCode.UNKNOWN if found.warnings else ExitCode.DONE


async def check(
    file: Path,
    /,
    *,
    project: str | None = None,
    max_share: _Share = 0.1,
    json: bool = False,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Show how many completes a list would terminate, and their money; the list is not sent.

    A list has a RID and a reason code on each line, or with --project the RIDs of all valid completes of the project.
    A report names the completes that can be reconciled; that takes a while.

    Args:
        file: The list, a CSV file without a header.
        project: The project whose valid completes the list names; all others would be terminated.
        max_share: The share of the completes that may be terminated; the exit code is 1 if there are more.
        json: Print one JSON document.
        connection: How to reach the API.
    """
    from fieldingkit.workflows.reconciliations import preview_reconciliation

    output = Output(json=json)
    async with connection.open() as client:
        preview = await preview_reconciliation(client, **_list(file, project))
    output.print_json({**preview.to_dict(), "share": preview.share, "allowed": preview.share <= max_share})
    output.print_text(_sentence(preview.summary))
    if preview.others:
        output.note(f"{preview.others:,} rows name no complete that can be reconciled.")
    _note_warnings(output, preview.warnings)
    return ExitCode.DONE if preview.share <= max_share else ExitCode.FAILED


async def submit(
    file: Path,
    /,
    *,
    project: str | None = None,
    max_share: _Share = 0.1,
    name: str | None = None,
    refused: Path | None = None,
    wait_seconds: Annotated[float | None, Parameter(validator=Number(gt=0))] = None,
    yes: bool = False,
    json: bool = False,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Reconcile respondents, unless too many completes would be terminated; the effect is shown first.

    The same list can be submitted again after an interruption: it is the same reconciliation.

    Args:
        file: The list, a CSV file without a header: a RID and a reason code on each line, or with --project a RID.
        project: The project whose valid completes the list names; all its others are terminated.
        max_share: The share of the completes that may be terminated.
        name: The name of the list; that of the file by default.
        refused: A CSV file to write the rows to that the API refused, with the reason.
        wait_seconds: Seconds to wait at most; the exit code is 4 if the list has not been processed by then.
        yes: Do not ask for confirmation.
        json: Print one JSON document.
        connection: How to reach the API.
    """
    from fieldingkit.cli.prompts import confirm, format_place, require_terminal
    from fieldingkit.workflows.due_reconciliations import show_money
    from fieldingkit.workflows.reconciliations import reconcile

    output = Output(json=json)
    require_terminal(f"Submit {file}", yes=yes)
    if refused is not None:
        _write(refused, [], mode="a")  # a file that cannot be written is found before the list is sent
    previewed = False
    async with connection.open() as client:
        place = format_place(client.base_url, client.account_id)

        def ask(preview: "ReconciliationPreview") -> None:
            nonlocal previewed
            previewed = True
            _note_warnings(output, preview.warnings)
            output.note(_sentence(preview.summary))
            effect = f"terminate {pluralize(preview.terminated, 'complete')}"
            if preview.terminated:
                effect += f" worth {'' if preview.is_exact else 'about '}{show_money(preview.terminated_money)}"
            confirm(f"Submit {pluralize(preview.rows, 'row')}, and {effect} ({place})", yes=yes)

        def started(job: "AsyncJob[Any]") -> None:
            output.note(f"Submitted as {job.id}. If this ends early: fieldingkit reconcile status {job.id}")

        try:
            done = await reconcile(
                client,
                **_list(file, project),
                name=name,
                max_share=max_share,
                timeout="auto" if wait_seconds is None else wait_seconds,
                on_preview=ask,
                on_start=started,
            )
        except BaseException as exc:
            if not (previewed or isinstance(exc, Exception)):
                exc.add_note("The list was not sent.")
            raise
        output.print_outcome(done, format_fields(_fields(done.reconciliation)))
    _note_warnings(output, done.warnings)
    if refused is not None:
        named = (("expired", done.expired), ("invalid", done.invalid))
        _write(refused, [(word, *row) for word, rows in named for row in rows or ()])
    return _exit_code(done)


async def status(
    reconciliation: str | None = None,
    /,
    *,
    json: bool = False,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Show a reconciliation, or list all of the account.

    Args:
        reconciliation: Its id; all are listed if it is left out.
        json: Print one JSON document; for a list one a line.
        connection: How to reach the API.
    """
    output = Output(json=json)
    async with connection.open() as client:
        if reconciliation is None:
            if not await output.print_items(_COLUMNS, client.iter_items(ListReconciliations(page_size=100))):
                output.note("No reconciliations.")
            return ExitCode.DONE
        found = await client.send(GetReconciliation(request_id=reconciliation))
    output.print_json(found)
    output.print_fields(_fields(found))
    if Reconcile.words.is_failed(found.status):
        return ExitCode.FAILED
    return ExitCode.DONE if Reconcile.words.is_done(found.status) else ExitCode.UNKNOWN


def _list(file: Path, project: str | None) -> dict[str, Any]:
    upload = Upload.from_path(str(file), content_type="text/csv")
    return {"rows": upload} if project is None else {"valid_ids": upload, "project_id": project}


def _fields(reconciliation: Reconciliation) -> dict[str, Any]:
    return {name: read(reconciliation) for name, read in _COLUMNS.items()} | {
        "Submitted": format_time(reconciliation.submitted_at)
    }


def _note_warnings(output: Output, warnings: tuple[str, ...]) -> None:
    for warning in warnings:
        output.note(f"Warning: {warning}.")


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _write(path: Path, rows: list[tuple[str, ...]], mode: str = "w") -> None:
    try:
        with path.open(mode, newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)
    except OSError as exc:
        raise NotPossibleError(f"{path} cannot be written: {exc.strerror}") from exc


def _exit_code(done: "Reconciled") -> ExitCode:
    counts = done.reconciliation
    if None in {done.expired, done.invalid, counts.submitted, counts.negative_reversed}:
        return ExitCode.UNKNOWN
    return ExitCode.FAILED if done.warnings else ExitCode.DONE
