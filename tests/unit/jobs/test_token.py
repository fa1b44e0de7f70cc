"""Job tokens: their content, their size, and the refusal of foreign and altered tokens."""

import base64
import json
import re
import subprocess
import sys
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.examples import GOLDEN_TOKEN, GROUP, JOB, KEYED, LAUNCH, PROJECT, texts
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient, Serve
from support.raw_server import answer

from fieldingkit import AsyncClient, Client
from fieldingkit.errors import ConfigurationError, FieldingKitError
from fieldingkit.jobs.job import AsyncJob
from fieldingkit.jobs.token import JobToken
from fieldingkit.sandbox import Sandbox

ORIGIN = "https://api.cint.com:443"
GOLDEN_FACTS = JobToken(
    origin=ORIGIN,
    api_version="2025-12-18",
    operation_id="create_bulk_pause_target_groups_job",
    path={"account_id": "101", "project_id": PROJECT},
    job_id=JOB,
    idempotency_key="7a1c9a1e-9e8e-4a53-8a59-0a3dd8e5b9a1",
    created=1763726400.25,
    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    asked=2,
    digest="98ea6e4f216f2fb4b69fff9b3a44842c",
)


def packed(**fields: Any) -> str:
    """A token of these fields."""
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).rstrip(b"=").decode()


def unpacked(token: str) -> dict[str, Any]:
    """The fields of a token."""
    fields: dict[str, Any] = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    return fields


@pytest.fixture
def cint(make_client: MakeClient) -> AsyncClient:
    """A client of the real API, which no test here calls."""
    return make_client(base_url="https://api.cint.com/v1")


def test_golden_token_never_changes() -> None:
    """Every release writes and reads the token of the first release."""
    assert GOLDEN_FACTS.encode() == GOLDEN_TOKEN
    assert JobToken.decode(GOLDEN_TOKEN) == GOLDEN_FACTS


async def test_golden_token_makes_a_handle(cint: AsyncClient) -> None:
    """The golden token makes a handle without a request."""
    job = cint.job(GOLDEN_TOKEN)
    assert (job.id, job.idempotency_key) == (JOB, GOLDEN_FACTS.idempotency_key)
    assert GOLDEN_FACTS.operation_id in repr(job)
    assert job.token() == GOLDEN_TOKEN


async def test_token_holds_ids_and_versions(sandbox: Sandbox, client: AsyncClient) -> None:
    """A token holds ids, versions, key and time, and nothing else."""
    project = sandbox.seed(live=2)
    job = await client.submit(KEYED.replace(project_id=project.id, target_group_ids=project.ids()))

    fields = unpacked(job.token())

    assert set(fields) == {"v", "o", "a", "op", "p", "j", "k", "t", "tp", "n", "d"}
    assert fields["o"] == sandbox.url.removesuffix("/v1")
    assert fields["p"] == {"account_id": str(sandbox.account_id), "project_id": project.id}
    assert (fields["j"], fields["k"], fields["n"]) == (job.id, job.idempotency_key, 2)


async def test_token_holds_no_credential(sandbox: Sandbox, client: AsyncClient) -> None:
    """A token holds no credential, no URL of the job and no header."""
    project = sandbox.seed(live=1)
    job = await client.submit(KEYED.replace(project_id=project.id, target_group_ids=project.ids()))
    text = json.dumps(unpacked(job.token()))
    assert sandbox.token not in text
    assert "batch-jobs" not in text
    assert "Bearer" not in text


async def test_token_is_small_and_safe_in_a_url(serve: Serve, make_client: MakeClient) -> None:
    """A token with the longest key and id and 1,000 target groups is URL-safe and at most 1 KiB."""
    ids = [f"{number:026}" for number in range(1000)]
    server = await serve(answer(201, headers={"Location": "x" * 128}))
    client = make_client(base_url=server.url, account_id=2**31 - 1)
    job = await client.submit(KEYED.replace(target_group_ids=ids, idempotency_key="k" * 255))
    assert re.fullmatch(r"[A-Za-z0-9_-]+", job.token())
    assert len(job.token()) <= 1024


def test_oversized_token_leaves_out_trace_and_key() -> None:
    """A token that would exceed 1 KiB leaves out the traceparent, and then the idempotency key."""
    longest = attrs.evolve(GOLDEN_FACTS, job_id="x" * 128, idempotency_key="k" * 255)
    far, quoted = (
        attrs.evolve(longest, origin=f"https://{'h' * 120}"),
        attrs.evolve(longest, idempotency_key="\\" * 255),
    )

    for facts, key in ((far, far.idempotency_key), (quoted, None)):
        token = facts.encode()
        assert len(token) <= 1024
        assert JobToken.decode(token) == attrs.evolve(facts, traceparent=None, idempotency_key=key)


@pytest.mark.parametrize("traceparent", ["x" * 7000, "00-0-0-00", "", "00-" + "\u0661" * 32 + "-" + "0" * 16 + "-01"])
async def test_invalid_traceparent_is_dropped(traceparent: str, serve: Serve, make_client: MakeClient) -> None:
    """A traceparent of a response that is not valid is not carried in the token, which stays within 1 KiB."""
    headers = {"Location": f"/demand/x/{JOB}", "traceparent": traceparent}
    server = await serve(answer(201, headers=headers))

    job = await make_client(base_url=server.url).submit(KEYED)

    assert len(job.token()) <= 1024
    assert unpacked(job.token())["tp"] is None
    assert job.trace_id is None


@pytest.mark.parametrize(
    "options",
    [
        {"base_url": "https://elsewhere.example/v1"},
        {"base_url": "https://api.cint.com:8443/v1"},
        {"base_url": "http://api.cint.com/v1", "allow_insecure": True},
        {"base_url": "https://api.cint.com/v1", "api_version": "2025-05-27"},
    ],
)
async def test_token_of_another_origin_or_version(options: dict[str, Any], make_client: MakeClient) -> None:
    """A token of another origin or API version is refused, and the error names it."""
    with pytest.raises(ConfigurationError, match=r"https://api\.cint\.com:443"):
        make_client(**options).job(GOLDEN_TOKEN)


BROKEN: dict[str, Any] = {
    "a later version": {"v": 2},
    "no version": {"v": None},
    "an unknown operation": {"op": "delete_everything"},
    "a read": {"op": "get_fielding_run"},
    "no path": {"p": None},
    "another path": {"p": {"account_id": "101"}},
    "too much of a path": {"p": {"account_id": "101", "project_id": PROJECT, "target_group_id": GROUP}},
    "a path that climbs": {"p": {"account_id": "101", "project_id": "../../../admin"}},
    "an account that is not a number": {"p": {"account_id": "101/../1", "project_id": PROJECT}},
    "a number in the path": {"p": {"account_id": 101, "project_id": PROJECT}},
    "a job id that climbs": {"j": ".."},
    "a job id with a slash": {"j": "a/b"},
    "a job id with a query": {"j": "a?b=c"},
    "no job id": {"j": None},
    "a key that is not text": {"k": 7},
    "a key that is not a header": {"k": "a\r\nb"},
    "a time that is text": {"t": "now"},
    "no time": {"t": None},
    "a trace that is not text": {"tp": 7},
    "a count that is text": {"n": "two"},
    "a negative count": {"n": -1},
    "a digest that is no text": {"d": 7},
    "a digest of another form": {"d": "98EA"},
    "a count that is a boolean": {"n": True},
}


@pytest.mark.parametrize("name", BROKEN)
async def test_altered_token_is_refused(name: str, cint: AsyncClient) -> None:
    """An altered token is refused; it cannot lead out of its own path."""
    with pytest.raises(ConfigurationError):
        cint.job(packed(**{**unpacked(GOLDEN_TOKEN), **BROKEN[name]}))


@pytest.mark.parametrize("field", ["v", "o", "a", "op", "p", "j", "k", "t", "tp", "n", "d"])
async def test_incomplete_token_is_refused(field: str, cint: AsyncClient) -> None:
    """A token that lacks a field is refused."""
    fields = unpacked(GOLDEN_TOKEN)
    del fields[field]
    with pytest.raises(ConfigurationError):
        cint.job(packed(**fields))


@pytest.mark.parametrize(
    "text", ["", "x", "====", "not a token", "é", "\ud800", "bnVsbA", "W10", "NQ", "[" * 3000, 3, None]
)
async def test_text_that_is_not_a_token(text: Any, cint: AsyncClient) -> None:
    """Text that is not a token, or a value that is not text, is refused."""
    with pytest.raises(ConfigurationError):
        cint.job(text)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(texts(max_size=200) | st.binary(max_size=200).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_any_text_is_refused_as_a_token(text: str) -> None:
    """Any text but a token is refused with a ConfigurationError."""
    client = AsyncClient(auth="x", base_url="https://api.cint.com/v1")
    with pytest.raises(ConfigurationError):
        client.job(text)


@given(st.sampled_from(["v", "o", "a", "op", "p", "j", "k", "t", "tp", "n", "d"]), _json)
def test_any_value_in_a_token_field(field: str, value: Any) -> None:
    """Any value in a field gives a job of the client's own origin or a ConfigurationError."""
    client = AsyncClient(auth="x", base_url="https://api.cint.com/v1")
    try:
        job = client.job(packed(**{**unpacked(GOLDEN_TOKEN), field: value}))
    except FieldingKitError as exc:
        assert isinstance(exc, ConfigurationError)
    else:
        assert isinstance(job, AsyncJob)
        assert re.fullmatch(r"[A-Za-z0-9_-]+", job.token())


async def test_token_resumes_every_kind_of_job(
    sandbox: Sandbox, make_client: MakeClient, sandbox_clock: FakeClock
) -> None:
    """A job of any kind that one client submitted is awaited with another client."""
    project = sandbox.seed(live=2, draft=1)
    draft = project.groups[0] if project.groups[0].status == "draft" else project.groups[-1]
    for command in (
        KEYED.replace(project_id=project.id, target_group_ids=project.ids("live")),
        LAUNCH.replace(project_id=project.id, target_group_id=draft.id),
    ):
        token = (await make_client(clock=sandbox_clock).submit(command)).token()
        result = await make_client(clock=sandbox_clock).job(token).wait()
        assert result.status == "Completed"


async def test_resumed_job_counts_what_is_missing(
    sandbox: Sandbox, make_client: MakeClient, sandbox_clock: FakeClock
) -> None:
    """A job from a token counts the items that its result leaves out."""
    from fieldingkit.sandbox import faults

    project = sandbox.seed(live=3)
    sandbox.faults.add("create_bulk_*", faults.ForgetItem())
    client = make_client(clock=sandbox_clock)
    job = await client.submit(KEYED.replace(project_id=project.id, target_group_ids=project.ids()))

    result = await client.job(job.token()).wait()

    assert (result.unaccounted, result.missing, result.ok) == (1, (), False)


ELSEWHERE = """
import asyncio, os, sys
from fieldingkit import AsyncClient

async def main():
    async with AsyncClient(auth=os.environ["TOKEN"], base_url=os.environ["URL"]) as client:
        result = await client.job(sys.argv[1]).wait()
        print(result.status, *result.updated)

asyncio.run(main())
"""


def test_token_resumes_a_job_in_another_process(sandbox: Sandbox, blocking_client: Client) -> None:
    """A job that one process submitted is awaited in another, from its token alone."""
    project = sandbox.seed(live=2)
    job = blocking_client.submit(KEYED.replace(project_id=project.id, target_group_ids=project.ids()))

    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, job.token()],
        env={"TOKEN": sandbox.token, "URL": sandbox.url, "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.stderr == ""
    assert done.stdout.split() == ["Completed", *project.ids()]
