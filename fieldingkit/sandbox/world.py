"""The state of a sandbox: accounts, projects, target groups and jobs. No HTTP, no I/O."""

import heapq
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta

from fieldingkit.sandbox.clock import SandboxClock
from fieldingkit.sandbox.identifiers import ULID, Identifiers
from fieldingkit.sandbox.jobs import Job
from fieldingkit.sandbox.target_groups import FieldingRun, TargetGroup
from fieldingkit.sandbox.transitions import GroupStatus

__all__ = ["IdempotencyConflictError", "Project", "World"]


class IdempotencyConflictError(Exception):
    """An idempotency key was used before, for another request."""


class Project:
    """A project of a sandbox, and a handle on its target groups.

    Args:
        project_id: Its ULID.
        account_id: The account it belongs to.
    """

    def __init__(self, project_id: str, account_id: int) -> None:
        self.id = project_id
        """Its ULID."""
        self.account_id = account_id
        """The account it belongs to."""
        self.groups: tuple[TargetGroup, ...] = ()
        """Its target groups, in the order in which they were seeded."""

    def __repr__(self) -> str:
        return f"<Project {self.id} with {len(self.groups)} target groups>"

    def ids(self, status: GroupStatus | None = None) -> list[str]:
        """The ids of its target groups, or of those that have a status now.

        Args:
            status: Such as `live`; None for all.
        """
        return [group.id for group in self.groups if status is None or group.status == status]


class World:
    """Everything that a sandbox remembers.

    Time passes in it only when it is looked at: `present` carries out the jobs that are due, each at the moment it
    was due, and a target group catches up with its own dates when it is asked. So nothing ever scans all groups.

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
        self.user_id = identifiers.uuid()
        """The user in whose name everything is done."""
        self.accounts = {account_id}
        self.projects: dict[str, Project] = {}
        self.groups: dict[str, TargetGroup] = {}
        self.jobs: dict[str, Job] = {}
        self._job_seconds = job_seconds
        self._new_job_id = identifiers.uuid if uuid_jobs else identifiers.ulid
        self._keys: dict[tuple[int, str], tuple[object, str]] = {}
        self._due: list[tuple[datetime, int, str]] = []
        self._lock = threading.RLock()
        self._held: datetime | None = None

    @contextmanager
    def present(self) -> Generator[datetime]:
        """Hold the world still for this thread, with every job carried out that is due; gives the moment it is.

        Inside another `present` of the same thread it is still the same moment.
        """
        with self._lock:
            if self._held is not None:
                yield self._held
                return
            self._held = self.clock.now()
            try:
                self._carry_out_due_jobs(self._held)
                yield self._held
            finally:
                self._held = None

    def _carry_out_due_jobs(self, now: datetime) -> None:
        while self._due and self._due[0][0] <= now:
            due_at, _, job_id = heapq.heappop(self._due)
            job = self.jobs[job_id]
            if not job.stuck:
                self.jobs[job_id] = job.carry_out(self.groups, due_at)

    def submit(self, account_id: int, key: str, fingerprint: object, make: Callable[..., Job]) -> Job:
        """Accept a job, unless its idempotency key names one already.

        The key's scope is the account, and a key never expires; neither is documented.

        Args:
            account_id: The account it is created under.
            key: The idempotency key.
            fingerprint: What makes two requests the same one.
            make: Makes the job from the facts that every job has: `id`, `account_id`, `idempotency_key`,
                `created_at` and `due_at`.

        Returns:
            The new job, or the one that the key named before.

        Raises:
            IdempotencyConflictError: If the key was used before with another fingerprint.
        """
        with self.present() as now:
            if (account_id, key) in self._keys:
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
            self._keys[account_id, key] = fingerprint, job.id
            heapq.heappush(self._due, (job.due_at, len(self.jobs), job.id))
            self.jobs[job.id] = job
            return job

    def replace_job(self, job_id: str, change: Callable[[Job], Job]) -> None:
        """Put another job in the place of one, if there is one (for a fault)."""
        with self.present():
            if job_id in self.jobs:
                self.jobs[job_id] = change(self.jobs[job_id])

    def seed(
        self,
        counts: Mapping[GroupStatus, int],
        *,
        account_id: int,
        project_id: str | None,
        goal_reached: bool,
        ended: bool,
        starts_in: timedelta,
        ends_in: timedelta,
    ) -> Project:
        """Make target groups; `Sandbox.seed` says how."""
        with self.present() as now:
            project_id = project_id or self.identifiers.ulid()
            if not ULID.fullmatch(project_id):
                raise ValueError("the project id is not a ULID")
            if counts.get("scheduled") and ends_in <= starts_in:
                raise ValueError("the scheduled ones would end before they start")
            project = self.projects.setdefault(project_id, Project(project_id, account_id))
            if project.account_id != account_id:
                raise ValueError("the project belongs to another account")
            self.accounts.add(account_id)
            day = timedelta(days=1)
            started = (now - 2 * day, now - day) if ended else (now - day, now + ends_in)
            dates = {"scheduled": (now + starts_in, now + ends_in)}
            groups = [
                self._new_group(project_id, status, dates.get(status, started), now, goal_reached=goal_reached)
                for status, count in counts.items()
                for _ in range(count)
            ]
            self.groups.update((group.id, group) for group in groups)
            project.groups += tuple(groups)
            return project

    def _new_group(
        self,
        project_id: str,
        status: GroupStatus,
        dates: tuple[datetime, datetime],
        now: datetime,
        *,
        goal_reached: bool,
    ) -> TargetGroup:
        group_id = self.identifiers.ulid()
        run = None
        if status != "draft":
            run = FieldingRun(
                id=self.identifiers.ulid(),
                status="completed" if status == "archived" else status,
                start_at=dates[0],
                end_at=dates[1],
                version=1,
                last_changed_at=now,
            )
        return TargetGroup(
            group_id,
            project_id,
            present=self.present,
            run=run,
            archived=status == "archived",
            goal_reached=goal_reached,
        )
