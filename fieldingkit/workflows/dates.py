"""Change the dates of one fielding run by a function of what they are."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

import attrs

from fieldingkit.client import AsyncClient
from fieldingkit.errors import FieldingKitError, InvalidCommandError, PreconditionFailedError, TooManyConflictsError
from fieldingkit.resources.fielding_runs import FieldingRun, GetFieldingRun, UpdateFieldingRun
from fieldingkit.workflows.fresh import read_fresh

__all__ = ["UpdatedRun", "update_run"]


@attrs.frozen(kw_only=True)
class UpdatedRun:
    """A run has the dates that it should have."""

    start_fielding_at: datetime
    """The start, UTC."""
    end_fielding_at: datetime
    """The end, UTC."""
    etag: str
    """The run's tag, for the next action; empty if the API did not send it."""
    changed: bool
    """Whether the dates were changed; False if the function left them as they were."""
    before: FieldingRun
    """The run as it was first read."""
    conflicts: tuple[FieldingKitError, ...] = ()
    """The refusals and doubtful outcomes that were dealt with, in order."""


async def update_run(
    client: AsyncClient,
    run: GetFieldingRun,
    change: Callable[[FieldingRun], FieldingRun],
    *,
    max_conflicts: int = 3,
) -> UpdatedRun:
    """Read a run, let ``change`` say its new dates, and write them; begin anew when it was changed meanwhile.

    The API wants both dates with each change; the one that ``change`` leaves alone is sent back as it was. To extend a
    run by a day::

        await update_run(client, run, lambda r: attrs.evolve(r, end_fielding_at=r.end_fielding_at + timedelta(days=1)))

    After a doubtful outcome the run is read before anything else, so that a day is never added twice.

    Args:
        client: The client to use; with a blocking one, ``client.call(update_run, run, change)``.
        run: The command that reads the run.
        change: From the run as it is, the run as it should be; only its dates count.
        max_conflicts: How often to begin anew at most.

    Raises:
        InvalidCommandError: if ``change`` changes something else than dates, or to dates that are refused.
        TooManyConflictsError: if the run was changed meanwhile again and again; it lists each conflict.
        AmbiguousOutcomeError: if it cannot be told whether the change was applied, since others changed the dates too.
        InvalidStateError: if the API does not allow it, such as for a completed run.
        FieldingKitError: if the run cannot be read.
    """
    conflicts: list[FieldingKitError] = []
    before: FieldingRun | None = None
    doubt: _Doubt | None = None
    while True:
        now = await read_fresh(client, run, conflicts)
        before = before or now
        if doubt is not None and doubt.was_applied(now):
            return _done(now, now.etag, changed=True, before=before, conflicts=conflicts)
        wanted = change(now)
        if attrs.evolve(wanted, start_fielding_at=now.start_fielding_at, end_fielding_at=now.end_fielding_at) != now:
            raise InvalidCommandError("only the dates of a run can be changed", field="change", command=run)
        if _dates(wanted) == _dates(now):
            return _done(now, now.etag, changed=False, before=before, conflicts=conflicts)
        if len(conflicts) > max_conflicts:
            raise TooManyConflictsError(
                f"the run was changed {len(conflicts)} times while its dates were to be changed",
                conflicts=conflicts,
                command=run,
                maybe_applied=any(conflict.maybe_applied for conflict in conflicts),
            ) from conflicts[-1]
        try:
            answer = await client.send(
                UpdateFieldingRun(
                    account_id=run.account_id,
                    project_id=run.project_id,
                    target_group_id=run.target_group_id,
                    fielding_run_id=run.fielding_run_id,
                    if_match=now.etag,
                    start_fielding_at=wanted.start_fielding_at,
                    end_fielding_at=wanted.end_fielding_at,
                )
            )
        except FieldingKitError as exc:
            if not (isinstance(exc, PreconditionFailedError) or exc.maybe_applied):
                raise
            conflicts.append(exc)
            doubt = _Doubt(now, wanted, exc) if exc.maybe_applied else None
        else:
            return _done(wanted, answer.etag, changed=True, before=before, conflicts=conflicts)


class _Doubt(NamedTuple):
    """A write whose outcome is not known."""

    before: FieldingRun
    wanted: FieldingRun
    error: FieldingKitError

    def was_applied(self, now: FieldingRun) -> bool:
        """Tell by the dates as they are now; raises the error if they are neither the old nor the new ones."""
        if _dates(now) not in (_dates(self.before), _dates(self.wanted)):
            raise self.error
        return _dates(now) == _dates(self.wanted)


def _done(
    run: FieldingRun, etag: str, *, changed: bool, before: FieldingRun, conflicts: list[FieldingKitError]
) -> UpdatedRun:
    start, end = _dates(run)
    return UpdatedRun(
        start_fielding_at=start,
        end_fielding_at=end,
        etag=etag,
        changed=changed,
        before=before,
        conflicts=tuple(conflicts),
    )


def _dates(run: FieldingRun) -> tuple[datetime, datetime]:
    """Both dates as the API keeps them: UTC, to the millisecond."""
    start, end = run.start_fielding_at.astimezone(UTC), run.end_fielding_at.astimezone(UTC)
    return (
        start.replace(microsecond=start.microsecond // 1000 * 1000),
        end.replace(microsecond=end.microsecond // 1000 * 1000),
    )
