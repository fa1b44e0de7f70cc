"""The base class of the operators that create jobs: a sweep in steps, on workers and on the triggerer.

Airflow imports this module whenever it parses a DAG file, so the sweep engine is imported only when a task runs.
"""

import abc
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import BaseOperator, Context
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowException, AirflowFailException, TaskDeferralTimeout

from fieldingkit.airflow.hooks import FieldingHook
from fieldingkit.airflow.results import (
    DETAILS_KEY,
    FailOn,
    annotate_outlet_events,
    describe_problems,
    summarize,
    task_details,
    task_failure,
    task_result,
)
from fieldingkit.airflow.triggers import FieldingJobsTrigger

if TYPE_CHECKING:
    from fieldingkit.airflow.steps import PreviewFunction
    from fieldingkit.sweeps.context import SweepContext
    from fieldingkit.sweeps.plan import SweepPlan
    from fieldingkit.sweeps.steps import Step

__all__ = ["FieldingOperator"]


_GRACE = 60.0
"""Seconds that a worker waits for jobs that should have ended, before it reads the status of their target groups."""


class FieldingOperator(BaseOperator, abc.ABC):
    """Applies a sweep plan; the base class of the operators that create jobs.

    The steps are the same for every plan:

    1. On a worker: find the target groups, and submit their jobs with keys derived from the task and the DAG run.
    2. On the triggerer: wait for the jobs, by their tokens.
    3. On a worker: settle the results. Target groups that failed for internal reasons of the API go into another job,
       which leads back to step 2. After the last job, read the statuses again, and report the target groups that do
       not have the status.

    Every step is saved in the task's state store. A retry of a killed, cleared or failed task continues the jobs in the
    store. A job whose acceptance was not seen is sent again with its key, which results in the same job.

    Args:
        job_timeout: Seconds to wait for jobs; then the status of their target groups is read. The jobs continue.
        fail_on: When the task fails: ``any`` if a target group failed, was not sent or does not have the status after
            the last job, ``unknown`` only if an outcome is unknown, or ``never``. The result goes to XCom in every
            case.
        verify: False to leave out the reading of the statuses after the last job: one filtered list for each project
            and page.
        until_none_left: True to sweep the target groups as well that this reading finds without the status, at most
            five times.
        deferrable: True to wait on the triggerer, False to wait on a worker; by default as in ``[operators]
            default_deferrable``.
        fielding_conn_id: The id of the Airflow connection to use.
        kwargs: Arguments of every Airflow operator.

    Raises:
        ValueError: if ``fail_on`` is none of the three, or ``until_none_left`` is given without ``verify``.
    """

    def __init__(
        self,
        *,
        job_timeout: float = 1800.0,
        fail_on: FailOn = "any",
        verify: bool = True,
        until_none_left: bool = False,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        fielding_conn_id: str = FieldingHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if fail_on not in ("any", "unknown", "never"):
            raise ValueError(f"fail_on must be any, unknown or never; got {fail_on!r}")
        if until_none_left and not verify:
            raise ValueError("until_none_left sweeps what the verification finds; it cannot be used with verify=False")
        self.job_timeout = job_timeout
        self.fail_on: FailOn = fail_on
        self.verify = verify
        self.until_none_left = until_none_left
        self.deferrable = deferrable
        self.fielding_conn_id = fielding_conn_id

    @abc.abstractmethod
    def plan(self, context: Context) -> "SweepPlan":
        """Return the plan of the task.

        Raises:
            InvalidCommandError: if a parameter is invalid.
        """

    def preview(self, context: Context, plan: "SweepPlan") -> "PreviewFunction | None":
        """Return a function that reads the target groups before a new sweep; None to discover them as usual.

        Args:
            context: The task's context.
            plan: The plan of the task.
        """
        del context, plan
        return None

    def execute(self, context: Context) -> dict[str, Any]:
        """Submit the jobs, and defer until they end.

        Returns:
            The result, if there is nothing to wait for.
        """
        from fieldingkit.sweeps.steps import settle, submit

        plan = self._plan(context)
        preview = self.preview(context, plan)
        return self._run(context, plan, submit if self.deferrable else settle, preview=preview)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Settle the jobs that have ended or timed out.

        Args:
            context: The task's context.
            event: The trigger's event. It is not used: the worker reads the jobs itself.

        Returns:
            The result, if there is nothing left to wait for.
        """
        import attrs

        from fieldingkit.sweeps.steps import settle

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
        self, context: Context, plan: "SweepPlan", step: "Step", *, preview: "PreviewFunction | None" = None
    ) -> dict[str, Any]:
        """Take one step of the sweep; defer if jobs are left to wait for, and otherwise return the result."""
        from fieldingkit.airflow.checkpoint import TaskStateCheckpoint
        from fieldingkit.airflow.steps import take_step
        from fieldingkit.airflow.task_state import state_store
        from fieldingkit.errors import ConfigurationError, InvalidCommandError, JournalError

        try:
            checkpoint = TaskStateCheckpoint(state_store(context))
            with FieldingHook(self.fielding_conn_id).client() as client:
                sweep, tokens = client.call(
                    take_step,
                    plan,
                    checkpoint,
                    step,
                    preview=preview,
                    verify_statuses=self.verify,
                    until_none_left=self.until_none_left,
                )
        except (ConfigurationError, InvalidCommandError, JournalError) as exc:
            raise AirflowFailException(exc.message) from exc
        if tokens:
            self._defer(tokens)
        return self._finish(context, sweep)

    def _finish(self, context: Context, sweep: "SweepContext") -> dict[str, Any]:
        """Log and return the result of the sweep.

        Raises:
            AirflowException: if the task has failed.
        """
        from fieldingkit.airflow.task_state import task_reference
        from fieldingkit.sweeps.steps import report

        done = report(sweep)
        result, details = task_result(done, task_reference(context["ti"])), task_details(done)
        if done.as_of is not None:
            self.log.warning(
                "an earlier try finished this sweep at %s, and this is its result: nothing was sent. Clearing a task "
                "does not repeat its action; start a new DAG run to act again",
                result["as_of"],
            )
        self.log.info("%s; %s", result["headline"], summarize(result))
        for line in describe_problems(details):
            self.log.warning(line)
        states = [run.state for run in (*sweep.continued, sweep)]
        failure = task_failure(done, states, result, self.fail_on)
        if self.do_xcom_push:
            context["ti"].xcom_push(key=DETAILS_KEY, value=details)
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
