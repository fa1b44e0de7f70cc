"""Definitions: the units, clients, locales, suppliers and codes that target groups refer to.

They hardly change. ``fieldingkit.workflows.Definitions`` reads each list once and finds its entries by name.
"""

from typing import Any, ClassVar, cast

import attrs

from fieldingkit.commands import AccountCommand, Command, Endpoint
from fieldingkit.resources.fielding_assistant import PricingType
from fieldingkit.results import Result, ResultList, number_as_text
from fieldingkit.validators import integer

__all__ = [
    "AccountClient",
    "AccountClientList",
    "BusinessUnit",
    "BusinessUnitList",
    "CountryList",
    "Definition",
    "IndustryList",
    "IndustryLockoutList",
    "IntegrationUseCase",
    "IntegrationUseCaseList",
    "ListAccountClients",
    "ListBusinessUnits",
    "ListCountries",
    "ListIndustries",
    "ListIndustryLockouts",
    "ListIntegrationUseCases",
    "ListLocales",
    "ListStudyTypes",
    "ListSuppliers",
    "Locale",
    "LocaleList",
    "StudyTypeList",
    "SupplierList",
]


@attrs.frozen(kw_only=True)
class Definition(Result):
    """A country, industry, lockout, study type or supplier."""

    id: int
    """Its number: target groups refer to suppliers by it."""
    code: str | None = None
    """Its code, such as ``politics``: target groups refer to industries, lockouts and study types by it."""
    name: str | None = None
    """Its name."""


@attrs.frozen(kw_only=True)
class BusinessUnit(Result):
    """A part of the account's organization. It decides the currency and the pricing of its target groups."""

    id: str
    """Its number as text: the ``business_unit_id`` of a target group."""
    name: str | None = None
    """Its name."""
    currency_code: str | None = None
    """The currency of its target groups, such as ``USD``."""
    pricing_models: tuple[PricingType, ...] = ()
    """The pricing models that its target groups can have."""

    @classmethod
    def _from_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        return number_as_text(body, "id")


@attrs.frozen(kw_only=True, repr=False)
class BusinessUnitList(ResultList[BusinessUnit]):
    """The business units of an account."""

    business_units: tuple[BusinessUnit, ...] = ()
    """The business units."""


@attrs.frozen(kw_only=True)
class AccountClient(Result):
    """A client of the account: a customer that target groups are made for."""

    id: int
    """Its number: the ``client_id`` of a target group."""
    name: str | None = None
    """Its name."""


@attrs.frozen(kw_only=True, repr=False)
class AccountClientList(ResultList[AccountClient]):
    """One page of an account's clients; a page that is not full is the last one."""

    clients: tuple[AccountClient, ...] = ()
    """The clients of this page."""


@attrs.frozen(kw_only=True, repr=False)
class CountryList(ResultList[Definition]):
    """All countries; the code ``NA`` means that no country applies."""

    countries: tuple[Definition, ...] = ()
    """The countries, with codes in capitals, such as ``US``; locales have them in small letters."""


@attrs.frozen(kw_only=True, repr=False)
class IndustryList(ResultList[Definition]):
    """All industries."""

    industries: tuple[Definition, ...] = ()
    """The industries."""


@attrs.frozen(kw_only=True, repr=False)
class IndustryLockoutList(ResultList[Definition]):
    """All industry lockouts: the periods for which recent respondents of the same industry are excluded."""

    industry_lockouts: tuple[Definition, ...] = ()
    """The industry lockouts."""


@attrs.frozen(kw_only=True)
class IntegrationUseCase(Result):
    """A purpose of an integration."""

    id: str
    """Its id, such as ``manage_surveys``."""
    name: str | None = None
    """Its name."""
    description: str | None = None
    """Its description."""


@attrs.frozen(kw_only=True, repr=False)
class IntegrationUseCaseList(ResultList[IntegrationUseCase]):
    """All purposes of integrations."""

    integration_use_cases: tuple[IntegrationUseCase, ...] = ()
    """The purposes."""


@attrs.frozen(kw_only=True)
class Locale(Result):
    """A language in a country."""

    code: str
    """The ``locale`` of a target group, such as ``eng_us``: the language, an underscore and the country."""
    country_code: str | None = None
    """The country's two small letters, such as ``us``."""
    country_name: str | None = None
    """The country's name."""
    language_code: str | None = None
    """The language's three small letters, such as ``eng``."""
    language_name: str | None = None
    """The language's name."""
    is_preferred: bool | None = None
    """True if it is one of the country's main languages."""


@attrs.frozen(kw_only=True, repr=False)
class LocaleList(ResultList[Locale]):
    """All locales that have panelists: one for each country and language."""

    locales: tuple[Locale, ...] = ()
    """The locales, by country."""

    @classmethod
    def _from_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        """Join countries and languages: the API sends a list of languages for each country, and no codes of locales."""
        entries = cast("list[dict[str, Any]]", body.get("locales") or [])
        return {
            "locales": [
                _locale(entry.get("country") or {}, language)
                for entry in entries
                for language in entry.get("languages") or ()
            ]
        }


def _locale(country: dict[str, Any], language: dict[str, Any]) -> dict[str, Any]:
    return {
        "code": f"{language['code']}_{country['code']}",
        "country_code": country["code"],
        "country_name": country.get("name"),
        "language_code": language["code"],
        "language_name": language.get("name"),
        "is_preferred": language.get("is_preferred"),
    }


@attrs.frozen(kw_only=True, repr=False)
class StudyTypeList(ResultList[Definition]):
    """All study types."""

    study_types: tuple[Definition, ...] = ()
    """The study types."""


@attrs.frozen(kw_only=True, repr=False)
class SupplierList(ResultList[Definition]):
    """All suppliers of the exchange."""

    suppliers: tuple[Definition, ...] = ()
    """The suppliers; allocations refer to them by ``id``, and the test supplier is 980."""


@attrs.frozen(kw_only=True)
class ListBusinessUnits(AccountCommand[BusinessUnitList]):
    """List the business units of an account; creating a target group requires one, and it decides the currency."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", "/accounts/{account_id}/business-units", operation_id="get_business_units"
    )


@attrs.frozen(kw_only=True)
class ListAccountClients(AccountCommand[AccountClientList]):
    """List the clients of an account. Pages have numbers here, so ``client.iter_items`` does not take this command."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", "/accounts/{account_id}/clients", operation_id="get_clients")
    page_size: int | None = attrs.field(default=None, validator=integer(1, 100))
    """The number of clients on a page, 1 to 100; 10 if left out."""
    page_number: int | None = attrs.field(default=None, validator=integer(0))
    """The number of the page; the first one is 0."""


@attrs.frozen(kw_only=True)
class ListCountries(Command[CountryList]):
    """List all countries."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", "/countries", operation_id="get_countries")


@attrs.frozen(kw_only=True)
class ListIndustries(Command[IndustryList]):
    """List the industries that a target group can be about."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", "/industries", operation_id="get_industries")


@attrs.frozen(kw_only=True)
class ListIndustryLockouts(Command[IndustryLockoutList]):
    """List the periods for which a target group can exclude recent respondents of the same industry."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", "/industry-lockouts", operation_id="get_industry_lockouts")


@attrs.frozen(kw_only=True)
class ListIntegrationUseCases(Command[IntegrationUseCaseList]):
    """List the purposes that an integration can have."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", "/integration-use-cases", operation_id="get_integration_use_cases")


@attrs.frozen(kw_only=True)
class ListLocales(Command[LocaleList]):
    """List the locales that a target group can have, with the codes that creating one takes."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", "/locales", operation_id="get_locales")


@attrs.frozen(kw_only=True)
class ListStudyTypes(Command[StudyTypeList]):
    """List the kinds of studies that a target group can belong to."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", "/study-types", operation_id="get_study_types")


@attrs.frozen(kw_only=True)
class ListSuppliers(Command[SupplierList]):
    """List the suppliers of the exchange, whose numbers allocations refer to."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", "/suppliers", operation_id="get_suppliers")
