"""Higher-level workflows built on the public client API.

Each workflow is an ``async def`` that takes the client first: ``await ensure_status(client, ...)``, or with a blocking
client ``client.call(ensure_status, ...)``. Names are loaded on first use.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fieldingkit.jobs.scheduler import as_completed as as_completed
    from fieldingkit.workflows.allocation_changes import ChangedAllocations as ChangedAllocations
    from fieldingkit.workflows.allocation_changes import change_allocations as change_allocations
    from fieldingkit.workflows.definitions import Definitions as Definitions
    from fieldingkit.workflows.differences import Difference as Difference
    from fieldingkit.workflows.drafts import EnsuredTargetGroup as EnsuredTargetGroup
    from fieldingkit.workflows.drafts import copy_target_group as copy_target_group
    from fieldingkit.workflows.drafts import ensure_target_group as ensure_target_group
    from fieldingkit.workflows.due_reconciliations import DueProject as DueProject
    from fieldingkit.workflows.due_reconciliations import DueReconciliations as DueReconciliations
    from fieldingkit.workflows.due_reconciliations import due as due
    from fieldingkit.workflows.exclusion_removals import RemovedExclusions as RemovedExclusions
    from fieldingkit.workflows.exclusion_removals import remove_all_exclusions as remove_all_exclusions
    from fieldingkit.workflows.exclusions import UploadedExclusions as UploadedExclusions
    from fieldingkit.workflows.exclusions import upload_exclusions as upload_exclusions
    from fieldingkit.workflows.launches import LaunchedTargetGroup as LaunchedTargetGroup
    from fieldingkit.workflows.launches import launch as launch
    from fieldingkit.workflows.profile_changes import ChangedProfiles as ChangedProfiles
    from fieldingkit.workflows.profile_changes import ProfileChange as ProfileChange
    from fieldingkit.workflows.profile_changes import ProfilesPreview as ProfilesPreview
    from fieldingkit.workflows.profile_changes import change_profiles as change_profiles
    from fieldingkit.workflows.profile_changes import preview_profiles as preview_profiles
    from fieldingkit.workflows.profile_difference import ProfilesDifference as ProfilesDifference
    from fieldingkit.workflows.profile_difference import QuotaDifference as QuotaDifference
    from fieldingkit.workflows.projects import EnsuredProject as EnsuredProject
    from fieldingkit.workflows.projects import ensure_project as ensure_project
    from fieldingkit.workflows.reconciliations import Reconciled as Reconciled
    from fieldingkit.workflows.reconciliations import ReconciliationPreview as ReconciliationPreview
    from fieldingkit.workflows.reconciliations import preview_reconciliation as preview_reconciliation
    from fieldingkit.workflows.reconciliations import reconcile as reconcile
    from fieldingkit.workflows.recontacts import UploadedRecontacts as UploadedRecontacts
    from fieldingkit.workflows.recontacts import upload_recontacts as upload_recontacts
    from fieldingkit.workflows.reports import SavedReport as SavedReport
    from fieldingkit.workflows.reports import run_report as run_report
    from fieldingkit.workflows.reports import save_report as save_report
    from fieldingkit.workflows.respondents import EnsuredRespondentStatus as EnsuredRespondentStatus
    from fieldingkit.workflows.respondents import ensure_respondent_status as ensure_respondent_status
    from fieldingkit.workflows.runs import EnsuredStatus as EnsuredStatus
    from fieldingkit.workflows.runs import UpdatedRun as UpdatedRun
    from fieldingkit.workflows.runs import ensure_status as ensure_status
    from fieldingkit.workflows.runs import update_run as update_run
    from fieldingkit.workflows.runs import wait_for_status as wait_for_status
    from fieldingkit.workflows.shortfalls import Shortfall as Shortfall
    from fieldingkit.workflows.unique_codes import CodeUpload as CodeUpload
    from fieldingkit.workflows.unique_codes import upload_codes as upload_codes
else:
    from fieldingkit._lazy import lazy_names

    __getattr__, __dir__, __all__ = lazy_names(
        __name__,
        {
            "fieldingkit.jobs.scheduler": "as_completed",
            "fieldingkit.workflows.allocation_changes": "ChangedAllocations change_allocations",
            "fieldingkit.workflows.definitions": "Definitions",
            "fieldingkit.workflows.differences": "Difference",
            "fieldingkit.workflows.drafts": "EnsuredTargetGroup copy_target_group ensure_target_group",
            "fieldingkit.workflows.due_reconciliations": "DueProject DueReconciliations due",
            "fieldingkit.workflows.exclusion_removals": "RemovedExclusions remove_all_exclusions",
            "fieldingkit.workflows.exclusions": "UploadedExclusions upload_exclusions",
            "fieldingkit.workflows.launches": "LaunchedTargetGroup launch",
            "fieldingkit.workflows.profile_changes": (
                "ChangedProfiles ProfileChange ProfilesPreview change_profiles preview_profiles"
            ),
            "fieldingkit.workflows.profile_difference": "ProfilesDifference QuotaDifference",
            "fieldingkit.workflows.projects": "EnsuredProject ensure_project",
            "fieldingkit.workflows.recontacts": "UploadedRecontacts upload_recontacts",
            "fieldingkit.workflows.reports": "SavedReport run_report save_report",
            "fieldingkit.workflows.respondents": "EnsuredRespondentStatus ensure_respondent_status",
            "fieldingkit.workflows.reconciliations": (
                "Reconciled ReconciliationPreview preview_reconciliation reconcile"
            ),
            "fieldingkit.workflows.runs": "EnsuredStatus UpdatedRun ensure_status update_run wait_for_status",
            "fieldingkit.workflows.shortfalls": "Shortfall",
            "fieldingkit.workflows.unique_codes": "CodeUpload upload_codes",
        },
    )
