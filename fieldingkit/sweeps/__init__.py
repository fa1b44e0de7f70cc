"""Sweeps: apply one action to hundreds of target groups, each exactly once.

``await sweep(client, plan)``, or with a blocking client ``client.call(sweep, plan)``. Names are loaded on first use.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fieldingkit.sweeps.actions import Action as Action
    from fieldingkit.sweeps.checkpoint import read_report as read_report
    from fieldingkit.sweeps.engine import sweep as sweep
    from fieldingkit.sweeps.identity import RunIdentity as RunIdentity
    from fieldingkit.sweeps.inverse import preview_undo as preview_undo
    from fieldingkit.sweeps.inverse import undo as undo
    from fieldingkit.sweeps.inverse import undo_plan as undo_plan
    from fieldingkit.sweeps.journal import Journal as Journal
    from fieldingkit.sweeps.journal import RunSummary as RunSummary
    from fieldingkit.sweeps.locks import lock_sweep as lock_sweep
    from fieldingkit.sweeps.plan import SweepPlan as SweepPlan
    from fieldingkit.sweeps.plan import TargetGroupQuery as TargetGroupQuery
    from fieldingkit.sweeps.plan_file import recheck as recheck
    from fieldingkit.sweeps.previews import SweepPreview as SweepPreview
    from fieldingkit.sweeps.previews import preview as preview
    from fieldingkit.sweeps.report import Counts as Counts
    from fieldingkit.sweeps.report import GroupOutcome as GroupOutcome
    from fieldingkit.sweeps.report import Outcome as Outcome
    from fieldingkit.sweeps.report import Straggler as Straggler
    from fieldingkit.sweeps.report import SweepJob as SweepJob
    from fieldingkit.sweeps.report import SweepProgress as SweepProgress
    from fieldingkit.sweeps.report import SweepProject as SweepProject
    from fieldingkit.sweeps.report import SweepReport as SweepReport
    from fieldingkit.sweeps.report import UnlistedProject as UnlistedProject
    from fieldingkit.sweeps.verification import verify as verify
else:
    from fieldingkit._lazy import lazy_names

    __getattr__, __dir__, __all__ = lazy_names(
        __name__,
        {
            "fieldingkit.sweeps.actions": "Action",
            "fieldingkit.sweeps.checkpoint": "read_report",
            "fieldingkit.sweeps.plan_file": "recheck",
            "fieldingkit.sweeps.previews": "SweepPreview preview",
            "fieldingkit.sweeps.engine": "sweep",
            "fieldingkit.sweeps.identity": "RunIdentity",
            "fieldingkit.sweeps.inverse": "preview_undo undo undo_plan",
            "fieldingkit.sweeps.journal": "Journal RunSummary",
            "fieldingkit.sweeps.locks": "lock_sweep",
            "fieldingkit.sweeps.plan": "SweepPlan TargetGroupQuery",
            "fieldingkit.sweeps.report": (
                "Counts GroupOutcome Outcome Straggler SweepJob SweepProgress SweepProject SweepReport UnlistedProject"
            ),
            "fieldingkit.sweeps.verification": "verify",
        },
    )
