"""A soak: many actions against a sandbox with random faults, and an audit of every reported outcome.

    python -m benchmarks.soak --actions 100000 --fault-rate 0.2 --seed 1

Each action has target groups of its own, so that the sandbox's record shows exactly how often it was applied. The
client reports one of three outcomes: *done*, *refused* (not applied) or *maybe*. The audit compares them with the
record: an action that is done was applied exactly once, a refused one never, and none was applied twice. Two kinds of
actions have neither an idempotency key nor an entity tag; once they may have been applied, they are not sent again.
"""

import argparse
import asyncio
import random
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple

from fieldingkit import AsyncClient, Client, PollPolicy, RetryPolicy
from fieldingkit.errors import FieldingKitError, JobError
from fieldingkit.resources.accounts import ListAccountUsers, UserType
from fieldingkit.resources.batch_jobs import CompleteTargetGroups, PauseTargetGroups, UpdateProjectManagers
from fieldingkit.resources.fielding_jobs import LaunchFromDraft
from fieldingkit.resources.fielding_runs import GetFieldingRun, PauseFieldingRun
from fieldingkit.resources.webhooks import CreateWebhook
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.workflows import ensure_status

Outcome = Literal["done", "refused", "maybe"]

_FAULTS: tuple[faults.Fault, ...] = (
    faults.DropBefore(),
    faults.ApplyThenDrop(),
    faults.ApplyThenAnswer(500),
    faults.ApplyThenAnswer(503),
    faults.ApplyThenAnswer(503, headers={"Retry-After": "0"}),
    faults.Answer(500),
    faults.Answer(503),
    faults.HtmlPage(502),
    faults.Garbage(),
    faults.ResetMidBody(),
    faults.TruncatedJson(),
    faults.EmptyBody(),
    faults.WrongContentType(),
    faults.Redirect("https://elsewhere.invalid/"),
    faults.ChangeEtag(),
    faults.ExpireToken(),
    faults.Delay(0.4),
)
_JOB_FAULTS: tuple[faults.Fault, ...] = (faults.StuckJob(), faults.JobGone(), faults.ForgetItem())
_ASSIGN = "update_project_manager"


class ActionReport(NamedTuple):
    """The outcome of one action as the client reported it."""

    kind: str
    outcome: Outcome
    group_ids: tuple[str, ...] = ()
    key: str | None = None
    job_id: str | None = None
    updated: tuple[str, ...] | None = None
    missing: tuple[str, ...] = ()
    error: str | None = None
    url: str | None = None


class Group(NamedTuple):
    """A target group for one action."""

    id: str
    run_id: str


class Target(NamedTuple):
    """The project and the target groups of one action."""

    project_id: str
    groups: list[Group]
    manager_id: str

    @property
    def group_ids(self) -> tuple[str, ...]:
        """The ids of the target groups."""
        return tuple(group.id for group in self.groups)


Action = Callable[[AsyncClient, Target], Coroutine[Any, Any, ActionReport]]


async def pause_one(client: AsyncClient, target: Target) -> ActionReport:
    """Read a run and pause it: an action with an entity tag and without a key."""
    (group,) = target.groups
    ids = {"project_id": target.project_id, "target_group_id": group.id, "fielding_run_id": group.run_id}
    try:
        run = await client.send(GetFieldingRun(**ids))
        await client.send(PauseFieldingRun(**ids, if_match=run.etag))
    except FieldingKitError as exc:
        return _failed("pause", exc, target)
    return ActionReport("pause", "done", target.group_ids)


async def ensure_paused(client: AsyncClient, target: Target) -> ActionReport:
    """Ensure that a run is paused: the workflow over the same action."""
    (group,) = target.groups
    read = GetFieldingRun(project_id=target.project_id, target_group_id=group.id, fielding_run_id=group.run_id)
    try:
        await ensure_status(client, read, "paused", max_conflicts=6)
    except FieldingKitError as exc:
        return _failed("pause", exc, target)
    return ActionReport("pause", "done", target.group_ids)


async def pause_batch(client: AsyncClient, target: Target) -> ActionReport:
    """Pause a few groups in a batch job: a request with a key, and a job to poll."""
    return await _run(client, PauseTargetGroups, "pause", target)


async def complete_batch(client: AsyncClient, target: Target) -> ActionReport:
    """Complete a few groups in a batch job."""
    return await _run(client, CompleteTargetGroups, "complete", target)


async def _run(
    client: AsyncClient, command: type[PauseTargetGroups | CompleteTargetGroups], kind: str, target: Target
) -> ActionReport:
    key = str(uuid.uuid4())
    try:
        result = await client.run(
            command(project_id=target.project_id, target_group_ids=target.group_ids, idempotency_key=key), timeout=5.0
        )
    except FieldingKitError as exc:
        return _failed(kind, exc, target, key)
    return ActionReport(kind, "done", target.group_ids, key, result.job_id, result.updated, result.missing)


async def launch(client: AsyncClient, target: Target) -> ActionReport:
    """Launch a draft: a request with a key, and a job to poll."""
    (group,), key = target.groups, str(uuid.uuid4())
    until = datetime.now(UTC) + timedelta(days=7)
    try:
        result = await client.run(
            LaunchFromDraft(
                project_id=target.project_id, target_group_id=group.id, end_fielding_at=until, idempotency_key=key
            ),
            timeout=5.0,
        )
    except FieldingKitError as exc:
        return _failed("launch", exc, target, key)
    return ActionReport("launch", "done", target.group_ids, key, result.job_id, target.group_ids)


async def assign(client: AsyncClient, target: Target) -> ActionReport:
    """Assign a few groups to another project manager: a job that is created without a key."""
    command = UpdateProjectManagers(
        project_id=target.project_id, project_manager_id=target.manager_id, target_group_ids=target.group_ids
    )
    try:
        result = await client.run(command, timeout=5.0)
    except FieldingKitError as exc:
        return _failed(_ASSIGN, exc, target)
    return ActionReport(_ASSIGN, "done", target.group_ids, None, result.job_id, result.updated, result.missing)


async def subscribe(client: AsyncClient, target: Target) -> ActionReport:
    """Create a webhook: a request with neither a key nor an entity tag."""
    url = f"https://example.com/{target.project_id}"
    try:
        await client.send(CreateWebhook(url=url, events=["session-updated"]))
    except FieldingKitError as exc:
        return _failed("webhook", exc)._replace(url=url)
    return ActionReport("webhook", "done", url=url)


def _failed(kind: str, exc: FieldingKitError, target: Target | None = None, key: str | None = None) -> ActionReport:
    outcome: Outcome = "maybe" if exc.maybe_applied else "refused"
    job_id = exc.job_id if isinstance(exc, JobError) else None
    group_ids = target.group_ids if target else ()
    return ActionReport(kind, outcome, group_ids, key, job_id, error=type(exc).__name__)


def audit(sandbox: Sandbox, reports: list[ActionReport]) -> list[str]:
    """Compare the reported outcomes with the sandbox's record; return a sentence for each discrepancy."""
    jobs = sandbox.jobs
    jobs_of_key = Counter(job.idempotency_key for job in jobs.values())
    jobs_of_project = Counter(job.project_id for job in jobs.values() if job.idempotency_key is None)
    webhooks = Counter(webhook.url for webhook in sandbox.webhooks)
    wrong: list[str] = []
    for report in reports:
        applied = {group_id: _times_applied(sandbox, group_id, report.kind) for group_id in report.group_ids}
        if report.url is not None:
            applied[report.url] = webhooks[report.url]
        complaints = [*_check_changes(report, applied)]
        if report.key is not None:
            complaints += _check_jobs(report, jobs_of_key[report.key], known=report.job_id in jobs)
        elif report.kind == _ASSIGN:
            project_id = sandbox.group(report.group_ids[0]).project_id
            complaints += _check_jobs(report, jobs_of_project[project_id], known=report.job_id in jobs)
        wrong += [f"{complaint}: {report} {applied}" for complaint in complaints]
    return wrong


def _times_applied(sandbox: Sandbox, group_id: str, kind: str) -> int:
    changes = [change for change in sandbox.group(group_id).history if change.action.startswith(kind)]
    return len(changes) if kind == _ASSIGN else sum(change.after != change.before for change in changes)


def _check_changes(report: ActionReport, applied: dict[str, int]) -> Iterator[str]:
    if any(times > 1 for times in applied.values()):
        yield "applied twice"
    if report.outcome == "refused" and any(applied.values()):
        yield "reported as refused, but applied"
    updated = applied if report.updated is None else report.updated
    if report.outcome == "done" and any(applied[name] != 1 for name in updated):
        yield "reported as done, but not applied"


def _check_jobs(report: ActionReport, jobs: int, *, known: bool) -> Iterator[str]:
    if jobs > 1:
        yield f"{jobs} jobs for one call"
    if report.outcome == "refused" and jobs:
        yield "reported as refused, but there is a job"
    if report.job_id is not None and not (jobs and known):
        yield "a job that does not exist"
    if report.outcome == "done" and {*(report.updated or ()), *report.missing} != {*report.group_ids}:
        yield "groups missing from the result"


async def soak(
    *, actions: int, fault_rate: float, seed: int, concurrency: int = 32, blocking_share: float = 0.2
) -> tuple[list[ActionReport], list[str], Counter[str]]:
    """Run the actions, then audit them.

    Args:
        actions: The number of actions.
        fault_rate: The probability of a fault for each request.
        seed: The seed of the faults and of the choice of actions.
        concurrency: The number of concurrent actions.
        blocking_share: The share of actions that use the blocking client.

    Returns:
        The reports, the discrepancies, and the number of injected faults by class.
    """
    chance = random.Random(seed)
    injected: Counter[str] = Counter()
    reports: list[ActionReport] = []
    kinds: list[Action] = [pause_one, ensure_paused, pause_batch, complete_batch, launch, assign, subscribe]
    async with Sandbox(seed=seed, job_seconds=0.01) as sandbox:
        sandbox.delivery.background = False
        options: dict[str, Any] = {
            "account_id": sandbox.account_id,
            "base_url": sandbox.url,
            "timeout": 0.3,
            "retry": RetryPolicy(base_delay=0.005, max_delay=0.05, budget=1e9),
            "poll": PollPolicy(first_delay=0.01, min_interval=0.01, max_interval=0.2, not_found_grace=0.1),
        }
        auth = _Tokens(sandbox)
        slots = asyncio.Semaphore(concurrency)
        with ThreadPoolExecutor(concurrency) as threads, Client(auth=auth, **options) as blocking:
            async with AsyncClient(auth=auth, **options) as client:
                managers = await client.send(ListAccountUsers(user_type=UserType.PROJECT_MANAGER))
                _add_faults(sandbox, fault_rate)

                async def act(action: Action, target: Target, *, block: bool) -> None:
                    async with slots:
                        if block:
                            call = asyncio.get_running_loop().run_in_executor
                            report = await call(threads, blocking.call, action, target)
                        else:
                            report = await action(client, target)
                    reports.append(report)

                for begin in range(0, actions, 1000):
                    async with asyncio.TaskGroup() as tasks:
                        for _ in range(min(1000, actions - begin)):
                            action = chance.choice(kinds)
                            project = sandbox.seed(**_seed(action))
                            groups = [Group(g.id, g.run.id if g.run is not None else "") for g in project.groups]
                            target = Target(project.id, groups, managers.users[-1].id)
                            tasks.create_task(act(action, target, block=chance.random() < blocking_share))
                    injected.update(type(request.fault).__name__ for request in sandbox.requests if request.fault)
                    sandbox.requests.clear()
            sandbox.faults.clear()
        return reports, audit(sandbox, reports), injected


def _add_faults(sandbox: Sandbox, fault_rate: float) -> None:
    # The first matching rule is used, so the probabilities are conditional.
    each = fault_rate / len(_FAULTS)
    for number, fault in enumerate(_FAULTS):
        sandbox.faults.add("*", fault, times=None, probability=each / (1 - each * number))
    for fault in _JOB_FAULTS:
        sandbox.faults.add("create_bulk_*", fault, times=None, probability=fault_rate / 20)


class _Tokens:
    """A token provider that takes its tokens from the sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def fetch(self, http: object) -> Any:
        from fieldingkit.transport.credentials import AccessToken

        del http
        # Short-lived, so that an expired token does not count as brand-new for long.
        return AccessToken(self._sandbox.issue_token(), lifetime=0.2)


def _seed(action: Action) -> dict[str, Any]:
    if action is launch:
        return {"draft": 1}
    return {"live": 3 if action in (pause_batch, complete_batch, assign) else 1}


def main() -> int:
    """Run the soak and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--actions", type=int, default=5000)
    parser.add_argument("--fault-rate", type=float, default=0.2)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    began = time.monotonic()
    reports, wrong, injected = asyncio.run(
        soak(actions=arguments.actions, fault_rate=arguments.fault_rate, seed=arguments.seed)
    )
    outcomes = Counter(report.outcome for report in reports)
    errors = Counter(report.error for report in reports if report.error)
    print(f"{len(reports)} actions in {time.monotonic() - began:.0f} s, {sum(injected.values())} faults injected")
    print("  " + ", ".join(f"{name} {number}" for name, number in outcomes.most_common()))
    print("  faults: " + ", ".join(f"{name} {number}" for name, number in injected.most_common()))
    print("  errors: " + ", ".join(f"{name} {number}" for name, number in errors.most_common()))
    for sentence in wrong[:20]:
        print("WRONG", sentence)
    print(f"{len(wrong)} discrepancies")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
