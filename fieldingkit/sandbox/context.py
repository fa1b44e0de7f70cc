"""The input of a handler, its checks, and its output."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, TypeVar, cast

import attrs

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.formats import ULID, parse_json
from fieldingkit.sandbox.model.fielding_runs import FieldingRun
from fieldingkit.sandbox.model.jobs import Job
from fieldingkit.sandbox.model.projects import Project
from fieldingkit.sandbox.model.state import IdempotencyConflictError, SandboxState
from fieldingkit.sandbox.model.target_groups import TargetGroup
from fieldingkit.sandbox.recording import RecordedRequest

__all__ = ["Handler", "HandlerResponse", "RequestContext"]


JobT = TypeVar("JobT", bound=Job)

_PATH_PARAMETERS = {
    "RID": re.compile(r".*", re.DOTALL),  # any text that is no session is a 404
    "account_id": re.compile(r"[0-9]{1,10}"),
    "project_id": ULID,
    "template_id": ULID,
    "target_group_id": ULID,
    "webhook_id": ULID,
    "exclusion_group_id": ULID,
}
_OPAQUE_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
_ENTITY_TAGS = re.compile(r'(?:W/)?"[^"]*"(?:\s*,\s*(?:W/)?"[^"]*")*')
_OPAQUE_TAG = re.compile(r'"[^"]*"')
_MAX_KEY_LENGTH = 255


@attrs.frozen
class HandlerResponse:
    """The response of a handler."""

    status: int
    """The HTTP status."""
    json: object | None = None
    """The body; None for an empty one."""
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])
    """Headers beside the default ones."""
    content: bytes = attrs.field(default=b"", kw_only=True)
    """The body of a file; `headers` have its content type."""
    created: Job | None = None
    """The job that was created; the `Location` header names it if there is no body."""


@attrs.frozen(kw_only=True)
class RequestContext:
    """An authorized request for an operation. Its path parameters are validated on construction."""

    state: SandboxState
    """The state, locked while the handler runs."""
    now: datetime
    """The current time."""
    recorded: RecordedRequest
    """The recorded request."""
    parameters: Mapping[str, str]
    """The path parameters by name."""
    trace_id: str
    """The trace id of the request: 32 hexadecimal digits."""

    def __attrs_post_init__(self) -> None:
        # Validated before anything else uses them, so that unchecked text of the caller is never sent back.
        malformed = {
            name: "Is not a valid identifier."
            for name, value in self.parameters.items()
            if not _PATH_PARAMETERS.get(name, _OPAQUE_ID).fullmatch(value)
        }
        if malformed:
            raise problems.bad_request("A path parameter is malformed.", **malformed)
        if "account_id" in self.parameters and self.account_id not in self.state.accounts:
            raise problems.forbidden()

    @property
    def account_id(self) -> int:
        """The account in the path."""
        return int(self.parameters["account_id"])

    def project(self) -> Project:
        """Return the project in the path; 404 if the account has no such project."""
        project = self.state.projects.get(self.parameters["project_id"])
        if project is None or project.account_id != self.account_id:
            raise problems.not_found("project")
        return project

    def target_group(self) -> TargetGroup:
        """Return the target group in the path; 404 if the project has no such target group."""
        group = self.state.groups.get(self.parameters["target_group_id"])
        if group is None or group.project_id != self.project().id:
            raise problems.not_found("target group")
        return group

    def launched_target_group(self) -> TargetGroup:
        """Return the target group in the path; 404 also for a draft."""
        group = self.target_group()
        if group.status_at(self.now) == "draft":
            raise problems.not_found("target group")
        return group

    def fielding_run(self) -> FieldingRun:
        """Return the fielding run in the path; 404 if the target group has no such run."""
        run = self.target_group().run
        if run is None or run.id != self.parameters["fielding_run_id"]:
            raise problems.not_found("fielding run")
        return run

    def require_match(self, etag: str) -> None:
        """Check the `If-Match` header: 400 if it is missing or malformed, 412 if it does not match the entity tag.

        The comparison is weak, like the API's own and unlike RFC 9110.
        """
        given = self.recorded.headers.get("If-Match")
        if given is None:
            raise problems.bad_request("The header If-Match is required.", **{"If-Match": "Is missing."})
        if given.strip() == "*":
            return
        if not _ENTITY_TAGS.fullmatch(given.strip()):
            raise problems.bad_request(
                "The header If-Match is malformed.", **{"If-Match": "An entity tag must be in double quotes."}
            )
        if etag.removeprefix("W/") not in _OPAQUE_TAG.findall(given):
            raise problems.precondition_failed()

    def json_object(self) -> dict[str, Any]:
        """Return the JSON object in the body; 415 or 400 if there is none."""
        body = self._json()
        if not isinstance(body, dict):
            raise problems.bad_request("The request body is not a JSON object.")
        return cast("dict[str, Any]", body)

    def json_list(self) -> Sequence[Any]:
        """Return the JSON array in the body; 415 or 400 if there is none."""
        body = self._json()
        if not isinstance(body, list):
            raise problems.bad_request("The request body is not a JSON array.")
        return cast("Sequence[Any]", body)

    def _json(self) -> object:
        media_type = self.recorded.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if media_type != "application/json":
            raise problems.unsupported_media_type()
        try:
            return parse_json(self.recorded.body)
        except ValueError:
            raise problems.bad_request("The request body is not JSON.") from None

    def submit(self, make: Callable[..., Job], *, keyed: bool = True) -> HandlerResponse:
        """Create a job, once per idempotency key, and return its 201 response.

        Args:
            make: Creates the job from the common fields.
            keyed: True if the operation takes an idempotency key; otherwise each request creates a job.
        """
        key = self._idempotency_key() if keyed else None
        make_job = partial(make, request=self.recorded.index, trace_id=self.trace_id)

        def create() -> HandlerResponse:
            return HandlerResponse(201, created=self.state.submit(self.account_id, key, make_job))

        return self.once(create) if keyed else create()

    def once(self, make: Callable[[], HandlerResponse]) -> HandlerResponse:
        """Handle a request once per idempotency key; a repetition gets the first response again.

        Args:
            make: Handles the request.
        """
        body = self.recorded.json
        fingerprint = (self.recorded.operation_id, self.parameters, self.recorded.body if body is None else body)
        try:
            return self.state.once(self.account_id, self._idempotency_key(), fingerprint, make)
        except IdempotencyConflictError:
            raise problems.conflict("The idempotency key was used before, for another request.") from None

    def _idempotency_key(self) -> str:
        key = self.recorded.headers.get("Idempotency-Key", "")
        if not 1 <= len(key) <= _MAX_KEY_LENGTH:
            raise problems.bad_request(
                "The header Idempotency-Key is missing or too long.",
                **{"Idempotency-Key": f"Must have 1 to {_MAX_KEY_LENGTH} characters."},
            )
        return key

    def job(self, job_type: type[JobT], kind: str) -> JobT:
        """Return the job in the path; 404 if there is no such job under this path.

        Args:
            job_type: The expected class.
            kind: The expected kind.
        """
        job = self.state.jobs.get(self.parameters["job_id"])
        if not isinstance(job, job_type) or (job.kind, job.account_id) != (kind, self.account_id):
            raise problems.not_found("job")
        owners = self.parameters.keys() & {"project_id", "target_group_id"}
        if any(getattr(job, owner) != self.parameters[owner] for owner in owners):
            raise problems.not_found("job")
        if job.gone is not None:
            raise problems.problem_for_status(job.gone)
        return job


Handler = Callable[[RequestContext], HandlerResponse]
"""Handles one operation; raises a `Problem` for an error response."""
