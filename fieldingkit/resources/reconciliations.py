"""Reconciliations: completes that are rejected, and other respondents that are accepted, after they came.

A complete can be reconciled until the end of the 25th of the next month, US Central Time. For people, use
``fieldingkit.workflows.reconcile``: it counts what a list would terminate before it sends it.
"""

from datetime import datetime
from typing import Any, ClassVar, Literal, cast

import attrs

from fieldingkit.commands import AccountCommand, Command, DownloadCommand, Endpoint, OpenEnum, ProjectCommand
from fieldingkit.files import Upload
from fieldingkit.job_commands import JobAccepted, JobCommand, JobPace, JobResult, JobWords
from fieldingkit.paging import Page, PagedCommand
from fieldingkit.resources.money import Money
from fieldingkit.resources.upload_checks import coded_id_file, id_file, unique_coded_ids, unique_ids
from fieldingkit.results import Result, ResultList
from fieldingkit.validators import length, opaque_id, ulid, uuid

__all__ = [
    "DownloadReconciliation",
    "DueMonth",
    "EligibleSummary",
    "EligibleTargetGroup",
    "EligibleTargetGroupList",
    "GetReconciledTargetGroup",
    "GetReconciliation",
    "ListEligibleTargetGroups",
    "ListReasonCodes",
    "ListReconciledTargetGroups",
    "ListReconciliations",
    "ReasonCode",
    "ReasonCodeList",
    "Reconcile",
    "ReconcileCompletes",
    "ReconciledTargetGroup",
    "ReconciledTargetGroupList",
    "Reconciliation",
    "ReconciliationFile",
    "ReconciliationList",
    "ReconciliationStatus",
    "SubmissionType",
]

_RECONCILIATIONS = "/demand/accounts/{account_id}/reconciliations"
_RECONCILIATION = _RECONCILIATIONS + "/{request_id}"


class ReconciliationStatus(OpenEnum):
    """The status of a reconciliation."""

    PROCESSING = "processing"
    """It is being processed."""
    COMPLETE = "complete"
    """It has been processed."""
    FAILED = "failed"
    """It has failed; only a filter of the list has this word in the contract."""


class SubmissionType(OpenEnum):
    """The kind of list that was submitted; the API does not say which operation is which."""

    APPROVED_RIDS = "approved_rids"
    """A list of approved completes."""
    REJECTED_RIDS = "rejected_rids"
    """A list of rejected completes."""


class DueMonth(OpenEnum):
    """The month in which respondents can be reconciled for the last time."""

    CURRENT_MONTH = "current_month"
    """This month."""
    NEXT_MONTH = "next_month"
    """The next month."""


class ReconciliationFile(OpenEnum):
    """The files of a reconciliation."""

    SUBMITTED = "submitted-rids"
    """The rows that were submitted; available at once."""
    EXPIRED = "expired-rids"
    """The rows that came too late; available when the reconciliation is complete."""
    INVALID = "invalid-rids"
    """The rows that stand for no respondent; available when the reconciliation is complete."""
    REMAINING_COMPLETES = "remaining-project-completes"
    """The completes that are left in the project of a ``ReconcileCompletes``, when it is complete."""


def _due_month(value: DueMonth | Literal["current_month", "next_month"] | None) -> DueMonth | None:
    return None if value is None else DueMonth(value)


def _file(
    value: ReconciliationFile
    | Literal["submitted-rids", "expired-rids", "invalid-rids", "remaining-project-completes"],
) -> ReconciliationFile:
    return ReconciliationFile(value)


_COUNTS = ("submitted", "expired", "invalid", "positive_reversed", "negative_reversed")


@attrs.frozen(kw_only=True)
class Reconciliation(Result):
    """A reconciliation at the time it was read; its counts are final once it is complete."""

    request_id: str
    """The id of the reconciliation, a ULID."""
    status: ReconciliationStatus
    """The status."""
    name: str | None = None
    """The name of the file."""
    submitted_at: datetime | None = None
    """The time it was submitted, UTC."""
    submitted_by: str | None = None
    """The id of the user who submitted it."""
    submission_type: SubmissionType | None = None
    """The kind of list."""
    submitted: int | None = None
    """The number of rows; None, as for all counts, if the API does not say."""
    expired: int | None = None
    """The number of rows that came too late."""
    invalid: int | None = None
    """The number of rows that stand for no respondent."""
    positive_reversed: int | None = None
    """The number of respondents that became completes."""
    negative_reversed: int | None = None
    """The number of completes that were terminated."""

    @property
    def job_id(self) -> str:
        """The id of the reconciliation."""
        return self.request_id

    @property
    def progress(self) -> int:
        """The number of rows that the API counts as handled so far."""
        counts = (self.expired, self.invalid, self.positive_reversed, self.negative_reversed)
        return sum(count or 0 for count in counts)

    @classmethod
    def _from_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        """Give both forms of the API the same names: that of one reconciliation, and that of the list."""
        counts = cast("dict[str, Any]", body.get("result_counts") or {})
        counts = {name: body.get(f"{name}_count", counts.get(name)) for name in _COUNTS}
        request_id = body.get("request_id", body.get("id"))
        submitted_by = body.get("submitter_las_id", body.get("submitted_by_user_id"))
        members = {**body, **counts, "submitted_by": submitted_by}
        return members if request_id is None else {**members, "request_id": request_id}


@attrs.frozen(kw_only=True, repr=False)
class ReconciliationList(Page[Reconciliation]):
    """One page of an account's reconciliations."""

    reconciliation_requests: tuple[Reconciliation, ...] = ()
    """The reconciliations of this page."""
    next_cursor: str | None = None
    """The ``start_after`` of the next page; None on the last one."""


@attrs.frozen(kw_only=True)
class ReconciledTargetGroup(Result):
    """The part of a reconciliation that concerns one target group."""

    target_group_id: str
    """The target group's ULID."""
    status: ReconciliationStatus | None = None
    """The status."""
    submitted: int | None = None
    """The number of rows."""
    expired: int | None = None
    """The number of rows that came too late."""
    invalid: int | None = None
    """The number of rows that could not be used."""
    positive_reversed: int | None = None
    """The number of respondents that became completes."""
    negative_reversed: int | None = None
    """The number of completes that were terminated."""

    @classmethod
    def _from_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        return {**body, **{name: body.get(f"{name}_count") for name in _COUNTS}}


@attrs.frozen(kw_only=True, repr=False)
class ReconciledTargetGroupList(Page[ReconciledTargetGroup]):
    """One page of the target groups of a reconciliation."""

    target_groups: tuple[ReconciledTargetGroup, ...] = ()
    """The target groups of this page."""
    next_cursor: str | None = None
    """The ``start_after`` of the next page; None on the last one."""


@attrs.frozen(kw_only=True)
class EligibleTargetGroup(Result):
    """A target group with completes that can be reconciled."""

    target_group_id: str
    """The target group's ULID."""
    project_id: str | None = None
    """The project's ULID."""
    name: str | None = None
    """The target group's name."""
    status: str | None = None
    """The target group's status; None if the API does not send it."""
    project_name: str | None = None
    """The project's name; None if the API does not send it."""
    project_manager_id: str | None = None
    """The id of the project manager."""
    project_manager_name: str | None = None
    """The project manager's name."""
    project_manager_email: str | None = None
    """The project manager's email address."""
    last_reconciliation_date: datetime | None = None
    """The time of the last reconciliation, UTC; None if there was none or the API does not send it."""
    eligible_completes: int | None = None
    """The number of completes that can be reconciled."""
    monetary_amount: Money | None = None
    """Their cost."""

    @classmethod
    def _from_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        manager = cast("dict[str, Any]", body.get("project_manager") or {})
        return {
            **_numbers(body, "eligible_completes"),
            **{f"project_manager_{name}": manager.get(name) for name in ("id", "name", "email")},
        }


@attrs.frozen(kw_only=True)
class EligibleSummary(Result):
    """The sums over all target groups that a list of eligible ones is about."""

    completes: int | None = None
    """The number of completes that can be reconciled."""
    target_group_count: int | None = None
    """The number of target groups."""
    monetary_amount: Money | None = None
    """The cost of the completes. The API does not say how it adds up different currencies."""

    @classmethod
    def _from_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        return _numbers(body, "completes", "target_group_count")


def _numbers(body: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return the members with counts that are text, as the API writes them here, as numbers."""
    texts = {name: body[name] for name in names if isinstance(body.get(name), str)}
    return {**body, **{name: int(text) if text.isdecimal() else None for name, text in texts.items()}}


@attrs.frozen(kw_only=True, repr=False)
class EligibleTargetGroupList(Page[EligibleTargetGroup]):
    """One page of the target groups that have completes to reconcile."""

    target_groups: tuple[EligibleTargetGroup, ...] = ()
    """The target groups of this page."""
    summary: EligibleSummary | None = None
    """The sums."""
    has_more: bool = False
    """True if there are more after this page."""
    next_cursor: str | None = None
    """The ``start_after`` of the next page; None or empty on the last one."""


@attrs.frozen(kw_only=True)
class ReasonCode(Result):
    """A reason of a reconciliation."""

    code: str
    """The code; 11 makes a complete, and all others terminate."""
    name: str | None = None
    """The title."""
    description: str | None = None
    """The explanation."""
    allowed: bool | None = None
    """False if the code is no longer in use."""


@attrs.frozen(kw_only=True, repr=False)
class ReasonCodeList(ResultList[ReasonCode]):
    """All reasons of reconciliations."""

    reconciliation_reasons: tuple[ReasonCode, ...] = ()
    """The reasons."""


@attrs.frozen(kw_only=True)
class ListReconciliations(PagedCommand[ReconciliationList]):
    """List an account's reconciliations, 1 to 100 on a page."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", _RECONCILIATIONS, operation_id="get_reconciliations_by_account_id")
    name: str | None = None
    """Only those with this name."""
    status: str | None = None
    """Only those with this status: the contract says ``processing``, ``failed`` or ``completed`` here."""
    submitted_by_user_id: str | None = attrs.field(default=None, validator=uuid)
    """Only those of this user."""


@attrs.frozen(kw_only=True)
class GetReconciliation(AccountCommand[Reconciliation]):
    """Read a reconciliation: its status and counts."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", _RECONCILIATION, operation_id="get_reconciliation_by_request_id")
    request_id: str = attrs.field(validator=opaque_id)
    """The id of the reconciliation."""


@attrs.frozen(kw_only=True)
class ListReconciledTargetGroups(PagedCommand[ReconciledTargetGroupList]):
    """List the target groups of a reconciliation, 1 to 100 on a page."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", _RECONCILIATION + "/target-groups", operation_id="get_target_groups_by_request_id"
    )
    request_id: str = attrs.field(validator=opaque_id)
    """The id of the reconciliation."""


@attrs.frozen(kw_only=True)
class GetReconciledTargetGroup(AccountCommand[ReconciledTargetGroup]):
    """Read the part of a reconciliation that concerns one target group."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET",
        _RECONCILIATION + "/target-groups/{target_group_id}",
        operation_id="get_target_group_by_request_id_and_target_group_id",
    )
    request_id: str = attrs.field(validator=opaque_id)
    """The id of the reconciliation."""
    target_group_id: str = attrs.field(validator=ulid)
    """The target group's ULID."""


@attrs.frozen(kw_only=True)
class DownloadReconciliation(AccountCommand[None], DownloadCommand):
    """Download a file of a reconciliation as CSV. The API does not document its columns."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", _RECONCILIATION + "/downloads/{download_type}", operation_id="get_recon_downloads"
    )
    may_be_empty: ClassVar[bool] = True
    request_id: str = attrs.field(validator=opaque_id)
    """The id of the reconciliation."""
    download_type: ReconciliationFile = attrs.field(converter=_file, validator=opaque_id)
    """The file."""


@attrs.frozen(kw_only=True)
class ListEligibleTargetGroups(PagedCommand[EligibleTargetGroupList]):
    """List the target groups of an account that have completes to reconcile, 1 to 100 on a page."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", _RECONCILIATIONS + "/eligible-target-groups", operation_id="get_eligible_target_groups"
    )
    due_month: DueMonth | None = attrs.field(default=None, converter=_due_month)
    """The month in which the completes can be reconciled for the last time; the current one if left out."""
    name: str | None = None
    """Only target groups with this name."""
    status: str | None = None
    """Only target groups with this status."""
    project_name: str | None = None
    """Only target groups of projects with this name."""
    project_manager_id: str | None = attrs.field(default=None, validator=uuid)
    """Only target groups of this project manager."""


@attrs.frozen(kw_only=True)
class ListReasonCodes(AccountCommand[ReasonCodeList]):
    """List the reasons of reconciliations, with their codes."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", _RECONCILIATIONS + "/reason-codes", operation_id="request_reconciliation_reason_codes"
    )


def _upload(command: "Reconcile | ReconcileCompletes") -> Upload:
    return command.rows if isinstance(command, Reconcile) else command.valid_ids


def _name(command: "Reconcile | ReconcileCompletes") -> str:
    """Return the name of the file; lists have one that the same rows always have."""
    return getattr(_upload(command), "filename", None) or "?"  # anything but a file is refused by the validator


@attrs.frozen(kw_only=True, eq=False, repr=False)
class _Submission(JobCommand[Reconciliation]):
    """Base class of commands that submit a list."""

    status_command: ClassVar[type[Command[JobResult]]] = GetReconciliation
    id_field: ClassVar[str] = "request_id"
    id_in_body: ClassVar[bool] = True
    words: ClassVar[JobWords] = JobWords(done=frozenset({"complete"}))
    pace: ClassVar[JobPace | None] = JobPace(
        first_delay=2, min_interval=2, max_interval=600, timeout=450, timeout_per_item=0.045
    )

    def item_count(self) -> int:
        """Return the number of rows."""
        return _upload(cast("Reconcile | ReconcileCompletes", self)).content.count(b"\n")


@attrs.frozen(kw_only=True)
class Reconcile(_Submission, AccountCommand[JobAccepted]):
    """Reconcile respondents: code 11 makes a complete, any other code terminates a complete.

    Respondents can be of any project of the account whose target groups are live, paused or completed. A completed
    target group that falls below its goal can become live again.
    """

    endpoint: ClassVar[Endpoint] = Endpoint("POST", _RECONCILIATIONS, operation_id="post_reconciliations")
    rows: Upload = attrs.field(converter=coded_id_file, validator=unique_coded_ids, metadata={"body": True})
    """Pairs of a RID and a reason code, or a CSV file of them without a header; at most 100,000."""
    name: str = attrs.field(
        default=attrs.Factory(_name, takes_self=True), validator=length(1, 255), metadata={"query": True}
    )
    """The name of the list; that of the file, or one that the same rows always have."""
    idempotency_key: str | None = attrs.field(default=None, validator=uuid)
    """A UUID of your own; by default one is made for each call."""


@attrs.frozen(kw_only=True)
class ReconcileCompletes(_Submission, ProjectCommand[JobAccepted]):
    """Terminate every complete of a project that is NOT in the list. A list that is cut short destroys completes.

    ``workflows.reconcile(client, valid_ids=...)`` counts first what would be terminated, and refuses a surprise.
    """

    endpoint: ClassVar[Endpoint] = Endpoint(
        "POST",
        "/demand/accounts/{account_id}/projects/{project_id}/reconciliations/completes",
        operation_id="post_reconciliations_completes",
    )
    valid_ids: Upload = attrs.field(converter=id_file, validator=unique_ids, metadata={"body": True})
    """The RIDs of ALL valid completes of the project, or a file with one a line without a header; at most 100,000."""
    name: str = attrs.field(
        default=attrs.Factory(_name, takes_self=True), validator=length(1, 255), metadata={"query": True}
    )
    """The name of the list; that of the file, or one that the same ids always have."""
    idempotency_key: str | None = attrs.field(default=None, validator=uuid)
    """A UUID of your own; by default one is made for each call."""
