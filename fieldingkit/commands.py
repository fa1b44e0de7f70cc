"""Commands: one operation of the API as a value, and the base classes for new ones.

A command is a frozen attrs class with one descriptor, its ``endpoint``. Everything else follows from the class: names
in the path template become the path, ``if_match`` and ``idempotency_key`` become headers, all other fields become the
query of a GET or DELETE and the JSON body of any other method. ``fieldingkit.command_plan`` lists the exceptions::

    @attrs.frozen(kw_only=True)
    class GetProject(ProjectCommand[Project]):
        endpoint: ClassVar[Endpoint] = Endpoint("GET", ".../projects/{project_id}", operation_id="get_project_by_id")
"""

import enum
import functools
import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Generic, Self, TypeVar, cast, get_args, get_origin

import attrs

from fieldingkit import validators
from fieldingkit._repr import brief_repr
from fieldingkit.apis import Api
from fieldingkit.errors import InvalidCommandError
from fieldingkit.idempotency import RetrySafety
from fieldingkit.validators import misfit_finders

__all__ = [
    "AccountCommand",
    "Command",
    "CommandPart",
    "DownloadCommand",
    "Endpoint",
    "OpenEnum",
    "OpenIntEnum",
    "ProjectCommand",
    "TargetGroupCommand",
]


R_co = TypeVar("R_co", covariant=True)

PLACEHOLDER = re.compile(r"\{(\w+)\}")


@attrs.frozen
class Endpoint:
    """The API operation of a command: method, path template and operation id."""

    method: str
    """The HTTP method."""
    path: str
    """The path template below the base URL, with ``{names}`` of the command's fields."""
    operation_id: str = attrs.field(kw_only=True)
    """The operation's id in the published contract."""
    read_only: bool = attrs.field(default=False, kw_only=True)
    """True for a POST that changes nothing."""
    api: Api = attrs.field(default=Api.DEMAND, kw_only=True)
    """The API that has the operation."""

    @property
    def only_reads(self) -> bool:
        """True if the operation changes nothing."""
        return self.read_only or self.method in {"GET", "HEAD"}

    @property
    def path_fields(self) -> tuple[str, ...]:
        """The fields that the path template names, in order."""
        return tuple(name.lower() for name in PLACEHOLDER.findall(self.path))


def _checked(cls: type, init: Callable[..., None]) -> Callable[..., None]:
    """Wrap a constructor so that missing, unknown and unfit fields raise InvalidCommandError."""

    @functools.wraps(init)
    def checked_init(self: object, *args: object, **fields: object) -> None:
        if args:
            raise InvalidCommandError(f"{cls.__name__}: fields are given by name; got {brief_repr(args[0])}")
        try:
            init(self, **fields)
        except InvalidCommandError:
            raise
        except Exception as exc:  # a value that a type checker would have rejected may raise anything
            field, problem = _find_problem(cls, fields)
            raise InvalidCommandError(f"{cls.__name__}: {problem}", field=field) from exc
        for name, find_misfit in misfit_finders(cls):
            value = getattr(self, name)
            if path := find_misfit(value, name):
                raise InvalidCommandError(f"{cls.__name__}: {_invalid_value(path, value)}", field=name)

    return checked_init


def _invalid_value(path: str, value: object) -> str:
    return f"invalid value for {path}: {brief_repr(value)}"


def _find_problem(cls: type, fields: Mapping[str, object]) -> tuple[str | None, str]:
    """Return the field that a constructor failed on, and the problem with it."""
    known = {field.name: field for field in attrs.fields(cls) if field.init}
    for name in fields:
        if name not in known:
            return name, f"unknown field {name}"
    for name, field in known.items():
        if name not in fields and field.default is attrs.NOTHING:
            return name, f"missing field {name}"
        if name in fields and not _accepts(cls, field, fields[name]):
            return name, _invalid_value(name, fields[name])
    return None, "invalid combination of fields"


def _accepts(cls: type, field: "attrs.Attribute[Any]", value: object) -> bool:
    convert: Callable[[object], object] | None = getattr(field, "converter", None)
    try:
        if convert is not None:
            value = convert(value)
        if field.validator is not None:
            field.validator(object.__new__(cls), field, value)
    except Exception:  # noqa: BLE001  # as in the constructor
        return False
    find_misfit = dict(misfit_finders(cls)).get(field.name)
    return find_misfit is None or find_misfit(value, field.name) is None


# The base classes of commands are neither compared nor shown: such methods would make every client slower to load.
@attrs.frozen(kw_only=True, eq=False, repr=False)
class CommandPart:
    """Base class of commands and of the objects inside them: invalid fields raise ``InvalidCommandError``."""

    @classmethod
    def __attrs_init_subclass__(cls) -> None:
        type.__setattr__(cls, "__init__", _checked(cls, cls.__init__))


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Command(CommandPart, Generic[R_co]):
    """One operation of the API as a value; sending it returns an ``R``."""

    endpoint: ClassVar[Endpoint]
    """The operation: method, path and operation id."""

    @classmethod
    def result_type(cls) -> type[R_co]:
        """Return the ``R`` of ``Command[R]``."""
        return cast("type[R_co]", type_argument(cls, Command))

    @classmethod
    def retry_safety(cls) -> RetrySafety:
        """Return what protects this command from being applied twice."""
        names = {field.name for field in attrs.fields(cls)}
        if cls.endpoint.only_reads:
            return RetrySafety.READ
        if "idempotency_key" in names:
            return RetrySafety.IDEMPOTENCY_KEY
        return RetrySafety.IF_MATCH if "if_match" in names else RetrySafety.NONE

    def replace(self, **changes: Any) -> Self:
        """Return the same command with some fields changed."""
        return attrs.evolve(self, **changes)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class AccountCommand(Command[R_co], Generic[R_co]):
    """Base class of commands on an account."""

    account_id: str | int | None = attrs.field(default=None, validator=validators.account_id)
    """The account's number; the client's account by default."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ProjectCommand(AccountCommand[R_co], Generic[R_co]):
    """Base class of commands on a project."""

    project_id: str = attrs.field(validator=validators.ulid)
    """The project's ULID."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class TargetGroupCommand(ProjectCommand[R_co], Generic[R_co]):
    """Base class of commands on a target group."""

    target_group_id: str = attrs.field(validator=validators.ulid)
    """The target group's ULID."""


class DownloadCommand(Command[None]):
    """Base class of commands whose response is a file, not JSON: ``client.download(command, path)`` saves it."""

    __slots__ = ()

    may_be_empty: ClassVar[bool] = False
    """True if the file may have no bytes, such as a list without a header that has no rows."""


class OpenEnum(enum.StrEnum):
    """An enumeration that the API may extend: unknown values are kept verbatim and compare as text."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        # Older versions of the API capitalized run states.
        folded = value.casefold()
        for member in cls:
            if member.value.casefold() == folded:
                return member
        unknown = str.__new__(cls, value)
        unknown._name_ = value
        unknown._value_ = value
        return unknown

    @property
    def known(self) -> bool:
        """True if this release of fieldingkit knows the value."""
        return self.value in type(self)._value2member_map_


class OpenIntEnum(enum.IntEnum):
    """An enumeration of numbers that the API may extend: unknown ones are kept, and compare as numbers."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if type(value) is not int:
            return None
        unknown = int.__new__(cls, value)
        unknown._name_ = f"UNKNOWN_{value}"
        unknown._value_ = value
        return unknown

    @property
    def known(self) -> bool:
        """True if this release of fieldingkit knows the value."""
        return self.value in type(self)._value2member_map_


def check_kind(command: object, kind: type) -> None:
    """Check that a value is a command of one kind.

    Raises:
        InvalidCommandError: if it is not.
    """
    if not isinstance(command, kind):
        got = (
            f"the class {command.__name__}" if isinstance(command, type) else f"an instance of {type(command).__name__}"
        )
        raise InvalidCommandError(f"expected an instance of {kind.__name__}; got {got}", field="command")


def type_argument(cls: type, generic: type) -> Any:
    """Return the ``X`` of the ``generic[X, ...]`` that a class derives from, through any generic bases between."""
    found = _first_argument(cls, generic)
    if found is None or isinstance(found, TypeVar):
        raise TypeError(f"{cls.__name__} has no result type: derive it from {generic.__name__}[...]")
    return found


def _first_argument(cls: Any, generic: type) -> Any:
    for base in getattr(cls, "__orig_bases__", cls.__bases__):
        origin, arguments = get_origin(base) or base, get_args(base)
        found = arguments[0] if origin is generic and arguments else None
        if found is None and origin is not generic and isinstance(origin, type) and issubclass(origin, generic):
            found = _first_argument(origin, generic)
            parameters = getattr(origin, "__parameters__", ())
            if isinstance(found, TypeVar) and arguments and found in parameters:
                found = arguments[parameters.index(found)]
        if found is not None:
            return found
    return None
