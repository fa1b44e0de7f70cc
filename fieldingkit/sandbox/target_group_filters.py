"""Which target groups of a project a caller means."""

from datetime import datetime
from typing import Final

import attrs
from multidict import MultiMapping

from fieldingkit.sandbox.queries import UUID, read_choices, read_flag, read_text, read_texts
from fieldingkit.sandbox.target_groups import TargetGroup

__all__ = ["COUNTRY", "LANGUAGE", "STATUSES", "TargetGroupFilters", "read_filters"]

STATUSES: Final = frozenset({"draft", "scheduled", "live", "paused", "completed", "archived"})
"""The states of a target group."""
COUNTRY: Final = "[a-z]{2}"
"""The form of a country."""
LANGUAGE: Final = "[a-z]{3}"
"""The form of a language."""


@attrs.frozen(kw_only=True)
class TargetGroupFilters:
    """What a target group has to be like; None for all the same."""

    statuses: frozenset[str] | None = None
    countries: frozenset[str] | None = None
    languages: frozenset[str] | None = None
    search: str | None = None
    readable_ids: frozenset[str] | None = None
    references: frozenset[str] | None = None
    manager_id: str | None = None
    is_excluding: bool | None = None

    def keeps(self, group: TargetGroup, at: datetime) -> bool:
        """Whether a target group passes, as it is at a moment."""
        settings = group.settings
        return (
            (self.statuses is None or group.status_at(at) in self.statuses)
            and (self.countries is None or settings.country in self.countries)
            and (self.languages is None or settings.language in self.languages)
            and (self.search is None or _is_found(self.search, settings.name, settings.human_readable_id))
            and (self.readable_ids is None or settings.human_readable_id in self.readable_ids)
            and (self.references is None or settings.reference in self.references)
            and (self.manager_id is None or group.manager_id == self.manager_id)
            and (self.is_excluding is None or not self.is_excluding)  # no target group here excludes anybody
        )


def read_filters(query: MultiMapping[str]) -> TargetGroupFilters:
    """The filters that a query names; `name` is the older word for `search_string`."""
    manager_id = read_text(query, "project_manager_id", UUID.pattern)
    return TargetGroupFilters(
        statuses=read_choices(query, "status", STATUSES),
        countries=read_texts(query, "country", COUNTRY),
        languages=read_texts(query, "language", LANGUAGE),
        search=read_text(query, "search_string") or read_text(query, "name"),
        readable_ids=read_texts(query, "human_readable_ids", ".{7}"),
        references=read_texts(query, "target_group_customer_reference_numbers", "[a-zA-Z0-9_ -]{3,128}"),
        manager_id=manager_id and manager_id.lower(),
        is_excluding=read_flag(query, "exclusion_status"),
    )


def _is_found(search: str, *texts: str) -> bool:
    return any(search.casefold() in text.casefold() for text in texts)
