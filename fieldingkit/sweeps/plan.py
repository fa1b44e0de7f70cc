"""Sweep plans: an action and its target groups, as an immutable value that is saved as JSON."""

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Self, cast

import attrs

from fieldingkit._repr import brief_repr
from fieldingkit.errors import ConfigurationError, InvalidCommandError
from fieldingkit.resources.projects import ListProjects, ProjectStatus
from fieldingkit.resources.target_groups import ListTargetGroups, TargetGroupStatus, status_tuple
from fieldingkit.sweeps.actions import Action, ActionName
from fieldingkit.validators import account_id, non_empty, optional_str_tuple, str_tuple, ulid, ulids

__all__ = ["SweepPlan", "TargetGroupQuery", "derive_run_id"]


_PAGE_SIZE = 100
_MAX_RUN_ID = 100
_RUN_ID = re.compile(rf"[A-Za-z0-9._:-]{{1,{_MAX_RUN_ID}}}")
_VERSION = 1
_FINGERPRINT_FIELDS = ("action", "target_groups", "query", "check_status_first", "chunk_size")

RETRY_CODES = frozenset({"JobExecutionStartMessageFailed", "unexpected_internal_error"})
"""The failure codes of internal API errors, which may succeed on a retry; the API publishes no list of codes."""


def _action(value: Action | ActionName) -> Action:
    try:
        return Action(value)
    except Exception as exc:  # Enum shows the value in its own message, which may raise anything
        raise InvalidCommandError(
            f"action must be one of {', '.join(Action)}; got {brief_repr(value)}", field="action"
        ) from exc


def _by_project(groups: Mapping[str, Iterable[str]] | None) -> Mapping[str, tuple[str, ...]] | None:
    return None if groups is None else {project_id: str_tuple(members) for project_id, members in groups.items()}


def _check_run_id(plan: object, attribute: "attrs.Attribute[Any]", value: str) -> None:
    if not (isinstance(cast("object", value), str) and _RUN_ID.fullmatch(value)):
        name = f"{type(plan).__name__}.{attribute.name}"
        raise InvalidCommandError(
            f"{name} must be 1 to 100 letters, digits and . _ : -; got {brief_repr(value)}", field=attribute.name
        )


def _at_least(minimum: float) -> "Callable[[object, attrs.Attribute[Any], float], None]":
    def check(plan: object, attribute: "attrs.Attribute[Any]", value: float) -> None:
        if not isinstance(cast("object", value), int | float) or not value >= minimum:
            raise InvalidCommandError(
                f"{type(plan).__name__}.{attribute.name} must be at least {minimum:g}; got {brief_repr(value)}",
                field=attribute.name,
            )

    return check


def _without_order(value: object) -> Any:
    """Return the value as JSON whose lists are sorted."""
    match value:
        case TargetGroupQuery():
            return _without_order(attrs.asdict(value, recurse=False))
        case Mapping():
            return {name: _without_order(item) for name, item in cast("Mapping[str, object]", value).items()}
        case tuple():
            return sorted(cast("tuple[str, ...]", value))
        case _:
            return value


def derive_run_id(run_id: str, suffix: str) -> str:
    """Return a run id with a suffix, shortened to the largest length."""
    return f"{run_id[: _MAX_RUN_ID - len(suffix)]}{suffix}"


def _new_run_id() -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


@attrs.frozen(kw_only=True)
class TargetGroupQuery:
    """Filters that select target groups. A target group must match all of them; None matches everything."""

    project_ids: tuple[str, ...] | None = attrs.field(default=None, converter=optional_str_tuple, validator=ulids)
    """Only these projects, by ULID; None for all projects of the account."""
    exclude_project_ids: tuple[str, ...] | None = attrs.field(
        default=None, converter=optional_str_tuple, validator=ulids
    )
    """Not these projects, by ULID."""
    project_status: ProjectStatus | None = attrs.field(default=None, converter=attrs.converters.optional(ProjectStatus))
    """Only projects with this status; ignored with ``project_ids``."""
    project_search: str | None = None
    """Only projects whose name or short id matches; ignored with ``project_ids``."""
    status: tuple[TargetGroupStatus, ...] | None = attrs.field(
        default=None, converter=status_tuple, validator=non_empty
    )
    """Only target groups with one of these statuses."""
    country: tuple[str, ...] | None = attrs.field(default=None, converter=optional_str_tuple, validator=non_empty)
    """Only target groups of these countries: two-letter codes in lower case."""
    language: tuple[str, ...] | None = attrs.field(default=None, converter=optional_str_tuple, validator=non_empty)
    """Only target groups in these languages: three-letter codes in lower case."""
    search_string: str | None = None
    """Only target groups whose name or short id matches."""
    human_readable_ids: tuple[str, ...] | None = attrs.field(
        default=None, converter=optional_str_tuple, validator=non_empty
    )
    """Only target groups with these short ids."""
    target_group_customer_reference_numbers: tuple[str, ...] | None = attrs.field(
        default=None, converter=optional_str_tuple, validator=non_empty
    )
    """Only target groups with these customer reference numbers."""
    project_manager_id: str | None = None
    """Only target groups that this user manages."""
    exclusion_status: bool | None = None
    """Only target groups that the project's exclusions apply to (True) or do not apply to (False)."""

    def list_projects(self, account_id: str | int | None) -> ListProjects:
        """Return the command that lists the projects of the query."""
        return ListProjects(
            account_id=account_id, status=self.project_status, search_string=self.project_search, page_size=_PAGE_SIZE
        )

    def list_target_groups(self, account_id: str | int | None, project_id: str) -> ListTargetGroups:
        """Return the command that lists the matching target groups of one project."""
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
            page_size=_PAGE_SIZE,
        )


@attrs.frozen(kw_only=True)
class SweepPlan:
    """An action on many target groups of many projects.

    Give either the target groups or a query that finds them. The same plan with the same ``run_id`` sends the same
    jobs with the same idempotency keys, so that the API applies them once. Repeating a sweep takes a new ``run_id``.
    """

    action: Action = attrs.field(converter=_action)
    """The action: ``pause``, ``resume``, ``complete``, ``relaunch`` or ``launch``."""
    target_groups: Mapping[str, tuple[str, ...]] | None = attrs.field(default=None, converter=_by_project)
    """The ULIDs of the target groups, by the ULID of their project."""
    query: TargetGroupQuery | None = None
    """The query that finds the target groups."""
    account_id: str | int | None = attrs.field(default=None, validator=account_id)
    """The account's number; None for the client's account."""
    run_id: str = attrs.field(factory=_new_run_id, validator=_check_run_id)
    """The run id. Sweeps are idempotent per run id. A new one is generated by default."""
    undoes: str | None = None
    """The run that this plan undoes; see ``undo_plan``. None for any other sweep."""
    check_status_first: bool = True
    """True to read the status of ``target_groups`` before sending, by listing their projects.

    Without it, all target groups are sent: none is skipped or reported as unchanged, and the sweep cannot be undone.
    A query returns statuses in any case.
    """
    strict: bool = False
    """True to send nothing if one of the projects cannot be listed; by default, the other projects are swept."""
    chunk_size: int = attrs.field(default=100, validator=_at_least(1))
    """The largest number of target groups in one job. The API documents no limit, and recommends about 100."""
    first: int | None = attrs.field(default=None, validator=attrs.validators.optional(_at_least(1)))
    """The number of target groups to send, settle and read again before the others are sent; None to send all."""
    concurrency: int = attrs.field(default=100, validator=_at_least(1))
    """The largest number of jobs in progress at once."""
    max_retries: int = attrs.field(default=2, validator=_at_least(0))
    """How often to resend target groups that failed with one of ``retry_codes`` or are missing from a job's result."""
    retry_codes: frozenset[str] = attrs.field(default=RETRY_CODES, converter=frozenset)
    """The API's failure codes to retry."""
    retry_delay: float = attrs.field(default=2.0, validator=_at_least(0))
    """Seconds before the first retry; doubles with each retry."""
    job_timeout: float = attrs.field(default=1800.0, validator=_at_least(0))
    """Seconds to poll a job. The target groups of a job that has not ended by then are read instead."""
    idempotency_key_ttl: float = attrs.field(default=3600.0, validator=_at_least(0))
    """Seconds for which the API is assumed to recognize an idempotency key; the API does not document this.

    A job that may have been accepted is sent again with its key until then. Later, its target groups are read first,
    and only those without the target status are sent, with a new key.
    """

    def __attrs_post_init__(self) -> None:
        if (self.target_groups is None) == (self.query is None):
            raise InvalidCommandError("a plan needs either target_groups or a query", field="target_groups")
        seen: set[str] = set()
        fields = attrs.fields(SweepPlan)
        for project_id, members in (self.target_groups or {}).items():
            ulid(self, fields.target_groups, project_id)
            ulids(self, fields.target_groups, members)
            if twice := seen.intersection(members):
                raise InvalidCommandError(f"target group {min(twice)} is listed in two projects", field="target_groups")
            seen.update(members)

    @property
    def fingerprint(self) -> str:
        """A hash of what the plan does, whatever the order of its ids.

        The account is not part of it, because a plan without one means the client's; nor are concurrency, retries and
        timeouts.
        """
        fields = {name: _without_order(getattr(self, name)) for name in _FINGERPRINT_FIELDS}
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()

    def encode(self) -> str:
        """Return the plan as JSON, to be kept in a file or a journal."""
        return json.dumps({"v": _VERSION, **self._fields()}, separators=(",", ":"))

    @classmethod
    def decode(cls, text: str) -> Self:
        """Return the plan that ``encode`` wrote.

        Raises:
            ConfigurationError: if the text is not a plan, or a later release wrote it.
            InvalidCommandError: if a field of the plan is invalid.
        """
        try:
            fields = cast("dict[str, Any]", json.loads(text))
            version = fields.pop("v")
        except (ValueError, TypeError, AttributeError, KeyError) as exc:
            raise ConfigurationError("this is not a sweep plan") from exc
        if version != _VERSION:
            raise ConfigurationError(f"this sweep plan has version {version!r}; this release reads version {_VERSION}")
        try:
            if fields.get("query") is not None:
                fields["query"] = TargetGroupQuery(**fields["query"])
            return cls(**fields)
        except (TypeError, AttributeError) as exc:
            raise ConfigurationError(f"this sweep plan is damaged: {exc}") from exc

    def _fields(self) -> dict[str, Any]:
        account_id = None if self.account_id is None else str(self.account_id)
        return {**attrs.asdict(self), "account_id": account_id, "retry_codes": sorted(self.retry_codes)}
