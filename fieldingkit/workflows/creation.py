"""Create a resource once: find it by its reference before it is created, and after an unclear outcome."""

from collections.abc import Awaitable, Callable, Mapping
from inspect import iscoroutinefunction
from typing import Any, NamedTuple, Protocol, TypeAlias

from fieldingkit._repr import brief_repr
from fieldingkit.client import AsyncClient
from fieldingkit.commands import Command
from fieldingkit.errors import ConfigurationError, DuplicateReferenceError, FieldingKitError, WorkflowError
from fieldingkit.workflows.optimistic import keep_outcome

__all__ = ["Find", "Found", "check_callback", "check_client", "find_or_create"]

_FIRST_DELAY = 0.5
_CREATED = "created now"


def check_client(client: object) -> None:
    """Refuse what is no asynchronous client."""
    if not isinstance(client, AsyncClient):
        raise ConfigurationError(f"client must be an AsyncClient; got {type(client).__name__}")


def check_callback(callback: object, name: str) -> None:
    """Refuse what cannot be called; also an asynchronous function, which would never run."""
    if callback is not None and (not callable(callback) or iscoroutinefunction(callback)):
        raise ConfigurationError(f"{name} must be a function that is not asynchronous; got {brief_repr(callback)}")


class _Created(Protocol):
    """The result of a command that creates something."""

    @property
    def id(self) -> str:
        """The new id."""
        ...


Find: TypeAlias = Callable[[], Awaitable[Mapping[str, str]]]
"""Returns the resources with the wanted reference: a short description of each by its id."""


class Found(NamedTuple):
    """A resource that was found or created."""

    id: str
    description: str
    """The description that ``find`` returned; "created now" if the API reported its creation."""
    is_created: bool | None
    """True if the API reported its creation; None if it was found after a creation of unclear outcome."""
    conflicts: tuple[FieldingKitError, ...] = ()
    """The errors that were handled."""


async def find_or_create(
    client: AsyncClient, command: Command[_Created], find: Find, *, what: str, reference: str, timeout: float
) -> Found:
    """Return the one resource with a reference; create it if there is none.

    The command is sent once. After an unclear outcome it is searched for a while, and never created again.

    Args:
        client: The client.
        command: The command that creates it.
        find: Finds the resources with the reference.
        what: The word for such a resource in messages.
        reference: The reference.
        timeout: Seconds to search for it after an unclear outcome.

    Raises:
        DuplicateReferenceError: if several resources have the reference.
        WorkflowError: if the outcome stays unclear.
    """
    found = await find()
    if not found:
        try:
            created = (await client.send(command)).id
        except FieldingKitError as exc:
            if not exc.maybe_applied:
                raise
            return await _find_later(client, command, find, exc, what=what, reference=reference, timeout=timeout)
        try:
            found = {created: _CREATED, **{id_: text for id_, text in (await find()).items() if id_ != created}}
        except FieldingKitError as exc:  # it was created, and only the search for another one failed
            return Found(created, _CREATED, is_created=True, conflicts=(exc,))
        except BaseException as exc:
            keep_outcome(exc, f"the {what} {created} was created", command)
            raise
        return Found(*_only(found, what, reference, command=command, maybe_applied=True), is_created=True)
    return Found(*_only(found, what, reference, command=command), is_created=False)


async def _find_later(
    client: AsyncClient,
    command: Command[_Created],
    find: Find,
    cause: FieldingKitError,
    *,
    what: str,
    reference: str,
    timeout: float,
) -> Found:
    """Search for a resource until it is found or the time is over."""
    delay, deadline = _FIRST_DELAY, client.clock.now() + timeout
    try:
        while not (found := await find()) and (remaining := deadline - client.clock.now()) > 0:
            await client.clock.sleep(min(delay, remaining))
            delay *= 2
    except BaseException as exc:
        keep_outcome(exc, f"the {what} {reference!r} may have been created: list the {what}s", command)
        raise
    if not found:
        raise WorkflowError(
            f"the creation of the {what} {reference!r} had an unclear outcome, and {timeout:g} s later it is not "
            "listed. It may still appear: run this workflow again, which creates it only if it is not listed",
            conflicts=[cause],
            command=command,
            maybe_applied=True,
            attempts=cause.attempts,
        ) from cause
    only = _only(found, what, reference, command=command, maybe_applied=True, conflicts=[cause])
    return Found(*only, is_created=None, conflicts=(cause,))


def _only(found: Mapping[str, str], what: str, reference: str, **facts: Any) -> tuple[str, str]:
    """Return the id and the description of the only resource that was found.

    Raises:
        DuplicateReferenceError: if there are several.
    """
    if len(found) > 1:
        listed = ", ".join(f"{id_} ({text})" for id_, text in found.items())
        raise DuplicateReferenceError(
            f"{len(found)} {what}s have the reference {reference!r}: {listed}. Give all but one another reference",
            ids=tuple(found),
            **facts,
        )
    return next(iter(found.items()))
