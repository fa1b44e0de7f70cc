"""Plans of a study and their application, on the sandbox."""

import asyncio
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from support.fixture_types import MakeClient
from support.studies import example_for

from fieldingkit import AsyncClient, Client
from fieldingkit.errors import DuplicateReferenceError, NotFoundError, RedirectError
from fieldingkit.resources.fielding_jobs import LaunchFromDraft
from fieldingkit.resources.projects import GetProject, UpdateProject
from fieldingkit.resources.target_group_drafts import GetTargetGroup, UpdateTargetGroup
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.studies import (
    Action,
    AppliedPart,
    Outcome,
    PlannedProject,
    PlannedTargetGroup,
    Study,
    StudyPlan,
    StudyReport,
    apply_study,
    plan_study,
)
from fieldingkit.studies.settings_table import settings_table

US, DE = "TRACKER-2036-US", "TRACKER-2036-DE"


@pytest.fixture
def text(sandbox: Sandbox) -> str:
    """Return the example file."""
    return example_for(sandbox)


async def apply(client: AsyncClient, text: str) -> StudyReport:
    """Compare a file and apply it."""
    return await apply_study(client, await plan_study(client, Study.parse(text)))


def outcomes(report: StudyReport) -> list[str]:
    """Return the outcomes of the project and the target groups."""
    return [part.outcome for part in (report.project, *report.target_groups)]


def actions(plan: StudyPlan) -> list[str]:
    """Return the actions on the project and the target groups."""
    return [part.action for part in (plan.project, *plan.target_groups)]


def changes(planned: PlannedProject | PlannedTargetGroup) -> list[str]:
    """Return the differences of a part as text."""
    return [f"{one.path}: {one.found} -> {one.wanted}" for one in planned.differences]


def writes(sandbox: Sandbox) -> list[str]:
    """Return the operations that changed something."""
    changing = {"create_project", "update_project", "create_target_group", "update_target_group"}
    return [request.operation_id for request in sandbox.requests if request.operation_id in changing]


async def read(client: AsyncClient, report: StudyReport, index: int = 0) -> UpdateTargetGroup:
    """Return a draft of a report as it is now."""
    ids = {"project_id": str(report.project.id), "target_group_id": str(report.target_groups[index].id)}
    return UpdateTargetGroup.of(await client.send(GetTargetGroup(**ids)), **ids)


async def test_a_file_is_created_once(sandbox: Sandbox, sweep_client: AsyncClient, text: str) -> None:
    """The first application creates the project and its drafts, the second one finds everything equal."""
    plan = await plan_study(sweep_client, Study.parse(text))
    assert actions(plan) == [Action.CREATE] * 3
    assert writes(sandbox) == []
    parts: list[AppliedPart] = []
    report = await apply_study(sweep_client, plan, on_part=parts.append)
    assert outcomes(report) == [Outcome.CREATED] * 3
    assert parts == [report.project, *report.target_groups]
    assert report.ok
    again = await apply(sweep_client, text)
    assert outcomes(again) == [Outcome.EQUAL] * 3
    assert [part.id for part in again.target_groups] == [part.id for part in report.target_groups]
    assert writes(sandbox) == ["create_project", "create_target_group", "create_target_group"]


async def test_only_what_differs_is_changed(sandbox: Sandbox, sweep_client: AsyncClient, text: str) -> None:
    """A change of the file is one update of one draft; the other draft and its other settings stay as they were."""
    report = await apply(sweep_client, text)
    before = await read(sweep_client, report)
    changed = text.replace('name = "Tracker 2036, United States"', 'name = "Tracker 2036, USA"')
    plan = await plan_study(sweep_client, Study.parse(changed))
    assert actions(plan) == [Action.EQUAL, Action.CHANGE, Action.EQUAL]
    assert changes(plan.target_groups[0]) == ["name: Tracker 2036, United States -> Tracker 2036, USA"]
    sandbox.requests.clear()
    assert outcomes(await apply_study(sweep_client, plan)) == [Outcome.EQUAL, Outcome.CHANGED, Outcome.EQUAL]
    assert writes(sandbox) == ["update_target_group"]
    assert settings_table(await read(sweep_client, report)) == {**settings_table(before), "name": "Tracker 2036, USA"}


async def test_settings_that_the_file_leaves_out_are_kept(sweep_client: AsyncClient, text: str) -> None:
    """A colleague's setting that the file does not mention is no difference, and survives a change of another one."""
    report = await apply(sweep_client, text)
    draft = await read(sweep_client, report)
    await sweep_client.send(draft.replace(client_id=2001))
    assert outcomes(await apply(sweep_client, text)) == [Outcome.EQUAL] * 3
    assert outcomes(await apply(sweep_client, text.replace("= 1000", "= 900"))) == ["equal", "changed", "equal"]
    assert (await read(sweep_client, report)).client_id == 2001


async def test_profiles_of_the_file_replace_those_of_the_draft(sweep_client: AsyncClient, text: str) -> None:
    """A quota that was changed in the file is one difference; an empty table of profiles removes all."""
    report = await apply(sweep_client, text)
    changed = text.replace("percentage = 45", "percentage = 50").replace("percentage = 55", "percentage = 50")
    plan = await plan_study(sweep_client, Study.parse(changed))
    assert [difference.path for difference in plan.target_groups[0].differences] == [
        "profiles.Region.North and Midwest.percentage",
        "profiles.Region.South and West.percentage",
    ]
    await apply_study(sweep_client, plan)
    assert outcomes(await apply(sweep_client, changed)) == [Outcome.EQUAL] * 3
    head, _, tail = text.partition("[defaults.profiles.Age]")
    without = f"{head}[target_groups.{US}]{tail.partition(f'[target_groups.{US}]')[2].partition('#')[0]}profiles = {{}}"
    assert outcomes(await apply(sweep_client, without)) == [Outcome.EQUAL, Outcome.CHANGED]
    assert (await read(sweep_client, report)).profiling is None


async def test_groups_of_suppliers_keep_their_ids(sweep_client: AsyncClient, text: str) -> None:
    """A changed share of a group is a change of that group: without its id the API would make a new one."""
    report = await apply(sweep_client, text)
    (before,) = (await read(sweep_client, report, 1)).allocations.open_exchange_allocations.groups
    assert outcomes(await apply(sweep_client, text.replace("min_percentage = 40", "min_percentage = 30"))) == [
        Outcome.EQUAL,
        Outcome.EQUAL,
        Outcome.CHANGED,
    ]
    (after,) = (await read(sweep_client, report, 1)).allocations.open_exchange_allocations.groups
    assert after == attrs.evolve(before, min_percentage=30)


async def test_the_project_is_changed_with_its_etag(sandbox: Sandbox, sweep_client: AsyncClient, text: str) -> None:
    """A new name of the project is a difference; a colleague's change after the comparison is not overwritten."""
    await apply(sweep_client, text)
    renamed = text.replace("Brand tracker 2036", "Brand tracker, 2036")
    plan = await plan_study(sweep_client, Study.parse(renamed))
    assert changes(plan.project) == ["name: Brand tracker 2036 -> Brand tracker, 2036"]
    assert outcomes(await apply_study(sweep_client, plan)) == [Outcome.CHANGED, Outcome.EQUAL, Outcome.EQUAL]
    report = await apply_study(sweep_client, attrs.evolve(plan, project=plan.project))
    assert report.project.outcome is Outcome.FAILED
    assert "changed after the comparison" in str(report.project.reason)
    assert not report.ok


async def test_other_target_groups_of_the_project_are_named(
    sandbox: Sandbox, sweep_client: AsyncClient, text: str
) -> None:
    """Target groups that are not in the file are reported and left as they are."""
    report = await apply(sweep_client, text)
    project = sandbox.seed(live=1, draft=1, project_id=report.project.id)
    sandbox.requests.clear()
    plan = await plan_study(sweep_client, Study.parse(text))
    assert {other.id for other in plan.others} == {*project.ids("live"), *project.ids("draft")} - {
        part.id for part in report.target_groups
    }
    assert (await apply_study(sweep_client, plan)).others == plan.others
    assert writes(sandbox) == []


async def launch(client: AsyncClient, report: StudyReport, index: int = 0) -> None:
    """Launch a draft of a report."""
    draft = await read(client, report, index)
    command = LaunchFromDraft(
        project_id=draft.project_id,
        target_group_id=draft.target_group_id,
        end_fielding_at=draft.fielding_specification.end_at,
    )
    await client.run(command)


async def test_a_launched_target_group_is_refused_only_if_it_differs(
    sandbox: Sandbox, sweep_client: AsyncClient, text: str
) -> None:
    """The details of a launched target group are compared; a difference is refused with the command to use instead."""
    report = await apply(sweep_client, text)
    await launch(sweep_client, report)
    plan = await plan_study(sweep_client, Study.parse(text))
    assert actions(plan) == [Action.EQUAL, Action.LAUNCHED, Action.EQUAL]
    assert {"profiles", "start_at", "end_at", "cost_per_interview"} <= {*plan.target_groups[0].not_compared}
    us = (await apply_study(sweep_client, plan)).target_groups[0]
    assert (us.outcome, us.status) == (Outcome.LAUNCHED, "live")
    assert us.not_compared == plan.target_groups[0].not_compared

    other = text.replace("Tracker 2036, United States", "Tracker 2036, USA").replace("eng_us", "eng_gb")
    plan = await plan_study(sweep_client, Study.parse(other.replace("= 500", "= 600")))
    (us, de) = plan.target_groups
    assert (us.action, de.action) == (Action.REFUSE, Action.CHANGE)
    assert us.reason == (
        "it is live, and only drafts can be changed in this way; use UpdateTargetGroupDetails from Python; "
        "locale cannot be changed after the launch"
    )
    sandbox.requests.clear()
    assert outcomes(await apply_study(sweep_client, plan)) == [Outcome.EQUAL, Outcome.REFUSED, Outcome.CHANGED]
    assert writes(sandbox) == ["update_target_group"]


# Colleagues


async def test_a_draft_that_was_changed_after_the_comparison_is_not_overwritten(
    sandbox: Sandbox, sweep_client: AsyncClient, text: str
) -> None:
    """The update would overwrite more than was shown, so nothing is sent for that draft."""
    report = await apply(sweep_client, text)
    plan = await plan_study(sweep_client, Study.parse(text.replace("= 1000", "= 900").replace("= 500", "= 400")))
    await sweep_client.send((await read(sweep_client, report)).replace(client_id=2001))
    sandbox.requests.clear()
    after = await apply_study(sweep_client, plan)
    assert outcomes(after) == [Outcome.EQUAL, Outcome.FAILED, Outcome.CHANGED]
    assert "changed after the comparison" in str(after.target_groups[0].reason)
    assert writes(sandbox) == ["update_target_group"]


async def test_an_equal_draft_that_moved_is_not_called_equal(sweep_client: AsyncClient, text: str) -> None:
    """Equal drafts and an equal project are read again: one that a colleague changed meanwhile is reported."""
    report = await apply(sweep_client, text)
    plan = await plan_study(sweep_client, Study.parse(text.replace("= 500", "= 700")))
    await sweep_client.send((await read(sweep_client, report)).replace(completes_goal=5))
    after = await apply_study(sweep_client, plan)
    assert outcomes(after) == [Outcome.EQUAL, Outcome.FAILED, Outcome.CHANGED]
    assert "changed after the comparison" in str(after.target_groups[0].reason)
    plan = await plan_study(sweep_client, Study.parse(text))
    project = await sweep_client.send(GetProject(project_id=str(report.project.id)))
    await sweep_client.send(
        UpdateProject(
            project_id=project.id,
            name=project.name,
            project_manager_id=project.project_manager_id,
            project_customer_reference_number="OTHER",
            if_match=project.etag,
        )
    )
    assert outcomes(await apply_study(sweep_client, plan)) == [Outcome.FAILED, Outcome.NOT_SENT, Outcome.NOT_SENT]


class Interrupt(faults.Fault):
    """Cancel the application once its request was handled."""

    def __init__(self) -> None:
        self.cancel: Callable[[], object] = lambda: None

    async def inject(self, exchange: faults.Exchange) -> Any:
        """Handle the request, and cancel."""
        await exchange.proceed()
        self.cancel()
        return await faults.DropBefore().inject(exchange)


@pytest.mark.parametrize(
    ("operation", "outcome", "reason"),
    [
        ("create_project", ["unknown", "not sent", "not sent"], "may have been created"),
        ("create_target_group", ["created", "unknown", "not sent"], "may have been created"),
        ("get_target_group", ["equal", "not sent", "not sent"], "interrupted"),
        ("update_target_group", ["equal", "unknown", "not sent"], "may have been changed"),
    ],
)
async def test_an_interruption_says_what_is_unknown(
    sandbox: Sandbox, sweep_client: AsyncClient, text: str, operation: str, outcome: list[str], reason: str
) -> None:
    """The request under way is unknown if it may have been applied, and nothing was sent for the rest."""
    if "created" not in reason:
        await apply(sweep_client, text)
    plan = await plan_study(sweep_client, Study.parse(text.replace("= 1000", "= 900").replace("= 500", "= 400")))
    parts: list[AppliedPart] = []
    task = asyncio.ensure_future(apply_study(sweep_client, plan, on_part=parts.append))
    loop, fault = asyncio.get_running_loop(), Interrupt()
    fault.cancel = lambda: loop.call_soon_threadsafe(task.cancel)
    sandbox.faults.add(operation, fault)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [part.outcome for part in parts] == outcome
    under_way = next(part for part in parts if part.outcome in {Outcome.UNKNOWN, Outcome.NOT_SENT})
    assert reason in str(under_way.reason)


async def test_two_applications_of_one_plan_create_one_draft(
    sandbox: Sandbox, sweep_client: AsyncClient, text: str
) -> None:
    """A reference that appeared after the comparison is found before anything is created."""
    plan = await plan_study(sweep_client, Study.parse(text))
    await apply_study(sweep_client, plan)
    second = await apply_study(sweep_client, plan)
    assert outcomes(second) == [Outcome.FAILED, Outcome.NOT_SENT, Outcome.NOT_SENT]
    assert writes(sandbox).count("create_target_group") == 2


async def test_a_launch_after_the_comparison_is_a_failure_of_that_group(sweep_client: AsyncClient, text: str) -> None:
    """A draft that was launched meanwhile cannot be changed any more; the others can."""
    report = await apply(sweep_client, text)
    plan = await plan_study(sweep_client, Study.parse(text.replace("= 1000", "= 900").replace("= 500", "= 400")))
    await launch(sweep_client, report)
    after = await apply_study(sweep_client, plan)
    assert outcomes(after) == [Outcome.EQUAL, Outcome.FAILED, Outcome.CHANGED]
    assert after.target_groups[0].reason == "it was launched after the comparison; nothing was sent for it"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_elsewhere_is_no_launch(
    sandbox: Sandbox, sweep_client: AsyncClient, text: str, status: int
) -> None:
    """A gateway that redirects the read of a draft proves nothing, and no draft is called equal for it."""
    await apply(sweep_client, text)
    changed = Study.parse(text.replace("= 1000", "= 1200"))
    sandbox.faults.add("get_target_group", faults.Redirect("https://login.example/", status=status))
    with pytest.raises(RedirectError, match="redirect, not followed"):
        await plan_study(sweep_client, changed)
    plan = await plan_study(sweep_client, changed)
    sandbox.faults.add("get_target_group", faults.Redirect("https://login.example/", status=status))
    after = await apply_study(sweep_client, plan)
    assert outcomes(after) == [Outcome.EQUAL, Outcome.FAILED, Outcome.EQUAL]
    assert "redirect, not followed" in str(after.target_groups[0].reason)


async def test_a_launched_target_group_that_cannot_be_read_is_not_called_equal(
    sandbox: Sandbox, sweep_client: AsyncClient, text: str
) -> None:
    """Nothing is claimed of details that were not read; a launch between the list and the read is noticed."""
    report = await apply(sweep_client, text)
    await launch(sweep_client, report)
    sandbox.faults.add("get_target_group_details", faults.Answer(404))
    plan = await plan_study(sweep_client, Study.parse(text))
    assert plan.target_groups[0].action is Action.REFUSE
    assert plan.target_groups[0].reason == "it is live, and its details cannot be read"
    ids = f"projects/{report.project.id}/target-groups/{report.target_groups[1].id}"
    details = f"/demand/accounts/101/{ids}/details"
    sandbox.faults.add("get_target_group", faults.Redirect(details, 301))
    sandbox.faults.add("get_target_group_details", faults.Answer(404))
    sandbox.faults.add("get_target_group_details", faults.Answer(404))
    plan = await plan_study(sweep_client, Study.parse(text))
    assert plan.target_groups[1].reason == "it is launched, and its details cannot be read"


async def test_several_with_one_reference_are_refused_until_an_id_chooses(sweep_client: AsyncClient, text: str) -> None:
    """Two drafts with the reference of the file are both named; the id in the table chooses one."""
    report = await apply(sweep_client, text)
    draft = await read(sweep_client, report, 1)
    await sweep_client.send(draft.replace(target_group_customer_reference_number=US))
    plan = await plan_study(sweep_client, Study.parse(text))
    assert plan.target_groups[0].action is Action.REFUSE
    for part in report.target_groups:
        assert str(part.id) in str(plan.target_groups[0].reason)
    chosen = text.replace('locale = "eng_us"', f'locale = "eng_us"\nid = "{report.target_groups[0].id}"')
    assert (await plan_study(sweep_client, Study.parse(chosen))).target_groups[0].action is Action.EQUAL
    missing = text.replace('locale = "eng_us"', 'locale = "eng_us"\nid = "01BTGNYV6HRNK8K8VKZASZCFP0"')
    assert (await plan_study(sweep_client, Study.parse(missing))).target_groups[0].action is Action.REFUSE


async def test_a_draft_that_cannot_be_written_back_does_not_hide_the_others(
    sandbox: Sandbox, sweep_client: AsyncClient, text: str
) -> None:
    """A draft without a setting that an update requires is refused; the others are compared."""
    await apply(sweep_client, text)
    sandbox.faults.add("get_target_group", faults.Answer(200, body=b'{"name": "Tracker"}'))
    plan = await plan_study(sweep_client, Study.parse(text))
    assert actions(plan) == [Action.EQUAL, Action.REFUSE, Action.EQUAL]
    assert str(plan.target_groups[0].reason).startswith("the draft cannot be written back: missing field")


async def test_two_tables_for_one_target_group_are_refused(
    sandbox: Sandbox, sweep_client: AsyncClient, text: str
) -> None:
    """A draft that one table finds by its id and another by its reference would be changed twice."""
    report = await apply(sweep_client, text)
    other = text.replace('locale = "ger_de"', f'locale = "ger_de"\nid = "{report.target_groups[0].id}"')
    plan = await plan_study(sweep_client, Study.parse(other))
    assert actions(plan) == [Action.EQUAL, Action.REFUSE, Action.REFUSE]
    sandbox.requests.clear()
    assert not (await apply_study(sweep_client, plan)).ok
    assert writes(sandbox) == []


async def test_two_at_once_are_both_named(sandbox: Sandbox, make_client: MakeClient, text: str) -> None:
    """If two people apply one file at the same moment and make two drafts, at least one report says so."""
    clients = [make_client(), make_client()]
    plans = [await plan_study(client, Study.parse(text)) for client in clients]
    reports = await asyncio.gather(*(apply_study(*pair) for pair in zip(clients, plans, strict=True)))
    after = await plan_study(clients[0], Study.parse(text))
    doubled = [planned for planned in after.target_groups if planned.action is Action.REFUSE]
    assert not doubled or not all(report.ok for report in reports)


async def test_a_draft_without_a_reference_gets_it_by_its_id(sweep_client: AsyncClient, text: str) -> None:
    """A draft that is found by its id gets the name of its table as its reference, and is found by that then."""
    report = await apply(sweep_client, text)
    await sweep_client.send((await read(sweep_client, report)).replace(target_group_customer_reference_number=None))
    by_id = text.replace('locale = "eng_us"', f'locale = "eng_us"\nid = "{report.target_groups[0].id}"')
    plan = await plan_study(sweep_client, Study.parse(by_id))
    assert changes(plan.target_groups[0]) == [f"reference: None -> {US}"]
    assert (await apply_study(sweep_client, plan)).ok
    assert outcomes(await apply(sweep_client, text)) == [Outcome.EQUAL] * 3


async def test_several_projects_with_one_reference_need_an_id(sweep_client: AsyncClient, text: str) -> None:
    """A project is never chosen by chance; an id in the file chooses it, and must exist."""
    from fieldingkit.resources.projects import CreateProject

    report = await apply(sweep_client, text)
    wanted = Study.parse(text).project
    await sweep_client.send(
        CreateProject(
            name="Another",
            project_manager_id=wanted.project_manager_id,
            project_customer_reference_number=wanted.reference,
        )
    )
    await sweep_client.clock.sleep(1)
    with pytest.raises(DuplicateReferenceError, match="2 projects have the reference 'TRACKER-2036'"):
        await plan_study(sweep_client, Study.parse(text))
    by_id = text.replace("[project]", f'[project]\nid = "{report.project.id}"')
    assert actions(await plan_study(sweep_client, Study.parse(by_id))) == [Action.EQUAL] * 3
    with pytest.raises(NotFoundError):
        await plan_study(
            sweep_client, Study.parse(text.replace("[project]", '[project]\nid = "01BTGNYV6HRNK8K8VKZASZCFP0"'))
        )


# Failures


async def test_a_failure_of_one_target_group_does_not_stop_the_others(
    sandbox: Sandbox, sweep_client: AsyncClient, text: str
) -> None:
    """The API's refusal is the outcome of one target group, with its reason."""
    report = await apply(sweep_client, text.replace('locale = "eng_us"', 'locale = "xxx_us"'))
    assert outcomes(report) == [Outcome.CREATED, Outcome.FAILED, Outcome.CREATED]
    assert "locale" in str(report.target_groups[0].reason)
    assert outcomes(await apply(sweep_client, text)) == [Outcome.EQUAL, Outcome.CREATED, Outcome.EQUAL]


async def test_a_lost_response_to_a_creation_is_resolved_by_the_reference(
    sandbox: Sandbox, sweep_client: AsyncClient, text: str
) -> None:
    """A draft whose creation had no response is found by its reference, and reported as created."""
    sandbox.faults.add("create_target_group", faults.ApplyThenDrop())
    report = await apply(sweep_client, text)
    assert outcomes(report) == [Outcome.CREATED] * 3
    assert outcomes(await apply(sweep_client, text)) == [Outcome.EQUAL] * 3
    assert writes(sandbox).count("create_target_group") == 2


async def test_a_creation_that_was_not_seen_is_unknown(sandbox: Sandbox, sweep_client: AsyncClient, text: str) -> None:
    """A creation without a response and without a draft may still be applied: its outcome is unknown."""
    sandbox.faults.add("create_target_group", faults.DropBefore())
    report = await apply(sweep_client, text)
    assert report.target_groups[0].outcome is Outcome.UNKNOWN
    assert report.target_groups[0].id is None
    assert not report.ok
    assert writes(sandbox).count("create_target_group") == 2
    assert (await apply(sweep_client, text)).ok


async def test_a_lost_response_to_an_update_is_resolved_by_reading(
    sandbox: Sandbox, sweep_client: AsyncClient, text: str
) -> None:
    """An update without a response is reported as changed if the draft has the settings, and as unknown otherwise."""
    await apply(sweep_client, text)
    sandbox.faults.add("update_target_group", faults.ApplyThenDrop())
    sandbox.faults.add("update_target_group", faults.DropBefore())
    report = await apply(sweep_client, text.replace("= 1000", "= 900").replace("= 500", "= 400"))
    assert outcomes(report) == [Outcome.EQUAL, Outcome.CHANGED, Outcome.UNKNOWN]


async def test_an_unreadable_response_to_a_creation_is_resolved_too(
    sandbox: Sandbox, sweep_client: AsyncClient, text: str
) -> None:
    """A creation whose response cannot be read was applied; the draft is found by its reference."""
    sandbox.faults.add("create_target_group", faults.ApplyThenAnswer(201, body=b"{}"))
    assert outcomes(await apply(sweep_client, text)) == [Outcome.CREATED] * 3


async def test_nothing_is_sent_for_target_groups_of_a_project_that_failed(
    sandbox: Sandbox, sweep_client: AsyncClient, text: str
) -> None:
    """Without the project no target group can be created, and the report says so."""
    sandbox.faults.add("create_project", faults.Answer(403))
    report = await apply(sweep_client, text)
    assert outcomes(report) == [Outcome.FAILED, Outcome.NOT_SENT, Outcome.NOT_SENT]
    assert {part.reason for part in report.target_groups} == {"the project was not created"}


async def test_nothing_more_is_sent_after_the_connection_failed(
    sandbox: Sandbox, client_without_retries: AsyncClient, text: str
) -> None:
    """After a transport error the remaining target groups are not sent."""
    await apply(client_without_retries, text)
    plan = await plan_study(
        client_without_retries, Study.parse(text.replace("= 1000", "= 900").replace("= 500", "= 4"))
    )
    sandbox.faults.add("get_target_group", faults.DropBefore())
    report = await apply_study(client_without_retries, plan)
    assert outcomes(report) == [Outcome.EQUAL, Outcome.FAILED, Outcome.NOT_SENT]


# Crashes


@attrs.frozen
class _Lost(faults.Fault):
    """Handle the request, and let the program end before the response arrives."""

    happened: Callable[[], object]

    async def inject(self, exchange: faults.Exchange) -> Any:
        """Handle the request, then wait for the end of the connection."""
        await exchange.proceed()
        self.happened()
        await asyncio.Event().wait()


@pytest.mark.parametrize("operation", ["create_project", "create_target_group"])
async def test_a_crash_between_request_and_response_makes_no_second_draft(
    sandbox: Sandbox, make_client: MakeClient, text: str, operation: str
) -> None:
    """The same file after a crash finishes the rest: the project and the draft that were created are found."""
    loop, happened = asyncio.get_running_loop(), asyncio.Event()
    sandbox.faults.add(operation, _Lost(lambda: loop.call_soon_threadsafe(happened.set)))
    crashing = asyncio.create_task(apply(make_client(), text))
    await happened.wait()
    crashing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await crashing

    client = make_client()
    report = await apply(client, text)
    assert report.ok
    assert outcomes(await apply(client, text)) == [Outcome.EQUAL] * 3
    assert writes(sandbox).count("create_target_group") == 2
    created = {
        request.headers["Idempotency-Key"] for request in sandbox.requests if request.operation_id == "create_project"
    }
    assert len(created) == 1


async def test_a_crash_after_any_part_is_finished_by_the_same_command(
    sandbox: Sandbox, sweep_client: AsyncClient, text: str
) -> None:
    """A program that ends after the project, or after the first draft, is repeated without a second draft."""

    class CrashError(Exception):
        pass

    def crash(part: AppliedPart) -> None:
        if part.outcome is Outcome.CREATED:
            raise CrashError

    for _ in range(3):
        with pytest.raises(CrashError):
            await apply_study(sweep_client, await plan_study(sweep_client, Study.parse(text)), on_part=crash)
    assert outcomes(await apply(sweep_client, text)) == [Outcome.EQUAL] * 3
    assert writes(sandbox) == ["create_project", "create_target_group", "create_target_group"]


def test_a_blocking_client_plans_and_applies(sandbox: Sandbox, blocking_client: Client, text: str) -> None:
    """Both workflows run through `client.call`."""
    plan = blocking_client.call(plan_study, Study.parse(text))
    assert blocking_client.call(apply_study, plan).ok
