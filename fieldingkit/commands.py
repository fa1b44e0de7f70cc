"""The grammar: what a command is, and what can be read off its class.

A command is a frozen attrs class with one descriptor, its ``endpoint``. Everything else follows from the class:
names in the path template go into the path, ``if_match`` and ``idempotency_key`` into their headers, the other fields
into the query of a GET or DELETE and into the JSON body of the rest.
"""

import enum
import functools
import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar, get_args, get_origin
from urllib.parse import unquote, urlsplit

import attrs

from fieldingkit.errors import InvalidCommandError
from fieldingkit.idempotency import RetrySafety

__all__ = ["Command", "Endpoint", "JobAccepted", "JobCommand", "JobResult", "JobStatus", "OpenEnum"]


R_co = TypeVar("R_co", covariant=True)

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@attrs.frozen
class Endpoint:
    """Where a command goes: method, path template and the API's own name of the operation."""

    method: str
    """The HTTP method."""
    path: str
    """The path template below the base URL, with ``{names}`` of the command's fields."""
    operation_id: str = attrs.field(kw_only=True)
    """The operation's id in the published contract."""
    read_only: bool = attrs.field(default=False, kw_only=True)
    """Whether it changes nothing although its method could."""

    @property
    def path_fields(self) -> tuple[str, ...]:
        """The names in the path template, in order."""
        return tuple(_PLACEHOLDER.findall(self.path))


# What converters and validators trip over when they are given another type than a type checker would let pass.
_BAD_INPUT = (TypeError, ValueError, AttributeError)


def _refusing(cls: type, init: Callable[..., None]) -> Callable[..., None]:
    """Have a field that is left out, or one that there is not, refused like any other bad input."""

    @functools.wraps(init)
    def refusing(self: object, **fields: object) -> None:
        try:
            init(self, **fields)
        except InvalidCommandError:
            raise
        except _BAD_INPUT as exc:
            name, rule = _what_is_wrong(cls, fields)
            raise InvalidCommandError(f"{cls.__name__} {rule}", field=name) from exc

    return refusing


def _what_is_wrong(cls: type, fields: Mapping[str, object]) -> tuple[str | None, str]:
    """Which field kept a command from being made, and what is wrong with it."""
    known = {field.name: field for field in attrs.fields(cls) if field.init}
    for name in fields:
        if name not in known:
            return name, f"has no {name}"
    for name, field in known.items():
        if name not in fields and field.default is attrs.NOTHING:
            return name, f"needs {name}"
        if name in fields and not _is_taken(cls, field, fields[name]):
            return name, f"cannot do with this {name}: {fields[name]!r:.60}"
    return None, "cannot be made of these fields"


def _is_taken(cls: type, field: "attrs.Attribute[Any]", value: object) -> bool:
    convert: Callable[[object], object] | None = getattr(field, "converter", None)
    try:
        if convert is not None:
            value = convert(value)
        if field.validator is not None:
            field.validator(object.__new__(cls), field, value)
    except _BAD_INPUT:
        return False
    return True


@attrs.frozen(kw_only=True)
class Command(Generic[R_co]):
    """One operation of the API as a value; ``R`` is what carrying it out gives."""

    endpoint: ClassVar[Endpoint]
    """Where the command goes."""

    @classmethod
    def __attrs_init_subclass__(cls) -> None:
        type.__setattr__(cls, "__init__", _refusing(cls, cls.__init__))

    @classmethod
    def result_type(cls) -> Any:
        """The ``R`` of ``Command[R]``."""
        return type_argument(cls, Command)

    @classmethod
    def retry_safety(cls) -> RetrySafety:
        """What protects this command from being applied twice."""
        names = {field.name for field in attrs.fields(cls)}
        if cls.endpoint.read_only or cls.endpoint.method in {"GET", "HEAD"}:
            return RetrySafety.READ
        if "idempotency_key" in names:
            return RetrySafety.IDEMPOTENCY_KEY
        return RetrySafety.IF_MATCH if "if_match" in names else RetrySafety.NONE

    def replace(self, **changes: Any) -> Self:
        """The same command with some fields changed."""
        return attrs.evolve(self, **changes)


class JobResult(Protocol):
    """What every status of a job has, whatever the job does."""

    @property
    def job_id(self) -> str:
        """The API's id of the job."""
        ...

    @property
    def status(self) -> "JobStatus":
        """Whether it is still being worked on."""
        ...


@attrs.frozen(kw_only=True)
class JobAccepted:
    """The API took a job on; it says where to look for it, not yet how it went."""

    location: str
    """The ``Location`` header, byte for byte."""
    retry_after: float | None = None
    """Seconds after which the API suggests to look; None if it did not say."""
    idempotency_key: str | None = None
    """The key that the job was created with: sending the command again with it makes no second job."""

    @property
    def job_id(self) -> str:
        """The API's id of the job: the last segment of ``location``; empty if there is none."""
        try:
            path = urlsplit(self.location).path.rstrip("/")
        except ValueError:  # such as a bracket that is not closed
            return ""
        return unquote(path.rsplit("/", 1)[-1])


@attrs.frozen(kw_only=True)
class JobCommand(Command[JobAccepted], Generic[R_co]):
    """A command that starts a job; ``R`` is what the finished job gives."""

    status_command: ClassVar[type[Command[Any]]]
    """The command that reads this job."""

    @classmethod
    def job_result_type(cls) -> Any:
        """The ``R`` of ``JobCommand[R]``."""
        return type_argument(cls, JobCommand)


class OpenEnum(enum.StrEnum):
    """An enumeration that the API may extend: an unknown value is kept as it came, and compares as its text."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        # Older versions of the API spelled run states with a capital.
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
        """Whether this release of fieldingkit knows the value."""
        return self.value in type(self)._value2member_map_


class JobStatus(OpenEnum):
    """Where a job stands."""

    PROCESSING = "Processing"
    COMPLETED = "Completed"
    FAILED = "Failed"

    @property
    def terminal(self) -> bool:
        """Whether the job has ended; an unknown status has not."""
        return self in (JobStatus.COMPLETED, JobStatus.FAILED)


def type_argument(cls: type, generic: type) -> Any:
    """What a class derived from ``generic[X, ...]`` has for ``X``."""
    for base in cls.__mro__:
        for original in base.__dict__.get("__orig_bases__", ()):
            if get_origin(original) is generic and not isinstance(get_args(original)[0], TypeVar):
                return get_args(original)[0]
    raise TypeError(f"{cls.__name__} does not say what it gives: derive it from {generic.__name__}[...]")
