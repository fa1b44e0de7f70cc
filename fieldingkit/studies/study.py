"""Studies: a project and its target groups as a readable file.

::

    schema = 1

    [project]
    reference = "TRACKER-2036"
    name = "Brand tracker 2036"
    project_manager_id = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"

    [defaults]
    business_unit_id = "1234"
    start_at = 2036-02-01T08:00:00Z
    ...

    [target_groups.TRACKER-2036-US]
    name = "Tracker 2036, United States"
    locale = "eng_us"

A table of ``target_groups`` is named as the customer reference of its target group. It takes from ``[defaults]`` what
it does not say; tables within both are merged. The other keys are the fields of ``CreateTargetGroup``, except for
``start_at``, ``end_at``, ``profiles`` and ``profile_template_id``.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cache, partial
from os import PathLike
from pathlib import Path
from typing import Any, Final, Self

import attrs
from cattrs.errors import BaseValidationError

from fieldingkit.errors import FieldingKitError, InvalidCommandError
from fieldingkit.resources.target_group_drafts import CreateTargetGroup, FieldingSpecification
from fieldingkit.studies import values
from fieldingkit.studies.document import Document, Problems
from fieldingkit.studies.profile_tables import ProfileTable, problems_of_profiles, profiling_of
from fieldingkit.studies.reasons import reason_of
from fieldingkit.validators import length, reference, ulid, uuid

__all__ = ["Study", "StudyProject", "StudyTargetGroup", "field_of", "kinds_of_settings"]

_ANY_PROJECT: Final = "0" * 26
_REFERENCE: Final = "target_group_customer_reference_number"
_NOT_KEYS: Final = frozenset({"account_id", "project_id", "others", _REFERENCE})
"""The fields of ``CreateTargetGroup`` that a table does not have; the reference is its name."""
_IN_PARTS: Final[dict[str, dict[str, Any]]] = {
    "fielding_specification": {"start_at": datetime, "end_at": datetime},
    "profiling": {"profile_template_id": str, "profiles": dict[str, Any]},
}
"""The fields that a table has in parts, with their keys and the kinds of these."""

_Report = Callable[[values.Path, str], None]


@attrs.frozen(kw_only=True)
class StudyProject:
    """The project of a study."""

    name: str = attrs.field(validator=length(5, 128))
    """The project's name, 5 to 128 characters."""
    project_manager_id: str = attrs.field(validator=uuid)
    """The id of the user who manages it, a UUID; also of the target groups, unless they say otherwise."""
    reference: str | None = attrs.field(default=None, validator=reference)
    """The account's own reference, by which the project is found."""
    id: str | None = attrs.field(default=None, validator=attrs.validators.optional(ulid))
    """The ULID of a project that exists; it is found by this id then."""


@attrs.frozen(kw_only=True)
class StudyTargetGroup:
    """A target group of a study."""

    reference: str
    """The account's own reference, by which the target group is found."""
    id: str | None = attrs.field(default=None, validator=attrs.validators.optional(ulid))
    """The ULID of a draft that exists; it is found by this id then."""
    command: CreateTargetGroup
    """The command that creates it, except for its ``project_id``."""
    given: frozenset[str]
    """The fields of the command that the file gives; a draft that exists keeps its own value of any other."""


@attrs.frozen(kw_only=True)
class Study:
    """A project and its target groups, as a file describes them."""

    project: StudyProject
    """The project."""
    target_groups: tuple[StudyTargetGroup, ...]
    """The target groups."""

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Return the study in a file.

        Raises:
            InvalidStudyError: The file is invalid; the error lists all problems.
            OSError: The file cannot be read.
        """
        try:
            text = Path(path).read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as exc:
            raise Problems(str(path)).error("it is not UTF-8 text") from exc
        return cls.parse(text, name=str(path))

    @classmethod
    def parse(cls, text: str, *, name: str = "the study") -> Self:
        """Return the study in a text.

        Args:
            text: The content of a study file.
            name: The name of the file, for errors.

        Raises:
            InvalidStudyError: The text is invalid; the error lists all problems.
        """
        problems = Problems(name)
        document = Document.parse(text, problems)
        project = _read_project(document.project, partial(problems.add, "[project]"))
        if "id" in document.defaults:
            problems.add("[defaults]", ("id",), "is of one target group; write it into its table")
        groups = [_read_group(document, reference, problems) for reference in document.target_groups]
        if problems.found or project is None:
            raise problems.error()
        return cls(project=project, target_groups=tuple(group for group in groups if group is not None))


def _read_project(table: Mapping[str, Any], report: _Report) -> StudyProject | None:
    if not table:  # reported as missing
        return None
    kinds = {field.name: field.type for field in attrs.fields(StudyProject)}
    found = _read_values(table, kinds, report)
    required = [field.name for field in attrs.fields(StudyProject) if field.default is attrs.NOTHING]
    for name in required:
        if name not in table:
            report((), f"has no {name}")
    if "reference" not in table and "id" not in table:
        report((), "has neither a reference nor an id, by which the project is found")
    problems = [problem for _, problem in _check_fields(StudyProject, found)]
    for problem in problems:
        report((), problem)
    return None if problems or not {*required} <= found.keys() else StudyProject(**found)


def _read_group(document: Document, name: str, problems: Problems) -> StudyTargetGroup | None:
    is_valid = True

    def report(path: values.Path, problem: str, place_of: values.Path | None = None) -> None:
        nonlocal is_valid
        is_valid = False
        problems.add(document.place(name, path if place_of is None else place_of), path, problem)

    table = document.settings(name)
    found = _read_values(table, {"id": str, **kinds_of_settings()}, report)
    if "profiles" in found:  # each is read by itself, so that one hides no problem of another
        profiles: dict[str, Any] = found["profiles"]
        found["profiles"] = _read_values(profiles, dict.fromkeys(profiles, ProfileTable), report, ("profiles",))
    for key in _required():
        if key not in table:
            report((), f"has no {key}")
    for key, problem in (
        *_check_fields(StudyTargetGroup, found),
        *_check_fields(CreateTargetGroup, {**found, _REFERENCE: name}),
    ):
        report((), problem.replace(_REFERENCE, "the name of the table"), () if key == _REFERENCE else (key,))
    if "start_at" in found and "end_at" in found and found["start_at"] >= found["end_at"]:
        report((), "end_at must be after start_at", ("end_at",))
    for path, problem in problems_of_profiles(found.get("profiles", {}), has_template="profile_template_id" in found):
        report(("profiles", *path), problem)
    if not is_valid:
        return None
    identity = found.pop("id", None)
    given = frozenset(map(field_of, found))
    try:
        command = _command(name, found)
    except InvalidCommandError as exc:
        report((), reason_of(exc))
        return None
    return StudyTargetGroup(reference=name, id=identity, command=command, given=given)


def _command(name: str, found: dict[str, Any]) -> CreateTargetGroup:
    period = FieldingSpecification(start_at=found.pop("start_at"), end_at=found.pop("end_at"))
    profiling = profiling_of(found.pop("profiles", {}), found.pop("profile_template_id", None))
    return CreateTargetGroup(
        project_id=_ANY_PROJECT,
        target_group_customer_reference_number=name,
        fielding_specification=period,
        profiling=profiling,
        **found,
    )


@cache
def kinds_of_settings() -> dict[str, Any]:
    """Return the keys of a target group's table with the kinds of their values."""
    kinds: dict[str, Any] = {}
    for field in attrs.fields(attrs.resolve_types(CreateTargetGroup)):
        if field.name in _IN_PARTS:
            kinds |= _IN_PARTS[field.name]
        elif field.name not in _NOT_KEYS:
            kinds[field.name] = field.type
    return kinds


def field_of(key: str) -> str:
    """Return the field of ``CreateTargetGroup`` that a key of a target group's table belongs to."""
    return next((field for field, parts in _IN_PARTS.items() if key in parts), key)


@cache
def _required() -> tuple[str, ...]:
    required = {field.name for field in attrs.fields(CreateTargetGroup) if field.default is attrs.NOTHING}
    return tuple(key for key in kinds_of_settings() if field_of(key) in required)


def _read_values(
    table: Mapping[str, Any], kinds: Mapping[str, Any], report: _Report, path: values.Path = ()
) -> dict[str, Any]:
    """Return the values of a table by their keys, without those that cannot be read."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        if key not in kinds:
            report((key,), values.unknown_key(key, kinds))
            continue
        try:
            found[key] = values.read_value(value, kinds[key])
        except (BaseValidationError, FieldingKitError, ValueError) as exc:
            for part, problem in values.problems_of(exc, (*path, key)):
                report(part, problem)
    return found


def _check_fields(kind: type[Any], found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the fields of a class whose values its validators refuse, and the problems; each names its field."""
    for field in attrs.fields(kind):
        if field.validator is None or field.name not in found:
            continue
        try:
            field.validator(object.__new__(kind), field, found[field.name])
        except InvalidCommandError as exc:
            yield field.name, reason_of(exc)
