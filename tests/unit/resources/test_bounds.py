"""The contract's bounds are checked before anything is sent: kinds, sizes, patterns, lengths and formats.

The cases are derived from the published contract, if a copy of it is present; the named ones at the end are our own.
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, get_args, get_origin

import attrs
import pytest
from support.command_samples import BY_COMMAND, BY_NAME
from support.published_contract import CONTRACT, Contract, Schema, load_document
from support.resource_wire import GROUP, PROJECT, commands_by_operation

from fieldingkit.commands import Command
from fieldingkit.errors import InvalidCommandError
from fieldingkit.resources.batch_jobs import PauseTargetGroups, UpdateProjectManagers
from fieldingkit.resources.fielding_assistant import (
    FieldingAssistantAssignment,
    Pacing,
    PacingType,
    PutFieldingAssistantAssignment,
    QuotaOverlay,
    SoftLaunch,
)
from fieldingkit.resources.fielding_runs import GetFieldingRun, PauseFieldingRun
from fieldingkit.resources.projects import ListProjects
from fieldingkit.resources.target_group_changelog import GetTargetGroupChangelog
from fieldingkit.resources.target_group_goals import ProfileGoal, QuotaGoal, TargetGoal, UpdateProfileFillingGoal
from fieldingkit.resources.target_group_progress import GetTargetGroupCompletes
from fieldingkit.resources.target_groups import ComputeTargetGroupTransitions, ListTargetGroups, TargetGroupFilters
from fieldingkit.resources.webhooks import CreateWebhook

COMMANDS: Final = commands_by_operation()
LATER: Final = datetime(2036, 1, 1, tzinfo=UTC)

_VALID: Final = {
    "uuid": "b551326b-ac9d-4d32-8823-4f025787dab9",
    "ulid": GROUP,
    "date-time": LATER,
    "url": "https://example.com",
    "etag": '"1"',
    "duration": "P1D",
    "^[0-9A-Z]{26}$": GROUP,
    "^[a-z]{2}$": "us",
    "^[a-z]{3}$": "eng",
}
_NAMED: Final = {
    "business_unit_id": "1234",
    "locale": "eng_us",
    "rid": "b551326b-ac9d-4d32-8823-4f025787dab9",
    "locales": ["eng_us"],
    "start_at": LATER,
    "end_at": LATER + timedelta(days=1),
}
"""Valid values of members whose form the contract describes in words only."""
REQUIRES_MORE: Final = {
    "AddToExclusionGroup",
    "DeleteWebhook",
    "GenerateReport",
    "GetRateCard",
    "PredictPrice",
    "ShareReport",
    "RemoveFromExclusionGroup",
    "SetActivityExclusions",
    "SuggestDays",
    "SuggestTimeRange",
    "UpdateAllocationSpecification",
    "UpdateAllocationTemplate",
    "UpdateCostPerInterview",
    "UpdateExclusionGroup",
    "UpdateProfileFillingGoal",
    "UpdateProjectExclusions",
    "UpdateProjectManagers",
    "UpdateTargetGroupDetails",
    "UpdateWebhook",
    "UploadExclusions",
    "UploadRecontactRespondentIds",
    "UploadRecontacts",
}
"""Commands that reject some fields that the contract's schema allows, since they make no sense."""


def valid(contract: Contract, schema: Schema) -> Any:
    """Return a value that a schema allows, with required members only."""
    form = contract.variants(schema)[0]
    if "enum" in form:
        return form["enum"][0]
    match form.get("type"):
        case "object":
            return {name: valid(contract, form["properties"][name]) for name in form.get("required", ())}
        case "array":
            return [valid(contract, form["items"])]
        case "string":
            known = _VALID.get(form.get("pattern", "")) or _VALID.get(form.get("format", "").lower())
            return known or "x" * form.get("minLength", 3)
        case "boolean":
            return True
        case _:
            return 1 if form.get("exclusiveMinimum") else form.get("minimum", 1)


def violations(contract: Contract, schema: Schema) -> Iterator[Any]:
    """Yield values that a schema forbids, each in one place."""
    for form in contract.variants(schema):
        kind = form.get("type")
        if kind == "object":
            yield from _broken_objects(contract, form)
        elif kind == "array":
            yield from _broken_lists(contract, form)
        elif kind == "string":
            yield from _broken_texts(form)
        elif kind == "boolean":
            yield from ("yes", 2)
        elif kind in {"integer", "number"}:
            yield from _broken_numbers(form)


def _broken_objects(contract: Contract, form: Schema) -> Iterator[Any]:
    yield from ("x", 7)
    base = valid(contract, form)
    for name, member in form["properties"].items():
        if member.get("deprecated"):
            continue
        yield from ({**base, name: broken} for broken in violations(contract, member))


def _broken_lists(contract: Contract, form: Schema) -> Iterator[Any]:
    yield from (7, [7])
    item = valid(contract, form["items"])
    if form.get("minItems"):
        yield []
    if "maxItems" in form:
        numbers = range(form["maxItems"] + 1)
        # Texts differ, since duplicates are sent once.
        yield [f"{number:026}" for number in numbers] if isinstance(item, str) else [item for _ in numbers]
    if form.get("uniqueItems") and isinstance(item, dict):
        yield [item, item]
    yield from ([broken] for broken in violations(contract, form["items"]))


def _broken_texts(form: Schema) -> Iterator[Any]:
    yield 7
    if form.get("minLength"):
        yield "x" * (form["minLength"] - 1)
    if "maxLength" in form:
        yield "x" * (form["maxLength"] + 1)
    if "pattern" in form or form.get("format", "etag") != "etag":
        yield from ("no such thing?", "US\n")
    if form.get("format") == "date-time":
        yield datetime(2036, 1, 1)
    if form.get("format") == "etag":
        yield from ("", "*", "a\nb")


def _broken_numbers(form: Schema) -> Iterator[Any]:
    yield from ("ten", True)
    if form["type"] == "integer" or form.get("format", "").startswith("int"):
        yield 1.5
    described = re.search(r"between (\d+) and (\d+)", form.get("description", ""))
    lowest, highest = map(int, described.groups()) if described else (form.get("minimum"), form.get("maximum"))
    if lowest is not None:
        yield lowest - 1
    if highest is not None:
        yield highest + 1
    if form.get("format") == "int32":
        yield 2**31


def build(hint: Any, value: Any) -> Any:
    """Return JSON as the objects that a command takes; values that do not fit are passed on as they are."""
    hint = next((kind for kind in (hint, *get_args(hint)) if attrs.has(kind) or get_origin(kind) is tuple), hint)
    if attrs.has(hint) and isinstance(value, dict):
        fields = attrs.fields_dict(attrs.resolve_types(hint))
        return hint(**{name: build(fields[name].type if name in fields else Any, item) for name, item in value.items()})
    if get_origin(hint) is tuple and isinstance(value, list):
        return [build(get_args(hint)[0], item) for item in value]
    return Decimal(value) if Decimal in (hint, *get_args(hint)) and isinstance(value, str) else value


def inputs(contract: Contract, operation_id: str) -> Iterator[tuple[dict[str, Any], dict[str, Schema]]]:
    """Yield valid fields of a command, and the schemas of all its fields: one pair for each form of its body."""
    operation, kind = contract.operations[operation_id], COMMANDS[operation_id]
    accepted = {field.name for field in attrs.fields(kind) if field.init}
    names = {field.metadata.get("query", field.name): field.name for field in attrs.fields(kind)}
    schemas: dict[str, Schema] = {}
    base: dict[str, Any] = {}
    for parameter in operation.parameters:
        name = names.get(parameter["name"], parameter["name"].lower().replace("-", "_"))
        if name in accepted:
            schemas[name] = {"description": parameter.get("description", ""), **contract.resolve(parameter["schema"])}
            if parameter.get("required"):
                base[name] = _NAMED.get(name) or valid(contract, parameter["schema"])
    whole = [field.name for field in attrs.fields(kind) if "body" in field.metadata]
    for form in contract.variants(operation.body) if operation.body else [Schema(type="object")]:
        if whole and operation.body is None:  # a file, with its own tests
            yield {**base, whole[0]: BY_COMMAND[kind.__name__][whole[0]]}, schemas
        elif whole:
            required = {name: valid(contract, form["properties"][name]) for name in form.get("required", ())}
            yield {**base, whole[0]: {**required, "etag": '"1"'}}, {**schemas, whole[0]: form}
        else:
            members, required = _members(contract, kind, form)
            yield {**base, **required}, {**schemas, **members}


def _members(contract: Contract, kind: type[Command[Any]], form: Schema) -> tuple[dict[str, Schema], dict[str, Any]]:
    """Return the schemas of a body's members and valid values of the required ones, both by the names of fields."""
    schemas: dict[str, Schema] = {}
    required: dict[str, Any] = {}
    for field in attrs.fields(kind):
        owner, _, name = field.metadata.get("name", field.name).rpartition(".")
        holder = contract.resolve(form["properties"][owner]) if owner else form
        schema = holder.get("properties", {}).get(name)
        if schema is None:
            continue
        is_required = name in holder.get("required", ()) and (not owner or owner in form.get("required", ()))
        if "write" in field.metadata:  # it has a form of its own here, with its own tests
            own = BY_COMMAND.get(kind.__name__, BY_NAME)
            required |= {field.name: own[field.name]} if is_required else {}
            continue
        schemas[field.name] = contract.resolve(schema)
        required |= {field.name: _NAMED.get(field.name) or valid(contract, schema)} if is_required else {}
    return schemas, required


@pytest.fixture(scope="session")
def contract() -> Contract:
    """Return the published contract."""
    if not CONTRACT.exists():
        pytest.skip(f"there is no copy of the published contract: {CONTRACT}")
    return Contract(load_document(), COMMANDS)


def refused(kind: type[Command[Any]], fields: dict[str, Any]) -> bool:
    """Return True if a command cannot be built from JSON-like fields, with an error that names a field."""
    hints = {field.name: field.type for field in attrs.fields(attrs.resolve_types(kind))}
    try:
        kind(**{name: build(hints[name], value) for name, value in fields.items()})
    except InvalidCommandError as exc:
        return exc.field is not None
    return False


@pytest.mark.parametrize("operation_id", sorted(COMMANDS))
def test_the_bounds_of_the_contract_are_checked(contract: Contract, operation_id: str) -> None:
    """Every value that the contract's schema forbids is refused before it is sent."""
    kind = COMMANDS[operation_id]
    passed: list[tuple[str, Any]] = []
    for base, schemas in inputs(contract, operation_id):
        for name, schema in schemas.items():
            for broken in violations(contract, schema):
                value = {**broken, "etag": '"1"'} if name == "assignment" and isinstance(broken, dict) else broken
                if not refused(kind, {**base, name: value}):
                    passed.append((name, broken))
    assert not passed


@pytest.mark.parametrize("operation_id", sorted(COMMANDS))
def test_what_the_contract_allows_is_accepted(contract: Contract, operation_id: str) -> None:
    """The smallest fields that the contract allows make a command."""
    kind = COMMANDS[operation_id]
    if kind.__name__ in REQUIRES_MORE:
        pytest.skip("this command requires more than the contract's schema; its own tests check what")
    for base, _ in inputs(contract, operation_id):
        assert not refused(kind, base)


MANAGER = "b551326b-ac9d-4d32-8823-4f025787dab9"
SOFT = {"end_at": LATER, "filling_goal_percentage": 10, "demographics_strictness_percentage": 0}
GOAL = TargetGoal(id=GROUP, quota=QuotaGoal(completes_goal=1))
GROUP_IDS: dict[str, Any] = {"project_id": PROJECT, "target_group_id": GROUP}


def _put(**modules: Any) -> PutFieldingAssistantAssignment:
    return PutFieldingAssistantAssignment(**GROUP_IDS, assignment=FieldingAssistantAssignment(etag='"1"', **modules))


def _goal(**fields: Any) -> UpdateProfileFillingGoal:
    return UpdateProfileFillingGoal(**GROUP_IDS, **fields)


INVALID: list[tuple[str, Callable[..., object], dict[str, Any]]] = [
    ("page_size", ListProjects, {"page_size": "ten"}),
    ("page_size", ListProjects, {"page_size": 0}),
    ("page_size", ListProjects, {"page_size": 101}),
    ("page_size", GetTargetGroupChangelog, {**GROUP_IDS, "page_size": 51}),
    ("search_string", ListProjects, {"search_string": "four"}),
    ("search_string", ListProjects, {"search_string": 12345}),
    ("search_string", ListTargetGroups, {"project_id": PROJECT, "search_string": 12345}),
    ("project_manager_id", ListProjects, {"project_manager_id": "ann"}),
    ("account_id", ListProjects, {"account_id": 2**31}),
    ("country", ListTargetGroups, {"project_id": PROJECT, "country": ["US"]}),
    ("language", ListTargetGroups, {"project_id": PROJECT, "language": ["en"]}),
    ("human_readable_ids", ListTargetGroups, {"project_id": PROJECT, "human_readable_ids": ["TG1"]}),
    ("exclusion_status", ListTargetGroups, {"project_id": PROJECT, "exclusion_status": "yes"}),
    ("country", TargetGroupFilters, {"country": ["US"]}),
    ("filters", ComputeTargetGroupTransitions, {"project_id": PROJECT, "filters": {"country": ["us"]}}),
    ("project_manager_id", UpdateProjectManagers, {"project_id": PROJECT, "target_group_ids": [GROUP]}),
    (
        "project_manager_id",
        UpdateProjectManagers,
        {"project_id": PROJECT, "target_group_ids": [GROUP], "project_manager_id": None},
    ),
    ("url", CreateWebhook, {"url": None, "events": ["session-updated"]}),
    ("events", CreateWebhook, {"url": "https://example.com", "events": None}),
    ("completes_goal", QuotaGoal, {"completes_goal": None}),
    ("if_match", PauseFieldingRun, {**GROUP_IDS, "fielding_run_id": "r", "if_match": "*"}),
    ("aggregation_interval", GetTargetGroupCompletes, {**GROUP_IDS, "aggregation_interval": "a day"}),
    ("completes_goal", QuotaGoal, {"completes_goal": 0}),
    ("id", TargetGoal, {"id": "q1", "quota": QuotaGoal(completes_goal=1)}),
    ("quota", TargetGoal, {"id": GROUP, "quota": 7}),
    ("targets", ProfileGoal, {"profile_id": "p", "targets": [GOAL, GOAL]}),
    ("completes_goal", _goal, {"completes_goal": 0}),
    ("completes_goal", _goal, {"completes_goal": 10, "profiles": [ProfileGoal(profile_id="p", targets=[GOAL])]}),
    ("profiles", _goal, {"profiles": [{"profile_id": "p"}]}),
    ("assignment", PutFieldingAssistantAssignment, {**GROUP_IDS, "assignment": None}),
    ("assignment", _put, {"pacing": Pacing(type=PacingType.LINEAR, increment_interval="daily")}),
    ("assignment", _put, {"pacing": Pacing(type="gemini", exposed_target_group_id="x")}),
    ("assignment", _put, {"soft_launch": SoftLaunch(**{**SOFT, "filling_goal_percentage": 0})}),
    ("pacing", _put, {"pacing": "linear"}),
    ("type", Pacing, {"type": 7}),
    ("prevent_overfill", QuotaOverlay, {"prevent_overfill": "yes", "balance_fill": True}),
    ("fielding_run_id", GetFieldingRun, {**GROUP_IDS, "fielding_run_id": None}),
    ("target_group_ids", PauseTargetGroups, {"project_id": PROJECT, "target_group_ids": [None]}),
]


@pytest.mark.parametrize(("field", "make", "fields"), INVALID)
def test_invalid_fields_are_refused_by_name(field: str, make: Callable[..., object], fields: dict[str, Any]) -> None:
    """Values out of bounds and of the wrong kind are InvalidCommandErrors that name the field."""
    with pytest.raises(InvalidCommandError) as caught:
        make(**fields)
    assert caught.value.field == field


def test_fields_are_given_by_name() -> None:
    """Positional arguments are an InvalidCommandError, not a TypeError."""
    kind: Any = PauseTargetGroups
    with pytest.raises(InvalidCommandError, match="by name"):
        kind(PROJECT)


def test_endless_values_are_refused() -> None:
    """A value that contains itself is an InvalidCommandError, not a RecursionError."""
    endless: list[Any] = []
    endless.append(endless)
    fields: dict[str, Any] = {"project_id": PROJECT, "target_group_ids": endless}
    with pytest.raises(InvalidCommandError) as caught:
        PauseTargetGroups(**fields)
    assert len(str(caught.value)) < 300


def test_new_members_of_enumerations_are_accepted() -> None:
    """Enumerations stay open: a status that this release does not know is sent as it is."""
    statuses: Any = ["live", "hibernating"]
    command = ListTargetGroups(project_id=PROJECT, status=statuses)
    assert [status.value for status in command.status or ()] == ["live", "hibernating"]
