"""One fielding run brought to a status."""

from collections.abc import Collection
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException

from fieldingkit.airflow.hook import FieldingHook
from fieldingkit.client import AsyncClient
from fieldingkit.errors import ConfigurationError, InvalidCommandError, InvalidStateError, StatusUnreachableError
from fieldingkit.resources.fielding_runs import GetFieldingRun, ListFieldingRuns
from fieldingkit.workflows.status import EnsuredStatus, ensure_status

__all__ = ["EnsureFieldingStatusOperator"]

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
