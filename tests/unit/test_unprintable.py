"""Arguments that cannot be shown: the error that refuses them names the argument all the same."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import attrs
import pytest

from fieldingkit import AsyncClient, BearerToken, PollPolicy, batch_jobs, fielding_runs, target_groups
from fieldingkit._repr import brief_repr
from fieldingkit.errors import ConfigurationError, InvalidCommandError
from fieldingkit.events import Event, InMemoryEventStore, handle_once
from fieldingkit.files import Upload
from fieldingkit.sweeps import Action, SweepPlan
from fieldingkit.transport.retry_policy import RetryPolicy
from fieldingkit.workflows import ensure_status

ULID: Final = "01HZZZZZZZZZZZZZZZZZZZZZZZ"


class Unprintable:
    """A value whose ``repr`` and ``str`` raise, as those of a half-made object or of a closed session do."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")


BAD: Final[tuple[Any, ...]] = (Unprintable(), [Unprintable()], 10**5000)
"""Also an integer with more digits than Python turns into text."""

CLIENT: Final = AsyncClient(auth=BearerToken("token"), account_id=101, base_url="http://127.0.0.1:9")
IDS: Final[dict[str, Any]] = {"project_id": ULID, "target_group_id": ULID}

COMMANDS: Final = [
    (fielding_runs.GetFieldingRun, IDS),
    (fielding_runs.PauseFieldingRun, {**IDS, "fielding_run_id": ULID, "if_match": '"1"'}),
    (batch_jobs.PauseTargetGroups, {"project_id": ULID, "target_group_ids": [ULID]}),
    (target_groups.ListTargetGroups, {"project_id": ULID}),
]

OPTIONS: Final = (
    "account_id",
    "api_version",
    "base_url",
    "connector_limit",
    "deadline",
    "headers",
    "max_body",
    "on_poll",
    "poll",
    "proxy",
    "rate",
    "retry",
    "timeout",
    "user_agent",
)

REQUESTS: Final[dict[str, Callable[[Any], tuple[Any, ...]]]] = {
    "method": lambda bad: (bad, "/x"),
    "path": lambda bad: ("GET", bad),
    "params": lambda bad: ("GET", "/x", {"a": bad}),
}


def refused(kind: type[Exception], name: str, use: Callable[[], object]) -> None:
    """Check that a use is refused with an error that names the argument."""
    with pytest.raises(kind) as caught:
        use()
    assert name in str(caught.value)
    assert "no repr" not in str(caught.value)


@pytest.mark.parametrize("bad", BAD, ids=["value", "list", "integer"])
@pytest.mark.parametrize(
    ("kind", "fields", "name"),
    [
        pytest.param(kind, fields, field.name, id=f"{kind.__name__}-{field.name}")
        for kind, fields in COMMANDS
        for field in attrs.fields(kind)
    ],
)
def test_command_refuses_an_unprintable_value_by_its_field(
    kind: type[Any], fields: dict[str, Any], name: str, bad: object
) -> None:
    """A field of a command that cannot be shown is refused by its name."""
    refused(InvalidCommandError, name, lambda: kind(**{**fields, name: bad}))


def test_command_refuses_an_unprintable_positional_argument() -> None:
    """A positional argument that cannot be shown is refused like any other."""
    refused(InvalidCommandError, "by name", lambda: fielding_runs.GetFieldingRun(*BAD[:1], **IDS))


@pytest.mark.parametrize("bad", BAD, ids=["value", "list", "integer"])
@pytest.mark.parametrize("name", OPTIONS)
def test_client_refuses_an_unprintable_option_by_its_name(name: str, bad: Any) -> None:
    """An option that cannot be shown is refused by its name."""
    options: dict[str, Any] = {"auth": "token", name: bad}
    refused(ConfigurationError, name, lambda: AsyncClient(**options))


@pytest.mark.parametrize("bad", BAD, ids=["value", "list", "integer"])
@pytest.mark.parametrize("name", REQUESTS)
def test_request_refuses_an_unprintable_part_by_its_name(name: str, bad: Any) -> None:
    """A part of ``request()`` that cannot be shown is refused by its name."""
    refused(InvalidCommandError, name, lambda: asyncio.run(CLIENT.request(*REQUESTS[name](bad))))


OTHERS: Final[dict[str, tuple[type[Exception], str, Callable[[Any], object]]]] = {
    "header name": (
        InvalidCommandError,
        "header",
        lambda bad: asyncio.run(CLIENT.request("GET", "/x", headers={bad: ""})),
    ),
    "file name": (InvalidCommandError, "files", lambda bad: Upload.multipart({bad: b""})),
    "content type": (InvalidCommandError, "content_type", lambda bad: Upload(b"", content_type=bad)),
    "wait": (ConfigurationError, "timeout", lambda bad: asyncio.run(CLIENT.run(bad, timeout=bad))),
    "poll policy": (ConfigurationError, "growth", lambda bad: PollPolicy(growth=bad)),
    "retry policy": (ConfigurationError, "max_attempts", lambda bad: RetryPolicy(max_attempts=bad)),
    "store": (ConfigurationError, "capacity", lambda bad: InMemoryEventStore(capacity=bad)),
    "lease": (
        ConfigurationError,
        "lease",
        lambda bad: asyncio.run(handle_once(object.__new__(Event), asyncio.sleep, InMemoryEventStore(), lease=bad)),
    ),
    "token": (ConfigurationError, "job token", CLIENT.job),
    "action": (InvalidCommandError, "action", lambda bad: SweepPlan(action=bad, account_id="101")),
    "run id": (
        InvalidCommandError,
        "run_id",
        lambda bad: SweepPlan(action=Action.PAUSE, account_id="101", target_groups={ULID: [ULID]}, run_id=bad),
    ),
    "status": (
        InvalidCommandError,
        "status",
        lambda bad: asyncio.run(ensure_status(CLIENT, fielding_runs.GetFieldingRun(**IDS, fielding_run_id=ULID), bad)),
    ),
    "plan": (InvalidCommandError, "first", lambda bad: SweepPlan(action=Action.PAUSE, account_id="101", first=bad)),
    "download": (
        InvalidCommandError,
        "path",
        lambda bad: asyncio.run(CLIENT.download(fielding_runs.GetFieldingRun(**IDS, fielding_run_id=ULID), bad)),
    ),
}


@pytest.mark.parametrize("use", OTHERS)
def test_other_arguments_that_are_unprintable_are_refused_by_name(use: str) -> None:
    """Every other checked argument that cannot be shown is refused by its name."""
    kind, name, call = OTHERS[use]
    refused(kind, name, lambda: call(Unprintable()))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("text", "'text'"),
        ("x" * 1000, 60),
        ([Unprintable()], 60),
        (Unprintable(), 60),
        (10**5000, 60),
    ],
    ids=["text", "long", "list", "value", "integer"],
)
def test_brief_repr_never_raises_and_is_short(value: object, shown: str | int) -> None:
    """The repr of a value in a message is short, and exists for every value."""
    text = brief_repr(value)
    assert text == shown if isinstance(shown, str) else 0 < len(text) <= shown
