"""Handlers that list definitions; they are the same in every account."""

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from fieldingkit.sandbox.context import HandlerResponse, RequestContext
from fieldingkit.sandbox.model.definitions import (
    BUSINESS_UNITS,
    CLIENTS,
    COUNTRIES,
    INDUSTRIES,
    INDUSTRY_LOCKOUTS,
    INTEGRATION_USE_CASES,
    LANGUAGES,
    LOCALES,
    QUESTION_CATEGORIES,
    STUDY_TYPES,
    SUPPLIERS,
)
from fieldingkit.sandbox.parameters import read_number

__all__ = [
    "list_business_units",
    "list_clients",
    "list_countries",
    "list_industries",
    "list_industry_lockouts",
    "list_integration_use_cases",
    "list_locales",
    "list_question_categories",
    "list_study_types",
    "list_suppliers",
]


def list_business_units(context: RequestContext) -> HandlerResponse:
    """List the business units of an account."""
    del context
    units = [{**unit._asdict(), "pricing_models": list(unit.pricing_models)} for unit in BUSINESS_UNITS.values()]
    return HandlerResponse(200, {"business_units": units})


def list_clients(context: RequestContext) -> HandlerResponse:
    """List a page of the clients of an account; a page beyond the last one is empty."""
    query = context.recorded.query
    size = read_number(query, "page_size", default=10, largest=100)
    start = size * read_number(query, "page_number", default=0, largest=10**8, smallest=0)
    clients = [{"id": id_, "name": name} for id_, name in CLIENTS.items()]
    return HandlerResponse(200, {"clients": clients[start : start + size]})


def list_countries(context: RequestContext) -> HandlerResponse:
    """List all countries, and the one that stands for none."""
    del context
    countries = [{"id": country.id, "code": code.upper(), "name": country.name} for code, country in COUNTRIES.items()]
    return HandlerResponse(200, {"countries": [{"id": 0, "code": "NA", "name": "Not applicable"}, *countries]})


def list_locales(context: RequestContext) -> HandlerResponse:
    """List the languages of each country."""
    del context
    return HandlerResponse(
        200,
        {
            "locales": [
                {
                    "country": {"code": country, "name": COUNTRIES[country].name},
                    "languages": [
                        {
                            "is_preferred": locale.is_preferred,
                            "name": LANGUAGES[locale.language],
                            "code": locale.language,
                        }
                        for locale in locales
                    ],
                }
                for country, locales in groupby(LOCALES.values(), key=lambda locale: locale.country)
            ]
        },
    )


def list_industries(context: RequestContext) -> HandlerResponse:
    """List all industries."""
    del context
    return HandlerResponse(200, {"industries": _items(INDUSTRIES)})


def list_industry_lockouts(context: RequestContext) -> HandlerResponse:
    """List all industry lockouts."""
    del context
    return HandlerResponse(200, {"industry_lockouts": _items(INDUSTRY_LOCKOUTS)})


def list_study_types(context: RequestContext) -> HandlerResponse:
    """List all study types."""
    del context
    return HandlerResponse(200, {"study_types": _items(STUDY_TYPES)})


def _items(table: Mapping[str, tuple[int, str]]) -> list[dict[str, Any]]:
    return [{"id": number, "code": code, "name": name} for code, (number, name) in table.items()]


def list_suppliers(context: RequestContext) -> HandlerResponse:
    """List all suppliers."""
    del context
    suppliers = [{"id": number, "code": code, "name": name} for number, (code, name) in SUPPLIERS.items()]
    return HandlerResponse(200, {"suppliers": suppliers})


def list_integration_use_cases(context: RequestContext) -> HandlerResponse:
    """List all integration use cases."""
    del context
    cases = [
        {"id": id_, "name": name, "description": description}
        for id_, (name, description) in INTEGRATION_USE_CASES.items()
    ]
    return HandlerResponse(200, {"integration_use_cases": cases})


def list_question_categories(context: RequestContext) -> HandlerResponse:
    """List all categories of questions."""
    del context
    return HandlerResponse(200, {"categories": _items(QUESTION_CATEGORIES)})
