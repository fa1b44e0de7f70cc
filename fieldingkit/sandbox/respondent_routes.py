"""The routes of the sandbox about respondents, spelled by hand as all others."""

from typing import Final

from fieldingkit.sandbox.handlers import (
    exclusion_groups,
    exclusions,
    fulfillment,
    reconciliations,
    recontacts,
    unique_codes,
)
from fieldingkit.sandbox.route import ACCOUNT, GROUP, PROJECT, Route

__all__ = ["FULFILLMENT_ROUTES", "RESPONDENT_ROUTES"]

_RECONTACTS = GROUP + "/recontacts"
_RECONTACT_UPLOADS = _RECONTACTS + "/jobs/upload-respondents-by-file"
_RSID_UPLOADS = _RECONTACTS + "/jobs/upload-rsids-by-file"
_RECONTACT_REMOVALS = _RECONTACTS + "/jobs/remove-all-rsids"
_LIVE_CODES = ACCOUNT + "/target-groups/{target_group_id}/respondent-unique-codes/live"
_TEST_CODES = ACCOUNT + "/target-groups/{target_group_id}/respondent-unique-codes/test"
_EXCLUSION_GROUPS = ACCOUNT + "/exclusion-groups"
_EXCLUSION_GROUP = _EXCLUSION_GROUPS + "/{exclusion_group_id}"
_EXCLUSIONS = GROUP + "/exclusions"
_ACTIVITY = GROUP + "/respondent-activity-exclusions"
_RECONCILIATIONS = ACCOUNT + "/reconciliations"
_RECONCILIATION = _RECONCILIATIONS + "/{request_id}"

RESPONDENT_ROUTES: Final = (
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
        ACCOUNT + "/target-groups/{target_group_id}/exclusion-groups",
        "get_exclusion_groups_for_target_group",
        exclusion_groups.list_target_group_exclusion_groups,
    ),
    Route("GET", PROJECT + "/exclusions", "get_exclusion_by_project_api", exclusions.get_project_exclusions),
    Route(
        "PUT",
        PROJECT + "/exclusion-policies",
        "update_bulk_target_group_exclusions_api",
        exclusions.update_project_exclusions,
    ),
    Route("GET", GROUP + "/exclusion-policy", "get_target_group_exclusion_policy_api", exclusions.get_policy),
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
        PROJECT + "/reconciliations/completes",
        "post_reconciliations_completes",
        reconciliations.post_completes,
    ),
)
"""The operations of the Demand API about respondents, below `/v1`."""

FULFILLMENT_ROUTES: Final = (
    Route("GET", "/fulfillment/respondents/{RID}", "get_respondent_status", fulfillment.get_respondent_status),
    Route(
        "POST", "/fulfillment/respondents/transition", "update_respondent_status", fulfillment.update_respondent_status
    ),
)
"""The operations of the fulfillment API, which has another host and another key."""
