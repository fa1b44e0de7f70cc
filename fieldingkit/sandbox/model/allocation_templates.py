"""Allocation templates: those of each account, those of all accounts, and the one of the system."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, cast

import attrs

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.formats import Identifiers, write_timestamp
from fieldingkit.sandbox.model.definitions import SUPPLIERS
from fieldingkit.sandbox.parameters import read_integer, read_list, read_string

__all__ = [
    "GLOBAL_TEMPLATES",
    "SYSTEM_ENTRIES",
    "AllocationTemplate",
    "AllocationTemplateRegistry",
    "check_entries",
    "read_entries",
    "read_for_business_unit",
]

_TYPES: Final = {980: "survey_panels", 3334: "loyalty_panels", 4351: "non_panel_or_affiliate"}
"""The kinds of suppliers; all others are survey panels."""
_PRIVATE_SUPPLIER: Final = 4321
"""The only supplier of the private exchange."""


@attrs.define(kw_only=True)
class AllocationTemplate:
    """An allocation template."""

    id: str
    name: str
    entries: Sequence[Mapping[str, Any]]
    """The allocations of a request."""
    changed_at: datetime
    changed_by: str
    version: int = 1

    @property
    def etag(self) -> str:
        """The entity tag."""
        return f'W/"{self.version}"'

    def change(self, name: str, entries: Sequence[Mapping[str, Any]], *, at: datetime, by: str) -> None:
        """Replace the name and the allocations."""
        self.name, self.entries, self.changed_at, self.changed_by = name, entries, at, by
        self.version += 1

    def json(self) -> dict[str, Any]:
        """Return the template as an entry of a list."""
        return {
            "template_id": self.id,
            "name": self.name,
            "last_modified_at": write_timestamp(self.changed_at),
            "last_modified_by": self.changed_by,
        }


SYSTEM_ENTRIES: Final[tuple[dict[str, Any], ...]] = (
    {"type": "exchange", "percentage_min": 100, "percentage_max": 100},
)
"""The allocations of the system's template: everything comes from the exchange."""

GLOBAL_TEMPLATES: Final = {
    template.id: template
    for template in (
        AllocationTemplate(
            id=id_,
            name=name,
            entries=entries,
            changed_at=datetime(2025, 12, 18, tzinfo=UTC),
            changed_by="5f0c3a4e-9d1b-4c57-8f6a-2b7d9e0c1a34",
        )
        for id_, name, entries in (
            ("01JT5Z59MAKQ82J5K9Y3YGFNHN", "All suppliers", SYSTEM_ENTRIES),
            (
                "01JT5Z59MAKQ82J5K9Y3YGFNJM",
                "Panels first",
                (
                    {"type": "blocked", "suppliers": [{"supplier_id": 4351}]},
                    {
                        "type": "group",
                        "name": "Panels",
                        "percentage_min": 60,
                        "percentage_max": 100,
                        "suppliers": [{"supplier_id": 4321}, {"supplier_id": 4350}],
                    },
                    {"type": "exchange", "percentage_min": None, "percentage_max": 40},
                ),
            ),
        )
    )
}
"""The templates of all accounts by id; the first is the default one of each account."""


@attrs.define
class _Association:
    """The default template of an account."""

    template_id: str
    version: int = 1

    @property
    def etag(self) -> str:
        return f'W/"{self.version}"'


class AllocationTemplateRegistry:
    """The allocation templates of all accounts."""

    def __init__(self, identifiers: Identifiers) -> None:
        self._identifiers = identifiers
        self._templates: dict[int, dict[str, AllocationTemplate]] = {}
        self._defaults: dict[int, _Association] = {}

    def all(self, account_id: int) -> list[AllocationTemplate]:
        """Return the templates of an account, oldest first."""
        return [*self._of(account_id).values()]

    def find(self, account_id: int, template_id: str) -> AllocationTemplate | None:
        """Return a template of an account; None if there is none."""
        return self._of(account_id).get(template_id)

    def create(
        self, account_id: int, name: str, entries: Sequence[Mapping[str, Any]], *, at: datetime, by: str
    ) -> AllocationTemplate:
        """Create a template."""
        template = AllocationTemplate(
            id=self._identifiers.ulid(), name=name, entries=entries, changed_at=at, changed_by=by
        )
        self._of(account_id)[template.id] = template
        return template

    def delete(self, account_id: int, template_id: str) -> None:
        """Delete a template; an account whose default one it was gets the first of all accounts again."""
        del self._of(account_id)[template_id]
        if self.default(account_id).template_id == template_id:
            self.set_default(account_id, next(iter(GLOBAL_TEMPLATES)))

    def default(self, account_id: int) -> _Association:
        """Return the default template of an account."""
        return self._defaults.setdefault(account_id, _Association(next(iter(GLOBAL_TEMPLATES))))

    def set_default(self, account_id: int, template_id: str) -> None:
        """Change the default template of an account."""
        association = self.default(account_id)
        association.template_id = template_id
        association.version += 1

    def _of(self, account_id: int) -> dict[str, AllocationTemplate]:
        return self._templates.setdefault(account_id, {})


def check_entries(body: Mapping[str, Any]) -> tuple[str, list[Mapping[str, Any]]]:
    """Return the name and the allocations in a request; a 400 names the first invalid member."""
    name = read_string(body, "name", r"(?s).{3,128}")
    entries = read_list(body, "supply_allocations")
    return name, [_checked(entry) for entry in entries]


def _checked(entry: object) -> Mapping[str, Any]:
    members = cast("dict[str, Any]", entry if isinstance(entry, dict) else {})
    kind = members.get("type")
    if kind not in ("exchange", "group", "blocked"):
        raise _malformed("Each must have a type: exchange, group or blocked.")
    kept: dict[str, Any] = {"type": kind}
    if kind == "group":
        kept["name"] = read_string(members, "name", r"(?s).+")
    if kind != "blocked":
        most = read_integer(members, "percentage_max", 0, 100)
        if "percentage_min" not in members:
            raise _malformed("Each share must have a percentage_min, which may be null.")
        least = members["percentage_min"] if members["percentage_min"] is None else _least(members, most)
        kept |= {"percentage_min": least, "percentage_max": most}
    return kept if kind == "exchange" else {**kept, "suppliers": _checked_suppliers(members)}


def _least(members: Mapping[str, Any], most: int) -> int:
    least = read_integer(members, "percentage_min", 0, 100)
    if least > most:
        raise _malformed("A percentage_min is above its percentage_max.")
    return least


def _checked_suppliers(members: Mapping[str, Any]) -> list[dict[str, int]]:
    suppliers = read_list(members, "suppliers")
    ids = [cast("dict[str, Any]", one).get("supplier_id") if isinstance(one, dict) else None for one in suppliers]
    known = [one for one in ids if isinstance(one, int) and not isinstance(one, bool) and one in SUPPLIERS]
    if len(known) < len(ids):
        raise _malformed("Each supplier must have a known supplier_id.")
    return [{"supplier_id": one} for one in known]


def _malformed(reason: str) -> problems.Problem:
    return problems.bad_request("The allocations are missing or malformed.", supply_allocations=reason)


def _ids(entries: Sequence[Mapping[str, Any]], kind: str) -> list[int]:
    return [one["supplier_id"] for entry in entries if entry["type"] == kind for one in entry["suppliers"]]


def _on_the_exchange(entries: Sequence[Mapping[str, Any]]) -> list[int]:
    others = {*_ids(entries, "group"), *_ids(entries, "blocked")}
    return [one for one in SUPPLIERS if one not in others]


def read_entries(entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the allocations as they are read: with the names and kinds of suppliers, and those of the exchange."""
    return [
        {**entry, "suppliers": [_supplier(one["supplier_id"]) for one in entry["suppliers"]]}
        if entry["type"] != "exchange"
        else {**entry, "suppliers": [_supplier(one) for one in _on_the_exchange(entries)]}
        for entry in entries
    ]


def _supplier(number: int) -> dict[str, Any]:
    return {"supplier_id": number, "name": SUPPLIERS[number][1], "type": _TYPES.get(number, "survey_panels")}


def read_for_business_unit(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the allocations as they are read for a business unit: like those of a target group."""
    share = next((entry for entry in entries if entry["type"] == "exchange"), None)
    return {
        "open_exchange_allocations": {
            "exchange_suppliers": _infos(_on_the_exchange(entries)),
            "blocked_suppliers": _infos(_ids(entries, "blocked")),
            "exchange_min_percentage": 0 if share is None else share["percentage_min"] or 0,
            "exchange_max_percentage": 0 if share is None else share["percentage_max"],
            "groups": [
                {
                    "group_name": entry["name"],
                    "min_percentage": entry["percentage_min"] or 0,
                    "max_percentage": entry["percentage_max"],
                    "suppliers": _infos([one["supplier_id"] for one in entry["suppliers"]]),
                }
                for entry in entries
                if entry["type"] == "group"
            ],
        },
        "private_exchange_allocations": {"blocked_suppliers": _infos([_PRIVATE_SUPPLIER])},
    }


def _infos(numbers: Sequence[int]) -> list[dict[str, str]]:
    return [{"supplier_id": str(one), "supplier_name": SUPPLIERS[one][1]} for one in numbers]
