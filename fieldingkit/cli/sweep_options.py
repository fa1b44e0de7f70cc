"""Parameters of the sweep commands: the options of a plan, and those of its execution."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import attrs
from cyclopts import Group, Parameter, Token
from cyclopts.validators import Number

from fieldingkit.secret import Secret

__all__ = ["DEFAULT_OPTIONS", "DEFAULT_PLAN_OPTIONS", "Duration", "PlanOptions", "SweepOptions"]


_UNITS: Final = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smhd]?)")


def _seconds(kind: Any, tokens: Sequence[Token]) -> float:
    del kind
    match = _DURATION.fullmatch(tokens[0].value)
    if match is None:
        raise ValueError("a number with s, m, h or d, such as 90s or 5m")
    return float(match[1]) * _UNITS[match[2]]


Duration = Annotated[float, Parameter(converter=_seconds)]
"""Seconds, given as a number with a unit, such as 90s, 5m, 24h or 2d."""


def _secret(kind: Any, tokens: Sequence[Token]) -> Secret:
    del kind
    return Secret(tokens[0].value)


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class SweepOptions:
    """The options of every sweep command."""

    dry_run: bool = False
    """List the target groups and what would happen to each; change nothing."""
    yes: bool = False
    """Do not ask for confirmation."""
    report: Path | None = None
    """The file to write the report to, as JSON, CSV or HTML by its ending .json, .csv or .html."""
    force: bool = False
    """Overwrite the report of another run."""
    journal: Path | None = None
    """The file to resume the sweep from after a crash; by default one is created for each sweep."""
    max_groups: Annotated[int | None, Parameter(validator=Number(gte=0))] = None
    """Refuse, before anything is sent, if there are more target groups to send."""
    first: Annotated[int | None, Parameter(validator=Number(gte=1))] = None
    """Send this number of target groups first and read them again; send the others after a question."""
    after: Duration | None = None
    """With --first, continue after this time without a question, such as 5m, if nothing failed."""
    no_verify: bool = False
    """Do not read the statuses again after the last job."""
    rate: Annotated[float | None, Parameter(validator=Number(gt=0))] = None
    """Requests per second at most."""
    concurrency: Annotated[int, Parameter(validator=Number(gte=1))] = 100
    """Concurrent jobs at most."""
    on_finish: Annotated[
        Secret | None, Parameter(converter=_secret, n_tokens=1, accepts_keys=False, env_var="FIELDINGKIT_ON_FINISH")
    ] = None
    """The URL, such as that of a Slack webhook, to post a JSON document to when the sweep has ended."""
    json: bool = False
    """Print one JSON document a line for each event; the last one is the report."""


@Parameter(name="*", group=Group("Plan"))
@attrs.frozen(kw_only=True)
class PlanOptions:
    """The options of a new plan."""

    out: Path | None = None
    """Write the plan to this file for `fieldingkit apply`, and send nothing."""
    run_id: str | None = None
    """The run id. Sweeps are idempotent per run id; by default each sweep gets a new one."""
    chunk_size: Annotated[int, Parameter(validator=Number(gte=1))] = 100
    """Target groups in one job at most."""
    strict: bool = False
    """Send nothing if one of the projects cannot be listed; by default the other projects are swept."""

    until_none_left: bool = False
    """Sweep also what went live or moved meanwhile, up to five times; each time is a run that continues this one."""

    def fields(self) -> dict[str, Any]:
        """Return the fields of the plan."""
        fields: dict[str, Any] = {"chunk_size": self.chunk_size, "strict": self.strict}
        return fields if self.run_id is None else {**fields, "run_id": self.run_id}


DEFAULT_OPTIONS = SweepOptions()
"""No flag of the options was given."""
DEFAULT_PLAN_OPTIONS = PlanOptions()
"""No flag of the plan was given."""
