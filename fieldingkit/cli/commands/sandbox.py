"""``fieldingkit sandbox``: serve the API in memory, for other programs."""

import asyncio
import sys
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from fieldingkit.cli.errors import ExitCode, UsageError
from fieldingkit.loop_thread import new_event_loop
from fieldingkit.sandbox import Project, Sandbox

__all__ = ["sandbox"]


def sandbox(
    *,
    port: Annotated[int, Parameter(validator=Number(gte=0, lt=65536))] = 8080,
    groups: Annotated[int, Parameter(validator=Number(gte=1))] = 40,
    projects: Annotated[int, Parameter(validator=Number(gte=1))] = 1,
    rate: Annotated[float | None, Parameter(validator=Number(gt=0))] = None,
    job_seconds: Annotated[float, Parameter(validator=Number(gte=0))] = 0.5,
) -> int:
    """Serve the API in memory until interrupted; print its URL, a token and an example request.

    Args:
        port: The port on 127.0.0.1; 0 selects a free one.
        groups: Target groups to create. Half of them are live, the others are spread over the other statuses.
        projects: Projects to spread the target groups over.
        rate: Requests per second above which it answers 429; unlimited by default.
        job_seconds: Duration of a job in seconds.
    """
    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(_serve(Sandbox(port=port, rate=rate, job_seconds=job_seconds), groups, projects))
    except KeyboardInterrupt:
        print("\nStopped.")
    except OSError as exc:
        raise UsageError(f"port {port} cannot be used: {exc.strerror or exc}\nGive another --port.") from exc
    return ExitCode.DONE


async def _serve(api: Sandbox, groups: int, projects: int) -> None:
    from fieldingkit.version import API_VERSION

    async with api:
        seeded = [_seed(api, groups * (n + 1) // projects - groups * n // projects) for n in range(projects)]
        first = next(project for project in seeded if project.groups)
        path = f"/demand/accounts/{api.account_id}/projects/{first.id}/target-groups/{first.groups[0].id}/fielding-runs"
        print(f"URL      {api.url}\nToken    {api.token}\nAccount  {api.account_id}")
        print(f"Projects {projects} with {groups} target groups; the first is {first.id}\n")
        print("Environment:")
        print(f"  export CINT_BASE_URL={api.url} CINT_ACCOUNT_ID={api.account_id} CINT_TOKEN={api.token}\n")
        print("Example request:")
        headers = f"-H 'Authorization: Bearer {api.token}' -H 'Cint-API-Version: {API_VERSION}'"
        print(f"  curl {headers} {api.url}{path}\n")
        print("Press Ctrl-C to stop.")
        sys.stdout.flush()
        await asyncio.Event().wait()


def _seed(api: Sandbox, count: int) -> Project:
    """Create a project with half of its groups live and the others spread evenly over the other statuses."""
    live = (count + 1) // 2
    draft, scheduled, paused, completed = ((count - live + n) // 4 for n in range(4))
    return api.seed(live=live, draft=draft, scheduled=scheduled, paused=paused, completed=completed)
