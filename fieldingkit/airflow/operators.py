"""The operators: sweeps and batches that defer while their jobs run, and the status of a single run."""

import abc
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, NoReturn, cast

import attrs
from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException, TaskDeferralTimeout

from fieldingkit.airflow.checkpoint import TaskStateCheckpoint, run_id_for, task_reference
from fieldingkit.airflow.hooks import FieldingHook
from fieldingkit.airflow.params import parse_mapping, parse_query
from fieldingkit.airflow.results import FailOn, annotate_outlet_events, summarize, task_failure, task_result
from fieldingkit.airflow.triggers import FieldingJobsTrigger
from fieldingkit.client import AsyncClient
from fieldingkit.errors import ConfigurationError, InvalidCommandError, InvalidStateError, StatusUnreachableError
from fieldingkit.resources.fielding_runs import GetFieldingRun, ListFieldingRuns
from fieldingkit.sweeps.actions import ActionName
from fieldingkit.sweeps.context import SweepContext
from fieldingkit.sweeps.engine import discover, report, settle, submit
from fieldingkit.sweeps.plan import SweepPlan, TargetGroupQuery
from fieldingkit.workflows.runs import EnsuredStatus, ensure_status

__all__ = ["EnsureFieldingStatusOperator", "FieldingBatchOperator", "FieldingOperator", "FieldingSweepOperator"]


_GRACE = 60.0
"""Seconds that a worker waits for jobs that should have ended, before it reads the status of their target groups."""


class FieldingOperator(BaseOperator, abc.ABC):
    """Applies a sweep plan; the base class of the operators that create jobs.

    The steps are the same for every plan:

    1. On a worker: find the target groups, and submit their jobs with keys derived from the task and the DAG run.
    2. On the triggerer: wait for the jobs, by their tokens.
    3. On a worker: settle the results. Target groups that failed for internal reasons of the API go into another job,
       which leads back to step 2.

    Every step is saved in the task's state store. A retry of a killed, cleared or failed task continues the jobs in the
    store. A job whose acceptance was not seen is sent again with its key, which results in the same job.

    Args:
        job_timeout: Seconds to wait for jobs; then the status of their target groups is read. The jobs continue.
        fail_on: When the task fails: ``any`` if a target group failed, ``unknown`` only if an outcome is unknown, or
            ``never``. The result goes to XCom in every case.
        deferrable: True to wait on the triggerer, False to wait on a worker.
        fielding_conn_id: The id of the Airflow connection to use.
        kwargs: Arguments of every Airflow operator.

    Raises:
        ValueError: if ``fail_on`` is none of the three.
    """

    def __init__(
        self,
        *,
        job_timeout: float = 1800.0,
        fail_on: FailOn = "any",
        deferrable: bool = True,
        fielding_conn_id: str = FieldingHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if fail_on not in ("any", "unknown", "never"):
            raise ValueError(f"fail_on must be any, unknown or never; got {fail_on!r}")
        self.job_timeout = job_timeout
        self.fail_on: FailOn = fail_on
        self.deferrable = deferrable
        self.fielding_conn_id = fielding_conn_id

    @abc.abstractmethod
    def plan(self, context: Context) -> SweepPlan:
        """Return the plan of the task.

        Raises:
            InvalidCommandError: if a parameter is invalid.
        """

    def execute(self, context: Context) -> dict[str, Any]:
        """Submit the jobs, and defer until they end.

        Returns:
            The result, if there is nothing to wait for.
        """
        return self._run(context, self._plan(context), submit if self.deferrable else settle)

    def resume(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Settle the jobs that have ended or timed out.

        Args:
            context: The task's context.
            event: The trigger's event. It is not used: the worker reads the jobs itself.

        Returns:
            The result, if there is nothing left to wait for.
        """
        del event
        plan = self._plan(context)
        plan = attrs.evolve(plan, job_timeout=min(plan.job_timeout, _GRACE))
        return self._run(context, plan, partial(settle, leave_new_jobs=True))

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume after the deferral; after its timeout, read the status of the target groups."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except TaskDeferralTimeout:
            self.log.warning(
                "jobs had not ended after %g s; reading the status of their target groups", self.job_timeout
            )
            return self.resume(context)

    def _plan(self, context: Context) -> SweepPlan:
        try:
            return self.plan(context)
        except (InvalidCommandError, ConfigurationError) as exc:
            raise AirflowFailException(str(exc)) from exc

    def _run(
        self, context: Context, plan: SweepPlan, step: Callable[[SweepContext], Awaitable[tuple[str, ...]]]
    ) -> dict[str, Any]:
        """Take one step of the sweep; defer if jobs are left to wait for, and otherwise return the result."""
        checkpoint = TaskStateCheckpoint(context["task_state_store"])

        async def advance(client: AsyncClient) -> tuple[SweepContext, tuple[str, ...]]:
            sweep = await discover(client, plan, checkpoint)
            return sweep, await step(sweep)

        with FieldingHook(self.fielding_conn_id).client() as client:
            sweep, tokens = client.call(advance)
        if tokens:
            self._defer(tokens)
        done = report(sweep)
        result = task_result(done, task_reference(context["ti"]))
        self.log.info(summarize(result))
        failure = task_failure(done, sweep.state, result, self.fail_on)
        if failure is not None:
            if self.do_xcom_push:
                context["ti"].xcom_push(key="return_value", value=result)
            raise (AirflowFailException if failure.final else AirflowException)(failure.message)
        annotate_outlet_events(context, result)
        return result

    def _defer(self, tokens: Sequence[str]) -> NoReturn:
        self.defer(
            trigger=FieldingJobsTrigger(tokens, self.fielding_conn_id),
            method_name="resume",
            timeout=timedelta(seconds=self.job_timeout),
        )


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
    as failed. No status is read first, so ``changed`` is empty in the result. For ``changed``, or for several projects,
    use ``FieldingSweepOperator``.

    Args:
        action: ``pause``, ``resume``, ``complete``, ``relaunch`` or ``launch``.
        project_id: The project's ULID.
        target_group_ids: The target groups' ULIDs; a string may contain several, separated by spaces or commas.
        account_id: The account's number; None for the account of the connection.
        kwargs: Arguments of ``FieldingOperator`` and of every Airflow operator.
    """

    template_fields: Collection[str] = ("action", "project_id", "target_group_ids", "account_id")

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

    def plan(self, context: Context) -> SweepPlan:
        """Return a plan with one job, which reads no status first and retries nothing.

        Raises:
            InvalidCommandError: if a parameter is invalid.
        """
        named = self.target_group_ids
        ids = named.replace(",", " ").split() if isinstance(named, str) else list(named)
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
        query: A query that finds the target groups: the fields of ``TargetGroupQuery``.
        target_groups: The ULIDs of the target groups, by the ULID of their project.
        changed_by: The ``task`` of another sweep's result: selects exactly the target groups that the other sweep
            changed. Its result is read from XCom.
        account_id: The account's number; None for the account of the connection.
        check_status_first: True to read the status of ``target_groups`` before sending; see ``SweepPlan``.
        chunk_size: The largest number of target groups in one job.
        concurrency: The largest number of jobs in progress at once.
        max_retries: How often to resend target groups that failed for internal reasons of the API.
        kwargs: Arguments of ``FieldingOperator`` and of every Airflow operator.
    """

    template_fields: Collection[str] = ("action", "query", "target_groups", "changed_by", "account_id")

    def __init__(
        self,
        *,
        action: str,
        query: TargetGroupQuery | Mapping[str, Any] | None = None,
        target_groups: Mapping[str, Iterable[str]] | None = None,
        changed_by: Mapping[str, Any] | None = None,
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
        self.account_id = account_id
        self.check_status_first = check_status_first
        self.chunk_size = chunk_size
        self.concurrency = concurrency
        self.max_retries = max_retries

    def plan(self, context: Context) -> SweepPlan:
        """Return the plan of the task.

        Raises:
            InvalidCommandError: if a parameter is invalid.
            AirflowFailException: if the other sweep has no result in XCom.
        """
        target_groups = self.target_groups
        if self.changed_by is not None:
            target_groups = _changed_by(context, parse_mapping("changed_by", self.changed_by))
        if target_groups is not None:
            named = parse_mapping("target_groups", target_groups)
            target_groups = {project_id: tuple(ids) for project_id, ids in named.items()}
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


def _changed_by(context: Context, other: Mapping[str, Any]) -> Mapping[str, Iterable[str]]:
    """Return the target groups that another task's sweep changed, by project."""
    result = context["ti"].xcom_pull(
        task_ids=other["task_id"],
        dag_id=other["dag_id"],
        run_id=other["run_id"],
        map_indexes=other["map_index"],
    )
    if result is None:
        raise AirflowFailException(
            f"task {other['task_id']} of DAG {other['dag_id']}, run {other['run_id']}, has no result in XCom"
        )
    changed: Mapping[str, Iterable[str]] = result["changed"]
    return changed


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
        store = context["task_state_store"]
        try:
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

    async def _run(self, client: AsyncClient) -> GetFieldingRun:
        """Return the command that reads the run."""
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
