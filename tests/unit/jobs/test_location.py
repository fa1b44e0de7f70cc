"""Resolution of Location headers: every published form, and hostile ones."""

import contextlib
import logging
import re
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.examples import GROUP, JOB, KEYED, PROJECT, texts
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient, Serve
from support.raw_server import answer

from fieldingkit.errors import JobLocationError
from fieldingkit.job_commands import JobCommand
from fieldingkit.jobs.location import resolve_location
from fieldingkit.resources.batch_jobs import UpdateProjectManagers
from fieldingkit.sandbox import LocationForm, Sandbox

UUID: Final = "c1a13cfe-6a1e-4a6f-9a53-0f8a2d9a7b11"
MANAGERS: Final = UpdateProjectManagers(project_id=PROJECT, target_group_ids=(GROUP,), project_manager_id=UUID)
BASE: Final = "https://api.cint.com/v1"
PROJECT_PATH: Final = f"/demand/accounts/101/projects/{PROJECT}"
STATUS: Final = f"{PROJECT_PATH}/batch-jobs/pause-fielding-runs-by-target-group-id/{{job_id}}"
DOCUMENTED: Final = STATUS.replace("{job_id}", JOB)
ALIAS: Final = f"{PROJECT_PATH}/batch-jobs/pause/{JOB}"
GUIDES: Final = f"/accounts/101/projects/{PROJECT}/batch-jobs/pause-fielding-runs-by-target-group-id/{JOB}"

FORMS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "no /v1": (DOCUMENTED, (DOCUMENTED,)),
    "with /v1": (f"/v1{DOCUMENTED}", (DOCUMENTED,)),
    "/v1 without /demand": (f"/v1{GUIDES}", (GUIDES, DOCUMENTED)),
    "full URL without /v1": (f"https://api.cint.com{DOCUMENTED}", (DOCUMENTED,)),
    "full URL with /v1": (f"https://api.cint.com/v1{DOCUMENTED}", (DOCUMENTED,)),
    "full URL with its port": (f"https://api.cint.com:443{DOCUMENTED}", (DOCUMENTED,)),
    "full URL in capitals": (f"HTTPS://API.CINT.COM{DOCUMENTED}", (DOCUMENTED,)),
    "bare ULID": (JOB, (DOCUMENTED,)),
    "bare UUID": (UUID, (STATUS.replace("{job_id}", UUID),)),
    "bare id with a slash before it": (f"/{JOB}", (DOCUMENTED,)),
    "batch under another name": (ALIAS, (ALIAS, DOCUMENTED)),
    "another name with /v1": (f"/v1{ALIAS}", (ALIAS, DOCUMENTED)),
    "query": (f"{DOCUMENTED}?api-version=1", (DOCUMENTED,)),
    "fragment": (f"{DOCUMENTED}#top", (DOCUMENTED,)),
    "trailing slash": (f"{DOCUMENTED}/", (DOCUMENTED,)),
    "trailing slashes": (f"{DOCUMENTED}//", (DOCUMENTED,)),
    "encoded id": (DOCUMENTED.replace(JOB, "%30" + JOB[1:]), (DOCUMENTED,)),
    "relative path": (f"batch-jobs/pause/{JOB}", (DOCUMENTED,)),
    "dot segments": (f"/demand/../../{JOB}", (DOCUMENTED,)),
    "unsafe on the way": (f"/demand/%2e%2e/{JOB}", (DOCUMENTED,)),
    "backslashes": (f"\\\\evil.example\\x/{JOB}", (DOCUMENTED,)),
}
FOREIGN: Final[dict[str, str]] = {
    "another host": f"https://evil.example/v1{DOCUMENTED}",
    "another port": f"https://api.cint.com:8443{DOCUMENTED}",
    "another scheme": f"http://api.cint.com{DOCUMENTED}",
    "no scheme": f"//evil.example{DOCUMENTED}",
    "no scheme, our host": f"//api.cint.com{DOCUMENTED}",
    "our host as a user": f"https://api.cint.com@evil.example{DOCUMENTED}",
    "our host as a prefix": f"https://api.cint.com.evil.example{DOCUMENTED}",
    "ftp": f"ftp://api.cint.com{DOCUMENTED}",
    "another path": f"https://evil.example{ALIAS}",
}
UNUSABLE: Final[dict[str, str]] = {
    "nothing": "",
    "a slash": "/",
    "a query": "?id=1",
    "a fragment": "#x",
    "one dot": "/demand/.",
    "two dots": "/demand/..",
    "encoded dots": "/demand/%2e%2E",
    "an encoded slash": f"/demand/x%2F{JOB}",
    "an encoded backslash": f"/demand/x%5c{JOB}",
    "encoded twice": "/demand/x%252F",
    "CR LF": f"/demand/{JOB}\r\nX-Evil: 1",
    "encoded CR LF": f"/demand/{JOB}%0d%0a",
    "a space": f"/demand/ {JOB}",
    "a tab": f"/demand/{JOB}\t",
    "a null": "/demand/\x00",
    "a host alone": "https://api.cint.com",
    "a bracket that is not closed": "https://[evil",
    "no port number": f"https://api.cint.com:port{DOCUMENTED}",
    "too high a port": f"https://api.cint.com:99999{DOCUMENTED}",
    "too long an id": "x" * 129,
    "letters of no alphabet of ours": "/demand/jøb",
    "broken encoding": "/demand/%ff",
    "half an encoding": "/demand/x%4",
}


@pytest.mark.parametrize("name", FORMS)
def test_every_published_form_resolves(name: str) -> None:
    """Every published form resolves to the documented status path, after its own path if that is usable."""
    location, targets = FORMS[name]
    found = resolve_location(location, base_url=BASE, status_path=STATUS)
    assert (found.targets, found.foreign) == (targets, False)


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_origin_is_replaced(name: str) -> None:
    """Only the last segment of a URL on another origin is used, on the client's origin."""
    found = resolve_location(FOREIGN[name], base_url=BASE, status_path=STATUS)
    assert found == (JOB, (DOCUMENTED,), True)


@pytest.mark.parametrize("name", UNUSABLE)
def test_unusable_location_is_refused(name: str) -> None:
    """A location without an id that is safe in a path raises JobLocationError, which has the location."""
    with pytest.raises(JobLocationError) as caught:
        resolve_location(UNUSABLE[name], base_url=BASE, status_path=STATUS)
    assert caught.value.location == UNUSABLE[name]


@pytest.mark.parametrize("base", ["https://api.cint.com", "https://gate.example/cint/v1", "http://127.0.0.1:8080/v1"])
def test_base_path_is_the_clients_own(base: str) -> None:
    """Locations resolve below any base path of the client."""
    origin, _, path = base.partition("//")[2].partition("/")
    url = f"{base.partition('//')[0]}//{origin}"
    for location in (DOCUMENTED, f"{base}{DOCUMENTED}", f"{url}{DOCUMENTED}", f"/{path}{DOCUMENTED}" if path else JOB):
        found = resolve_location(location, base_url=base, status_path=STATUS)
        assert found == (JOB, (DOCUMENTED,), False)


_TARGET = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~:@!$&'()*+,;=-]+)+")
_pieces = st.sampled_from(
    [
        "/",
        "//",
        "..",
        ".",
        "%2e",
        "%2F",
        "%5c",
        "\\",
        "?",
        "#",
        "@",
        ":",
        "[",
        "]",
        "http:",
        "https://",
        "evil.example",
        "api.cint.com",
        "/v1",
        "/demand",
        "\r\n",
        "\x00",
        " ",
        "é",
        "%",
        "%C3%A9",
        JOB,
        UUID,
        BASE,
    ]
)


@given(texts() | st.lists(_pieces, max_size=9).map("".join))
def test_any_location_stays_below_the_base_path(location: str) -> None:
    """Any header raises JobLocationError or resolves to paths below the base path."""
    try:
        found = resolve_location(location, base_url=BASE, status_path=STATUS)
    except JobLocationError:
        return
    assert found.targets[-1] == STATUS.replace("{job_id}", found.job_id)
    assert len(found.targets) in {1, 2}
    for target in found.targets:
        assert _TARGET.fullmatch(target)
        assert target.endswith(f"/{found.job_id}")


@given(st.from_regex(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,80}", fullmatch=True), st.sampled_from(sorted(FORMS)))
def test_any_job_id_is_found_in_every_form(job_id: str, form: str) -> None:
    """Any job id is found in every published form."""
    location = FORMS[form][0].replace(UUID, JOB).replace("%30" + JOB[1:], JOB).replace(JOB, job_id)
    assert resolve_location(location, base_url=BASE, status_path=STATUS).job_id == job_id


# Over a socket


OWN_FORMS: Final = [form for form in LocationForm if form not in {LocationForm.NONE, LocationForm.FOREIGN}]


@pytest.mark.parametrize("job_ids", ["ulid", "uuid"])
@pytest.mark.parametrize("form", OWN_FORMS)
async def test_batch_completes_with_every_form(form: LocationForm, job_ids: str, make_client: MakeClient) -> None:
    """A batch completes with every form, and a later batch costs one request a poll."""
    with Sandbox(location_form=form, job_ids=job_ids) as sandbox:
        project = sandbox.seed(live=2)
        client = make_client(base_url=sandbox.url, auth=sandbox.token, clock=FakeClock(sandbox.clock, jump=60))
        command = KEYED.replace(project_id=project.id, target_group_ids=project.ids())

        first = await client.run(command)
        assert first.ok
        job = await client.submit(command)
        sandbox.clock.advance(60)
        sandbox.requests.clear()
        await job.wait()

        assert [request.status for request in sandbox.requests] == [200]
        assert not job.foreign_location
        assert project.ids("paused") == project.ids()


async def test_404_of_the_location_leads_to_the_documented_path(make_client: MakeClient) -> None:
    """A 404 of the location itself leads to the documented path, which is used from then on."""
    with Sandbox(location_form=LocationForm.BATCH_ALIAS) as sandbox:
        project = sandbox.seed(live=1)
        clock = FakeClock(sandbox.clock, jump=60)
        client = make_client(base_url=sandbox.url, auth=sandbox.token, clock=clock)
        command = KEYED.replace(project_id=project.id, target_group_ids=project.ids())

        job = await client.submit(command)
        await job.status()
        await job.status()

        assert [request.status for request in sandbox.requests] == [201, 404, 200, 200]


async def test_foreign_origin_is_never_contacted(
    serve: Serve, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    """A foreign origin sees no connection; the job completes, is flagged, and a record is logged."""
    caplog.set_level(logging.INFO, logger="fieldingkit")
    elsewhere = await serve(answer(200))
    with Sandbox(location_form=LocationForm.FOREIGN, location_origin=elsewhere.origin) as sandbox:
        project = sandbox.seed(live=1)
        clock = FakeClock(sandbox.clock, jump=60)
        client = make_client(base_url=sandbox.url, auth=sandbox.token, clock=clock)

        job = await client.submit(KEYED.replace(project_id=project.id, target_group_ids=project.ids()))
        result = await job.wait()

    assert result.ok
    assert job.foreign_location
    assert elsewhere.connections == 0
    assert [vars(record)["job_id"] for record in caplog.records if "another origin" in record.message] == [job.id]


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_any_2xx_with_a_location_is_a_job(status: int, serve: Serve, make_client: MakeClient) -> None:
    """Any 2xx response with a usable Location is a created job."""
    server = await serve(answer(status, headers={"Location": f"/demand/x/{JOB}"}))
    job = await make_client(base_url=server.url).submit(KEYED)
    assert job.id == JOB


async def test_response_without_a_location(make_client: MakeClient) -> None:
    """Without a Location the error has every header and the key, and no invented id."""
    with Sandbox(location_form=LocationForm.NONE) as sandbox:
        project = sandbox.seed(live=1)
        client = make_client(base_url=sandbox.url, auth=sandbox.token)

        with pytest.raises(JobLocationError) as caught:
            await client.submit(KEYED.replace(project_id=project.id, target_group_ids=project.ids()))

        error, sent = caught.value, sandbox.requests[0]
        assert sent.answer is not None
        assert set(error.headers) >= {name.lower() for name in sent.answer.headers}
        assert error.idempotency_key == sent.headers["Idempotency-Key"]
        assert (error.location, error.job_id, error.maybe_applied) == (None, None, True)


@pytest.mark.parametrize(("command", "keyed"), [(KEYED, True), (MANAGERS, False)], ids=["key", "no key"])
async def test_a_page_that_answers_a_job_command_creates_no_job_in_the_text(
    *, command: JobCommand[Any], keyed: bool, serve: Serve, make_client: MakeClient
) -> None:
    """The text says what was answered, not that a job was created, and advises a key only if there is one."""
    server = await serve(answer(200, b"<html>please log in</html>", {"Content-Type": "text/html"}))
    with pytest.raises(JobLocationError) as caught:
        await make_client(base_url=server.url).submit(command)
    text = str(caught.value)
    assert "200 text/html" in text
    assert "created" not in text
    assert ("idempotency key" in text) is keyed
    assert caught.value.maybe_applied


@pytest.mark.parametrize("name", ["two dots", "a bracket that is not closed", "an encoded slash", "broken encoding"])
async def test_response_with_an_unusable_location(name: str, serve: Serve, make_client: MakeClient) -> None:
    """With an unusable Location the error has the headers, the key and the command."""
    server = await serve(answer(201, headers={"Location": UNUSABLE[name], "X-Request-Id": "r1"}))

    with pytest.raises(JobLocationError) as caught:
        await make_client(base_url=server.url).submit(KEYED)

    error = caught.value
    assert (error.location, error.request_id, error.maybe_applied) == (UNUSABLE[name], "r1", True)
    assert error.headers["x-request-id"] == "r1"
    assert error.idempotency_key == server.requests[0].headers["idempotency-key"]
    assert error.command is KEYED


@pytest.mark.parametrize("name", [name for name in UNUSABLE if not re.search(r"[\r\n\x00]", UNUSABLE[name])])
async def test_acceptance_with_an_unusable_location(name: str, serve: Serve, make_client: MakeClient) -> None:
    """Sending a job command returns the acceptance or raises JobLocationError, for any Location."""
    server = await serve(answer(201, headers={"Location": UNUSABLE[name]}))
    client = make_client(base_url=server.url)
    with contextlib.suppress(JobLocationError):
        location = (await client.send(KEYED)).location
        assert location is not None
        assert location.strip() == UNUSABLE[name].strip()  # aiohttp 3.14.0 keeps a tab at the end of a header
