"""``fieldingkit sandbox``: the API in memory, for other programs to talk to."""

import asyncio
import sys
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import Console

from fieldingkit.loop_thread import new_event_loop
from fieldingkit.sandbox import Project, Sandbox

__all__ = ["sandbox"]


_STATES = ("draft", "scheduled", "live", "paused", "completed")


def sandbox(
    *,
    port: Annotated[int, Parameter(validator=Number(gte=0, lt=65536))] = 8080,
    groups: Annotated[int, Parameter(validator=Number(gte=1))] = 40,
    projects: Annotated[int, Parameter(validator=Number(gte=1))] = 1,
    rate: Annotated[float | None, Parameter(validator=Number(gt=0))] = None,
    job_seconds: Annotated[float, Parameter(validator=Number(gte=0))] = 0.5,
) -> int:
    """Serve the API in memory until interrupted, with a URL, a token and a curl line that works.

    Parameters
    ----------
    port
        The port to listen on at 127.0.0.1; 0 takes a free one.
    groups
        Target groups to begin with. Half of them are live, the others in every other state.
    projects
        Projects to spread them over.
    rate
        Requests a second before it answers 429; no limit by default.
    job_seconds
        Seconds that a job takes.
    """
    console = Console(highlight=False, soft_wrap=True)
    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(_serve(Sandbox(port=port, rate=rate, job_seconds=job_seconds), groups, projects, console))
    except KeyboardInterrupt:
        console.print("\nStopped.")
    except OSError as exc:
        Console(stderr=True, highlight=False).print(f"Port {port} cannot be used: {exc.strerror or exc}")
        return 2
    return 0


async def _serve(api: Sandbox, groups: int, projects: int, console: Console) -> None:
    async with api:
        seeded = [_seed(api, groups * (n + 1) // projects - groups * n // projects) for n in range(projects)]
        first = next(project for project in seeded if project.groups)
        console.print(f"URL      {api.url}\nToken    {api.token}\nAccount  {api.account_id}")
        console.print(f"Projects {projects} with {groups} target groups; the first is {first.id}\n")
        console.print("As environment:")
        console.print(f"  export CINT_BASE_URL={api.url} CINT_ACCOUNT_ID={api.account_id} CINT_TOKEN={api.token}\n")
        console.print("Try it:")
        path = f"/demand/accounts/{api.account_id}/projects/{first.id}/target-groups/{first.groups[0].id}/fielding-runs"
        headers = f"-H 'Authorization: Bearer {api.token}' -H 'Cint-API-Version: 2025-12-18'"
        console.print(f"  curl {headers} {api.url}{path}\n")
        console.print("Ctrl-C stops it.")
        sys.stdout.flush()
        await asyncio.Event().wait()


def _seed(api: Sandbox, count: int) -> Project:
    """Half of the groups live, the others evenly in the other states."""
    live = (count + 1) // 2
    others = [state for state in _STATES if state != "live"]
    share = {state: (count - live) // 4 + (n < (count - live) % 4) for n, state in enumerate(others)}
    return api.seed(
        live=live,
        draft=share["draft"],
        scheduled=share["scheduled"],
        paused=share["paused"],
        completed=share["completed"],
    )
