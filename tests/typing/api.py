"""The public surface as type checkers see it. Never run: mypy and pyright read it, both in their strict mode."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, assert_never, assert_type

from fieldingkit import (
    ApiResponse,
    AsyncClient,
    AsyncFulfillmentClient,
    AsyncJob,
    BearerToken,
    Client,
    ClientCredentials,
    Command,
    FulfillmentClient,
    Job,
    JobCommand,
    JobEvent,
    PollPolicy,
    RetryPolicy,
    batch_jobs,
    errors,
    feasibility,
    fielding_jobs,
    fielding_runs,
    fulfillment,
    profiles,
    reports,
    target_group_drafts,
    target_groups,
    webhooks,
    workflows,
)
from fieldingkit.clock import Clock, MonotonicClock
from fieldingkit.commands import OpenEnum
from fieldingkit.files import Downloaded, Upload
from fieldingkit.job_commands import JobAccepted, JobResult
from fieldingkit.transport.credentials import AccessToken, Fetch
from fieldingkit.transport.http import Response

PROJECT = "01BTGNYV6HRNK8K8VKZASZCFP0"
GROUP = "01BTGNYV6HRNK8K8VKZASZCFP1"

read = fielding_runs.GetFieldingRun(project_id=PROJECT, target_group_id=GROUP, fielding_run_id="r")
pause = fielding_runs.PauseFieldingRun(project_id=PROJECT, target_group_id=GROUP, fielding_run_id="r", if_match='"1"')
batch = batch_jobs.PauseTargetGroups(project_id=PROJECT, target_group_ids=[GROUP])
launch = fielding_jobs.LaunchFromDraft(project_id=PROJECT, target_group_id=GROUP, end_fielding_at=datetime.now(UTC))


class Vault:
    """A token provider of one's own."""

    async def fetch(self, http: Fetch) -> AccessToken:
        """Get a token from somewhere else."""
        del http
        return AccessToken("x", lifetime=60)


class Stopped:
    """A clock of one's own."""

    def now(self) -> float:
        """Always the same."""
        return 0.0

    def wall(self) -> float:
        """Always the same."""
        return 0.0

    async def sleep(self, seconds: float) -> None:
        """Do not wait."""

    def call_later(self, seconds: float, function: Any) -> Any:
        """Never."""


def making() -> None:
    """How clients are made."""
    clock: Clock = MonotonicClock()
    assert_type(AsyncClient(auth="token"), AsyncClient)
    assert_type(AsyncClient.from_env(timeout=None, deadline=5), AsyncClient)
    assert_type(Client(auth=BearerToken("token"), account_id="101", clock=clock), Client)
    assert_type(Client.from_env(account_id=101, retry=RetryPolicy(max_attempts=1), poll=PollPolicy()), Client)
    AsyncClient(auth=ClientCredentials(client_id="i", client_secret="s"), retry=RetryPolicy(max_attempts=1))
    AsyncClient(auth=Vault(), clock=Stopped())


async def asynchronous(client: AsyncClient) -> None:
    """The verbs of the async client."""
    assert_type(await client.send(read), fielding_runs.FieldingRun)
    assert_type(await client.send(pause), fielding_runs.FieldingRunChange)
    assert_type(await client.send(batch), JobAccepted)
    assert_type(await client.submit(batch), AsyncJob[batch_jobs.BatchResult])
    assert_type(await client.submit(launch), AsyncJob[fielding_jobs.FieldingJobResult])
    assert_type(await client.run(batch), batch_jobs.BatchResult)
    assert_type(await client.run(launch, timeout=None), fielding_jobs.FieldingJobResult)
    assert_type(await client.send_detailed(read), ApiResponse[fielding_runs.FieldingRun])
    assert_type((await client.send_detailed(pause)).result, fielding_runs.FieldingRunChange)
    assert_type(await client.request("GET", "/x", params={"a": 1}, headers={}), Response)
    assert_type(await client.request("PUT", "/x", content=Upload.csv([["a", 1, None]])), Response)
    assert_type(await client.request("POST", "/x", files={"a": b"", "b": Path("b"), "c": "c"}), Response)
    assert_type(await client.download(read, "report.csv", lambda received, total: None), Downloaded)
    assert_type(client.with_options(timeout=5, headers={"X": "y"}, account_id=7), AsyncClient)
    assert_type(client.job("token"), AsyncJob[JobResult])
    async for group in client.iter_items(target_groups.ListTargetGroups(project_id=PROJECT)):
        assert_type(group, target_groups.TargetGroupSummary)
    async for page in client.iter_pages(target_groups.ListTargetGroups(project_id=PROJECT)):
        assert_type(page, target_groups.TargetGroupList)
        assert_type(page[0], target_groups.TargetGroupSummary)
    async with client as same:
        assert_type(same, AsyncClient)
    await client.aclose()


async def jobs(job: AsyncJob[batch_jobs.BatchResult]) -> None:
    """The async handle."""
    assert_type(await job, batch_jobs.BatchResult)
    assert_type(await job.wait(timeout=5), batch_jobs.BatchResult)
    assert_type(await job.status(), batch_jobs.BatchResult)
    assert_type(await job.retry_failed(), AsyncJob[batch_jobs.BatchResult])
    await job.retry_failed(only=lambda item: item.code == "x")
    assert_type(job.id, str)
    assert_type(job.token(), str)
    assert_type(job.idempotency_key, str | None)
    assert_type(job.foreign_location, bool)
    async for event in job.watch():
        assert_type(event, JobEvent)
        assert_type(event.status, OpenEnum | None)
        assert_type(event.result, JobResult | None)


def blocking(client: Client) -> None:
    """The verbs of the blocking client."""
    assert_type(client.send(read), fielding_runs.FieldingRun)
    assert_type(client.send(pause), fielding_runs.FieldingRunChange)
    assert_type(client.send(batch), JobAccepted)
    assert_type(client.submit(batch), Job[batch_jobs.BatchResult])
    assert_type(client.submit(launch), Job[fielding_jobs.FieldingJobResult])
    assert_type(client.run(batch), batch_jobs.BatchResult)
    assert_type(client.run(launch, timeout=None), fielding_jobs.FieldingJobResult)
    assert_type(client.send_detailed(read), ApiResponse[fielding_runs.FieldingRun])
    assert_type(client.request("POST", "/x", json=[1]), Response)
    assert_type(client.download(read, Path("report.csv")), Downloaded)
    assert_type(client.with_options(deadline=None, retry=RetryPolicy(), poll=PollPolicy()), Client)
    assert_type(client.job("token"), Job[JobResult])
    assert_type(client.call(paused, 3), int)
    for group in client.iter_items(target_groups.ListTargetGroups(project_id=PROJECT)):
        assert_type(group, target_groups.TargetGroupSummary)
    for page in client.iter_pages(target_groups.ListTargetGroups(project_id=PROJECT)):
        assert_type(page, target_groups.TargetGroupList)
    with client as same:
        assert_type(same, Client)
    client.close()


async def paused(client: AsyncClient, times: int) -> int:
    """A coroutine function that the blocking client can run."""
    del client
    return times


def workflows_of(client: Client) -> None:
    """Workflows run with the blocking client, and keep their types."""
    draft = target_group_drafts.GetTargetGroup(project_id=PROJECT, target_group_id=GROUP)
    launched = client.call(workflows.launch, draft, accept_infeasible=True)
    assert_type(launched, workflows.LaunchedTargetGroup)
    assert_type(launched.feasibility, feasibility.Feasibility | None)
    what_if = feasibility.CalculateTargetGroupFeasibility(project_id=PROJECT, target_group_id=GROUP)
    assert_type(client.send(what_if).completes_max, int | None)
    listed = profiles.ListProfiles(project_id=PROJECT, target_group_id=GROUP)
    changed = client.call(
        workflows.change_profiles, listed, without_the_last, adjustment="nominal", control_profiles=()
    )
    assert_type(changed, workflows.ChangedProfiles)
    assert_type(changed.after.profiles, tuple[profiles.Profile, ...])
    preview = client.call(workflows.preview_profiles, listed, lambda now: now.profiles[:1], adjustment="percentage")
    assert_type(preview.difference[0], workflows.QuotaDifference)


def reports_of(client: Client) -> None:
    """A report has the status of its own; a workflow returns its file."""
    command = reports.GenerateReport(
        report_type="completes",
        level="project",
        filter_ids=[PROJECT],
        start_date=date(2026, 1, 1),
        end_date=date(2026, 2, 1),
    )
    assert_type(client.run(command).status, reports.ReportState)
    assert_type(client.call(workflows.run_report, command, Path("a.csv")), workflows.SavedReport)
    assert_type(client.call(workflows.save_report, "01K", "a.csv", timeout=None).size, int)


def without_the_last(now: profiles.TargetGroupProfiles) -> workflows.ProfileChange:
    """A change of profiles that names what it deletes."""
    return workflows.ProfileChange(profiles=now.profiles[:-1], deletes=now.profiles[-1:])


def blocking_jobs(job: Job[batch_jobs.BatchResult]) -> Iterator[int]:
    """The blocking handle."""
    assert_type(job.wait(), batch_jobs.BatchResult)
    assert_type(job.retry_failed(), Job[batch_jobs.BatchResult])
    assert_type(job.token(), str)
    for event in job.watch():
        assert_type(event, JobEvent)
        yield event.polls


def models(run: fielding_runs.FieldingRun, result: batch_jobs.BatchResult) -> None:
    """Fields of models and results."""
    assert_type(run.status, fielding_runs.FieldingRunStatus)
    assert_type(run.start_fielding_at, datetime)
    assert_type(run.etag, str)
    assert_type(result.updated, tuple[str, ...])
    assert_type(result.failed, tuple[batch_jobs.FailedTargetGroup, ...])
    assert_type(result.ok, bool)
    assert_type(result.to_dict(), dict[str, Any])
    assert_type(result.to_json(), str)
    assert_type(result.rows(), list[dict[str, Any]])
    assert_type(result.undecoded, tuple[str, ...])
    assert_type(pause.replace(if_match="x"), fielding_runs.PauseFieldingRun)


def variance() -> None:
    """A command of something narrower is a command of something wider."""
    anything: Command[object] = read
    job: JobCommand[object] = batch
    made: Command[JobAccepted] = batch
    secret: Command[webhooks.Webhook] = webhooks.RegenerateWebhookSecret(webhook_id="w")
    del anything, job, made, secret


def filters() -> None:
    """Literal names, members and single values are filters; a misspelled name is not."""
    target_groups.ListTargetGroups(project_id=PROJECT, status=["live", target_groups.TargetGroupStatus.PAUSED])
    target_groups.ListTargetGroups(project_id=PROJECT, status=["pasued"])  # type: ignore[list-item]
    webhooks.CreateWebhook(url="https://example.com", events=("session-updated",))


def refusals(error: errors.FieldingKitError) -> None:
    """Attributes of errors."""
    assert_type(error.attempts, tuple[errors.Attempt, ...])
    assert_type(error.maybe_applied, bool)
    assert_type(error.idempotency_key, str | None)
    match error:
        case errors.ConnectionFailedError():
            assert_type(error.retry_after, float | None)
        case errors.PreconditionFailedError():
            assert_type(error.current_etag, str | None)
        case errors.ApiError():
            assert_type(error.status, int)
            assert_type(error.invalid_params, tuple[errors.InvalidParam, ...])
        case errors.JobError():
            assert_type(error.token, str | None)
        case errors.TransportError():
            assert_type(error.sent, bool)
        case _:
            pass


def condition_text(condition: profiles.Condition) -> str:
    """A match statement over the kinds of conditions is exhaustive, and narrows to the fields of each."""
    match condition:
        case profiles.Selection(option=option):
            return assert_type(option, str)
        case profiles.Range(min=low):
            return str(assert_type(low, int | None))
        case profiles.OpenEnded(open_ended_values=values):
            return " ".join(assert_type(values, tuple[str, ...]))
        case profiles.OtherCondition(object=kind):
            return assert_type(kind, str)
        case _:
            assert_never(condition)


profiles.Profiling(profile_adjustment_type="nominal", profiles=[profiles.Profile(targets=[], object="regular")])
profiles.Profile.blended(name="cells", targets=[profiles.Target(conditions=[])], blended_type="control")


async def respondents(client: AsyncFulfillmentClient, blocking: FulfillmentClient) -> None:
    """The clients for survey hosts are typed as the others are."""
    report = fulfillment.UpdateRespondentStatus(rid=PROJECT, status=fulfillment.SessionStatus.COMPLETE)
    respondent = await client.send(report)
    assert_type(respondent, fulfillment.RespondentStatus)
    assert_type(respondent.status, fulfillment.SessionStatus | None)
    assert_type(await client.send_detailed(report), ApiResponse[fulfillment.RespondentStatus])
    assert_type(blocking.send(report), fulfillment.RespondentStatus)
    assert_type(client.with_options(timeout=5), AsyncFulfillmentClient)
    assert_type(blocking.with_options(retry=RetryPolicy()), FulfillmentClient)
    ensured = await workflows.ensure_respondent_status(client, rid=PROJECT, status=5)
    assert_type(ensured, workflows.EnsuredRespondentStatus)
    assert_type(
        blocking.call(workflows.ensure_respondent_status, rid=PROJECT, status=5), workflows.EnsuredRespondentStatus
    )
    assert_type(ensured.changed, bool | None)
