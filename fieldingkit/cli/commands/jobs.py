"""``fieldingkit jobs``: read the status of a job, or wait for it, by its token."""

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from fieldingkit.cli.connection import DEFAULT_CONNECTION, Connection
from fieldingkit.cli.errors import ExitCode, UsageError
from fieldingkit.cli.output import Output
from fieldingkit.errors import ConfigurationError
from fieldingkit.job_commands import JobResult
from fieldingkit.rendering.text import format_time
from fieldingkit.resources.batch_jobs import BatchResult
from fieldingkit.resources.fielding_jobs import FieldingJobResult
from fieldingkit.results import to_row

if TYPE_CHECKING:
    from fieldingkit.client import AsyncClient
    from fieldingkit.jobs.job import AsyncJob

__all__ = ["status", "wait"]


async def status(token: str, /, *, json: bool = False, connection: Connection = DEFAULT_CONNECTION) -> int:
    """Read the status of a job once.

    Args:
        token: The job's token, as a command or a log printed it. It holds ids and no secret.
        json: Print one JSON document.
        connection: How to reach the API.
    """
    output = Output(json=json)
    async with connection.open() as client:
        job = _job(client, token)
        result: JobResult = await job.status()
    _print(output, result)
    return _exit_code(job, result)


async def wait(
    token: str,
    /,
    *,
    wait_seconds: Annotated[float, Parameter(validator=Number(gt=0))] = 600.0,
    json: bool = False,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Wait until a job ends. Interrupting the wait does not stop the job.

    Args:
        token: The job's token, as a command or a log printed it. It holds ids and no secret.
        wait_seconds: Seconds to wait at most; the exit code is 4 if the job has not ended by then.
        json: Print one JSON document.
        connection: How to reach the API.
    """
    output = Output(json=json)
    async with connection.open() as client:
        job = _job(client, token)
        result: JobResult = await job.wait(wait_seconds)
    _print(output, result)
    return _exit_code(job, result)


def _job(client: "AsyncClient", token: str) -> "AsyncJob[Any]":
    try:
        return client.job(token)
    except ConfigurationError as exc:
        raise UsageError(f"{exc.message}\nNothing was sent. Give the token of a job of this API.") from exc


def _print(output: Output, result: JobResult) -> None:
    output.print_json(result)
    fields: dict[str, object] = {"Job": result.job_id, "Status": result.status}
    if isinstance(result, BatchResult):
        fields |= {
            "Created": format_time(result.created_at),
            "Updated": len(result.updated),
            "Failed": len(result.failed),
            "Unaccounted": result.unaccounted,
        }
        if not result.as_requested:
            fields["Target groups"] = "not those that were requested"
    elif isinstance(result, FieldingJobResult):
        reason = result.failure_reason
        fields |= {
            "Fielding run": result.created_fielding_run_id,
            "Reason": reason and f"{reason.code}: {reason.description}",
            "Trace id": result.job_trace_id,
        }
    else:
        row = {name: value for name, value in to_row(result).items() if value not in (None, [], "")}
        fields |= {name.replace("_", " ").capitalize(): row[name] for name in row if name != "status"}
    output.print_fields(fields)
    if isinstance(result, BatchResult) and result.failed:
        output.print_text("")
        for failed in result.failed:
            output.print_text(f"{failed.target_group_id}  {failed.code}: {failed.description}")


def _exit_code(job: "AsyncJob[Any]", result: JobResult) -> ExitCode:
    if not job.ended:
        return ExitCode.UNKNOWN
    done = result.ok if isinstance(result, BatchResult) else not job.failed
    return ExitCode.DONE if done else ExitCode.FAILED
