"""Find business units, clients, locales, suppliers and codes by name; each list is read once and kept."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar, cast

from fieldingkit._repr import brief_repr
from fieldingkit.client import AsyncClient
from fieldingkit.commands import Command, check_kind
from fieldingkit.errors import ConfigurationError, FieldingKitError, InvalidCommandError, UnknownDefinitionError
from fieldingkit.resources.definitions import (
    AccountClient,
    BusinessUnit,
    Definition,
    ListAccountClients,
    ListBusinessUnits,
    ListCountries,
    ListIndustries,
    ListIndustryLockouts,
    ListLocales,
    ListStudyTypes,
    ListSuppliers,
    Locale,
)

__all__ = ["Definitions"]

R = TypeVar("R")
Item = TypeVar("Item")

_CLIENTS_ON_A_PAGE = 100
_MAX_NEAR = 5


class Definitions:
    """The definitions of an account, found by name.

    ::

        definitions = Definitions(client)
        unit = await definitions.business_unit("Europe")
        locale = await definitions.locale("eng_us")

    Each list is read when it is first needed and kept for ``ttl`` seconds; concurrent calls share one request. Names
    are compared without regard to case. Every method raises ``UnknownDefinitionError`` for a name that is not in the
    list, or that several entries have, and ``FieldingKitError`` if the list cannot be read.

    Args:
        client: The client; with a blocking one, make the object in the function of ``client.call(function)``.
        ttl: Seconds of the client's clock after which a list is read again; a day by default.

    Raises:
        ConfigurationError: if ``client`` is no ``AsyncClient``, or ``ttl`` is not positive.
    """

    def __init__(self, client: AsyncClient, *, ttl: float = 86_400.0) -> None:
        if not isinstance(cast("object", client), AsyncClient):
            raise ConfigurationError(f"client must be an AsyncClient; got {brief_repr(client)}")
        if isinstance(ttl, bool) or not isinstance(cast("object", ttl), int | float) or not ttl > 0:
            raise ConfigurationError(f"ttl must be a positive number of seconds; got {brief_repr(ttl)}")
        self._client = client
        self._ttl = ttl
        self._read_at: dict[Command[Any], tuple[float, Any]] = {}
        self._reading: dict[Command[Any], asyncio.Future[Any]] = {}

    async def business_unit(self, name: str) -> BusinessUnit:
        """Return a business unit by name or id."""
        units = await self.read(ListBusinessUnits())
        return _find("business unit", name, units, lambda unit: (unit.id, unit.name))

    async def account_client(self, name: str) -> AccountClient:
        """Return a client of the account by name or number; all pages of the list are read."""
        clients: list[AccountClient] = []
        page_number, is_full = 0, True
        while is_full:
            page = await self.read(ListAccountClients(page_size=_CLIENTS_ON_A_PAGE, page_number=page_number))
            clients += page
            page_number, is_full = page_number + 1, len(page) >= _CLIENTS_ON_A_PAGE
        return _find("client", name, clients, lambda client: (str(client.id), client.name))

    async def locale(self, code: str) -> Locale:
        """Return a locale by code, such as ``eng_us``."""
        return _find("locale", code, await self.read(ListLocales()), lambda locale: (locale.code,))

    async def country(self, name: str) -> Definition:
        """Return a country by code or name."""
        return _find("country", name, await self.read(ListCountries()), _code_and_name)

    async def industry(self, name: str) -> Definition:
        """Return an industry by code or name."""
        return _find("industry", name, await self.read(ListIndustries()), _code_and_name)

    async def industry_lockout(self, name: str) -> Definition:
        """Return an industry lockout by code or name."""
        return _find("industry lockout", name, await self.read(ListIndustryLockouts()), _code_and_name)

    async def study_type(self, name: str) -> Definition:
        """Return a study type by code or name."""
        return _find("study type", name, await self.read(ListStudyTypes()), _code_and_name)

    async def supplier(self, name: str) -> Definition:
        """Return a supplier by number, code or name."""
        suppliers = await self.read(ListSuppliers())
        return _find("supplier", name, suppliers, lambda supplier: (str(supplier.id), supplier.code, supplier.name))

    async def read(self, command: Command[R]) -> R:
        """Send a command that reads a list, such as ``ListLocales()``, or return the result that was kept.

        Raises:
            InvalidCommandError: if the command does more than read.
            FieldingKitError: if the list cannot be read; concurrent calls raise the same error.
        """
        check_kind(command, Command)
        if not command.endpoint.only_reads:
            raise InvalidCommandError(f"{type(command).__name__} does more than read", command=command)
        while (reading := self._reading.get(command)) is not None:  # by another call
            await asyncio.wait([reading])
            if not reading.cancelled():
                return cast("R", reading.result())
        read_at, result = self._read_at.get(command, (0.0, None))
        if command in self._read_at and self._client.clock.now() - read_at < self._ttl:
            return cast("R", result)
        return await self._read(command)

    def refresh(self) -> None:
        """Forget all lists, so that the next call reads them again."""
        self._read_at.clear()
        self._reading.clear()

    async def _read(self, command: Command[R]) -> R:
        reading: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._reading[command] = reading
        try:
            result = await self._client.send(command)
        except FieldingKitError as exc:
            reading.set_exception(exc)
            reading.exception()  # there may be no other call that retrieves it
            raise
        else:
            reading.set_result(result)
            if self._reading.get(command) is reading:  # not refreshed meanwhile
                self._read_at[command] = self._client.clock.now(), result
            return result
        finally:
            reading.cancel()  # if this call was cancelled, another one reads
            if self._reading.get(command) is reading:
                del self._reading[command]


def _code_and_name(definition: Definition) -> Sequence[str | None]:
    return definition.code, definition.name


def _find(what: str, name: str, items: Iterable[Item], names_of: Callable[[Item], Sequence[str | None]]) -> Item:
    """Return the item that has a name; an earlier name of an item, such as its code, counts more than a later one."""
    if not isinstance(cast("object", name), str):
        raise InvalidCommandError(f"the name of a {what} must be text; got {brief_repr(name)}")
    entries = [(item, [text.casefold() for text in names_of(item) if text]) for item in items]
    wanted = name.strip().casefold()
    found = [item for item, names in entries if wanted in names]
    exact = [item for item, names in entries if names[:1] == [wanted]]
    if len(exact or found) == 1:
        return (exact or found)[0]
    if found:
        ids = ", ".join(str(names_of(item)[0]) for item in found)
        raise UnknownDefinitionError(f"{len(found)} entries have the {what} name {brief_repr(name)}: {ids}")
    spelled = {text.casefold(): text for item, _ in entries for text in names_of(item) if text}
    near = tuple(spelled[text] for text in get_close_matches(wanted, spelled, _MAX_NEAR, cutoff=0.5))
    hint = f"; similar names: {', '.join(map(brief_repr, near))}" if near else ""
    raise UnknownDefinitionError(f"no {what} of {len(entries)} is called {brief_repr(name)}{hint}", near=near)
