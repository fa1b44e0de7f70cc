"""The sensor: wait until target groups have a status. A client is loaded only when the sensor runs."""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import BaseSensorOperator, Context, PokeReturnValue
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowFailException

from fieldingkit.airflow.hooks import FieldingHook
from fieldingkit.airflow.triggers import FieldingStatusTrigger

if TYPE_CHECKING:
    from fieldingkit.airflow.conditions import StatusCondition
    from fieldingkit.sweeps.plan import TargetGroupQuery

__all__ = ["FieldingStatusSensor"]


class FieldingStatusSensor(BaseSensorOperator):
    """Waits until a target group, or all target groups of a query, have a status.

    ::

        FieldingStatusSensor(task_id="all_paused", query={"project_ids": ["01K..."]}, status="paused", timeout=3600)

    It sends one or a few requests every ``poke_interval`` seconds. An example of its result is
    ``{"status": "paused", "target_groups": 40}``.

    Args:
        status: The status to wait for: ``draft``, ``scheduled``, ``live``, ``paused``, ``completed`` or ``archived``.
        project_id: The project's ULID, for a single target group.
        target_group_id: The target group's ULID.
        query: A ``TargetGroupQuery``, or its fields as a mapping, without ``status``. A query that matches no target
            group keeps waiting.
        account_id: The account's number; None for the account of the connection.
        deferrable: True to wait on the triggerer, False to wait on a worker; by default as in ``[operators]
            default_deferrable``.
        fielding_conn_id: The id of the Airflow connection to use.
        kwargs: Arguments of every Airflow sensor, such as ``poke_interval`` and ``timeout``.
    """

    template_fields: Collection[str] = (
        "status",
        "project_id",
        "target_group_id",
        "query",
        "account_id",
        "fielding_conn_id",
    )

    def __init__(
        self,
        *,
        status: str,
        project_id: str | None = None,
        target_group_id: str | None = None,
        query: "TargetGroupQuery | Mapping[str, Any] | None" = None,
        account_id: str | int | None = None,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        fielding_conn_id: str = FieldingHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.status = status
        self.project_id = project_id
        self.target_group_id = target_group_id
        self.query = query
        self.account_id = account_id
        self.deferrable = deferrable
        self.fielding_conn_id = fielding_conn_id

    def execute(self, context: Context) -> Any:
        """Check the condition once, and defer until it is met.

        Raises:
            AirflowFailException: if the condition is invalid.
        """
        if not self.deferrable:
            return super().execute(context)
        checked = self.poke(context)
        return checked.xcom_value if checked.is_done else self._defer()

    def poke(self, context: Context) -> PokeReturnValue:
        """Check the condition once.

        Raises:
            AirflowFailException: if the condition or the connection is invalid.
        """
        from fieldingkit.airflow.conditions import check_condition
        from fieldingkit.errors import ConfigurationError

        del context
        condition = self._condition()
        try:
            with FieldingHook(self.fielding_conn_id).client() as client:
                result = client.call(check_condition, condition)
        except ConfigurationError as exc:
            raise AirflowFailException(exc.message) from exc
        return PokeReturnValue(
            is_done=result.met, xcom_value={"status": condition.status.value, "target_groups": result.checked}
        )

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Return the event of the trigger as the result.

        Args:
            context: The task's context.
            event: The trigger's event.
        """
        del context
        return event

    def _defer(self) -> NoReturn:
        self.defer(
            trigger=FieldingStatusTrigger(self._condition().to_dict(), self.poke_interval, self.fielding_conn_id),
            method_name="execute_complete",
            timeout=timedelta(seconds=self.timeout),
        )

    def _condition(self) -> "StatusCondition":
        from fieldingkit.airflow.conditions import StatusCondition
        from fieldingkit.errors import ConfigurationError, InvalidCommandError

        try:
            return StatusCondition(
                status=self.status,
                account_id=self.account_id or None,
                project_id=self.project_id,
                target_group_id=self.target_group_id,
                query=self.query,  # a mapping is parsed by the condition
            )
        except (InvalidCommandError, ConfigurationError) as exc:
            raise AirflowFailException(str(exc)) from exc
