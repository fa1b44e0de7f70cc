"""The token endpoint."""

import pytest
from support.sandbox_caller import Caller

from fieldingkit.sandbox import Sandbox, SandboxClock


def credentials(sandbox: Sandbox) -> dict[str, object]:
    """Return the body that the token endpoint accepts."""
    return {
        "client_id": sandbox.client_id,
        "client_secret": sandbox.client_secret,
        "grant_type": "client_credentials",
        "audience": "https://api.luc.id",
        "auth_scopes": "app:api",
    }


async def test_a_granted_token_is_valid_for_its_lifetime(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """The right credentials get a bearer token that is valid for its lifetime."""
    answer = await call("POST", sandbox.token_url, json=credentials(sandbox), without="Authorization")
    assert (answer.status, answer.json["expires_in"], answer.json["token_type"]) == (200, 86400, "Bearer")
    headers = {"Authorization": f"Bearer {answer.json['access_token']}"}
    path = call.run_path(sandbox.seed(live=1).groups[0])
    assert (await call("GET", path, headers=headers)).status == 200
    clock.advance(86400)
    assert (await call("GET", path, headers=headers)).status == 403


async def test_the_scope_has_a_default(sandbox: Sandbox, call: Caller) -> None:
    """The scope may be omitted."""
    body = credentials(sandbox)
    del body["auth_scopes"]
    assert (await call("POST", sandbox.token_url, json=body)).status == 200


@pytest.mark.parametrize("field", ["client_id", "client_secret", "grant_type", "audience", "auth_scopes"])
async def test_wrong_credentials_are_denied(sandbox: Sandbox, call: Caller, field: str) -> None:
    """Any wrong field is a 401 in the shape of OAuth, not of the API."""
    answer = await call("POST", sandbox.token_url, json=credentials(sandbox) | {field: "wrong"})
    assert answer.status == 401
    assert answer.json == {"error": "access_denied", "error_description": "Unauthorized"}


@pytest.mark.parametrize("body", [b"", b"[]", b"grant_type=client_credentials"])
async def test_a_body_that_is_no_json_object_is_denied(sandbox: Sandbox, call: Caller, body: bytes) -> None:
    """A body that is not a JSON object is a 401."""
    assert (await call("POST", sandbox.token_url, data=body)).status == 401


async def test_several_tokens_are_valid_at_once(sandbox: Sandbox, call: Caller) -> None:
    """Several tokens are valid at once."""
    answers = [await call("POST", sandbox.token_url, json=credentials(sandbox)) for _ in range(3)]
    assert len({answer.json["access_token"] for answer in answers}) == 3


async def test_the_token_request_is_recorded(sandbox: Sandbox, call: Caller) -> None:
    """A token request is recorded under an operation id of the sandbox's own."""
    await call("POST", sandbox.token_url, json=credentials(sandbox))
    assert [request.operation_id for request in sandbox.requests] == ["request_access_token"]
