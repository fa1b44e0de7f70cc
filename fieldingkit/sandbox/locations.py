"""The `Location` header of a new job, in every form that the API's documents print."""

from enum import StrEnum

import attrs

from fieldingkit.sandbox.model.jobs import DraftJob, Job, ManagerJob

__all__ = ["LocationForm", "Locations"]


class LocationForm(StrEnum):
    """The form of a `Location` header.

    Resolved by RFC 3986 against the request's URL, only a few forms lead to the job; a client must know the others.
    """

    PATH = "path"
    """`/demand/accounts/...`: a path without `/v1`, as in the contract's examples."""
    VERSIONED_PATH = "versioned_path"
    """`/v1/accounts/...`: a path with `/v1` but without `/demand`, as in the older guide."""
    FULL_PATH = "full_path"
    """`/v1/demand/accounts/...`: the path of the job itself."""
    FULL_URL = "full_url"
    """`http://host/demand/accounts/...`: a URL without `/v1`."""
    FULL_URL_VERSIONED = "full_url_versioned"
    """`http://host/v1/demand/accounts/...`: the URL of the job itself."""
    BARE_ID = "bare_id"
    """The job id alone."""
    BATCH_ALIAS = "batch_alias"
    """`/demand/.../batch-jobs/pause/{job_id}`: for a batch job a path that cannot be read; otherwise like `PATH`."""
    TRAILING_SLASH = "trailing_slash"
    """Like `PATH`, with a trailing slash."""
    QUERY = "query"
    """Like `PATH`, with a query."""
    FOREIGN = "foreign"
    """A URL on another origin, where a token must never be sent."""
    NONE = "none"
    """No `Location` header."""


@attrs.frozen
class Locations:
    """Writes the `Location` headers of one sandbox."""

    form: LocationForm
    """The form of every header."""
    foreign_origin: str
    """The origin of the form `FOREIGN`, such as `https://elsewhere.example`."""

    def header_for(self, job: Job, origin: str) -> str | None:
        """Return the header of a new job, or None for no header.

        Args:
            job: The job.
            origin: The sandbox's own origin.
        """
        resource = _resource(job)
        path = f"/demand{resource}"
        return {
            LocationForm.PATH: path,
            LocationForm.VERSIONED_PATH: f"/v1{resource}",
            LocationForm.FULL_PATH: f"/v1{path}",
            LocationForm.FULL_URL: origin + path,
            LocationForm.FULL_URL_VERSIONED: f"{origin}/v1{path}",
            LocationForm.BARE_ID: job.id,
            LocationForm.BATCH_ALIAS: path.replace("-fielding-runs-by-target-group-id/", "/"),
            LocationForm.TRAILING_SLASH: f"{path}/",
            LocationForm.QUERY: f"{path}?api-version=2025-12-18",
            LocationForm.FOREIGN: f"{self.foreign_origin}/v1{path}",
            LocationForm.NONE: None,
        }[self.form]


def _resource(job: Job) -> str:
    project = f"/accounts/{job.account_id}/projects/{job.project_id}"
    if isinstance(job, DraftJob):
        return f"{project}/target-groups/{job.target_group_id}/fielding-run-jobs/{job.kind}/{job.id}"
    if isinstance(job, ManagerJob):
        return f"{project}/batch-jobs/{job.kind}/{job.id}"
    return f"{project}/batch-jobs/{job.kind}-fielding-runs-by-target-group-id/{job.id}"
