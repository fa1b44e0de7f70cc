"""Study files that are written from drafts."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.draft_settings import MANAGER, PROJECT, settings
from support.examples import GROUP
from support.studies import TEXTS, example_for, profilings

from fieldingkit import Client, target_group_drafts
from fieldingkit.errors import WorkflowError
from fieldingkit.resources.fielding_assistant import FieldingAssistantAssignment, Pacing, Pricing, SoftLaunch
from fieldingkit.resources.money import Money
from fieldingkit.resources.profiles import Profiling
from fieldingkit.resources.projects import GetProject, Project
from fieldingkit.sandbox import Sandbox
from fieldingkit.studies import Action, Study, apply_study, export_study, plan_study
from fieldingkit.studies.settings_table import settings_table

SHARED = Project(id=PROJECT, name="Brand tracker", project_manager_id=MANAGER, account_id=101)

moments = st.datetimes(datetime(2026, 1, 1), datetime(2050, 1, 1), timezones=st.just(UTC))
amounts = st.builds(
    Money,
    value=st.decimals(0, 1000, places=4, allow_nan=False).map(abs),
    currency_code=st.sampled_from(["USD", "EUR", "JPY"]),
)
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=5, max_size=40)


def draft(**changes: Any) -> target_group_drafts.UpdateTargetGroup:
    """Return the command that writes a draft with everything, some of it changed."""
    return target_group_drafts.UpdateTargetGroup(**settings(project_id=PROJECT, target_group_id=GROUP, **changes))


def written_and_read(present: target_group_drafts.UpdateTargetGroup) -> target_group_drafts.CreateTargetGroup:
    """Return the command of a draft's file."""
    reference = present.target_group_customer_reference_number or "NEW"
    (group,) = Study.parse(export_study(SHARED, {reference: present})).target_groups
    return group.command


def test_every_setting_of_a_draft_is_in_its_file() -> None:
    """The command that a file becomes has every setting of the draft that it was written from."""
    present, read = draft(), written_and_read(draft())
    for name in settings():
        assert getattr(read, name) == getattr(present, name), name


@given(
    name=names,
    profiling=st.none() | profilings(),
    cost_per_interview=st.none() | amounts,
    start=moments,
    period=st.timedeltas(timedelta(microseconds=1), timedelta(days=400)),
    live_url=st.none() | TEXTS.map(lambda text: f"https://survey.example/{text}"),
    collects_pii=st.booleans(),
    budget=st.none() | amounts,
)
def test_a_file_that_is_written_is_read_as_the_same_settings(
    name: str,
    profiling: Profiling | None,
    cost_per_interview: Money | None,
    start: datetime,
    period: timedelta,
    live_url: str | None,
    collects_pii: bool,
    budget: Money | None,
) -> None:
    """Names with awkward characters, times to the microsecond, exact amounts and profiles survive the file."""
    assistant = FieldingAssistantAssignment(
        pricing=Pricing(type="dynamic", total_budget=budget),
        pacing=Pacing(type="linear", increment_interval="P1D"),
        soft_launch=SoftLaunch(end_at=start, filling_goal_percentage=10, demographics_strictness_percentage=0),
    )
    present = draft(
        name=name,
        profiling=profiling,
        cost_per_interview=cost_per_interview,
        fielding_specification=target_group_drafts.FieldingSpecification(start_at=start, end_at=start + period),
        live_url=live_url,
        collects_pii=collects_pii,
        fielding_assistant_assignment=assistant,
    )
    read = written_and_read(present)
    assert settings_table(read) == settings_table(present)
    assert (read.profiling, read.cost_per_interview) == (profiling, cost_per_interview)
    assert read.fielding_assistant_assignment == assistant


def test_a_file_shows_each_target_on_a_line(sandbox: Sandbox, blocking_client: Client) -> None:
    """The file is for people: profiles are tables, each target or cell is a line."""
    text = export_study(SHARED, {"REF 7": draft()})
    assert '[target_groups."REF 7".profiles."Age by gender"]' in text
    assert '  {name = "men, 18 to 34", 43 = {option = "1"}, 42 = {range = "18-34"}, percentage = 25},' in text
    assert max(map(len, text.splitlines())) <= 100


def test_exporting_and_applying_changes_nothing(sandbox: Sandbox, blocking_client: Client) -> None:
    """The file of drafts that exist finds everything equal, and so does the file of that file."""
    report = blocking_client.call(apply_study, blocking_client.call(plan_study, Study.parse(example_for(sandbox))))
    ids = [{"project_id": str(report.project.id), "target_group_id": str(part.id)} for part in report.target_groups]
    drafts = [
        target_group_drafts.UpdateTargetGroup.of(
            blocking_client.send(target_group_drafts.GetTargetGroup(**path)), **path
        )
        for path in ids
    ]
    project = blocking_client.send(GetProject(project_id=ids[0]["project_id"]))
    text = export_study(project, {str(one.target_group_customer_reference_number): one for one in drafts})
    plan = blocking_client.call(plan_study, Study.parse(text))
    assert [part.action for part in (plan.project, *plan.target_groups)] == [Action.EQUAL] * 3


def test_a_draft_without_a_reference_is_found_by_its_id() -> None:
    """The file of a draft without a reference names one, and has the draft's id, so that it makes no second draft."""
    text = export_study(SHARED, {"NEW-ONE": draft(target_group_customer_reference_number=None)})
    (group,) = Study.parse(text).target_groups
    assert (group.reference, group.id) == ("NEW-ONE", GROUP)
    (known,) = Study.parse(export_study(SHARED, {"REF 7": draft()})).target_groups
    assert known.id is None


def test_profiles_that_a_file_cannot_have_are_an_error() -> None:
    """A draft with two profiles of one name cannot be exported; the error names it."""
    profile = settings()["profiling"].profiles[0]
    with pytest.raises(WorkflowError, match="REF 7 cannot be exported: two profiles are called 'Age by gender'"):
        export_study(SHARED, {"REF 7": draft(profiling=Profiling(profiles=[profile, profile]))})
