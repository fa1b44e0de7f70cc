"""``fieldingkit feasibility``: estimate the target groups of a study file."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fieldingkit.cli.connection import DEFAULT_CONNECTION, Connection
from fieldingkit.cli.errors import ExitCode
from fieldingkit.cli.output import Output

if TYPE_CHECKING:
    from fieldingkit.client import AsyncClient
    from fieldingkit.studies.estimates import Estimate
    from fieldingkit.studies.study import Study

__all__ = ["feasibility"]


def _reach(estimate: "Estimate") -> str:
    found = estimate.feasibility
    ends = [] if found is None else [found.completes_min, found.completes_max]
    return "-".join(dict.fromkeys(f"{end:,}" for end in ends if end is not None))


def _price(estimate: "Estimate") -> str:
    price = None if estimate.feasibility is None else estimate.feasibility.suggested_price
    return "" if price is None or price.value is None else f"{price.value:f} {price.currency_code or ''}".rstrip()


_COLUMNS: Final[dict[str, Callable[["Estimate"], object]]] = {
    "Target group": lambda estimate: estimate.reference,
    "Goal": lambda estimate: f"{estimate.completes_goal:,}",
    "Reach": _reach,
    "Price": _price,
    "Days": lambda estimate: estimate.days,
    "Planned": lambda estimate: f"{estimate.planned_days:g}",
    "Feasible": lambda estimate: {True: "yes", False: "no", None: "no estimate"}[estimate.is_feasible],
}


async def feasibility(study: Path, /, *, json: bool = False, connection: Connection = DEFAULT_CONNECTION) -> int:
    """Estimate the reach, price and days of the target groups of a study file. Nothing is created.

    The reach is the number of completes to expect within the planned days, and the price is the one that the API
    suggests. The days are those that the goal needs at the price in the file, or at the suggested one.

    Args:
        study: The file.
        json: Print one JSON document a line.
        connection: How to reach the API.
    """
    from fieldingkit.cli.study_command import load_study

    loaded = load_study(study)
    output = Output(json=json)
    problems: list[Estimate] = []
    async with connection.open() as client:
        await output.print_items(_COLUMNS, _estimates(client, loaded, problems), document=_document)
    for estimate in problems:
        output.note(f"{estimate.reference}: {estimate.problem or _shortfalls(estimate)}")
    return ExitCode.REFUSED if any(estimate.problem for estimate in problems) else ExitCode.DONE


async def _estimates(client: "AsyncClient", study: "Study", problems: "list[Estimate]") -> "AsyncIterator[Estimate]":
    from fieldingkit.studies.estimates import estimate_target_group

    for group in study.target_groups:
        estimate = await estimate_target_group(client, group)
        if not estimate.is_feasible:
            problems.append(estimate)
        yield estimate


def _document(estimate: "Estimate") -> dict[str, object]:
    return {**estimate.to_dict(), "is_feasible": estimate.is_feasible}


def _shortfalls(estimate: "Estimate") -> str:
    parts = [
        f"{'the goal' if shortfall.target is None else shortfall.target} of {shortfall.goal:,}"
        f"{' has no estimate' if shortfall.expected is None else f', with {shortfall.expected:,} to expect'}"
        for shortfall in estimate.shortfalls
    ]
    return f"not feasible: {'; '.join(parts)}"
