"""The operators: sweeps and batches that defer while their jobs run, and the status of a single run.

Airflow imports this module whenever it parses a DAG file, so the sweep engine is imported only when a task runs.
"""

from collections.abc import Collection, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException

from fieldingkit.airflow.base_operator import FieldingOperator
from fieldingkit.airflow.hooks import FieldingHook
from fieldingkit.airflow.results import DETAILS_KEY

if TYPE_CHECKING:
    from fieldingkit.airflow.steps import PreviewFunction
    from fieldingkit.client import AsyncClient
    from fieldingkit.resources.fielding_runs import GetFieldingRun
    from fieldingkit.sweeps.actions import ActionName
    from fieldingkit.sweeps.plan import SweepPlan, TargetGroupQuery
    from fieldingkit.sweeps.report import SweepProgress
    from fieldingkit.workflows.runs import EnsuredStatus

__all__ = ["EnsureFieldingStatusOperator", "FieldingBatchOperator", "FieldingSweepOperator"]


class FieldingBatchOperator(FieldingOperator):
    """Applies an action to target groups of one project in one job, regardless of their status.

    ::

        FieldingBatchOperator(
            task_id="pause",
            action="pause",
            project_id="{{ params.project_id }}",
            target_group_ids="{{ params.target_group_ids }}",
        )

    A target group that already has the target status counts as updated, and one whose status does not allow the action
    as failed. No status is read first, so ``changed`` is 0 in the result. For ``changed``, or for several projects,
    use ``FieldingSweepOperator``.

    Args:
        action: ``pause``, ``resume``, ``complete``, ``relaunch`` or ``launch``.
        project_id: The project's ULID.
        target_group_ids: The target groups' ULIDs; a string may contain several, separated by spaces or commas.
        account_id: The account's number; None for the account of the connection.
        kwargs: Arguments of ``FieldingOperator`` and of every Airflow operator.
    """

    template_fields: Collection[str] = ("action", "project_id", "target_group_ids", "account_id", "fielding_conn_id")

    def __init__(
        self,
        *,
        action: str,
        project_id: str,
        target_group_ids: Iterable[str] | str,
        account_id: str | int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.action = action
        self.project_id = project_id
        self.target_group_ids = target_group_ids
        self.account_id = account_id

    def plan(self, context: Context) -> "SweepPlan":
        """Return a plan with one job, which reads no status first and retries nothing.

        Raises:
            InvalidCommandError: if a parameter is invalid.
        """
        from fieldingkit.airflow.task_state import run_id_for
        from fieldingkit.sweeps.plan import SweepPlan
        from fieldingkit.validators import str_tuple

        named = self.target_group_ids
        ids = named.replace(",", " ").split() if isinstance(named, str) else str_tuple(named)
        return SweepPlan(
            action=cast("ActionName", self.action),  # a template may render to anything; the plan checks it
            target_groups={self.project_id: ids},
            account_id=self.account_id or None,
            run_id=run_id_for(context["ti"]),
            check_status_first=False,
            chunk_size=max(1, len(ids)),
            max_retries=0,
            job_timeout=self.job_timeout,
        )


class FieldingSweepOperator(FieldingOperator):
    """Applies an action to target groups of many projects, in few jobs, each exactly once.

    ::

        FieldingSweepOperator.partial(task_id="pause", action="pause").expand(query=queries)

    Here, ``queries`` is a list of queries such as ``{"project_ids": ["01K..."], "status": ["live"]}``. Each query
    becomes a mapped task, so that the workers share the work. The target groups are saved before anything is sent.
    A retry does not query again; otherwise it would mistake its own earlier work for someone else's change.

    Args:
        action: ``pause``, ``resume``, ``complete``, ``relaunch`` or ``launch``.
        query: A ``TargetGroupQuery`` that finds the target groups, or its fields as a mapping, which may be templated.
        target_groups: The ULIDs of the target groups, by the ULID of their project.
        changed_by: The ``task`` of another sweep's result: selects exactly the target groups that the other sweep
            changed. They are read from its XCom ``details``.
        check_history: False to undo ``changed_by`` without reading the changelog of each of its target groups first,
            which takes one request for each. Target groups whose status was changed again meanwhile are then not
            skipped.
        account_id: The account's number; None for the account of the connection.
        check_status_first: True to read the status of ``target_groups`` before sending; see ``SweepPlan``.
        chunk_size: The largest number of target groups in one job.
        concurrency: The largest number of jobs in progress at once.
        max_retries: How often to resend target groups that failed for internal reasons of the API.
        kwargs: Arguments of ``FieldingOperator`` and of every Airflow operator.
    """

    template_fields: Collection[str] = (
        "action",
        "query",
        "target_groups",
        "changed_by",
        "account_id",
        "fielding_conn_id",
    )

    def __init__(
        self,
        *,
        action: str,
        query: "TargetGroupQuery | Mapping[str, Any] | None" = None,
        target_groups: Mapping[str, Iterable[str]] | None = None,
        changed_by: Mapping[str, Any] | None = None,
        check_history: bool = True,
        account_id: str | int | None = None,
        check_status_first: bool = True,
        chunk_size: int = 100,
        concurrency: int = 100,
        max_retries: int = 2,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.action = action
        self.query = query
        self.target_groups = target_groups
        self.changed_by = changed_by
        self.check_history = check_history
        self.account_id = account_id
        self.check_status_first = check_status_first
        self.chunk_size = chunk_size
        self.concurrency = concurrency
        self.max_retries = max_retries

    def plan(self, context: Context) -> "SweepPlan":
        """Return the plan of the task.

        Raises:
            InvalidCommandError: if a parameter is invalid.
            AirflowFailException: if the other sweep has no result in XCom.
        """
        from fieldingkit.airflow.params import parse_mapping, parse_query
        from fieldingkit.airflow.steps import changed_groups
        from fieldingkit.airflow.task_state import run_id_for
        from fieldingkit.sweeps.plan import SweepPlan

        target_groups = self.target_groups
        if self.changed_by is not None:
            target_groups = changed_groups(_details(context, self.changed_by))
        if target_groups is not None:
            target_groups = parse_mapping("target_groups", target_groups)
        return SweepPlan(
            action=cast("ActionName", self.action),  # a template may render to anything; the plan checks it
            target_groups=target_groups,
            query=None if self.query is None else parse_query(self.query),
            account_id=self.account_id or None,
            run_id=run_id_for(context["ti"]),
            check_status_first=self.check_status_first,
            chunk_size=self.chunk_size,
            concurrency=self.concurrency,
            max_retries=self.max_retries,
            job_timeout=self.job_timeout,
        )

    def preview(self, context: Context, plan: "SweepPlan") -> "PreviewFunction | None":
        """Return a function that reads the changelogs of the target groups of ``changed_by``; None without it.

        Args:
            context: The task's context.
            plan: The plan of the task.
        """
        from fieldingkit.airflow.steps import preview_changed

        if self.changed_by is None:
            return None
        details = _details(context, self.changed_by)
        return partial(
            preview_changed,
            plan=plan,
            details=details,
            check_history=self.check_history,
            on_progress=self._log_progress,
        )

    def _log_progress(self, progress: "SweepProgress") -> None:
        seconds = "" if progress.seconds is None else f", which takes {progress.seconds:.0f} s"
        self.log.info("reading the changelogs of %d target groups%s", progress.total, seconds)


def _details(context: Context, changed_by: object) -> Mapping[str, Any]:
    """Return the details of another task's result."""
    from fieldingkit.airflow.params import parse_mapping
    from fieldingkit.errors import InvalidCommandError

    other = parse_mapping("changed_by", changed_by)
    if missing := [name for name in ("dag_id", "run_id", "task_id", "map_index") if name not in other]:
        raise InvalidCommandError(
            f"changed_by must be the `task` of a result; it has no {', '.join(missing)}", field="changed_by"
        )
    details: Mapping[str, Any] | None = context["ti"].xcom_pull(
        key=DETAILS_KEY,
        task_ids=other["task_id"],
        dag_id=other["dag_id"],
        run_id=other["run_id"],
        map_indexes=other["map_index"],
    )
    if details is None:
        raise AirflowFailException(
            f"task {other['task_id']} of DAG {other['dag_id']}, run {other['run_id']}, has no result in XCom"
        )
    return details


_PREVIOUS_STATUS_KEY = "fieldingkit.previous_status"


class EnsureFieldingStatusOperator(BaseOperator):
    """Changes the status of a target group's fielding run, by the one action that leads to the status.

    ::

        EnsureFieldingStatusOperator(
            task_id="resume", project_id="01K...", target_group_id="01K...", status="live"
        )

    A run that already has the status is not changed. If someone else changes the run at the same time, it is read
    again. This takes two or three requests, so the operator does not defer. An example of its result::

        {"status": "live", "changed": True, "previous_status": "paused", "conflicts": 0}

    ``changed`` is also True for a retry that finds the status that the first try has set.

    Args:
        project_id: The project's ULID.
        target_group_id: The target group's ULID.
        status: ``live``, ``paused`` or ``completed``.
        fielding_run_id: The run's id; by default the run of the target group is read.
        account_id: The account's number; None for the account of the connection.
        max_conflicts: How often to start again if someone else changes the run at the same time.
        fielding_conn_id: The id of the Airflow connection to use.
        kwargs: Arguments of every Airflow operator.
    """

    template_fields: Collection[str] = (
        "project_id",
        "target_group_id",
        "status",
        "fielding_run_id",
        "account_id",
        "fielding_conn_id",
    )

    def __init__(
        self,
        *,
        project_id: str,
        target_group_id: str,
        status: str,
        fielding_run_id: str | None = None,
        account_id: str | int | None = None,
        max_conflicts: int = 3,
        fielding_conn_id: str = FieldingHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.project_id = project_id
        self.target_group_id = target_group_id
        self.status = status
        self.fielding_run_id = fielding_run_id
        self.account_id = account_id
        self.max_conflicts = max_conflicts
        self.fielding_conn_id = fielding_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Change the status.

        Raises:
            AirflowFailException: if no action leads to the status, or the API does not allow it.
            FieldingKitError: if the API cannot be reached, or the run keeps changing.
        """
        from fieldingkit.airflow.task_state import state_store
        from fieldingkit.errors import (
            ConfigurationError,
            InvalidCommandError,
            InvalidStateError,
            StatusUnreachableError,
        )
        from fieldingkit.workflows.runs import ensure_status

        try:
            store = state_store(context)
            with FieldingHook(self.fielding_conn_id).client() as client:
                run = client.call(self._run)
                previous_status = store.get(_PREVIOUS_STATUS_KEY)
                if previous_status is None:
                    previous_status = client.send(run).status.value
                    store.set(_PREVIOUS_STATUS_KEY, previous_status)
                outcome: EnsuredStatus = client.call(ensure_status, run, self.status, max_conflicts=self.max_conflicts)
        except (StatusUnreachableError, InvalidStateError, InvalidCommandError, ConfigurationError) as exc:
            raise AirflowFailException(str(exc)) from exc
        return {
            "status": outcome.status.value,
            "changed": outcome.changed or previous_status != outcome.status,
            "previous_status": previous_status,
            "conflicts": len(outcome.conflicts),
        }

    async def _run(self, client: "AsyncClient") -> "GetFieldingRun":
        """Return the command that reads the run."""
        from fieldingkit.resources.fielding_runs import GetFieldingRun, ListFieldingRuns

        account_id = self.account_id or None
        run_id = self.fielding_run_id
        if not run_id:
            runs = await client.send(
                ListFieldingRuns(
                    account_id=account_id, project_id=self.project_id, target_group_id=self.target_group_id
                )
            )
            if not runs.data:
                raise AirflowFailException(f"target group {self.target_group_id} is a draft, which has no fielding run")
            run_id = runs.data[0].id
        return GetFieldingRun(
            account_id=account_id,
            project_id=self.project_id,
            target_group_id=self.target_group_id,
            fielding_run_id=run_id,
        )
