"""Somebody goes on holiday: their target groups go to somebody else, in one batch."""

import pytest
from support.walking import Walker

from fieldingkit.errors import BadRequestError, BatchItemsFailedError
from fieldingkit.resources.accounts import ListAccountUsers, UserType
from fieldingkit.resources.batch_jobs import UpdateProjectManagers
from fieldingkit.resources.target_group_changelog import GetTargetGroupChangelog
from fieldingkit.resources.target_groups import ListTargetGroups
from fieldingkit.sandbox import Sandbox

UNKNOWN = "01BTGNYV6HRNK8K8VKZASZCFP1"


async def test_groups_are_handed_over(walker: Walker, sandbox: Sandbox) -> None:
    """All groups of one manager go to another; one that does not exist is told, and stops nothing."""
    project = sandbox.seed(live=12, draft=3)
    away, stands_in, *_ = (await walker.send(ListAccountUsers(user_type=UserType.PROJECT_MANAGER))).users
    mine = await walker.all_of(ListTargetGroups(project_id=project.id, project_manager_id=away.id))
    ids = [group.id for group in mine]
    assert ids == project.ids()

    command = UpdateProjectManagers(
        project_id=project.id, project_manager_id=stands_in.id, target_group_ids=[*ids, UNKNOWN]
    )
    result = await walker.run(command)
    assert (result.updated, result.created_by, result.missing) == (tuple(ids), None, ())
    assert [(item.target_group_id, item.code) for item in result.failed] == [(UNKNOWN, "TargetGroupNotFound")]
    with pytest.raises(BatchItemsFailedError):
        result.raise_for_failures()

    assert await walker.all_of(ListTargetGroups(project_id=project.id, project_manager_id=away.id)) == []
    (entry,) = await walker.all_of(GetTargetGroupChangelog(project_id=project.id, target_group_id=ids[0]))
    assert entry.changes[0].new_value == {"las_user_id": stands_in.id}


async def test_a_stranger_gets_nothing(walker: Walker, sandbox: Sandbox) -> None:
    """Somebody who is no project manager of the account is refused before a job is made."""
    project = sandbox.seed(live=1)
    command = UpdateProjectManagers(
        project_id=project.id,
        project_manager_id="00000000-0000-4000-8000-000000000000",
        target_group_ids=project.ids(),
    )
    with pytest.raises(BadRequestError):
        await walker.run(command)
    assert not sandbox.jobs
