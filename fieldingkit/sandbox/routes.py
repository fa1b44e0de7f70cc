"""The routes of the sandbox, spelled by hand from the published contract.

They are not taken from the client's own table: if both sides read one table, a wrong path would pass every test.
"""

from typing import Final

from fieldingkit.sandbox.handlers import (
    allocation_templates,
    allocations,
    calendar,
    definitions,
    drafts,
    feasibility,
    fielding_runs,
    jobs,
    pricing,
    profile_templates,
    profiles,
    profiling,
    progress,
    projects,
    reports,
    target_groups,
    webhooks,
)
from fieldingkit.sandbox.model.fielding_runs import COMPLETE, PAUSE, RELAUNCH, RESUME
from fieldingkit.sandbox.respondent_routes import FULFILLMENT_ROUTES, RESPONDENT_ROUTES
from fieldingkit.sandbox.route import ACCOUNT, GROUP, GROUPS, PROJECT, PROJECTS, Route

__all__ = ["ROUTES", "routes"]

_WEBHOOKS = "/accounts/{account_id}/webhooks"
_WEBHOOK = _WEBHOOKS + "/{webhook_id}"

_BUSINESS_UNIT = ACCOUNT + "/business-units/{business_unit_id}"

_RUNS = GROUP + "/fielding-runs"
_RUN = _RUNS + "/{fielding_run_id}"
_LAUNCHES = GROUP + "/fielding-run-jobs/launch-from-draft"
_SCHEDULES = GROUP + "/fielding-run-jobs/schedule-from-draft"

_PROFILES = GROUP + "/profiles"
_PROFILE_TEMPLATES = ACCOUNT + "/profiling-templates"
_PROFILE_TEMPLATE = _PROFILE_TEMPLATES + "/{profile_template_id}"

_ALLOCATIONS = GROUP + "/allocation-specification"
_ASSOCIATION = ACCOUNT + "/allocation-template-association"
_TEMPLATES = ACCOUNT + "/allocation-templates"
_TEMPLATE = _TEMPLATES + "/{template_id}"

_ASSISTANT = GROUP + "/fielding-assistant-assignment"

_BULK_MANAGERS = PROJECT + "/batch-jobs/update-target-group-project-managers"
_BULK_COMPLETES = PROJECT + "/batch-jobs/complete-fielding-runs-by-target-group-id"
_BULK_LAUNCHES = PROJECT + "/batch-jobs/launch-fielding-runs-by-target-group-id"
_BULK_PAUSES = PROJECT + "/batch-jobs/pause-fielding-runs-by-target-group-id"
_BULK_RELAUNCHES = PROJECT + "/batch-jobs/relaunch-fielding-runs-by-target-group-id"
_BULK_RESUMES = PROJECT + "/batch-jobs/resume-fielding-runs-by-target-group-id"

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
    Route("GET", PROJECTS, "list_account_projects", projects.list_projects),
    Route("POST", PROJECTS, "create_project", projects.create_project),
    Route("GET", PROJECT, "get_project_by_id", projects.get_project),
    Route("PUT", PROJECT, "update_project", projects.update_project),
    Route("GET", PROJECT + "/overview", "project_overview", projects.get_project_overview),
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
        GROUP + "/calculate-feasibility",
        "calculate_target_group_feasibility_by_id",
        feasibility.calculate_target_group_feasibility,
    ),
    # The operations about prices
    Route("GET", _BUSINESS_UNIT + "/rate-card", "get_rate_card", pricing.get_rate_card),
    Route("GET", GROUP + "/rate-card", "get_target_group_rate_card", pricing.get_target_group_rate_card),
    Route("POST", _BUSINESS_UNIT + "/generate-price-prediction", "generate_price_prediction", pricing.predict_price),
    Route(
        "GET",
        _BUSINESS_UNIT + "/target-groups/{target_group_id}/price",
        "get_target_group_price",
        pricing.get_target_group_price,
    ),
    Route("PUT", GROUP + "/cost-per-interview", "update_cost_per_interview", pricing.update_cost_per_interview),
    Route("PUT", GROUP + "/filling-strategy", "update_filling_strategy", pricing.update_filling_strategy),
    # The tags about target groups
    Route("GET", GROUPS, "get_list_target_groups", target_groups.list_target_groups),
    Route("POST", GROUPS, "create_target_group", drafts.create_target_group),
    Route("GET", GROUP, "get_target_group", drafts.get_target_group),
    Route("PUT", GROUP, "update_target_group", drafts.update_target_group),
    Route("GET", GROUP + "/details", "get_target_group_details", drafts.get_target_group_details),
    Route("PUT", GROUP + "/details", "update_launched_target_group_details", drafts.update_target_group_details),
    Route("GET", GROUP + "/changelog", "get_target_group_changelog", progress.list_changelog),
    Route(
        "POST",
        PROJECT + "/compute-target-group-transitions",
        "compute_target_group_transitions",
        target_groups.compute_transitions,
    ),
    Route("GET", GROUP + "/overview", "get_target_group_overview", progress.get_overview),
    Route("GET", GROUP + "/performance", "get_target_group_performance", progress.get_performance),
    Route(
        "GET",
        GROUP + "/completes-aggregated-by-interval",
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
    Route("POST", ACCOUNT + "/profiles/validate", "validate_profiles", profiling.validate_profiles),
    Route("POST", ACCOUNT + "/drafts/generate-blended-profile", "generate_blended_profile", profiling.blend_profiles),
    Route(
        "POST",
        ACCOUNT + "/supplier-quota-distribution/draft",
        "get_panel_distribution_draft",
        profiling.calculate_supplier_distribution,
    ),
    Route("GET", ACCOUNT + "/questions-translation", "account_questions_translation", profiling.list_questions),
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
    Route("GET", ACCOUNT + "/reports", "report_requests", reports.list_reports),
    Route("GET", ACCOUNT + "/reports/{report_id}/download", "download_report_v2", reports.download_report),
    Route("GET", ACCOUNT + "/reports/{report_id}/share", "share_report", reports.share_report),
    Route("GET", ACCOUNT + "/reports/{report_id}/status", "report_status", reports.get_report_status),
    Route("POST", ACCOUNT + "/reports/{report_type}", "generate_report", reports.generate_report),
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
    *RESPONDENT_ROUTES,
)
"""The operations of the Demand API, below `/v1`."""


def routes() -> list[tuple[str, str, str]]:
    """Return every operation: method, path template without `/v1`, operation id."""
    return [(route.method, route.path, route.operation_id) for route in (*ROUTES, *FULFILLMENT_ROUTES)]
