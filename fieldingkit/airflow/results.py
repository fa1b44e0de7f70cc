"""Task results: plain JSON for XCom, one line for the log, the failure of a task, and extras of asset events."""

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from airflow.sdk import Asset, Context

if TYPE_CHECKING:
    from fieldingkit.sweeps.report import SweepReport
    from fieldingkit.sweeps.state import SweepState

__all__ = ["FailOn", "TaskFailure", "annotate_outlet_events", "summarize", "task_failure", "task_result", "total"]


FailOn = Literal["any", "unknown", "never"]
"""When a task fails: if any target group failed, only if any outcome is unknown, or never."""

_NO_CODE = "no code"
_MAX_REASONS = 3
"""The largest number of reasons in a failure message: every job may have its own."""


def task_result(report: "SweepReport", task: Mapping[str, str | int]) -> dict[str, Any]:
    """Return a sweep report as plain JSON.

    ::

        {
            "task": {"dag_id": "nightly_pause", "run_id": "...", "task_id": "pause", "map_index": 17},
            "action": "pause",
            "counts": {"updated": 97, "unchanged": 1, "failed": 2, "skipped": 0, "not_sent": 0, "unknown": 0},
            "failures": {"StatusTransitionNotAllowed": ["01K...", "01K..."]},
            "unknown": [],
            "changed": {"01K...": ["01K...", ...]},
            "jobs": ["01K..."],
        }

    ``task`` is the value for ``changed_by`` of another task. ``failures`` has target groups by the API's failure code.
    ``changed`` has the target groups, by project, whose status the sweep changed: those that an undo restores.

    Args:
        report: The report.
        task: The reference of the task.
    """
    from fieldingkit.sweeps.report import Outcome

    failures: dict[str, list[str]] = {}
    for group in report.of(Outcome.FAILED):
        failures.setdefault(group.code or _NO_CODE, []).append(group.target_group_id)
    changed: dict[str, list[str]] = {}
    for group in report.of(Outcome.UPDATED):
        if group.previous_status in report.action.sources:
            changed.setdefault(group.project_id, []).append(group.target_group_id)
    return {
        "task": dict(task),
        "action": report.action.value,
        "counts": report.counts._asdict(),
        "failures": failures,
        "unknown": [group.target_group_id for group in report.of(Outcome.UNKNOWN)],
        "changed": changed,
        "jobs": [job.job_id for job in report.jobs],
    }


def total(results: Iterable[Mapping[str, Any] | None]) -> dict[str, Any]:
    """Add up the results of many tasks, such as those of a mapped task.

    ::

        {
            "tasks": 200,
            "counts": {"updated": 1500, "unchanged": 0, "failed": 2, "skipped": 0, "not_sent": 0, "unknown": 0},
            "failures": {"StatusTransitionNotAllowed": 2},
            "changed": 1500,
            "jobs": 200,
        }

    Args:
        results: The results; None is ignored.
    """
    from fieldingkit.sweeps.report import Outcome

    tasks, changed, jobs = 0, 0, 0
    counts = Counter({outcome.value: 0 for outcome in Outcome})
    failures: Counter[str] = Counter()
    for result in results:
        if result is None:
            continue
        tasks += 1
        counts.update(result["counts"])
        failures.update({code: len(ids) for code, ids in result["failures"].items()})
        changed += sum(map(len, result["changed"].values()))
        jobs += len(result["jobs"])
    return {
        "tasks": tasks,
        "counts": dict(counts),
        "failures": dict(failures.most_common()),
        "changed": changed,
        "jobs": jobs,
    }


def summarize(result: Mapping[str, Any]) -> str:
    """Return a result in one line."""
    counts = ", ".join(
        f"{number} {outcome.replace('_', ' ')}" for outcome, number in result["counts"].items() if number
    )
    failures = ", ".join(f"{len(ids)} {code}" for code, ids in result["failures"].items())
    jobs = len(result["jobs"])
    why = f" ({failures})" if failures else ""
    return f"{result['action']}: {counts or 'no target groups'}{why}; {jobs} {'job' if jobs == 1 else 'jobs'}"


class TaskFailure(NamedTuple):
    """The failure of a task."""

    message: str
    """The message."""
    final: bool
    """True if a retry of the task would change nothing, because everything is settled."""


def task_failure(
    report: "SweepReport", state: "SweepState", result: Mapping[str, Any], fail_on: FailOn
) -> TaskFailure | None:
    """Return the failure of a task; None if it has succeeded.

    A retry continues jobs that could not be submitted or whose end is not known. Rejections by the API are final.

    Args:
        report: The report.
        state: The state of the sweep.
        result: The task's result.
        fail_on: When to fail.
    """
    if fail_on == "never":
        return None
    unsettled = [chunk for chunk in state.chunks if not chunk.settled]
    if unsettled:
        ids = [id_ for chunk in unsettled for id_ in chunk.ids]
        reasons = dict.fromkeys(reason for id_ in ids if (reason := report.by_id[id_].reason))
        why = "; ".join(islice(reasons, _MAX_REASONS))
        return TaskFailure(f"{summarize(result)}; {len(ids)} target groups are not settled: {why}", final=False)
    if report.unlisted:
        first = report.unlisted[0]
        why = f"{len(report.unlisted)} projects could not be listed, such as {first.project_id}: {first.reason}"
        return TaskFailure(f"{summarize(result)}; {why}", final=True)
    if fail_on == "any" and (report.counts.failed or report.counts.not_sent):
        return TaskFailure(summarize(result), final=True)
    return None


def annotate_outlet_events(context: Context, result: Mapping[str, Any]) -> None:
    """Add a result's action, counts and number of jobs to the event of every asset among the task's outlets.

    Args:
        context: The task's context.
        result: The task's result.
    """
    extra = {"action": result["action"], **result["counts"], "jobs": len(result["jobs"])}
    for outlet in context["outlets"]:
        if isinstance(outlet, Asset):
            context["outlet_events"][outlet].extra.update(extra)
