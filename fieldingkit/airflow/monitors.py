"""The operator that applies rules to target groups, and fails or warns if one of them is in trouble.

Airflow imports this module whenever it parses a DAG file, so monitoring is imported only when a task runs.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

from airflow.sdk import BaseHook, BaseOperator, Context, Variable
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from fieldingkit.airflow.hooks import FieldingHook
from fieldingkit.airflow.results import DETAILS_KEY

if TYPE_CHECKING:
    from fieldingkit.airflow.task_state import TaskInstance
    from fieldingkit.client import AsyncClient
    from fieldingkit.monitoring.findings import Finding, Findings
    from fieldingkit.monitoring.messages import MessageShape
    from fieldingkit.monitoring.receivers import Webhook
    from fieldingkit.monitoring.rules import Rules
    from fieldingkit.monitoring.watches.state import WatchState
    from fieldingkit.sweeps.plan import TargetGroupQuery

__all__ = ["FieldingMonitorOperator", "OnFindings"]

OnFindings = Literal["fail", "fail_if_new", "warn"]
"""The end of a task with findings: it fails, it fails only if one of them is new, or it succeeds."""

_NEW_KEY = "fieldingkit.new_findings"
_MAX_LINES = 10
"""The largest number of findings in a message."""
_LONGEST_KEY = 250
"""The longest key of an Airflow variable."""


class _Settings(NamedTuple):
    """The parameters of a run, after they were checked."""

    query: "TargetGroupQuery | None"
    rules: "Rules"
    webhooks: tuple["Webhook", ...]
    earlier: "Findings | None"


class _Seen(NamedTuple):
    """The findings of now, by whether an earlier DAG run has seen them."""

    new: tuple["Finding", ...]
    continuing: tuple["Finding", ...]

    @classmethod
    def of(cls, state: "WatchState", known_keys: Iterable[Sequence[str | None]]) -> "_Seen":
        """Return the findings of now; those that an earlier try of this DAG run found new are still new."""
        keys = {*map(tuple, known_keys), *(finding.key for finding in state.changes.new)}
        found = state.findings.found
        return cls(
            tuple(finding for finding in found if finding.key in keys),
            tuple(finding for finding in found if finding.key not in keys),
        )


class FieldingMonitorOperator(BaseOperator):
    """Applies rules to target groups, and fails or warns if one of them is in trouble.

    ::

        FieldingMonitorOperator(
            task_id="trouble",
            query={"status": ["live", "paused"]},
            rules="/opt/airflow/config/rules.toml",
            on_findings="fail_if_new",
        )

    The message lists what was seen, since when, and what to do. If a rule could not be applied, because a figure could
    not be read, the task fails unless there is ``on_findings="warn"``, and a retry reads again: success means that all
    was read. A forecast that is too early is no failure. An example of its result::

        {
            "headline": "2 open findings, 1 of them new, in 40 target groups",
            "at": "2026-03-05T12:00:00.000Z",
            "target_groups": 40,
            "counts": {"new": 1, "continuing": 1, "unconfirmed": 0, "ended": 0, "unknown": 3},
            "rules": {"no_completes": 1, "end_before_goal": 1},
            "is_well": False,
        }

    The XCom ``details`` has the findings themselves, under the keys of ``counts``, and the ``problems`` of reading. The
    findings are kept between runs in an Airflow variable, so that a finding is new only once. With another query or
    account all of them are new again.

    Args:
        query: A ``TargetGroupQuery``, or its fields as a mapping; by default all that are live or paused.
        rules: The path of a TOML file of rules on the worker, or ``Rules``; the default rules if omitted.
        on_findings: ``fail`` to fail the task if a finding is open, ``fail_if_new`` only if one is new, ``warn`` to log
            findings and succeed. The result goes to XCom in every case.
        notify_conn_ids: The ids of Airflow connections of webhooks that get new and ended findings. The password of a
            connection is the URL, and its extra ``shape`` is ``json``, ``slack`` or ``teams``.
        findings_key: The key of the variable; by default it is made of the ids of the DAG and the task, and the map
            index. Mapped tasks whose order changes need one of their own.
        account_id: The account's number; None for the account of the connection.
        fielding_conn_id: The id of the Airflow connection to use.
        kwargs: Arguments of every Airflow operator.

    Raises:
        ValueError: if ``on_findings`` is none of the three.
    """

    template_fields: Collection[str] = (
        "query",
        "rules",
        "notify_conn_ids",
        "findings_key",
        "account_id",
        "fielding_conn_id",
    )

    def __init__(
        self,
        *,
        query: "TargetGroupQuery | Mapping[str, Any] | None" = None,
        rules: "Rules | Path | str | None" = None,
        on_findings: OnFindings = "fail",
        notify_conn_ids: Iterable[str] = (),
        findings_key: str | None = None,
        account_id: str | int | None = None,
        fielding_conn_id: str = FieldingHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if on_findings not in ("fail", "fail_if_new", "warn"):
            raise ValueError(f"on_findings must be fail, fail_if_new or warn; got {on_findings!r}")
        self.query = query
        self.rules = rules
        self.on_findings: OnFindings = on_findings
        self.notify_conn_ids = notify_conn_ids
        self.findings_key = findings_key
        self.account_id = account_id
        self.fielding_conn_id = fielding_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Read the target groups, apply the rules, send what changed, and keep the findings.

        Raises:
            AirflowFailException: if a parameter, the file of rules or a connection is invalid; or for the findings.
            AirflowException: if a webhook did not take the findings, or something could not be read; a retry reads
                again, and sends the same changes again.
            FieldingKitError: if nothing can be read.
        """
        from fieldingkit.airflow.task_state import state_store
        from fieldingkit.errors import ConfigurationError, InvalidCommandError

        key = self.findings_key or _variable_key(context["ti"])
        try:
            store = state_store(context)
            settings = self._settings(key)
            with FieldingHook(self.fielding_conn_id).client() as client:
                state: WatchState = client.call(self._read, settings)
                seen = _Seen.of(state, store.get(_NEW_KEY) or ())
                result = _result(state, seen)
                if self.do_xcom_push:
                    context["ti"].xcom_push(key=DETAILS_KEY, value=_details(state, seen))
                    context["ti"].xcom_push(key="return_value", value=result)
                self._log_state(state, seen, result)
                failed = client.call(_send, state, settings.webhooks)
        except (ConfigurationError, InvalidCommandError) as exc:
            raise AirflowFailException(str(exc)) from exc
        if failed:
            raise AirflowException(
                f"{', '.join(failed)} did not take the changes of the findings. A retry, or the next run, sends them "
                "again, to all receivers"
            )
        # First for this DAG run: after a kill in between, the variable would have them as known.
        store.set(_NEW_KEY, [list(finding.key) for finding in seen.new])
        Variable.set(key, state.findings.encode(), description="The latest findings of FieldingMonitorOperator")
        self._judge(state, seen, result)
        return result

    def _settings(self, key: str) -> _Settings:
        """Check the parameters before anything is read."""
        from fieldingkit.airflow.params import parse_query
        from fieldingkit.monitoring.findings import Findings
        from fieldingkit.monitoring.rules import Rules

        rules = self.rules
        if not isinstance(rules, Rules):
            rules = Rules.from_path(rules) if rules else Rules()
        kept: str | None = Variable.get(key, default=None)
        given = self.notify_conn_ids
        conn_ids = given.replace(",", " ").split() if isinstance(given, str) else given
        return _Settings(
            query=None if self.query is None else parse_query(self.query),
            rules=rules,
            webhooks=tuple(map(_webhook, conn_ids)),
            earlier=Findings.decode(kept, f"variable {key}") if kept else None,
        )

    async def _read(self, client: "AsyncClient", settings: _Settings) -> "WatchState":
        from contextlib import aclosing

        from fieldingkit.monitoring.snapshot_reader import Reader, selection_of
        from fieldingkit.monitoring.watches.loop import DEFAULT_QUERY, watch

        earlier, query = settings.earlier, settings.query or DEFAULT_QUERY
        if earlier is not None and earlier.selection != selection_of(Reader(client, self.account_id or None), query):
            self.log.warning("The earlier findings are those of another query; all findings of this one are new")
            earlier = None
        states = watch(
            client,
            query,
            rules=settings.rules,
            every=None,
            earlier=earlier,
            account_id=self.account_id or None,
        )
        async with aclosing(states):
            return await anext(states)

    def _log_state(self, state: "WatchState", seen: _Seen, result: Mapping[str, Any]) -> None:
        from fieldingkit.monitoring.messages import finding_line

        self.log.info(result["headline"])
        for finding in seen.new[:_MAX_LINES]:
            self.log.warning("NEW %s", finding_line(finding))
        for finding in (*seen.continuing, *state.changes.unconfirmed)[:_MAX_LINES]:
            self.log.warning(finding_line(finding))
        for end in state.changes.ended[:_MAX_LINES]:
            self.log.info("OVER %s: %s", finding_line(end.finding), end.reason)
        for reason in _missing(state)[:_MAX_LINES]:
            self.log.warning("not known: %s", reason)

    def _judge(self, state: "WatchState", seen: _Seen, result: Mapping[str, Any]) -> None:
        """Raise the error of a task with findings, or with figures that are not known."""
        from fieldingkit.monitoring.messages import finding_line

        if self.on_findings == "warn":
            return
        findings = seen.new if self.on_findings == "fail_if_new" else state.findings.open
        if findings:
            raise AirflowFailException(_lines(result["headline"], map(finding_line, findings)))
        if missing := _missing(state):
            headline = f"{result['headline']}, but not all is known; a retry reads again"
            raise AirflowException(_lines(headline, missing))


async def _send(client: "AsyncClient", state: "WatchState", webhooks: Iterable["Webhook"]) -> list[str]:
    """Send the changes to all webhooks, and return those that did not take them, with the reasons."""
    from tempfile import TemporaryDirectory

    from fieldingkit.monitoring.receivers import notify

    with TemporaryDirectory(prefix="fieldingkit-") as folder:  # a retry sends them, so that no dead letter is kept
        deliveries = await notify(
            state.changes, webhooks, dead_letters=Path(folder) / "dead-letters.jsonl", clock=client.clock
        )
    return [f"{one.receiver} ({one.failure})" for one in deliveries if not one.ok]


def _webhook(conn_id: str) -> "Webhook":
    """Return the webhook of an Airflow connection."""
    from fieldingkit.errors import ConfigurationError
    from fieldingkit.monitoring.receivers import Webhook

    connection = BaseHook.get_connection(conn_id)
    if not connection.password:
        raise ConfigurationError(f"connection {conn_id!r} must have the URL of the webhook as its password")
    try:
        shape = cast("MessageShape", connection.extra_dejson.get("shape") or "json")  # the webhook checks it
        return Webhook(connection.password, shape, name=conn_id)
    except ConfigurationError as exc:
        raise ConfigurationError(f"connection {conn_id!r}: {exc.message}") from exc


def _variable_key(ti: "TaskInstance") -> str:
    """Return the key of the variable of a task; a hash of it, if it is too long."""
    index = "" if ti.map_index is None or ti.map_index < 0 else f".{ti.map_index}"
    key = f"fieldingkit.findings.{ti.dag_id}.{ti.task_id}{index}"
    return key if len(key) <= _LONGEST_KEY else f"fieldingkit.findings.{hashlib.sha256(key.encode()).hexdigest()}"


def _missing(state: "WatchState") -> list[str]:
    """Return what is not known, other than the forecasts that are too early."""
    from fieldingkit.monitoring.group_rules import TOO_EARLY

    figures = (figure for figure in state.findings.unknown if figure.reason != TOO_EARLY)
    named = (
        f"{figure.rule or 'all rules'}, {figure.target_group_id or figure.project_id or 'all'}: {figure.reason}"
        for figure in figures
    )
    return [*state.problems, *named]


def _result(state: "WatchState", seen: _Seen) -> dict[str, Any]:
    """Return the result of a fixed, small size."""
    from collections import Counter

    from fieldingkit.rendering.text import pluralize
    from fieldingkit.results import rfc3339

    findings, changes = state.findings, state.changes
    new = f", {len(seen.new)} of them new," if findings.open else ""
    return {
        "headline": f"{pluralize(len(findings.open), 'open finding')}{new} in {pluralize(len(state.groups))}",
        "at": rfc3339(state.at),
        "target_groups": len(state.groups),
        "counts": {
            "new": len(seen.new),
            "continuing": len(seen.continuing),
            "unconfirmed": len(changes.unconfirmed),
            "ended": len(changes.ended),
            "unknown": len(findings.unknown),
        },
        "rules": dict(Counter(str(finding.rule) for finding in findings.open)),
        "is_well": findings.is_well and not state.problems,
    }


def _details(state: "WatchState", seen: _Seen) -> dict[str, Any]:
    """Return the findings as plain JSON."""
    from fieldingkit.results import to_plain

    changes = state.changes
    return {
        "new": to_plain(seen.new),
        "continuing": to_plain(seen.continuing),
        "unconfirmed": to_plain(changes.unconfirmed),
        "ended": to_plain(changes.ended),
        "unknown": to_plain(state.findings.unknown),
        "problems": list(state.problems),
    }


def _lines(headline: str, lines: Iterable[str]) -> str:
    """Return a message of several lines; the last one counts what is left out."""
    found = list(lines)
    more = [f"and {len(found) - _MAX_LINES} more; see the XCom details"] if len(found) > _MAX_LINES else []
    return "\n".join([headline, *found[:_MAX_LINES], *more])
