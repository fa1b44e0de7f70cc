"""What a sweep is to do, as a value that can be kept, looked at, and taken back."""

import hashlib
import json
import re
import secrets
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Self, cast

import attrs

from fieldingkit.errors import ConfigurationError, InvalidCommandError
from fieldingkit.resources.projects import ListProjects, ProjectStatus
from fieldingkit.resources.target_groups import ListTargetGroups, TargetGroupStatus, status_tuple
from fieldingkit.sweeps.actions import Action
from fieldingkit.sweeps.report import Outcome, SweepReport
from fieldingkit.validators import account_id, non_empty, optional_str_tuple, str_tuple, ulid, ulids

__all__ = ["SweepPlan", "TargetGroupQuery"]


_PAGE = 100
_RUN_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}")

RETRY_CODES = frozenset({"JobExecutionStartMessageFailed", "unexpected_internal_error"})
"""The failure codes that speak of the API's own trouble, not of the target group; the API publishes no list."""


def _action(value: str) -> Action:
    try:
        return Action(value)
    except ValueError as exc:
        raise InvalidCommandError(
            f"action must be one of {', '.join(Action)}; got {value[:40]!r}", field="action"
        ) from exc


def _by_project(groups: Mapping[str, Iterable[str]] | None) -> Mapping[str, tuple[str, ...]] | None:
    return None if groups is None else {project_id: str_tuple(members) for project_id, members in groups.items()}


def _named(plan: object, attribute: "attrs.Attribute[Any]", value: str) -> None:
    if not _RUN_ID.fullmatch(value):
        raise InvalidCommandError(
            f"{type(plan).__name__}.{attribute.name} must be 1 to 100 letters, digits and . _ : -; got {value[:40]!r}",
            field=attribute.name,
        )


def _at_least(least: float) -> Any:
    def check(plan: object, attribute: "attrs.Attribute[Any]", value: float) -> None:
        if not value >= least:
            raise InvalidCommandError(
                f"{type(plan).__name__}.{attribute.name} must be at least {least:g}; got {value}", field=attribute.name
            )

    return check


def _new_run_id() -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


@attrs.frozen(kw_only=True)
class TargetGroupQuery:
    """Which target groups: of these projects, those that pass every filter. A filter that is left out lets all pass."""

    project_ids: tuple[str, ...] | None = attrs.field(default=None, converter=optional_str_tuple, validator=ulids)
    """The projects' ULIDs; all projects of the account if left out."""
    project_status: ProjectStatus | None = attrs.field(default=None, converter=attrs.converters.optional(ProjectStatus))
    """Only projects in this state; where ``project_ids`` names them it is not asked."""
    project_search: str | None = None
    """Only projects whose name or short id matches; where ``project_ids`` names them it is not asked."""
    status: tuple[TargetGroupStatus, ...] | None = attrs.field(
        default=None, converter=status_tuple, validator=non_empty
    )
    """Only target groups that stand here."""
    country: tuple[str, ...] | None = attrs.field(default=None, converter=optional_str_tuple, validator=non_empty)
    """Only those of these countries, two small letters each."""
    language: tuple[str, ...] | None = attrs.field(default=None, converter=optional_str_tuple, validator=non_empty)
    """Only those in these languages, three small letters each."""
    search_string: str | None = None
    """Only those whose name or short id matches."""
    human_readable_ids: tuple[str, ...] | None = attrs.field(
        default=None, converter=optional_str_tuple, validator=non_empty
    )
    """Only those with these short ids."""
    target_group_customer_reference_numbers: tuple[str, ...] | None = attrs.field(
        default=None, converter=optional_str_tuple, validator=non_empty
    )
    """Only those with these references."""
    project_manager_id: str | None = None
    """Only those that this user manages."""
    exclusion_status: bool | None = None
    """Only those that the project's exclusions apply to, or do not."""

    def projects(self, account_id: str | int | None) -> ListProjects:
        """The command that lists the projects."""
        return ListProjects(
            account_id=account_id, status=self.project_status, search_string=self.project_search, page_size=_PAGE
        )

    def target_groups(self, account_id: str | int | None, project_id: str) -> ListTargetGroups:
        """The command that lists a project's target groups."""
        return ListTargetGroups(
            account_id=account_id,
            project_id=project_id,
            status=self.status,
            country=self.country,
            language=self.language,
            search_string=self.search_string,
            human_readable_ids=self.human_readable_ids,
            target_group_customer_reference_numbers=self.target_group_customer_reference_numbers,
            project_manager_id=self.project_manager_id,
            exclusion_status=self.exclusion_status,
            page_size=_PAGE,
        )


@attrs.frozen(kw_only=True)
class SweepPlan:
    """One action on many target groups of many projects.

    Name the target groups, or give a query that finds them; not both. The same plan with the same ``run_id`` sends the
    same jobs with the same idempotency keys; to do it afresh, give it a new ``run_id``.
    """

    action: Action = attrs.field(converter=_action)
    """What to do: ``pause``, ``resume``, ``complete``, ``relaunch`` or ``launch``."""
    target_groups: Mapping[str, tuple[str, ...]] | None = attrs.field(default=None, converter=_by_project)
    """The target groups' ULIDs by their project's ULID."""
    query: TargetGroupQuery | None = None
    """What finds them."""
    account_id: str | int | None = attrs.field(default=None, validator=account_id)
    """The account's number; the client's own if left out."""
    run_id: str = attrs.field(factory=_new_run_id, validator=_named)
    """The run's name: whatever is done twice under one name is done once. A new one is made if left out."""
    check_status_first: bool = True
    """Whether the status of target groups that are named is read beforehand, with a list of each project.

    Without it everything is sent as it is named: nothing is skipped, nothing is known to have been there already, and
    the sweep cannot be undone. What a query finds comes with its status anyway.
    """
    chunk_size: int = attrs.field(default=100, validator=_at_least(1))
    """How many target groups go into one job at most. The API documents no limit; it advises projects of about 100."""
    concurrency: int = attrs.field(default=100, validator=_at_least(1))
    """How many jobs may be under way at once."""
    max_retries: int = attrs.field(default=2, validator=_at_least(0))
    """How often target groups are sent again that failed with one of ``retry_codes``, or were left out of a result."""
    retry_codes: frozenset[str] = attrs.field(default=RETRY_CODES, converter=frozenset)
    """The API's failure codes that are worth another try."""
    retry_delay: float = attrs.field(default=2.0, validator=_at_least(0))
    """Seconds before the first retry; doubles with each."""
    job_timeout: float = attrs.field(default=1800.0, validator=_at_least(0))
    """Seconds after which a job that has not ended is no longer followed; its target groups are read then."""
    idempotency_key_ttl: float = attrs.field(default=3600.0, validator=_at_least(0))
    """Seconds for which the API is trusted to know an idempotency key again; the API does not say.

    A job whose acceptance was never seen is sent again with its key for so long. Later its target groups are read
    first, and only those that are not yet where they should be are sent, with a new key.
    """

    def __attrs_post_init__(self) -> None:
        if (self.target_groups is None) == (self.query is None):
            raise InvalidCommandError("a plan needs target_groups or a query, and not both", field="target_groups")
        seen: set[str] = set()
        fields = attrs.fields(SweepPlan)
        for project_id, members in (self.target_groups or {}).items():
            ulid(self, fields.target_groups, project_id)
            ulids(self, fields.target_groups, members)
            if twice := seen.intersection(members):
                raise InvalidCommandError(f"target group {min(twice)} is named in two projects", field="target_groups")
            seen.update(members)

    @property
    def fingerprint(self) -> str:
        """What tells one plan from another under the same ``run_id``; how patiently it is carried out does not."""
        what = {name: value for name, value in self._fields().items() if name in _WHAT}
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()

    def encode(self) -> str:
        """The plan as JSON, to be kept in a file or a journal."""
        return json.dumps({"v": 1, **self._fields()}, separators=(",", ":"))

    @classmethod
    def decode(cls, text: str) -> Self:
        """Read a plan from its JSON.

        Raises:
            ConfigurationError: if it is none, or was made by a later release.
            InvalidCommandError: if it is a plan that makes no sense.
        """
        try:
            fields = cast("dict[str, Any]", json.loads(text))
            version = fields.pop("v")
        except (ValueError, TypeError, AttributeError, KeyError) as exc:
            raise ConfigurationError("this is not a sweep plan") from exc
        if version != 1:
            raise ConfigurationError(f"this sweep plan has version {version!r}; this release reads 1")
        try:
            if fields.get("query") is not None:
                fields["query"] = TargetGroupQuery(**fields["query"])
            return cls(**fields)
        except (TypeError, AttributeError) as exc:
            raise ConfigurationError(f"this is not a sweep plan: {exc}") from exc

    def inverse(self, report: SweepReport) -> "SweepPlan":
        """The plan that takes a pause or a resume back: for exactly the target groups that the sweep changed.

        Those are the updated ones whose status beforehand is known. One that was there already is not touched, nor one
        whose status was not read (``check_status_first=False``). The run id is the sweep's own with ``-undo``, so that
        undoing twice is undoing once.

        Args:
            report: What became of this plan.

        Raises:
            InvalidCommandError: if there is no way back from the action, or the report is of another run.
        """
        opposite = self.action.opposite
        if opposite is None:
            raise InvalidCommandError(f"there is no way back from {self.action}", field="action")
        if (report.run_id, report.action) != (self.run_id, self.action):
            raise InvalidCommandError(
                f"the report is of the {report.action} run {report.run_id}, the plan of the {self.action} run "
                f"{self.run_id}",
                field="run_id",
            )
        changed: dict[str, list[str]] = {}
        for group in report.of(Outcome.UPDATED):
            if group.before in self.action.sources:
                changed.setdefault(group.project_id, []).append(group.target_group_id)
        return attrs.evolve(
            self,
            action=opposite,
            target_groups=changed,
            query=None,
            run_id=f"{self.run_id[: 100 - len(_UNDO)]}{_UNDO}",
            check_status_first=True,
        )

    def _fields(self) -> dict[str, Any]:
        account_id = None if self.account_id is None else str(self.account_id)
        return {**attrs.asdict(self), "account_id": account_id, "retry_codes": sorted(self.retry_codes)}


_UNDO = "-undo"
_WHAT = frozenset({"action", "target_groups", "query", "account_id", "check_status_first", "chunk_size"})
