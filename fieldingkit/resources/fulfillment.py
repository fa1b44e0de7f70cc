"""Fulfillment: the status of single respondents, which survey hosts read and report server to server.

These commands are sent with an ``AsyncFulfillmentClient`` or a ``FulfillmentClient``.
"""

from typing import ClassVar

import attrs

from fieldingkit.apis import Api
from fieldingkit.commands import Command, Endpoint, OpenIntEnum
from fieldingkit.results import Result
from fieldingkit.validators import uuid

__all__ = ["GetRespondentStatus", "RespondentLink", "RespondentStatus", "SessionStatus", "UpdateRespondentStatus"]

_RESPONDENTS = "/fulfillment/respondents"


class SessionStatus(OpenIntEnum):
    """The status of a respondent's session. The API may send other numbers, such as 1 in its own example."""

    SCREENOUT = 2
    """The respondent did not qualify."""
    QUOTA_FULL = 3
    """The respondent belongs to a quota that is full."""
    QUALITY_TERMINATE = 4
    """The survey ended the session because of its quality."""
    COMPLETE = 5
    """The respondent completed the survey."""


def _session_status(value: SessionStatus | int) -> SessionStatus:
    return SessionStatus(value)


@attrs.frozen(kw_only=True)
class RespondentLink(Result):
    """An address that belongs to a session."""

    href: str
    """The URL, which may hold the respondent's ids."""


@attrs.frozen(kw_only=True)
class RespondentStatus(Result):
    """The status of a respondent's session."""

    id: str | None = None
    """The session's id (RID)."""
    status: SessionStatus | None = None
    """The status; None if the API did not say it."""
    links: tuple[RespondentLink, ...] = ()
    """Addresses such as that of the survey; only where the status is read."""


@attrs.frozen(kw_only=True)
class GetRespondentStatus(Command[RespondentStatus]):
    """Read the status of a respondent's session."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", _RESPONDENTS + "/{RID}", operation_id="get_respondent_status", api=Api.FULFILLMENT
    )
    rid: str = attrs.field(validator=uuid)
    """The session's id (RID), a UUID."""


@attrs.frozen(kw_only=True)
class UpdateRespondentStatus(Command[RespondentStatus]):
    """Report how a respondent's session ended.

    It is never sent again after an unclear outcome: read the status then, with ``GetRespondentStatus``.
    """

    endpoint: ClassVar[Endpoint] = Endpoint(
        "POST", _RESPONDENTS + "/transition", operation_id="update_respondent_status", api=Api.FULFILLMENT
    )
    rid: str = attrs.field(validator=uuid, metadata={"name": "id"})
    """The session's id (RID), a UUID."""
    status: SessionStatus = attrs.field(converter=_session_status)
    """The status at the end: ``SessionStatus.COMPLETE``, or its number."""
