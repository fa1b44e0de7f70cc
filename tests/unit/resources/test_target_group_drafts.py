"""Drafts: read, changed in one setting and written back; created, and copied."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.draft_settings import INTERLOCKED, PROJECT, RE_ENTRY, SHARES, settings
from support.resource_wire import GROUP, answer, sent

from fieldingkit import AsyncClient, exclusions, profiles
from fieldingkit.errors import AmbiguousOutcomeError, InvalidCommandError, ServerError
from fieldingkit.idempotency import RetrySafety
from fieldingkit.resources.fielding_assistant import FieldingAssistantAssignment, Pricing
from fieldingkit.resources.money import Money
from fieldingkit.resources.target_group_drafts import (
    CreateTargetGroup,
    FieldingSpecification,
    GetTargetGroup,
    TargetGroupDraft,
    UpdateTargetGroup,
)
from fieldingkit.sandbox import Sandbox, faults

IDS: dict[str, Any] = {"project_id": PROJECT, "target_group_id": GROUP}
FIRST = [
    "name",
    "business_unit_id",
    "locale",
    "collects_pii",
    "project_manager_id",
    "fielding_specification",
    "completes_goal",
    "expected_length_of_interview_minutes",
    "expected_incidence_rate",
]


def create(**changes: Any) -> CreateTargetGroup:
    """Return the command that creates a draft with everything."""
    return CreateTargetGroup(**{"project_id": PROJECT, **settings(**changes)})


def read(body: Mapping[str, Any]) -> TargetGroupDraft:
    """Return the draft of an answer."""
    return answer(GetTargetGroup(**IDS), dict(body))


# Writing


def test_a_first_draft_names_nine_settings() -> None:
    """All suppliers are admitted and no module is on by default; what is left out is not sent."""
    every = settings()
    request = sent(CreateTargetGroup(project_id=PROJECT, **{name: every[name] for name in FIRST}))
    assert (request.method, request.path) == ("POST", f"/demand/accounts/101/projects/{PROJECT}/target-groups")
    assert set(request.body) == {
        *FIRST,
        "allocations",
        "fielding_assistant_assignment",
        "respondent_activity_exclusions",
    }
    assert request.body["fielding_assistant_assignment"] == {}
    assert request.body["allocations"]["open_exchange_allocations"]["groups"] == []
    assert request.body["fielding_specification"]["start_at"] == "2026-12-01T00:00:00.000Z"


def test_an_update_clears_what_is_none() -> None:
    """The API does not say what it does with a member that is left out, so a cleared setting is sent as null."""
    every = settings()
    body = sent(UpdateTargetGroup(**IDS, **{name: every[name] for name in FIRST})).body
    cleared = {name for name, value in body.items() if value is None}
    assert cleared == {
        "client_id",
        "exclusion",
        "industry_lockout_code",
        "live_url",
        "profiling",
        "target_group_customer_reference_number",
        "test_url",
    }
    assert body["respondent_activity_exclusions"] == []


def test_amounts_are_sent_without_their_scale() -> None:
    """The scale of an amount that was read is left out; its digits stay as they are."""
    body = sent(create(cost_per_interview=attrs.evolve(settings()["cost_per_interview"], currency_scale=2))).body
    assert body["cost_per_interview"] == {"value": "3.00", "currency_code": "USD"}


OTHER_URL = "http://survey.example/?token=secret"
PERIOD = settings()["fielding_specification"]
DAY = timedelta(days=1)
REFUSED: list[tuple[str, Any, str]] = [
    ("name", "four", "must have 5 to 128 characters"),
    ("business_unit_id", 1234, "must be the number of a business unit, as text"),
    ("business_unit_id", "Europe", "must be the number of a business unit"),
    ("locale", "eng-us", "must be a language and a country"),
    ("collects_pii", "no", "invalid value for collects_pii"),
    ("project_manager_id", "me", "must be a UUID"),
    ("fielding_specification", None, "must be a FieldingSpecification"),
    ("fielding_specification", attrs.evolve(PERIOD, end_at=PERIOD.start_at - DAY), "end_at is before start_at"),
    ("fielding_specification", attrs.evolve(PERIOD, end_at=PERIOD.end_at.replace(tzinfo=None)), "with a time zone"),
    ("fielding_specification", attrs.evolve(PERIOD, end_at="tomorrow"), "with a time zone"),
    ("completes_goal", 0, "must be a whole number, at least 1"),
    ("completes_goal", 10.0, "must be a whole number"),
    ("expected_length_of_interview_minutes", 46, "from 1 to 45"),
    ("expected_incidence_rate", 20, "from 0 to 1"),
    ("expected_incidence_rate", 0.255, "2 decimal digits"),
    ("fielding_assistant_assignment", {}, "must be a FieldingAssistantAssignment"),
    ("allocations", None, "invalid value for allocations"),
    ("study_type_code", 1, "invalid value for study_type_code"),
    ("cost_per_interview", "3.00", "must be an amount and its currency"),
    ("cost_per_interview", Money(currency_code="USD"), "must be an amount and its currency"),
    ("client_cost_per_interview_note", 5, "must be an amount and its currency"),
    ("client_id", 2**31, "must be a whole number"),
    ("exclusion", True, "invalid value for exclusion"),
    ("respondent_activity_exclusions", ["x"], r"invalid value for respondent_activity_exclusions\[0\]"),
    ("respondent_activity_exclusions", None, "invalid value for respondent_activity_exclusions"),
    ("live_url", OTHER_URL, "must be an https:// URL"),
    ("test_url", "https://survey.example/" + "x" * 3000, "must have at most 3000 characters"),
    ("profiling", profiles.Profiling(), "has neither profiles nor a template"),
    ("re_entry_configuration", {}, "invalid value for re_entry_configuration"),
    ("target_group_customer_reference_number", "a/b", "must be a reference"),
    ("target_group_customer_reference_number", "ab", "must be a reference"),
]


@pytest.mark.parametrize(("field", "value", "problem"), REFUSED)
def test_settings_that_the_api_refuses_are_not_sent(field: str, value: Any, problem: str) -> None:
    """Each bound of the contract is checked when the command is made, by the name of the field; no URL is shown."""
    for make in (create, lambda **change: UpdateTargetGroup(**IDS, **settings(**change))):
        with pytest.raises(InvalidCommandError, match=problem) as caught:
            make(**{field: value})
        assert caught.value.field == field
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize("duration", ["P0D", "P397D", "PT24H", "P1Y2M", "90", "P", "P57W"])
def test_periods_of_exclusions_are_days(duration: str) -> None:
    """The period of an activity exclusion has 1 to 396 days, and no hours."""
    excluded = [exclusions.ActivityExclusion(type="project", id=PROJECT, duration=duration)]
    with pytest.raises(InvalidCommandError, match=r"\[0\]\.duration must be a period of 1 to 396 days"):
        create(respondent_activity_exclusions=excluded)


@pytest.mark.parametrize("duration", ["P1D", "P396D", "P2W", "P3M", "P1Y", "P1Y1M", None])
def test_every_date_based_period_is_accepted(duration: str | None) -> None:
    """Days, weeks, months and years can be given; without a period the API takes 90 days."""
    excluded = [exclusions.ActivityExclusion(type="target-group", id=GROUP, duration=duration)]
    body = sent(create(respondent_activity_exclusions=excluded)).body
    assert body["respondent_activity_exclusions"][0].get("duration") == duration


# Reading and writing back


def written_back(body: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """Return the body of the update of a draft that was read."""
    written: dict[str, Any] = sent(UpdateTargetGroup.of(read(body), **IDS, **changes)).body
    return written


def test_unknown_members_are_written_back() -> None:
    """A member that this release does not know is kept in ``others``, at the top and in the parts, and sent back."""
    body = json.loads(json.dumps(sent(create()).body))
    body["novel"] = {"deep": [1, None]}
    body["respondent_activity_exclusions"][0]["novel"] = True
    body["re_entry_configuration"]["novel"] = {"client_side": None}
    body["fielding_assistant_assignment"]["novel"] = 7
    assert read(body).others == {"novel": {"deep": [1, None]}}
    assert written_back(body) == body


def test_an_unreadable_setting_is_written_back_as_it_was() -> None:
    """A setting with a part that cannot be read is kept as a whole: without the part it would be another setting."""
    body = json.loads(json.dumps(sent(create()).body))
    body["profiling"]["profiles"][0]["targets"][0]["name"] = 7
    body["live_url"] = ["https://survey.example"]
    draft = read({**body, "created_at": "yesterday"})
    assert set(draft.undecoded) == {"$.profiling", "$.live_url", "$.created_at"}
    assert (draft.profiling, draft.live_url) == (None, None)
    assert sent(UpdateTargetGroup.of(draft, **IDS)).body == body
    changed = sent(UpdateTargetGroup.of(draft, **IDS, profiling=INTERLOCKED, live_url=None)).body
    assert (changed["live_url"], changed["profiling"]["profiles"][0]["name"]) == (None, "Age by gender")


@pytest.mark.parametrize("name", ["completes_goal", "allocations", "fielding_assistant_assignment"])
def test_a_required_setting_that_was_not_read_is_asked_for(name: str) -> None:
    """A required setting that could not be read is not replaced by a default."""
    draft = read({**sent(create()).body, name: ["?"]})
    with pytest.raises(InvalidCommandError, match=f"{name} of the draft could not be read") as caught:
        UpdateTargetGroup.of(draft, **IDS)
    assert caught.value.field == name
    assert UpdateTargetGroup.of(draft, **IDS, **{name: settings()[name]}).others == {}
    assert UpdateTargetGroup.of(attrs.evolve(draft, **{name: settings()[name]}), **IDS).others == {}


def test_a_missing_setting_and_a_wrong_draft_are_named() -> None:
    """A draft without a required setting, an unknown setting and a value that is no draft are refused."""
    with pytest.raises(InvalidCommandError, match="missing field name"):
        UpdateTargetGroup.of(TargetGroupDraft(), **IDS)
    with pytest.raises(InvalidCommandError, match="unknown field goal"):
        UpdateTargetGroup.of(read(sent(create()).body), **IDS, goal=7)
    wrong: Any = create()
    with pytest.raises(InvalidCommandError, match="expected a TargetGroupDraft"):
        UpdateTargetGroup.of(wrong, **IDS)


def test_prices_of_a_rate_card_are_not_written() -> None:
    """With a rate card the API refuses the prices that it may show in an answer."""
    body = written_back({**sent(create()).body, "pricing_model": "rate_card"})
    assert not {"cost_per_interview", "client_cost_per_interview_note"} & set(body)


def test_a_copy_has_groups_of_its_own() -> None:
    """A copy is written like the draft, but for the changes and the ids of its supplier groups."""
    body = sent(create()).body
    body["allocations"]["open_exchange_allocations"]["groups"][0]["group_id"] = "7"
    draft = read(body)
    assert sent(UpdateTargetGroup.of(draft, **IDS)).body == body
    copy = sent(CreateTargetGroup.of(draft, project_id=GROUP, locale="eng_gb"))
    assert copy.path == f"/demand/accounts/101/projects/{GROUP}/target-groups"
    assert copy.body == {**sent(create()).body, "locale": "eng_gb"}


# Of the sandbox


def without_minted_ids(value: Any) -> Any:
    """Return an answer without the ids of profiles and targets: requests have none, so that every write mints them."""
    if isinstance(value, list):
        return [without_minted_ids(item) for item in value]
    if not isinstance(value, dict):
        return value
    is_profiling = "targets" in value or "conditions" in value
    return {name: without_minted_ids(member) for name, member in value.items() if not (is_profiling and name == "id")}


async def created(sandbox: Sandbox, client: AsyncClient, **changes: Any) -> dict[str, Any]:
    """Create a draft with everything, and return its ids."""
    project = sandbox.seed(draft=1)
    changes = {"project_manager_id": project.manager_id, **changes}
    command = CreateTargetGroup(project_id=project.id, **settings(**changes))
    return {"project_id": project.id, "target_group_id": (await client.send(command)).id}


CHANGES: list[tuple[str, Any]] = [
    ("name", "Men and women"),
    ("completes_goal", 400),
    ("live_url", None),
    ("profiling", None),
    ("exclusion", exclusions.Exclusion(enabled=False)),
    ("respondent_activity_exclusions", ()),
    ("target_group_customer_reference_number", "REF 8"),
    ("expected_incidence_rate", 0.21),
]


@pytest.mark.parametrize(("name", "value"), CHANGES, ids=[name for name, _ in CHANGES])
async def test_a_changed_setting_is_the_only_difference(
    sandbox: Sandbox, client: AsyncClient, name: str, value: Any
) -> None:
    """A draft with interlocked quotas, allocations and exclusions differs in one setting after a change of it."""
    ids = await created(sandbox, client)
    before = await client.send(GetTargetGroup(**ids))
    await client.send(UpdateTargetGroup.of(before, **ids, **{name: value}))
    after = await client.send(GetTargetGroup(**ids))
    assert before.undecoded == after.undecoded == ()
    old, new = (without_minted_ids(draft.to_dict()) for draft in (before, after))
    if name == "completes_goal":  # the numbers of the quotas follow from the goal
        assert new["profiling"] != old["profiling"]
        new["profiling"] = old["profiling"]
    assert {key for key in old if old[key] != new[key]} == {name}
    assert getattr(after, name) == value


async def test_a_draft_that_is_written_back_stays_as_it_was(sandbox: Sandbox, client: AsyncClient) -> None:
    """A draft that is written back unchanged is stored as it was created."""
    ids = await created(sandbox, client)
    stored = sandbox.group(ids["target_group_id"]).settings
    draft = await client.send(GetTargetGroup(**ids))
    await client.send(UpdateTargetGroup.of(draft, **ids))
    again = sandbox.group(ids["target_group_id"]).settings
    assert stored.given is not None
    assert again.given is not None
    kept = {name: value for name, value in again.given.items() if name not in {"allocations", "profiling"}}
    assert kept == {name: stored.given[name] for name in kept}
    assert again.allocations == stored.allocations
    assert without_minted_ids(again.profiling) == without_minted_ids(stored.profiling)


shares = st.integers(0, 100).map(lambda cut: [cut, 100 - cut])
regular = st.builds(
    lambda question, parts: profiles.Profile(
        name=f"Question {question}",
        targets=[
            profiles.Target(
                conditions=[profiles.Selection(question_id=question, option=str(index))],
                quota=profiles.Quota(completes_goal_percentage=part),
            )
            for index, part in enumerate(parts)
        ],
    ),
    st.integers(1, 50),
    shares,
)
anything = st.fixed_dictionaries(
    {},
    optional={
        "name": st.text("abc ", min_size=5, max_size=9),
        "completes_goal": st.integers(1, 10**6),
        "expected_incidence_rate": st.integers(0, 100).map(lambda hundredths: hundredths / 100),
        "allocations": st.just(SHARES),
        "profiling": st.none() | st.builds(profiles.Profiling, profiles=st.lists(regular, min_size=1, max_size=2)),
        "exclusion": st.none() | st.builds(exclusions.Exclusion, enabled=st.booleans()),
        "live_url": st.none() | st.just("https://survey.example/other"),
        "client_id": st.none() | st.integers(1, 99),
        "re_entry_configuration": st.none() | st.just(RE_ENTRY),
        "fielding_assistant_assignment": st.just(FieldingAssistantAssignment(pricing=Pricing(type="dynamic"))),
        "others": st.dictionaries(st.sampled_from(["x", "y"]), st.integers() | st.lists(st.text(max_size=2))),
    },
)


@given(anything, anything)
def test_any_draft_is_written_back_unchanged(first: dict[str, Any], second: dict[str, Any]) -> None:
    """A draft that was read is written the same; and a change of one setting changes that one only."""
    body = sent(create(**first)).body
    updated = {**dict.fromkeys(("profiling", "exclusion", "live_url", "client_id")), **body}
    assert written_back(body) == updated
    for name, value in second.items():
        if name != "others":
            changed = written_back(body, **{name: value})
            assert {**changed, name: None} == {**updated, name: None}


# Outcomes


@pytest.mark.parametrize("kind", [CreateTargetGroup, UpdateTargetGroup])
def test_nothing_guards_the_writes_of_drafts(kind: Any) -> None:
    """There is neither a key nor a tag, and the docstring says what to do after an unclear outcome."""
    assert kind.retry_safety() is RetrySafety.NONE
    assert "AmbiguousOutcomeError" in kind.__doc__


async def test_a_lost_answer_is_not_followed_by_a_second_draft(sandbox: Sandbox, client: AsyncClient) -> None:
    """After an unclear outcome nothing is sent again, and the error says that the draft may exist."""
    project = sandbox.seed(draft=1)
    command = CreateTargetGroup(project_id=project.id, **settings(project_manager_id=project.manager_id))
    for fault, error in ((faults.ApplyThenDrop(), AmbiguousOutcomeError), (faults.ApplyThenAnswer(503), ServerError)):
        sandbox.faults.add("create_target_group", fault)
        with pytest.raises(error) as caught:
            await client.send(command)
        assert caught.value.maybe_applied
    assert len(project.groups) == 1 + 2


def test_the_period_of_a_draft_is_a_value() -> None:
    """Periods are compared by their moments."""
    assert FieldingSpecification(start_at=PERIOD.start_at, end_at=PERIOD.end_at) == PERIOD
