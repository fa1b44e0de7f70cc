"""Task results: plain JSON for XCom, lines for the log, the failure of a task, and extras of asset events.

DAG files import this module, so the sweep engine is imported only when a task runs.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from airflow.sdk import Asset, Context

if TYPE_CHECKING:
    from fieldingkit.sweeps.report import GroupOutcome, Straggler, SweepReport, UnlistedProject
    from fieldingkit.sweeps.state import SweepState

__all__ = [
    "DETAILS_KEY",
    "FailOn",
    "TaskFailure",
    "annotate_outlet_events",
    "describe_problems",
    "summarize",
    "task_details",
    "task_failure",
    "task_result",
    "total",
]


FailOn = Literal["any", "unknown", "never"]
"""When a task fails: if anything is not as it should be, only if any outcome is unknown, or never."""

DETAILS_KEY = "details"
"""The key of the XCom with the target groups of a result."""
_NO_CODE = "no code"
_MAX_REASONS = 3
"""The largest number of reasons in a failure message: every job may have its own."""
_MAX_PROBLEMS = 10
"""The largest number of target groups that the log of a task lists."""


def task_result(report: "SweepReport", task: Mapping[str, str | int]) -> dict[str, Any]:
    """Return a sweep report as plain JSON of a fixed, small size: counts instead of target groups.

    ::

        {
            "task": {"dag_id": "nightly_pause", "run_id": "...", "task_id": "pause", "map_index": 17},
            "action": "pause",
            "headline": "98 of 100 target groups are paused",
            "counts": {"updated": 97, "unchanged": 1, "failed": 2, "skipped": 0, "not_sent": 0, "unknown": 0},
            "failures": {"StatusTransitionNotAllowed": 2},
            "changed": 97,
            "unclaimed": 0,
            "jobs": 1,
            "stragglers": 0,
            "unlisted": 0,
            "unverified": 0,
            "verified_at": "2026-01-01T22:03:11+00:00",
            "as_of": None,
        }

    ``task`` is the value for ``changed_by`` of another task, and identifies the XCom ``details``, which lists the
    target groups; see ``task_details``. ``failures`` has the number of failed target groups by the API's failure code.
    ``changed`` is the number of target groups whose status the sweep changed: those that an undo restores.
    ``unclaimed`` is the number of those that were sent and have the status, though no job reported a change; an undo
    does not touch them.
    ``verified_at`` is the time when the statuses were read again after the last job. ``as_of`` is the time when an
    earlier try finished the sweep; it is None if this try did.

    Args:
        report: The report.
        task: The reference of the task.
    """
    from fieldingkit.rendering.wording import headline
    from fieldingkit.sweeps.report import Outcome
    from fieldingkit.sweeps.report_files import to_document

    failures = Counter(group.code or _NO_CODE for group in report.of(Outcome.FAILED))
    return {
        "task": dict(task),
        "action": report.action.value,
        "headline": headline(to_document(report)),
        "counts": report.counts._asdict(),
        "failures": dict(failures.most_common()),
        "changed": len(_changed(report)),
        "unclaimed": len(report.unclaimed),
        "jobs": len(report.jobs),
        "stragglers": len(report.stragglers),
        "unlisted": len(report.unlisted),
        "unverified": len(report.unverified),
        "verified_at": _text(report.verified_at),
        "as_of": _text(report.as_of),
    }


def task_details(report: "SweepReport") -> dict[str, Any]:
    """Return the target groups of a report as plain JSON, for the XCom ``details``.

    ::

        {
            "action": "pause",
            "base_url": "https://api.cint.com/v1",
            "account_id": "101",
            "started_at": "2026-01-01T22:00:03+00:00",
            "changed": [{"project_id": "01K...", "job_id": "01K...", "target_group_ids": ["01K...", "..."]}],
            "problems": [
                {
                    "target_group_id": "01K...",
                    "project_id": "01K...",
                    "short_id": "TG-17",
                    "name": "Germany, 18 to 29",
                    "outcome": "failed",
                    "code": "StatusTransitionNotAllowed",
                    "reason": "...",
                },
            ],
            "unclaimed": [],
            "unlisted": {"01K...": "the reason"},
            "unverified": {},
            "jobs": [{"job_id": "01K...", "project_id": "01K...", "size": 100, "trace_id": "...", "...": "..."}],
        }

    ``changed`` has the target groups whose status the sweep changed, by job. ``problems`` has those that failed, were
    not sent, or have an unknown outcome, and the stragglers, whose outcome is ``straggler``. ``unclaimed`` has those
    that were sent and have the status, though no job reported a change, with the same fields. ``jobs`` has the fields
    of ``SweepJob``.

    Args:
        report: The report.
    """
    changed: dict[tuple[str, str | None], list[str]] = {}
    for group in _changed(report):
        changed.setdefault((group.project_id, group.job_id), []).append(group.target_group_id)
    return {
        "action": report.action.value,
        "base_url": report.base_url,
        "account_id": report.account_id,
        "started_at": report.started_at.isoformat(),
        "changed": [
            {"project_id": project_id, "job_id": job_id, "target_group_ids": ids}
            for (project_id, job_id), ids in changed.items()
        ],
        "problems": _problems(report),
        "unclaimed": [_problem(group, group.outcome.value, group.code) for group in report.unclaimed],
        "unlisted": {project.project_id: project.reason for project in report.unlisted},
        "unverified": {project.project_id: project.reason for project in report.unverified},
        "jobs": [job.to_dict() for job in report.jobs],
    }


def _changed(report: "SweepReport") -> "Sequence[GroupOutcome]":
    from fieldingkit.sweeps.report import Outcome

    return [group for group in report.of(Outcome.UPDATED) if group.previous_status in report.action.sources]


def _problems(report: "SweepReport") -> list[dict[str, Any]]:
    from fieldingkit.sweeps.report import Outcome

    outcomes = (Outcome.FAILED, Outcome.NOT_SENT, Outcome.UNKNOWN)
    return [
        *(_problem(group, group.outcome.value, group.code) for group in report.of(*outcomes)),
        *(_problem(straggler, "straggler", None) for straggler in report.stragglers),
    ]


def _problem(group: "GroupOutcome | Straggler", outcome: str, code: str | None) -> dict[str, Any]:
    return {
        "target_group_id": group.target_group_id,
        "project_id": group.project_id,
        "short_id": group.short_id,
        "name": group.name,
        "outcome": outcome,
        "code": code,
        "reason": group.reason,
    }


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def total(results: Iterable[Mapping[str, Any] | None]) -> dict[str, Any]:
    """Add up the results of many tasks, such as those of a mapped task.

    ::

        {
            "tasks": 200,
            "counts": {"updated": 1500, "unchanged": 0, "failed": 2, "skipped": 0, "not_sent": 0, "unknown": 0},
            "failures": {"StatusTransitionNotAllowed": 2},
            "changed": 1500,
            "unclaimed": 0,
            "jobs": 200,
            "stragglers": 0,
            "unlisted": 0,
            "unverified": 0,
        }

    Args:
        results: The results; None is ignored.
    """
    from fieldingkit.sweeps.report import Outcome

    found = [result for result in results if result is not None]
    counts = Counter({outcome.value: 0 for outcome in Outcome})
    failures: Counter[str] = Counter()
    for result in found:
        counts.update(result["counts"])
        failures.update(result["failures"])
    sums = {name: sum(result[name] for result in found) for name in _SUMMED}
    return {"tasks": len(found), "counts": dict(counts), "failures": dict(failures.most_common()), **sums}


_SUMMED = ("changed", "unclaimed", "jobs", "stragglers", "unlisted", "unverified")


def summarize(result: Mapping[str, Any]) -> str:
    """Return a result in one line."""
    counts = ", ".join(
        f"{number} {outcome.replace('_', ' ')}" for outcome, number in result["counts"].items() if number
    )
    failures = ", ".join(f"{number} {code}" for code, number in result["failures"].items())
    jobs = result["jobs"]
    why = f" ({failures})" if failures else ""
    return f"{result['action']}: {counts or 'no target groups'}{why}; {jobs} {'job' if jobs == 1 else 'jobs'}"


def describe_problems(details: Mapping[str, Any]) -> Iterable[str]:
    """Return a line for each of the first target groups with a problem, and lines that count others and unclaimed ones.

    Args:
        details: The details of a result.
    """
    problems = details["problems"]
    for problem in problems[:_MAX_PROBLEMS]:
        outcome = problem["outcome"].replace("_", " ")
        name = " ".join(filter(None, [problem["short_id"], problem["name"], f"({problem['target_group_id']})"]))
        yield f"{outcome}: {name}: {': '.join(filter(None, [problem['code'], problem['reason']]))}"
    if len(problems) > _MAX_PROBLEMS:
        yield f"{len(problems) - _MAX_PROBLEMS} more target groups are in the XCom {DETAILS_KEY!r} of this task"
    if number := len(details["unclaimed"]):
        yield (
            f"{number} target groups were sent and have the status, but no job reported a change, so that an undo does "
            f"not touch them; they are in the XCom {DETAILS_KEY!r} of this task"
        )


class TaskFailure(NamedTuple):
    """The failure of a task."""

    message: str
    """The message."""
    final: bool
    """True if a retry of the task would change nothing, because everything is settled."""


def task_failure(
    report: "SweepReport", states: "Iterable[SweepState]", result: Mapping[str, Any], fail_on: FailOn
) -> TaskFailure | None:
    """Return the failure of a task; None if it has succeeded.

    A retry continues jobs that could not be submitted or whose end is not known, and reads projects and changelogs that
    could not be read. Rejections by the API are final, and so are stragglers: acting on those takes a new DAG run.

    Args:
        report: The report.
        states: The states of the runs that it covers.
        result: The task's result.
        fail_on: When to fail.
    """
    if fail_on == "never":
        return None
    summary, any_problem = summarize(result), fail_on == "any"
    states = list(states)
    unsettled = [chunk for state in states for chunk in state.chunks if not chunk.settled]
    if unsettled:
        ids = [id_ for chunk in unsettled for id_ in chunk.ids]
        why = _reasons(report.by_id[id_].reason for id_ in ids)
        return TaskFailure(f"{summary}; {len(ids)} target groups are not settled: {why}", final=False)
    if report.unlisted:
        return TaskFailure(f"{summary}; {_projects('listed', report.unlisted)}", final=False)
    if report.counts.unknown:
        why = _reasons(group.reason for group in report.of("unknown"))
        final = not any(state.undecided() for state in states)
        return TaskFailure(f"{summary}; {report.counts.unknown} outcomes are unknown: {why}", final=final)
    if any_problem and (report.counts.failed or report.counts.not_sent):
        return TaskFailure(summary, final=True)
    if any_problem and report.stragglers:
        number, why = len(report.stragglers), _reasons(straggler.reason for straggler in report.stragglers)
        return TaskFailure(f"{summary}; {number} target groups do not have the status: {why}", final=True)
    if any_problem and report.unverified:
        return TaskFailure(f"{summary}; {_projects('verified', report.unverified)}", final=False)
    return None


def _reasons(reasons: Iterable[str | None]) -> str:
    return "; ".join(islice(dict.fromkeys(filter(None, reasons)), _MAX_REASONS))


def _projects(done: str, projects: "Sequence[UnlistedProject]") -> str:
    first = projects[0]
    return f"{len(projects)} projects could not be {done}, such as {first.project_id}: {first.reason}"


def annotate_outlet_events(context: Context, result: Mapping[str, Any]) -> None:
    """Add a result's action, counts and number of jobs to the event of every asset among the task's outlets.

    Args:
        context: The task's context.
        result: The task's result.
    """
    extra = {"action": result["action"], **result["counts"], "jobs": result["jobs"]}
    for outlet in context["outlets"]:
        if isinstance(outlet, Asset):
            context["outlet_events"][outlet].extra.update(extra)
