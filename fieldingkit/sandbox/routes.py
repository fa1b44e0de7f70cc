"""The routes of the sandbox, spelled by hand from the published contract.

They are not taken from the client's own table: if both sides read one table, a wrong path would pass every test.
"""

from typing import Final, NamedTuple

from fieldingkit.sandbox.context import Handler
from fieldingkit.sandbox.handlers import (
    allocation_templates,
    allocations,
    calendar,
    definitions,
    drafts,
    exclusion_groups,
    exclusions,
    feasibility,
    fielding_runs,
    fulfillment,
    jobs,
    pricing,
    profile_templates,
    profiles,
    profiling,
    progress,
    projects,
    reconciliations,
    recontacts,
    reports,
    target_groups,
    unique_codes,
    webhooks,
)
from fieldingkit.sandbox.model.fielding_runs import COMPLETE, PAUSE, RELAUNCH, RESUME

__all__ = ["FULFILLMENT_ROUTES", "ROUTES", "Route", "routes"]


class Route(NamedTuple):
    """One operation of the API."""

    method: str
    """The HTTP method."""
    path: str
    """The path template, without `/v1`."""
    operation_id: str
    """The operation id in the contract."""
    handler: Handler
    """The function that handles the operation."""


_WEBHOOKS = "/accounts/{account_id}/webhooks"
_WEBHOOK = _WEBHOOKS + "/{webhook_id}"

_ACCOUNT = "/demand/accounts/{account_id}"
_BUSINESS_UNIT = _ACCOUNT + "/business-units/{business_unit_id}"

_PROJECTS = _ACCOUNT + "/projects"
_PROJECT = _PROJECTS + "/{project_id}"
_GROUPS = _PROJECT + "/target-groups"
_GROUP = _GROUPS + "/{target_group_id}"

_RUNS = _GROUP + "/fielding-runs"
_RUN = _RUNS + "/{fielding_run_id}"
_LAUNCHES = _GROUP + "/fielding-run-jobs/launch-from-draft"
_SCHEDULES = _GROUP + "/fielding-run-jobs/schedule-from-draft"

_PROFILES = _GROUP + "/profiles"
_PROFILE_TEMPLATES = _ACCOUNT + "/profiling-templates"
_PROFILE_TEMPLATE = _PROFILE_TEMPLATES + "/{profile_template_id}"

_ALLOCATIONS = _GROUP + "/allocation-specification"
_ASSOCIATION = _ACCOUNT + "/allocation-template-association"
_TEMPLATES = _ACCOUNT + "/allocation-templates"
_TEMPLATE = _TEMPLATES + "/{template_id}"

_ASSISTANT = _GROUP + "/fielding-assistant-assignment"

_RECONTACTS = _GROUP + "/recontacts"
_RECONTACT_UPLOADS = _RECONTACTS + "/jobs/upload-respondents-by-file"
_RSID_UPLOADS = _RECONTACTS + "/jobs/upload-rsids-by-file"
_RECONTACT_REMOVALS = _RECONTACTS + "/jobs/remove-all-rsids"
_LIVE_CODES = _ACCOUNT + "/target-groups/{target_group_id}/respondent-unique-codes/live"
_TEST_CODES = _ACCOUNT + "/target-groups/{target_group_id}/respondent-unique-codes/test"
_EXCLUSION_GROUPS = _ACCOUNT + "/exclusion-groups"
_EXCLUSION_GROUP = _EXCLUSION_GROUPS + "/{exclusion_group_id}"
_EXCLUSIONS = _GROUP + "/exclusions"
_ACTIVITY = _GROUP + "/respondent-activity-exclusions"
_RECONCILIATIONS = _ACCOUNT + "/reconciliations"
_RECONCILIATION = _RECONCILIATIONS + "/{request_id}"

_BULK_MANAGERS = _PROJECT + "/batch-jobs/update-target-group-project-managers"
_BULK_COMPLETES = _PROJECT + "/batch-jobs/complete-fielding-runs-by-target-group-id"
_BULK_LAUNCHES = _PROJECT + "/batch-jobs/launch-fielding-runs-by-target-group-id"
_BULK_PAUSES = _PROJECT + "/batch-jobs/pause-fielding-runs-by-target-group-id"
_BULK_RELAUNCHES = _PROJECT + "/batch-jobs/relaunch-fielding-runs-by-target-group-id"
_BULK_RESUMES = _PROJECT + "/batch-jobs/resume-fielding-runs-by-target-group-id"

ROUTES: Final = (
    # The tags "Accounts", "Projects"
    Route("GET", "/accounts", "get_user_accounts", projects.list_accounts),
    Route("GET", "/accounts/{account_id}/users", "get_account_users", projects.list_users),
    Route(
        "GET",
        "/accounts/{account_id}/service-clients",
        "get_account_service_clients",
        projects.list_service_clients,
    ),
    Route(
        "GET",
        "/accounts/{account_id}/users/{user_id}/business-units",
        "get_user_account_business_unit_id",
        projects.get_user_business_unit,
    ),
    Route("GET", _PROJECTS, "list_account_projects", projects.list_projects),
    Route("POST", _PROJECTS, "create_project", projects.create_project),
    Route("GET", _PROJECT, "get_project_by_id", projects.get_project),
    Route("PUT", _PROJECT, "update_project", projects.update_project),
    Route("GET", _PROJECT + "/overview", "project_overview", projects.get_project_overview),
    # The tag "Definitions"
    Route("GET", "/accounts/{account_id}/business-units", "get_business_units", definitions.list_business_units),
    Route("GET", "/accounts/{account_id}/clients", "get_clients", definitions.list_clients),
    Route("GET", "/countries", "get_countries", definitions.list_countries),
    Route("GET", "/industries", "get_industries", definitions.list_industries),
    Route("GET", "/industry-lockouts", "get_industry_lockouts", definitions.list_industry_lockouts),
    Route("GET", "/integration-use-cases", "get_integration_use_cases", definitions.list_integration_use_cases),
    Route("GET", "/locales", "get_locales", definitions.list_locales),
    Route("GET", "/study-types", "get_study_types", definitions.list_study_types),
    Route("GET", "/suppliers", "get_suppliers", definitions.list_suppliers),
    Route("GET", "/demand/questions/categories", "list_all_question_categories", definitions.list_question_categories),
    # The tag "Intelligent Calendar"
    Route("POST", "/demand/intelligent-calendar/suggest-days", "suggest_days", calendar.suggest_days),
    Route("GET", "/demand/intelligent-calendar/suggest-time-range", "suggest_time_range", calendar.suggest_time_range),
    # The tag "Feasibility"
    Route(
        "POST",
        "/demand/accounts/{account_id}/target-groups/calculate-feasibility",
        "calculate_target_group_feasibility",
        feasibility.calculate_feasibility,
    ),
    Route(
        "POST",
        _GROUP + "/calculate-feasibility",
        "calculate_target_group_feasibility_by_id",
        feasibility.calculate_target_group_feasibility,
    ),
    # The operations about prices
    Route("GET", _BUSINESS_UNIT + "/rate-card", "get_rate_card", pricing.get_rate_card),
    Route("GET", _GROUP + "/rate-card", "get_target_group_rate_card", pricing.get_target_group_rate_card),
    Route("POST", _BUSINESS_UNIT + "/generate-price-prediction", "generate_price_prediction", pricing.predict_price),
    Route(
        "GET",
        _BUSINESS_UNIT + "/target-groups/{target_group_id}/price",
        "get_target_group_price",
        pricing.get_target_group_price,
    ),
    Route("PUT", _GROUP + "/cost-per-interview", "update_cost_per_interview", pricing.update_cost_per_interview),
    Route("PUT", _GROUP + "/filling-strategy", "update_filling_strategy", pricing.update_filling_strategy),
    # The tags about target groups
    Route("GET", _GROUPS, "get_list_target_groups", target_groups.list_target_groups),
    Route("POST", _GROUPS, "create_target_group", drafts.create_target_group),
    Route("GET", _GROUP, "get_target_group", drafts.get_target_group),
    Route("PUT", _GROUP, "update_target_group", drafts.update_target_group),
    Route("GET", _GROUP + "/details", "get_target_group_details", drafts.get_target_group_details),
    Route("PUT", _GROUP + "/details", "update_launched_target_group_details", drafts.update_target_group_details),
    Route("GET", _GROUP + "/changelog", "get_target_group_changelog", progress.list_changelog),
    Route(
        "POST",
        _PROJECT + "/compute-target-group-transitions",
        "compute_target_group_transitions",
        target_groups.compute_transitions,
    ),
    Route("GET", _GROUP + "/overview", "get_target_group_overview", progress.get_overview),
    Route("GET", _GROUP + "/performance", "get_target_group_performance", progress.get_performance),
    Route(
        "GET",
        _GROUP + "/completes-aggregated-by-interval",
        "get_target_group_completes_aggregated_by_interval",
        progress.get_completes_by_interval,
    ),
    Route(
        "GET",
        "/demand/target-groups/{target_group_id}/overview",
        "get_target_group_overview_by_target_group_id",
        progress.get_overview_by_id,
    ),
    Route("POST", _BULK_MANAGERS, "create_bulk_update_target_group_project_manager_job", jobs.create_manager_job),
    Route(
        "GET", _BULK_MANAGERS + "/{job_id}", "get_bulk_update_target_group_project_manager_job", jobs.get_manager_job
    ),
    # The tags about profiles
    Route("GET", _PROFILES, "list_profiles", profiles.list_profiles),
    Route("PUT", _PROFILES + "/completes-goal", "update_profile_filling_goal", profiles.update_completes_goal),
    Route("POST", _PROFILES + "/manage-profiles", "manage_target_group_profiles", profiles.replace_profiles),
    Route("POST", _PROFILES + "/delete-profiles", "batch_delete_profiles", profiles.delete_profiles),
    Route("GET", _PROFILES + "/{profile_id}", "get_profile", profiles.get_profile),
    Route(
        "GET",
        _PROFILES + "/{profile_id}/supplier-quota-distribution",
        "get_panel_distribution_by_profile",
        profiles.get_supplier_distribution,
    ),
    Route("POST", _ACCOUNT + "/profiles/validate", "validate_profiles", profiling.validate_profiles),
    Route("POST", _ACCOUNT + "/drafts/generate-blended-profile", "generate_blended_profile", profiling.blend_profiles),
    Route(
        "POST",
        _ACCOUNT + "/supplier-quota-distribution/draft",
        "get_panel_distribution_draft",
        profiling.calculate_supplier_distribution,
    ),
    Route("GET", _ACCOUNT + "/questions-translation", "account_questions_translation", profiling.list_questions),
    # The tag "Profiling Templates"
    Route("GET", _PROFILE_TEMPLATES, "list_profile_templates", profile_templates.list_templates),
    Route("POST", _PROFILE_TEMPLATES, "create_profile_template", profile_templates.create_template),
    Route("GET", _PROFILE_TEMPLATE, "get_profile_template", profile_templates.get_template),
    Route("PUT", _PROFILE_TEMPLATE, "edit_profile_template", profile_templates.update_template),
    Route("DELETE", _PROFILE_TEMPLATE, "delete_profile_template", profile_templates.delete_template),
    # The tags "Target Group Allocations", "Allocation Templates Admin"
    Route("GET", _ALLOCATIONS, "get_target_group_allocation_specification", allocations.get_allocations),
    Route("PUT", _ALLOCATIONS, "update_target_group_allocation_specification", allocations.update_allocations),
    Route(
        "GET",
        _BUSINESS_UNIT + "/account-allocation-templates/{template_id}",
        "get_account_allocation_template_for_business_unit_id",
        allocations.get_account_template,
    ),
    Route(
        "GET",
        _BUSINESS_UNIT + "/global-allocation-templates/{template_id}",
        "get_global_allocation_template_by_id_for_business_unit_id",
        allocations.get_global_template,
    ),
    Route(
        "GET",
        _BUSINESS_UNIT + "/system-allocation-template",
        "get_system_allocation_template_by_business_unit_id",
        allocations.get_system_template,
    ),
    Route("GET", _ASSOCIATION, "get_account_allocation_template_association", allocation_templates.get_association),
    Route("PUT", _ASSOCIATION, "set_account_allocation_template_association", allocation_templates.set_association),
    Route("GET", _TEMPLATES, "list_account_allocation_templates", allocation_templates.list_templates),
    Route("POST", _TEMPLATES, "create_account_allocation_template", allocation_templates.create_template),
    Route("GET", _TEMPLATE, "get_account_allocation_template_by_template_id", allocation_templates.get_template),
    Route("PUT", _TEMPLATE, "update_account_allocation_template", allocation_templates.update_template),
    Route("DELETE", _TEMPLATE, "delete_account_allocation_template", allocation_templates.delete_template),
    Route(
        "GET",
        "/demand/allocation-templates",
        "list_global_allocation_templates",
        allocation_templates.list_global_templates,
    ),
    Route(
        "GET",
        "/demand/allocation-templates/{template_id}",
        "get_global_allocation_template_by_template_id",
        allocation_templates.get_global_template,
    ),
    Route(
        "GET",
        "/demand/system-allocation-template",
        "get_system_allocation_template",
        allocation_templates.get_system_template,
    ),
    # The tag "Fielding Assistant"
    Route("GET", _ASSISTANT, "get_fielding_assistant_assignment", fielding_runs.get_assistant),
    Route("PUT", _ASSISTANT, "create_or_update_fielding_assistant_assignment", fielding_runs.put_assistant),
    # The tag "Reports"
    Route("GET", _ACCOUNT + "/reports", "report_requests", reports.list_reports),
    Route("GET", _ACCOUNT + "/reports/{report_id}/download", "download_report_v2", reports.download_report),
    Route("GET", _ACCOUNT + "/reports/{report_id}/share", "share_report", reports.share_report),
    Route("GET", _ACCOUNT + "/reports/{report_id}/status", "report_status", reports.get_report_status),
    Route("POST", _ACCOUNT + "/reports/{report_type}", "generate_report", reports.generate_report),
    # The tag "Recontacts"
    Route("POST", _RECONTACT_UPLOADS, "recontact_create_upload_respondents_by_file_job", recontacts.upload),
    Route("GET", _RECONTACT_UPLOADS, "recontact_list_upload_respondents_by_file_jobs", recontacts.list_uploads),
    Route(
        "GET",
        _RECONTACT_UPLOADS + "/{job_id}",
        "get_recontact_upload_respondents_by_file_job",
        recontacts.get_job("upload"),
    ),
    Route("GET", _RECONTACT_UPLOADS + "/{job_id}/download", "recontact_download_job_file", recontacts.download_file),
    Route("POST", _RSID_UPLOADS, "recontact_create_upload_rsids_by_file_job", recontacts.upload_respondent_ids),
    Route(
        "GET",
        _RSID_UPLOADS + "/{job_id}",
        "get_recontacts_rsids_upload_file_job_status",
        recontacts.get_job("rsid-upload"),
    ),
    Route("POST", _RECONTACT_REMOVALS, "create_all_recontact_rsids_removal_job", recontacts.remove_all),
    Route(
        "GET",
        _RECONTACT_REMOVALS + "/{job_id}",
        "recontacts_remove_all_rsids_job_status",
        recontacts.get_job("removal"),
    ),
    Route("GET", _RECONTACTS + "/overview", "get_recontacts_overview", recontacts.get_overview),
    Route("GET", _RECONTACTS + "/rsids", "get_target_group_rsid_recontact_list", recontacts.list_recontacts),
    # The tag "Respondent Unique Codes"
    Route("POST", _LIVE_CODES, "upload_live_respondent_unique_codes", unique_codes.upload_codes("live")),
    Route(
        "GET",
        _LIVE_CODES + "/stats",
        "get_live_respondent_unique_codes_stats",
        unique_codes.get_code_statistics("live"),
    ),
    Route(
        "DELETE",
        _LIVE_CODES + "/unconsumed",
        "delete_unconsumed_live_respondent_unique_codes",
        unique_codes.delete_unconsumed_codes("live"),
    ),
    Route("POST", _TEST_CODES, "upload_test_respondent_unique_codes", unique_codes.upload_codes("test")),
    Route(
        "GET",
        _TEST_CODES + "/stats",
        "get_test_respondent_unique_codes_stats",
        unique_codes.get_code_statistics("test"),
    ),
    Route(
        "DELETE",
        _TEST_CODES + "/unconsumed",
        "delete_unconsumed_test_respondent_unique_codes",
        unique_codes.delete_unconsumed_codes("test"),
    ),
    # The tag "Respondent Exclusions"
    Route("GET", _EXCLUSION_GROUPS, "get_exclusion_groups_by_account_id", exclusion_groups.list_exclusion_groups),
    Route("POST", _EXCLUSION_GROUPS, "create_exclusion_group", exclusion_groups.create_exclusion_group),
    Route("GET", _EXCLUSION_GROUP, "get_exclusion_group_by_id", exclusion_groups.get_exclusion_group),
    Route("PUT", _EXCLUSION_GROUP, "update_exclusion_group_by_id", exclusion_groups.update_exclusion_group),
    Route("DELETE", _EXCLUSION_GROUP, "delete_exclusion_group_by_id", exclusion_groups.delete_exclusion_group),
    Route(
        "GET",
        _EXCLUSION_GROUP + "/target-groups",
        "get_exclusion_group_target_group_exclusions",
        exclusion_groups.list_target_groups,
    ),
    Route(
        "POST",
        _EXCLUSION_GROUP + "/target-groups/add",
        "add_target_groups_to_exclusion_group",
        exclusion_groups.add_target_groups,
    ),
    Route(
        "POST",
        _EXCLUSION_GROUP + "/target-groups/remove",
        "remove_target_groups_from_exclusion_group",
        exclusion_groups.remove_target_groups,
    ),
    Route(
        "GET",
        _ACCOUNT + "/target-groups/{target_group_id}/exclusion-groups",
        "get_exclusion_groups_for_target_group",
        exclusion_groups.list_target_group_exclusion_groups,
    ),
    Route("GET", _PROJECT + "/exclusions", "get_exclusion_by_project_api", exclusions.get_project_exclusions),
    Route(
        "PUT",
        _PROJECT + "/exclusion-policies",
        "update_bulk_target_group_exclusions_api",
        exclusions.update_project_exclusions,
    ),
    Route("GET", _GROUP + "/exclusion-policy", "get_target_group_exclusion_policy_api", exclusions.get_policy),
    Route(
        "GET",
        _ACTIVITY,
        "get_target_group_respondent_activity_exclusions",
        exclusions.get_activity_exclusions,
    ),
    Route(
        "PUT",
        _ACTIVITY,
        "set_target_group_respondent_activity_exclusions",
        exclusions.set_activity_exclusions,
    ),
    Route("GET", _EXCLUSIONS + "/overview", "get_exclusions_overview", exclusions.get_overview),
    Route(
        "GET",
        _EXCLUSIONS + "/rsid/paginated",
        "get_target_group_rsid_exclusion_list_api_paginated",
        exclusions.list_excluded("RSID", "rsid/paginated"),
    ),
    Route(
        "GET",
        _EXCLUSIONS + "/access-respondent-guid/paginated",
        "get_target_group_access_respondent_guid_exclusion_list_api_paginated",
        exclusions.list_excluded("ACCESS_RESPONDENT_GUID", "access-respondent-guid/paginated"),
    ),
    Route(
        "POST",
        _EXCLUSIONS + "/jobs/upload-respondents-by-file",
        "exclusion_create_upload_rids_by_file_job",
        exclusions.upload,
    ),
    Route(
        "GET",
        _EXCLUSIONS + "/jobs/upload-respondents-by-file/{job_id}",
        "get_respondent_exclusions_upload_by_file_job",
        exclusions.get_upload_job,
    ),
    Route(
        "POST",
        _EXCLUSIONS + "/jobs/remove-all-respondents",
        "exclusion_create_remove_all_respondents_job",
        exclusions.remove_all,
    ),
    Route(
        "GET",
        _EXCLUSIONS + "/jobs/remove-all-respondents/{job_id}",
        "get_all_respondent_exclusions_removal_job",
        exclusions.get_removal_job,
    ),
    # The tag "Reconciliations"
    Route("GET", _RECONCILIATIONS, "get_reconciliations_by_account_id", reconciliations.list_reconciliations),
    Route("POST", _RECONCILIATIONS, "post_reconciliations", reconciliations.post_reconciliation),
    Route(
        "GET",
        _RECONCILIATIONS + "/eligible-target-groups",
        "get_eligible_target_groups",
        reconciliations.list_eligible_groups,
    ),
    Route(
        "GET",
        _RECONCILIATIONS + "/reason-codes",
        "request_reconciliation_reason_codes",
        reconciliations.list_reason_codes,
    ),
    Route("GET", _RECONCILIATION, "get_reconciliation_by_request_id", reconciliations.get_reconciliation),
    Route(
        "GET",
        _RECONCILIATION + "/target-groups",
        "get_target_groups_by_request_id",
        reconciliations.list_reconciled_groups,
    ),
    Route(
        "GET",
        _RECONCILIATION + "/target-groups/{target_group_id}",
        "get_target_group_by_request_id_and_target_group_id",
        reconciliations.get_reconciled_group,
    ),
    Route(
        "GET",
        _RECONCILIATION + "/downloads/{download_type}",
        "get_recon_downloads",
        reconciliations.download_reconciliation,
    ),
    Route(
        "POST",
        _PROJECT + "/reconciliations/completes",
        "post_reconciliations_completes",
        reconciliations.post_completes,
    ),
    # The tag "Webhooks"
    Route("GET", _WEBHOOKS, "get_webhooks", webhooks.list_webhooks),
    Route("POST", _WEBHOOKS, "create_webhook", webhooks.create_webhook),
    Route("GET", _WEBHOOK, "get_webhook", webhooks.get_webhook),
    Route("PUT", _WEBHOOK, "update_webhook", webhooks.update_webhook),
    Route("DELETE", _WEBHOOK, "delete_webhook", webhooks.delete_webhook),
    Route("POST", _WEBHOOK + "/regenerate-secret", "regenerate_webhook_secret", webhooks.regenerate_secret),
    Route("GET", _WEBHOOK + "/events-history", "list_webhook_events_history", webhooks.list_webhook_history),
    Route("GET", "/accounts/{account_id}/webhooks-events", "get_webhook_events", webhooks.list_webhook_events),
    # The tag "Fielding"
    Route("GET", _RUNS, "get_fielding_runs_by_target_group_id", fielding_runs.list_fielding_runs),
    Route("GET", _RUN, "get_fielding_run", fielding_runs.get_fielding_run),
    Route("PUT", _RUN, "update_fielding_run", fielding_runs.update_fielding_run),
    Route("POST", _RUN + "/pause", "pause_fielding_run", fielding_runs.run_action(PAUSE)),
    Route("POST", _RUN + "/resume", "resume_fielding_run", fielding_runs.run_action(RESUME)),
    Route("POST", _RUN + "/complete", "complete_fielding_run", fielding_runs.run_action(COMPLETE)),
    Route("POST", _RUN + "/relaunch", "relaunch_fielding_run", fielding_runs.run_action(RELAUNCH)),
    Route("POST", _RUN + "/launch-now", "launch_now_fielding_run", fielding_runs.launch_now),
    Route("POST", _LAUNCHES, "create_launch_fielding_run_from_draft_job", jobs.launch_draft),
    Route("GET", _LAUNCHES + "/{job_id}", "get_launch_fielding_run_from_draft_job", jobs.get_launch_job),
    Route("POST", _SCHEDULES, "create_schedule_fielding_run_from_draft_job", jobs.schedule_draft),
    Route("GET", _SCHEDULES + "/{job_id}", "get_schedule_fielding_run_from_draft_job", jobs.get_schedule_job),
    # The tag "Fielding (Batch)"
    Route("POST", _BULK_COMPLETES, "create_bulk_complete_target_groups_job", jobs.create_batch_job("complete")),
    Route("GET", _BULK_COMPLETES + "/{job_id}", "get_bulk_complete_target_groups_job", jobs.get_batch_job("complete")),
    Route("POST", _BULK_LAUNCHES, "create_bulk_launch_target_groups_job", jobs.create_batch_job("launch")),
    Route("GET", _BULK_LAUNCHES + "/{job_id}", "get_bulk_launch_target_groups_job", jobs.get_batch_job("launch")),
    Route("POST", _BULK_PAUSES, "create_bulk_pause_target_groups_job", jobs.create_batch_job("pause")),
    Route("GET", _BULK_PAUSES + "/{job_id}", "get_bulk_pause_target_groups_job", jobs.get_batch_job("pause")),
    Route("POST", _BULK_RELAUNCHES, "create_bulk_relaunch_target_groups_job", jobs.create_batch_job("relaunch")),
    Route("GET", _BULK_RELAUNCHES + "/{job_id}", "get_bulk_relaunch_target_groups_job", jobs.get_batch_job("relaunch")),
    Route("POST", _BULK_RESUMES, "create_bulk_resume_target_groups_job", jobs.create_batch_job("resume")),
    Route("GET", _BULK_RESUMES + "/{job_id}", "get_bulk_resume_target_groups_job", jobs.get_batch_job("resume")),
)
"""The operations of the Demand API, below `/v1`."""

FULFILLMENT_ROUTES: Final = (
    Route("GET", "/fulfillment/respondents/{RID}", "get_respondent_status", fulfillment.get_respondent_status),
    Route(
        "POST", "/fulfillment/respondents/transition", "update_respondent_status", fulfillment.update_respondent_status
    ),
)
"""The operations of the fulfillment API, which has another host and another key."""


def routes() -> list[tuple[str, str, str]]:
    """Return every operation: method, path template without `/v1`, operation id."""
    return [(route.method, route.path, route.operation_id) for route in (*ROUTES, *FULFILLMENT_ROUTES)]
