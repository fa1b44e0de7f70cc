"""Make sure that there is a project: ``ensure_project``."""

import hashlib
import json
from collections.abc import Mapping

import attrs

from fieldingkit.client import AsyncClient
from fieldingkit.errors import FieldingKitError, NotFoundError, WorkflowError
from fieldingkit.option_validators import check_wait_timeout
from fieldingkit.resources.projects import CreateProject, GetProject, ListProjects, Project
from fieldingkit.results import Serializable
from fieldingkit.workflows.creation import check_client, find_or_create
from fieldingkit.workflows.differences import Difference
from fieldingkit.workflows.optimistic import keep_outcome
from fieldingkit.workflows.reading import list_all, send_read

__all__ = ["EnsuredProject", "ensure_project"]

_PAGE_SIZE = 100
_FIRST_DELAY, _GROWTH = 0.25, 2


@attrs.frozen(kw_only=True)
class EnsuredProject(Serializable):
    """The result of ``ensure_project``: exactly one project of the account has the reference."""

    project: Project
    """The project as it was read."""
    created: bool
    """True if the API answered the creation with it.

    A run with the same arguments at the same moment gets the same answer; after an unclear outcome, another user may
    have created it.
    """
    differences: tuple[Difference, ...] = ()
    """The fields that differ from the wanted ones; the workflow changes nothing."""
    conflicts: tuple[FieldingKitError, ...] = ()
    """The errors that were handled: an unclear outcome, or a search for a second project that failed."""


async def ensure_project(
    client: AsyncClient,
    *,
    name: str,
    project_manager_id: str,
    reference: str,
    account_id: str | int | None = None,
    timeout: float = 60.0,
) -> EnsuredProject:
    """Return the project with a customer reference; create it if there is none, and wait until it can be read.

    All projects of the account are listed first, a hundred a page: the API cannot search by reference. A project that
    exists is not changed; ``differences`` shows how it differs. The workflow can be repeated after a crash or an
    unclear outcome. For the same arguments it sends the same idempotency key, so that no second project is created.

    Args:
        client: The client to use; with a blocking one, ``client.call(ensure_project, name=..., ...)``.
        name: The project's name, 5 to 128 characters.
        project_manager_id: The id of the user who manages it, a UUID.
        reference: The account's own reference: 3 to 128 letters, digits, spaces, ``-`` and ``_``.
        account_id: The account's number; the client's account by default.
        timeout: Seconds to wait until a new project can be read, and to search for it after an unclear outcome.

    Raises:
        InvalidCommandError: if an argument is invalid; nothing was sent.
        DuplicateReferenceError: if several projects have the reference; all are named.
        WorkflowError: if the outcome of the creation stays unclear, or the new project cannot be read in time; also if
            it was created earlier with the same arguments, and has another reference now.
        FieldingKitError: if the projects cannot be listed, or the API refuses the creation.
    """
    check_client(client)
    check_wait_timeout(timeout, optional=False)
    command = CreateProject(
        account_id=account_id,
        name=name,
        project_manager_id=project_manager_id,
        project_customer_reference_number=reference,
    )
    command = command.replace(idempotency_key=_key(client, command))

    async def find() -> Mapping[str, str]:
        listed = await list_all(client, ListProjects(account_id=account_id, page_size=_PAGE_SIZE))
        return {item.id: item.name for item in listed if item.project_customer_reference_number == reference}

    found = await find_or_create(client, command, find, what="project", reference=reference, timeout=timeout)
    read = GetProject(account_id=account_id, project_id=found.id)
    try:
        project = await (send_read(client, read) if found.is_created is False else _read_new(client, read, timeout))
    except BaseException as exc:
        if found.is_created is not False:
            keep_outcome(exc, f"the project {found.id} was created: run the workflow again", command)
        raise
    differences = tuple(
        Difference(path=field, wanted=wanted, found=value)
        for field, wanted, value in (
            ("name", name.strip(), project.name),
            ("project_manager_id", project_manager_id.casefold(), project.project_manager_id.casefold()),
            ("project_customer_reference_number", reference, project.project_customer_reference_number),
        )
        if wanted != value
    )
    if project.project_customer_reference_number != reference:
        raise WorkflowError(
            f"the API answered the creation with the project {project.id}, which has the reference "
            f"{project.project_customer_reference_number!r} now and the name {project.name!r}: it was created before "
            "with the same arguments, and changed since. Give it its reference back, use its id, or take another name",
            command=command,
        )
    created = found.is_created is not False and not differences
    return EnsuredProject(project=project, created=created, differences=differences, conflicts=found.conflicts)


def _key(client: AsyncClient, command: CreateProject) -> str:
    """Return the idempotency key of a project: the same for the same arguments, in every process."""
    account_id = client.account_id if command.account_id is None else str(command.account_id)
    fields = [command.name, command.project_manager_id, command.project_customer_reference_number]
    text = json.dumps([client.base_url, account_id, *fields])
    return f"project-{hashlib.sha256(text.encode()).hexdigest()[:32]}"


async def _read_new(client: AsyncClient, read: GetProject, timeout: float) -> Project:
    """Read a project that was just created: for a moment after its response, the API does not find it."""
    delay, deadline = _FIRST_DELAY, client.clock.now() + timeout
    while True:
        try:
            return await send_read(client, read)
        except NotFoundError as exc:
            if (remaining := deadline - client.clock.now()) <= 0:
                raise WorkflowError(
                    f"the project {read.project_id} was created, and cannot be read {timeout:g} s later. Run the "
                    "workflow again: it creates no second one",
                    command=read,
                ) from exc
        await client.clock.sleep(min(delay, remaining))
        delay *= _GROWTH
