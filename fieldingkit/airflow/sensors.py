"""The sensors: wait for the status, the end or a bad forecast of target groups.

Airflow imports this module whenever it parses a DAG file, so a client is loaded only when a sensor runs.
"""

import abc
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from airflow.sdk import BaseSensorOperator, Context, PokeReturnValue
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from fieldingkit.airflow.hooks import FieldingHook
from fieldingkit.airflow.triggers import (
    ConditionTrigger,
    FieldingClosedTrigger,
    FieldingForecastTrigger,
    FieldingStatusTrigger,
)

if TYPE_CHECKING:
    from fieldingkit.airflow.conditions import Condition, ConditionResult
    from fieldingkit.sweeps.plan import TargetGroupQuery

__all__ = ["FieldingClosedSensor", "FieldingForecastSensor", "FieldingSensor", "FieldingStatusSensor"]


class FieldingSensor(BaseSensorOperator, abc.ABC):
    """Waits until a condition of target groups is met; the base class of the sensors.

    It reads every ``poke_interval`` seconds. If it waits on the triggerer, a read that fails for a transient reason is
    repeated, and logged; after ``max_failed_reads`` in a row the task fails. On a worker, a failed read fails the task,
    unless Airflow's own ``silent_fail`` is set. A target group that does not exist fails it at once.

    Args:
        project_id: The project's ULID, for a single target group.
        target_group_id: The target group's ULID.
        query: A ``TargetGroupQuery``, or its fields as a mapping, without ``status``. A query that matches no target
            group keeps waiting.
        account_id: The account's number; None for the account of the connection.
        max_failed_reads: Failed reads in a row after which the task fails.
        deferrable: True to wait on the triggerer, False to wait on a worker; by default as in ``[operators]
            default_deferrable``.
        fielding_conn_id: The id of the Airflow connection to use.
        kwargs: Arguments of every Airflow sensor, such as ``poke_interval`` and ``timeout``.

    Raises:
        ValueError: if ``max_failed_reads`` is less than 1.
    """

    template_fields: Collection[str] = ("project_id", "target_group_id", "query", "account_id", "fielding_conn_id")
    trigger_class: ClassVar[type[ConditionTrigger]]
    """The class of the trigger that waits for the same condition."""

    def __init__(
        self,
        *,
        project_id: str | None = None,
        target_group_id: str | None = None,
        query: "TargetGroupQuery | Mapping[str, Any] | None" = None,
        account_id: str | int | None = None,
        max_failed_reads: int = 10,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        fielding_conn_id: str = FieldingHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if max_failed_reads < 1:
            raise ValueError(f"max_failed_reads must be at least 1; got {max_failed_reads!r}")
        self.project_id = project_id
        self.target_group_id = target_group_id
        self.query = query
        self.account_id = account_id
        self.max_failed_reads = max_failed_reads
        self.deferrable = deferrable
        self.fielding_conn_id = fielding_conn_id

    @abc.abstractmethod
    def condition(self) -> "Condition":
        """Return the condition.

        Raises:
            InvalidCommandError: if a parameter is invalid.
        """

    def execute(self, context: Context) -> Any:
        """Read the condition once, and defer until it is met.

        Raises:
            AirflowFailException: if the condition is invalid.
            AirflowSkipException: if the condition can no longer be met.
        """
        from fieldingkit.airflow.polling import is_transient
        from fieldingkit.errors import FieldingKitError

        if not self.deferrable:
            return super().execute(context)
        try:
            checked = self.poke(context)
        except FieldingKitError as exc:
            if not is_transient(exc):
                raise
            self.log.warning("the first read failed; the triggerer reads again: %s", exc)
            self._defer()
        return checked.xcom_value if checked.is_done else self._defer()

    def poke(self, context: Context) -> PokeReturnValue:
        """Read the condition once.

        Raises:
            AirflowFailException: if the condition or the connection is invalid.
            AirflowSkipException: if the condition can no longer be met.
            FieldingKitError: if it cannot be read.
        """
        from fieldingkit.errors import ConfigurationError, InvalidCommandError

        del context
        condition = self._checked_condition()
        try:
            with FieldingHook(self.fielding_conn_id).client() as client:
                result: ConditionResult = client.call(condition.read)
        except (ConfigurationError, InvalidCommandError) as exc:
            raise AirflowFailException(exc.message) from exc
        if result.never and not result.met:
            raise AirflowSkipException(result.never)
        return PokeReturnValue(is_done=result.met, xcom_value=result.value)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Return the figures that the trigger saw.

        Args:
            context: The task's context.
            event: The trigger's event.

        Raises:
            AirflowSkipException: if the condition can no longer be met.
            AirflowException: if it could not be read.
        """
        del context
        if "error" in event:
            raise AirflowException(f"it is not known whether the condition is met: {event['error']}")
        if "never" in event:
            raise AirflowSkipException(event["never"])
        value: dict[str, Any] = event["value"]
        return value

    def _defer(self) -> NoReturn:
        self.defer(
            trigger=self.trigger_class(
                self._checked_condition().to_dict(), self.poke_interval, self.fielding_conn_id, self.max_failed_reads
            ),
            method_name="execute_complete",
            timeout=timedelta(seconds=self.timeout),
        )

    def _checked_condition(self) -> "Condition":
        from fieldingkit.errors import ConfigurationError, InvalidCommandError

        try:
            return self.condition()
        except (InvalidCommandError, ConfigurationError) as exc:
            raise AirflowFailException(str(exc)) from exc

    def _selection(self) -> dict[str, Any]:
        """Return the arguments of a ``GroupCondition``."""
        return {
            "account_id": self.account_id or None,
            "project_id": self.project_id,
            "target_group_id": self.target_group_id,
            "query": self.query,  # a mapping is parsed by the condition
        }


class FieldingStatusSensor(FieldingSensor):
    """Waits until a target group, or all target groups of a query, have a status.

    ::

        FieldingStatusSensor(task_id="all_paused", query={"project_ids": ["01K..."]}, status="paused", timeout=3600)

    A read is one or a few requests. An example of its result is ``{"status": "paused", "target_groups": 40}``.

    Args:
        status: The status to wait for: ``draft``, ``scheduled``, ``live``, ``paused``, ``completed`` or ``archived``.
        kwargs: Arguments of ``FieldingSensor`` and of every Airflow sensor.
    """

    template_fields: Collection[str] = ("status", *FieldingSensor.template_fields)
    trigger_class: ClassVar[type[ConditionTrigger]] = FieldingStatusTrigger

    def __init__(self, *, status: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.status = status

    def condition(self) -> "Condition":
        """Return the condition.

        Raises:
            InvalidCommandError: if a parameter is invalid.
        """
        from fieldingkit.airflow.conditions import StatusCondition
        from fieldingkit.resources.target_groups import TargetGroupStatus

        return StatusCondition(status=TargetGroupStatus(self.status), **self._selection())


class FieldingClosedSensor(FieldingSensor):
    """Waits until a target group, or all target groups of a query, are closed.

    ::

        FieldingClosedSensor(task_id="closed", query={"project_ids": ["01K..."]}, poke_interval=600)

    A target group is closed if it is completed or archived, or if its goal is reached. A read is one request for each
    100 target groups of a project, and at least one a project. An example of its result::

        {"target_groups": 40, "statuses": {"completed": 38, "live": 2}, "goals_reached": 39}

    Args:
        kwargs: Arguments of ``FieldingSensor`` and of every Airflow sensor.
    """

    trigger_class: ClassVar[type[ConditionTrigger]] = FieldingClosedTrigger

    def condition(self) -> "Condition":
        """Return the condition.

        Raises:
            InvalidCommandError: if a parameter is invalid.
        """
        from fieldingkit.airflow.field_conditions import ClosedCondition

        return ClosedCondition(**self._selection())


class FieldingForecastSensor(FieldingSensor):
    """Waits until the forecast of a live target group is past its end: it will probably not reach its goal in time.

    ::

        FieldingForecastSensor(task_id="too_slow", query={"project_ids": ["01K..."]}, chance=0.3)

    The forecast is that of ``monitoring.forecast_group``. While it is too early for one, the sensor waits. If all
    target groups close first, it is skipped, and so is what follows. A read is one request for each 100 live target
    groups of a project, at least one a project, and three for each live target group. Its result has the findings::

        {
            "target_groups": 12,
            "findings": [{"name": "Germany", "seen": "fills before its end ...", "since": "...", "action": "...", ...}],
            "unknown": [],
        }

    ``target_groups`` is the number of live ones, and ``unknown`` has those without a forecast, with the reason.

    Args:
        chance: The lowest probability of filling in time that is accepted, from 0 to 1.
        poke_interval: Seconds between two reads.
        kwargs: Arguments of ``FieldingSensor`` and of every Airflow sensor.
    """

    template_fields: Collection[str] = ("chance", *FieldingSensor.template_fields)
    trigger_class: ClassVar[type[ConditionTrigger]] = FieldingForecastTrigger

    def __init__(self, *, chance: float = 0.5, poke_interval: timedelta | float = 900.0, **kwargs: Any) -> None:
        super().__init__(poke_interval=poke_interval, **kwargs)
        self.chance = chance

    def condition(self) -> "Condition":
        """Return the condition.

        Raises:
            InvalidCommandError: if a parameter is invalid.
        """
        from fieldingkit.airflow.field_conditions import ForecastCondition

        return ForecastCondition(chance=self.chance, **self._selection())
