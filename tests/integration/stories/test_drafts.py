"""Stories: a draft is created, changed and launched."""

from datetime import timedelta

import pytest
from support.draft_settings import settings
from support.walking import Walker

from fieldingkit.errors import NotFoundError, RedirectError
from fieldingkit.resources.fielding_jobs import LaunchFromDraft
from fieldingkit.resources.profiles import ListProfiles
from fieldingkit.resources.target_group_changelog import GetTargetGroupChangelog, TargetGroupChangeType
from fieldingkit.resources.target_group_details import GetTargetGroupDetails
from fieldingkit.resources.target_group_drafts import CreateTargetGroup, GetTargetGroup, UpdateTargetGroup
from fieldingkit.sandbox import Sandbox


async def test_a_launched_draft_is_read_by_its_details(walker: Walker, sandbox: Sandbox) -> None:
    """A draft has no details; a launched group has, and reading it as a draft is a redirect that is not followed."""
    project = sandbox.seed(draft=1, goal=250)
    ids = {"project_id": project.id, "target_group_id": project.ids()[0]}
    draft = await walker.send(GetTargetGroup(**ids))
    assert (draft.completes_goal, draft.fielding_assistant_assignment) == (250, None)
    with pytest.raises(NotFoundError):
        await walker.send(GetTargetGroupDetails(**ids))

    end_at = sandbox.clock.now() + timedelta(days=5)
    result = await walker.run(LaunchFromDraft(end_fielding_at=end_at, **ids))
    run = project.groups[0].run
    assert run is not None
    assert result.created_fielding_run_id == run.id
    with pytest.raises(RedirectError):
        await walker.send(GetTargetGroup(**ids))
    details = await walker.send(GetTargetGroupDetails(**ids))
    assert (details.name, details.locale, details.completes_goal) == (draft.name, draft.locale, 250)

    (entry,) = await walker.all_of(GetTargetGroupChangelog(**ids))
    dates = {change.object: change.new_value for change in entry.changes}
    assert list(dates) == [
        TargetGroupChangeType.STATUS_CHANGE,
        TargetGroupChangeType.FIELDING_PERIOD_START_DATE_CHANGE,
        TargetGroupChangeType.FIELDING_PERIOD_END_DATE_CHANGE,
    ]


async def test_a_draft_takes_its_settings_into_the_field(walker: Walker, sandbox: Sandbox) -> None:
    """A draft with interlocked quotas is created, its goal is changed, and the live group has cells of that goal."""
    project = sandbox.seed(draft=1)
    created = await walker.send(
        CreateTargetGroup(project_id=project.id, **settings(project_manager_id=project.manager_id))
    )
    ids = {"project_id": project.id, "target_group_id": created.id}
    await walker.send(UpdateTargetGroup.of(await walker.send(GetTargetGroup(**ids)), **ids, completes_goal=400))
    await walker.run(LaunchFromDraft(end_fielding_at=sandbox.clock.now() + timedelta(days=5), **ids))
    with pytest.raises(NotFoundError):
        await walker.send(UpdateTargetGroup(**ids, **settings(project_manager_id=project.manager_id)))
    live = await walker.send(ListProfiles(**ids))
    cells = [target for profile in live.profiles for target in profile.targets if target.quota is not None]
    assert [(cell.name, cell.quota and cell.quota.completes_goal) for cell in cells] == [
        ("men, 18 to 34", 100),
        ("men, 35 to 64", 100),
        ("women, 18 to 34", 100),
        ("women, 35 to 64", 100),
    ]
