"""The simulated API: a sandbox behind a function call, and its record of who read and posted what, and when."""

import json
import random
import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import attrs

from fieldingkit.sandbox import BatchJob, RecordedAnswer, Sandbox, SandboxClock, TargetGroup
from fieldingkit.sandbox.faults import ForgetItem, JobGone, StuckJob
from simulation.loop import SimulatedLoop
from simulation.machine import EPOCH
from simulation.worlds import ACCOUNTS, World

__all__ = ["Job", "Listing", "Move", "Request", "Server", "StatusRead"]

_RUNS = re.compile(r"/target-groups/([0-9A-Z]{26})/(?:fielding-runs|changelog)")


@attrs.frozen
class StatusRead:
    """A status that a machine was shown."""

    at: float
    """When the server answered."""
    machine: str
    group: str
    status: str | None
    """None for a changelog."""


@attrs.frozen
class Listing:
    """A page of target groups that a machine was shown."""

    at: float
    machine: str
    project: str
    status: tuple[str, ...]
    """The filter."""
    first: bool
    last: bool
    ids: tuple[str, ...]


@attrs.frozen
class Request:
    """A request that arrived."""

    at: float
    machine: str
    operation: str
    account: str | None
    status: int


@attrs.frozen
class Move:
    """A change of a target group's status."""

    group: str
    at: float
    before: str
    after: str
    machine: str | None
    """The machine whose request made it."""
    by: str
    """``run``, ``colleague`` or ``clock``."""
    job: str | None = None


@attrs.frozen
class Job:
    """A batch job."""

    id: str
    key: str
    kind: str
    machine: str
    made: float
    due: float
    done: float | None
    """When it was executed; None if it was not, or never will be."""
    stuck: bool
    gone: bool
    forgetful: bool
    ids: tuple[str, ...]
    updated: frozenset[str]
    """The target groups that its result reports as updated."""


class Server:
    """One API in the time of the loop.

    Args:
        url: Its base URL.
        loop: The loop.
        world: What it contains, and how its jobs fare.
        chance: The source of random numbers.
    """

    def __init__(self, url: str, loop: SimulatedLoop, world: World, chance: random.Random) -> None:
        self.url = url
        self.world = world
        self.reads: dict[str, list[StatusRead]] = defaultdict(list)
        """The reads at each target group."""
        self.listings: list[Listing] = []
        self.requests: list[Request] = []
        self.polls: dict[str, list[tuple[float, str]]] = defaultdict(list)
        """The reads of each job: when, and by which machine."""
        self.first_sent: dict[str, float] = {}
        """When each idempotency key was first sent, even if that never arrived."""
        self.accepted: dict[str, list[tuple[float, str]]] = defaultdict(list)
        """The answers that named the job of each key: when they were seen, and by which machine."""
        self.quiet = False
        """True if jobs fare well from now on."""
        self._chance = chance
        self._loop = loop
        self._machines: list[str] = []
        self._pending: dict[int, list[StatusRead | Listing]] = {}
        self._named: dict[int, str] = {}
        clock = SandboxClock(datetime.fromtimestamp(EPOCH, UTC), seconds=loop.time)
        self.sandbox = Sandbox(
            clock=clock,
            account_id=ACCOUNTS[0],
            token_lifetime=1e8,
            job_seconds=self._job_seconds,
            key_lifetime=world.key_lifetime,
            failing_items=self._failing_item,
        )
        self.projects: dict[int, list[str]] = {}
        """The projects of each account."""
        for account in ACCOUNTS[: world.accounts]:
            for counts in world.projects:
                project = self.sandbox.seed(account_id=account, starts_in=world.starts_in, **counts)
                self.projects.setdefault(account, []).append(project.id)

    def groups(self, account: int) -> list[TargetGroup]:
        """Return the target groups of an account."""
        return [
            group
            for project in self.projects.get(account, ())
            for group in self.sandbox._state.projects[project].groups
        ]

    def date(self) -> str:
        """Return the time as in a header."""
        return format_datetime(self.sandbox.clock.now(), usegmt=True)

    def answer(self, machine: str, method: str, target: str, headers: dict[str, str], body: bytes) -> RecordedAnswer:
        """Answer a request of a machine, and record it."""
        sandbox = self.sandbox
        self._machines.append(machine)
        known = set(sandbox._state.jobs) if method == "POST" else set()
        answer = sandbox.answer(method, target, headers, body)
        recorded = sandbox.requests[-1]
        operation = recorded.operation_id or ""
        account = recorded.path.partition("/accounts/")[2].partition("/")[0] or None
        self.requests.append(Request(self._loop.time(), machine, operation, account, answer.status))
        if operation.startswith("get_bulk"):
            self.polls[target.rsplit("/", 1)[1]].append((self._loop.time(), machine))
        if answer.status == 201:
            self._mark_new_jobs(known)
            self._named[id(answer)] = headers.get("Idempotency-Key", "")
        if answer.status == 200 and method == "GET":
            reads = list(self._reads_in(machine, operation, target, answer))
            if reads:
                self._pending[id(answer)] = reads
        return answer

    def note_key(self, key: str | None) -> None:
        """Note that a machine is about to send a key."""
        if key is not None:
            self.first_sent.setdefault(key, self._loop.time())

    def seen(self, machine: str, answer: RecordedAnswer) -> None:
        """Note that an answer has reached its machine."""
        if (key := self._named.pop(id(answer), None)) is not None:
            self.accepted[key].append((self._loop.time(), machine))
        for read in self._pending.pop(id(answer), ()):
            if isinstance(read, StatusRead):
                self.reads[read.group].append(read)
            else:
                self.listings.append(read)

    def jobs(self) -> list[Job]:
        """Return the batch jobs in the order in which they were made."""
        found = [self._job(job) for job in self.sandbox.jobs.values() if isinstance(job, BatchJob)]
        return sorted(found, key=lambda job: job.made)

    def moves(self) -> dict[str, list[Move]]:
        """Return the status changes of each target group, in order."""
        jobs = {job.request: job.id for job in self.sandbox.jobs.values()}
        found: dict[str, list[Move]] = {}
        for account in self.projects:
            for group in self.groups(account):
                found[group.id] = [
                    Move(
                        group=group.id,
                        at=_seconds(change.at),
                        before=change.before,
                        after=change.after,
                        machine=None if change.request is None else self._machines[change.request],
                        by="run" if change.request is not None else "colleague" if change.by else "clock",
                        job=jobs.get(-1 if change.request is None else change.request),
                    )
                    for change in group.history
                    if change.before != change.after
                ]
        return found

    def _job(self, job: BatchJob) -> Job:
        return Job(
            id=job.id,
            key=job.idempotency_key or "",
            kind=job.kind,
            machine=self._machines[job.request],
            made=_seconds(job.created_at),
            due=_seconds(job.due_at),
            done=None if job.applied_at is None else _seconds(job.applied_at),
            stuck=job.stuck,
            gone=job.gone is not None,
            forgetful=job.forgotten is not None,
            ids=job.target_group_ids,
            updated=frozenset(job.reported_updated),
        )

    def _job_seconds(self, job: Any) -> float:
        times = self.world.job_seconds
        return 1.0 if self.quiet else times[int(self._chance.random() * len(times))]

    def _failing_item(self, job: BatchJob, target_group_id: str) -> str | None:
        luck, kind = self._chance.random(), self._chance.random()
        if self.quiet or luck >= self.world.failing_rate:
            return None
        return "JobExecutionStartMessageFailed" if kind < 0.7 else "SomethingElse"

    def _mark_new_jobs(self, known: set[str]) -> None:
        world, state = self.world, self.sandbox._state
        for job_id in [job_id for job_id in state.jobs if job_id not in known]:
            dice = [self._chance.random() for _ in range(4)]
            if self.quiet:
                continue
            if dice[0] < world.stuck_rate:
                state.replace_job(job_id, StuckJob().mark)
            elif dice[1] < world.gone_rate:
                state.replace_job(job_id, JobGone().mark)
            elif dice[2] < world.forgetful_rate:
                state.replace_job(job_id, ForgetItem(int(dice[3] * 100)).mark)

    def _reads_in(
        self, machine: str, operation: str, target: str, answer: RecordedAnswer
    ) -> Iterator[StatusRead | Listing]:
        now = self._loop.time()
        if operation == "get_list_target_groups":
            found = json.loads(answer.body)
            ids = tuple(item["id"] for item in found["target_groups"])
            query = self.sandbox.requests[-1].query
            yield Listing(
                at=now,
                machine=machine,
                project=target.split("/projects/")[1].split("/", maxsplit=1)[0],
                status=tuple(query.getall("status", [])),
                first="start_after" not in query,
                last=found["next_cursor"] is None,
                ids=ids,
            )
            for item in found["target_groups"]:
                yield StatusRead(now, machine, item["id"], item["status"])
        elif (match := _RUNS.search(target)) is not None:
            group = self.sandbox.group(match[1])
            status = group.status if operation != "get_target_group_changelog" else None
            yield StatusRead(now, machine, match[1], status)


def _seconds(moment: datetime) -> float:
    return moment.timestamp() - EPOCH
