"""Exclusions: exclusion groups, uploaded ids, and the respondents that a target group does not admit.

Uploaded ids keep recontacts away. All others are new to the sandbox, so that exclusions turn none of them away; the
lists of excluded respondents have everybody who would be.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final, Literal, TypeAlias

import attrs

from fieldingkit.sandbox.model.target_groups import TargetGroup

__all__ = ["ENTITY_TYPES", "EntityType", "ExclusionGroup", "Exclusions", "completed_by"]

EntityType: TypeAlias = Literal["RSID", "ACCESS_RESPONDENT_GUID"]

ENTITY_TYPES: Final[tuple[EntityType, EntityType]] = ("RSID", "ACCESS_RESPONDENT_GUID")
"""The kinds of ids of a respondent."""


@attrs.define(kw_only=True)
class ExclusionGroup:
    """Target groups whose respondents exclude each other."""

    id: str
    """The ULID."""
    account_id: int
    """The account."""
    tag: str
    """The name."""
    description: str
    """The purpose."""
    created_at: datetime
    """The creation date."""
    updated_at: datetime | None = None
    """The date of the last change; None if there was none."""
    members: dict[str, None] = attrs.field(factory=dict[str, None])
    """The target groups by id, in the order in which they were added."""


class Exclusions:
    """The exclusion groups and the uploaded ids of a sandbox."""

    def __init__(self) -> None:
        self.groups: dict[str, ExclusionGroup] = {}
        """The exclusion groups by id, the oldest first."""
        self.policies: dict[str, datetime] = {}
        """The dates on which the exclusion within the project was changed last, by target group."""
        self._uploaded: dict[tuple[str, EntityType], dict[str, None]] = {}

    def uploaded(self, target_group_id: str, entity_type: EntityType) -> dict[str, None]:
        """Return the uploaded ids of a target group, which can be changed."""
        return self._uploaded.setdefault((target_group_id, entity_type), {})

    def groups_of(self, target_group_id: str) -> list[ExclusionGroup]:
        """Return the exclusion groups that a target group belongs to."""
        return [group for group in self.groups.values() if target_group_id in group.members]

    def related(self, group: TargetGroup, neighbors: Iterable[TargetGroup]) -> set[str]:
        """Return the ids of the target groups whose respondents a target group does not admit.

        Args:
            group: The target group.
            neighbors: All target groups of its project.
        """
        excluding = neighbors if group.settings.excludes else ()
        in_project = {other.id for other in excluding if other.settings.excludes}
        return in_project.union(*(shared.members for shared in self.groups_of(group.id))) - {group.id}


def completed_by(group: TargetGroup, entity_type: EntityType) -> Iterator[str]:
    """Yield the ids of the respondents who completed a target group."""
    for respondent in group.ledger.respondents():
        if respondent.outcome == "complete":
            yield respondent.respondent_id if entity_type == "RSID" else respondent.access_respondent_guid
