"""``fieldingkit runs``: show, pause, resume, complete or extend the fielding run of one target group."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Literal

import attrs
from cyclopts import Parameter
from cyclopts.validators import Number

from fieldingkit.cli.connection import DEFAULT_CONNECTION, Connection
from fieldingkit.cli.errors import ExitCode, NotPossibleError, UsageError
from fieldingkit.cli.output import Output
from fieldingkit.cli.prompts import confirm, format_place
from fieldingkit.rendering.text import format_time
from fieldingkit.resources.fielding_runs import FieldingRun, GetFieldingRun, ListFieldingRuns

if TYPE_CHECKING:
    from fieldingkit.client import AsyncClient

__all__ = ["ensure", "extend", "show"]


async def show(group: str, /, *, project: str, json: bool = False, connection: Connection = DEFAULT_CONNECTION) -> int:
    """Show the fielding run of a target group.

    Args:
        group: The target group's id.
        project: The id of its project.
        json: Print one JSON document.
        connection: How to reach the API.
    """
    output = Output(json=json)
    async with connection.open() as client:
        run = await client.send(await _find(client, project, group))
    _print(output, run)
    return ExitCode.DONE


async def ensure(
    group: str,
    status: Literal["live", "paused", "completed"],
    /,
    *,
    project: str,
    dry_run: bool = False,
    yes: bool = False,
    json: bool = False,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Bring a fielding run to a status. It sends the action that leads there, and none if the run has it already.

    Args:
        group: The target group's id.
        status: The wanted status.
        project: The id of its project.
        dry_run: Print the action without sending it.
        yes: Do not ask for confirmation.
        json: Print one JSON document.
        connection: How to reach the API.
    """
    from fieldingkit.workflows.runs import action_for, ensure_status

    output = Output(json=json)
    async with connection.open() as client:
        read = await _find(client, project, group)
        run = await client.send(read)
        action = action_for(run.status, run.status.__class__(status))
        if run.status != status and action is not None:
            verb = action.__name__.partition("FieldingRun")[0]
            question = f"{verb} the run of {group}, which is {run.status}"
            if dry_run:
                output.print_json({"status": run.status, "changed": False, "etag": run.etag, "action": verb.lower()})
                return _end_dry_run(output, question)
            confirm(f"{question} ({format_place(client.base_url, client.account_id)})", yes=yes)
        outcome = await ensure_status(client, read, status)
        document = {"status": outcome.status, "changed": outcome.changed, "etag": outcome.etag}
        output.print_outcome(document, f"{group} is {'now' if outcome.changed else 'already'} {outcome.status}.")
    return ExitCode.DONE


async def extend(
    group: str,
    /,
    *,
    project: str,
    days: Annotated[float | None, Parameter(validator=Number(gt=0))] = None,
    until: datetime | None = None,
    dry_run: bool = False,
    yes: bool = False,
    json: bool = False,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Move the end of a fielding run to a later time.

    Args:
        group: The target group's id.
        project: The id of its project.
        days: Days to add to the present end.
        until: The new end, such as 2026-05-01T12:00; in UTC unless it has an offset.
        dry_run: Print the action without sending it.
        yes: Do not ask for confirmation.
        json: Print one JSON document.
        connection: How to reach the API.
    """
    from fieldingkit.workflows.runs import update_run

    change = _extension(days, until)
    output = Output(json=json)
    async with connection.open() as client:
        read = await _find(client, project, group)
        run = await client.send(read)
        extended = change(run)
        if extended.end_fielding_at <= run.end_fielding_at:
            raise NotPossibleError(
                f"the run ends at {format_time(run.end_fielding_at)}; the new end must be later\nNothing was changed."
            )
        old_end, new_end = format_time(run.end_fielding_at), format_time(extended.end_fielding_at)
        question = f"Move the end of {group} from {old_end} to {new_end}"
        if dry_run:
            ends = {"end_fielding_at": run.end_fielding_at, "new_end_fielding_at": extended.end_fielding_at}
            output.print_json({**ends, "changed": False, "etag": run.etag})
            return _end_dry_run(output, question)
        confirm(f"{question} ({format_place(client.base_url, client.account_id)})", yes=yes)
        outcome = await update_run(client, read, change)
        end = outcome.end_fielding_at
        document = {"end_fielding_at": end, "changed": outcome.changed, "etag": outcome.etag}
        output.print_outcome(document, f"{group} now ends at {format_time(end)}.")
    return ExitCode.DONE


async def _find(client: "AsyncClient", project_id: str, group_id: str) -> GetFieldingRun:
    """Return the command that reads the run of a target group."""
    runs = (await client.send(ListFieldingRuns(project_id=project_id, target_group_id=group_id))).data
    if not runs:
        raise NotPossibleError(
            f"target group {group_id} has no fielding run; it is a draft\nNothing was changed. Launch it first."
        )
    return GetFieldingRun(project_id=project_id, target_group_id=group_id, fielding_run_id=runs[0].id)


def _extension(days: float | None, until: datetime | None) -> Callable[[FieldingRun], FieldingRun]:
    if (days is None) == (until is None):
        raise UsageError("no new end given\nGive either --days or --until.")
    if until is not None:
        end = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
        return lambda run: attrs.evolve(run, end_fielding_at=end)
    return lambda run: attrs.evolve(run, end_fielding_at=run.end_fielding_at + timedelta(days=days or 0))


def _end_dry_run(output: Output, question: str) -> ExitCode:
    output.note(f"Dry run: {question[0].lower()}{question[1:]}. Nothing was sent.")
    return ExitCode.DONE


def _print(output: Output, run: FieldingRun) -> None:
    output.print_json(run)
    output.print_fields(
        {
            "Run": run.id,
            "Status": run.status,
            "Start": format_time(run.start_fielding_at),
            "End": format_time(run.end_fielding_at),
            "Version": run.version,
            "ETag": run.etag,
            "Last change": format_time(run.last_changed_at),
            "Changed by": run.last_changed_by,
        }
    )
