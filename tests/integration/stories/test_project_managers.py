"""Story: the target groups of one project manager are assigned to another in one batch job."""

import pytest
from support.walking import Walker

from fieldingkit.errors import BadRequestError, BatchItemsFailedError
from fieldingkit.resources.accounts import ListAccountUsers, UserType
from fieldingkit.resources.batch_jobs import UpdateProjectManagers
from fieldingkit.resources.target_group_changelog import GetTargetGroupChangelog
from fieldingkit.resources.target_groups import ListTargetGroups
from fieldingkit.sandbox import Sandbox

UNKNOWN = "01BTGNYV6HRNK8K8VKZASZCFP1"


async def test_all_groups_of_a_manager_are_reassigned(walker: Walker, sandbox: Sandbox) -> None:
    """All groups of one manager are reassigned; an unknown one is reported and does not affect the others."""
    project = sandbox.seed(live=12, draft=3)
    away, substitute, *_ = (await walker.send(ListAccountUsers(user_type=UserType.PROJECT_MANAGER))).users
    mine = await walker.all_of(ListTargetGroups(project_id=project.id, project_manager_id=away.id))
    ids = [group.id for group in mine]
    assert ids == project.ids()

    command = UpdateProjectManagers(
        project_id=project.id, project_manager_id=substitute.id, target_group_ids=[*ids, UNKNOWN]
    )
    result = await walker.run(command)
    assert (result.updated, result.created_by, result.missing) == (tuple(ids), None, ())
    assert [(item.target_group_id, item.code) for item in result.failed] == [(UNKNOWN, "TargetGroupNotFound")]
    with pytest.raises(BatchItemsFailedError):
        result.raise_for_failures()

    assert await walker.all_of(ListTargetGroups(project_id=project.id, project_manager_id=away.id)) == []
    (entry,) = await walker.all_of(GetTargetGroupChangelog(project_id=project.id, target_group_id=ids[0]))
    assert entry.changes[0].new_value == {"las_user_id": substitute.id}


async def test_an_unknown_manager_is_refused(walker: Walker, sandbox: Sandbox) -> None:
    """A user who is no project manager of the account is refused before a job is created."""
    project = sandbox.seed(live=1)
    command = UpdateProjectManagers(
        project_id=project.id,
        project_manager_id="00000000-0000-4000-8000-000000000000",
        target_group_ids=project.ids(),
    )
    with pytest.raises(BadRequestError):
        await walker.run(command)
    assert not sandbox.jobs
