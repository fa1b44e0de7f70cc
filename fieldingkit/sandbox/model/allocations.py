"""The allocations of a target group: the checks of a request, the form in which they are read, and their counters."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple, cast

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.model.definitions import SUPPLIERS
from fieldingkit.sandbox.model.ledgers import Ledger
from fieldingkit.sandbox.parameters import read_integer, read_list

__all__ = ["OPEN", "check_allocations", "count_suppliers", "store_allocations"]

_SUPPLIER_IDS: Final = frozenset(map(str, SUPPLIERS))

OPEN: Final[Mapping[str, Any]] = {
    "open_exchange_allocations": {"exchange_min_percentage": 0, "exchange_max_percentage": 100}
}
"""The allocations of a seeded target group, as a request has them: everybody is admitted."""


def check_allocations(settings: Mapping[str, Any], *, suppliers: str = "suppliers") -> None:
    """Check the allocations in a request; a 400 names the first invalid member.

    Args:
        settings: The settings, with the allocations as a member.
        suppliers: The name that the operation has for the suppliers of an open group.
    """
    allocations = _object(settings, "allocations")
    opened = _object(allocations, "open_exchange_allocations")
    _check_share(opened, "exchange_min_percentage", "exchange_max_percentage")
    _check_suppliers(opened, "blocked_supplier_ids")
    for group in _groups(opened):
        _check_share(group, "min_percentage", "max_percentage")
        _check_suppliers(group, suppliers)
    if allocations.get("private_exchange_allocations") is not None:
        private = _object(allocations, "private_exchange_allocations")
        _check_suppliers(private, "blocked_supplier_ids")
        for group in _groups(private):
            _check_share(group, "min_percentage", "max_percentage")
            _require(group.get("supplier_id") in _SUPPLIER_IDS, "supplier_id", "Is unknown.")


def _check_share(group: Mapping[str, Any], least: str, most: str) -> None:
    _require(read_integer(group, least, 0, 100) <= read_integer(group, most, 0, 100), least, f"Is above {most}.")


def _check_suppliers(group: Mapping[str, Any], name: str) -> None:
    # The contract's own example has null for an empty list.
    ids = [] if group.get(name) is None else read_list(group, name)
    _require(all(isinstance(one, str) and one in _SUPPLIER_IDS for one in ids), name, "Has an unknown supplier.")


def _groups(part: Mapping[str, Any]) -> list[dict[str, Any]]:
    groups = [] if part.get("groups") is None else read_list(part, "groups")
    for group in groups:
        named = isinstance(group, dict) and isinstance(cast("dict[str, object]", group).get("group_name"), str)
        _require(named, "groups", "Each must be an object with a group_name.")
    return cast("list[dict[str, Any]]", groups)


def _object(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    value: object = body.get(name)
    if not isinstance(value, dict):
        raise problems.bad_request("An object is missing or malformed.", **{name: "Must be an object."})
    return cast("dict[str, Any]", value)


def _require(condition: object, name: str, reason: str) -> None:
    if not condition:
        raise problems.bad_request("A setting is missing or malformed.", **{name: reason})


def store_allocations(
    allocations: Mapping[str, Any], new_id: Callable[[], str], *, suppliers: str = "suppliers"
) -> dict[str, Any]:
    """Return valid allocations as they are read: with names, and with ids of new groups.

    Args:
        allocations: The allocations of a request.
        new_id: Makes a ULID.
        suppliers: The name that the operation has for the suppliers of an open group.
    """
    opened = allocations["open_exchange_allocations"]
    grouped = {one for group in _groups(opened) for one in group.get(suppliers) or ()}
    blocked: list[str] = opened.get("blocked_supplier_ids") or []
    private: dict[str, Any] = allocations.get("private_exchange_allocations") or {}
    return {
        "open_exchange_allocations": {
            "exchange_suppliers": _suppliers(sorted(_SUPPLIER_IDS - grouped - set(blocked), key=int)),
            "blocked_suppliers": _suppliers(blocked),
            "exchange_min_percentage": opened["exchange_min_percentage"],
            "exchange_max_percentage": opened["exchange_max_percentage"],
            "groups": [
                {**_store_group(group, new_id), "suppliers": _suppliers(group.get(suppliers) or ())}
                for group in _groups(opened)
            ],
        },
        "private_exchange_allocations": {
            "blocked_suppliers": _suppliers(private.get("blocked_supplier_ids") or []),
            "groups": [
                {**_store_group(group, new_id), "supplier": _suppliers([group["supplier_id"]])[0]}
                for group in _groups(private)
            ],
        },
    }


def _store_group(group: Mapping[str, Any], new_id: Callable[[], str]) -> dict[str, Any]:
    kept = {name: group[name] for name in ("group_name", "min_percentage", "max_percentage")}
    return {"group_id": group.get("group_id") or new_id(), **kept}


def _suppliers(ids: Collection[str]) -> list[dict[str, Any]]:
    return [{"id": int(one), "name": SUPPLIERS[int(one)][1]} for one in ids]


class _Count(NamedTuple):
    """The respondents of a supplier."""

    entrants: int = 0
    completes: int = 0
    prescreens: int = 0

    def plus(self, other: "_Count") -> "_Count":
        return _Count(*(one + another for one, another in zip(self, other, strict=True)))


def count_suppliers(allocations: Mapping[str, Any], ledger: Ledger, goal: int) -> dict[str, Any]:
    """Return allocations as they are read, with the counters of each supplier and group.

    Args:
        allocations: The stored allocations.
        ledger: The respondents.
        goal: The completes goal.
    """
    counts: dict[int, _Count] = {}
    for respondent in ledger.respondents():
        if respondent.supplier_id is not None:
            one = _Count(1, respondent.outcome == "complete", respondent.stage == "survey")
            counts[respondent.supplier_id] = counts.get(respondent.supplier_id, _Count()).plus(one)
    opened, private = allocations["open_exchange_allocations"], allocations["private_exchange_allocations"]
    return {
        "open_exchange_allocations": {
            **opened,
            **{name: _counted(opened[name], counts) for name in ("exchange_suppliers", "blocked_suppliers")},
            "groups": [
                {
                    **group,
                    **_group_counters(group, group["suppliers"], counts, goal),
                    "suppliers": _counted(group["suppliers"], counts),
                }
                for group in opened["groups"]
            ],
        },
        "private_exchange_allocations": {  # no respondent comes from the private exchange
            "blocked_suppliers": _counted(private["blocked_suppliers"], {}),
            "groups": [
                {
                    **group,
                    **_group_counters(group, [], {}, goal),
                    "supplier": _counted([group["supplier"]], {})[0],
                }
                for group in private["groups"]
            ],
        },
    }


def _counted(suppliers: Sequence[Mapping[str, Any]], counts: Mapping[int, _Count]) -> list[dict[str, Any]]:
    found = [(supplier, counts.get(supplier["id"], _Count())) for supplier in suppliers]
    return [{**supplier, "completes": count.completes, "pre_screens": count.prescreens} for supplier, count in found]


def _group_counters(
    group: Mapping[str, Any], suppliers: Sequence[Mapping[str, Any]], counts: Mapping[int, _Count], goal: int
) -> dict[str, Any]:
    total = _Count()
    for supplier in suppliers:
        total = total.plus(counts.get(supplier["id"], _Count()))
    return {
        "conversion_rate": round(total.completes / total.entrants, 2) if total.entrants else 0.0,
        "completes": total.completes,
        "prescreens": total.prescreens,
        "total_remaining": max(0, goal * group["max_percentage"] // 100 - total.completes),
    }
