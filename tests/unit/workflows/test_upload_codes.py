"""upload_codes: parts in order, and numbers that are true whichever of them fails."""

import asyncio
from typing import Any

import pytest
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient

from fieldingkit import AsyncClient, Client
from fieldingkit.errors import ConfigurationError, ForbiddenError, IncompleteUploadError, InvalidCommandError
from fieldingkit.resources.unique_codes import CodeStatistics, GetLiveCodeStatistics, UploadLiveCodes, UploadTestCodes
from fieldingkit.sandbox import Sandbox, TargetGroup, faults
from fieldingkit.workflows import upload_codes

UPLOADS = "upload_live_respondent_unique_codes"
STATISTICS = "get_live_respondent_unique_codes_stats"
NO_FAULT = faults.Delay(0.0)
"""Handles the request as usual, so that the next one gets the next fault."""
CODES = [f"code-{number}" for number in range(45)]


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let parts have 20 codes."""
    monkeypatch.setattr(UploadLiveCodes, "max_codes", 20)


@pytest.fixture
def group(sandbox: Sandbox) -> TargetGroup:
    """Return a target group whose codes no respondent takes."""
    return sandbox.seed(paused=1).groups[0]


@pytest.fixture
def clock(sandbox: Sandbox) -> FakeClock:
    """Return a clock whose waits take no time."""
    return FakeClock(sandbox.clock)


@pytest.fixture
def client(clock: FakeClock, make_client: MakeClient) -> AsyncClient:
    """Return a client with this clock."""
    return make_client(clock=clock, deadline=None)


def sizes(sandbox: Sandbox) -> list[int]:
    """Return the number of codes in each request."""
    uploads = [request.json for request in sandbox.requests if request.operation_id == UPLOADS]
    return [len(body["respondent_unique_codes"]) for body in uploads if isinstance(body, dict)]


async def known(client: AsyncClient, group: TargetGroup) -> int:
    """Return the number of codes that the target group has."""
    return (await client.send(GetLiveCodeStatistics(target_group_id=group.id))).total_count


def test_a_part_has_as_many_codes_as_a_command_may_have() -> None:
    """The parts of the other tests are smaller."""
    assert UploadTestCodes.max_codes == 20_000


async def test_codes_are_uploaded_in_parts(sandbox: Sandbox, client: AsyncClient, group: TargetGroup) -> None:
    """Each part has 20 codes but the last; the numbers before and after show what was added."""
    await client.send(UploadLiveCodes(target_group_id=group.id, codes=CODES[:5]))
    done = await upload_codes(client, [*CODES, "code-1\n"], target_group_id=group.id)

    assert sizes(sandbox) == [5, 20, 20, 5]
    assert (done.requested, done.uploaded) == (45, 40)
    assert done.before == CodeStatistics(total_count=5, unconsumed_count=5)
    assert done.after == CodeStatistics(total_count=45, unconsumed_count=45)
    assert done.conflicts == ()


async def test_the_marks_of_a_text_file_do_no_harm(client: AsyncClient, group: TargetGroup) -> None:
    """A byte order mark, Windows line ends and empty lines at the end are no codes; an empty line before is refused."""
    lines = ["\ufeffcode-1\r\n", "code-2\r\n", "\r\n", "\n"]
    done = await upload_codes(client, lines, target_group_id=group.id)
    assert (done.requested, done.uploaded) == (2, 2)
    await client.send(UploadLiveCodes(target_group_id=group.id, codes=["code-1"]))
    assert await known(client, group) == 2
    for wrong in ([*lines, "code-3"], ["\n"]):
        with pytest.raises(InvalidCommandError):
            await upload_codes(client, wrong, target_group_id=group.id)


def test_a_blocking_client_uploads_them_too(blocking_client: Client, group: TargetGroup) -> None:
    """The workflow runs with ``client.call``; test codes are apart."""
    done = blocking_client.call(upload_codes, ["a", "b"], target_group_id=group.id, kind="test")
    live = blocking_client.send(GetLiveCodeStatistics(target_group_id=group.id))

    assert (done.uploaded, live.total_count) == (2, 0)


@pytest.mark.parametrize("wrong", [[*CODES, "no code"], [], None, [None], [7]], ids=["one", "none", "None", "a", "b"])
async def test_all_codes_are_checked_before_the_first_part_is_sent(
    sandbox: Sandbox, client: AsyncClient, group: TargetGroup, wrong: Any
) -> None:
    """A malformed code in the last part is refused like one in the first."""
    with pytest.raises(InvalidCommandError, match="codes"):
        await upload_codes(client, wrong, target_group_id=group.id)
    assert sandbox.requests == []


async def test_arguments_of_a_wrong_kind_are_refused(client: AsyncClient, group: TargetGroup) -> None:
    """The error names the argument."""
    wrong: Any = ["live"]
    with pytest.raises(InvalidCommandError, match="kind must be 'live' or 'test'"):
        await upload_codes(client, ["a"], target_group_id=group.id, kind=wrong)
    with pytest.raises(ConfigurationError, match="client must be an AsyncClient"):
        await upload_codes(wrong, ["a"], target_group_id=group.id)


@pytest.mark.parametrize("fault", [faults.ApplyThenDrop(), faults.DropBefore()], ids=repr)
async def test_a_part_of_unclear_outcome_is_sent_again(
    sandbox: Sandbox, client: AsyncClient, group: TargetGroup, fault: Any
) -> None:
    """The API ignores codes that it has, so that all of them are there at the end, once."""
    sandbox.faults.add(UPLOADS, NO_FAULT)
    sandbox.faults.add(UPLOADS, fault)
    done = await upload_codes(client, CODES, target_group_id=group.id)

    assert sizes(sandbox) == [20, 20, 20, 5]
    assert done.after == CodeStatistics(total_count=45, unconsumed_count=45)
    assert [conflict.maybe_applied for conflict in done.conflicts] == [True]


async def test_a_refused_part_ends_the_upload_with_true_numbers(
    sandbox: Sandbox, client: AsyncClient, group: TargetGroup
) -> None:
    """The codes of the refused part and of those that were not sent are in the error; the same call adds them."""
    sandbox.faults.add(UPLOADS, NO_FAULT)
    sandbox.faults.add(UPLOADS, faults.Answer(403))
    with pytest.raises(IncompleteUploadError) as caught:
        await upload_codes(client, CODES, target_group_id=group.id)

    assert caught.value.message.startswith(
        "20 of 45 codes were uploaded, 20 of them new (codes in all: 0 before, 20 now); the next 20 were refused: "
    )
    assert (caught.value.uploaded, caught.value.missing) == (20, tuple(CODES[20:]))
    assert isinstance(caught.value.__cause__, ForbiddenError)
    assert await known(client, group) == 20
    again = await upload_codes(client, CODES, target_group_id=group.id)
    assert (again.requested, again.uploaded) == (45, 25)


async def test_a_part_that_stays_unclear_is_reported_as_such(
    sandbox: Sandbox, client: AsyncClient, group: TargetGroup
) -> None:
    """After four sends the upload ends; nothing more is claimed than the API reported."""
    sandbox.faults.add(UPLOADS, NO_FAULT)
    sandbox.faults.add(UPLOADS, faults.ApplyThenDrop(), times=4)
    with pytest.raises(IncompleteUploadError, match="the next 20 may have been") as caught:
        await upload_codes(client, CODES, target_group_id=group.id)

    assert sizes(sandbox) == [20] * 5
    assert "40 now" in caught.value.message
    assert (caught.value.uploaded, caught.value.maybe_applied, len(caught.value.conflicts)) == (20, True, 3)


async def test_a_refusal_after_an_unclear_outcome_does_not_claim_that_nothing_was_applied(
    sandbox: Sandbox, client: AsyncClient, group: TargetGroup
) -> None:
    """The first send of the part may have been applied."""
    sandbox.faults.add(UPLOADS, faults.ApplyThenDrop())
    sandbox.faults.add(UPLOADS, faults.Answer(403))
    with pytest.raises(IncompleteUploadError, match="the next 3 may have been") as caught:
        await upload_codes(client, CODES[:3], target_group_id=group.id)
    assert caught.value.maybe_applied


async def test_the_next_part_waits_as_long_as_the_api_asks(
    sandbox: Sandbox, client: AsyncClient, clock: FakeClock, group: TargetGroup
) -> None:
    """A limit that is longer than a call may take is waited for between the calls."""
    limited = client.with_options(deadline=30.0)
    sandbox.faults.add(UPLOADS, faults.Answer(429, headers={"Retry-After": "90"}))
    begun = clock.now()
    done = await upload_codes(limited, ["a"], target_group_id=group.id)

    assert done.uploaded == 1
    assert clock.now() - begun >= 90
    assert [type(conflict).__name__ for conflict in done.conflicts] == ["RateLimitedError"]


async def test_statistics_that_cannot_be_read_afterwards_are_no_failure(
    sandbox: Sandbox, client: AsyncClient, group: TargetGroup
) -> None:
    """All codes are uploaded; the missing numbers are None."""
    sandbox.faults.add(STATISTICS, NO_FAULT)
    sandbox.faults.add(STATISTICS, faults.Answer(403))
    done = await upload_codes(client, ["a"], target_group_id=group.id)

    assert (done.uploaded, done.after, len(done.conflicts)) == (1, None, 1)


async def test_a_cancelled_upload_says_how_far_it_came(
    sandbox: Sandbox, client: AsyncClient, group: TargetGroup
) -> None:
    """The note on the exception has the number of codes that were uploaded."""
    sandbox.faults.add(UPLOADS, NO_FAULT)
    sandbox.faults.add(UPLOADS, faults.Hang())
    task = asyncio.create_task(upload_codes(client.with_options(timeout=None), CODES, target_group_id=group.id))
    while len(sizes(sandbox)) < 2:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert getattr(caught.value, "__notes__", [])
