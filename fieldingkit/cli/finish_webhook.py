"""The finish webhook of the sweep commands: ``--on-finish`` posts how a sweep ended."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fieldingkit.cli.errors import DeclinedError, ExitCode, StoppedError, UsageError, exit_code_for, format_error
from fieldingkit.configuration import Configuration
from fieldingkit.errors import ConfigurationError, FieldingKitError
from fieldingkit.notifications import chat_text, check_notification_url, post_notification
from fieldingkit.rendering.wording import headline
from fieldingkit.secret import Secret
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.sweeps.report import SweepReport
from fieldingkit.sweeps.report_files import to_document

__all__ = ["FinishWebhook"]


class FinishWebhook:
    """Posts how a sweep command ended. A receiver that is slow or fails is noted, and changes nothing else.

    Args:
        url: The URL; None to post nothing.
        plan: The plan of the sweep.
        configuration: The settings of the connection; its proxy is used.
        note: Prints a message on stderr.

    Raises:
        UsageError: The URL is invalid.
    """

    def __init__(
        self, url: Secret | None, plan: SweepPlan, configuration: Configuration, note: Callable[[str], object]
    ) -> None:
        self.report: SweepReport | None = None
        """The report, as far as the sweep has come."""
        self._url = url
        self._plan = plan
        self._configuration = configuration
        self._note = note
        if url is not None:
            try:
                check_notification_url(url)
            except ConfigurationError as exc:
                raise UsageError("--on-finish must be an http or https URL\nNothing was sent.") from exc

    async def watch(self, command: Awaitable[ExitCode]) -> ExitCode:
        """Run a command and post how it ended; nothing if a question was answered no."""
        try:
            code = await command
        except DeclinedError:
            raise
        except BaseException as exc:
            await self._post(_failure(exc))
            raise
        await self._post({"event": "finished", "exit": code.value})
        return code

    async def _post(self, end: Mapping[str, Any]) -> None:
        if self._url is None:
            return
        facts = {**end, **self._facts()}
        text = chat_text(_text(facts, None if self.report is None else headline(to_document(self.report))))
        post = post_notification(self._url, {"text": text, **facts}, proxy=self._configuration.proxy)
        # In a task of its own, because after Ctrl-C this one is being cancelled.
        result = await asyncio.create_task(post)
        if result.failure is not None:
            self._note(f"The notification to {result.host} failed: {result.failure}. The sweep is not affected.")

    def _facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = {
            "action": self._plan.action.value,
            "account_id": self._configuration.account,
            "base_url": self._configuration.base_url,
        }
        if self.report is None:
            return {**facts, "run_id": self._plan.run_id}
        finished = self.report.finished_at
        return {
            **facts,
            "run_id": self.report.run_id,
            "ok": self.report.ok,
            "total": len(self.report.groups),
            "counts": self.report.counts._asdict(),
            "unlisted": len(self.report.unlisted),
            "stragglers": len(self.report.stragglers),
            "started_at": self.report.started_at.isoformat(),
            "finished_at": None if finished is None else finished.isoformat(),
        }


def _failure(exc: BaseException) -> dict[str, Any]:
    """Return the event, the exit code and the message of an exception that ended a command."""
    match exc:
        case StoppedError():
            return {"event": "failed", "exit": exc.code.value, "error": str(exc).splitlines()[0]}
        case FieldingKitError():
            return {"event": "failed", "exit": exit_code_for(exc).value, "error": format_error(exc).splitlines()[0]}
        case Exception():
            return {"event": "failed", "exit": ExitCode.INTERNAL_ERROR.value, "error": "internal error"}
        case _:
            return {"event": "interrupted", "exit": None}


def _text(facts: Mapping[str, Any], result: str | None) -> str:
    """Return the message for people, such as a chat shows it."""
    end = facts["event"] if facts["exit"] is None else f"{facts['event']} with exit code {facts['exit']}"
    account = f"account {facts['account_id']} at " if facts["account_id"] else ""
    lines = [f"fieldingkit {facts['action']} {end}: {account}{facts['base_url']}, run {facts['run_id']}"]
    lines += [f"{line}." for line in (facts.get("error"), result) if line]
    return "\n".join(lines)
