"""What a task says of its work: plain JSON for XCom, a line for the log, and whether the task has failed. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, Literal, NamedTuple

from airflow.sdk import Asset, Context

from fieldingkit.sweeps.report import Outcome, SweepReport
from fieldingkit.sweeps.state import SweepState

__all__ = ["FailOn", "Failure", "annotate_outlet_events", "judge", "result_of", "summary", "total"]


FailOn = Literal["any", "unknown", "never"]
"""When a task fails: if any target group failed, only if it is not known what became of one, or never."""

_NO_CODE = "no code"
_REASONS = 3
"""How many reasons a failure names at most: there may be one for each job."""


def result_of(report: SweepReport, task: Mapping[str, str | int]) -> dict[str, Any]:
    """A sweep's report as plain JSON.

    ::

        {
            "task": {"dag_id": "nightly_pause", "run_id": "...", "task_id": "pause", "map_index": 17},
            "action": "pause",
            "counts": {"updated": 97, "unchanged": 1, "failed": 2, "skipped": 0, "unknown": 0},
            "failures": {"StatusTransitionNotAllowed": ["01K...", "01K..."]},
            "unknown": [],
            "changed": {"01K...": ["01K...", ...]},
            "jobs": ["01K..."],
        }

    ``task`` is what ``changed_by`` of another task takes. ``failures`` has the target groups by the API's code.
    ``changed`` has those, by project, that the sweep found elsewhere and brought to where they are: what is to be
    undone if the sweep is.

    Args:
        report: What became of the sweep.
        task: Which task it was, of which run.
    """
    failures: dict[str, list[str]] = {}
    for group in report.of(Outcome.FAILED):
        failures.setdefault(group.code or _NO_CODE, []).append(group.target_group_id)
    changed: dict[str, list[str]] = {}
    for group in report.of(Outcome.UPDATED):
        if group.before in report.action.sources:
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
    """The counts of many tasks' results together, such as those of a mapped task.

    ::

        {
            "tasks": 200,
            "counts": {"updated": 1500, "unchanged": 0, "failed": 2, "skipped": 0, "unknown": 0},
            "failures": {"StatusTransitionNotAllowed": 2},
            "changed": 1500,
            "jobs": 200,
        }

    Args:
        results: The results; one that is missing is left out.
    """
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


def summary(result: Mapping[str, Any]) -> str:
    """A result in one line."""
    counts = ", ".join(f"{number} {outcome}" for outcome, number in result["counts"].items() if number)
    failures = ", ".join(f"{len(ids)} {code}" for code, ids in result["failures"].items())
    jobs = len(result["jobs"])
    why = f" ({failures})" if failures else ""
    return f"{result['action']}: {counts or 'no target groups'}{why}; {jobs} {'job' if jobs == 1 else 'jobs'}"


class Failure(NamedTuple):
    """Why a task fails."""

    message: str
    """What happened, in one sentence."""
    final: bool
    """Whether trying the task again would change nothing: everything was settled."""


def judge(report: SweepReport, state: SweepState, result: Mapping[str, Any], fail_on: FailOn) -> Failure | None:
    """Decide whether a task has failed; None if it has not.

    A job that could not be submitted, or whose end is not known, is not settled: another try goes on with it. What the
    API has refused stays refused.

    Args:
        report: What became of the sweep.
        state: How far its jobs have come.
        result: The task's result.
        fail_on: When to fail.
    """
    if fail_on == "never":
        return None
    unsettled = [chunk for chunk in state.chunks if not chunk.ended]
    if unsettled:
        ids = [id_ for chunk in unsettled for id_ in chunk.ids]
        reasons = dict.fromkeys(reason for id_ in ids if (reason := report.by_id[id_].reason))
        why = "; ".join(islice(reasons, _REASONS))
        return Failure(f"{summary(result)}; {len(ids)} target groups are not settled: {why}", final=False)
    if fail_on == "any" and report.counts.failed:
        return Failure(summary(result), final=True)
    return None


def annotate_outlet_events(context: Context, result: Mapping[str, Any]) -> None:
    """Put a result's action, counts and number of jobs on the event of every asset among the task's outlets.

    Args:
        context: The task's context.
        result: The task's result.
    """
    extra = {"action": result["action"], **result["counts"], "jobs": len(result["jobs"])}
    for outlet in context["outlets"]:
        if isinstance(outlet, Asset):
            context["outlet_events"][outlet].extra.update(extra)
