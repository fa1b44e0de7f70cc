"""Reports: the pairs of types and levels, the period, and the words for states."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.resource_wire import GROUP, OTHER, PROJECT, answer, sent

from fieldingkit.errors import DecodeError, InvalidCommandError
from fieldingkit.resources.reports import (
    GenerateReport,
    GetReportStatus,
    ListReports,
    ReportLevel,
    ReportState,
    ReportType,
    ShareReport,
    add_months,
)

PERIOD: Final[dict[str, Any]] = {"start_date": date(2026, 1, 1), "end_date": date(2026, 2, 1)}
IDS: Final[dict[str, list[str]]] = {
    "business_unit": ["1234", "5678"],
    "project": [PROJECT, OTHER],
    "target_group": [GROUP, OTHER],
}
ONE, MANY = "one", "many"
MATRIX: Final[dict[str, dict[str, str]]] = {
    "completes": {"account": ONE, "business_unit": MANY, "project": MANY, "target_group": MANY},
    "sample-bought": {"account": ONE, "business_unit": MANY, "project": MANY, "target_group": MANY},
    "reconciliations-status": {"account": ONE, "project": MANY, "target_group": MANY},
    "reconciliation-eligible-rids": {"project": ONE, "target_group": MANY},
    "respondent-analysis": {"project": ONE, "target_group": MANY},
    "term-details": {"target_group": ONE},
}
"""The table of the contract."""


def generate(report_type: str = "completes", **fields: Any) -> GenerateReport:
    """Return a command for January."""
    given: dict[str, Any] = {"report_type": report_type, **PERIOD, **fields}
    return GenerateReport(**given)


@pytest.mark.parametrize("report_type", MATRIX)
@pytest.mark.parametrize("level", ["account", "business_unit", "project", "target_group"])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_type_level_and_number_of_ids_are_checked(report_type: str, level: str, number: int) -> None:
    """Exactly the rows of the contract's table make a command; the account level has no ids, all others have some."""
    rule = MATRIX[report_type].get(level)
    allowed = number == 0 if level == "account" else number == 1 or (number == 2 and rule == MANY)
    ids = IDS.get(level, ["101", "102"])[:number]
    fields: dict[str, Any] = {"level": level, "filter_ids": ids} if number else {"level": level}
    if rule is not None and allowed:
        assert generate(report_type, **fields).filter_ids == (tuple(ids) or None)
    else:
        with pytest.raises(InvalidCommandError) as caught:
            generate(report_type, **fields)
        assert caught.value.field == ("level" if rule is None else "filter_ids")


def test_the_account_level_is_not_sent() -> None:
    """A report of the whole account has neither a filter nor ids in its body; any other level has both."""
    request = sent(generate("sample-bought"))
    assert request.path == "/demand/accounts/101/reports/sample-bought"
    assert request.body == {"start_date": "2026-01-01", "end_date": "2026-02-01"}
    body = sent(generate("sample-bought", level="project", filter_ids=PROJECT)).body
    assert (body["filter"], body["filter_ids"]) == ("project", [PROJECT])


@pytest.mark.parametrize("level", ["project", "target_group"])
def test_ids_of_projects_and_groups_are_ulids(level: str) -> None:
    """An id that cannot be one of a project or target group is refused."""
    with pytest.raises(InvalidCommandError, match="filter_ids") as caught:
        generate(level=level, filter_ids=["1234"])
    assert caught.value.field == "filter_ids"


def test_an_unknown_type_or_level_is_left_to_the_api() -> None:
    """The matrix holds for the known types alone: the API may have new ones."""
    assert sent(generate("novel-report")).path.endswith("/reports/novel-report")
    assert sent(generate(level="segment", filter_ids=["7"])).body["filter"] == "segment"


@pytest.mark.parametrize("report_type", ["", "../users", "a/b", "a?b"])
def test_a_type_stays_within_its_path_segment(report_type: str) -> None:
    """No text leads to another path."""
    with pytest.raises(InvalidCommandError):
        generate(report_type)


@given(st.dates(date(2020, 1, 1), date(2035, 12, 31)), st.integers(-40, 400))
def test_a_period_has_up_to_six_months(start: date, days: int) -> None:
    """The end is after the start and not after the same day six months later."""
    end = start + timedelta(days=days)
    allowed = start < end <= add_months(start, 6)
    try:
        generate(start_date=start, end_date=end)
    except InvalidCommandError as exc:
        assert not allowed
        assert exc.field == "end_date"
    else:
        assert allowed


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2026, 8, 31), 6, date(2027, 2, 28)),
        (date(2023, 8, 31), 6, date(2024, 2, 29)),
        (date(2026, 1, 15), -12, date(2025, 1, 15)),
        (date(2024, 2, 29), -12, date(2023, 2, 28)),
        (date(2026, 6, 30), 6, date(2026, 12, 30)),
    ],
)
def test_months_are_those_of_the_calendar(day: date, months: int, expected: date) -> None:
    """A month that is too short ends the period on its last day."""
    assert add_months(day, months) == expected


@pytest.mark.parametrize("value", [datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01", None, 7])
def test_a_day_has_no_time(value: Any) -> None:
    """A time, which would be cut off, is refused, as is any text."""
    with pytest.raises(InvalidCommandError) as caught:
        generate(start_date=value)
    assert caught.value.field == "start_date"


@pytest.mark.parametrize("recipients", [[], [f"user-{number}" for number in range(6)], ["a b"]])
def test_recipients_are_one_to_five_users(recipients: list[str]) -> None:
    """No, more than five, or malformed users are refused."""
    with pytest.raises(InvalidCommandError, match="email_recipients"):
        generate(email_recipients=recipients)


@pytest.mark.parametrize("kind", [ReportState, ReportLevel])
def test_the_spelling_of_a_word_makes_no_difference(kind: type[ReportState | ReportLevel]) -> None:
    """Capitals, spaces and hyphens make no difference; another word is kept as it is."""
    for word in kind:
        for text in (word.upper(), word.replace("_", " "), word.replace("_", "-").title(), word.title()):
            assert kind(text) is word
    unknown = kind("Under Review")
    assert (unknown, unknown.known) == ("Under Review", False)


def test_the_filter_of_the_list_has_its_odd_name() -> None:
    """The state is sent as ``Status``."""
    assert sent(ListReports(status="completed", level="target_group")).query == [
        ("level", "target_group"),
        ("Status", "completed"),
    ]


def test_a_failed_report_has_a_reason() -> None:
    """The message of a report is the reason of its failure, and of nothing else."""
    command = GetReportStatus(report_id="R1")
    failed = answer(command, {"report_id": "R1", "status": "FAILED", "message": "No data."})
    assert failed.failure_reason is not None
    assert failed.failure_reason.description == "No data."
    assert answer(command, {"report_id": "R1", "status": "IN PROGRESS", "message": "..."}).failure_reason is None


def test_a_state_is_read_beside_what_is_unreadable() -> None:
    """An odd date or number does not hide the end of a report; without a state or an id, there is no report."""
    command = GetReportStatus(report_id="R1")
    odd = {"start_date": "2023-01-01", "survey_id": 1341234, "report_url": None, "data_analysis": "no"}
    status = answer(command, {"report_id": "R1", "status": "COMPLETED", **odd})
    assert (status.status, status.survey_id) == (ReportState.COMPLETED, None)
    assert set(status.undecoded) == {"$.start_date", "$.survey_id", "$.data_analysis"}
    for broken in ({"report_id": "R1"}, {"status": "COMPLETED"}, {"report_id": 7, "status": "COMPLETED"}):
        with pytest.raises(DecodeError):
            answer(command, broken)


def test_a_shared_link_is_a_secret() -> None:
    """The link is in no repr and no export."""
    shared = answer(
        ShareReport(report_id="R1", report_type=ReportType.COMPLETES),
        {"report_pre_signed_url": "https://x.example/?s=1"},
    )
    assert shared.report_pre_signed_url == "https://x.example/?s=1"
    assert "x.example" not in repr(shared) + shared.to_json()


def test_the_list_reads_the_examples_of_the_contract() -> None:
    """Null, levels in capitals and the level ``account`` among the filters do no harm."""
    page = answer(
        ListReports(),
        {
            "next_cursor": None,
            "reports_requests": [
                {
                    "report_id": "8b60d37e-af52-45f1-ad5e-e92acc38e01d",
                    "report_type": "sample-bought",
                    "status": "pending",
                    "level": "Target Group",
                    "report_url": None,
                    "create_params": {
                        "start_date": "2023-08-01",
                        "filter": "account",
                        "report_options": {"link_type": "offer"},
                    },
                }
            ],
        },
    )
    (report,) = page
    assert (report.level, report.status) == (ReportLevel.TARGET_GROUP, ReportState.PENDING)
    parameters = report.create_params
    assert parameters is not None
    assert (parameters.start_date, parameters.filter) == (date(2023, 8, 1), ReportLevel.ACCOUNT)
    assert parameters.report_options is not None
    assert parameters.report_options.link_type == "offer"
    assert page.undecoded == ()
