"""Story: a draft is launched."""

from datetime import timedelta

import pytest
from support.walking import Walker

from fieldingkit.errors import NotFoundError, RedirectError
from fieldingkit.resources.fielding_jobs import LaunchFromDraft
from fieldingkit.resources.target_group_changelog import GetTargetGroupChangelog, TargetGroupChangeType
from fieldingkit.resources.target_group_details import GetTargetGroupDetails
from fieldingkit.resources.target_group_drafts import GetTargetGroup
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
