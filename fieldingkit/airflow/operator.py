"""What the operators that create jobs have in common: submit, hand over to the triggerer, come back for the result."""

import abc
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NoReturn

import attrs
from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException, TaskDeferralTimeout

from fieldingkit.airflow.carrying import Step, carry_to_the_end, settle, submit
from fieldingkit.airflow.hook import FieldingHook
from fieldingkit.airflow.identity import reference
from fieldingkit.airflow.outlets import tell_outlets
from fieldingkit.airflow.record import StoreRecord
from fieldingkit.airflow.results import FailOn, judge, result_of, summary
from fieldingkit.airflow.trigger import FieldingJobsTrigger
from fieldingkit.errors import ConfigurationError, InvalidCommandError
from fieldingkit.workflows.plan import SweepPlan

__all__ = ["FieldingOperator"]

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
            step = client.call(first, plan, StoreRecord(context["task_state_store"]))
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
            step = client.call(settle, patient, StoreRecord(context["task_state_store"]))
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
        report = step.standing.report(plan)
        result = result_of(report, reference(context["ti"]))
        self.log.info(summary(result))
        failure = judge(report, step.standing, result, self.fail_on)
        if failure is not None:
            if self.do_xcom_push:
                context["ti"].xcom_push(key="return_value", value=result)
            raise (AirflowFailException if failure.final else AirflowException)(failure.message)
        tell_outlets(context, result)
        return result

    def _defer(self, tokens: Sequence[str]) -> NoReturn:
        self.defer(
            trigger=FieldingJobsTrigger(tokens, self.fielding_conn_id),
            method_name="resume",
            timeout=timedelta(seconds=self.job_timeout),
        )
