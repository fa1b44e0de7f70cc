"""One action on target groups that are named: one job."""

from collections.abc import Collection, Iterable
from typing import Any

from airflow.sdk import Context

from fieldingkit.airflow.identity import run_name
from fieldingkit.airflow.operator import FieldingOperator
from fieldingkit.workflows.plan import SweepPlan

__all__ = ["FieldingBatchOperator"]


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
            look_first=False,
            chunk_size=max(1, len(ids)),
            max_retries=0,
            job_timeout=self.job_timeout,
        )
