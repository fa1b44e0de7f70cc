"""Differences between the settings that a command would write and those that were read. No I/O."""

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple, cast

import attrs

from fieldingkit._repr import brief_repr
from fieldingkit.command_plan import plan_of
from fieldingkit.resources.supply import Allocations, PrivateExchange
from fieldingkit.resources.target_group_details import TargetGroupDetails
from fieldingkit.resources.target_group_drafts import CreateTargetGroup, TargetGroupDraft
from fieldingkit.results import Serializable

__all__ = ["Comparison", "Difference", "compare_settings"]


@attrs.frozen(kw_only=True)
class Difference(Serializable):
    """A setting that has another value than the wanted one."""

    path: str
    """The path of the setting, such as ``profiling.profiles[0].targets[2].quota.completes_goal_percentage``."""
    wanted: Any
    """The wanted value, as JSON has it; None if there should be none."""
    found: Any
    """The value that was read, as JSON has it; None if there is none."""

    def __str__(self) -> str:
        return f"{self.path}: {brief_repr(self.found)}, not {brief_repr(self.wanted)}"


class Comparison(NamedTuple):
    """The result of a comparison."""

    differences: tuple[Difference, ...]
    """The settings that differ."""
    not_compared: tuple[str, ...]
    """The names of the settings that could not be compared, because they could not be read."""


_LEFT_TO_API = frozenset(
    {
        "client_cost_per_interview_note",
        "cost_per_interview",
        "exclusion",
        "industry_code",
        "industry_lockout_code",
        "re_entry_configuration",
        "study_type_code",
    }
)
"""The settings that the API chooses if a request leaves them out."""
_ADDED_BY_API = frozenset({"currency_scale", "name", "profiles"})
"""The members of parts that an answer may have although the request had none."""
_DEFAULTS = {"blended_type": "interlock", "duration": "P90D"}
"""The values of members of parts that a request leaves out."""
_AMOUNT = re.compile(r"[0-9]+(\.[0-9]+)?")
_WEEKS = re.compile(r"P([0-9]{1,3})W")


def compare_settings(command: CreateTargetGroup, found: TargetGroupDraft | TargetGroupDetails) -> Comparison:
    """Compare the settings of a draft that would be created with those of a target group that was read.

    Settings that the command leaves to the API are not compared. Equal amounts, periods and lists of suppliers may be
    written in several ways.

    Args:
        command: The command.
        found: The target group; of one that has left draft, the API shows some of the settings only.
    """
    others: Mapping[str, Any] = found.others if isinstance(found, TargetGroupDraft) else {}
    optional = {field.name for field in attrs.fields(CreateTargetGroup) if field.default is None}
    differences: list[Difference] = []
    not_compared: list[str] = []
    for member in plan_of(CreateTargetGroup).body:
        name = member.field
        wanted, value = getattr(command, name), getattr(found, name, None)
        if wanted is None and name in _LEFT_TO_API:
            continue
        if name in others or not hasattr(found, name) or (value is None and name not in optional):
            not_compared.append(name)
            continue
        differences += _differences(_written(wanted, member.write), _written(value, member.write), name)
    for name, wanted in command.others.items():
        differences += _differences(wanted, others.get(name), name)
    return Comparison(tuple(differences), tuple(not_compared))


def _written(value: Any, write: Callable[[Any], Any]) -> Any:
    if isinstance(value, Allocations) and value.private_exchange_allocations is None:
        value = attrs.evolve(value, private_exchange_allocations=PrivateExchange())
    return None if value is None else write(value)


def _differences(wanted: Any, found: Any, path: str) -> Iterator[Difference]:
    """Yield the differences between two values, each in the smallest part that is not the same."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        yield from _differences_of_objects(cast("dict[str, Any]", wanted), cast("dict[str, Any]", found), path)
    elif len(objects := _objects(wanted)) == len(others := _objects(found)) > 0:
        for index, (one, other) in enumerate(zip(objects, others, strict=True)):
            yield from _differences(one, other, f"{path}[{index}]")
    elif not _is_same(wanted, found, path.rpartition(".")[2]):
        yield Difference(path=path, wanted=wanted, found=found)


def _differences_of_objects(wanted: Mapping[str, Any], found: Mapping[str, Any], path: str) -> Iterator[Difference]:
    for name in dict.fromkeys([*wanted, *found]):
        if name in wanted or name not in _ADDED_BY_API:
            default = _DEFAULTS.get(name)
            yield from _differences(wanted.get(name, default), found.get(name, default), f"{path}.{name}")


def _objects(value: Any) -> list[Any]:
    """Return the items of a list of objects; nothing for any other value."""
    items = cast("list[object]", value) if isinstance(value, list) else []
    return [*items] if all(isinstance(item, dict) for item in items) else []


def _is_same(wanted: Any, found: Any, name: str) -> bool:
    if isinstance(wanted, str) and isinstance(found, str):
        return _plain(wanted, name) == _plain(found, name)
    if isinstance(wanted, list) and isinstance(found, list):  # of texts, whose order means nothing
        return sorted(map(repr, cast("list[object]", wanted))) == sorted(map(repr, cast("list[object]", found)))
    return bool(wanted == found)


def _plain(text: str, name: str) -> object:
    if name == "value" and _AMOUNT.fullmatch(text):
        return Decimal(text)
    if name == "duration" and (weeks := _WEEKS.fullmatch(text)):
        return f"P{7 * int(weeks[1])}D"
    return text.casefold() if name == "project_manager_id" else text.strip()
