"""Profile templates: their query, their body, and the profiles that a template takes."""

from typing import Any

import attrs
import pytest
from support.command_samples import PROFILING
from support.resource_wire import answer, sent

from fieldingkit.errors import InvalidCommandError
from fieldingkit.idempotency import RetrySafety
from fieldingkit.resources.profile_templates import (
    CreateProfileTemplate,
    GetProfileTemplate,
    ListProfileTemplates,
    ProfileTemplateScope,
    UpdateProfileTemplate,
)
from fieldingkit.resources.profiles import Profile, Profiling, Quota, Range, Target

ID = "01HY7WJ4QZ5XN6ZJ8Y9X0A1B2C"
AGE = Profile(
    name="AGE",
    description="How old are you?",
    targets=[
        Target(
            text="Young",
            text_translated="Jung",
            conditions=[Range(question_id=42, min=18, max=34)],
            quota=Quota(completes_goal_percentage=40),
        ),
        Target(conditions=[Range(question_id=42, min=35, max=64)], quota=Quota(completes_goal_percentage=60)),
    ],
)


def create(profiling: Any = None, **fields: Any) -> CreateProfileTemplate:
    """Return the command that creates a template."""
    settings = {"name": "Age", "label": "Age groups", "locales": ["eng_us"], **fields}
    return CreateProfileTemplate(profiling=profiling or Profiling(profiles=[AGE]), **settings)


def test_locales_are_one_text_of_the_query() -> None:
    """The API takes several locales as one text with commas."""
    listed = sent(ListProfileTemplates(locales=["eng_us", "jpn_jp"], scope="account", order="asc", page_size=5))
    assert dict(listed.query) == {"locales": "eng_us,jpn_jp", "scope": "account", "order": "asc", "page_size": "5"}
    assert sent(GetProfileTemplate(profile_template_id=ID, locales="eng_us")).query == [("locales", "eng_us")]


def test_a_template_is_sent_with_its_texts_and_percentages() -> None:
    """Templates take the texts that other requests leave out."""
    body = sent(create(description="For all studies")).body
    assert body["locales"] == ["eng_us"]
    assert (body["name"], body["label"], body["description"]) == ("Age", "Age groups", "For all studies")
    (profile,) = body["profiling"]["profiles"]
    assert (body["profiling"]["profile_adjustment_type"], profile["description"]) == ("percentage", "How old are you?")
    assert profile["targets"][0] == {
        "text": "Young",
        "text_translated": "Jung",
        "quota": {"completes_goal_percentage": 40},
        "conditions": [{"object": "range", "question_id": 42, "min": 18, "max": 34}],
    }


def test_a_template_that_was_read_is_written_back() -> None:
    """Its profiles are those of a draft, so that they can be changed and sent."""
    body = {**sent(create()).body, "id": ID, "scope": "account"}
    template = answer(GetProfileTemplate(profile_template_id=ID), body)
    assert (template.id, template.scope) == (ID, ProfileTemplateScope.ACCOUNT)
    assert template.profiling is not None
    update = UpdateProfileTemplate(
        profile_template_id=ID,
        name="Age, revised",
        label=template.label or "",
        locales=template.locales,
        profiling=template.profiling,
    )
    assert sent(update).body["profiling"] == body["profiling"]
    assert update.retry_safety() is RetrySafety.NONE


def test_a_list_has_no_profiles() -> None:
    """The templates of a list have no profiles; their locales may have a hyphen."""
    page = answer(
        ListProfileTemplates(), {"templates": [{"id": ID, "name": "B2C", "locales": ["eng-us"]}], "next_cursor": None}
    )
    (template,) = page
    assert (template.locales, template.profiling) == (("eng-us",), None)


@pytest.mark.parametrize(
    ("profiling", "problem"),
    [
        (PROFILING, "must have regular profiles only"),
        (Profiling(profiles=[AGE], template_id=ID), "names a template; this operation takes profiles only"),
        (Profiling(template_id=ID), "has no profiles"),
        (
            Profiling(
                profile_adjustment_type="nominal",
                profiles=[
                    Profile(
                        targets=[
                            Target(conditions=[Range(question_id=42, min=18, max=34)], quota=Quota(completes_goal=7))
                        ]
                    )
                ],
            ),
            "must have percentages as goals",
        ),
        (Profiling(profiles=[attrs.evolve(AGE, targets=[])]), "has no targets"),
        (7, "invalid value for profiling"),
    ],
)
def test_profiles_that_a_template_cannot_hold_are_not_sent(profiling: Any, problem: str) -> None:
    """A template holds regular profiles with percentages only."""
    with pytest.raises(InvalidCommandError, match=problem) as caught:
        create(profiling)
    assert caught.value.field == "profiling"


@pytest.mark.parametrize("locales", [[], ["eng-us"], ["eng_us", "US"]])
def test_locales_are_checked(locales: list[str]) -> None:
    """A template is for at least one locale, each a language and a country."""
    with pytest.raises(InvalidCommandError, match="locales"):
        create(locales=locales)
