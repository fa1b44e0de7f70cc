"""Unique codes: values that the links of a target group contain, one for each respondent.

A code replaces ``[%RESPONDENT_UNIQUE_CODE%]`` in the live or the test URL. An account must have the feature; otherwise
the API answers 403.
"""

from collections.abc import Iterable
from typing import ClassVar

import attrs

from fieldingkit.commands import AccountCommand, Endpoint
from fieldingkit.results import Result
from fieldingkit.validators import each, matching, str_tuple, ulid

__all__ = [
    "CodeStatistics",
    "DeleteUnconsumedLiveCodes",
    "DeleteUnconsumedTestCodes",
    "GetLiveCodeStatistics",
    "GetTestCodeStatistics",
    "UploadLiveCodes",
    "UploadTestCodes",
    "UploadedCodes",
]

_MOST_CODES = 20_000
_CODES = "/demand/accounts/{account_id}/target-groups/{target_group_id}/respondent-unique-codes"

_code = matching("[A-Za-z0-9_-]{1,128}", "a code of 1 to 128 letters, digits, - and _")


def _codes(values: Iterable[str]) -> tuple[str, ...]:
    """Return the codes without white space around them, as the API does, and each once."""
    return str_tuple(value.strip() for value in str_tuple(values))


@attrs.frozen(kw_only=True)
class UploadedCodes(Result):
    """The outcome of an upload."""

    uploaded_count: int
    """The number of new codes; those that the target group had already are ignored and not counted."""


@attrs.frozen(kw_only=True)
class CodeStatistics(Result):
    """The numbers of a target group's codes of one kind."""

    total_count: int
    """The number of all codes, consumed ones included."""
    unconsumed_count: int
    """The number of codes that no respondent has got yet."""


@attrs.frozen(kw_only=True)
class _CodesUpload(AccountCommand[UploadedCodes]):
    """Base class of commands that upload codes."""

    max_codes: ClassVar[int] = _MOST_CODES
    """The largest number of codes in one command."""

    target_group_id: str = attrs.field(validator=ulid)
    """The target group's ULID."""
    codes: tuple[str, ...] = attrs.field(
        converter=_codes, validator=each(_code, maximum=_MOST_CODES), metadata={"name": "respondent_unique_codes"}
    )
    """The codes, 1 to 20,000, each with 1 to 128 letters, digits, hyphens and underscores; duplicates are sent once."""


@attrs.frozen(kw_only=True)
class _CodesRead(AccountCommand[CodeStatistics]):
    """Base class of commands that read the numbers of codes."""

    target_group_id: str = attrs.field(validator=ulid)
    """The target group's ULID."""


@attrs.frozen(kw_only=True)
class _CodesDeletion(AccountCommand[None]):
    """Base class of commands that delete codes."""

    target_group_id: str = attrs.field(validator=ulid)
    """The target group's ULID."""


@attrs.frozen(kw_only=True)
class UploadLiveCodes(_CodesUpload):
    """Add codes for the live URL of a target group; ``workflows.upload_codes`` takes any number of them."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "POST", _CODES + "/live", operation_id="upload_live_respondent_unique_codes"
    )


@attrs.frozen(kw_only=True)
class GetLiveCodeStatistics(_CodesRead):
    """Read how many codes for the live URL a target group has, and how many of them are left."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", _CODES + "/live/stats", operation_id="get_live_respondent_unique_codes_stats"
    )


@attrs.frozen(kw_only=True)
class DeleteUnconsumedLiveCodes(_CodesDeletion):
    """Delete all codes for the live URL that no respondent has got, for good.

    A live target group without codes is paused by the API.
    """

    endpoint: ClassVar[Endpoint] = Endpoint(
        "DELETE", _CODES + "/live/unconsumed", operation_id="delete_unconsumed_live_respondent_unique_codes"
    )


@attrs.frozen(kw_only=True)
class UploadTestCodes(_CodesUpload):
    """Add codes for the test URL of a target group; ``workflows.upload_codes`` takes any number of them."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "POST", _CODES + "/test", operation_id="upload_test_respondent_unique_codes"
    )


@attrs.frozen(kw_only=True)
class GetTestCodeStatistics(_CodesRead):
    """Read how many codes for the test URL a target group has, and how many of them are left."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", _CODES + "/test/stats", operation_id="get_test_respondent_unique_codes_stats"
    )


@attrs.frozen(kw_only=True)
class DeleteUnconsumedTestCodes(_CodesDeletion):
    """Delete all codes for the test URL that no respondent has got, for good."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "DELETE", _CODES + "/test/unconsumed", operation_id="delete_unconsumed_test_respondent_unique_codes"
    )
