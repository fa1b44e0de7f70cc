"""The table of a target group in a study file, from the settings of a draft."""

from collections.abc import Collection
from typing import Any

from fieldingkit.resources.target_group_drafts import CreateTargetGroup, UpdateTargetGroup
from fieldingkit.studies.profile_tables import profile_tables
from fieldingkit.studies.study import field_of, kinds_of_settings
from fieldingkit.studies.values import to_table

__all__ = ["settings_table"]


def settings_table(
    settings: CreateTargetGroup | UpdateTargetGroup, *, fields: Collection[str] | None = None
) -> dict[str, Any]:
    """Return the table of a target group, without empty parts; its name is the customer reference.

    Args:
        settings: The settings.
        fields: The fields to include; all by default.

    Raises:
        ValueError: A file cannot have the profiles.
    """
    flat: dict[str, Any] = {
        "start_at": settings.fielding_specification.start_at,
        "end_at": settings.fielding_specification.end_at,
        "profile_template_id": settings.profiling and settings.profiling.template_id,
        "profiles": settings.profiling and profile_tables(settings.profiling),
    }
    table = {
        key: flat[key] if key in flat else getattr(settings, key)
        for key in kinds_of_settings()
        if fields is None or field_of(key) in fields
    }
    found: dict[str, Any] = to_table(table)
    return found
