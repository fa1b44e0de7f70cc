"""The text of a study file from a project and its drafts."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from fieldingkit.errors import WorkflowError
from fieldingkit.resources.projects import Project
from fieldingkit.resources.target_group_drafts import UpdateTargetGroup
from fieldingkit.studies.document import SCHEMA
from fieldingkit.studies.settings_table import settings_table

if TYPE_CHECKING:
    from tomlkit.items import Table

__all__ = ["export_study"]


def export_study(project: Project, drafts: Mapping[str, UpdateTargetGroup]) -> str:
    """Return the text of a study file.

    Args:
        project: The project as it was read.
        drafts: The commands that write the drafts back as they were read, such as ``UpdateTargetGroup.of(draft, ...)``;
            by the references that they have or are to have.

    Raises:
        WorkflowError: A file cannot have the profiles of a draft: two have one name, or a condition is unknown.
        ModuleNotFoundError: The package tomlkit is missing; it belongs to ``fieldingkit[cli]``.
    """
    import tomlkit

    tables: dict[str, dict[str, Any]] = {}
    for reference, draft in drafts.items():
        try:
            settings = settings_table(draft)
        except ValueError as exc:
            raise WorkflowError(f"{reference} cannot be exported: {exc}") from exc
        known = reference == draft.target_group_customer_reference_number
        tables[reference] = settings if known else {"id": draft.target_group_id, **settings}
    content = {"schema": SCHEMA, "project": _project_table(project), "target_groups": tables}
    document = tomlkit.document()
    for key, value in content.items():
        document.add(key, _table(value) if isinstance(value, dict) else tomlkit.item(value))
    return tomlkit.dumps(document)


def _project_table(project: Project) -> dict[str, Any]:
    table = {
        "id": project.id,
        "reference": project.project_customer_reference_number,
        "name": project.name,
        "project_manager_id": project.project_manager_id,
    }
    return {key: value for key, value in table.items() if value is not None}


def _table(values: Mapping[str, Any]) -> "Table":
    """Return a table: single values first, then tables; each item of a list of tables on a line of its own."""
    import tomlkit

    inner = {key: cast("dict[str, Any]", value) for key, value in values.items() if isinstance(value, dict)}
    table = tomlkit.table(is_super_table=bool(inner) and len(inner) == len(values))
    for key, value in values.items():
        if isinstance(value, list) and any(isinstance(item, dict) for item in cast("list[object]", value)):
            lines = tomlkit.array().multiline(multiline=True)
            for item in cast("list[dict[str, Any]]", value):
                line = tomlkit.inline_table()
                for name, part in item.items():
                    line.add(name, part)
                lines.add_line(line, indent="  ")
            table.add(key, lines)
        elif key not in inner:
            table.add(key, value)
    for key, value in inner.items():
        table.add(key, _table(value))
    return table
