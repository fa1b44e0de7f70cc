"""The operator that generates a report, and leaves its file where an ``ObjectStoragePath`` says.

Airflow imports this module whenever it parses a DAG file, so the workflow is imported only when a task runs.
"""

from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn, cast

from airflow.sdk import BaseOperator, Context
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from fieldingkit.airflow.hooks import FieldingHook
from fieldingkit.airflow.triggers import FieldingJobTrigger

if TYPE_CHECKING:
    from pathlib import Path

    from airflow.sdk import ObjectStoragePath

    from fieldingkit.airflow.task_state import StateStore
    from fieldingkit.blocking import Client
    from fieldingkit.resources.reports import GenerateReport
    from fieldingkit.workflows.reports import SavedReport

__all__ = ["FieldingReportOperator"]

_LOCAL = frozenset({"", "file", "local"})
"""The protocols of local files, which appear when they are complete."""

_TOKEN_KEY = "fieldingkit.report_token"
_REQUESTED_KEY = "fieldingkit.report_requested_at"
_GRACE = 60.0
"""Seconds that a worker waits for a report that should have ended."""
_CLOCK_STEP = timedelta(seconds=60)
"""The difference to expect between the clocks of a worker and of the API."""


class FieldingReportOperator(BaseOperator):
    """Generates a report, and defers until it is completed; then a worker saves its file.

    ::

        FieldingReportOperator(
            task_id="bought",
            report_type="sample-bought",
            period_start="{{ data_interval_start | ds }}",
            period_end="{{ data_interval_end | ds }}",
            path="s3://aws_default@reports/bought/{{ ds }}.csv",
        )

    An example of its result::

        {"report_id": "01K...", "path": "s3://reports/bought/2026-01-01.csv", "size": 81234, "content_type": "text/csv"}

    The job's token is saved in the task's state store. A retry of a killed or failed task follows the same report. If
    the report itself failed, a retry requests another one.

    Args:
        report_type: The contents, such as ``sample-bought``.
        period_start: The first day, as a date or as text such as ``2026-01-31``, in US Central Time.
        period_end: The day after the last one; at most six months after the first.
        path: The place of the file: an ``ObjectStoragePath`` or its text, which may name a connection, or a local path.
            Without a suffix, the file gets that of its content type. An earlier file is replaced.
        level: ``account``, ``business_unit``, ``project`` or ``target_group``.
        filter_ids: The ids at this level; a string may contain several, separated by spaces or commas.
        include_respondent_answers: True to include the answers of the respondents.
        email_recipients: The ids of the users who get the report by email.
        account_id: The account's number; None for the account of the connection.
        job_timeout: Seconds to wait for the report; then the task fails, and a retry continues to wait.
        deferrable: True to wait on the triggerer, False to wait on a worker; by default as in ``[operators]
            default_deferrable``.
        fielding_conn_id: The id of the Airflow connection to use.
        kwargs: Arguments of every Airflow operator.
    """

    template_fields: Collection[str] = (
        "report_type",
        "period_start",
        "period_end",
        "path",
        "level",
        "filter_ids",
        "email_recipients",
        "account_id",
        "fielding_conn_id",
    )

    def __init__(
        self,
        *,
        report_type: str,
        period_start: date | str,
        period_end: date | str,
        path: "ObjectStoragePath | str",
        level: str = "account",
        filter_ids: Iterable[str] | str = (),
        include_respondent_answers: bool = False,
        email_recipients: Iterable[str] | str = (),
        account_id: str | int | None = None,
        job_timeout: float = 3600.0,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        fielding_conn_id: str = FieldingHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.report_type = report_type
        self.period_start = period_start
        self.period_end = period_end
        self.path = path
        self.level = level
        self.filter_ids = filter_ids
        self.include_respondent_answers = include_respondent_answers
        self.email_recipients = email_recipients
        self.account_id = account_id
        self.job_timeout = job_timeout
        self.deferrable = deferrable
        self.fielding_conn_id = fielding_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Request the report, unless an earlier try has, and defer until it is completed.

        Raises:
            AirflowFailException: if an argument is invalid.
            FieldingKitError: if the API refuses the request or cannot be reached.
        """
        from fieldingkit.airflow.task_state import state_store
        from fieldingkit.errors import ConfigurationError, InvalidCommandError

        try:
            store = state_store(context)
            self._target()
            with FieldingHook(self.fielding_conn_id).client() as client:
                token = store.get(_TOKEN_KEY) or self._start(client, store)
                if self.deferrable:
                    self._defer(token)
                return self._save(client, store, token, self.job_timeout)
        except (InvalidCommandError, ConfigurationError) as exc:
            raise AirflowFailException(str(exc)) from exc

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Save the file of a report that has ended.

        Args:
            context: The task's context.
            event: The trigger's event. It is not used: the worker reads the report itself.

        Raises:
            AirflowException: if the report failed; a retry requests another one.
            FieldingKitError: if the file cannot be saved; a retry continues with the same report.
        """
        from fieldingkit.airflow.task_state import state_store
        from fieldingkit.errors import ConfigurationError, InvalidCommandError

        del event
        try:
            store = state_store(context)
            with FieldingHook(self.fielding_conn_id).client() as client:
                return self._save(client, store, store.get(_TOKEN_KEY), _GRACE)
        except (InvalidCommandError, ConfigurationError) as exc:
            raise AirflowFailException(str(exc)) from exc

    def _command(self) -> "GenerateReport":
        from fieldingkit.resources.reports import GenerateReport, ReportLevelName, ReportOptions, ReportTypeName

        # Templates may render to anything; the command checks it.
        return GenerateReport(
            account_id=self.account_id or None,
            report_type=cast("ReportTypeName", self.report_type),
            level=cast("ReportLevelName", self.level),
            filter_ids=_ids(self.filter_ids),
            start_date=_day(self.period_start, "period_start"),
            end_date=_day(self.period_end, "period_end"),
            report_options=ReportOptions(include_respondent_answers=True) if self.include_respondent_answers else None,
            email_recipients=_ids(self.email_recipients),
        )

    def _start(self, client: "Client", store: "StateStore") -> str:
        """Request the report and save the token of its job. After a killed try, search for its report first."""
        from fieldingkit.workflows.reports import start_report

        command = self._command()
        before: str | None = store.get(_REQUESTED_KEY)
        if not before:
            store.set(_REQUESTED_KEY, datetime.now(UTC).isoformat())
        since = None if not before else datetime.fromisoformat(before) - _CLOCK_STEP
        job, conflicts = client.call(start_report, command, since=since)
        for conflict in conflicts:
            self.log.warning("the outcome of the request was found in the list of reports, after: %s", conflict)
        token = job.token()
        store.set(_TOKEN_KEY, token)
        self.log.info("report %s was requested", job.id)
        return token

    def _save(self, client: "Client", store: "StateStore", token: str, timeout: float) -> dict[str, Any]:
        """Save the file of the report, and return the task's result."""
        from pathlib import Path
        from tempfile import TemporaryDirectory

        target = self._target()
        if target.protocol in _LOCAL:
            saved = self._download(client, store, token, Path(target.path), timeout)
            path = str(saved.path)
        else:
            with TemporaryDirectory(prefix="fieldingkit-") as folder:
                saved = self._download(client, store, token, Path(folder), timeout)
                if not target.suffix:
                    target = target.with_name(target.name + saved.path.suffix)
                # As a whole: an object that is written in parts would be there in part after an error.
                target.fs.put_file(str(saved.path), target.path)
            path = str(target)
        self.log.info("report %s was saved as %s", saved.report_id, path)
        return {"report_id": saved.report_id, "path": path, "size": saved.size, "content_type": saved.content_type}

    def _download(
        self, client: "Client", store: "StateStore", token: str, path: "Path", timeout: float
    ) -> "SavedReport":
        from fieldingkit.errors import JobFailedError
        from fieldingkit.workflows.reports import save_report

        try:
            return client.call(save_report, token, path, timeout=timeout)
        except JobFailedError as exc:
            for key in (_TOKEN_KEY, _REQUESTED_KEY):
                store.set(key, "")
            raise AirflowException(f"{exc}; a retry requests another report") from exc

    def _target(self) -> "ObjectStoragePath":
        """Return the place of the file; its connection and its package must be there."""
        from airflow.sdk import ObjectStoragePath

        target = ObjectStoragePath(self.path)
        if target.protocol not in _LOCAL:
            target.fs  # noqa: B018  # loads both
        return target

    def _defer(self, token: str) -> NoReturn:
        self.defer(
            trigger=FieldingJobTrigger(token, self.fielding_conn_id),
            method_name="execute_complete",
            timeout=timedelta(seconds=self.job_timeout),
        )


def _ids(given: Iterable[str] | str) -> tuple[str, ...] | None:
    """Return ids, which a template may have rendered to one text; None if there are none."""
    ids = given.replace(",", " ").split() if isinstance(given, str) else tuple(given)
    return tuple(ids) or None


def _day(given: date | str, name: str) -> date:
    """Return a day, which a template may have rendered to text."""
    from fieldingkit.errors import InvalidCommandError

    if not isinstance(given, str):
        return given
    try:
        return date.fromisoformat(given)
    except ValueError:
        raise InvalidCommandError(f"{name} must be a date such as 2026-01-31; got {given!r}", field=name) from None
