"""What a sweep's report file holds: the plan, what became of it, and when its jobs ran."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self, cast

import attrs

from fieldingkit.cli.errors import UsageError
from fieldingkit.cli.output import as_json
from fieldingkit.errors import FieldingKitError
from fieldingkit.resources.target_groups import TargetGroupStatus
from fieldingkit.sweeps.actions import Action
from fieldingkit.sweeps.journal import JobSpan
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.sweeps.report import GroupOutcome, Outcome, SweepJob, SweepReport

__all__ = ["SweepRecord"]


_KIND = "fieldingkit sweep report"
_VERSION = 1


@attrs.frozen(kw_only=True)
class SweepRecord:
    """A sweep as its report file keeps it."""

    plan: SweepPlan
    """What was to be done."""
    report: SweepReport
    """What became of it."""
    base_url: str
    """The API that it was done at."""
    account: str | None = None
    """The account that it was done in."""
    spans: tuple[JobSpan, ...] = ()
    """When its jobs ran."""

    @property
    def span_by_job(self) -> Mapping[str, JobSpan]:
        """The spans by the ids of their jobs."""
        return {span.job_id: span for span in self.spans}

    def encode(self) -> str:
        """The record as JSON."""
        return json.dumps(
            {
                "kind": _KIND,
                "version": _VERSION,
                "base_url": self.base_url,
                "account": self.account,
                "counts": self.report.counts._asdict(),
                "ok": self.report.ok,
                "report": as_json(self.report),
                "spans": as_json(self.spans),
                "plan": json.loads(self.plan.encode()),
            }
        )

    @classmethod
    def decode(cls, text: str) -> Self:
        """Read a record from its JSON.

        Raises:
            UsageError: if it is none, or was made by a later release.
        """
        try:
            content = cast("dict[str, Any]", json.loads(text))
            kind, version = content["kind"], content["version"]
        except (ValueError, TypeError, KeyError):
            raise UsageError("this is not a report of a sweep") from None
        if (kind, version) != (_KIND, _VERSION):
            raise UsageError(f"this report has the version {version!r}; this release reads {_VERSION}")
        try:
            return cls(
                plan=SweepPlan.decode(json.dumps(content["plan"])),
                report=_report(content["report"]),
                base_url=str(content["base_url"]),
                account=content["account"],
                spans=tuple(_span(span) for span in content["spans"]),
            )
        except (ValueError, TypeError, KeyError, AttributeError, FieldingKitError) as exc:
            raise UsageError(f"this report is damaged: {type(exc).__name__}") from exc


def _report(fields: dict[str, Any]) -> SweepReport:
    return SweepReport(
        run_id=fields["run_id"],
        action=Action(fields["action"]),
        groups=tuple(_group(group) for group in fields["groups"]),
        jobs=tuple(SweepJob(**job) for job in fields["jobs"]),
        started_at=datetime.fromisoformat(fields["started_at"]),
        finished_at=_moment(fields["finished_at"]),
    )


def _group(fields: dict[str, Any]) -> GroupOutcome:
    before = fields["before"]
    return GroupOutcome(
        target_group_id=fields["target_group_id"],
        project_id=fields["project_id"],
        outcome=Outcome(fields["outcome"]),
        before=None if before is None else TargetGroupStatus(before),
        code=fields["code"],
        reason=fields["reason"],
        job_id=fields["job_id"],
    )


def _span(fields: dict[str, Any]) -> JobSpan:
    return JobSpan(
        job_id=fields["job_id"],
        trace_id=fields["trace_id"],
        began=_moment(fields["began"]),
        ended=_moment(fields["ended"]),
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
