"""Commands that start jobs, the words that end a job, and what its acceptance says.

Loaded with the first job command, because most of it costs a client more to load than to use.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import ClassVar, Generic, NamedTuple, Protocol, TypeVar, cast

import attrs

from fieldingkit.commands import Command, OpenEnum, type_argument
from fieldingkit.results import Result

__all__ = ["JobAccepted", "JobCommand", "JobPace", "JobResult", "JobStatus", "JobWords", "fold_word", "ids_digest"]


R_co = TypeVar("R_co", covariant=True)


class JobStatus(OpenEnum):
    """The status of a job."""

    PROCESSING = "Processing"
    """The job has not ended."""
    COMPLETED = "Completed"
    """The job has ended; single target groups of a batch may have failed."""
    FAILED = "Failed"
    """The job has ended as failed."""

    @property
    def terminal(self) -> bool:
        """True if the job has ended; an unknown status is not terminal."""
        return self in (JobStatus.COMPLETED, JobStatus.FAILED)


class JobResult(Protocol):
    """The fields that the status of every job has.

    A result may have more that the handle of a job reports: ``failure_reason``, ``job_trace_id``, and ``progress``, the
    number of finished items.
    """

    @property
    def job_id(self) -> str:
        """The API's id of the job."""
        ...

    @property
    def status(self) -> "OpenEnum":
        """The job's status."""
        ...


@attrs.frozen(kw_only=True)
class JobAccepted(Result):
    """The API's acceptance of a job: its id, but no outcome yet."""

    job_id: str
    """The API's id of the job: a member of the body, or the last segment of ``location``."""
    location: str | None = None
    """The ``Location`` header, byte for byte; None for a job that the body names."""
    status: str | None = None
    """The job's status at its start; None for a job that the ``Location`` names."""
    retry_after: float | None = None
    """Seconds after which the API suggests the first poll; None if it suggests nothing."""
    idempotency_key: str | None = None
    """The key that the job was created with: sending the command again with it creates no second job."""


class JobWords(NamedTuple):
    """The words of a status that end a job, in lower case with underscores; any other word does not end it.

    The API writes them in more than one way, so case, spaces and hyphens make no difference.
    """

    done: frozenset[str] = frozenset({"completed"})
    """The words for success, in part or as a whole."""
    failed: frozenset[str] = frozenset({"failed"})
    """The words for failure."""

    def is_done(self, status: str) -> bool:
        """Return True if a status means success."""
        return fold_word(status) in self.done

    def is_failed(self, status: str) -> bool:
        """Return True if a status means failure."""
        return fold_word(status) in self.failed


def fold_word(status: str) -> str:
    """Return a word of the API in lower case with underscores, such as ``in_progress`` for ``IN PROGRESS``."""
    return status.strip().casefold().replace("-", "_").replace(" ", "_")


class JobPace(NamedTuple):
    """How long jobs of one kind take, and so when to poll them; all in seconds."""

    first_delay: float
    """The delay of the first poll."""
    min_interval: float
    """The shortest interval between two polls."""
    max_interval: float
    """The longest interval between two polls."""
    timeout: float
    """The longest wait for a job, unless the caller says how long."""
    timeout_per_item: float = 0.0
    """The time to add to ``timeout`` for each item of the command, such as a row of a file."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class JobCommand(Command[JobAccepted], Generic[R_co]):
    """A command that starts a job; the finished job returns an ``R``.

    Combine it with a base class for the path: ``class X(JobCommand[BatchResult], ProjectCommand[JobAccepted])``.
    """

    status_command: ClassVar[type[Command[JobResult]]]
    """The command that reads this job."""
    id_field: ClassVar[str] = "job_id"
    """The field of ``status_command`` for the id of the job."""
    id_in_body: ClassVar[bool] = False
    """True if the body names the job, in the member ``id_field``; False if the ``Location`` header does."""
    words: ClassVar[JobWords] = JobWords()
    """The words of the status that end the job."""
    pace: ClassVar[JobPace | None] = None
    """When to poll jobs of this kind, unless the client has a ``PollPolicy`` of its own; None for the default one."""
    all_or_nothing: ClassVar[bool] = False
    """True if a job that failed has changed nothing."""

    @classmethod
    def job_result_type(cls) -> type[R_co]:
        """Return the ``R`` of ``JobCommand[R]``."""
        return cast("type[R_co]", type_argument(cls, JobCommand))

    def item_count(self) -> int | None:
        """Return the number of items in the command, such as target groups; None for a command without items."""
        ids: Sequence[str] | None = getattr(self, "target_group_ids", None)
        return None if ids is None else len(ids)

    def items_digest(self) -> str | None:
        """Return the ``ids_digest`` of the command's target groups; None for a command without them."""
        ids: Sequence[str] | None = getattr(self, "target_group_ids", None)
        return None if ids is None else ids_digest(ids)


def ids_digest(ids: Iterable[str]) -> str:
    """Return 32 hexadecimal digits that are equal for equal sets of ids, in any order and any process."""
    return hashlib.sha256("\0".join(sorted({*ids})).encode(errors="surrogatepass")).hexdigest()[:32]
