"""Previews: the target groups of a plan with their statuses, before anything is sent."""

import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Self

import attrs

from fieldingkit._repr import html_table, short_repr
from fieldingkit.client import AsyncClient
from fieldingkit.results import Serializable, to_row
from fieldingkit.sweeps.chunks import split_into_jobs
from fieldingkit.sweeps.discovery import FoundGroups, find_groups
from fieldingkit.sweeps.identity import RunIdentity
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.sweeps.report import Outcome, SweepProject, UnlistedProject
from fieldingkit.sweeps.state import FoundGroup
from fieldingkit.sweeps.status_age import MAX_STATUS_AGE

__all__ = ["SweepPreview", "make_preview", "preview", "refresh"]


@attrs.frozen(kw_only=True, repr=False)
class SweepPreview(Serializable):
    """The target groups of a plan with their statuses, before anything is sent."""

    plan: SweepPlan
    """The plan."""
    groups: tuple[FoundGroup, ...]
    """Every target group of the plan with its status, in the order in which they are sent."""
    unlisted: tuple[UnlistedProject, ...] = ()
    """The projects that could not be listed. Their target groups are not sent."""
    projects: tuple[SweepProject, ...] = ()
    """The projects whose names were read; none are read for their own sake."""
    identity: RunIdentity
    """The API, the account and the run that it was read for."""
    read_at: float = float("-inf")
    """When the statuses were read, by the client's clock; a sweep reads them again if that was over 30 seconds ago."""
    created_at: datetime
    """When the preview was made, UTC."""
    host: str
    """The name of the machine on which it was made."""

    @property
    def unchanged(self) -> tuple[FoundGroup, ...]:
        """The target groups that have the target status already, and are not sent."""
        return self._with_outcome(Outcome.UNCHANGED)

    @property
    def skipped(self) -> tuple[FoundGroup, ...]:
        """The target groups whose status does not allow the action, and that are not sent."""
        return self._with_outcome(Outcome.SKIPPED)

    @property
    def to_send(self) -> tuple[FoundGroup, ...]:
        """The target groups that are sent."""
        return self._with_outcome(None)

    @property
    def jobs(self) -> int:
        """The number of jobs."""
        pairs = ((group.project_id, group.target_group_id) for group in self.to_send)
        return len(split_into_jobs(pairs, size=self.plan.chunk_size, first=self.plan.first))

    @property
    def requests(self) -> int:
        """The smallest number of requests: one to create each job, and one to poll it."""
        return 2 * self.jobs

    def seconds(self, rate: float) -> float:
        """Return the shortest duration in seconds at a rate in requests per second."""
        return max(0, self.requests - 1) / rate

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the preview to a file as JSON, so that it can be applied later, or by another person.

        Args:
            path: The file. An earlier one is replaced.

        Raises:
            OSError: if the file cannot be written.
        """
        from fieldingkit.sweeps.plan_file import save_preview

        save_preview(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Return the preview that ``save`` wrote; before it is swept, ``recheck`` compares it with the API.

        Raises:
            ConfigurationError: if the file is not such a preview, was changed, or a later release wrote it.
            OSError: if the file cannot be read.
        """
        from fieldingkit.sweeps.plan_file import load_fields

        return cls(**load_fields(path))

    def recent(self, now: float) -> bool:
        """Return whether the statuses were read at most 30 seconds ago, by the client's clock."""
        return now - self.read_at <= MAX_STATUS_AGE

    def rows(self) -> list[dict[str, Any]]:
        """Return one flat dictionary per target group, for ``pandas.DataFrame(preview.rows())`` and the like."""
        return [to_row(group) for group in self.groups]

    def __repr__(self) -> str:
        counts = {"to send": self.to_send, "unchanged": self.unchanged, "skipped": self.skipped}
        return short_repr("SweepPreview", self.plan.action, *(f"{len(of)} {name}" for name, of in counts.items() if of))

    def _repr_html_(self) -> str:
        rows = ((group.target_group_id, group.project_id, group.status) for group in self.groups)
        return html_table(repr(self)[1:-1], ("target group", "project", "status"), rows, len(self.groups))

    def _with_outcome(self, outcome: Outcome | None) -> tuple[FoundGroup, ...]:
        settled = ((group, group.settled(self.plan.action)) for group in self.groups)
        return tuple(group for group, result in settled if (result and result[0]) == outcome)


async def preview(client: AsyncClient, plan: SweepPlan) -> SweepPreview:
    """Find the target groups of a plan and read their statuses. Nothing is changed.

    Args:
        client: The client to use; with a blocking one, ``client.call(preview, plan)``.
        plan: The action and the target groups.

    Raises:
        FieldingKitError: if no project can be read, or one of a strict plan.
    """
    return make_preview(client, plan, await find_groups(client, plan))


def make_preview(client: AsyncClient, plan: SweepPlan, found: FoundGroups) -> SweepPreview:
    """Return the preview of a plan whose target groups were just read."""
    return SweepPreview(
        plan=plan,
        groups=found.groups,
        unlisted=found.unlisted,
        projects=found.projects,
        identity=RunIdentity.of(client, plan),
        read_at=client.clock.now(),
        created_at=datetime.fromtimestamp(client.clock.wall(), UTC),
        host=socket.gethostname(),
    )


async def refresh(
    client: AsyncClient, preview: SweepPreview, on_found: Callable[[int], object] = lambda _: None
) -> FoundGroups:
    """Return the target groups of a preview with statuses that are at most 30 seconds old; read them if necessary.

    Target groups that match the query of the plan only now are left out, because the preview did not show them.

    Args:
        client: The client to use.
        preview: The preview.
        on_found: Called with the number of target groups read so far.

    Raises:
        FieldingKitError: if no project can be read, or one of a strict plan.
    """
    if preview.recent(client.clock.now()):
        return FoundGroups(preview.groups, preview.unlisted, preview.projects)
    plan = preview.plan
    if plan.query is not None:
        shown: dict[str, list[str]] = {}
        for group in preview.groups:
            shown.setdefault(group.project_id, []).append(group.target_group_id)
        plan = attrs.evolve(plan, query=None, target_groups=shown, check_status_first=True)
    found = await find_groups(client, plan, on_found)
    now = {group.target_group_id: group for group in found.groups}
    groups = tuple(
        group if group.outcome is not None else now.get(group.target_group_id, group) for group in preview.groups
    )
    return FoundGroups(groups, preview.unlisted, preview.projects)
