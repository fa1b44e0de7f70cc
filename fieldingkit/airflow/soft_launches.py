"""The operator of a soft launch: a part of the goal is fielded and checked before the rest.

Airflow imports this module whenever it parses a DAG file, so the workflow is imported only when a task runs.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from airflow.sdk import BaseOperator, Context
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowException, AirflowFailException, TaskDeferralTimeout

from fieldingkit.airflow.hooks import FieldingHook
from fieldingkit.airflow.triggers import FieldingSoftLaunchTrigger

if TYPE_CHECKING:
    from fieldingkit.airflow.field_conditions import SoftLaunchCondition
    from fieldingkit.airflow.task_state import StateStore
    from fieldingkit.monitoring.soft_launches.limits import SoftLaunchCheck, SoftLaunchLimit
    from fieldingkit.monitoring.soft_launches.report import SoftLaunchReport

__all__ = ["FieldingSoftLaunchOperator"]

_STEPS_KEY = "fieldingkit.soft_launch_steps"
_GRACE = timedelta(hours=1)
"""The time that the API has to pause a target group at the end of its soft launch. A reduced goal has no such end."""


class FieldingSoftLaunchOperator(BaseOperator):
    """Launches a draft up to a limit, pauses it there, checks its figures, and resumes it if all are within theirs.

    ::

        FieldingSoftLaunchOperator(
            task_id="soft_launch",
            project_id="01K...",
            target_group_id="01K...",
            until={"percent": 10, "max_hours": 48},
            check={"max_length_of_interview_minutes": 12, "min_conversion_rate": 0.1},
        )

    It is ``monitoring.soft_launch`` as a task: the limit is set at the API first, and the task waits for the completes
    on the triggerer. Each step follows from what is read, so that a task that was killed, cleared or retried continues,
    and launches nothing twice. An example of its result::

        {
            "outcome": "resumed",
            "reason": "",
            "status": "live",
            "counted": 21,
            "limit": 20,
            "goal": 200,
            "is_limited": False,
            "figures": [{"name": "conversion_rate", "value": 0.4, "minimum": 0.1, "maximum": None}],
            "others": [],
            "steps": ["limited", "launched", "paused", "released", "resumed"],
        }

    ``steps`` has the steps that the tries of the task saw done; the last one of a killed try may be missing.

    Args:
        project_id: The project's ULID.
        target_group_id: The target group's ULID.
        until: The ``SoftLaunchLimit``, or its fields as a mapping.
        check: The ``SoftLaunchCheck``, or its fields as a mapping.
        end_fielding_at: The end of fielding, with a time zone, as a time or as text; by default the draft's planned
            one.
        accept_infeasible: True to launch although goals are not feasible.
        on_stop: ``fail`` to fail the task if a figure is out of its limit, or if another user or the API changed the
            target group; ``warn`` to log this, and succeed. The result goes to XCom in both cases.
        poke_interval: Seconds between two reads while completes arrive; four requests each, and one for each 50
            changes.
        max_failed_reads: Failed reads in a row after which the task fails; a retry continues.
        account_id: The account's number; None for the account of the connection.
        deferrable: True to wait on the triggerer, False to wait on a worker; by default as in ``[operators]
            default_deferrable``.
        fielding_conn_id: The id of the Airflow connection to use.
        kwargs: Arguments of every Airflow operator.

    Raises:
        ValueError: if ``on_stop`` is none of the two, or ``max_failed_reads`` is less than 1.
    """

    template_fields: Collection[str] = (
        "project_id",
        "target_group_id",
        "until",
        "check",
        "end_fielding_at",
        "account_id",
        "fielding_conn_id",
    )

    def __init__(
        self,
        *,
        project_id: str,
        target_group_id: str,
        until: "SoftLaunchLimit | Mapping[str, Any]",
        check: "SoftLaunchCheck | Mapping[str, Any]",
        end_fielding_at: datetime | str | None = None,
        accept_infeasible: bool = False,
        on_stop: Literal["fail", "warn"] = "fail",
        poke_interval: float = 60.0,
        max_failed_reads: int = 10,
        account_id: str | int | None = None,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        fielding_conn_id: str = FieldingHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if on_stop not in ("fail", "warn"):
            raise ValueError(f"on_stop must be fail or warn; got {on_stop!r}")
        if max_failed_reads < 1:
            raise ValueError(f"max_failed_reads must be at least 1; got {max_failed_reads!r}")
        self.project_id = project_id
        self.target_group_id = target_group_id
        self.until = until
        self.check = check
        self.end_fielding_at = end_fielding_at
        self.accept_infeasible = accept_infeasible
        self.on_stop = on_stop
        self.poke_interval = poke_interval
        self.max_failed_reads = max_failed_reads
        self.account_id = account_id
        self.deferrable = deferrable
        self.fielding_conn_id = fielding_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Take the steps that are due, and defer while completes arrive.

        Returns:
            The result, if there is nothing to wait for.

        Raises:
            AirflowFailException: if a parameter is invalid or a goal is not feasible; nothing was launched. Or if a
                figure is out of its limit.
            AirflowException: if another user or the API changed the target group.
            FieldingKitError: if the API refuses a step or cannot be reached; a retry continues.
        """
        return self._continue(context)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Take the steps that are due now.

        Args:
            context: The task's context.
            event: The trigger's event. Only its error is used: the worker reads the target group itself.

        Raises:
            AirflowException: if the trigger could not read the target group.
        """
        if event is not None and "error" in event:
            raise AirflowException(
                "the target group cannot be read; when last read, it was live with its limit set at the API, and a "
                f"retry continues: {event['error']}"
            )
        return self._continue(context)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume after the deferral; after its timeout, take the steps that are due, and fail if there are none."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except TaskDeferralTimeout:
            return self._continue(context, is_late=True)

    def _continue(self, context: Context, *, is_late: bool = False) -> dict[str, Any]:
        from fieldingkit.airflow.task_state import state_store
        from fieldingkit.errors import ConfigurationError, InfeasibleError, InvalidCommandError
        from fieldingkit.monitoring.soft_launches import workflow

        try:
            store = state_store(context)
            condition = self._condition()
            with FieldingHook(self.fielding_conn_id).client() as client:
                report: SoftLaunchReport = client.call(
                    workflow.soft_launch,
                    condition.group,
                    until=condition.until,
                    check=condition.check,
                    end_fielding_at=self._end(),
                    accept_infeasible=self.accept_infeasible,
                    interval=self.poke_interval,
                    timeout=0.0 if self.deferrable else None,
                )
        except (InfeasibleError, InvalidCommandError, ConfigurationError) as exc:
            raise AirflowFailException(str(exc)) from exc
        result = _result(report, store)
        self.log.info("%s: %d of %d; steps: %s", report.outcome, report.counted, report.limit, ", ".join(report.steps))
        if report.outcome == "waiting":
            self._wait(condition, report, is_late=is_late)
        return self._finish(context, report, result)

    def _condition(self) -> "SoftLaunchCondition":
        from fieldingkit.airflow.field_conditions import SoftLaunchCondition

        return SoftLaunchCondition(
            account_id=self.account_id or None,
            project_id=self.project_id,
            target_group_id=self.target_group_id,
            until=self.until,
            check=self.check,
        )

    def _end(self) -> datetime | None:
        """Return the end of fielding, which a template may have rendered to text."""
        from fieldingkit.errors import InvalidCommandError

        given = self.end_fielding_at or None
        if not isinstance(given, str):
            return given
        try:
            return datetime.fromisoformat(given)
        except ValueError:
            raise InvalidCommandError(
                f"end_fielding_at must be a time such as 2026-01-31T18:00:00+01:00; got {given[:40]!r}",
                field="end_fielding_at",
            ) from None

    def _wait(self, condition: "SoftLaunchCondition", report: "SoftLaunchReport", *, is_late: bool) -> None:
        """Defer until another step is due, for a limited time."""
        if is_late:
            raise AirflowException(
                f"the target group is still live with {report.counted} of {report.limit}, an hour after the "
                f"{condition.until.max_hours:g} hours of its soft launch; its limit stays, and a retry waits again"
            )
        self.defer(
            trigger=FieldingSoftLaunchTrigger(
                condition.to_dict(), self.poke_interval, self.fielding_conn_id, self.max_failed_reads
            ),
            method_name="execute_complete",
            timeout=timedelta(hours=condition.until.max_hours) + _GRACE,
        )

    def _finish(self, context: Context, report: "SoftLaunchReport", result: dict[str, Any]) -> dict[str, Any]:
        """Return the result of a soft launch that was resumed; fail or warn if it was not."""
        if report.outcome == "resumed":
            return result
        message = f"the soft launch was {report.outcome}, and the target group is {report.status}: {report.reason}"
        if self.on_stop == "warn":
            self.log.warning(message)
            return result
        if self.do_xcom_push:
            context["ti"].xcom_push(key="return_value", value=result)
        # The figures do not change; a change that the changelog did not show yet may be explained by the next read.
        raise (AirflowFailException if report.outcome == "held" else AirflowException)(message)


def _result(report: "SoftLaunchReport", store: "StateStore") -> dict[str, Any]:
    """Return the result of the task, and save the steps that were done so far."""
    steps = [*(store.get(_STEPS_KEY) or ()), *report.steps]
    if report.steps:
        store.set(_STEPS_KEY, steps)
    plain = report.to_dict()
    names = ("outcome", "reason", "status", "counted", "limit", "goal", "is_limited", "figures", "others")
    return {**{name: plain[name] for name in names}, "steps": steps}
