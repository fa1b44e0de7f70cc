"""The tool that explains: statuses, errors, failure codes, reason codes and outcomes. Pure, from this release alone."""

import inspect
from collections.abc import Iterator, Mapping
from typing import Annotated, Final, NamedTuple

from pydantic import Field

from fieldingkit import errors
from fieldingkit.errors import ApiError, FieldingKitError
from fieldingkit.mcp.outputs import Output
from fieldingkit.monitoring.group_rules import REASON_ACTIONS
from fieldingkit.rendering.wording import advice_for
from fieldingkit.resources.target_group_changelog import StatusChangeReason
from fieldingkit.sweeps.report import Outcome

__all__ = ["ExplanationOutput", "explain"]


class Explanation(Output):
    """The explanation of one meaning of a term."""

    kind: str
    """http_status, error, failure_code, reason_code or outcome."""
    what_happened: str
    """The meaning."""
    maybe_applied: str
    """The answer to the question whether the action may have taken effect."""
    what_to_do: str
    """The next step."""


class ExplanationOutput(Output):
    """The meanings of a term."""

    term: str
    """The term."""
    meanings: list[Explanation]
    """Its meanings; empty if this release does not know it, and then nothing is known of it."""


class _Advice(NamedTuple):
    maybe_applied: str
    what_to_do: str


_NO: Final = "No. Nothing was changed."
_PERHAPS: Final = "Perhaps: the error says so if it may have been applied."
_ERRORS: Final[Mapping[type[FieldingKitError], _Advice]] = {
    errors.FieldingKitError: _Advice(_PERHAPS, "Read the message, and the resource before you repeat the action."),
    errors.InvalidCommandError: _Advice(_NO, "Correct the value that the message names."),
    errors.InvalidStudyError: _Advice(_NO, "Correct the study file."),
    errors.ConfigurationError: _Advice(_NO, "Its user can run: fieldingkit doctor"),
    errors.ConnectionFailedError: _Advice(_NO, "Check the network. Its user can run: fieldingkit doctor"),
    errors.TransportError: _Advice(_PERHAPS, "Read the resource before you repeat the action."),
    errors.ApiError: _Advice(_NO, "Read the API's reason in the message."),
    errors.BadRequestError: _Advice(_NO, "Correct the values that the message names."),
    errors.UnauthorizedError: _Advice(_NO, "Check the credentials. Its user can run: fieldingkit doctor"),
    errors.ForbiddenError: _Advice(_NO, "Check the account's permissions, and whether the token has expired."),
    errors.NotFoundError: _Advice(_NO, "Check the ids, and that they belong together."),
    errors.ConflictError: _Advice(
        "Perhaps: the other request that it conflicts with may have been applied.",
        "Read the resource, and try again in a minute.",
    ),
    errors.PreconditionFailedError: _Advice(_NO, "Read the resource again, and decide from its present state."),
    errors.InvalidStateError: _Advice(_NO, "Read its status, and plan again from it."),
    errors.RateLimitedError: _Advice(_NO, "Wait, then try again with fewer requests."),
    errors.ServerError: _Advice(
        _PERHAPS, "Read the resource before you repeat it; the API's support takes the trace id."
    ),
    errors.RedirectError: _Advice(_NO, "Check the base URL, and whether a proxy answers in place of the API."),
    errors.DecodeError: _Advice(
        "Yes, if the call was an action: the API reported success.", "Read the resource to see the result."
    ),
    errors.JobError: _Advice("Perhaps: the job continues, because the API cannot cancel jobs.", "Read the resource."),
    errors.JobFailedError: _Advice(_NO, "Correct the cause that the message names, then plan again."),
    errors.BatchItemsFailedError: _Advice("In part: only some target groups failed.", "See the failure codes."),
    errors.WorkflowError: _Advice(_PERHAPS, "Read the message: it says what was done."),
    errors.JournalError: _Advice(
        "Perhaps: actions that were sent stay sent.", "Its user can list the runs: fieldingkit sweeps list"
    ),
}
"""Errors by class. A class that is not listed is as its base class."""
_OUTCOMES: Final[Mapping[Outcome, tuple[str, str, str]]] = {
    Outcome.UPDATED: ("The API reported the target group as updated by a job of the sweep.", "Yes.", "Nothing."),
    Outcome.UNCHANGED: (
        "The target group was read with the target status, and the sweep does not claim to have changed it.",
        "It has the status. Whether this sweep changed it is not known if it was sent.",
        "Nothing.",
    ),
    Outcome.FAILED: ("The API rejected the target group, or could not be reached.", _NO, ""),
    Outcome.SKIPPED: ("The target group was not sent, because its status does not allow the action.", _NO, ""),
    Outcome.NOT_SENT: (
        "The sweep stopped before the target group's turn.",
        _NO,
        "Its user can resume the run, or a new plan acts on what it finds then.",
    ),
    Outcome.UNKNOWN: (
        "The target group was sent, and neither the job nor its status showed the result.",
        "Perhaps.",
        "Read its status with list_target_groups before you plan anything for it.",
    ),
}


async def explain(
    term: Annotated[
        str,
        Field(
            max_length=100,
            description="An HTTP status such as 409, an error such as ConflictError, a failure code such as "
            "StatusTransitionNotAllowed, a reason code such as high_drop_rates, or an outcome such as unknown.",
        ),
    ],
) -> ExplanationOutput:
    """Explain an error, an HTTP status, an API code or an outcome. No request is sent.

    It says what happened, whether the action may have been applied, and what to do.
    """
    return ExplanationOutput(term=term, meanings=[*_meanings(term.strip())])


def _meanings(term: str) -> Iterator[Explanation]:
    """Yield all meanings of a term."""
    if term.isascii() and term.isdigit() and 300 <= int(term) < 600:
        yield _error("http_status", ApiError.class_for(int(term)))
    kind = getattr(errors, term, None) if term in errors.__all__ else None
    if isinstance(kind, type) and issubclass(kind, FieldingKitError):
        yield _error("error", kind)
    if (advice := advice_for("failed", term)) != advice_for("failed"):
        words = f"A job of the API failed, or did so for single target groups, with {term}."
        yield Explanation(kind="failure_code", what_happened=words, maybe_applied=_NO, what_to_do=advice)
    if term in {*StatusChangeReason}:
        yield Explanation(
            kind="reason_code",
            what_happened=f"The API itself changed the status of the target group: {term.replace('_', ' ')}.",
            maybe_applied="Yes: the status was changed, by the API and not by a person.",
            what_to_do=_sentence(REASON_ACTIONS.get(term, "find the cause in its changelog, then resume")),
        )
    if term in {*Outcome}:
        what, maybe, todo = _OUTCOMES[Outcome(term)]
        yield Explanation(kind="outcome", what_happened=what, maybe_applied=maybe, what_to_do=todo or advice_for(term))


def _error(kind: str, error: type[FieldingKitError]) -> Explanation:
    advice = next(_ERRORS[base] for base in error.__mro__ if base in _ERRORS)
    text = inspect.cleandoc(error.__doc__ or "").partition("\n\n")[0].replace("\n", " ").replace("``", "")
    return Explanation(kind=kind, what_happened=text, maybe_applied=advice.maybe_applied, what_to_do=advice.what_to_do)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
