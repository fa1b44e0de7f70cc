"""``fieldingkit sandbox``: serve the API in memory, for other programs."""

from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

__all__ = ["sandbox"]


async def sandbox(
    *,
    host: str = "127.0.0.1",
    port: Annotated[int, Parameter(validator=Number(gte=0, lt=65536))] = 8080,
    groups: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
    projects: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
    scenario: Literal["trouble"] | None = None,
    speed: Annotated[float, Parameter(validator=Number(gt=0, lte=10_000))] = 1.0,
    rate: Annotated[float | None, Parameter(validator=Number(gt=0))] = None,
    job_seconds: Annotated[float, Parameter(validator=Number(gte=0))] = 0.5,
    latency: Annotated[float, Parameter(validator=Number(gte=0))] = 0.0,
    fault: tuple[str, ...] = (),
    json: bool = False,
) -> int:
    """Serve the API in memory, for development and tests. It prints its URL, credentials and an example request.

    Args:
        host: The address to listen on; 0.0.0.0 for all, as in a container.
        port: The port to listen on; 0 selects a free one.
        groups: Target groups to create, 40 by default. Half of them are live, the others are spread over the other
            statuses.
        projects: Projects to spread the target groups over, 1 by default.
        scenario: Projects to create instead: trouble has days of completes, and one trouble of each kind that
            fieldingkit.monitoring finds, each in a target group with its name. They are listed.
        speed: Seconds of the sandbox's clock in a second: with 60, an hour of completes arrives in a minute.
        rate: Requests per second above which it answers 429; unlimited by default.
        job_seconds: Duration of a job in seconds.
        latency: Seconds before each request is handled.
        fault: A fault as KIND[:PROBABILITY][@OPERATION], such as 429:0.1 or hang:0.01@create_bulk_*; may be repeated.
            KIND is an HTTP status, or one of apply-then-drop, drop-before, empty-body, expire-token, forget-item,
            garbage, hang, html-page, job-gone, stuck-job, truncated-json.
        json: Print one JSON document instead of text.
    """
    from fieldingkit.cli.sandbox_server import serve

    return await serve(
        host=host,
        port=port,
        groups=groups,
        projects=projects,
        scenario=scenario,
        speed=speed,
        rate=rate,
        job_seconds=job_seconds,
        latency=latency,
        fault=fault,
        json=json,
    )
