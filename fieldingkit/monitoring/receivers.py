"""``notify``: send the changes of findings to webhooks and programs; what none of them took is kept in a file."""

import asyncio
import os
import signal
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO, Any, Final, Literal, cast

import attrs

from fieldingkit._json import dumps
from fieldingkit._repr import brief_repr
from fieldingkit.clock import Clock, MonotonicClock
from fieldingkit.errors import ConfigurationError
from fieldingkit.monitoring.dead_letters import DeadLetter, DeadLetterFile
from fieldingkit.monitoring.findings import Comparison
from fieldingkit.monitoring.messages import MessageShape, to_document, to_message
from fieldingkit.notifications import NotificationResult, check_notification_url, post_notification
from fieldingkit.option_validators import number
from fieldingkit.rendering.text import strip_control_chars
from fieldingkit.results import Serializable, rfc3339
from fieldingkit.secret import Secret
from fieldingkit.transport.delays import retry_delays

__all__ = ["Delivery", "Program", "Webhook", "by_name", "deliver", "notify", "to_letter"]

_FIRST_DELAY: Final = 1.0
_LONGEST_DELAY: Final = 30.0
_REPEATABLE: Final = frozenset({408, 425, 429})
_LONGEST_OUTPUT: Final = 300


def _secret(value: Secret | str) -> Secret:
    return value if isinstance(value, Secret) else Secret(value)


def _optional_secret(value: Secret | str | None) -> Secret | None:
    return None if value is None else _secret(value)


def _shape(value: MessageShape | Literal["json", "slack", "teams"]) -> MessageShape:
    try:
        return MessageShape(value)
    except ValueError:
        raise ConfigurationError(f"shape must be json, slack or teams; got {brief_repr(value)}") from None


def _url(_: object, __: object, value: Secret) -> None:
    check_notification_url(value)


def _name(_: object, __: object, value: object) -> None:
    if not isinstance(value, str) or not value.strip() or strip_control_chars(value) != value:
        raise ConfigurationError(f"name must be text that can be printed; got {brief_repr(value)}")


def _host(webhook: "Webhook") -> str:
    return check_notification_url(webhook.url)


def _program(program: "Program") -> str:
    return program.arguments[0]


@attrs.frozen
class Webhook:
    """A webhook URL that takes one POST for all changes.

    Raises:
        ConfigurationError: A value is invalid. The message does not contain the URL.
    """

    url: Secret = attrs.field(converter=_secret, validator=_url)
    """The http or https URL; it is a credential."""
    shape: MessageShape = attrs.field(default=MessageShape.JSON, converter=_shape)
    """The shape of the message: ``json``, ``slack`` or ``teams``."""
    timeout: float = attrs.field(default=10.0, validator=number(above=0, unit="seconds"), kw_only=True)
    """Seconds until the receiver must have answered, for each attempt."""
    attempts: int = attrs.field(default=4, validator=number(at_least=1, whole=True), kw_only=True)
    """The number of attempts. Answers such as 404 are not repeated."""
    proxy: Secret | None = attrs.field(default=None, converter=_optional_secret, kw_only=True)
    """The URL of an HTTP proxy."""
    name: str = attrs.field(default=attrs.Factory(_host, takes_self=True), validator=_name, kw_only=True)
    """The name of the receiver; by default the host of the URL. Two receivers on one host need names."""


def _arguments(value: Sequence[str]) -> tuple[str, ...]:
    given = cast("tuple[object, ...]", tuple(value)) if isinstance(value, list | tuple) else ()
    arguments = tuple(one for one in given if isinstance(one, str) and "\0" not in one)
    if not arguments or not arguments[0] or len(arguments) != len(given):
        raise ConfigurationError(
            f"arguments must be a list of texts that begins with the program; got {brief_repr(value)}"
        )
    return arguments


@attrs.frozen
class Program:
    """A program that is started once for all changes, with the document as JSON on its standard input.

    There is no shell. The program has the environment of this one. It succeeds if its exit code is 0.

    Raises:
        ConfigurationError: A value is invalid.
    """

    arguments: tuple[str, ...] = attrs.field(converter=_arguments)
    """The program and its arguments."""
    time_limit: float = attrs.field(default=30.0, validator=number(above=0, unit="seconds"), kw_only=True)
    """Seconds after which it is killed, with the programs that it started."""
    name: str = attrs.field(default=attrs.Factory(_program, takes_self=True), validator=_name, kw_only=True)
    """The name of the receiver; by default the program. Two receivers with one program need names."""


@attrs.frozen(kw_only=True)
class Delivery(Serializable):
    """The result of one receiver."""

    receiver: str
    """The receiver's name: by default the host of the webhook, or the program."""
    document_id: str
    """The id of the document."""
    failure: str | None = None
    """The reason why it did not take the document; None if it did."""
    attempts: int = 1
    """The number of attempts."""

    @property
    def ok(self) -> bool:
        """True if the receiver took the document."""
        return self.failure is None


async def notify(
    changes: Comparison,
    receivers: Iterable[Webhook | Program],
    *,
    dead_letters: str | Path,
    clock: Clock | None = None,
    on_delivery: Callable[[Delivery], None] | None = None,
) -> tuple[Delivery, ...]:
    """Send new findings and ended ones to receivers, all at the same time. Without such changes nothing is sent.

    A webhook that does not answer, or answers 408, 425, 429 or 5xx, is tried again after growing delays. It may then
    get a document twice, with the same ``id``. A program is started once. A document that a receiver did not take is
    added to the file of dead letters, one JSON object per line: ``failed_at``, ``receiver``, ``failure``, ``attempts``,
    ``document``. ``send_dead_letters`` sends it again.

    Save the findings afterwards: after a crash or a cancellation in between they are sent again, and are not lost.

    Args:
        changes: The result of ``compare``.
        receivers: The webhooks and programs; each has a name of its own.
        dead_letters: The file for what was not taken; it is created when it is needed, readable for this user only.
        clock: The clock of the delays.
        on_delivery: Called with the result of each receiver as soon as it is known.

    Raises:
        ConfigurationError: Two receivers have the same name, and nothing was sent; or a document was not taken, and the
            file of dead letters cannot be written.
    """
    clock, document = clock or MonotonicClock(), to_document(changes)
    named = by_name(receivers)
    wanted = named.values() if changes.has_news else ()

    async def send(receiver: Webhook | Program) -> Delivery:
        delivery = await deliver(document, receiver, clock)
        if on_delivery is not None:
            on_delivery(delivery)
        return delivery

    deliveries = await asyncio.gather(*map(send, wanted))
    failed = [delivery for delivery in deliveries if not delivery.ok]
    if failed:
        try:
            DeadLetterFile(Path(dead_letters)).add(to_letter(document, one, clock) for one in failed)
        except OSError as exc:
            raise ConfigurationError(
                f"{failed[0].receiver} did not take the findings ({failed[0].failure}), "
                f"and they cannot be added to {dead_letters}: {exc.strerror or exc}"
            ) from exc
    return tuple(deliveries)


def by_name(receivers: Iterable[Webhook | Program]) -> dict[str, Webhook | Program]:
    """Return receivers by their names, which dead letters have.

    Raises:
        ConfigurationError: Two have the same name.
    """
    named: dict[str, Webhook | Program] = {}
    for receiver in receivers:
        if receiver.name in named:
            raise ConfigurationError(
                f"two receivers are named {receiver.name}; nothing was sent. Give each a name of its own"
            )
        named[receiver.name] = receiver
    return named


def to_letter(document: dict[str, Any], delivery: Delivery, clock: Clock, *, before: int = 0) -> DeadLetter:
    """Return the dead letter of a delivery that failed.

    Args:
        document: The document.
        delivery: The result.
        clock: The clock of the time of the failure.
        before: The number of attempts before these.
    """
    return DeadLetter(
        failed_at=rfc3339(datetime.fromtimestamp(clock.wall(), UTC)),
        receiver=delivery.receiver,
        failure=delivery.failure or "",
        attempts=before + delivery.attempts,
        document=document,
    )


async def deliver(document: dict[str, Any], receiver: Webhook | Program, clock: Clock) -> Delivery:
    """Send a document to a receiver. A receiver that does not take it is a result, not an error."""
    delivery = partial(Delivery, receiver=receiver.name, document_id=document["id"])
    if isinstance(receiver, Program):
        return delivery(failure=await _run(receiver, dumps(document)))
    message = to_message(document, receiver.shape)
    delays = retry_delays(_FIRST_DELAY, _LONGEST_DELAY)
    attempts = 1
    while True:
        result = await post_notification(receiver.url, message, timeout=receiver.timeout, proxy=receiver.proxy)
        if attempts == receiver.attempts or not _is_repeatable(result):
            return delivery(failure=result.failure, attempts=attempts)
        attempts += 1
        await clock.sleep(next(delays))


def _is_repeatable(result: NotificationResult) -> bool:
    return not result.ok and (result.status is None or result.status >= 500 or result.status in _REPEATABLE)


async def _run(program: Program, content: bytes) -> str | None:
    """Run a program, and return the reason of its failure."""
    with tempfile.TemporaryFile() as output:
        try:
            process = await asyncio.create_subprocess_exec(
                *program.arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=output,
                start_new_session=True,
            )
        except OSError as exc:
            return f"it cannot be started: {exc.strerror}"
        try:
            async with asyncio.timeout(program.time_limit):
                await process.communicate(content)
        except TimeoutError:
            return f"it was killed after {program.time_limit:g} seconds"
        finally:
            await _end(process)
        return f"its exit code is {process.returncode}{_last_words(output)}" if process.returncode else None


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill a program that is still running, and those that it started."""
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    await process.wait()


def _last_words(output: IO[bytes]) -> str:
    """Return the end of a program's standard error, for a message."""
    output.seek(max(0, output.seek(0, os.SEEK_END) - _LONGEST_OUTPUT))
    text = " ".join(strip_control_chars(output.read().decode(errors="replace")).split())
    return f": {text}" if text else ""
