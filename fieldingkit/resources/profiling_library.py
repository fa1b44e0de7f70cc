"""The profiling library: the standard questions that profiles are made of, and their categories."""

from typing import ClassVar

import attrs

from fieldingkit.commands import Command, Endpoint, OpenEnum
from fieldingkit.results import Result, ResultList

__all__ = ["ListQuestionCategories", "QuestionCategory", "QuestionCategoryCode", "QuestionCategoryList"]


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
