"""The forms of the Location header."""

import uuid

import aiohttp
import pytest
from support.sandbox_caller import Caller

from fieldingkit.sandbox import LocationForm, Sandbox

GROUP = "/accounts/101/projects/{project}/target-groups/{group}/fielding-run-jobs/launch-from-draft"
BATCH = "/accounts/101/projects/{project}/batch-jobs/pause"

FORMS = {
    "path": "/demand{resource}/{job}",
    "versioned_path": "/v1{resource}/{job}",
    "full_path": "/v1/demand{resource}/{job}",
    "full_url": "{origin}/demand{resource}/{job}",
    "full_url_versioned": "{origin}/v1/demand{resource}/{job}",
    "bare_id": "{job}",
    "batch_alias": "/demand{alias}/{job}",
    "trailing_slash": "/demand{resource}/{job}/",
    "query": "/demand{resource}/{job}?api-version=2025-12-18",
    "foreign": "https://elsewhere.example/v1/demand{resource}/{job}",
    "none": None,
}


def test_every_form_is_in_the_table() -> None:
    """The table of this module contains every form."""
    assert set(FORMS) == set(LocationForm)


@pytest.mark.parametrize("form", FORMS)
async def test_a_location_has_the_requested_form(form: str) -> None:
    """Each form is written as in the documents, for batch jobs and for draft jobs."""
    async with (
        Sandbox(location_form=form, location_origin="https://elsewhere.example") as sandbox,
        aiohttp.ClientSession() as session,
    ):
        call = Caller(sandbox, session)
        project = sandbox.seed(draft=1)
        batch = await call.create_batch("pause", project.id, project.ids(), key="1")
        draft = await call.create_draft_job(
            "launch", project.groups[0], key="2", end_fielding_at="2999-01-01T00:00:00.000Z"
        )
        origin = sandbox.url.removesuffix("/v1")
        template = FORMS[form]
        for job, answer, resource, alias in zip(
            sandbox.jobs.values(),
            (batch, draft),
            (f"{BATCH}-fielding-runs-by-target-group-id", GROUP),
            (BATCH, GROUP),
            strict=True,
        ):
            ids = {"project": project.id, "group": project.ids()[0]}
            expected = template and template.format(
                origin=origin, resource=resource.format(**ids), alias=alias.format(**ids), job=job.id
            )
            assert answer.headers.get("Location") == expected
        if form == "none":
            sandbox.requests.clear()  # without the header the contract is broken, as was asked for


async def test_the_default_location_leads_to_the_job(call: Caller, sandbox: Sandbox) -> None:
    """By default the Location leads to the job when it is appended to the base URL."""
    project = sandbox.seed(live=1)
    created = await call.create_batch("pause", project.id, project.ids())
    assert (await call("GET", created.headers["Location"])).status == 200


async def test_job_ids_can_be_uuids() -> None:
    """Job ids are ULIDs by default and can be UUIDs."""
    async with Sandbox(job_ids="uuid") as sandbox, aiohttp.ClientSession() as session:
        call = Caller(sandbox, session)
        project = sandbox.seed(live=1)
        created = await call.create_batch("pause", project.id, project.ids())
        (job_id,) = sandbox.jobs
        assert str(uuid.UUID(job_id)) == job_id
        assert (await call("GET", created.headers["Location"])).json["job_id"] == job_id


def test_an_unknown_form_is_refused() -> None:
    """An unknown form is a ValueError."""
    with pytest.raises(ValueError, match="somewhere"):
        Sandbox(location_form="somewhere")
