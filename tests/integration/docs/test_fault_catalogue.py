"""docs/how-to/test-your-code.md has each fault of the sandbox, and its examples end as it says."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import pytest
from support.pages import read

from fieldingkit import Client, ClientCredentials, PollPolicy, batch_jobs, errors, fielding_runs, reports, webhooks
from fieldingkit.sandbox import Sandbox, TargetGroup, faults

TODAY: Final = datetime.now(UTC).date()
PAGE: Final = read("docs/how-to/test-your-code.md")


class Row(NamedTuple):
    """A row of the catalogue."""

    fault: str
    """The expression that creates the fault."""
    operation: str
    """The operation that gets it."""
    outcome: str
    """How a call ends."""


ROWS: Final = [
    Row(*match) for match in re.findall(r"^\| `(faults\.[^`]+)` \| [^|]+ \| `(\w+)` \| ([^|]+) \|$", PAGE, re.MULTILINE)
]


def calls(group: TargetGroup, *, wait: float) -> dict[str, Callable[[Client], Any]]:
    """Return a call of each operation of the catalogue."""
    assert group.run is not None
    ids = {"project_id": group.project_id, "target_group_id": group.id}
    run = {**ids, "fielding_run_id": group.run.id}
    pause = fielding_runs.PauseFieldingRun(**run, if_match=group.run.etag)
    batch = batch_jobs.PauseTargetGroups(project_id=group.project_id, target_group_ids=[group.id])
    hook = webhooks.CreateWebhook(url="https://example.org/hook", events=["target-group-updated"])
    report = reports.GenerateReport(report_type="completes", start_date=TODAY - timedelta(days=30), end_date=TODAY)
    return {
        "create_webhook": lambda client: client.send(hook),
        "get_fielding_run": lambda client: client.send(fielding_runs.GetFieldingRun(**run)),
        "pause_fielding_run": lambda client: client.send(pause),
        "create_bulk_pause_target_groups_job": lambda client: client.run(batch, timeout=wait),
        "generate_report": lambda client: client.run(report, timeout=wait),
    }


def test_the_catalogue_has_every_fault() -> None:
    """A fault that is added to the sandbox is added to the catalogue."""
    listed = {name for row in ROWS for name in re.findall(r"faults\.(\w+)", row.fault)}
    kinds = {
        name
        for name in faults.__all__
        if issubclass(vars(faults)[name], faults.Fault) and not vars(faults)[name].__abstractmethods__
    }
    assert listed == kinds


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.fault}-{row.operation}")
def test_an_example_ends_as_the_catalogue_says(sandbox: Sandbox, row: Row) -> None:
    """The call raises the error that is named, with its `maybe_applied`, or succeeds."""
    group = sandbox.seed(live=1).groups[0]
    fault = eval(row.fault, {"faults": faults})
    options: dict[str, Any] = {"timeout": 3.0} if isinstance(fault, faults.Hang) else {}
    credentials = ClientCredentials(
        client_id=sandbox.client_id, client_secret=sandbox.client_secret, token_url=sandbox.token_url
    )
    poll = PollPolicy(first_delay=0.01, min_interval=0.01, not_found_grace=0.1)
    with Client(account_id=sandbox.account_id, auth=credentials, base_url=sandbox.url, poll=poll, **options) as client:
        sandbox.faults.add(row.operation, fault, times=None)
        call = calls(group, wait=1.0 if isinstance(fault, faults.StuckJob) else 250.0)[row.operation]
        try:
            result = call(client)
        except errors.FieldingKitError as exc:
            (name,) = re.findall(r"`(\w+Error)`", row.outcome)
            assert (type(exc).__name__, exc.maybe_applied) == (name, "`maybe_applied`" in row.outcome), exc
        else:
            assert row.outcome.startswith("succeeds"), result
            if "missing" in row.outcome:
                assert result.missing == (group.id,)
