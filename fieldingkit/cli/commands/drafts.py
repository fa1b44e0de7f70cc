"""``fieldingkit drafts``: apply a study file to the drafts of a project, or write one from a draft."""

from pathlib import Path

from fieldingkit.cli.connection import DEFAULT_CONNECTION, Connection
from fieldingkit.cli.errors import NotPossibleError, UsageError

__all__ = ["apply", "export"]


async def apply(
    study: Path,
    /,
    *,
    dry_run: bool = False,
    yes: bool = False,
    json: bool = False,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Create or change a project and its drafts as a study file says. The differences are shown first.

    Target groups are found by their references, so that the same file can be applied again. Launched target groups,
    and those that are not in the file, are left as they are.

    Args:
        study: The file.
        dry_run: Show the differences without sending anything.
        yes: Do not ask for confirmation.
        json: Print one JSON document: the outcomes, or with --dry-run the differences.
        connection: How to reach the API.
    """
    from fieldingkit.cli.study_command import apply_file

    return await apply_file(study, dry_run=dry_run, yes=yes, json=json, connection=connection)


async def export(
    group: str,
    /,
    *,
    project: str,
    reference: str | None = None,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Print the study file of a draft. Applying it changes nothing.

    Args:
        group: The target group's id.
        project: The id of its project.
        reference: The reference that the draft gets when the file is applied, if it has none.
        connection: How to reach the API.
    """
    from fieldingkit.cli.output import Output
    from fieldingkit.errors import RedirectError
    from fieldingkit.resources.projects import GetProject
    from fieldingkit.resources.target_group_drafts import GetTargetGroup, UpdateTargetGroup
    from fieldingkit.studies.export import export_study

    ids = {"project_id": project, "target_group_id": group}
    async with connection.open() as client:
        try:
            draft = UpdateTargetGroup.of(await client.send(GetTargetGroup(**ids)), **ids)
        except RedirectError as exc:
            if not exc.left_draft:
                raise
            raise NotPossibleError(f"{group} has been launched\nOnly a draft can be exported.") from exc
        found = await client.send(GetProject(project_id=project))
    name = draft.target_group_customer_reference_number or reference
    if name is None:
        raise UsageError(
            f"{group} has no customer reference, which names its table in the file\n"
            "Give it one with --reference; it is set when the file is applied."
        )
    Output().print_text(export_study(found, {name: draft}).rstrip())
    return 0
