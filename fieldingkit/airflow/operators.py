"""What the operators that create jobs have in common: submit, hand over to the triggerer, come back for the result."""

import abc
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, NoReturn

import attrs
from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException, TaskDeferralTimeout

from fieldingkit.airflow.checkpoint import TaskStateCheckpoint, reference, run_name
from fieldingkit.airflow.execution import Step, carry_to_the_end, settle, submit
from fieldingkit.airflow.hooks import FieldingHook
from fieldingkit.airflow.params import as_mapping, fleet_query
from fieldingkit.airflow.results import FailOn, annotate_outlet_events, judge, result_of, summary
from fieldingkit.airflow.triggers import FieldingJobsTrigger
from fieldingkit.client import AsyncClient
from fieldingkit.errors import ConfigurationError, InvalidCommandError, InvalidStateError, StatusUnreachableError
from fieldingkit.resources.fielding_runs import GetFieldingRun, ListFieldingRuns
from fieldingkit.sweeps.plan import SweepPlan, TargetGroupQuery
from fieldingkit.workflows.runs import EnsuredStatus, ensure_status

__all__ = ["EnsureFieldingStatusOperator", "FieldingBatchOperator", "FieldingOperator", "FieldingSweepOperator"]


_GRACE = 60.0
"""Seconds that a worker waits for jobs that should have ended, before it reads what became of their target groups."""


class FieldingOperator(BaseOperator, abc.ABC):
    """Carries out a plan.

    The way is the same for every plan:

    1. On a worker: find the target groups, and submit their jobs, with keys that follow from the task and the run.
    2. On the triggerer: wait for the jobs, by their tokens.
    3. On a worker: settle what they say; what failed for the API's own reasons goes into another job, and to 2.

    Everything is written into the task's state store on the way. A task that was killed, cleared or failed, and is
    tried again, follows the jobs that it finds there; one whose acceptance it never saw is sent again with its key,
    which gives the same job.

    Args:
        job_timeout: Seconds to wait for jobs; then their target groups are read. The jobs go on.
        fail_on: When the task fails: ``any``, if a target group failed; ``unknown``, only if it is not known what
            became of one; or ``never``. The result goes to XCom in any case.
        deferrable: Whether to wait on the triggerer, not on a worker.
        fielding_conn_id: The id of the Airflow connection to use.
        kwargs: What every operator of Airflow takes.

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
        """What is to be done.

        Raises:
            InvalidCommandError: if it makes no sense.
        """

    def execute(self, context: Context) -> dict[str, Any]:
        """Submit the jobs, and defer until they have ended.

        Returns:
            What became of them, if there is nothing to wait for.
        """
        plan = self._plan(context)
        first = submit if self.deferrable else carry_to_the_end
        with FieldingHook(self.fielding_conn_id).client() as client:
            step = client.call(first, plan, TaskStateCheckpoint(context["task_state_store"]))
        return self._go_on(context, plan, step)

    def resume(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Come back when the jobs have ended, or were waited for in vain.

        Args:
            context: The task's context.
            event: What the trigger saw; it is read again, since a worker knows what was asked for.

        Returns:
            What became of them.
        """
        del event
        plan = self._plan(context)
        patient = attrs.evolve(plan, job_timeout=min(plan.job_timeout, _GRACE))
        with FieldingHook(self.fielding_conn_id).client() as client:
            step = client.call(settle, patient, TaskStateCheckpoint(context["task_state_store"]))
        return self._go_on(context, plan, step)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Come back from the triggerer; if it took too long, to read what became of the target groups."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except TaskDeferralTimeout:
            self.log.warning("the jobs had not ended after %g s; their target groups are read", self.job_timeout)
            return self.resume(context)

    def _plan(self, context: Context) -> SweepPlan:
        try:
            return self.plan(context)
        except (InvalidCommandError, ConfigurationError) as exc:
            raise AirflowFailException(str(exc)) from exc

    def _go_on(self, context: Context, plan: SweepPlan, step: Step) -> dict[str, Any]:
        if step.tokens:
            self._defer(step.tokens)
        report = step.state.report(plan)
        result = result_of(report, reference(context["ti"]))
        self.log.info(summary(result))
        failure = judge(report, step.state, result, self.fail_on)
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
    """Takes one action on target groups of one project, in one job, whatever their status.

    ::

        FieldingBatchOperator(
            task_id="pause",
            action="pause",
            project_id="{{ params.project_id }}",
            target_group_ids="{{ params.target_group_ids }}",
        )

    A target group that already is where the action leads counts as updated, and one that the action is not allowed for
    as failed. Nothing is read beforehand, so ``changed`` is empty in the result; where that matters, and for more than
    one project, take ``FieldingSweepOperator``.

    Args:
        action: ``pause``, ``resume``, ``complete``, ``relaunch`` or ``launch``.
        project_id: The project's ULID.
        target_group_ids: The target groups' ULIDs; a text may have several, separated by spaces or commas.
        account_id: The account's number; the connection's own if left out.
        kwargs: What ``FieldingOperator`` takes, and every operator of Airflow.
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
        """What is to be done: one job, with nothing read beforehand and nothing tried again.

        Raises:
            InvalidCommandError: if it makes no sense.
        """
        named = self.target_group_ids
        ids = named.replace(",", " ").split() if isinstance(named, str) else list(named)
        return SweepPlan(
            action=self.action,
            target_groups={self.project_id: ids},
            account_id=self.account_id or None,
            run_id=run_name(context["ti"]),
            check_status_first=False,
            chunk_size=max(1, len(ids)),
            max_retries=0,
            job_timeout=self.job_timeout,
        )


class FieldingSweepOperator(FieldingOperator):
    """Takes one action on the target groups of many projects, in as few jobs as will do, each exactly once.

    ::

        FieldingSweepOperator.partial(task_id="pause", action="pause").expand(query=queries)

    with ``queries`` a list of such as ``{"project_ids": ["01K..."], "status": ["live"]}``: a mapped task for each, and
    so the work is spread over the workers. What is found is written down before anything is sent: another try does not
    look again, and so does not take for someone else's work what its first try has done.

    Args:
        action: ``pause``, ``resume``, ``complete``, ``relaunch`` or ``launch``.
        query: What finds the target groups: the fields of ``TargetGroupQuery``.
        target_groups: The target groups' ULIDs by their project's ULID.
        changed_by: The ``task`` of another sweep's result: exactly the target groups that it changed. That result is
            taken from XCom.
        account_id: The account's number; the connection's own if left out.
        check_status_first: Whether the status of target groups that are named is read beforehand; see ``SweepPlan``.
        chunk_size: How many target groups go into one job at most.
        concurrency: How many jobs may be under way at once.
        max_retries: How often target groups are sent again that failed for the API's own reasons.
        kwargs: What ``FieldingOperator`` takes, and every operator of Airflow.
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
        """What is to be done.

        Raises:
            InvalidCommandError: if it makes no sense.
            AirflowFailException: if the other sweep has left no result.
        """
        target_groups = self.target_groups
        if self.changed_by is not None:
            target_groups = _changed_by(context, as_mapping("changed_by", self.changed_by))
        if target_groups is not None:
            named = as_mapping("target_groups", target_groups)
            target_groups = {project_id: tuple(ids) for project_id, ids in named.items()}
        return SweepPlan(
            action=self.action,
            target_groups=target_groups,
            query=None if self.query is None else fleet_query(self.query),
            account_id=self.account_id or None,
            run_id=run_name(context["ti"]),
            check_status_first=self.check_status_first,
            chunk_size=self.chunk_size,
            concurrency=self.concurrency,
            max_retries=self.max_retries,
            job_timeout=self.job_timeout,
        )


def _changed_by(context: Context, other: Mapping[str, Any]) -> Mapping[str, Iterable[str]]:
    """The target groups that another task's sweep changed, by project."""
    result = context["ti"].xcom_pull(
        task_ids=other["task_id"],
        dag_id=other["dag_id"],
        run_id=other["run_id"],
        map_indexes=other["map_index"],
    )
    if result is None:
        raise AirflowFailException(
            f"the task {other['task_id']} of {other['dag_id']}, run {other['run_id']}, left no result in XCom"
        )
    changed: Mapping[str, Iterable[str]] = result["changed"]
    return changed


BEFORE = "fieldingkit.before"


class EnsureFieldingStatusOperator(BaseOperator):
    """Brings the fielding run of a target group to a status, by the one action that leads there.

    ::

        EnsureFieldingStatusOperator(
            task_id="resume", project_id="01K...", target_group_id="01K...", status="live"
        )

    A run that is there already is left alone, and one that somebody changes meanwhile is read and judged again. That
    takes two or three requests, so there is nothing to defer for. The result::

        {"status": "live", "changed": True, "before": "paused", "conflicts": 0}

    ``changed`` is also true for another try that finds the run where the first try has brought it.

    Args:
        project_id: The project's ULID.
        target_group_id: The target group's ULID.
        status: ``live``, ``paused`` or ``completed``.
        fielding_run_id: The run's id; if left out it is looked up, a target group has one run.
        account_id: The account's number; the connection's own if left out.
        max_conflicts: How often to begin anew at most when the run is changed meanwhile.
        fielding_conn_id: The id of the Airflow connection to use.
        kwargs: What every operator of Airflow takes.
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
        """Bring it there.

        Raises:
            AirflowFailException: if no action leads there, or the API does not allow it: trying again is of no use.
            FieldingKitError: if the API cannot be reached, or others keep changing the run.
        """
        store = context["task_state_store"]
        try:
            with FieldingHook(self.fielding_conn_id).client() as client:
                run = client.call(self._run)
                before = store.get(BEFORE)
                if before is None:
                    before = client.send(run).status.value
                    store.set(BEFORE, before)
                outcome: EnsuredStatus = client.call(ensure_status, run, self.status, max_conflicts=self.max_conflicts)
        except (StatusUnreachableError, InvalidStateError, InvalidCommandError, ConfigurationError) as exc:
            raise AirflowFailException(str(exc)) from exc
        return {
            "status": outcome.status.value,
            "changed": outcome.changed or before != outcome.status,
            "before": before,
            "conflicts": len(outcome.conflicts),
        }

    async def _run(self, client: AsyncClient) -> GetFieldingRun:
        """The command that reads the run."""
        account_id = self.account_id or None
        run_id = self.fielding_run_id
        if not run_id:
            runs = await client.send(
                ListFieldingRuns(
                    account_id=account_id, project_id=self.project_id, target_group_id=self.target_group_id
                )
            )
            if not runs.data:
                raise AirflowFailException(f"the target group {self.target_group_id} is a draft: it has no run yet")
            run_id = runs.data[0].id
        return GetFieldingRun(
            account_id=account_id,
            project_id=self.project_id,
            target_group_id=self.target_group_id,
            fielding_run_id=run_id,
        )
