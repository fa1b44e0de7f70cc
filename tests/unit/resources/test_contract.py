"""Every command and model compared with the published contract, if a copy of it is present.

A difference is a failure, unless ``DIFFERENCES`` has it with its reason; an entry there that no longer applies is a
failure as well.
"""

import importlib
import inspect
import json
import pkgutil
import types
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any, Final, Literal, Union, cast, get_args, get_origin

import attrs
import pytest
from support.published_contract import CONTRACT, Contract, Schema, load_document

import fieldingkit.resources
from fieldingkit.commands import Command, OpenEnum, OpenIntEnum
from fieldingkit.converter import is_variants, structure
from fieldingkit.files import Upload
from fieldingkit.idempotency import RetrySafety
from fieldingkit.job_commands import JobAccepted, JobCommand
from fieldingkit.leniency import structure_tolerantly
from fieldingkit.resources import (
    batch_jobs,
    definitions,
    excluded_respondents,
    exclusion_groups,
    exclusions,
    feasibility,
    fielding_assistant,
    pricing,
    profiling_library,
    re_entry,
    reconciliations,
    recontacts,
    reports,
    target_group_drafts,
    target_groups,
    webhooks,
)
from fieldingkit.resources.allocation_templates import GroupShare
from fieldingkit.results import Variant


def _rate_card(table: str) -> dict[str, str]:
    """Return the places of a rate card's fields in one of the API's forms."""
    names = ("data_format", "length_of_interview_minutes", "incidence_rate_percents")
    return {
        **{name: f"{table}.{name}" for name in names},
        "currency_code": f"{table}.pricing_table_currency_code",
        "prices": f"{table}.pricing_table_data",
    }


_RECONCILED: Final = ("submitted", "expired", "invalid", "positive_reversed", "negative_reversed")

WIRE: Final[Mapping[type, Mapping[str, str | None]]] = {
    batch_jobs.BatchResult: {
        "updated": "updated_target_groups.data[].target_group_id",
        "failed": "failed_target_groups.data[]",
        "missing": None,
        "unrequested": None,
        "unaccounted": None,
        "as_requested": None,
    },
    batch_jobs.FailedTargetGroup: {"code": "failure_reason.code", "description": "failure_reason.description"},
    target_groups.TargetGroupStatistics: {
        field.name: f"{field.name}.value" if field.name != "issues" else "progress.issues[]"
        for field in attrs.fields(target_groups.TargetGroupStatistics)
    },
    target_groups.StatisticIssue: {"statistic": None},
    recontacts.RecontactJob: {"note": "partial_success_reason.description"},
    recontacts.RecontactJobList: {"jobs": "data[]"},
    recontacts.RecontactList: {"respondent_ids": "data[]"},
    webhooks.WebhookList: {"next_cursor": None},
    reconciliations.Reconciliation: {
        "submitted_by": "submitter_las_id",
        **{name: f"{name}_count" for name in _RECONCILED},
    },
    reconciliations.ReconciledTargetGroup: {name: f"{name}_count" for name in _RECONCILED},
    reconciliations.EligibleTargetGroup: {
        f"project_manager_{name}": f"project_manager.{name}" for name in ("id", "name", "email")
    },
    reports.ReportList: {"reports": "reports_requests[]"},
    profiling_library.QuestionList: {"questions": "profiles[]"},
    definitions.Locale: {
        "code": None,
        "country_code": "country.code",
        "country_name": "country.name",
        "language_code": "languages[].code",
        "language_name": "languages[].name",
        "is_preferred": "languages[].is_preferred",
    },
    pricing.RateCard: _rate_card("rate_card_data"),
    pricing.TargetGroupRateCard: {
        **_rate_card("bound_rate_card"),
        "token": "bound_rate_card_token",
        "bound": None,
    },
    pricing.ExchangePrice: {
        name: f"pricing_context.{name.replace('pricing_', '')}"
        for name in ("pricing_type", "rate_card_token", "maximum_cpi", "cpi_boost")
    },
    feasibility.Feasibility: {
        "suggested_price_min": "suggested_price_range.min",
        "suggested_price_max": "suggested_price_range.max",
        "completes_min": "suggested_completes_goal_range.min",
        "completes_max": "suggested_completes_goal_range.max",
        "allocation_groups": "allocations.open_exchange_allocations.groups",
        "open_exchange_min": "allocations.open_exchange_allocations.min_completes",
        "open_exchange_max": "allocations.open_exchange_allocations.max_completes",
    },
    feasibility.TargetFeasibility: {
        "min_completes": "quota.min_completes",
        "max_completes": "quota.max_completes",
    },
    feasibility.AllocationFeasibility: {"is_private": None},
    exclusion_groups.ExclusionGroupList: {"exclusion_groups": "data[]"},
    exclusion_groups.ExclusionGroupTargetGroupList: {"target_group_ids": "data[]"},
    excluded_respondents.ExcludedRespondentList: {"ids": "data[]"},
    excluded_respondents.ExclusionJob: {"note": "partial_success_reason.description"},
    **{
        kind: {"others": None}
        for kind in (
            exclusions.ActivityExclusion,
            re_entry.ClientSideReEntry,
            re_entry.ReEntry,
            re_entry.ReEntryConfiguration,
            re_entry.ReEntryPermission,
            re_entry.ScreenerSideReEntry,
            target_group_drafts.TargetGroupDraft,
            fielding_assistant.FieldingAssistantAssignment,
            fielding_assistant.Pacing,
            fielding_assistant.Pricing,
            fielding_assistant.QuotaOverlay,
            fielding_assistant.SoftLaunch,
        )
    },
}
"""The places of flattened fields in the API's JSON; None for computed fields."""

_ONE_WAY = "Pages are read forwards only; a list that is walked backwards would need another kind of command."
_DEPRECATED = "Deprecated in favour of search_string, which every command here has."
_ITSELF = "What has no id cannot be named in any other call; an answer without one is no use to anybody."
_CHANGE = "One model for all six guarded writes; only launch-now sends the dates."
_LISTS = "This list is never paginated."
_TYPED = "The examples are times or dates, and the description says so; the schema has forgotten the format."
_NO_PROFILES = "Of the body's three forms one has a list of profiles that is always empty; its items are never sent."
_NUMBER_AS_TEXT = "A business unit is a number in some answers and a text in others; here it is always a text."
_REFERENCE = "One model for both writes; the id is all that both send."
_PRICE = "One model for both exchanges; only the private one has suppliers."
_SAYS_NOTHING = "Without this member the object says nothing."
_GROUPS = "A private group has one supplier, a list of one here: one model for both exchanges."
_OPEN = "A first draft has no module, and admits all suppliers without limits."
_PERIOD = "A report of no period is of no use, and its default is not documented."
_WORDS = "One vocabulary for the states of reports; each operation has some of its words."
_SCALE = "A command drops the scale of the amount that it is given; only answers have one."
_SUGGESTION = "A suggestion without it is none."
_VOCABULARY = "One vocabulary of profiling serves all operations; each answer has some of its members."
_SUPPLY = "One vocabulary of allocations serves all operations; each has some of its members."
_SUPPLIER = "Suppliers of a business unit's template have longer names for id and name."
_TEMPLATE = "One model for templates of an account, of all accounts and of the system."
_REPLACED = "Without allocations of both exchanges there is nothing to replace; they are members of the body itself."
_JOB_REASON = "One model for all jobs on one target group; only those on drafts list the problems one by one."
_NO_ADDRESS = "It names the list itself, in a form that cannot be called."
_NOTHING_TO_DO = "The contract marks nothing as required; without target groups there is nothing to do."
_RECONTACTS = "One model for uploads and removals, alone and in a list; each answer has some of its members."
_TWO_SPELLINGS = "One model; the list names its members in another way than the answer about one."
_TAG_WANTED = "The contract's prose demands the tag, and without one a concurrent change would be lost."

_COUNTERS = ("conversion_rate", "completes", "prescreens", "total_remaining")
DIFFERENCES: Final[Mapping[tuple[str, str], str]] = {
    ("*", "query end_before is not taken"): _ONE_WAY,
    ("list_account_projects", "query name is not taken"): _DEPRECATED,
    ("get_list_target_groups", "query name is not taken"): _DEPRECATED,
    ("get_fielding_runs_by_target_group_id", "FieldingRunList lacks has_more"): _LISTS,
    ("list_account_projects", "ProjectList lacks url"): _NO_ADDRESS,
    ("get_list_target_groups", "TargetGroupList lacks url"): _NO_ADDRESS,
    ("get_user_accounts", "Account.id is required here"): _ITSELF,
    ("get_account_users", "User.id is required here"): _ITSELF,
    ("get_account_service_clients", "User.id is required here"): _ITSELF,
    ("get_user_account_business_unit_id", "UserBusinessUnit.business_unit_id is not a str"): _NUMBER_AS_TEXT,
    ("get_business_units", "BusinessUnit.id is required here"): _ITSELF,
    ("get_business_units", "BusinessUnit.id is not a str"): _NUMBER_AS_TEXT,
    ("get_clients", "AccountClient.id is required here"): _ITSELF,
    ("get_*", "Definition.id is required here"): _ITSELF,
    ("get_integration_use_cases", "IntegrationUseCase.id is required here"): _ITSELF,
    ("report_requests", "Report.report_id is required here"): _ITSELF,
    ("report_status", "ReportStatus.report_id is required here"): _ITSELF,
    ("report_status", "ReportStatus.status is required here"): "Without it, the end of a report would never be seen.",
    ("share_report", "SharedReport.report_pre_signed_url is required here"): _SAYS_NOTHING,
    (
        "share_report",
        "report_type is required here",
    ): "It is required beside a reference, where the word has no effect.",
    ("generate_report", "start_date is required here"): _PERIOD,
    ("generate_report", "end_date is required here"): _PERIOD,
    **{
        (operation_id, f"{name} is not a date"): _TYPED
        for operation_id, owner in (("generate_report", ""), ("report_requests", "ReportParameters."))
        for name in (f"{owner}start_date", f"{owner}end_date")
    },
    ("report_requests", "ReportOptions.link_type is an enumeration"): "It is a number in requests.",
    **{
        ("report_*", f"ReportState.{word} is not in the contract"): _WORDS
        for word in ("emailed", "failed", "in_progress", "pending", "processing")
    },
    **{
        (operation_id, "ReconciliationStatus.failed is not in the contract"): "A word of a filter; it ends a wait."
        for operation_id in ("get_reconciliations_by_account_id", "get_*by_request_id*")
    },
    **{
        ("report_requests", f"ReportLevel {difference}"): "Its words are spelled in two ways in one operation."
        for difference in ("lacks Account", "lacks Business Unit", "lacks Project", "lacks Target Group")
    },
    **{
        ("report_requests", f"{member} is not in the contract"): "An open text in this answer; its words are elsewhere."
        for member in (
            *(f"ReportLevel.{word}" for word in reports.ReportLevel),
            *(f"ReportType.{word}" for word in reports.ReportType),
        )
    },
    **{
        (operation_id, f"{member} is required here"): _ITSELF
        for operation_id, member in (
            ("get_reconciliation_by_request_id", "Reconciliation.request_id"),
            ("get_target_groups_by_request_id", "ReconciledTargetGroup.target_group_id"),
            ("get_target_group_by_request_id_*", "ReconciledTargetGroup.target_group_id"),
            ("get_eligible_target_groups", "EligibleTargetGroup.target_group_id"),
            ("request_reconciliation_reason_codes", "ReasonCode.code"),
        )
    },
    ("get_reconciliation*", "Reconciliation.status is required here"): "Without it, the end would never be seen.",
    **{
        ("get_reconciliations_by_account_id", f"Reconciliation.{name} is not in the contract"): _TWO_SPELLINGS
        for name in ("request_id", "submitted_by", *_RECONCILED)
    },
    ("get_reconciliations_by_account_id", "query next_cursor is not taken"): "This list has start_after as well.",
    **{
        ("get_eligible_target_groups", f"{member} is not a int"): "The API writes these counts as text."
        for member in (
            "EligibleTargetGroup.eligible_completes",
            "EligibleSummary.completes",
            "EligibleSummary.target_group_count",
        )
    },
    ("*_webhook*", "Webhook.id is required here"): _ITSELF,
    ("*_webhook*", "WebhookWithSecret.id is required here"): _ITSELF,
    (
        "*_webhook*",
        "WebhookWithSecret.secret is required here",
    ): "It is sent only once; without it the webhook is useless.",
    ("list_webhook_events_history", "WebhookEvent.id is required here"): _ITSELF,
    ("get_bulk_update_target_group_project_manager_job", "BatchResult.job_id is required here"): _ITSELF,
    (
        "get_bulk_update_target_group_project_manager_job",
        "BatchResult.status is required here",
    ): "A job without a status could never be known to have ended.",
    (
        "get_bulk_update_target_group_project_manager_job",
        "BatchResult.created_by is not in the contract",
    ): "One model for all batches; this one does not name its creator.",
    (
        "update_launched_target_group_details",
        "TargetGroupDetails.links is not in the contract",
    ): "One model for reading and changing; only reading gets the links.",
    ("*_project", "ProjectReference.id is required here"): _ITSELF,
    ("create_project", "ProjectReference.human_readable_id is not in the contract"): _REFERENCE,
    ("update_project", "ProjectReference.etag is no header of this answer"): _REFERENCE,
    ("*_price*", "ExchangePrice.supplier_id is not in the contract"): _PRICE,
    (
        "get_target_group_rate_card",
        "TargetGroupRateCard.token is required here",
    ): "Each of the two forms requires its own.",
    ("*", "Money.currency_scale is not in the contract"): _SCALE,
    ("list_all_question_categories", "QuestionCategory.id is required here"): _ITSELF,
    ("suggest_days", "SuggestedDays.days is required here"): _SUGGESTION,
    ("suggest_time_range", "SuggestedTimeRange.start is required here"): _SUGGESTION,
    ("suggest_time_range", "SuggestedTimeRange.end is required here"): _SUGGESTION,
    ("suggest_time_range", "Holiday.date is required here"): _SUGGESTION,
    ("suggest_time_range", "Holiday.date is not a date"): _TYPED,
    **{
        ("*", f"{member} is not in the contract"): _VOCABULARY
        for member in (
            *(
                f"{kind}.{name}"
                for kind in ("Selection", "Range", "OpenEnded")
                for name in ("condition_name", "condition_name_translated")
            ),
            *(f"Quota.{name}" for name in ("quota_nominal", "completes", "prescreens")),
            *(f"Target.{name}" for name in ("id", "name", "text", "text_translated", "quota")),
            *(f"Profile.{name}" for name in ("id", "blended_type", "description", "description_translated")),
            "ProfileKind.regular",
        )
    },
    ("account_questions_translation", "Question lacks object"): "A question is always about itself, and so regular.",
    ("account_questions_translation", "id is not a tuple"): "The numbers are joined to one text with commas.",
    (
        "get_panel_distribution_draft",
        " lacks profile_adjustment_type",
    ): "The profile comes with its adjustment type, as everywhere else.",
    ("generate_blended_profile", "start_at is not a datetime"): _TYPED,
    ("generate_blended_profile", "end_at is not a datetime"): _TYPED,
    ("get_panel_distribution_draft", "start_at is not a datetime"): _TYPED,
    ("get_panel_distribution_draft", "end_at is not a datetime"): _TYPED,
    **{
        (pattern, f"{member} is not in the contract"): _SUPPLY
        for pattern, members in {
            "get_target_group": [
                *(f"AllocatedSupplier.{name}" for name in ("completes", "pre_screens")),
                *(f"AllocationGroup.{name}" for name in _COUNTERS),
            ],
            "get_*_business_unit_id": [
                *(f"AllocatedSupplier.{name}" for name in ("completes", "pre_screens")),
                *(f"AllocationGroup.{name}" for name in ("group_id", *_COUNTERS)),
                "PrivateExchange.groups",
            ],
            "get_system_allocation_template_by_business_unit_id": [
                *(f"OpenExchange.{name}" for name in ("blocked_suppliers", "groups")),
                *(f"BusinessUnitTemplate.{name}" for name in ("template_id", "last_modified_at", "last_modified_by")),
            ],
        }.items()
        for member in members
    },
    ("get_*_business_unit_id", "AllocatedSupplier.id is not in the contract"): _SUPPLIER,
    ("get_*_business_unit_id", "AllocatedSupplier.name is not in the contract"): _SUPPLIER,
    ("get_*_business_unit_id", "AllocationGroup.group_name is required here"): _ITSELF,
    ("get_target_group_allocation_specification", "AllocatedSupplier.id is not a str"): _NUMBER_AS_TEXT,
    ("get_target_group_allocation_specification", "AllocatedSupplier.id is required here"): _ITSELF,
    ("get_target_group_allocation_specification", "AllocationGroup lacks supplier"): _GROUPS,
    ("get_target_group_allocation_specification", "AllocationGroup.suppliers is not in the contract"): _GROUPS,
    ("update_target_group_allocation_specification", " lacks open_exchange_allocations"): _REPLACED,
    ("update_target_group_allocation_specification", " lacks private_exchange_allocations"): _REPLACED,
    ("update_target_group_allocation_specification", "allocations is not in the contract"): _REPLACED,
    **{
        ("get_*_allocation_template*", f"AllocationTemplate.{name} is not in the contract"): _TEMPLATE
        for name in ("template_id", "last_modified_at", "last_modified_by")
    },
    ("get_system_allocation_template", "AllocationTemplate.etag is no header of this answer"): _TEMPLATE,
    **{
        ("get_system_allocation_template", f"{member} is not in the contract"): _TEMPLATE
        for member in (
            "BlockedSuppliers.suppliers",
            *(f"GroupShare.{field.name}" for field in attrs.fields(GroupShare)),
        )
    },
    ("get_*_allocation_template*", "TemplateSupplier.supplier_id is required here"): _ITSELF,
    ("get_*_allocation_template*", "AllocationTemplate.last_modified_at is not a datetime"): _TYPED,
    ("list_*_allocation_templates", "AllocationTemplateSummary.last_modified_at is not a datetime"): _TYPED,
    ("get_*_business_unit_id", "BusinessUnitTemplate.last_modified_at is not a datetime"): _TYPED,
    (
        "list_global_allocation_templates",
        "account_id is not in the contract",
    ): "Every list has it; here it is not sent.",
    ("update_account_allocation_template", "if_match is required here"): _TAG_WANTED,
    **{
        ("*_profile_template", f"{member} is not in the contract"): _VOCABULARY
        for member in (
            "AdjustmentType.nominal",
            "ProfileKind.blended",
            "Profiling.template_id",
            "Quota.completes_goal",
            "Quota.name",
        )
    },
    ("*_profile_template*", "ProfileTemplate.id is required here"): _ITSELF,
    ("*_profile_template*", "locales is not a tuple"): "The locales are joined to one text with commas.",
    ("list_profile_templates", "ProfileTemplate.profiling is not in the contract"): "One model; lists leave it out.",
    (
        "delete_profile_template",
        "query locales is not taken",
    ): "A filter of what to delete makes no sense beside the id; the contract repeats it from reading.",
    **{
        ("*recontact*", f"{member} is not in the contract"): _RECONTACTS
        for member in (
            "FailureReason.reasons",
            "RecontactJob.completed_at",
            "RecontactJob.failure_reason",
            "RecontactJob.file_name",
            "RecontactJob.job_trace_id",
            "RecontactJob.note",
        )
    },
    ("update_webhook", "if_match is required here"): _TAG_WANTED,
    ("delete_webhook", "if_match is required here"): _TAG_WANTED,
    (
        "create_bulk_update_target_group_project_manager_job",
        "project_manager_id is required here",
    ): "The contract marks nothing as required; without a manager there is nothing to do.",
    (
        "create_bulk_update_target_group_project_manager_job",
        "target_group_ids is required here",
    ): _NOTHING_TO_DO,
    ("*_fielding_run", "FieldingRunChange.start_fielding_at is not in the contract"): _CHANGE,
    ("*_fielding_run", "FieldingRunChange.end_fielding_at is not in the contract"): _CHANGE,
    ("*_fielding_run", "FieldingRunChange.id is not in the contract"): _CHANGE,
    ("*_fielding_run", "FieldingRunChange.status is not in the contract"): _CHANGE,
    ("get_fielding_runs_by_target_group_id", "FieldingRun.etag is no header of this answer"): "Documented as empty.",
    ("get_webhooks", "Webhook.etag is no header of this answer"): "Documented as empty.",
    ("update_webhook", "Webhook.etag is no header of this answer"): "Documented as empty.",
    ("*_webhook*", "WebhookWithSecret.etag is no header of this answer"): "Documented as empty.",
    ("get_target_group", "FieldingAssistantAssignment.etag is no header of this answer"): "Documented as empty.",
    ("get_target_group", "TargetGroupLinks.test_screener is not in the contract"): "One model for drafts and others.",
    ("get_target_group", "ActivityExclusion.id is required here"): _ITSELF,
    ("get_target_group", "ActivityExclusion.type is required here"): _SAYS_NOTHING,
    ("get_target_group", "AllocatedSupplier.id is not a str"): "Requests have a text, which is kept.",
    ("get_target_group", "AllocatedSupplier.id is required here"): _ITSELF,
    ("get_target_group", "AllocationGroup.group_name is required here"): _ITSELF,
    ("get_target_group", "AllocationGroup.suppliers is not in the contract"): _GROUPS,
    ("*_target_group", "Exclusion.enabled is required here"): _SAYS_NOTHING,
    ("get_target_group", "Quota.completes is not in the contract"): "One model for drafts and others.",
    ("get_target_group", "Quota.prescreens is not in the contract"): "One model for drafts and others.",
    ("*_target_group", "allocations is optional here"): _OPEN,
    ("*_target_group", "fielding_assistant_assignment is optional here"): _OPEN,
    ("get_target_group_respondent_activity_exclusions", "ActivityExclusion.id is required here"): _ITSELF,
    ("get_target_group_respondent_activity_exclusions", "ActivityExclusion.type is required here"): _SAYS_NOTHING,
    ("get_target_group_exclusion_policy_api", "ExclusionPolicy.create_date is not a datetime"): _TYPED,
    ("get_exclusion_by_project_api", "ProjectExclusion.target_group_id is required here"): _ITSELF,
    ("get_exclusion_groups_*", "ExclusionGroupList lacks url"): _NO_ADDRESS,
    (
        "get_exclusion_group_target_group_exclusions",
        "ExclusionGroupTargetGroupList lacks url",
    ): _NO_ADDRESS,
    ("*_exclusion_group", "target_group_ids is required here"): _NOTHING_TO_DO,
    ("get_*_exclusions_*_job", "FailureReason.reasons is not in the contract"): _JOB_REASON,
    (
        "get_all_respondent_exclusions_removal_job",
        "ExclusionJob.note is not in the contract",
    ): "One model for both jobs; a removal leaves nothing out.",
    ("get_target_group_changelog", "ChangelogEntry.occurred_at is not a datetime"): _TYPED,
    (
        "get_target_group",
        "TargetGroupDraft.business_unit_id is not a str",
    ): _NUMBER_AS_TEXT,
    (
        "get_target_group_changelog",
        "TargetGroupChangeType.pricing_rate_card_boost_cpi_change is not in the contract",
    ): "It is among the types to choose by, and has been forgotten among the forms of the answer.",
    ("get_respondent_status", "RespondentLink.href is required here"): _SAYS_NOTHING,
    (
        "update_respondent_status",
        "RespondentStatus.links is not in the contract",
    ): "One model for reading and changing; only reading gets the links.",
    ("update_profile_filling_goal", "ProfileGoal.profile_id is required here"): _NO_PROFILES,
    ("update_profile_filling_goal", "ProfileGoal.targets is required here"): _NO_PROFILES,
    ("update_profile_filling_goal", "completes_goal is not a int"): "One of the body's three forms forgets its format.",
}
"""The intended differences: operation (a pattern), difference, and reason."""


def resource_commands() -> Iterator[type[Command[Any]]]:
    """Yield every command of every resource module."""
    for found in pkgutil.iter_modules(fieldingkit.resources.__path__):
        module = importlib.import_module(f"fieldingkit.resources.{found.name}")
        for name in module.__all__:
            kind = getattr(module, name)
            if inspect.isclass(kind) and issubclass(kind, Command):
                yield cast("type[Command[Any]]", kind)


COMMANDS: Final = {kind.endpoint.operation_id: kind for kind in resource_commands()}
JOBS: Final = [cast("type[JobCommand[Any]]", kind) for kind in COMMANDS.values() if issubclass(kind, JobCommand)]
every_command = pytest.mark.parametrize("operation_id", sorted(COMMANDS))


@pytest.fixture(scope="session")
def contract() -> Contract:
    """The published contract."""
    if not CONTRACT.exists():
        pytest.skip(f"the published contract is not at hand: {CONTRACT}")
    return Contract(load_document(), COMMANDS)


class Comparison:
    """Compares one operation with its command and collects the differences in ``found``."""

    def __init__(self, contract: Contract, operation_id: str) -> None:
        self.contract = contract
        self.operation = contract.operations[operation_id]
        self.command = COMMANDS[operation_id]
        self.found: list[str] = []

    def run(self) -> list[str]:
        """Return all differences."""
        endpoint = self.command.endpoint
        if (endpoint.method, endpoint.path) != (self.operation.method, self.operation.path):
            self.found.append(f"{endpoint.method} {endpoint.path} is not where it is")
        self._sent()
        self._received()
        return self.found

    def _sent(self) -> None:
        unused = {_sent_name(field): field for field in _fields(self.command)}
        self._parameters(unused)
        for name in endpoint_fields(self.command):
            assert name not in unused, f"{name} is no parameter"
        whole = [field for field in unused.values() if "body" in field.metadata]
        if whole and whole[0].type is Upload:  # a file; its form is compared by test_requests
            assert self.operation.body is None
            del unused[whole[0].name]
        elif whole:
            assert self.operation.body is not None
            self._compare(whole[0].type, [self.operation.body], whole[0].name, sent=True)
            del unused[whole[0].name]
        elif self.operation.form is not None:
            parts = {name: field.metadata["form"] for name, field in unused.items() if "form" in field.metadata}
            assert set(parts.values()) == set(self.operation.form["properties"])
            unused = {name: field for name, field in unused.items() if name not in parts}
        elif self.operation.body is not None:
            names = {name: field.metadata["name"] for name, field in unused.items() if "name" in field.metadata}
            self._object(unused.values(), self.contract.variants(self.operation.body), "", names, sent=True)
            unused = {}
        self.found += [f"{name} is not in the contract" for name in unused]

    def _parameters(self, unused: dict[str, "attrs.Attribute[Any]"]) -> None:
        """Compare the parameters and take their fields out of ``unused``."""
        for parameter in self.operation.parameters:
            place, name = parameter["in"], parameter["name"]
            if name in {"Cint-API-Version", "Authorization", "Content-Type"}:
                continue  # the client's, and the body's
                continue  # the client's, and that of a file
            field_name = name.lower().replace("-", "_") if place in {"header", "path"} else name
            field = unused.pop(field_name, None)
            if field is None:
                self.found.append(f"{place} {name} is not taken")
                continue
            self._compare(field.type, [parameter["schema"]], field_name)
            if field_name == "idempotency_key":
                assert self.command.retry_safety() is RetrySafety.IDEMPOTENCY_KEY  # left out, it is made by the client
            elif field_name != "account_id":  # which may be the client's
                self._required(_is_required(field), bool(parameter.get("required")), field_name)
        for name in endpoint_fields(self.command):
            assert name not in unused, f"{name} is no parameter"

    def _received(self) -> None:
        wanted = self.command.result_type()
        if wanted is JobAccepted:
            job = cast("type[JobCommand[Any]]", self.command)
            if job.id_in_body:
                assert self.operation.answer is not None
                properties, _ = self.contract.members(self.contract.variants(self.operation.answer))
                assert job.id_field in properties
            else:
                assert self.operation.answer is None
                assert "location" in self.operation.headers
        elif wanted is type(None):
            assert self.operation.answer is None
        else:
            self._compare(wanted, [self.operation.answer or {"type": "object"}], "the answer")

    def _compare(self, hint: Any, schemas: list[Schema], where: str, *, sent: bool = False) -> None:
        """Record a difference if a Python type and a schema do not match."""
        forms = [form for schema in schemas for form in self.contract.variants(schema)]
        hints = [each for each in _alternatives(hint) if each is not type(None)]
        if is_variants(hint):
            tags = {tag for form in forms for tag in form["properties"][hints[0].tag]["enum"]}
            hints = [each for each in hints if isinstance(getattr(each, each.tag), str)]  # one may be for unknown kinds
            known = {getattr(each, each.tag) for each in hints}
            self.found += [f"{where} has no kind {tag}" for tag in sorted(tags - known)]
        fits = [self._fits(each, forms, where, sent=sent) for each in hints]
        if not any(fits):
            self.found.append(f"{where} is not a {' or '.join(getattr(each, '__name__', str(each)) for each in hints)}")

    def _fits(self, hint: Any, forms: list[Schema], where: str, *, sent: bool) -> bool:
        if hint is Any or get_origin(hint) in {Mapping, dict}:
            return True
        if get_origin(hint) is tuple:
            if any(form.get("type") != "array" for form in forms):
                return False
            self._compare(get_args(hint)[0], [form["items"] for form in forms], where, sent=sent)
            return True
        if attrs.has(hint) and getattr(hint, "is_array", False):
            return self._fits(_fields(hint)[0].type, forms, where, sent=sent)
        if attrs.has(hint):
            if any(form.get("type") != "object" for form in forms):
                return False
            self._object(_fields(hint), _forms_of(hint, forms), hint.__name__, WIRE.get(hint, {}), sent=sent)
            return True
        if get_origin(hint) is Literal:
            return all(form.get("type") == "string" for form in forms)
        values = {value for form in forms for value in form.get("enum", ())}
        if issubclass(hint, OpenEnum):
            ours = {member.value for member in hint}
            self.found += [f"{hint.__name__} lacks {value}" for value in sorted(values - ours)]
            # A type discriminator is an enumeration of one in each form; what all forms have is what counts.
            self.found += [f"{hint.__name__}.{value} is not in the contract" for value in sorted(ours - values)]
            return all(form.get("type") == "string" for form in forms)
        if values and hint is str:
            self.found.append(f"{where} is an enumeration")
        return all(_is_scalar(hint, form) for form in forms)

    def _object(
        self,
        fields: Iterable["attrs.Attribute[Any]"],
        forms: list[Schema],
        owner: str,
        wire: Mapping[str, str | None],
        *,
        sent: bool,
    ) -> None:
        properties, required = self.contract.members(forms)
        missing = set(required)
        for field in fields:
            name = f"{owner}.{field.name}" if owner else field.name
            if "header" in field.metadata:
                if not sent and (field.metadata["header"] not in self.operation.headers or self._is_inner(owner)):
                    self.found.append(f"{name} is no header of this answer")
                continue
            path = wire.get(field.name, field.name)
            if path is None or "others" in field.metadata:
                continue
            first, _, rest = path.partition(".")
            missing.discard(first.removesuffix("[]"))
            schemas, hint = self._at(properties, first, rest), field.type
            if not schemas:
                self.found.append(f"{name} is not in the contract")
                continue
            if path.endswith("[]") or "[]." in path:
                hint = get_args(hint)[0]
            if "write" not in field.metadata:  # a field with its own form is compared by test_requests
                self._compare(hint, schemas, name, sent=sent)
            if not rest:  # what is flattened is taken as it comes
                self._presence(_is_required(field), first in required, schemas, name, sent=sent)
        self.found += [f"{owner} lacks {name}" for name in sorted(missing)]

    def _presence(self, ours: bool, theirs: bool, schemas: list[Schema], name: str, *, sent: bool) -> None:
        nullable = any(form.get("nullable") for schema in schemas for form in self.contract.variants(schema))
        if sent:
            self._required(ours, theirs, name)
        elif ours and (not theirs or nullable):
            self.found.append(f"{name} is required here")

    def _is_inner(self, owner: str) -> bool:
        """Return True if a model is only a part of the answer, so that headers do not fill it."""
        return self.command.result_type().__name__ != owner

    def _at(self, properties: Mapping[str, list[Schema]], first: str, rest: str) -> list[Schema]:
        schemas = properties.get(first.removesuffix("[]"), [])
        if first.endswith("[]"):
            schemas = [form["items"] for schema in schemas for form in self.contract.variants(schema)]
        if not rest or not schemas:
            return schemas
        inner, _ = self.contract.members(form for schema in schemas for form in self.contract.variants(schema))
        return self._at(inner, *rest.partition(".")[::2])

    def _required(self, ours: bool, theirs: bool, name: str) -> None:
        if ours and not theirs:
            self.found.append(f"{name} is required here")
        if theirs and not ours:
            self.found.append(f"{name} is optional here")


def _fields(kind: Any) -> tuple["attrs.Attribute[Any]", ...]:
    return attrs.fields(attrs.resolve_types(kind))


def endpoint_fields(kind: type[Command[Any]]) -> tuple[str, ...]:
    """Return the names in a command's path."""
    return kind.endpoint.path_fields


def _sent_name(field: "attrs.Attribute[Any]") -> str:
    """Return the name that a parameter has in the contract."""
    query = field.metadata.get("query")
    return query if isinstance(query, str) else field.name


def _is_required(field: "attrs.Attribute[Any]") -> bool:
    # if_match is refused when it is left out, although it has a default at run time.
    return field.default is attrs.NOTHING or (field.name == "if_match" and field.default == "")


def _forms_of(kind: Any, forms: list[Schema]) -> list[Schema]:
    """Return the forms that a class stands for: those with its tag, if it is a kind of a tagged union."""
    if not issubclass(kind, Variant):
        return forms
    wanted = [getattr(kind, kind.tag)]
    tagged = [form for form in forms if form["properties"][kind.tag]["enum"] == wanted]
    return [{**form, "required": [name for name in form["required"] if name != kind.tag]} for form in tagged]


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in {Union, types.UnionType} else (hint,)


def _is_scalar(hint: Any, form: Schema) -> bool:
    kind, style = form.get("type"), form.get("format")
    if hint is int or issubclass(hint, OpenIntEnum):
        return kind == "integer" or (kind == "number" and style in {"int", "int32"})
    if hint is datetime:
        return kind == "string" and style == "date-time"
    if hint is date:
        return kind == "string" and style == "date"
    return kind == {bool: "boolean", float: "number", str: "string", Decimal: "string"}[hint]


_MOMENT: Final = "2026-01-31T23:59:59.000Z"
_ALWAYS: Final = frozenset(
    {
        *("id", "supplier_id", "job_id", "secret", "status", "days", "start", "end", "date", "href"),
        *("report_id", "report_pre_signed_url", "target_group_id"),
        *("id", "job_id", "secret", "status", "days", "start", "end", "date", "href"),
        *("report_id", "report_pre_signed_url", "request_id", "target_group_id", "code"),
    }
)
"""Fields that are required here beyond the contract; see ``DIFFERENCES``."""


def sample(contract: Contract, schema: Schema, pick: int, *, optional: str) -> Any:
    """Return a value that a schema allows: ``pick`` chooses a form, ``optional`` is example, full, absent or null."""
    if optional == "example" and "example" in contract.resolve(schema):
        return contract.resolve(schema)["example"]
    forms = contract.variants(schema)
    form = forms[pick % len(forms)]
    if "enum" in form:
        return form["enum"][pick % len(form["enum"])]
    match form.get("type"), form.get("format"):
        case "object", _:
            required = _ALWAYS.union(form.get("required", ()))
            members = {
                name: sample(contract, member, pick, optional=optional) if name != "occurred_at" else _MOMENT  # _TYPED
                for name, member in form.get("properties", {}).items()
                if optional in {"full", "example"} or name in required
            }
            return {**dict.fromkeys(form.get("properties", {})), **members} if optional == "null" else members
        case "array", _:
            empty = optional == "absent" or form.get("maxItems") == 0
            return [] if empty else [sample(contract, form["items"], pick, optional=optional)]
        case "string", "date-time":
            return _MOMENT
        case "string", _:
            return str(form.get("example", "2.7352"))
        case kind, _:
            return {"integer": 7, "number": 7, "boolean": True, None: None}[kind]


def decoded_enums(value: Any) -> Iterator[OpenEnum]:
    """Yield every enumeration member in a decoded value."""
    if isinstance(value, OpenEnum):
        yield value
    elif isinstance(value, tuple):
        for item in cast("tuple[Any, ...]", value):
            yield from decoded_enums(item)
    else:
        kind = cast("type[Any]", type(value))
        for field in attrs.fields(kind) if attrs.has(kind) else ():
            yield from decoded_enums(getattr(value, field.name))


@pytest.fixture(scope="session")
def differences(contract: Contract) -> set[tuple[str, str]]:
    """Return all differences, by operation."""
    return {
        (operation_id, difference)
        for operation_id in COMMANDS
        for difference in Comparison(contract, operation_id).run()
    }


@every_command
def test_a_command_is_as_the_contract_has_it(operation_id: str, differences: set[tuple[str, str]]) -> None:
    """Path, parameters, body and answer of a command match its operation, except for intended differences."""
    unmeant = [
        difference
        for other, difference in sorted(differences)
        if other == operation_id
        and not any(fnmatchcase(operation_id, pattern) and difference == text for pattern, text in DIFFERENCES)
    ]
    assert not unmeant, "\n".join(unmeant)


def test_every_intended_difference_still_exists(differences: set[tuple[str, str]]) -> None:
    """Every intended difference still exists."""
    stale = [
        (pattern, text)
        for pattern, text in DIFFERENCES
        if not any(
            fnmatchcase(operation_id, pattern) and difference == text for operation_id, difference in differences
        )
    ]
    assert not stale


@every_command
@pytest.mark.parametrize("optional", ["full", "absent", "null"])
def test_what_the_contract_allows_is_decoded(contract: Contract, operation_id: str, optional: str) -> None:
    """Answers made from the schema decode in every form, with optional fields present, absent or null."""
    answer, wanted = contract.operations[operation_id].answer, COMMANDS[operation_id].result_type()
    if answer is None or wanted in {type(None), JobAccepted}:
        return
    for pick in range(45):
        decoded = structure(wanted)(sample(contract, answer, pick, optional=optional), wanted)
        assert all(value.known for value in decoded_enums(decoded))


UNDECODED: Final[Mapping[str, set[str]]] = {
    "get_fielding_assistant_assignment": {"$.quota_overlay"},
    "get_account_allocation_template_for_business_unit_id": {
        "$.open_exchange_allocations",
        "$.private_exchange_allocations",
    },
}
"""Parts of the contract's own examples that do not match its schema and are left undecoded."""


@every_command
def test_the_examples_of_the_contract_decode(contract: Contract, operation_id: str) -> None:
    """The contract's own examples decode, the whole ones and those of single members put together."""
    operation, wanted = contract.operations[operation_id], COMMANDS[operation_id].result_type()
    if operation.answer is None or wanted in {type(None), JobAccepted}:
        return
    samples = [sample(contract, operation.answer, pick, optional="example") for pick in range(4)]
    for example in json.loads(json.dumps([*operation.examples, *samples], default=lambda moment: moment.isoformat())):
        decoded = structure_tolerantly(lambda: example, wanted)  # noqa: B023  # called at once
        assert set(decoded.undecoded) <= UNDECODED.get(operation_id, set())


def test_an_operation_has_one_command() -> None:
    """No two commands have the same operation."""
    assert len(list(resource_commands())) == len(COMMANDS)


@pytest.mark.parametrize("kind", JOBS, ids=lambda kind: kind.__name__)
def test_a_job_is_read_where_it_was_created(kind: type[JobCommand[Any]]) -> None:
    """The command that reads a job has the job's path, unless the body names it, and returns the job's result."""
    path = kind.status_command.endpoint.path
    assert f"{{{kind.id_field}}}" in path if kind.id_in_body else path == kind.endpoint.path + "/{job_id}"
    assert kind.status_command.result_type() is kind.job_result_type()


def test_a_difference_is_found(contract: Contract) -> None:
    """The comparison finds a wrong path, a missing parameter, a wrong type and a missing enumeration value."""
    operation = contract.operations["get_target_group_overview"]
    answer: Schema = {
        "type": "object",
        "required": ["nothing_of_ours", "status"],
        "properties": {"status": {"type": "string", "enum": ["draft", "novel"]}, "project_name": {"type": "integer"}},
    }
    changed = Contract({"paths": {}}, COMMANDS)
    changed.operations["get_target_group_overview"] = attrs.evolve(
        operation,
        path="/elsewhere",
        answer=answer,
        parameters=[*operation.parameters, {"in": "query", "name": "novel", "schema": {"type": "string"}}],
    )
    changed.document = contract.document
    found = Comparison(changed, "get_target_group_overview").run()
    assert {
        "query novel is not taken",
        "TargetGroupOverview lacks nothing_of_ours",
        "TargetGroupStatus lacks novel",
        "TargetGroupStatus.live is not in the contract",
        "TargetGroupOverview.project_name is not a str",
        "TargetGroupOverview.project_name is required here",
        "TargetGroupOverview.current_cost is not in the contract",
    } <= set(found)
    assert any("is not where it is" in difference for difference in found)
