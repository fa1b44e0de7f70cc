"""The API's error answers."""

from collections.abc import Mapping
from typing import Any, Final

__all__ = [
    "Problem",
    "bad_request",
    "conflict",
    "forbidden",
    "invalid_profiles",
    "invalid_state",
    "method_not_allowed",
    "missing_header",
    "not_found",
    "precondition_failed",
    "problem_for_status",
    "too_large",
    "too_many_requests",
    "unauthorized",
    "unsupported_media_type",
]


class Problem(Exception):
    """An error answer of the API, on its way to the caller.

    Args:
        status: The HTTP status.
        kind: The word for programs that the body carries as `object`.
        detail: The sentence for people.
        invalid_params: What is wrong with which parameter.
        headers: Headers that this answer carries beside the usual ones.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        invalid_params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.invalid_params: dict[str, str] = dict(invalid_params or {})
        self.headers: dict[str, str] = dict(headers or {})

    def body(self, error_id: str) -> dict[str, Any]:
        """Its JSON.

        Args:
            error_id: The UUID of this one occurrence.
        """
        if self.kind == "too_many_requests_problem_details":
            return {"object": self.kind, "details": self.detail}
        body: dict[str, Any] = {"id": error_id, "object": self.kind, "detail": self.detail}
        if self.invalid_params:
            body["invalid_params"] = [{"name": name, "reason": reason} for name, reason in self.invalid_params.items()]
        return body


def bad_request(detail: str, **invalid_params: str) -> Problem:
    """400: the request is not what the contract says."""
    return Problem(400, "bad_request_error", detail, invalid_params=invalid_params)


def unauthorized() -> Problem:
    """401: there is no valid token."""
    return Problem(401, "authorization_error", "No valid authorization was provided for this operation.")


def forbidden() -> Problem:
    """403: the token has expired, or may not touch this account; the API says the same in both cases."""
    return Problem(403, "authorization_error", "You do not have the right permissions for this operation.")


def missing_header(name: str) -> Problem:
    """403: the API version is not named."""
    return Problem(403, "required_header_missing", f"The header {name} is required.")


def not_found(what: str) -> Problem:
    """404: there is no such thing."""
    return Problem(404, "not_found_error", f"The {what} was not found.")


def method_not_allowed(allowed: str) -> Problem:
    """405: the path exists, the method does not."""
    return Problem(405, "method_not_allowed_error", "This method is not allowed here.", headers={"Allow": allowed})


def conflict(detail: str) -> Problem:
    """409: the request contradicts an earlier one."""
    return Problem(409, "conflict_error", detail)


def precondition_failed() -> Problem:
    """412: the entity tag is not the current one."""
    return Problem(
        412, "precondition_failed_error", "The resource has changed since it was read. Read it again and decide again."
    )


def too_large() -> Problem:
    """413: the body is too long."""
    return Problem(413, "content_too_large_error", "The request body is too large.")


def unsupported_media_type() -> Problem:
    """415: the body is not declared to be JSON."""
    return Problem(415, "unsupported_media_type_error", "The request body must be application/json.")


def invalid_state(detail: str) -> Problem:
    """422: the state of the resource does not permit the operation."""
    return Problem(422, "invalid_state_error", detail)


def invalid_profiles(name: str, reason: str) -> Problem:
    """422: a goal does not fit the target group; the profile operations have a shape of their own for this.

    Args:
        name: The number of the rule, such as `profile_validation_error_076`.
        reason: The rule in words.
    """
    return _InvalidProfiles(422, "unprocessable_entity_error", "Validation error", invalid_params={name: reason})


class _InvalidProfiles(Problem):
    """The answer of the profile operations to what breaks a rule of theirs."""

    def body(self, error_id: str) -> dict[str, Any]:
        """Its JSON, which has no id but says of each parameter what kind of rule it breaks."""
        body = super().body(error_id)
        del body["id"]
        params = [{"error_type": "data_validation_error", **param} for param in body["invalid_params"]]
        return {**body, "title": "profile request validation", "invalid_params": params}


def too_many_requests(retry_after: int) -> Problem:
    """429: too many requests.

    Args:
        retry_after: After how many seconds there is room again.
    """
    return Problem(
        429,
        "too_many_requests_problem_details",
        f"Too many requests. There is room again in {retry_after} s.",
        headers={"Retry-After": str(retry_after)},
    )


_KINDS: Final = {
    400: "bad_request_error",
    401: "authorization_error",
    403: "authorization_error",
    404: "not_found_error",
    405: "method_not_allowed_error",
    409: "conflict_error",
    410: "not_found_error",
    412: "precondition_failed_error",
    413: "content_too_large_error",
    415: "unsupported_media_type_error",
    422: "invalid_state_error",
    429: "too_many_requests_problem_details",
}


def problem_for_status(status: int) -> Problem:
    """The usual problem of a status, for a fault.

    Args:
        status: The HTTP status, 400 or above.
    """
    return Problem(status, _KINDS.get(status, "unexpected_internal_error"), "The sandbox was told to answer so.")
