"""The state of a sandbox: accounts, projects, target groups and jobs. No HTTP, no I/O."""

import heapq
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial

from fieldingkit.sandbox.formats import Identifiers
from fieldingkit.sandbox.model.clock import SandboxClock
from fieldingkit.sandbox.model.fielding_runs import Change
from fieldingkit.sandbox.model.jobs import Job
from fieldingkit.sandbox.model.projects import Account, Project, open_account
from fieldingkit.sandbox.model.target_groups import TargetGroup, TargetGroupState
from fieldingkit.sandbox.model.webhooks import WebhookRegistry

__all__ = ["IdempotencyConflictError", "SandboxState", "Scheduler"]


class IdempotencyConflictError(Exception):
    """An idempotency key was used before, for another request."""


class SandboxState:
    """Everything that a sandbox remembers.

    Time passes in it only when it is looked at: `locked` carries out the jobs and lets the target groups start and
    end that are due, each at the moment it was due. They stand on an agenda, so that nothing ever scans all groups.

    Args:
        clock: What its dates go by.
        identifiers: Where its ids come from.
        account_id: Its first account.
        job_seconds: How long a job takes.
        uuid_jobs: Whether job ids are UUIDs instead of ULIDs.
    """

    def __init__(
        self,
        *,
        clock: SandboxClock,
        identifiers: Identifiers,
        account_id: int,
        job_seconds: float,
        uuid_jobs: bool = False,
    ) -> None:
        self.clock = clock
        self.identifiers = identifiers
        self.user_id: str = identifiers.uuid()
        """The user in whose name everything is done."""
        self.accounts: dict[int, Account] = {}
        self.projects: dict[str, Project] = {}
        self.projects_of: dict[int, list[Project]] = {}
        self.groups: dict[str, TargetGroup] = {}
        self.jobs: dict[str, Job] = {}
        self.webhooks: WebhookRegistry = WebhookRegistry(identifiers)
        self._job_seconds = job_seconds
        self._new_job_id = identifiers.uuid if uuid_jobs else identifiers.ulid
        self._keys: dict[tuple[int, str], tuple[object, str]] = {}
        self._scheduler = Scheduler()
        self._lock = threading.RLock()
        self._held: datetime | None = None
        self.open_account(account_id)

    @contextmanager
    def locked(self) -> Generator[datetime]:
        """Hold the state still for this thread, with every job carried out that is due; gives the moment it is.

        Inside another `locked` of the same thread it is still the same moment.
        """
        with self._lock:
            if self._held is not None:
                yield self._held
                return
            self._held = self.clock.now()
            try:
                self._scheduler.run_due(self._held)
                yield self._held
            finally:
                self._held = None

    def open_account(self, account_id: int) -> Account:
        """The account with a number, a new one if there is none."""
        if account_id not in self.accounts:
            self.accounts[account_id] = open_account(account_id, self.user_id, self.identifiers)
        return self.accounts[account_id]

    def add_project(self, project: Project) -> None:
        """Take a project in."""
        self.projects[project.id] = project
        self.projects_of.setdefault(project.account_id, []).append(project)

    def add_groups(self, project: Project, groups: list[TargetGroup]) -> None:
        """Take target groups in."""
        self.groups.update((group.id, group) for group in groups)
        project.groups += tuple(groups)
        for group in groups:
            self._schedule_next_date(group)

    def on_change(self, group: TargetGroupState, change: Change, index: int) -> None:
        """Hear of a change of a target group, and of its place in the group's history."""
        project = self.projects[group.project_id]
        project.last_activity_at = change.at
        self._schedule_next_date(group)
        self.webhooks.enqueue(
            change,
            account_id=project.account_id,
            project_id=project.id,
            target_group_id=group.id,
            index=index,
            user_id=self.user_id,
        )

    def _schedule_next_date(self, group: TargetGroupState) -> None:
        """See to it that a target group is looked at when its run starts or ends."""
        date = group.next_date()
        if date is not None and (group.next_date_scheduled is None or date < group.next_date_scheduled):
            group.next_date_scheduled = date
            self._scheduler.add(date, partial(self._reach_date, group))

    def _reach_date(self, group: TargetGroupState, at: datetime) -> None:
        group.next_date_scheduled = None
        group.run_at(at)
        self._schedule_next_date(group)

    def _execute_job(self, job_id: str, at: datetime) -> None:
        job = self.jobs[job_id]
        if not job.stuck:
            self.jobs[job_id] = job.execute(self.groups, at)

    def submit(self, account_id: int, key: str | None, fingerprint: object, make: Callable[..., Job]) -> Job:
        """Accept a job, unless its idempotency key names one already.

        The key's scope is the account, and a key never expires; neither is documented.

        Args:
            account_id: The account it is created under.
            key: The idempotency key; None where there is none, and each job is a new one.
            fingerprint: What makes two requests the same one.
            make: Makes the job from the facts that every job has: `id`, `account_id`, `idempotency_key`,
                `created_at` and `due_at`.

        Returns:
            The new job, or the one that the key named before.

        Raises:
            IdempotencyConflictError: If the key was used before with another fingerprint.
        """
        with self.locked() as now:
            if key is not None and (account_id, key) in self._keys:
                known_fingerprint, job_id = self._keys[account_id, key]
                if known_fingerprint != fingerprint:
                    raise IdempotencyConflictError
                return self.jobs[job_id]
            job = make(
                id=self._new_job_id(),
                account_id=account_id,
                idempotency_key=key,
                created_at=now,
                due_at=now + timedelta(seconds=self._job_seconds),
            )
            if key is not None:
                self._keys[account_id, key] = fingerprint, job.id
            self.jobs[job.id] = job
            self._scheduler.add(job.due_at, partial(self._execute_job, job.id))
            return job

    def replace_job(self, job_id: str, change: Callable[[Job], Job]) -> None:
        """Put another job in the place of one, if there is one (for a fault)."""
        with self.locked():
            if job_id in self.jobs:
                self.jobs[job_id] = change(self.jobs[job_id])


class Scheduler:
    """A list of things to do that is worked off in the order of their dates."""

    def __init__(self) -> None:
        self._entries: list[tuple[datetime, int, Callable[[datetime], object]]] = []
        self._added = 0

    def add(self, at: datetime, act: Callable[[datetime], object]) -> None:
        """Put something on the list.

        Args:
            at: When it is due; of two things at the same time the one that was added first comes first.
            act: Does it, and is told the moment it was due.
        """
        self._added += 1
        heapq.heappush(self._entries, (at, self._added, act))

    def run_due(self, now: datetime) -> None:
        """Do everything that is due, and what that puts on the list if it is due as well."""
        while self._entries and self._entries[0][0] <= now:
            at, _, act = heapq.heappop(self._entries)
            act(at)
