"""One action on any number of target groups: those of a query, those that are named, or those of another sweep."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException

from fieldingkit.airflow.identity import run_name
from fieldingkit.airflow.operator import FieldingOperator
from fieldingkit.airflow.query import as_mapping, fleet_query
from fieldingkit.workflows.plan import FleetQuery, SweepPlan

__all__ = ["FieldingSweepOperator"]


class FieldingSweepOperator(FieldingOperator):
    """Takes one action on the target groups of many projects, in as few jobs as will do, each exactly once.

    ::

        FieldingSweepOperator.partial(task_id="pause", action="pause").expand(query=queries)

    with ``queries`` a list of such as ``{"project_ids": ["01K..."], "status": ["live"]}``: a mapped task for each, and
    so the work is spread over the workers. What is found is written down before anything is sent: another try does not
    look again, and so does not take for someone else's work what its first try has done.

    Args:
        action: ``pause``, ``resume``, ``complete``, ``relaunch`` or ``launch``.
        query: What finds the target groups: the fields of ``FleetQuery``.
        target_groups: The target groups' ULIDs by their project's ULID.
        changed_by: The ``task`` of another sweep's result: exactly the target groups that it changed. That result is
            taken from XCom.
        account_id: The account's number; the connection's own if left out.
        look_first: Whether the status of target groups that are named is read beforehand; see ``SweepPlan``.
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
        query: FleetQuery | Mapping[str, Any] | None = None,
        target_groups: Mapping[str, Iterable[str]] | None = None,
        changed_by: Mapping[str, Any] | None = None,
        account_id: str | int | None = None,
        look_first: bool = True,
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
        self.look_first = look_first
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
            look_first=self.look_first,
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
