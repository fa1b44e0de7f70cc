"""Profile templates: those of each account, and those of all accounts."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import attrs

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.formats import Identifiers
from fieldingkit.sandbox.model.definitions import LOCALES
from fieldingkit.sandbox.model.profiles import find_violations, questions_in
from fieldingkit.sandbox.parameters import read_list, read_string

__all__ = ["ProfileTemplate", "ProfileTemplateRegistry", "check_template"]

_GOAL: Final = 10_000
"""The goal that the percentages are checked with: none is too small for it."""


@attrs.define(kw_only=True)
class ProfileTemplate:
    """A profile template."""

    id: str
    settings: Mapping[str, Any]
    """The settings of a request."""
    scope: str = "account"

    def is_for(self, locales: Sequence[str] | None) -> bool:
        """Return whether it is for one of these locales; None stands for any."""
        return locales is None or bool({*locales} & {*self.settings["locales"]})

    def applied_to(self, profiles: object) -> object:
        """Return the profiles of a request and those of the template; of two about one question, that of the request.

        Malformed ones are returned as they are.
        """
        own: Sequence[Mapping[str, Any]] = self.settings["profiling"]["profiles"]
        try:
            given = [*cast("Sequence[Mapping[str, Any]]", profiles)]
            taken = {question for profile in given for question in questions_in(profile)}
        except (KeyError, TypeError, AttributeError):
            return profiles
        return [*given, *(profile for profile in own if not questions_in(profile) & taken)]

    def json(self, *, with_profiles: bool = True) -> dict[str, Any]:
        """Return the template as it is read."""
        kept = {name: value for name, value in self.settings.items() if with_profiles or name != "profiling"}
        return {"id": self.id, "scope": self.scope, **kept}


_GENDER: Final = ProfileTemplate(
    id="7d3c1f2e-4b5a-4c6d-8e9f-0a1b2c3d4e5f",
    scope="global",
    settings={
        "name": "Women and men",
        "label": "Women and men",
        "locales": ["eng_us", "eng_gb", "ger_de", "fre_fr"],
        "profiling": {
            "profile_adjustment_type": "percentage",
            "profiles": [
                {
                    "object": "regular",
                    "name": "GENDER",
                    "quotas_enabled": True,
                    "targets": [
                        {
                            "text": text,
                            "conditions": [{"object": "selection", "question_id": 43, "option": option}],
                            "quota": {"completes_goal_percentage": 50},
                        }
                        for option, text in (("1", "Male"), ("2", "Female"))
                    ],
                }
            ],
        },
    },
)


class ProfileTemplateRegistry:
    """The profile templates of all accounts."""

    def __init__(self, identifiers: Identifiers) -> None:
        self._identifiers = identifiers
        self._templates: dict[int, dict[str, ProfileTemplate]] = {}

    def all(self, account_id: int) -> list[ProfileTemplate]:
        """Return the templates that an account can use, oldest first."""
        return [_GENDER, *self._of(account_id).values()]

    def find(self, account_id: int, template_id: str) -> ProfileTemplate | None:
        """Return a template that an account can use; None if there is none."""
        return _GENDER if template_id == _GENDER.id else self._of(account_id).get(template_id)

    def create(self, account_id: int, settings: Mapping[str, Any]) -> ProfileTemplate:
        """Create a template of an account."""
        template = ProfileTemplate(id=self._identifiers.uuid(), settings=settings)
        self._of(account_id)[template.id] = template
        return template

    def delete(self, account_id: int, template_id: str) -> None:
        """Delete a template of an account."""
        del self._of(account_id)[template_id]

    def _of(self, account_id: int) -> dict[str, ProfileTemplate]:
        return self._templates.setdefault(account_id, {})


def check_template(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings in a request; a 400 names the first invalid member."""
    settings = {name: read_string(body, name, r"(?s).+") for name in ("name", "label")}
    if body.get("description") is not None:
        settings["description"] = read_string(body, "description", r"(?s).*")
    locales = [one for one in read_list(body, "locales") if isinstance(one, str)]
    if not locales or any(one not in LOCALES for one in locales) or len(locales) < len(body["locales"]):
        raise problems.bad_request("A locale is unknown.", locales="Must have at least one known locale.")
    given: object = body.get("profiling")
    if not isinstance(given, dict):
        raise problems.bad_request("The profiles are missing.", profiling="Must be an object.")
    profiling = cast("dict[str, Any]", given)
    found = find_violations(profiling, _GOAL, locales[0])
    if found:
        raise problems.bad_request("The profiles are invalid.", **{found[0].name: found[0].reason})
    if profiling["profile_adjustment_type"] != "percentage" or any(
        profile["object"] != "regular" for profile in profiling["profiles"]
    ):
        raise problems.bad_request("The profiles are invalid.", profiling="Must be regular, with percentages as goals.")
    return {**settings, "locales": locales, "profiling": profiling}
