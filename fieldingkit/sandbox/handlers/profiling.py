"""Handlers for profiles of no target group: the library of questions, checks, blends and expected distributions."""

from collections.abc import Mapping, Sequence
from itertools import product
from math import prod
from typing import Any, Final, cast

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.context import HandlerResponse, RequestContext
from fieldingkit.sandbox.model.definitions import LOCALES, QUESTION_CATEGORIES
from fieldingkit.sandbox.model.profiles import Violation, broken_rule, find_violations, questions_in
from fieldingkit.sandbox.model.questions import (
    Question,
    condition_name,
    question_text,
    questions_of,
    reach_of,
)
from fieldingkit.sandbox.parameters import read_flag, read_page, read_text, read_timestamps

__all__ = ["blend_profiles", "calculate_supplier_distribution", "list_questions", "validate_profiles"]

_MOST_QUOTAS: Final = 350


def list_questions(context: RequestContext) -> HandlerResponse:
    """List a page of the questions of a locale; those of the account only if they are asked for."""
    query = context.recorded.query
    locale = read_text(query, "locale")
    if locale not in LOCALES:
        raise problems.bad_request("The locale is missing or unknown.", locale="Is unknown.")
    read_text(query, "translation_language", "[a-z]{3}")
    only_custom = read_flag(query, "only_custom_quals")
    with_custom = only_custom or read_flag(query, "allow_custom_quals")
    ids = read_text(query, "id", "[0-9]+(,[0-9]+)*")
    search = (read_text(query, "query") or "").casefold()
    questions = [
        question
        for question in questions_of(locale)
        if (ids is None or str(question.id) in ids.split(","))
        and (not question.is_standard if only_custom else question.is_standard or with_custom)
        and any(search in text.casefold() for text in (question.text, *(option.text for option in question.options)))
    ]
    page = read_page(query, questions, cursor_of=lambda question: str(question.id), is_sorted=False)
    body = {
        "total": len(questions),
        "profiles": [_question(question) for question in page.items],
        "has_more": page.next_cursor is not None,
    }
    return HandlerResponse(200, body if page.next_cursor is None else {**body, "next_cursor": page.next_cursor})


def _question(question: Question) -> dict[str, Any]:
    options = [
        (option.text, {"object": "selection", "question_id": question.id, "option": option.code})
        for option in question.options
    ]
    kind = "range" if question.form == "Numeric - Open-end" else "open_ended"
    # As in the contract's example, a number or a text has one answer without bounds or values.
    answers = options or [(question.text, {"object": kind, "question_id": question.id})]
    read = {
        "object": "regular",
        "name": question.name,
        "description": question.text,
        "description_translated": question.text,
        "quotas_enabled": False,
        "targets": [{"text": text, "text_translated": text, "conditions": [one]} for text, one in answers],
        "standard": question.is_standard,
        "profile_condition_type": question.form,
        "classification_id": QUESTION_CATEGORIES[question.category][0],
        "classification_code": question.category,
    }
    return read if question.mask is None else {**read, "option_mask": question.mask}


def validate_profiles(context: RequestContext) -> HandlerResponse:
    """Check profiles; 204 if they are valid."""
    _checked(context.json_object())
    return HandlerResponse(204)


def blend_profiles(context: RequestContext) -> HandlerResponse:
    """Return a blended profile whose quotas are the products of those of two or three regular ones."""
    body = context.json_object()
    read_timestamps(body, "start_at", "end_at")
    if not isinstance(body.get("collects_pii"), bool):
        raise problems.malformed_profiles("collects_pii", "Must be true or false.")
    profiling = _checked(body)
    profiles: list[dict[str, Any]] = profiling["profiles"]
    if len(profiles) not in {2, 3} or any(profile["object"] != "regular" for profile in profiles):
        raise problems.malformed_profiles("profiling.profiles", "Must have two or three regular profiles.")
    questions = [question for profile in profiles for question in questions_in(profile)]
    cells = [*product(*(profile["targets"] for profile in profiles))]
    if found := [*_blending_violations(profiles, questions, len(cells))]:
        raise problems.invalid_profiles([violation.json() for violation in found])
    locale, goal = body["locale"], body["completes_goal"]
    weights = [prod(_weight(target, profiling, locale) for target in cell) for cell in cells]
    shares = [share / 100 for share in _apportioned(10_000, weights)]
    goals = _apportioned(goal, weights)
    new_id = context.state.identifiers.ulid
    return HandlerResponse(
        201,
        {
            "object": "blended",
            "quotas_enabled": True,
            "name": " x ".join(profile.get("name") or f"Question {min(questions_in(profile))}" for profile in profiles),
            "description": " ".join(question_text(question, locale) for question in questions),
            "targets": [
                {
                    "id": new_id(),
                    "name": (text := ", ".join(_name(target, locale) for target in cell)),
                    "text": text,
                    "conditions": [condition for target in cell for condition in target["conditions"]],
                    "quota": {"completes_goal_percentage": share, "completes_goal": number, "quota_nominal": number},
                }
                for cell, share, number in zip(cells, shares, goals, strict=True)
            ],
        },
    )


def _blending_violations(
    profiles: Sequence[Mapping[str, Any]], questions: Sequence[int], quotas: int
) -> Sequence[Violation]:
    objects = {one["object"] for profile in profiles for target in profile["targets"] for one in target["conditions"]}
    return [
        *([broken_rule(49, *set(questions))] if len(set(questions)) < len(profiles) else []),
        *([broken_rule(21)] if "open_ended" in objects else []),
        *([broken_rule(24)] if quotas > _MOST_QUOTAS else []),
    ]


def _weight(target: Mapping[str, Any], profiling: Mapping[str, Any], locale: str) -> float:
    """Return the share of a target in its profile: its quota, or its share of the panelists if it has none."""
    name = "completes_goal_percentage" if profiling["profile_adjustment_type"] == "percentage" else "completes_goal"
    quota: Mapping[str, float] = target.get("quota") or {}
    return quota[name] if name in quota else reach_of([{"targets": [target]}], locale)


def _name(target: Mapping[str, Any], locale: str) -> str:
    quota: Mapping[str, str] = target.get("quota") or {}
    return (
        target.get("name")
        or quota.get("name")
        or ", ".join(condition_name(condition, locale) for condition in target["conditions"])
    )


def _apportioned(total: int, weights: Sequence[float]) -> list[int]:
    """Return whole numbers in proportion to weights, with this sum."""
    whole = sum(weights) or 1
    exact = [total * weight / whole for weight in weights]
    found = [int(number) for number in exact]
    rest = sorted(range(len(exact)), key=lambda index: found[index] - exact[index])[: total - sum(found)]
    return [number + (index in rest) for index, number in enumerate(found)]


def calculate_supplier_distribution(context: RequestContext) -> HandlerResponse:
    """Return the profile of the request: its goals are the expected completes."""
    body = context.json_object()
    read_timestamps(body, "start_at", "end_at")
    profile: object = body.get("profile")
    profiling = {"profile_adjustment_type": body.get("profile_adjustment_type"), "profiles": [profile]}
    _checked({**body, "profiling": profiling}, has_title=True, only_malformed=True)
    return HandlerResponse(200, profile)


def _checked(body: Mapping[str, Any], *, has_title: bool = False, only_malformed: bool = False) -> dict[str, Any]:
    """Return the profiling of a request; 400 if it is malformed, 422 if it breaks rules.

    Args:
        body: The decoded body.
        has_title: True for the operations whose error bodies have a title.
        only_malformed: True for an operation without a 422: broken rules are a 400 there.
    """
    goal, profiling, locale = body.get("completes_goal"), body.get("profiling"), body.get("locale")
    if not isinstance(goal, int) or isinstance(goal, bool) or goal < 1:
        raise problems.malformed_profiles("completes_goal", "Must be a whole number, at least 1.", has_title=has_title)
    if str(locale) not in LOCALES:
        raise problems.malformed_profiles("locale", "Is unknown.", has_title=has_title)
    if not isinstance(profiling, dict):
        raise problems.malformed_profiles("profiling", "Must be an object.", has_title=has_title)
    given = cast("dict[str, Any]", profiling)
    found = find_violations(given, goal, str(locale))
    malformed = next((one for one in found if only_malformed or not one.is_rule), None)
    if malformed is not None:
        raise problems.malformed_profiles(malformed.name, malformed.reason, has_title=has_title)
    if found:
        raise problems.invalid_profiles([violation.json() for violation in found])
    return given
