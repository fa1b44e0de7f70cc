"""The faults that a sandbox can inject into the handling of a request; each is a small value.

::

    from fieldingkit.sandbox import faults

    sandbox.faults.add("pause_fielding_run", faults.ApplyThenDrop())
    sandbox.faults.add("create_webhook", faults.ApplyThenAnswer(503))      # applied, and reported as failed
    sandbox.faults.add("get_bulk_*", faults.Hang())                        # a status read without an answer
    sandbox.faults.outage(60)                                              # 502 for every request of a minute
    sandbox.faults.add("create_bulk_*", faults.Answer(503, headers={"Retry-After": "1"}), times=2)
    sandbox.faults.add("*", faults.Delay(0.05), times=None, probability=0.2)
"""

from fieldingkit.sandbox.faults.base import Exchange, Fault
from fieldingkit.sandbox.faults.responses import (
    Answer,
    ApplyThenAnswer,
    ApplyThenDrop,
    Delay,
    DropBefore,
    EmptyBody,
    Garbage,
    GzipBomb,
    Hang,
    HtmlPage,
    Redirect,
    ResetMidBody,
    SkewedDate,
    StrayAnswer,
    TruncatedJson,
    WrongCharset,
    WrongContentType,
)
from fieldingkit.sandbox.faults.state import ChangeEtag, ExpireToken, FailedJob, ForgetItem, JobFault, JobGone, StuckJob

__all__ = [
    "Answer",
    "ApplyThenAnswer",
    "ApplyThenDrop",
    "ChangeEtag",
    "Delay",
    "DropBefore",
    "EmptyBody",
    "Exchange",
    "ExpireToken",
    "FailedJob",
    "Fault",
    "ForgetItem",
    "Garbage",
    "GzipBomb",
    "Hang",
    "HtmlPage",
    "JobFault",
    "JobGone",
    "Redirect",
    "ResetMidBody",
    "SkewedDate",
    "StrayAnswer",
    "StuckJob",
    "TruncatedJson",
    "WrongCharset",
    "WrongContentType",
]
