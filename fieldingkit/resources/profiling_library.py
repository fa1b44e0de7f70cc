"""The profiling library: the standard questions that profiles are made of, and their categories."""

from collections.abc import Iterable
from typing import Any, ClassVar

import attrs

from fieldingkit.commands import Command, Endpoint, OpenEnum
from fieldingkit.paging import Page, PagedCommand
from fieldingkit.resources.profiling import OtherCondition, Profile, Target
from fieldingkit.results import Result, ResultList
from fieldingkit.validators import each, integer, language, locale

__all__ = [
    "ListQuestionCategories",
    "ListQuestions",
    "ProfileConditionType",
    "Question",
    "QuestionCategory",
    "QuestionCategoryCode",
    "QuestionCategoryList",
    "QuestionList",
]


class QuestionCategoryCode(OpenEnum):
    """The code of a category of questions, such as ``AIR`` for airlines and travel."""

    AIR = "AIR"
    ART = "ART"
    AUT = "AUT"
    B2B = "B2B"
    BAN = "BAN"
    BEA = "BEA"
    BEV = "BEV"
    DEM = "DEM"
    DEV = "DEV"
    EDU = "EDU"
    ELE = "ELE"
    FAS = "FAS"
    FOO = "FOO"
    HOB = "HOB"
    HOM = "HOM"
    IT = "IT"
    MED = "MED"
    PER = "PER"
    POL = "POL"
    REC = "REC"
    SUP = "SUP"
    TOB = "TOB"
    OTH = "OTH"


@attrs.frozen(kw_only=True)
class QuestionCategory(Result):
    """A category of questions."""

    id: int
    """Its number."""
    code: QuestionCategoryCode | None = None
    """Its code."""
    name: str | None = None
    """Its name."""


@attrs.frozen(kw_only=True, repr=False)
class QuestionCategoryList(ResultList[QuestionCategory]):
    """All categories of questions."""

    categories: tuple[QuestionCategory, ...] = ()
    """The categories."""


@attrs.frozen(kw_only=True)
class ListQuestionCategories(Command[QuestionCategoryList]):
    """List the categories of the questions that profiles can use."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", "/demand/questions/categories", operation_id="list_all_question_categories"
    )


class ProfileConditionType(OpenEnum):
    """The form of the answers to a question."""

    SINGLE_PUNCH = "Single Punch"
    """One of several options."""
    MULTI_PUNCH = "Multi Punch"
    """Any of several options."""
    DUMMY = "Dummy"
    """A form that the API does not describe."""
    TEXT_OPEN_END = "Text - Open-end"
    """Any text, such as a postal code."""
    NUMERIC_OPEN_END = "Numeric - Open-end"
    """A number, such as an age."""


@attrs.frozen(kw_only=True)
class Question(Result):
    """A question of the profiling library, with its answers as targets of a profile."""

    name: str | None = None
    """Its name, such as ``GENDER``."""
    description: str | None = None
    """Its text in the language of the locale."""
    description_translated: str | None = None
    """Its text in the language of the translation, English by default."""
    targets: tuple[Target, ...] = ()
    """Its answers, each with its text and its condition; numbers and texts have none to choose from."""
    quotas_enabled: bool = False
    """True if its quotas are in force; questions of the library have none."""
    standard: bool | None = None
    """True for a question of the API; False for one of the account's own."""
    profile_condition_type: ProfileConditionType | None = None
    """The form of its answers."""
    option_mask: str | None = None
    """The form of an open answer: a text of its length, such as ``XXXXX``."""
    classification_id: int | None = None
    """The number of its category."""
    classification_code: str | None = None
    """The code of its category, such as ``DEM``."""

    @property
    def id(self) -> int | None:
        """Its number, which conditions name; None if the library lists no answers."""
        conditions = (condition for target in self.targets for condition in target.conditions)
        known = next((one for one in conditions if not isinstance(one, OtherCondition)), None)
        return None if known is None else known.question_id

    def profile(self, *, targets: Iterable[Target] | None = None, quotas_enabled: bool | None = None) -> Profile:
        """Return a regular profile about this question.

        Args:
            targets: The answers that it selects, such as some of ``targets`` with a quota each; all answers by default.
            quotas_enabled: True if the quotas are in force; by default, if any of the targets has one.
        """
        chosen = self.targets if targets is None else tuple(targets)
        if quotas_enabled is None:
            quotas_enabled = any(target.quota is not None for target in chosen)
        return Profile(name=self.name, targets=chosen, quotas_enabled=quotas_enabled)


@attrs.frozen(kw_only=True, repr=False)
class QuestionList(Page[Question]):
    """One page of questions."""

    questions: tuple[Question, ...] = ()
    """The questions of this page."""
    total: int | None = None
    """The number of questions on all pages."""
    has_more: bool = False
    """True if there is a next page."""
    next_cursor: str | None = None
    """The cursor for the next page."""

    @classmethod
    def _from_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        """Take the questions from the member that the API calls profiles."""
        return {**body, "questions": body.get("profiles")}


def _numbers(values: Iterable[int] | None) -> tuple[int, ...] | None:
    return None if values is None else tuple(values)


@attrs.frozen(kw_only=True)
class ListQuestions(PagedCommand[QuestionList]):
    """List the questions that profiles can be made of, with their answers.

    The API's own questions are revised each quarter: read all of them once, and keep them for a while.
    """

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", "/demand/accounts/{account_id}/questions-translation", operation_id="account_questions_translation"
    )
    locale: str = attrs.field(validator=locale)
    """The language and country of the respondents, such as ``eng_us``."""
    question_ids: tuple[int, ...] | None = attrs.field(
        default=None, converter=_numbers, validator=each(integer(0)), metadata={"query": "id", "join": ","}
    )
    """The numbers of the questions; all questions if left out."""
    query: str | None = None
    """A text that the question or one of its answers contains."""
    translation_language: str | None = attrs.field(default=None, validator=language)
    """The language of the translated texts, such as ``spa``; English if left out."""
    allow_custom_quals: bool | None = None
    """True to list the account's own questions as well."""
    only_custom_quals: bool | None = None
    """True to list the account's own questions only."""
