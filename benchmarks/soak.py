"""A chaos soak: many actions against a sandbox that goes wrong all the time, and an audit of what was said of each.

    python -m benchmarks.soak --actions 100000 --fault-rate 0.2 --seed 1

Each action is on target groups of its own, so that the sandbox's record tells exactly what was done for it. The
client's account of an action is one of three: *done*, *refused* (nothing was done) and *maybe*. The audit holds it
against the record: what is done was done exactly once, what is refused not at all, and nothing ever twice.
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
from fieldingkit.resources.batch_jobs import CompleteTargetGroups, PauseTargetGroups
from fieldingkit.resources.fielding_jobs import LaunchFromDraft
from fieldingkit.resources.fielding_runs import GetFieldingRun, PauseFieldingRun
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.workflows import ensure_status

Verdict = Literal["done", "refused", "maybe"]

_FAULTS: tuple[faults.Fault, ...] = (
    faults.DropBefore(),
    faults.ApplyThenDrop(),
    faults.ApplyThenAnswer(500),
    faults.ApplyThenAnswer(503),
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
_TOO_MANY = faults.Answer(429, headers={"Retry-After": "0"})
_JOB_FAULTS: tuple[faults.Fault, ...] = (faults.StuckJob(), faults.JobGone(), faults.ForgetItem())


class Account(NamedTuple):
    """What the client says became of one action."""

    kind: str
    verdict: Verdict
    group_ids: tuple[str, ...]
    key: str | None = None
    job_id: str | None = None
    updated: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    error: str | None = None


class Group(NamedTuple):
    """A target group for one action."""

    id: str
    run_id: str


Action = Callable[[AsyncClient, str, list[Group]], Coroutine[Any, Any, Account]]


async def pause_one(client: AsyncClient, project_id: str, groups: list[Group]) -> Account:
    """Read a run and pause it: a guarded action without a key."""
    group = groups[0]
    ids = {"project_id": project_id, "target_group_id": group.id, "fielding_run_id": group.run_id}
    try:
        run = await client.send(GetFieldingRun(**ids))
        await client.send(PauseFieldingRun(**ids, if_match=run.etag))
    except FieldingKitError as exc:
        return Account("pause", _verdict(exc), (group.id,), error=type(exc).__name__)
    return Account("pause", "done", (group.id,))


async def ensure_paused(client: AsyncClient, project_id: str, groups: list[Group]) -> Account:
    """Ensure that a run is paused: the workflow over the guarded action."""
    group = groups[0]
    read = GetFieldingRun(project_id=project_id, target_group_id=group.id, fielding_run_id=group.run_id)
    try:
        await ensure_status(client, read, "paused", max_conflicts=6)
    except FieldingKitError as exc:
        return Account("pause", _verdict(exc), (group.id,), error=type(exc).__name__)
    return Account("pause", "done", (group.id,))


async def pause_batch(client: AsyncClient, project_id: str, groups: list[Group]) -> Account:
    """Pause a few groups in a batch: a call with a key, and a job to follow."""
    return await _batch(client, PauseTargetGroups, "pause", project_id, groups)


async def complete_batch(client: AsyncClient, project_id: str, groups: list[Group]) -> Account:
    """Complete a few groups in a batch."""
    return await _batch(client, CompleteTargetGroups, "complete", project_id, groups)


async def _batch(
    client: AsyncClient,
    kind: type[PauseTargetGroups] | type[CompleteTargetGroups],
    name: str,
    project_id: str,
    groups: list[Group],
) -> Account:
    ids = tuple(group.id for group in groups)
    key = str(uuid.uuid4())
    try:
        command = kind(project_id=project_id, target_group_ids=ids, idempotency_key=key)
        result = await client.run(command, timeout=5.0)
    except FieldingKitError as exc:
        job_id = exc.job_id if isinstance(exc, JobError) else None
        return Account(name, _verdict(exc), ids, key=key, job_id=job_id, error=type(exc).__name__)
    return Account(name, "done", ids, key, result.job_id, result.updated, result.missing)


async def launch(client: AsyncClient, project_id: str, groups: list[Group]) -> Account:
    """Launch a draft."""
    group_id, key = groups[0].id, str(uuid.uuid4())
    until = datetime.now(UTC) + timedelta(days=7)
    try:
        result = await client.run(
            LaunchFromDraft(
                project_id=project_id, target_group_id=group_id, end_fielding_at=until, idempotency_key=key
            ),
            timeout=5.0,
        )
    except FieldingKitError as exc:
        job_id = exc.job_id if isinstance(exc, JobError) else None
        return Account("launch", _verdict(exc), (group_id,), key, job_id, error=type(exc).__name__)
    return Account("launch", "done", (group_id,), key, result.job_id, (group_id,))


def _verdict(exc: FieldingKitError) -> Verdict:
    return "maybe" if exc.maybe_applied else "refused"


def audit(sandbox: Sandbox, accounts: list[Account]) -> list[str]:
    """Hold the client's accounts against the sandbox's record; gives a sentence for each discrepancy."""
    jobs = sandbox.jobs
    jobs_of = Counter(job.idempotency_key for job in jobs.values())
    wrong: list[str] = []
    for account in accounts:
        done = {group_id: _times_done(sandbox, group_id, account.kind) for group_id in account.group_ids}
        complaints = [*_about_groups(account, done)]
        if account.key is not None:
            complaints += _about_job(account, jobs_of[account.key], known=account.job_id in jobs)
        wrong += [f"{complaint}: {account} {done}" for complaint in complaints]
    return wrong


def _times_done(sandbox: Sandbox, group_id: str, kind: str) -> int:
    history = sandbox.group(group_id).history
    return sum(change.after != change.before and change.action.startswith(kind) for change in history)


def _about_groups(account: Account, done: dict[str, int]) -> Iterator[str]:
    if any(times > 1 for times in done.values()):
        yield "done twice"
    if account.verdict == "refused" and any(done.values()):
        yield "said to be refused, and done"
    told = account.updated if account.key is not None else account.group_ids
    if account.verdict == "done" and any(done[group_id] != 1 for group_id in told):
        yield "said to be done, and not done"


def _about_job(account: Account, jobs: int, *, known: bool) -> Iterator[str]:
    if jobs > 1:
        yield f"{jobs} jobs for one key"
    if account.verdict == "refused" and jobs:
        yield "said to be refused, and there is a job"
    if account.job_id is not None and not (jobs and known):
        yield "a job that there is not"
    if account.verdict == "done" and {*account.updated, *account.missing} != {*account.group_ids}:
        yield "groups lost"


async def soak(
    *, actions: int, fault_rate: float, seed: int, concurrency: int = 32, blocking_share: float = 0.2
) -> tuple[list[Account], list[str], Counter[str]]:
    """Run so many actions, then audit them.

    Args:
        actions: How many.
        fault_rate: How likely a fault is for each request.
        seed: Makes the faults come the same way again.
        concurrency: Actions at the same time.
        blocking_share: The share of them that goes through the blocking client.

    Returns:
        The accounts, the discrepancies, and how often each fault was injected.
    """
    chance = random.Random(seed)
    injected: Counter[str] = Counter()
    accounts: list[Account] = []
    kinds: list[Action] = [pause_one, ensure_paused, pause_batch, complete_batch, launch]
    async with Sandbox(seed=seed, job_seconds=0.01) as sandbox:
        # A fault is drawn by the first rule that fits, so the chances are conditional ones.
        each = fault_rate / len(_FAULTS)
        for number, fault in enumerate(_FAULTS):
            sandbox.faults.add("*", fault, times=None, probability=each / (1 - each * number))
        for fault in _JOB_FAULTS:
            sandbox.faults.add("create_bulk_*", fault, times=None, probability=fault_rate / 20)
        options: dict[str, Any] = {
            "account_id": sandbox.account_id,
            "base_url": sandbox.url,
            "timeout": 0.3,
            "retry": RetryPolicy(base_delay=0.005, max_delay=0.05, budget=1e9),
            "poll": PollPolicy(first_delay=0.01, min_interval=0.01, max_interval=0.2, not_found_grace=0.1),
        }
        auth = _Tokens(sandbox)
        turn = asyncio.Semaphore(concurrency)
        with ThreadPoolExecutor(concurrency) as threads, Client(auth=auth, **options) as blocking:
            async with AsyncClient(auth=auth, **options) as client:

                async def act(action: Action, project_id: str, groups: list[Group], *, block: bool) -> None:
                    async with turn:
                        if block:
                            call = asyncio.get_running_loop().run_in_executor
                            account = await call(threads, blocking.call, action, project_id, groups)
                        else:
                            account = await action(client, project_id, groups)
                    accounts.append(account)

                for begin in range(0, actions, 1000):
                    async with asyncio.TaskGroup() as tasks:
                        for _ in range(min(1000, actions - begin)):
                            action = chance.choice(kinds)
                            project = sandbox.seed(**_seed(action))
                            groups = [Group(g.id, g.run.id if g.run is not None else "") for g in project.groups]
                            block = chance.random() < blocking_share
                            tasks.create_task(act(action, project.id, groups, block=block))
                    injected.update(type(request.fault).__name__ for request in sandbox.requests if request.fault)
                    sandbox.requests.clear()
            sandbox.faults.clear()
        return accounts, audit(sandbox, accounts), injected


class _Tokens:
    """A provider that asks the sandbox for a token whenever one is needed."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def fetch(self, http: object) -> Any:
        from fieldingkit.transport.credentials import AccessToken

        del http
        # Short-lived, so that one which has expired does not count as brand-new for long.
        return AccessToken(self._sandbox.issue_token(), lifetime=0.2)


def _seed(action: Action) -> dict[str, Any]:
    if action is launch:
        return {"draft": 1}
    return {"live": 3 if action in (pause_batch, complete_batch) else 1}


def main() -> int:
    """Run it and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--actions", type=int, default=5000)
    parser.add_argument("--fault-rate", type=float, default=0.2)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    began = time.monotonic()
    accounts, wrong, injected = asyncio.run(
        soak(actions=arguments.actions, fault_rate=arguments.fault_rate, seed=arguments.seed)
    )
    verdicts = Counter(account.verdict for account in accounts)
    print(f"{len(accounts)} actions in {time.monotonic() - began:.0f} s, {sum(injected.values())} faults injected")
    print("  " + ", ".join(f"{name} {number}" for name, number in verdicts.most_common()))
    print("  faults: " + ", ".join(f"{name} {number}" for name, number in injected.most_common()))
    print("  errors: " + ", ".join(f"{n} {c}" for n, c in Counter(a.error for a in accounts if a.error).most_common()))
    for sentence in wrong[:20]:
        print("WRONG", sentence)
    print(f"{len(wrong)} discrepancies")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
