"""The state of a sandbox: accounts, projects, target groups, jobs and webhooks, without any I/O."""

import heapq
import threading
from collections import defaultdict
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar, cast

import attrs

from fieldingkit.sandbox.formats import Identifiers
from fieldingkit.sandbox.model.allocation_templates import AllocationTemplateRegistry
from fieldingkit.sandbox.model.clock import SandboxClock
from fieldingkit.sandbox.model.exclusions import Exclusions
from fieldingkit.sandbox.model.fielding import Fielding
from fieldingkit.sandbox.model.fielding_runs import Change
from fieldingkit.sandbox.model.file_jobs import FileJob
from fieldingkit.sandbox.model.jobs import BatchJob, FailingItems, Job
from fieldingkit.sandbox.model.profile_templates import ProfileTemplateRegistry
from fieldingkit.sandbox.model.projects import Account, Project, open_account
from fieldingkit.sandbox.model.respondents import rid_key
from fieldingkit.sandbox.model.target_groups import TargetGroup
from fieldingkit.sandbox.model.webhooks import WebhookRegistry

__all__ = ["IdempotencyConflictError", "SandboxState", "Scheduler"]


T = TypeVar("T")


def _none_fails(job: BatchJob, target_group_id: str) -> str | None:
    del job, target_group_id
    return None


class IdempotencyConflictError(Exception):
    """An idempotency key was used before with a different request."""


class SandboxState:
    """All state of a sandbox.

    The state advances only when it is locked: `locked` first runs the due jobs and the due starts and ends of fielding,
    each at its own date. A scheduler holds those dates, so that no call ever scans all target groups.

    Args:
        clock: The clock that all dates follow.
        identifiers: The source of all ids.
        account_id: The first account.
        job_seconds: The duration of a job in seconds, or a function that returns it for a job.
        row_seconds: The duration of a file job in seconds a row, unless `job_seconds` is a function.
        project_seconds: The seconds after which a created project can be read.
        key_lifetime: The seconds for which an idempotency key is recognized; None to never forget one.
        failing_items: Returns the failure code of a target group that a batch job is to fail, or None.
        uuid_jobs: True for job ids that are UUIDs instead of ULIDs.
        example_words: True for the words of reports that the examples of the contract have.
    """

    def __init__(
        self,
        *,
        clock: SandboxClock,
        identifiers: Identifiers,
        account_id: int,
        job_seconds: float | Callable[[Job], float],
        row_seconds: float = 0.02,
        project_seconds: float = 0.0,
        key_lifetime: float | None = None,
        failing_items: FailingItems | None = None,
        uuid_jobs: bool = False,
        example_words: bool = False,
    ) -> None:
        self.clock = clock
        self.identifiers = identifiers
        self.user_id: str = identifiers.uuid()
        """The user on whose behalf every request is made."""
        self.accounts: dict[int, Account] = {}
        self.projects: dict[str, Project] = {}
        self.projects_of: dict[int, list[Project]] = {}
        self.groups: dict[str, TargetGroup] = {}
        self.jobs: dict[str, Job] = {}
        self.example_words = example_words
        self.codes: defaultdict[tuple[str, str], dict[str, None]] = defaultdict(dict)
        """The unique codes by target group and kind, `live` or `test`."""
        self.recontacts: defaultdict[str, dict[str, None]] = defaultdict(dict)
        """The RSIDs of the respondents who alone are admitted, by target group."""
        self.allocation_templates: AllocationTemplateRegistry = AllocationTemplateRegistry(identifiers)
        self.profile_templates: ProfileTemplateRegistry = ProfileTemplateRegistry(identifiers)
        self.webhooks: WebhookRegistry = WebhookRegistry(identifiers)
        self.exclusions: Exclusions = Exclusions()
        self._job_seconds = job_seconds
        self._row_seconds = row_seconds
        self._project_delay = timedelta(seconds=project_seconds)
        self._key_lifetime = None if key_lifetime is None else timedelta(seconds=key_lifetime)
        self._failing_items: FailingItems = failing_items or _none_fails
        self._new_job_id = identifiers.uuid if uuid_jobs else identifiers.ulid
        self._keys: dict[tuple[int, str], tuple[object, datetime, object]] = {}
        self._project_count = 0
        self._groups_by_key: dict[int, TargetGroup] = {}
        self._scheduler = Scheduler()
        self._lock = threading.RLock()
        self._held: datetime | None = None
        self.open_account(account_id)

    @contextmanager
    def locked(self) -> Generator[datetime]:
        """Lock the state for this thread, run everything that is due, and give the current time.

        A nested `locked` of the same thread gives the same time.
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
        """Return the account with this id; create it if necessary."""
        if account_id not in self.accounts:
            self.accounts[account_id] = open_account(account_id, self.user_id, self.identifiers)
        return self.accounts[account_id]

    def add_project(self, project: Project) -> None:
        """Add a project."""
        self.projects[project.id] = project
        self.projects_of.setdefault(project.account_id, []).append(project)

    def next_project_number(self) -> int:
        """Return the sequence number of the next project."""
        self._project_count += 1
        return self._project_count

    def create_project(self, project: Project) -> None:
        """Add a project a moment later: until then it cannot be read."""
        due_at = project.created_at + self._project_delay
        self._scheduler.add(due_at, lambda _: self.add_project(project))

    def add_groups(self, project: Project, groups: list[TargetGroup]) -> None:
        """Add target groups to a project."""
        self.groups.update((group.id, group) for group in groups)
        project.groups += tuple(groups)
        for group in groups:
            self._schedule_next_date(group)

    def find_respondent(self, rid: str) -> tuple[TargetGroup, int] | None:
        """Return the target group of a session and the respondent's number in its ledger; None if there is none.

        Args:
            rid: The id of the session, in any case.
        """
        with self.locked() as now:
            if len(self._groups_by_key) != len(self.groups):
                self._groups_by_key = {group.ledger.key: group for group in self.groups.values()}
            key = rid_key(rid)
            group = None if key is None else self._groups_by_key.get(key)
            if group is None:
                return None
            group.run_at(now)
            number = group.ledger.number_of(rid)
            return None if number is None else (group, number)

    def update_admission(self, group: TargetGroup, at: datetime) -> None:
        """Let the recontacts of a target group enter, without those who are excluded by id; anybody if it has none."""
        recontacts, excluded = self.recontacts[group.id], self.exclusions.uploaded(group.id, "RSID")
        if not recontacts and group.ledger.admission.is_open:
            return
        group.status_at(at)  # counts those who have come
        invited = [person for person in recontacts if person not in excluded]
        group.ledger.admission.invite(invited if recontacts else None, group.ledger.entrants)
        group.restart_arrivals(at)

    def on_change(self, group: Fielding, change: Change, index: int) -> None:
        """Record activity for a changed target group, reschedule its next date and enqueue its event."""
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

    def _schedule_next_date(self, group: Fielding) -> None:
        """Schedule the next date at which the clock changes this target group."""
        date = group.next_date()
        if date is not None and (group.scheduled_date is None or date < group.scheduled_date):
            group.scheduled_date = date
            self._scheduler.add(date, partial(self._apply_date, group))

    def _apply_date(self, group: Fielding, at: datetime) -> None:
        group.scheduled_date = None
        group.run_at(at)
        self._schedule_next_date(group)

    def _execute_job(self, job_id: str, at: datetime) -> None:
        job = self.jobs[job_id]
        if not job.stuck:
            self.jobs[job_id] = job.execute(self.groups, at, self._failing_items)

    def once(self, account_id: int, key: str, fingerprint: object, make: Callable[[], T]) -> T:
        """Make something, unless its idempotency key already stands for it.

        Keys are scoped to the account, and expire after the `key_lifetime`; neither is documented.

        Args:
            account_id: The account of the request.
            key: The idempotency key.
            fingerprint: Equal for two requests that are the same.
            make: Makes it.

        Returns:
            The result of `make`, or what the key already stood for.

        Raises:
            IdempotencyConflictError: If the key was used before with another fingerprint.
        """
        with self.locked() as now:
            if (account_id, key) in self._keys:
                known_fingerprint, since, made = self._keys[account_id, key]
                if self._key_lifetime is None or now - since <= self._key_lifetime:
                    if known_fingerprint != fingerprint:
                        raise IdempotencyConflictError
                    return cast("T", made)
            made = make()
            self._keys[account_id, key] = fingerprint, now, made
            return made

    def submit(self, account_id: int, key: str | None, make: Callable[..., Job]) -> Job:
        """Accept a job.

        Args:
            account_id: The account of the request.
            key: The idempotency key; None for an operation without one.
            make: Creates the job from the common fields: `id`, `account_id`, `idempotency_key`, `created_at` and
                `due_at`.
        """
        with self.locked() as now:
            job = make(id=self._new_job_id(), account_id=account_id, idempotency_key=key, created_at=now, due_at=now)
            job = attrs.evolve(job, due_at=now + timedelta(seconds=self._duration(job)))
            self.jobs[job.id] = job
            self._scheduler.add(job.due_at, partial(self._execute_job, job.id))
            return job

    def _duration(self, job: Job) -> float:
        if callable(self._job_seconds):
            return self._job_seconds(job)
        return self._row_seconds * job.rows if isinstance(job, FileJob) else self._job_seconds

    def replace_job(self, job_id: str, change: Callable[[Job], Job]) -> None:
        """Replace a job if it exists (used by faults)."""
        with self.locked():
            if job_id in self.jobs:
                self.jobs[job_id] = change(self.jobs[job_id])


class Scheduler:
    """A queue of callbacks that run in the order of their dates."""

    def __init__(self) -> None:
        self._entries: list[tuple[datetime, int, Callable[[datetime], object]]] = []
        self._added = 0

    def add(self, at: datetime, act: Callable[[datetime], object]) -> None:
        """Schedule a callback.

        Args:
            at: The date it is due; callbacks with the same date run in the order they were added.
            act: The callback; it receives the date it was due.
        """
        self._added += 1
        heapq.heappush(self._entries, (at, self._added, act))

    def run_due(self, now: datetime) -> None:
        """Run every due callback, including those that a due callback adds."""
        while self._entries and self._entries[0][0] <= now:
            at, _, act = heapq.heappop(self._entries)
            act(at)
