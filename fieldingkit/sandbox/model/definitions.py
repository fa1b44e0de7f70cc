"""The definitions of every sandbox, as tables: units, clients, countries, locales, suppliers and codes."""

from collections.abc import Mapping
from typing import Final, NamedTuple

__all__ = [
    "BUSINESS_UNITS",
    "CLIENTS",
    "COUNTRIES",
    "INDUSTRIES",
    "INDUSTRY_LOCKOUTS",
    "INTEGRATION_USE_CASES",
    "LANGUAGES",
    "LOCALES",
    "QUESTION_CATEGORIES",
    "STUDY_TYPES",
    "SUPPLIERS",
    "BusinessUnit",
    "Country",
    "Language",
    "Locale",
]


class BusinessUnit(NamedTuple):
    """A business unit of every account."""

    id: int
    name: str
    currency_code: str
    pricing_models: tuple[str, ...]


class Country(NamedTuple):
    """A country."""

    id: int
    name: str
    panelists: int
    timezone: str
    holiday: tuple[str, str]
    """The month and day of the national holiday, and its name."""


class Language(NamedTuple):
    """A language of a country."""

    code: str
    is_preferred: bool = True


class Locale(NamedTuple):
    """A language in a country."""

    language: str
    country: str
    is_preferred: bool

    @property
    def code(self) -> str:
        """The code, such as `eng_us`."""
        return f"{self.language}_{self.country}"


BUSINESS_UNITS: Final = {
    unit.id: unit
    for unit in (
        BusinessUnit(1234, "Sandbox Americas", "USD", ("dynamic", "rate_card")),
        BusinessUnit(5678, "Sandbox Europe", "EUR", ("dynamic",)),
    )
}
"""The business units of an account; the first is the default one of each user."""

CLIENTS: Final[Mapping[int, str]] = {
    2001: "Acorn Foods",
    2002: "Birch Bank",
    2003: "Cedar Cars",
    2004: "Dune Travel",
    2005: "Elm Energy",
    2006: "Fjord Media",
    2007: "Grove Health",
    2008: "Harbor Retail",
    2009: "Iris Cosmetics",
    2010: "Juniper Drinks",
    2011: "Kite Telecom",
    2012: "Lark Insurance",
}
"""The clients of an account."""

COUNTRIES: Final[Mapping[str, Country]] = {
    "ar": Country(10, "Argentina", 400_000, "America/Argentina/Buenos_Aires", ("07-09", "Independence Day")),
    "au": Country(13, "Australia", 600_000, "Australia/Sydney", ("01-26", "Australia Day")),
    "be": Country(21, "Belgium", 300_000, "Europe/Brussels", ("07-21", "National Day")),
    "br": Country(30, "Brazil", 1_200_000, "America/Sao_Paulo", ("09-07", "Independence Day")),
    "ca": Country(38, "Canada", 900_000, "America/Toronto", ("07-01", "Canada Day")),
    "ch": Country(223, "Switzerland", 200_000, "Europe/Zurich", ("08-01", "National Day")),
    "de": Country(86, "Germany", 1_500_000, "Europe/Berlin", ("10-03", "Day of German Unity")),
    "es": Country(214, "Spain", 900_000, "Europe/Madrid", ("10-12", "National Day")),
    "fr": Country(77, "France", 1_200_000, "Europe/Paris", ("07-14", "National Day")),
    "gb": Country(243, "United Kingdom", 1_500_000, "Europe/London", ("12-26", "Boxing Day")),
    "in": Country(105, "India", 2_000_000, "Asia/Kolkata", ("08-15", "Independence Day")),
    "it": Country(113, "Italy", 900_000, "Europe/Rome", ("06-02", "Republic Day")),
    "jp": Country(116, "Japan", 1_500_000, "Asia/Tokyo", ("11-03", "Culture Day")),
    "kr": Country(211, "South Korea", 700_000, "Asia/Seoul", ("08-15", "Liberation Day")),
    "mx": Country(148, "Mexico", 900_000, "America/Mexico_City", ("09-16", "Independence Day")),
    "nl": Country(162, "Netherlands", 400_000, "Europe/Amsterdam", ("04-27", "King's Day")),
    "pl": Country(182, "Poland", 600_000, "Europe/Warsaw", ("11-11", "Independence Day")),
    "se": Country(222, "Sweden", 300_000, "Europe/Stockholm", ("06-06", "National Day")),
    "us": Country(244, "United States", 4_000_000, "America/New_York", ("07-04", "Independence Day")),
    "za": Country(210, "South Africa", 200_000, "Africa/Johannesburg", ("04-27", "Freedom Day")),
}
"""The countries by code."""

LANGUAGES: Final[Mapping[str, str]] = {
    "afr": "Afrikaans",
    "chi": "Chinese Simplified",
    "dut": "Dutch",
    "eng": "English",
    "fre": "French",
    "ger": "German",
    "hin": "Hindi",
    "ita": "Italian",
    "jpn": "Japanese",
    "kor": "Korean",
    "pol": "Polish",
    "por": "Portuguese",
    "spa": "Spanish",
    "swe": "Swedish",
}
"""The names of the languages by code."""

_LANGUAGES_OF: Final[Mapping[str, tuple[Language, ...]]] = {
    "ar": (Language("spa"),),
    "au": (Language("eng"), Language("chi", is_preferred=False)),
    "be": (Language("dut"), Language("fre")),
    "br": (Language("por"),),
    "ca": (Language("eng"), Language("fre")),
    "ch": (Language("ger"), Language("fre"), Language("ita", is_preferred=False)),
    "de": (Language("ger"),),
    "es": (Language("spa"),),
    "fr": (Language("fre"),),
    "gb": (Language("eng"),),
    "in": (Language("eng"), Language("hin")),
    "it": (Language("ita"),),
    "jp": (Language("jpn"),),
    "kr": (Language("kor"),),
    "mx": (Language("spa"), Language("eng", is_preferred=False)),
    "nl": (Language("dut"),),
    "pl": (Language("pol"),),
    "se": (Language("swe"),),
    "us": (Language("eng"), Language("spa"), Language("chi", is_preferred=False)),
    "za": (Language("eng"), Language("afr", is_preferred=False)),
}

LOCALES: Final = {
    locale.code: locale
    for country, languages in _LANGUAGES_OF.items()
    for locale in (Locale(language.code, country, language.is_preferred) for language in languages)
}
"""The locales by code, ordered by country."""

INDUSTRIES: Final[Mapping[str, tuple[int, str]]] = {
    "automotive": (1, "Automotive"),
    "beauty_cosmetics": (2, "Beauty/Cosmetics"),
    "beverages_alcoholic": (3, "Beverages - Alcoholic"),
    "beverages_non_alcoholic": (4, "Beverages - Non Alcoholic"),
    "education": (5, "Education"),
    "entertainment": (10, "Entertainment"),
    "financial_services": (12, "Financial Services/Insurance"),
    "food_snacks": (13, "Food/Snacks"),
    "healthcare": (15, "Healthcare/Pharmaceuticals"),
    "other": (30, "Other"),
    "politics": (19, "Politics"),
    "travel": (26, "Travel"),
}
"""The number and the name of each industry, by code."""

INDUSTRY_LOCKOUTS: Final[Mapping[str, tuple[int, str]]] = {
    "no_lock_out": (0, "No lockout"),
    "not_applicable": (1, "Not applicable"),
    "past_30_days": (30, "Past 30 days / 1 month"),
    "past_60_days": (60, "Past 60 days / 2 months"),
    "past_90_days": (90, "Past 90 days / 3 months"),
}
"""The number and the name of each industry lockout, by code."""

STUDY_TYPES: Final[Mapping[str, tuple[int, str]]] = {
    "adhoc": (1, "Adhoc"),
    "diary": (2, "Diary"),
    "iht": (5, "In-home use test"),
    "community_recruit": (8, "Community recruit"),
    "tracking": (11, "Tracking study"),
    "recontact": (22, "Recontact"),
}
"""The number and the name of each study type, by code."""

SUPPLIERS: Final[Mapping[int, tuple[str, str]]] = {
    980: ("TEST", "Test supplier"),
    3334: ("BCD", "BCD Panels"),
    4321: ("ACE", "Ace Samples"),
    4350: ("NRD", "Nordic Respondents"),
    4351: ("PAN", "Panorama"),
}
"""The code and the name of each supplier, by number; 980 is the test supplier."""

INTEGRATION_USE_CASES: Final[Mapping[str, tuple[str, str]]] = {
    "manage_surveys": ("Manage target groups", "Create, change and read target groups and their quotas."),
    "performance_reporting": ("Performance reporting", "Read the progress of target groups and reconcile them."),
    "financial_reporting": ("Financial reporting", "Make reports of the cost of target groups."),
}
"""The name and the description of each integration use case, by id."""

QUESTION_CATEGORIES: Final[Mapping[str, tuple[int, str]]] = {
    "AIR": (23, "Airlines/Travel"),
    "AUT": (25, "Automotive"),
    "B2B": (28, "Business to Business"),
    "DEM": (31, "Demographics"),
    "OTH": (46, "Other"),
}
"""The number and the name of each category of questions, by code."""
