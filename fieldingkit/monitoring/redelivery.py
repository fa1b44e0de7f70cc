"""``send_dead_letters``: send documents again that a receiver did not take."""

from collections.abc import Iterable
from pathlib import Path

import attrs

from fieldingkit.clock import Clock, MonotonicClock
from fieldingkit.errors import ConfigurationError
from fieldingkit.monitoring.dead_letters import DamagedLine, DeadLetterFile
from fieldingkit.monitoring.receivers import Delivery, Program, Webhook, by_name, deliver, to_letter
from fieldingkit.results import Serializable

__all__ = ["RedeliveryReport", "send_dead_letters"]


@attrs.frozen(kw_only=True)
class RedeliveryReport(Serializable):
    """The result of ``send_dead_letters``."""

    deliveries: tuple[Delivery, ...]
    """The results of the letters that were sent again, oldest first."""
    unmatched: tuple[str, ...] = ()
    """The receiver of each letter that no given receiver has the name of; these letters stay in the file."""
    damaged: tuple[DamagedLine, ...] = ()
    """The lines that are no letters; they stay in the file."""

    @property
    def ok(self) -> bool:
        """True if no letter is left of those that were in the file."""
        return not self.unmatched and not self.damaged and all(one.ok for one in self.deliveries)


async def send_dead_letters(
    path: str | Path, receivers: Iterable[Webhook | Program], *, clock: Clock | None = None
) -> RedeliveryReport:
    """Send the letters of a file of dead letters again, oldest first and each once.

    A letter is sent to the receiver with its name, as ``notify`` does. It is removed once the receiver took it;
    otherwise it stays, with the new failure and the number of all its attempts. Two processes do not send at the same
    time; ``notify`` can add letters meanwhile, which stay for the next time.

    A crash after a receiver took a letter and before it was removed has it sent again the next time. The ``id`` of its
    document is the same then.

    Args:
        path: The file of dead letters; one that does not exist has no letters.
        receivers: The webhooks and programs; names that are the same are refused.
        clock: The clock of the delays.

    Raises:
        ConfigurationError: Another process sends the letters, or the file cannot be read or written. If a receiver took
            a letter that cannot be removed, the message says so. ``maybe_applied`` is True if one took any letter.
    """
    clock, known, file = clock or MonotonicClock(), by_name(receivers), DeadLetterFile(Path(path))
    if not file.path.exists():
        return RedeliveryReport(deliveries=())
    deliveries: list[Delivery] = []
    with file.sending():
        try:
            letters, _ = file.read()
        except OSError as exc:
            raise ConfigurationError(f"{path} cannot be read, nothing was sent: {exc.strerror}") from exc
        for letter in letters:
            if letter.receiver not in known:
                continue
            delivery = await deliver(letter.document, known[letter.receiver], clock)
            deliveries.append(delivery)
            again = None if delivery.ok else to_letter(letter.document, delivery, clock, before=letter.attempts)
            try:
                file.settle(letter, again)
            except OSError as exc:
                taken = "took" if delivery.ok else "did not take"
                raise ConfigurationError(
                    f"{letter.receiver} {taken} the document {letter.document['id']}, and its letter cannot be "
                    f"{'removed' if delivery.ok else 'changed'}: {exc.strerror or exc}; it will be sent again",
                    maybe_applied=any(one.ok for one in deliveries),
                ) from exc
    try:
        _, damaged = file.read()  # with the numbers that these lines have now
    except OSError as exc:
        sent = any(one.ok for one in deliveries)
        problem = f"{path} cannot be read any more, after its letters were sent: {exc.strerror}"
        raise ConfigurationError(problem, maybe_applied=sent) from exc
    return RedeliveryReport(
        deliveries=tuple(deliveries),
        unmatched=tuple(letter.receiver for letter in letters if letter.receiver not in known),
        damaged=tuple(damaged),
    )
