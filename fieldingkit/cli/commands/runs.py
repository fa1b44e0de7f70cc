"""``fieldingkit runs``: look at the fielding run of one target group, bring it to a status, extend it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import attrs
from cyclopts import Parameter
from cyclopts.validators import Number

from fieldingkit.cli.connection import DEFAULT_CONNECTION, Connection
from fieldingkit.cli.errors import ExitCode, NotPossibleError, UsageError
from fieldingkit.cli.output import Output, moment
from fieldingkit.cli.prompts import confirm
from fieldingkit.client import AsyncClient
from fieldingkit.resources.fielding_runs import FieldingRun, GetFieldingRun, ListFieldingRuns
from fieldingkit.workflows.runs import action_for, ensure_status, update_run

__all__ = ["ensure", "extend", "show"]


async def show(group: str, /, *, project: str, json: bool = False, connection: Connection = DEFAULT_CONNECTION) -> int:
    """Show the fielding run of a target group.

    Args:
        group: The target group's id.
        project: The id of its project.
        json: One JSON document.
        connection: How to reach the API.
    """
    output = Output(json=json)
    async with connection.open() as client:
        run = await client.send(await _find(client, project, group))
    _tell(output, run)
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
    """Bring the fielding run of a target group to a status, with the one action that leads there.

    Args:
        group: The target group's id.
        status: Where it should be.
        project: The id of its project.
        dry_run: Only say what would be done.
        yes: Do not ask.
        json: One JSON document.
        connection: How to reach the API.
    """
    output = Output(json=json)
    async with connection.open() as client:
        read = await _find(client, project, group)
        run = await client.send(read)
        action = action_for(run.status, run.status.__class__(status))
        if run.status != status and action is not None:
            question = f"The run of {group} is {run.status}: send {action.__name__}"
            if not _go_on(output, question, dry_run=dry_run, yes=yes):
                return ExitCode.DONE
        outcome = await ensure_status(client, read, status)
    output.document({"status": outcome.status, "changed": outcome.changed, "etag": outcome.etag})
    output.say(f"{group} is {outcome.status}{'' if outcome.changed else ', and had been before'}.")
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
    """Give the fielding run of a target group a later end.

    Args:
        group: The target group's id.
        project: The id of its project.
        days: By so many days.
        until: Until this time, in UTC unless it names a zone, such as 2026-05-01T12:00.
        dry_run: Only say what would be done.
        yes: Do not ask.
        json: One JSON document.
        connection: How to reach the API.
    """
    longer = _change_of(days, until)
    output = Output(json=json)
    async with connection.open() as client:
        read = await _find(client, project, group)
        run = await client.send(read)
        wanted = longer(run)
        if wanted.end_fielding_at <= run.end_fielding_at:
            raise NotPossibleError(
                f"the run ends at {moment(run.end_fielding_at)}, which is not before {moment(wanted.end_fielding_at)}\n"
                "Nothing was changed: `extend` only ever gives a later end."
            )
        question = f"Move the end of {group} from {moment(run.end_fielding_at)} to {moment(wanted.end_fielding_at)}"
        if not _go_on(output, question, dry_run=dry_run, yes=yes):
            return ExitCode.DONE
        outcome = await update_run(client, read, longer)
    output.document({"end_fielding_at": outcome.end_fielding_at, "changed": outcome.changed, "etag": outcome.etag})
    output.say(f"{group} now ends at {moment(outcome.end_fielding_at)}.")
    return ExitCode.DONE


async def _find(client: AsyncClient, project_id: str, group_id: str) -> GetFieldingRun:
    """The command that reads the one run of a target group."""
    runs = (await client.send(ListFieldingRuns(project_id=project_id, target_group_id=group_id))).data
    if not runs:
        raise NotPossibleError(f"the target group {group_id} has no fielding run: it is a draft\nLaunch it first.")
    return GetFieldingRun(project_id=project_id, target_group_id=group_id, fielding_run_id=runs[0].id)


def _change_of(days: float | None, until: datetime | None) -> Callable[[FieldingRun], FieldingRun]:
    if (days is None) == (until is None):
        raise UsageError("say how long\nGive --days or --until, one of them.")
    if until is not None:
        end = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
        return lambda run: attrs.evolve(run, end_fielding_at=end)
    return lambda run: attrs.evolve(run, end_fielding_at=run.end_fielding_at + timedelta(days=days or 0))


def _go_on(output: Output, question: str, *, dry_run: bool, yes: bool) -> bool:
    if dry_run:
        output.note(f"{question}. Nothing was done: this is a dry run.")
        return False
    if confirm(question, yes=yes):
        return True
    output.note("Nothing was done.")
    return False


def _tell(output: Output, run: FieldingRun) -> None:
    output.document(run)
    output.facts(
        {
            "Run": run.id,
            "Status": run.status,
            "Start": moment(run.start_fielding_at),
            "End": moment(run.end_fielding_at),
            "Version": run.version,
            "ETag": run.etag,
            "Last change": moment(run.last_changed_at),
            "Changed by": run.last_changed_by,
        }
    )
