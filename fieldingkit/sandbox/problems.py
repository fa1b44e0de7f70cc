"""The API's error responses."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

__all__ = [
    "Problem",
    "bad_request",
    "conflict",
    "forbidden",
    "invalid_profiles",
    "invalid_state",
    "malformed_profiles",
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
    """An error response of the API, raised by handlers.

    Args:
        status: The HTTP status.
        kind: The error code, which the body has as `object`.
        detail: The description for people.
        invalid_params: The reason for each invalid parameter.
        headers: Headers beside the default ones.
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
        """Return the JSON body.

        Args:
            error_id: The UUID of this occurrence.
        """
        if self.kind == "too_many_requests_problem_details":
            return {"object": self.kind, "details": self.detail}
        body: dict[str, Any] = {"id": error_id, "object": self.kind, "detail": self.detail}
        if self.invalid_params:
            body["invalid_params"] = [{"name": name, "reason": reason} for name, reason in self.invalid_params.items()]
        return body


def bad_request(detail: str, **invalid_params: str) -> Problem:
    """Return the 400 for a request that violates the contract."""
    return Problem(400, "bad_request_error", detail, invalid_params=invalid_params)


def unauthorized() -> Problem:
    """Return the 401 for a missing or unknown token."""
    return Problem(401, "authorization_error", "No valid authorization was provided for this operation.")


def forbidden() -> Problem:
    """Return the 403 for an expired token or an account without permission; the API does not distinguish them."""
    return Problem(403, "authorization_error", "You do not have the right permissions for this operation.")


def missing_header(name: str) -> Problem:
    """Return the 403 for a missing API version."""
    return Problem(403, "required_header_missing", f"The header {name} is required.")


def not_found(what: str) -> Problem:
    """Return the 404 for an unknown resource."""
    return Problem(404, "not_found_error", f"The {what} was not found.")


def method_not_allowed(allowed: str) -> Problem:
    """Return the 405 for a method that the path does not have."""
    return Problem(405, "method_not_allowed_error", "This method is not allowed here.", headers={"Allow": allowed})


def conflict(detail: str) -> Problem:
    """Return the 409 for a request that contradicts an earlier one."""
    return Problem(409, "conflict_error", detail)


def precondition_failed() -> Problem:
    """Return the 412 for an outdated entity tag."""
    return Problem(412, "precondition_failed_error", "The resource has changed since it was read. Read it again.")


def too_large() -> Problem:
    """Return the 413 for a body that is too large."""
    return Problem(413, "content_too_large_error", "The request body is too large.")


def unsupported_media_type(required: str = "application/json") -> Problem:
    """Return the 415 for a body of another kind than the required one."""
    return Problem(415, "unsupported_media_type_error", f"The request body must be {required}.")


def invalid_state(detail: str) -> Problem:
    """Return the 422 for an operation that the resource's state does not allow."""
    return Problem(422, "invalid_state_error", detail)


def malformed_profiles(name: str, reason: str, *, has_title: bool = False) -> Problem:
    """Return the 400 for malformed profiles, which has no id.

    Args:
        name: The path of the malformed part.
        reason: The reason in words.
        has_title: True for the operations whose error bodies have a title.
    """
    extra = {"title": "Bad Request", "type": "about:blank", "instance": "profiles"} if has_title else {}
    return _ProfileProblem(
        400, "bad_request_error", "The profiles are malformed.", [{"name": name, "reason": reason}], extra
    )


def invalid_profiles(invalid_params: Sequence[Mapping[str, Any]]) -> Problem:
    """Return the 422 for profiles that break rules, which has no id.

    Args:
        invalid_params: An entry for each broken rule.
    """
    extra = {"title": "profile request validation"}
    detail = "Validation error: the profiles break rules."
    return _ProfileProblem(422, "unprocessable_entity_error", detail, invalid_params, extra)


class _ProfileProblem(Problem):
    """An error response of the profile operations."""

    def __init__(
        self, status: int, kind: str, detail: str, entries: Sequence[Mapping[str, Any]], extra: Mapping[str, str]
    ) -> None:
        super().__init__(status, kind, detail)
        self._members = {**extra, "invalid_params": [*entries]}

    def body(self, error_id: str) -> dict[str, Any]:
        """Return the JSON body."""
        body = super().body(error_id)
        del body["id"]
        return {**body, **self._members}


def too_many_requests(retry_after: int) -> Problem:
    """Return the 429 for too many requests.

    Args:
        retry_after: The seconds to wait.
    """
    return Problem(
        429,
        "too_many_requests_problem_details",
        f"Too many requests. Retry in {retry_after} s.",
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
    """Return the usual error response of a status, for faults.

    Args:
        status: The HTTP status, 400 or above.
    """
    return Problem(status, _KINDS.get(status, "unexpected_internal_error"), "Injected by a fault of the sandbox.")
