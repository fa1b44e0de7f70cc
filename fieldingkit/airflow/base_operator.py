"""The base class of the operators that create jobs: a sweep in steps, on workers and on the triggerer.

Airflow imports this module whenever it parses a DAG file, so the sweep engine is imported only when a task runs.
"""

import abc
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import BaseOperator, Context
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowException, AirflowFailException, TaskDeferralTimeout

from fieldingkit.airflow.hooks import FieldingHook
from fieldingkit.airflow.results import FailOn, annotate_outlet_events, summarize, task_failure, task_result
from fieldingkit.airflow.triggers import FieldingJobsTrigger

if TYPE_CHECKING:
    from fieldingkit.client import AsyncClient
    from fieldingkit.sweeps.context import SweepContext
    from fieldingkit.sweeps.plan import SweepPlan

__all__ = ["FieldingOperator"]


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
        deferrable: True to wait on the triggerer, False to wait on a worker; by default as in ``[operators]
            default_deferrable``.
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
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
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
    def plan(self, context: Context) -> "SweepPlan":
        """Return the plan of the task.

        Raises:
            InvalidCommandError: if a parameter is invalid.
        """

    def execute(self, context: Context) -> dict[str, Any]:
        """Submit the jobs, and defer until they end.

        Returns:
            The result, if there is nothing to wait for.
        """
        from fieldingkit.sweeps.engine import settle, submit

        return self._run(context, self._plan(context), submit if self.deferrable else settle)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Settle the jobs that have ended or timed out.

        Args:
            context: The task's context.
            event: The trigger's event. It is not used: the worker reads the jobs itself.

        Returns:
            The result, if there is nothing left to wait for.
        """
        import attrs

        from fieldingkit.sweeps.engine import settle

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
            return self.execute_complete(context)

    def _plan(self, context: Context) -> "SweepPlan":
        from fieldingkit.errors import ConfigurationError, InvalidCommandError

        try:
            return self.plan(context)
        except (InvalidCommandError, ConfigurationError) as exc:
            raise AirflowFailException(str(exc)) from exc

    def _run(
        self, context: Context, plan: "SweepPlan", step: "Callable[[SweepContext], Awaitable[tuple[str, ...]]]"
    ) -> dict[str, Any]:
        """Take one step of the sweep; defer if jobs are left to wait for, and otherwise return the result."""
        from fieldingkit.airflow.checkpoint import TaskStateCheckpoint, task_reference
        from fieldingkit.errors import JournalError
        from fieldingkit.sweeps.engine import discover, report

        checkpoint = TaskStateCheckpoint(context["task_state_store"])

        async def advance(client: "AsyncClient") -> "tuple[SweepContext, tuple[str, ...]]":
            sweep = await discover(client, plan, checkpoint)
            return sweep, await step(sweep)

        try:
            with FieldingHook(self.fielding_conn_id).client() as client:
                sweep, tokens = client.call(advance)
        except JournalError as exc:
            raise AirflowFailException(exc.message) from exc
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
            method_name="execute_complete",
            timeout=timedelta(seconds=self.job_timeout),
        )
