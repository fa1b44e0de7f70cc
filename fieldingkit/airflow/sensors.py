"""The sensor that waits until target groups have reached a status."""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any, NoReturn

from airflow.sdk import BaseSensorOperator, Context, PokeReturnValue
from airflow.sdk.exceptions import AirflowFailException

from fieldingkit.airflow.hooks import FieldingHook
from fieldingkit.airflow.triggers import FieldingStatusTrigger, Goal, look
from fieldingkit.errors import ConfigurationError, InvalidCommandError

__all__ = ["FieldingStatusSensor"]


class FieldingStatusSensor(BaseSensorOperator):
    """Waits until a target group's run, or all target groups of a query, have a status.

    ::

        FieldingStatusSensor(task_id="all_paused", query={"project_ids": ["01K..."]}, status="paused", timeout=3600)

    It waits on the triggerer, where it costs a request or a few every ``poke_interval`` seconds. The result is such as
    ``{"status": "paused", "target_groups": 40}``.

    Args:
        status: The status to wait for: ``draft``, ``scheduled``, ``live``, ``paused``, ``completed`` or ``archived``.
        project_id: The project's ULID, for one target group.
        target_group_id: The target group's ULID.
        query: What finds the target groups: the fields of ``TargetGroupQuery`` but for ``status``. One that finds
            nothing goes on waiting.
        account_id: The account's number; the connection's own if left out.
        deferrable: Whether to wait on the triggerer, not on a worker.
        fielding_conn_id: The id of the Airflow connection to use.
        kwargs: What every sensor of Airflow takes, such as ``poke_interval`` and ``timeout``.
    """

    template_fields: Collection[str] = ("status", "project_id", "target_group_id", "query", "account_id")

    def __init__(
        self,
        *,
        status: str,
        project_id: str | None = None,
        target_group_id: str | None = None,
        query: Mapping[str, Any] | None = None,
        account_id: str | int | None = None,
        deferrable: bool = True,
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
        """Look once, and defer until it is so.

        Raises:
            AirflowFailException: if what to wait for makes no sense.
        """
        if not self.deferrable:
            return super().execute(context)
        seen = self.poke(context)
        return seen.xcom_value if seen.is_done else self._defer()

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once.

        Raises:
            AirflowFailException: if what to wait for makes no sense.
        """
        del context
        goal = self._goal()
        with FieldingHook(self.fielding_conn_id).client() as client:
            seen = client.call(look, goal)
        return PokeReturnValue(
            is_done=seen.reached, xcom_value={"status": goal.status.value, "target_groups": seen.seen}
        )

    def resume(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Come back when it is so.

        Args:
            context: The task's context.
            event: What the trigger saw.
        """
        del context
        return event

    def _defer(self) -> NoReturn:
        self.defer(
            trigger=FieldingStatusTrigger(self._goal().fields(), self.poke_interval, self.fielding_conn_id),
            method_name="resume",
            timeout=timedelta(seconds=self.timeout),
        )

    def _goal(self) -> Goal:
        try:
            return Goal(
                status=self.status,
                account_id=self.account_id or None,
                project_id=self.project_id,
                target_group_id=self.target_group_id,
                query=self.query,
            )
        except (InvalidCommandError, ConfigurationError) as exc:
            raise AirflowFailException(str(exc)) from exc
