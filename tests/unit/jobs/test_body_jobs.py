"""Jobs that the body of a response names, with words and a pace of their own."""

import math
from typing import Any, ClassVar

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.examples import GROUP, JOB, PROJECT
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient, Serve
from support.raw_server import Step, answer, raw

import fieldingkit
from fieldingkit import reconciliations
from fieldingkit.commands import Command, DownloadCommand, Endpoint, OpenEnum, TargetGroupCommand
from fieldingkit.errors import DecodeError, InvalidCommandError, JobFailedError, JobLocationError, JobTimeoutError
from fieldingkit.job_commands import JobAccepted, JobCommand, JobPace, JobResult, JobWords
from fieldingkit.jobs import factory
from fieldingkit.jobs.poll_policy import PollPolicy
from fieldingkit.jobs.token import JobToken
from fieldingkit.results import Result
from fieldingkit.validators import opaque_id

_PATH = "/demand/accounts/{account_id}/projects/{project_id}/target-groups/{target_group_id}/things"


class ThingState(OpenEnum):
    """The status of a thing."""

    SUCCESS = "Success"


@attrs.frozen(kw_only=True)
class Thing(Result):
    """The status of a job on things."""

    thing_id: str
    status: ThingState

    @property
    def job_id(self) -> str:
        """The id of the job."""
        return self.thing_id


@attrs.frozen(kw_only=True)
class GetThing(TargetGroupCommand[Thing]):
    """Read a job on things."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", _PATH + "/{thing_id}", operation_id="get_thing")
    thing_id: str = attrs.field(validator=opaque_id)


@attrs.frozen(kw_only=True)
class MakeThings(JobCommand[Thing], TargetGroupCommand[JobAccepted]):
    """Start a job on things."""

    endpoint: ClassVar[Endpoint] = Endpoint("POST", _PATH, operation_id="make_things")
    status_command: ClassVar[type[Command[JobResult]]] = GetThing
    id_field: ClassVar[str] = "thing_id"
    id_in_body: ClassVar[bool] = True
    words: ClassVar[JobWords] = JobWords(frozenset({"success", "all_done"}), frozenset({"failed"}))
    pace: ClassVar[JobPace | None] = JobPace(5, 2, 600, timeout=900, timeout_per_item=0.5)
    all_or_nothing: ClassVar[bool] = True
    names: tuple[str, ...] = ()

    def item_count(self) -> int:
        """Return the number of names."""
        return len(self.names)


@attrs.frozen(kw_only=True)
class GetFile(DownloadCommand, TargetGroupCommand[None]):
    """Download a file."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", _PATH + "/file", operation_id="get_file")


MAKE = MakeThings(project_id=PROJECT, target_group_id=GROUP, names=("a", "b"))
ACCEPTED = answer(202, {"thing_id": JOB})
UPLOAD = JobToken(
    origin="http://127.0.0.1:9",
    api_version=fieldingkit.API_VERSION,
    operation_id="recontact_create_upload_respondents_by_file_job",
    path={"account_id": "101", "project_id": PROJECT, "target_group_id": GROUP},
    job_id=JOB,
    idempotency_key=None,
    created=0,
    traceparent=None,
    asked=1,
    digest=None,
)


def read(status: str) -> Step:
    """The answer to a poll."""
    return answer(200, {"thing_id": JOB, "status": status})


async def test_job_is_followed_at_the_documented_path_until_its_own_word(
    serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """The id in the body leads to the documented path, and the kind's own word ends the job."""
    server = await serve(ACCEPTED, read("Processing"), read("Completed"), read("all-done"))
    job = await make_client(base_url=server.url, clock=clock).submit(MAKE)
    result = await job.wait()
    assert (result.status, job.ended, job.failed, job.location) == ("all-done", True, False, None)
    assert [request.target.rpartition("/things")[2] for request in server.requests] == ["", *[f"/{JOB}"] * 3]


async def test_words_of_failure_raise_job_failed_error(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """A job that failed as a whole was not applied."""
    server = await serve(ACCEPTED, read("FAILED"))
    job = await make_client(base_url=server.url, clock=clock).submit(MAKE)
    with pytest.raises(JobFailedError, match=f"job {JOB} failed") as caught:
        await job.wait()
    assert (job.failed, caught.value.maybe_applied) == (True, False)


async def test_unknown_word_does_not_end_a_job(serve: Serve, make_client: MakeClient) -> None:
    """A job whose status this release does not know is polled until the timeout, which names the word."""
    clock = FakeClock(jump=600)  # the timeout is longer: only polls pass the time
    server = await serve(ACCEPTED, *[read("Frobnicated")] * 40)
    job = await make_client(base_url=server.url, clock=clock).submit(MAKE)
    with pytest.raises(JobTimeoutError, match=r"not seen to end within 901 s; its last status was Frobnicated"):
        await job.wait()
    assert not job.ended


async def test_job_that_is_accepted_as_failed_is_not_polled(serve: Serve, make_client: MakeClient) -> None:
    """A failure in the acceptance is the end of the job: its status may never say so."""
    server = await serve(answer(202, {"thing_id": JOB, "status": "failed"}))
    with pytest.raises(JobFailedError) as caught:
        await make_client(base_url=server.url).submit(MAKE)
    assert (caught.value.job_id, len(server.requests)) == (JOB, 1)


@pytest.mark.parametrize(
    "body", [{}, [], {"thing_id": None}, {"thing_id": ""}, {"job_id": JOB}, {"thing_id": "a/../b"}]
)
async def test_body_without_a_usable_id_is_an_unclear_outcome(serve: Serve, make_client: MakeClient, body: Any) -> None:
    """A success that names no job may have started one."""
    server = await serve(answer(201, body))
    with pytest.raises(JobLocationError) as caught:
        await make_client(base_url=server.url).submit(MAKE)
    assert caught.value.maybe_applied


async def test_body_cut_in_the_middle_is_an_unclear_outcome(serve: Serve, make_client: MakeClient) -> None:
    """A success whose body is cut may have started a job, and is not sent again without a key."""
    cut = b'HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"thing_id": "'
    server = await serve(raw(cut))
    with pytest.raises(DecodeError) as caught:
        await make_client(base_url=server.url).submit(MAKE)
    assert (caught.value.maybe_applied, len(server.requests)) == (True, 1)


async def test_pace_of_the_kind_holds_unless_the_client_has_a_policy(
    serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """Jobs of hours are polled at their own pace; a policy of the client's own holds for all jobs."""
    server = await serve(ACCEPTED, ACCEPTED, ACCEPTED)
    slow = await make_client(base_url=server.url, clock=clock).submit(MAKE)
    own = await make_client(base_url=server.url, clock=clock, poll=PollPolicy(first_delay=1)).submit(MAKE)
    default = await make_client(base_url=server.url, clock=clock, poll=PollPolicy()).submit(MAKE)
    assert [job.next_poll_at - clock.now() for job in (slow, own, default)] == pytest.approx([5, 1, 0.1])


@pytest.mark.parametrize(("age", "delay"), [(0, 5), (2, 3), (86_400, 0), (-60, 5)])
async def test_job_from_a_token_is_polled_when_its_first_delay_has_passed(
    make_client: MakeClient, clock: FakeClock, age: float, delay: float
) -> None:
    """A short wait for a job of yesterday reads its status, rather than the delay of a new job passing once more."""
    token = attrs.evolve(UPLOAD, created=clock.wall() - age).encode()
    job = make_client(base_url=UPLOAD.origin, clock=clock).job(token)
    assert job.next_poll_at - clock.now() == pytest.approx(delay)


async def test_timeout_says_why_the_status_was_not_read(serve: Serve, make_client: MakeClient) -> None:
    """A wait whose polls failed does not end without their reason."""
    clock = FakeClock(jump=600)  # the timeout is longer: only polls pass the time
    server = await serve(ACCEPTED, *[answer(200, {"thing_id": "another", "status": "success"})] * 40)
    client = make_client(base_url=server.url, clock=clock, poll=PollPolicy(error_tolerance=math.inf))
    job = await client.submit(MAKE)
    with pytest.raises(JobTimeoutError, match=r"never read; the last poll failed: .* job another, not") as caught:
        await job.wait()
    cause = caught.value.__cause__
    assert isinstance(cause, DecodeError)
    assert cause.__traceback__ is None


async def test_timeout_after_a_successful_poll_names_no_failure(serve: Serve, make_client: MakeClient) -> None:
    """A failure that a later poll has mended is not the reason of the timeout."""
    clock = FakeClock(jump=600)
    server = await serve(ACCEPTED, answer(503, {}), *[read("Processing")] * 40)
    job = await make_client(base_url=server.url, clock=clock).submit(MAKE)
    with pytest.raises(JobTimeoutError, match=r"its last status was Processing\. It") as caught:
        await job.wait()
    assert caught.value.__cause__ is None


async def test_wait_that_is_shorter_than_the_first_delay_still_polls(serve: Serve, make_client: MakeClient) -> None:
    """A wait of three seconds sees the end of a job whose first poll would come after five."""
    clock = FakeClock(jump=2)
    server = await serve(ACCEPTED, read("Success"))
    job = await make_client(base_url=server.url, clock=clock).submit(MAKE)
    assert (await job.wait(timeout=3)).status == "Success"


async def test_counts_of_a_reconciliation_are_its_progress(
    serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """While it is processed, the rows that are handled let the interval between polls start over."""
    counted = {"submitted": 9, "expired": 1, "invalid": 2, "positive_reversed": 0, "negative_reversed": 3}
    running = {"request_id": JOB, "status": "processing"}
    server = await serve(
        answer(202, {"request_id": JOB}),
        *[answer(200, running)] * 4,
        answer(200, {**running, "result_counts": counted}),
        answer(200, {**running, "status": "complete", "result_counts": counted}),
    )
    rows = reconciliations.Reconcile(rows=[("0f1ce179-a917-49ff-9d50-b05fc91f7bd4", 11)])
    job = await make_client(base_url=server.url, clock=clock).submit(rows)
    bounds = list[float | None]()
    for _ in range(5):
        result = await job.status()
        bounds.append(job._poller._bound)
    assert (result.progress, bounds[3], bounds[4]) == (6, 2 * 1.5**3, 2)


async def test_download_command_is_refused_by_send(make_client: MakeClient) -> None:
    """A file is never read into nothing: send() names download()."""
    with pytest.raises(InvalidCommandError, match=r"GetFile: its response is a file: save .* client\.download\(\)"):
        await make_client(base_url="http://127.0.0.1:9").send(GetFile(project_id=PROJECT, target_group_id=GROUP))


@given(st.sampled_from(["in_progress", "completed"]), st.data())
def test_words_are_compared_without_case_blanks_and_hyphens(word: str, data: st.DataObject) -> None:
    """The API spells one word in several ways."""
    parts = [data.draw(st.sampled_from([part, part.upper(), part.title()])) for part in word.split("_")]
    spelled = data.draw(st.sampled_from(["_", " ", "-"])).join(parts)
    spelled = data.draw(st.sampled_from(["", " "])) + spelled + data.draw(st.sampled_from(["", " "]))
    assert JobWords(done=frozenset({word})).is_done(spelled)


def test_every_job_command_can_be_resumed_from_its_token() -> None:
    """The table of modules has each operation that starts a job, and no other."""
    found = {
        kind.endpoint.operation_id: name
        for name in fieldingkit.__all__
        if getattr(getattr(fieldingkit, name), "__name__", "") == f"fieldingkit.resources.{name}"
        for kind in vars(getattr(fieldingkit, name)).values()
        if isinstance(kind, type) and issubclass(kind, JobCommand) and "endpoint" in vars(kind)
    }
    assert found == factory._MODULES
