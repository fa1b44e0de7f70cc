"""Story: from credentials to accounts, users, projects and target groups."""

from support.walking import Walker

from fieldingkit.resources.accounts import ListAccounts, ListAccountUsers, UserType
from fieldingkit.resources.batch_jobs import PauseTargetGroups
from fieldingkit.resources.projects import GetProject, GetProjectOverview, ListProjects, ProjectStatus
from fieldingkit.resources.target_groups import ListTargetGroups, TargetGroupStatus
from fieldingkit.sandbox import Sandbox


async def test_credentials_lead_to_a_project(walker: Walker, sandbox: Sandbox) -> None:
    """The credentials lead to an account, the account to its projects, and a search to one of them."""
    wanted = [sandbox.seed(live=2, goal=10, completes=3) for _ in range(12)][7]
    finished = sandbox.seed(completed=1)
    accounts = await walker.send(ListAccounts())
    assert [account.id for account in accounts.accounts] == [101]
    managers = await walker.send(ListAccountUsers(user_type=UserType.PROJECT_MANAGER))
    users = await walker.send(ListAccountUsers())
    assert set(managers.users) < set(users.users)

    active = await walker.all_of(ListProjects(status=ProjectStatus.ACTIVE))
    assert (len(active), finished.id in {project.id for project in active}) == (12, False)
    (found,) = await walker.all_of(ListProjects(search_string=wanted.human_readable_id))
    project = await walker.send(GetProject(project_id=found.id))
    assert (project.id, project.name, project.etag) == (wanted.id, found.name, 'W/"1"')
    assert project.project_manager_id in {user.id for user in managers.users}

    overview = await walker.send(GetProjectOverview(project_id=project.id))
    assert (overview.statistics.filling_goal, overview.statistics.current_completes) == (20, 6)


async def test_all_live_groups_of_an_account_are_paused(walker: Walker, sandbox: Sandbox) -> None:
    """One batch job for each project pauses all live groups of an account."""
    projects = [sandbox.seed(live=3, draft=1) for _ in range(3)]
    for project in await walker.all_of(ListProjects(page_size=2)):
        command = ListTargetGroups(project_id=project.id, status=[TargetGroupStatus.LIVE])
        live = [group.id for group in await walker.all_of(command)]
        result = await walker.run(PauseTargetGroups(project_id=project.id, target_group_ids=live))
        assert result.ok
    assert [project.ids("live") for project in projects] == [[], [], []]
