"""A sandbox that other programs use: its faults, its target groups, and the text that introduces it."""

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from fieldingkit.cli.errors import ExitCode, UsageError
from fieldingkit.cli.output import Output
from fieldingkit.rendering.text import format_moment, pluralize
from fieldingkit.sandbox import PlantedTrouble, Project, Sandbox, SandboxClock, faults

__all__ = ["serve"]


_KINDS: Final[Mapping[str, faults.Fault]] = {
    "apply-then-drop": faults.ApplyThenDrop(),
    "drop-before": faults.DropBefore(),
    "empty-body": faults.EmptyBody(),
    "expire-token": faults.ExpireToken(),
    "forget-item": faults.ForgetItem(),
    "garbage": faults.Garbage(),
    "hang": faults.Hang(),
    "html-page": faults.HtmlPage(),
    "job-gone": faults.JobGone(),
    "stuck-job": faults.StuckJob(),
    "truncated-json": faults.TruncatedJson(),
}
"""The kinds of faults, beside HTTP statuses."""
_FAULT: Final = re.compile(
    rf"(?P<kind>[1-9]\d\d|{'|'.join(_KINDS)})(?::(?P<probability>\d+(?:\.\d+)?))?(?:@(?P<operation>\S+))?", re.ASCII
)


_GROUPS: Final = 40
_TOKEN_LIFETIME: Final = 86_400.0


async def serve(
    *,
    host: str,
    port: int,
    groups: int | None,
    projects: int | None,
    scenario: Literal["trouble"] | None,
    speed: float,
    rate: float | None,
    job_seconds: float,
    latency: float,
    fault: Sequence[str],
    json: bool,
) -> ExitCode:
    """Serve the API in memory until interrupted.

    Args:
        host: The address to listen on.
        port: The port to listen on; 0 selects a free one.
        groups: Target groups to create; None for 40.
        projects: Projects to spread the target groups over; None for one.
        scenario: The scenario to create instead of them; None for none.
        speed: Seconds of the sandbox's clock in a second.
        rate: Requests per second above which it answers 429; None for no limit.
        job_seconds: Duration of a job in seconds.
        latency: Seconds before each request is handled.
        fault: Faults as ``KIND[:PROBABILITY][@OPERATION]``.
        json: Print one JSON document instead of text.

    Raises:
        UsageError: The address cannot be used, a fault is invalid, or options contradict each other.
    """
    if scenario is not None and (groups is not None or projects is not None):
        raise UsageError("--scenario has its own target groups and projects.\nLeave out --groups and --projects.")
    if rate is not None and speed != 1:
        raise UsageError("--rate counts requests in real time.\nLeave out --speed.")
    api = Sandbox(
        host=host,
        port=port,
        rate=rate,
        job_seconds=job_seconds * speed,
        token_lifetime=_TOKEN_LIFETIME * speed,
        clock=SandboxClock(seconds=lambda: time.monotonic() * speed),
    )
    for spec in fault:
        _add_fault(api, spec, latency)
    if latency:
        api.faults.add("*", faults.Delay(latency), times=None)
    try:
        await api.start()
    except OSError as exc:
        reason = (exc.strerror or str(exc)).rpartition(": ")[2]  # before it, asyncio repeats the address
        raise UsageError(f"{host}, port {port}, cannot be used: {reason}\nGive another --host or --port.") from exc
    try:
        if scenario is not None:
            planted = api.seed_trouble()
            _print(Output(json=json, survive=True), api, planted.projects, planted.troubles)
        else:
            _print(Output(json=json, survive=True), api, _seed_all(api, groups or _GROUPS, projects or 1), ())
        await asyncio.Event().wait()
    finally:
        await api.stop()
    return ExitCode.DONE


def _add_fault(api: Sandbox, spec: str, latency: float) -> None:
    """Add the fault that a ``--fault`` describes.

    Raises:
        UsageError: It is not of the form ``KIND[:PROBABILITY][@OPERATION]``.
    """
    match = _FAULT.fullmatch(spec)
    reason = "it is not KIND[:PROBABILITY][@OPERATION]"
    if match is not None and 0 < float(match["probability"] or 1) <= 1:
        fault = _KINDS.get(match["kind"]) or faults.Answer(int(match["kind"]))
        try:
            api.faults.add(
                match["operation"] or "*",
                faults.Delay(latency, then=fault),
                times=None,
                probability=float(match["probability"] or 1),
            )
        except ValueError as exc:
            reason = str(exc)
        else:
            return
    raise UsageError(
        f"--fault {spec}: {reason}\n"
        f"KIND is an HTTP status or one of {', '.join(_KINDS)}; PROBABILITY is above 0 and up to 1; "
        "OPERATION is an operation id of the API or a pattern such as create_bulk_*."
    )


def _print(output: Output, api: Sandbox, seeded: Sequence[Project], troubles: Sequence[PlantedTrouble]) -> None:
    from fieldingkit.version import API_VERSION

    url, token_url, fulfillment_url = map(_reachable, (api.url, api.token_url, api.fulfillment_url))
    environment = {name: _reachable(value) for name, value in api.environment.items()}
    facts: dict[str, Any] = {
        "url": url,
        "account_id": str(api.account_id),
        "token": api.token,
        "client_id": api.client_id,
        "client_secret": api.client_secret,
        "token_url": token_url,
        "fulfillment_url": fulfillment_url,
        "fulfillment_key": api.fulfillment_key,
        "environment": environment,
        "projects": {project.id: project.ids() for project in seeded},
        "troubles": [
            {
                "rule": trouble.rule,
                "project_id": trouble.project.id,
                "target_group_id": trouble.group.id,
                "name": trouble.group.name,
                "cause": trouble.cause,
                "since": trouble.since,
                "until": trouble.until,
            }
            for trouble in troubles
        ],
    }
    output.print_json(facts)
    first = next(project for project in seeded if project.groups)
    path = f"/demand/accounts/{api.account_id}/projects/{first.id}/target-groups/{first.groups[0].id}/fielding-runs"
    headers = f"-H 'Authorization: Bearer {api.token}' -H 'Cint-API-Version: {API_VERSION}'"
    output.print_fields(
        {
            "URL": url,
            "Account": api.account_id,
            "Token": api.token,
            "Client id": api.client_id,
            "Client secret": api.client_secret,
            "Token URL": token_url,
            "Fulfillment URL": fulfillment_url,
            "Fulfillment key": api.fulfillment_key,
        }
    )
    total = sum(len(project.groups) for project in seeded)
    numbers = f"{pluralize(len(seeded), 'project')} with {pluralize(total)}"
    output.print_text(f"\n{numbers}; the first project is {first.id}.\n")
    if troubles:
        _print_troubles(output, api, troubles)
    output.print_text("Environment:")
    for name, value in environment.items():
        output.print_text(f"  export {name}={value}")
    output.print_text(f"\nExample request:\n  curl {headers} {url}{path}\n")
    output.note("Press Ctrl-C to stop.")


def _print_troubles(output: Output, api: Sandbox, troubles: Sequence[PlantedTrouble]) -> None:
    output.print_text("Planted troubles:")
    names, rules = (
        max(map(len, texts)) for texts in zip(*((one.group.name, one.rule) for one in troubles), strict=True)
    )
    for one in troubles:
        later = "" if one.is_open_at(api.clock.now()) else f", from {format_moment(one.since)}"
        output.print_text(f"  {one.group.id}  {one.group.name:<{names}}  {one.rule:<{rules}}  {one.cause}{later}")
    output.print_text("")


def _reachable(url: str) -> str:
    """Return a URL under which this machine reaches a server that listens on all addresses."""
    return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


def _seed_all(api: Sandbox, groups: int, projects: int) -> list[Project]:
    """Create projects with target groups."""
    return [_seed(api, groups * (n + 1) // projects - groups * n // projects) for n in range(projects)]


def _seed(api: Sandbox, count: int) -> Project:
    """Create a project with half of its groups live and the others spread evenly over the other statuses."""
    live = (count + 1) // 2
    draft, scheduled, paused, completed = ((count - live + n) // 4 for n in range(4))
    return api.seed(live=live, draft=draft, scheduled=scheduled, paused=paused, completed=completed)
