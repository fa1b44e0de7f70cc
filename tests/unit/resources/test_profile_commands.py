"""Commands about profiles and the library of questions: what they send, and what they return."""

from datetime import UTC, datetime
from typing import Any

import pytest
from support.resource_wire import GROUP, OTHER, PROJECT, answer, sent

from fieldingkit import AsyncClient, profiles, profiling_library
from fieldingkit.errors import InvalidCommandError
from fieldingkit.idempotency import RetrySafety
from fieldingkit.resources import profiling
from fieldingkit.sandbox import Sandbox

IDS: dict[str, Any] = {"project_id": PROJECT, "target_group_id": GROUP}
START, END = datetime(2036, 1, 1, tzinfo=UTC), datetime(2036, 1, 9, tzinfo=UTC)
AGE = profiles.Profile(
    name="AGE",
    targets=[
        profiles.Target(
            conditions=[profiles.Range(question_id=42, min=18, max=64)],
            quota=profiles.Quota(completes_goal=10, completes_goal_percentage=100, completes=3),
        )
    ],
)
GENDER = profiles.Profile(
    targets=[profiles.Target(conditions=[profiles.Selection(question_id=43, option="1")])], quotas_enabled=False
)
SENT_AGE = {
    "object": "regular",
    "name": "AGE",
    "quotas_enabled": True,
    "targets": [
        {
            "conditions": [{"object": "range", "question_id": 42, "min": 18, "max": 64}],
            "quota": {"completes_goal_percentage": 100},
        }
    ],
}


def test_the_module_offers_the_whole_vocabulary() -> None:
    """Users import conditions, quotas and profiles from the module of the commands."""
    assert all(getattr(profiles, name) is getattr(profiling, name) for name in profiling.__all__)


def test_a_replacement_has_the_goal_and_all_profiles() -> None:
    """Only what a request takes is sent, with the goal of the adjustment type."""
    command = profiles.ReplaceProfiles(**IDS, completes_goal=10, profiling=profiles.Profiling(profiles=[AGE]))
    expected = {"profile_adjustment_type": "percentage", "profiles": [SENT_AGE]}
    assert sent(command).body == {"completes_goal": 10, "profiling": expected}


def test_a_single_profile_is_sent_beside_its_adjustment_type() -> None:
    """The profile and its adjustment type are members of the body itself."""
    command = profiles.CalculateSupplierQuotaDistribution(
        locale="eng_us",
        completes_goal=10,
        start_at=START,
        end_at=END,
        profiling=profiles.Profiling(profiles=[AGE]),
    )
    assert sent(command).body == {
        "locale": "eng_us",
        "completes_goal": 10,
        "start_at": "2036-01-01T00:00:00.000Z",
        "end_at": "2036-01-09T00:00:00.000Z",
        "profile_adjustment_type": "percentage",
        "profile": SENT_AGE,
    }
    assert command.endpoint.only_reads
    with pytest.raises(InvalidCommandError, match="exactly one profile"):
        command.replace(profiling=profiles.Profiling(profiles=[AGE, GENDER]))


@pytest.mark.parametrize("kind", [profiles.ReplaceProfiles, profiles.DeleteProfiles])
def test_writes_of_profiles_are_never_sent_twice(kind: type[Any]) -> None:
    """Neither a key nor a tag guards them; their first sentence says what they delete."""
    assert kind.retry_safety() is RetrySafety.NONE
    assert "delete" in (kind.__doc__ or "").splitlines()[0].casefold()


@pytest.mark.parametrize(
    "kind",
    [profiles.ValidateProfiles, profiles.GenerateBlendedProfile, profiles.CalculateSupplierQuotaDistribution],
)
def test_questions_about_profiles_are_only_reads(kind: type[Any]) -> None:
    """They create nothing, and so they are retried like reads."""
    assert kind.retry_safety() is RetrySafety.READ


def test_profiles_are_deleted_by_id() -> None:
    """At least one id is needed; the answer is empty."""
    command = profiles.DeleteProfiles(**IDS, profile_ids=[OTHER])
    assert sent(command).body == {"profile_ids": [OTHER]}
    assert answer(command, status=204) is None
    with pytest.raises(InvalidCommandError, match="profile_ids"):
        profiles.DeleteProfiles(**IDS, profile_ids=[])


QUESTION = {
    "object": "regular",
    "name": "GENDER",
    "description": "Was ist Ihr Geschlecht?",
    "description_translated": "What is your gender?",
    "quotas_enabled": False,
    "targets": [
        {
            "text": text,
            "text_translated": text,
            "conditions": [{"object": "selection", "question_id": 43, "option": code}],
        }
        for code, text in (("1", "Male"), ("2", "Female"))
    ],
    "standard": True,
    "profile_condition_type": "Single Punch",
    "classification_code": "DEM",
}
OPEN = {
    **QUESTION,
    "name": "AGE",
    "targets": [{"text": "Age", "conditions": [{"object": "range", "question_id": 42, "option": None}]}],
    "profile_condition_type": "Numeric - Open-end",
    "option_mask": "XX",
}


def questions(*items: Any) -> profiling_library.QuestionList:
    """Return a page of questions."""
    command = profiling_library.ListQuestions(locale="ger_de")
    return answer(command, {"total": len(items), "profiles": [*items], "has_more": False})


def test_questions_are_asked_for_by_number() -> None:
    """Numbers are one value of the query."""
    command = profiling_library.ListQuestions(
        locale="eng_us", question_ids=[42, 43], allow_custom_quals=True, page_size=50
    )
    assert dict(sent(command).query) == {
        "locale": "eng_us",
        "id": "42,43",
        "allow_custom_quals": "true",
        "page_size": "50",
    }
    for given in ([], [42, 42], ["42"], 42):
        wrong: Any = given
        with pytest.raises(InvalidCommandError, match="question_ids"):
            profiling_library.ListQuestions(locale="eng_us", question_ids=wrong)


def test_a_question_is_a_profile_of_its_answers() -> None:
    """All answers without quotas, or those chosen with theirs."""
    gender, age = questions(QUESTION, OPEN)
    assert (gender.id, age.id, len(gender.targets)) == (43, 42, 2)
    everybody = gender.profile()
    assert (everybody.name, everybody.quotas_enabled, everybody.targets) == ("GENDER", False, gender.targets)
    young = profiles.Target(
        conditions=[profiles.Range(question_id=42, min=18, max=34)], quota=profiles.Quota(completes_goal_percentage=100)
    )
    profile = age.profile(targets=[young])
    assert (profile.targets, profile.quotas_enabled) == ((young,), True)
    command = profiles.ValidateProfiles(
        locale="ger_de", completes_goal=10, profiling=profiles.Profiling(profiles=[everybody, profile])
    )
    assert [one["name"] for one in sent(command).body["profiling"]["profiles"]] == ["GENDER", "AGE"]


async def test_questions_of_all_pages_are_read(sandbox: Sandbox, client: AsyncClient) -> None:
    """The pages of the library are read one after another."""
    command = profiling_library.ListQuestions(locale="eng_us", page_size=2)
    names = [question.name async for question in client.iter_items(command)]
    assert len(names) == len(set(names)) > 4
    assert sum(request.operation_id == "account_questions_translation" for request in sandbox.requests) > 2


def test_a_library_without_questions_is_empty() -> None:
    """Null and an empty list mean the same; a question without answers has no number."""
    assert len(questions()) == 0
    command = profiling_library.ListQuestions(locale="ger_de")
    assert len(answer(command, {"total": 0, "profiles": None, "has_more": False})) == 0
    assert profiling_library.Question(name="OPEN").id is None
