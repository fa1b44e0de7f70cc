"""``fieldingkit dead-letters``: send notifications again that a receiver did not take."""

from pathlib import Path

from fieldingkit.cli.errors import ExitCode, file_errors
from fieldingkit.cli.output import Output
from fieldingkit.rendering.text import pluralize

__all__ = ["send"]


async def send(letters: Path, /, *, receivers: Path, json: bool = False) -> int:
    """Send the notifications of a file of dead letters again, oldest first and each once.

    A receiver may get one twice if this command is killed between sending and removing it; its id is the same then.
    The empty files beside the letters that end in .lock and .sending keep other processes out, and stay.

    Args:
        letters: The file of dead letters. What was sent is removed from it; what failed stays.
        receivers: The TOML file of the receivers; their names are those in the letters.
        json: Print one JSON document.
    """
    from fieldingkit.monitoring.dead_letters import DeadLetterFile
    from fieldingkit.monitoring.receiver_file import load_receivers
    from fieldingkit.monitoring.redelivery import send_dead_letters

    output = Output(json=json)
    existed = DeadLetterFile(letters).path.exists()
    with file_errors("Nothing was sent."):
        known = load_receivers(receivers)
    with file_errors():  # its messages say what was sent
        report = await send_dead_letters(letters, known)
    output.print_json(report)
    for delivery in report.deliveries:
        attempts = pluralize(delivery.attempts, "attempt")
        result = "sent" if delivery.ok else f"failed after {attempts}: {delivery.failure}"
        output.print_text(f"{delivery.receiver}  {delivery.document_id}  {result}")
    for name in sorted(set(report.unmatched)):
        count = pluralize(report.unmatched.count(name), "letter")
        output.note(f"{receivers} has no receiver {name}; {count} for it not sent.")
    for one in report.damaged:
        output.note(f"{letters}, line {one.line} was left as found: {one.reason}.")
    if not report.deliveries and report.ok:
        output.note("No dead letters." if existed else f"{letters} does not exist; no letters were sent.")
    return ExitCode.DONE if report.ok else ExitCode.FAILED
