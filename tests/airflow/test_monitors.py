"""The operator that applies rules: findings over several runs, notifications, and what could not be read."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import Variable
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from support.airflow_site import connection_json
from support.fake_task import FakeTask
from support.post_receiver import PostReceiver

from fieldingkit.airflow import FieldingMonitorOperator
from fieldingkit.errors import FieldingKitError
from fieldingkit.monitoring import NoCompletes, RuleName, Rules
from fieldingkit.sandbox import Project, Sandbox, faults

KEY = "fieldingkit.findings.nightly.pause"


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Keep Airflow's variables in a dictionary."""
    kept: dict[str, str] = {}
    monkeypatch.setattr(Variable, "get", lambda key, **options: kept.get(key, options["default"]))
    monkeypatch.setattr(Variable, "set", lambda key, value, description: kept.update({key: value}))
    return kept


@pytest.fixture
def rules_file(tmp_path: Path) -> Path:
    """Write a file of rules in which one rule is on."""
    path = tmp_path / "rules.toml"
    off = (f"[{name}]\nenabled = false\n" for name in RuleName if name is not RuleName.PAUSED_BY_API)
    path.write_text("\n".join(off))
    return path


class Channel(PostReceiver):
    """A webhook that keeps its documents."""

    def __init__(self) -> None:
        super().__init__()
        self.documents: list[Any] = []

    def receive(self, path: str, headers: Mapping[str, str], body: bytes) -> None:
        """Keep a document."""
        self.documents.append(json.loads(body))


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Channel]:
    """Start a webhook with a connection of its own."""
    channel = Channel()
    connection = {"conn_type": "http", "password": f"{channel.origin}/hook-secret"}
    monkeypatch.setenv("AIRFLOW_CONN_CHANNEL", json.dumps(connection))
    yield channel
    channel.close()


def operator(project: Project, rules: Any, **fields: Any) -> FieldingMonitorOperator:
    """Return an operator for the target groups of a project."""
    return FieldingMonitorOperator(task_id="pause", query={"project_ids": [project.id]}, rules=rules, **fields)


def run(monitor: FieldingMonitorOperator, **fields: Any) -> tuple[Any, FakeTask]:
    """Run a try of a new DAG run; return its result and the task."""
    task = FakeTask(**fields)
    return task.start(monitor), task


def test_a_finding_fails_the_task_for_good(connected: Sandbox, rules_file: Path) -> None:
    """The message says what was seen, since when, and what to do; the findings are in XCom; no retry helps."""
    project = connected.seed(live=1, paused=1, goal_reached=True)
    task, monitor = FakeTask(), operator(project, str(rules_file))
    with pytest.raises(AirflowFailException) as caught:
        task.start(monitor)
    headline, line = str(caught.value).split("\n")
    (finding,) = task.pushed["details"]["new"]
    assert headline == "1 open finding, 1 of them new, in 2 target groups"
    assert "paused_by_api: the API paused it: total_completes_reached. Known since 20" in line
    assert line.endswith("To do: complete it, or raise the goal and resume.")
    assert finding["target_group_id"] in line
    assert task.pushed["return_value"]["counts"] == {
        "new": 1,
        "continuing": 0,
        "unconfirmed": 0,
        "ended": 0,
        "unknown": 0,
    }
    assert task.pushed["return_value"]["rules"] == {"paused_by_api": 1}


def test_a_finding_is_new_only_once_and_is_over_once(connected: Sandbox, rules_file: Path) -> None:
    """Later runs know it, also after a retry; its end is in the details of the run that sees it."""
    project = connected.seed(live=1, goal_reached=True)
    (group,) = project.groups
    monitor = operator(project, rules_file, on_findings="fail_if_new")
    with pytest.raises(AirflowFailException):
        run(monitor)
    result, _ = run(monitor)
    assert (result["counts"]["new"], result["counts"]["continuing"], result["is_well"]) == (0, 1, False)
    with pytest.raises(AirflowFailException, match="1 open finding, 0 of them new"):
        run(operator(project, rules_file))
    group.set_goal(1000, at=connected.clock.now(), request=0)
    group.act("resume", by="Ada")
    result, task = run(monitor)
    assert (result["counts"]["ended"], result["is_well"], result["rules"]) == (1, True, {})
    assert task.pushed["details"]["ended"][0]["reason"] == "its target group is live now"
    result, _ = run(monitor)
    assert result["counts"]["ended"] == 0


def test_a_warning_leaves_the_findings_to_what_follows(connected: Sandbox, rules_file: Path) -> None:
    """The task succeeds, and the result is plain JSON."""
    result, _ = run(operator(connected.seed(live=1, goal_reached=True), rules_file, on_findings="warn"))
    assert json.loads(json.dumps(result)) == result
    assert result["headline"] == "1 open finding, 1 of them new, in 1 target group"


def test_rules_may_be_given_in_python_or_left_out(connected: Sandbox) -> None:
    """The default rules need all details; a forecast that is too early fails nothing."""
    project = connected.seed(live=1, completes=0)
    only = {name.value: {"enabled": False} for name in RuleName}
    rules = Rules(**{name: type(Rules()[RuleName(name)])(**fields) for name, fields in only.items()})
    assert run(operator(project, rules))[0]["is_well"]
    strict = operator(project, Rules(no_completes=NoCompletes(hours=1)), on_findings="warn")
    assert run(strict)[0]["rules"] == {"no_completes": 1}
    result, task = run(operator(connected.seed(live=1), None))
    assert result["counts"]["unknown"] == len(task.pushed["details"]["unknown"])


def test_findings_of_another_query_begin_anew(connected: Sandbox, rules_file: Path) -> None:
    """Nothing is known of target groups that this query does not read: none of their findings is over."""
    first, second = (operator(connected.seed(live=1, goal_reached=True), rules_file, on_findings="warn") for _ in "12")
    assert run(first)[0]["counts"]["new"] == 1
    result, _ = run(second)
    assert (result["counts"]["new"], result["counts"]["continuing"], result["counts"]["ended"]) == (1, 0, 0)


def test_no_target_group_is_no_finding(connected: Sandbox, rules_file: Path) -> None:
    """The result says how many there were."""
    result, _ = run(operator(connected.seed(draft=1), rules_file, account_id=connected.account_id))
    assert (result["target_groups"], result["is_well"]) == (1, True)
    query = {"project_ids": [connected.seed(draft=1).id], "status": ["live"]}
    result, _ = run(FieldingMonitorOperator(task_id="x", query=query, rules=rules_file))
    assert (result["headline"], result["target_groups"]) == ("0 open findings in 0 target groups", 0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        ("[no_complete]\nhours = 4", "no_complete"),
        ("[no_completes]\nhour = 4", "hour"),
        ("[no_completes]\nhours = -4", "hours must be above 0"),
        ("hours: 4", "not valid TOML"),
    ],
)
def test_a_file_of_rules_that_cannot_be_used_sends_nothing(
    connected: Sandbox, tmp_path: Path, content: str | None, message: str
) -> None:
    """A missing or mistyped file fails the task for good, and names the mistake."""
    path = tmp_path / "rules.toml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(AirflowFailException, match=message):
        run(FieldingMonitorOperator(task_id="x", rules=path))
    assert not connected.requests


def test_an_outage_keeps_the_findings_of_the_earlier_run(
    connected: Sandbox, rules_file: Path, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task that reads nothing fails, and neither ends nor adds a finding."""
    project = connected.seed(live=1, goal_reached=True)
    run(operator(project, rules_file, on_findings="warn"))
    before = dict(variables)
    monkeypatch.setenv("AIRFLOW_CONN_FIELDINGKIT_DEFAULT", connection_json(connected, deadline=0.2))
    connected.faults.add("get_list_target_groups", faults.Answer(503), times=None)
    with pytest.raises(FieldingKitError):
        run(operator(project, rules_file, on_findings="warn"))
    assert variables == before


def test_a_figure_that_could_not_be_read_is_no_success(connected: Sandbox, rules_file: Path) -> None:
    """The task fails with what is not known, and a retry reads again; the earlier finding stays open."""
    project = connected.seed(live=1, goal_reached=True)
    monitor = operator(project, rules_file, on_findings="fail_if_new")
    run(operator(project, rules_file, on_findings="warn"))
    connected.faults.add("get_target_group_changelog", faults.Answer(403), times=None)
    message = r"1 open finding, 0 of them new.* not all is known; a retry.*\n.*403"
    with pytest.raises(AirflowException, match=message) as caught:
        run(monitor)
    assert not isinstance(caught.value, AirflowFailException)
    result, _ = run(operator(project, rules_file, on_findings="warn"))
    assert (result["counts"]["unconfirmed"], result["counts"]["ended"], result["is_well"]) == (1, 0, False)
    connected.faults.clear()
    assert run(monitor)[0]["counts"]["continuing"] == 1


def test_a_project_that_cannot_be_listed_is_no_success(connected: Sandbox, rules_file: Path) -> None:
    """It is named, also if all others are well."""
    query = {"project_ids": [connected.seed(live=1).id, "01BTGNYV6HRNK8K8VKZASZCFP0"]}
    with pytest.raises(AirflowException, match="01BTGNYV6HRNK8K8VKZASZCFP0"):
        run(FieldingMonitorOperator(task_id="x", query=query, rules=rules_file))


def test_a_webhook_gets_each_change_once(
    connected: Sandbox, rules_file: Path, webhook: Channel, variables: dict[str, str]
) -> None:
    """The connection has the URL, which is in no result."""
    project = connected.seed(live=1, goal_reached=True)
    monitor = operator(project, rules_file, on_findings="warn", notify_conn_ids=["channel"])
    _, task = run(monitor)
    run(monitor)
    (document,) = webhook.documents
    assert len(document["new"]) == 1
    assert "hook-secret" not in repr((task, variables))


def test_a_webhook_that_refuses_fails_the_task_and_a_retry_sends_again(
    connected: Sandbox, rules_file: Path, webhook: Channel, variables: dict[str, str]
) -> None:
    """Findings count as known only when all receivers have them; the message has no URL."""
    project = connected.seed(live=1, goal_reached=True)
    task, monitor = FakeTask(), operator(project, rules_file, on_findings="fail", notify_conn_ids="channel")
    webhook.status = 404
    with pytest.raises(AirflowException, match=r"channel \(.*404.*\) did not take the changes") as caught:
        task.start(monitor)
    assert not isinstance(caught.value, AirflowFailException)
    assert "hook-secret" not in str(caught.value)
    assert KEY not in variables
    webhook.status = 200
    with pytest.raises(AirflowFailException, match="1 of them new"):
        task.start(monitor)
    assert len(webhook.documents) == 2
    assert KEY in variables


def test_a_try_that_is_killed_after_it_notified_sends_again(
    connected: Sandbox, rules_file: Path, webhook: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change may be sent twice, and is never lost."""

    def die(*args: Any, **kwargs: Any) -> None:
        raise KeyboardInterrupt

    monitor = operator(
        connected.seed(live=1, goal_reached=True), rules_file, on_findings="warn", notify_conn_ids=("channel",)
    )
    with monkeypatch.context() as killed:
        killed.setattr(Variable, "set", die)
        with pytest.raises(KeyboardInterrupt):
            run(monitor)
    run(monitor)
    run(monitor)
    assert [len(document["new"]) for document in webhook.documents] == [1, 1]


def test_a_try_that_is_killed_before_it_fails_leaves_the_failure_to_the_retry(
    connected: Sandbox, rules_file: Path, webhook: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable has the finding already, but this DAG run has not failed for it; it is not sent again."""

    def die(*args: Any) -> None:
        raise KeyboardInterrupt

    project, task = connected.seed(live=1, goal_reached=True), FakeTask()
    monitor = operator(project, rules_file, on_findings="fail_if_new", notify_conn_ids="channel")
    with monkeypatch.context() as killed:
        killed.setattr(FieldingMonitorOperator, "_judge", die)
        with pytest.raises(KeyboardInterrupt):
            task.start(monitor)
    with pytest.raises(AirflowFailException, match="1 open finding, 1 of them new"):
        task.start(monitor)
    assert run(monitor)[0]["counts"]["continuing"] == 1
    assert len(webhook.documents) == 1


@pytest.mark.parametrize(
    ("connection", "message"),
    [
        ({"conn_type": "http"}, "must have the URL of the webhook as its password"),
        ({"conn_type": "http", "password": "ftp://hook-secret"}, "connection 'channel'"),
        ({"conn_type": "http", "password": "https://hook-secret", "extra": {"shape": "fax"}}, "shape must be json"),
    ],
)
def test_a_connection_that_is_no_webhook_fails_before_anything_is_read(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch, connection: dict[str, Any], message: str
) -> None:
    """The message has the connection's id, and not its URL."""
    monkeypatch.setenv("AIRFLOW_CONN_CHANNEL", json.dumps(connection))
    with pytest.raises(AirflowFailException, match=message) as caught:
        run(FieldingMonitorOperator(task_id="x", notify_conn_ids=["channel"]))
    assert "hook-secret" not in str(caught.value)
    assert not connected.requests


@pytest.mark.parametrize("kept", ["{", "[]", '{"schema": 99}', '{"schema": 1, "at": 3}'])
def test_a_variable_that_is_damaged_is_named(
    connected: Sandbox, rules_file: Path, variables: dict[str, str], kept: str
) -> None:
    """Nothing is sent, and the variable stays as it is."""
    variables[KEY] = kept
    with pytest.raises(AirflowFailException, match=f"variable {KEY}.*delete it to begin again"):
        run(operator(connected.seed(live=1), rules_file))
    assert variables == {KEY: kept}
    assert not connected.requests


@pytest.mark.parametrize(
    ("fields", "monitor_fields", "key"),
    [
        ({}, {}, KEY),
        ({"map_index": 3}, {}, f"{KEY}.3"),
        ({"map_index": -1}, {}, KEY),
        ({}, {"findings_key": "mine"}, "mine"),
    ],
)
def test_each_task_has_a_variable_of_its_own(
    connected: Sandbox,
    rules_file: Path,
    variables: dict[str, str],
    fields: dict[str, Any],
    monitor_fields: dict[str, Any],
    key: str,
) -> None:
    """So does each mapped task, and a template may name it."""
    run(operator(connected.seed(live=1), rules_file, **monitor_fields), **fields)
    assert list(variables) == [key]


def test_a_long_key_is_a_hash(connected: Sandbox, rules_file: Path, variables: dict[str, str]) -> None:
    """Airflow's variables have keys of 250 characters at most."""
    for dag_id in ("a" * 250, "a" * 249 + "b"):
        run(operator(connected.seed(live=1), rules_file), dag_id=dag_id)
    assert [len(key) <= 250 for key in variables] == [True, True]


def test_a_message_names_ten_findings_and_counts_the_rest(connected: Sandbox, rules_file: Path) -> None:
    """The details have all of them."""
    task, monitor = FakeTask(), operator(connected.seed(live=13, goal_reached=True), rules_file)
    with pytest.raises(AirflowFailException) as caught:
        task.start(monitor)
    lines = str(caught.value).split("\n")
    assert len(lines) == 1 + 10 + 1
    assert lines[-1] == "and 3 more; see the XCom details"
    assert len(task.pushed["details"]["new"]) == 13


@pytest.mark.parametrize("query", [{"statuses": ["live"]}, "{'status': ['live']}"])
def test_a_query_that_is_mistyped_sends_nothing(connected: Sandbox, query: Any) -> None:
    """It fails the task for good."""
    with pytest.raises(AirflowFailException, match="query"):
        run(FieldingMonitorOperator(task_id="x", query=query))
    assert not connected.requests


def test_an_unknown_end_fails_the_dag_file() -> None:
    """It is found when the file is parsed."""
    with pytest.raises(ValueError, match="on_findings must be"):
        FieldingMonitorOperator(task_id="x", on_findings="ignore")  # type: ignore[arg-type]  # refused
