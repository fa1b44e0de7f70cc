"""Definitions: names found, near names, and lists that are read once."""

import asyncio
import json
from typing import Any

import pytest
from multidict import CIMultiDict
from support.examples import KEYED
from support.fake_clock import FakeClock, settle
from support.fixture_types import MakeClient

from fieldingkit import AsyncClient, Client, RetryPolicy
from fieldingkit.errors import ConfigurationError, InvalidCommandError, ServerError, UnknownDefinitionError
from fieldingkit.resources.definitions import ListBusinessUnits, ListLocales, Locale
from fieldingkit.sandbox import Sandbox
from fieldingkit.transport.http import Call, Response
from fieldingkit.workflows import Definitions


def reads(sandbox: Sandbox, operation_id: str = "get_locales") -> int:
    """The number of requests for a list."""
    return sum(request.operation_id == operation_id for request in sandbox.requests)


@pytest.fixture
def definitions(client_without_retries: AsyncClient) -> Definitions:
    """Return definitions that are kept for an hour."""
    return Definitions(client_without_retries, ttl=3600)


async def test_definitions_are_found_by_name(definitions: Definitions) -> None:
    """Entries are found by code, number and name, without regard to case."""
    assert (await definitions.locale("ENG_us")).country_name == "United States"
    assert (await definitions.business_unit("sandbox europe")).currency_code == "EUR"
    assert (await definitions.business_unit("1234")).currency_code == "USD"
    assert (await definitions.account_client("Lark Insurance")).id == 2012
    assert (await definitions.account_client("2001")).name == "Acorn Foods"
    assert (await definitions.country("gb")).id == (await definitions.country("United Kingdom")).id == 243
    assert (await definitions.industry("politics")).name == "Politics"
    assert (await definitions.industry_lockout("past_30_days")).id == 30
    assert (await definitions.study_type("Adhoc")).code == "adhoc"
    assert (await definitions.supplier("980")).name == (await definitions.supplier("test")).name == "Test supplier"


async def test_an_unknown_name_gets_similar_ones(definitions: Definitions) -> None:
    """A name that is not in the list is an error with the similar names, as they are spelled there."""
    with pytest.raises(UnknownDefinitionError, match="'Sandbox Europe'") as caught:
        await definitions.business_unit("Sandbox Europa")
    assert caught.value.near[0] == "Sandbox Europe"
    assert not caught.value.maybe_applied
    with pytest.raises(UnknownDefinitionError) as caught:
        await definitions.locale("xxx")
    assert caught.value.near == ()


class Gate:
    """A transport that answers once it is opened."""

    def __init__(self, *answers: Response | None) -> None:
        self.answers = [*answers]
        self.calls = 0
        self.opened = asyncio.Event()

    async def send(self, call: Call) -> Response:
        """Answer with the next response; None is an unavailable server."""
        del call
        self.calls += 1
        await self.opened.wait()
        return self.answers.pop(0) or Response(503, CIMultiDict(), b"")


def units(*entries: tuple[int, str]) -> Response:
    """Return a response with business units."""
    body = {"business_units": [{"id": id_, "name": name} for id_, name in entries]}
    return Response(200, CIMultiDict(), json.dumps(body).encode())


def gated(make_client: MakeClient, clock: FakeClock, gate: Gate) -> Definitions:
    """Return definitions behind a gate, without retries."""
    retry = RetryPolicy(max_attempts=1)
    return Definitions(make_client(transport=gate.send, base_url="https://api.example.org", clock=clock, retry=retry))


async def test_a_name_of_several_entries_is_ambiguous(make_client: MakeClient, clock: FakeClock) -> None:
    """A name that two entries have is an error that names both; an id counts more than the name of another entry."""
    gate = Gate(units((1, "Twin"), (2, "twin"), (3, "1")))
    gate.opened.set()
    definitions = gated(make_client, clock, gate)
    with pytest.raises(UnknownDefinitionError, match=r"2 entries .*: 1, 2"):
        await definitions.business_unit("Twin")
    assert (await definitions.business_unit("1")).name == "Twin"


async def test_all_pages_of_clients_are_read(make_client: MakeClient, clock: FakeClock) -> None:
    """A full page of clients is followed by the next one."""
    full = [{"id": number, "name": f"Client {number}"} for number in range(100)]
    pages = [{"clients": full}, {"clients": [{"id": 100, "name": "Last"}]}]
    gate = Gate(*(Response(200, CIMultiDict(), json.dumps(page).encode()) for page in pages))
    gate.opened.set()
    definitions = gated(make_client, clock, gate)
    assert (await definitions.account_client("last")).id == 100
    assert (await definitions.account_client("Client 7")).id == 7
    assert gate.calls == 2


async def test_a_list_is_read_once_until_it_is_old(
    definitions: Definitions, sandbox: Sandbox, sandbox_clock: FakeClock
) -> None:
    """A list is kept for ``ttl`` seconds of the client's clock, and read again after ``refresh``."""
    for code in ("eng_us", "ger_de"):
        await definitions.locale(code)
    assert reads(sandbox) == 1
    sandbox_clock.advance(3599)
    await definitions.locale("eng_us")
    assert reads(sandbox) == 1
    sandbox_clock.advance(1)
    await definitions.locale("eng_us")
    assert reads(sandbox) == 2
    definitions.refresh()
    await definitions.read(ListLocales())
    assert reads(sandbox) == 3


async def test_lists_of_other_accounts_are_other_lists(definitions: Definitions, sandbox: Sandbox) -> None:
    """A list is kept for the command that reads it, account included."""
    sandbox.seed(draft=1, account_id=202)
    for account_id in (None, 202, 202):
        await definitions.read(ListBusinessUnits(account_id=account_id))
    assert reads(sandbox, "get_business_units") == 2


async def test_concurrent_calls_share_one_request(make_client: MakeClient, clock: FakeClock) -> None:
    """Calls that need a list while it is being read wait for that request."""
    gate = Gate(units((1, "One"), (2, "Two")))
    definitions = gated(make_client, clock, gate)
    calls = [asyncio.ensure_future(definitions.business_unit(name)) for name in ("One", "Two", "one")]
    await settle()
    gate.opened.set()
    assert [unit.id for unit in await asyncio.gather(*calls)] == ["1", "2", "1"]
    assert gate.calls == 1


async def test_concurrent_calls_share_one_failure(make_client: MakeClient, clock: FakeClock) -> None:
    """A failed request fails the calls that wait for it, and no later one."""
    gate = Gate(None, units((1, "One")))
    definitions = gated(make_client, clock, gate)
    calls = [asyncio.ensure_future(definitions.business_unit("One")) for _ in range(3)]
    await settle()
    gate.opened.set()
    failures = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(failure) for failure in failures] == [ServerError] * 3
    assert gate.calls == 1
    assert (await definitions.business_unit("One")).id == "1"


async def test_a_cancelled_call_cancels_no_other(make_client: MakeClient, clock: FakeClock) -> None:
    """If the call that sent the request is cancelled, one of those that wait for it sends another."""
    gate = Gate(units((1, "One")))
    definitions = gated(make_client, clock, gate)
    calls = [asyncio.ensure_future(definitions.business_unit("One")) for _ in range(3)]
    await settle()
    calls[0].cancel()
    calls[2].cancel()
    await settle()
    gate.opened.set()
    assert (await calls[1]).id == "1"
    assert gate.calls == 2
    assert all(call.cancelled() for call in (calls[0], calls[2]))


async def test_a_request_from_before_a_refresh_is_not_kept(make_client: MakeClient, clock: FakeClock) -> None:
    """A call after ``refresh`` does not share the request of a call before it, whichever ends first."""
    gate = Gate(units((1, "One")), units((2, "One")))
    definitions = gated(make_client, clock, gate)
    before = asyncio.ensure_future(definitions.business_unit("One"))
    await settle()
    definitions.refresh()
    after = asyncio.ensure_future(definitions.business_unit("One"))
    await settle()
    gate.opened.set()
    assert [unit.id for unit in await asyncio.gather(before, after)] == ["1", "2"]
    assert (await definitions.business_unit("One")).id == "2"


async def test_wrong_arguments_are_refused_by_name(definitions: Definitions, client: AsyncClient) -> None:
    """A client, lifetime, name or command of a wrong kind is refused, and so is a command that does more than read."""
    wrong: Any
    for wrong in (None, "client"):
        with pytest.raises(ConfigurationError, match="client"):
            Definitions(wrong)
    for wrong in (0, -1, "1", True, float("nan")):
        with pytest.raises(ConfigurationError, match="ttl"):
            Definitions(client, ttl=wrong)
    for wrong in (None, 1234):
        with pytest.raises(InvalidCommandError, match="business unit"):
            await definitions.business_unit(wrong)
    for wrong in (ListLocales, KEYED):
        with pytest.raises(InvalidCommandError):
            await definitions.read(wrong)


def test_a_blocking_client_shares_the_lists_of_one_call(blocking_client: Client, sandbox: Sandbox) -> None:
    """Several names in one function of ``client.call`` take one request for each list."""

    async def codes(client: AsyncClient) -> list[Locale]:
        definitions = Definitions(client)
        return [await definitions.locale(code) for code in ("eng_us", "fre_fr")]

    assert [locale.code for locale in blocking_client.call(codes)] == ["eng_us", "fre_fr"]
    assert reads(sandbox) == 1
