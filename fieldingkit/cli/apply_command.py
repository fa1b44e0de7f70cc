"""The execution of a plan that was made before."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import attrs

from fieldingkit.cli.connection import Connection
from fieldingkit.cli.errors import ExitCode, UsageError
from fieldingkit.cli.sweep_command import SweepCommand
from fieldingkit.cli.sweep_options import SweepOptions
from fieldingkit.client import AsyncClient
from fieldingkit.configuration import Configuration
from fieldingkit.errors import ConfigurationError
from fieldingkit.rendering.text import pluralize
from fieldingkit.sweeps.identity import RunIdentity
from fieldingkit.sweeps.plan_file import recheck
from fieldingkit.sweeps.previews import SweepPreview
from fieldingkit.sweeps.report import Outcome, SweepReport

__all__ = ["apply_plan"]

_SKEW: Final = timedelta(minutes=5)
"""The largest difference between the clocks of two machines."""


async def apply_plan(
    plan: Path,
    *,
    max_age: float,
    options: SweepOptions,
    connection: Connection,
) -> ExitCode:
    """Apply a plan: exactly its target groups, except those whose status moved since.

    Args:
        plan: The file of the plan.
        max_age: The age in seconds from which it is refused.
        options: The options of the sweep.
        connection: How to reach the API.
    """
    planned = _load(plan)
    configuration = connection.load()
    configuration = attrs.evolve(configuration, account=configuration.account or planned.identity.account_id)
    present = RunIdentity(
        base_url=configuration.base_url,
        account_id=configuration.account,
        api_version=configuration.api_version,
        run_id=planned.plan.run_id,
    )
    if planned.identity.mismatch(present):
        raise UsageError(
            f"the plan is of account {planned.identity.account_id} at {planned.identity.base_url}, "
            f"but the connection is to account {configuration.account} at {configuration.base_url}\n"
            "Nothing was sent. Give the --account and --base-url of the plan."
        )
    command = _ApplyCommand(plan, planned, options, connection, configuration, max_age=timedelta(seconds=max_age))
    return await command.run()


def _load(path: Path) -> SweepPreview:
    try:
        return SweepPreview.load(path)
    except ConfigurationError as exc:
        raise UsageError(f"{exc.message}\nNothing was sent.") from exc
    except OSError as exc:
        raise UsageError(f"{path} cannot be read: {exc.strerror}\nNothing was sent.") from exc


class _ApplyCommand(SweepCommand):
    """The execution of a plan that was made before.

    Args:
        path: The file of the plan.
        planned: The plan.
        options: The options of the sweep.
        connection: How to reach the API.
        configuration: The settings of the connection.
        max_age: The age from which it is refused.
    """

    always_preview = True

    def __init__(
        self,
        path: Path,
        planned: SweepPreview,
        options: SweepOptions,
        connection: Connection,
        configuration: Configuration,
        *,
        max_age: timedelta,
    ) -> None:
        super().__init__(planned.plan, options, connection, configuration, named=True, kept={"the plan": path})
        self._path = path
        self._planned = planned
        self._max_age = max_age

    async def find(self, client: AsyncClient) -> SweepPreview:
        """Return the target groups of the plan; those whose status moved since are skipped."""
        seen = await recheck(client, attrs.evolve(self._planned, plan=self.plan))
        if moved := len(self._planned.to_send) - len(seen.to_send):
            self.output.note(f"{pluralize(moved)} of the plan moved since, and will not be sent.")
        return seen

    async def find_undecided(self, client: AsyncClient, undecided: Collection[str]) -> SweepPreview:
        """Return the target groups as they are now, for those whose status could not be read before."""
        del undecided
        return await recheck(client, attrs.evolve(self._planned, plan=self.plan))

    async def find_again(self, client: AsyncClient, seen: SweepPreview) -> SweepPreview:
        """Return the target groups as they are after a question that was open for long."""
        if seen.recent(client.clock.now()):
            return seen
        return await recheck(client, attrs.evolve(self._planned, plan=self.plan))

    def check_new(self) -> None:
        """Refuse a plan that is too old; one that was begun in time is resumed."""
        age = datetime.now(UTC) - self._planned.created_at
        if not -_SKEW <= age <= self._max_age:
            raise UsageError(
                f"the plan {self._path} was made at {self._made}, which is not within --max-age\n"
                "Nothing was sent. Make a new plan."
            )

    def question(self, count: int, cost: str = "") -> str:
        """Return the question whether to send some target groups; it says who planned it, and when."""
        return f"{super().question(count, cost)}, as planned on {self._planned.host} at {self._made}"

    def exit_code(self, report: SweepReport) -> ExitCode:
        """Return the exit code of a report: at least 1 if target groups moved since the plan was made."""
        known = {group.target_group_id for group in self._planned.skipped}
        moved = any(group.target_group_id not in known for group in report.of(Outcome.SKIPPED))
        return super().exit_code(report) or (ExitCode.FAILED if moved else ExitCode.DONE)

    @property
    def resuming_words(self) -> list[str]:
        """The words of the command line that resumes the run, without its options."""
        return ["apply", str(self._path)]

    @property
    def finished_note(self) -> str:
        """The note beside the report of a run that has finished before."""
        return "This plan was applied before; this is the report of that run. To act again, make a new plan."

    @property
    def _made(self) -> str:
        return f"{self._planned.created_at:%Y-%m-%d %H:%M} UTC"
