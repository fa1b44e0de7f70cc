"""Re-entry: whether respondents may try again after an earlier visit, by the outcome of that visit."""

import attrs

from fieldingkit.commands import CommandPart
from fieldingkit.results import Replaceable

__all__ = ["ClientSideReEntry", "ReEntry", "ReEntryConfiguration", "ReEntryPermission", "ScreenerSideReEntry"]


@attrs.frozen(kw_only=True)
class ReEntryPermission(CommandPart, Replaceable):
    """The target groups that a respondent may enter after an earlier visit."""

    allow_for_current_target_group: bool
    """True if the respondent may enter the same target group again."""
    allow_for_other_target_groups: bool
    """True if the respondent may enter other target groups of the project, where its exclusion is enabled."""


@attrs.frozen(kw_only=True)
class ClientSideReEntry(CommandPart, Replaceable):
    """Re-entry after an outcome that only the survey reports."""

    client_side: ReEntryPermission
    """The permission after an outcome in the survey."""


@attrs.frozen(kw_only=True)
class ScreenerSideReEntry(CommandPart, Replaceable):
    """Re-entry after an outcome that only the screener has."""

    screener_side: ReEntryPermission
    """The permission after an outcome in the screener."""


@attrs.frozen(kw_only=True)
class ReEntry(CommandPart, Replaceable):
    """Re-entry after an outcome that the screener and the survey have."""

    client_side: ReEntryPermission
    """The permission after the outcome in the survey."""
    screener_side: ReEntryPermission
    """The permission after the outcome in the screener."""


@attrs.frozen(kw_only=True)
class ReEntryConfiguration(CommandPart, Replaceable):
    """The permissions by outcome. An account without this feature gets a ``ForbiddenError`` for sending them."""

    completes: ClientSideReEntry
    """After a complete."""
    pre_client_survey_processes: ScreenerSideReEntry
    """After a check ahead of the survey."""
    financial_terms: ScreenerSideReEntry
    """After a termination for financial reasons."""
    terminates: ReEntry
    """After a termination."""
    security_failures: ReEntry
    """After a failed security check."""
    overquota: ReEntry
    """After a quota that was full."""
    in_screener: ReEntry
    """After a screener that was not finished."""
