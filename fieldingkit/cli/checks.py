"""Checks of the doctor: what was checked, how it ended, and what to do."""

import enum
from typing import Final

import attrs

from fieldingkit.cli.errors import ExitCode

__all__ = ["Check", "Severity"]


class Severity(enum.Enum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    SKIPPED = "skipped"


@attrs.frozen
class Check:
    """The result of one check."""

    subject: str
    """The thing that was checked, such as ``Clock``."""
    severity: Severity
    """How the check ended."""
    message: str
    """The finding."""
    advice: str = ""
    """The next step; empty if none is needed."""

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of the doctor if this were its only check."""
        return _EXIT_CODES.get(self.subject, ExitCode.REFUSED) if self.severity is Severity.ERROR else ExitCode.DONE


_EXIT_CODES: Final = {"Configuration": ExitCode.USAGE, "Account": ExitCode.USAGE, "Clock": ExitCode.FAILED}
"""The exit codes of failed checks by subject; the API's refusal for all others."""
