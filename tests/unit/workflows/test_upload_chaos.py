"""Uploads under random faults: nothing that was reported is missing, and nothing that was stored is denied."""

import random
import uuid
from typing import Any

import pytest
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient

from fieldingkit import AsyncClient
from fieldingkit.errors import FieldingKitError, IncompleteUploadError
from fieldingkit.resources.recontacts import GetRecontactsOverview, UploadRecontacts
from fieldingkit.resources.unique_codes import GetLiveCodeStatistics, UploadLiveCodes
from fieldingkit.sandbox import Sandbox, TargetGroup, faults
from fieldingkit.workflows import upload_codes, upload_recontacts

FAULTS: list[faults.Fault] = [
    faults.Answer(403),
    faults.Answer(429, headers={"Retry-After": "3"}),
    faults.Answer(500),
    faults.Answer(503),
    faults.ApplyThenAnswer(500),
    faults.ApplyThenAnswer(503),
    faults.ApplyThenDrop(),
    faults.Delay(0.0),
    faults.DropBefore(),
    faults.EmptyBody(),
    faults.Garbage(),
    faults.HtmlPage(),
    faults.ResetMidBody(),
    faults.TruncatedJson(),
    faults.WrongContentType(),
]
CODE_OPERATIONS = ["upload_live_respondent_unique_codes", "get_live_respondent_unique_codes_stats"]
RECONTACT_OPERATIONS = [
    "recontact_create_upload_respondents_by_file_job",
    "recontact_list_upload_respondents_by_file_jobs",
    "get_recontact_upload_respondents_by_file_job",
    "get_recontacts_overview",
]


@pytest.fixture
def client(sandbox: Sandbox, make_client: MakeClient) -> AsyncClient:
    """Return a client whose waits take no time."""
    return make_client(clock=FakeClock(sandbox.clock, jump=600.0))


def target_group(sandbox: Sandbox, chance: random.Random, operations: list[str]) -> TargetGroup:
    """Return a target group; some requests for the operations get faults."""
    for _ in range(chance.randrange(1, 5)):
        sandbox.faults.add(chance.choice(operations), chance.choice(FAULTS), times=chance.randrange(1, 3))
    return sandbox.seed(paused=1).groups[0]


@pytest.mark.parametrize("seed", range(20))
async def test_the_codes_that_are_not_named_as_missing_are_there(
    sandbox: Sandbox, client: AsyncClient, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """An error that says that nothing was applied is true."""
    monkeypatch.setattr(UploadLiveCodes, "max_codes", 5)
    chance = random.Random(seed)
    group = target_group(sandbox, chance, CODE_OPERATIONS)
    codes = [f"code-{number}" for number in range(chance.randrange(1, 30))]
    promised, denied = len(codes), False
    try:
        await upload_codes(client, codes, target_group_id=group.id)
    except FieldingKitError as exc:
        promised = len(codes) - len(exc.missing) if isinstance(exc, IncompleteUploadError) else 0
        denied = not exc.maybe_applied
    sandbox.faults.clear()
    known = (await client.send(GetLiveCodeStatistics(target_group_id=group.id))).total_count
    assert known >= promised
    assert known == 0 or not denied


@pytest.mark.parametrize("seed", range(20))
async def test_recontacts_are_uploaded_once_at_most(sandbox: Sandbox, client: AsyncClient, seed: int) -> None:
    """A result means that they are stored, and an error that denies it is true; there is one job at most."""
    group = target_group(sandbox, random.Random(seed), RECONTACT_OPERATIONS)
    place: dict[str, Any] = {"project_id": group.project_id, "target_group_id": group.id}
    ids = [str(uuid.UUID(int=number)) for number in range(1, 6)]
    tokens: list[str] = []
    promised, denied = len(ids), False
    try:
        command = UploadRecontacts(**place, file=ids, entity_type="RSID")
        await upload_recontacts(client, command, on_start=tokens.append)
    except FieldingKitError as exc:
        promised, denied = 0, not exc.maybe_applied and not tokens
    sandbox.faults.clear()
    sandbox.clock.advance(60.0)
    stored = (await client.send(GetRecontactsOverview(**place))).saved_respondent_ids_count
    assert stored >= promised
    assert stored == 0 or not denied
    assert len(sandbox.jobs) <= 1
