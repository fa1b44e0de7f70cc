"""Definitions, and the accounts' part of them: lists, flattened locales and numbers that become text."""

from typing import Any

import pytest
from support.resource_wire import answer, sent

from fieldingkit.errors import DecodeError, InvalidCommandError
from fieldingkit.resources.accounts import GetUserBusinessUnit, ListServiceClients, UserType
from fieldingkit.resources.definitions import (
    ListAccountClients,
    ListBusinessUnits,
    ListCountries,
    ListLocales,
    Locale,
)
from fieldingkit.resources.fielding_assistant import PricingType

USER = "b551326b-ac9d-4d32-8823-4f025787dab9"
LOCALES: dict[str, Any] = {
    "locales": [
        {
            "country": {"code": "us", "name": "United States"},
            "languages": [
                {"is_preferred": True, "name": "English", "code": "eng"},
                {"is_preferred": False, "code": "spa"},
            ],
        },
        {"country": {"code": "in", "name": "India"}, "languages": None},
    ]
}


def test_a_locale_is_a_language_of_a_country() -> None:
    """Each language of each country is one locale, with the code that creating a target group takes."""
    locales = answer(ListLocales(), LOCALES)
    assert [locale.code for locale in locales] == ["eng_us", "spa_us"]
    assert locales[0] == Locale(
        code="eng_us",
        country_code="us",
        country_name="United States",
        language_code="eng",
        language_name="English",
        is_preferred=True,
    )
    assert locales[1].language_name is None
    assert locales.rows()[0]["code"] == "eng_us"


@pytest.mark.parametrize("broken", [{"country": {}}, {"country": "us"}, {"languages": [{"name": "English"}]}])
def test_a_locale_without_its_code_is_refused(broken: dict[str, Any]) -> None:
    """A locale that cannot be named is a DecodeError, not an entry with a code of its own making."""
    with pytest.raises(DecodeError):
        answer(ListLocales(), {"locales": [{**LOCALES["locales"][0], **broken}]})


def test_a_business_unit_is_a_text() -> None:
    """A unit's number is a text here, whether the API sends a number or a text; unknown pricing models are kept."""
    for sent_id in (1234, "1234"):
        body = {"business_units": [{"id": sent_id, "currency_code": "EUR", "pricing_models": ["rate_card", "novel"]}]}
        (unit,) = answer(ListBusinessUnits(), body)
        assert (unit.id, unit.currency_code, unit.pricing_models[0]) == ("1234", "EUR", PricingType.RATE_CARD)
        assert unit.pricing_models[1] == "novel"
    assert answer(GetUserBusinessUnit(user_id=USER), {"business_unit_id": 1234}).business_unit_id == "1234"
    assert answer(GetUserBusinessUnit(user_id=USER), {}).business_unit_id is None


def test_definitions_of_an_account_are_below_its_path() -> None:
    """Units, clients, service clients and a user's unit belong to an account; countries do not."""
    assert sent(ListBusinessUnits()).path == "/accounts/101/business-units"
    assert sent(GetUserBusinessUnit(user_id=USER)).path == f"/accounts/101/users/{USER}/business-units"
    assert sent(ListServiceClients(user_type="project_manager")).query == [("user_type", "project_manager")]
    assert ListServiceClients(user_type="project_manager").user_type is UserType.PROJECT_MANAGER
    assert sent(ListCountries()).path == "/countries"


def test_clients_are_chosen_by_the_number_of_a_page() -> None:
    """The first page has the number 0; numbers and sizes out of bounds are refused by name."""
    assert sent(ListAccountClients(page_size=100, page_number=0)).query == [("page_size", "100"), ("page_number", "0")]
    wrong: dict[str, Any]
    for wrong in ({"page_number": -1}, {"page_size": 101}, {"page_size": 0}):
        with pytest.raises(InvalidCommandError) as caught:
            ListAccountClients(**wrong)
        assert caught.value.field in wrong
