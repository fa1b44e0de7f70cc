"""Study files: what they say, and every mistake with its place."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from support.studies import MANAGER, SMALL, example, problems_of

from fieldingkit.errors import InvalidStudyError
from fieldingkit.resources.fielding_assistant import PacingType
from fieldingkit.resources.money import Money
from fieldingkit.resources.profiles import ProfileKind
from fieldingkit.studies import Study


def changed(old: str, new: str) -> list[str]:
    """Return the problems of the small file with a text replaced."""
    assert old in SMALL
    return problems_of(SMALL.replace(old, new))


def added(text: str) -> list[str]:
    """Return the problems of the small file with further lines in the table of the target group."""
    return problems_of(SMALL + text)


def test_the_example_is_read_as_commands_that_create_its_drafts() -> None:
    """Each table becomes a command: its own keys, those of the defaults, and its name as the reference."""
    study = Study.parse(example())
    us, de = (group.command for group in study.target_groups)
    assert study.project.reference == "TRACKER-2036"
    assert us.target_group_customer_reference_number == study.target_groups[0].reference == "TRACKER-2036-US"
    assert (us.completes_goal, de.completes_goal) == (1000, 500)
    assert us.fielding_specification.start_at == datetime(2036, 2, 1, 8, tzinfo=UTC)
    assert de.fielding_specification.end_at == datetime(2036, 2, 21, 19, tzinfo=UTC)
    assert us.cost_per_interview == Money(value=Decimal("2.50"), currency_code="USD")
    assert us.project_manager_id == MANAGER
    assert us.exclusion is not None
    assert us.fielding_assistant_assignment.pacing is not None
    assert us.fielding_assistant_assignment.pacing.type is PacingType.LINEAR
    assert us.profiling is not None
    assert de.profiling is not None
    assert [profile.name for profile in us.profiling.profiles] == ["Age", "Region"]
    assert [profile.object for profile in de.profiling.profiles] == [ProfileKind.REGULAR, ProfileKind.BLENDED]
    assert de.allocations.open_exchange_allocations.groups[0].suppliers[1].id == "4350"


def test_only_what_the_file_says_is_given() -> None:
    """A setting that the file leaves out is not given, so that a draft keeps its own."""
    (group,) = Study.parse(SMALL).target_groups
    assert "live_url" not in group.given
    assert "allocations" not in group.given
    assert {"name", "fielding_specification", "project_manager_id"} <= group.given
    assert "profiling" in Study.parse(SMALL + "profiles = {}").target_groups[0].given


def test_tables_are_merged_and_other_values_are_replaced() -> None:
    """A profile of a target group keeps the keys that only the defaults have."""
    text = SMALL.replace(
        "[target_groups.TRACKER-US]",
        '[defaults.profiles.Age]\nquestion_id = 42\ntargets = [{ range = "18-99", percentage = 100 }]\n'
        "[target_groups.TRACKER-US]",
    )
    own = '\nprofiles.Age.targets = [{ range = "18-64", percentage = 100 }]'
    (group,) = Study.parse(text + own).target_groups
    assert group.command.profiling is not None
    (condition,) = group.command.profiling.profiles[0].targets[0].conditions
    assert condition.to_dict() | {"max": 64, "question_id": 42} == condition.to_dict()


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("schema = 1", "schema = 2", "this release reads files with schema = 1; got 2"),
        ("schema = 1", "schema = true", "this release reads files with schema = 1; got True"),
        ("schema = 1", "", "this release reads files with schema = 1; it has none"),
        (
            "[target_groups.",
            "[target_group.",
            "at the top, target_group is an unknown key; did you mean target_groups?",
        ),
        ('reference = "', 'referense = "', "[project] referense is an unknown key; did you mean reference?"),
        ("Brand tracker", "Bra", "[project] name must have 5 to 128 characters; got 'Bra'"),
        (MANAGER, "me", "[project] project_manager_id must be a UUID; got 'me'"),
        ('"1234"', "1234", "[defaults] business_unit_id must be text in quotation marks; got 1234"),
        ("= false", '= "no"', "[defaults] collects_pii must be true or false; got 'no'"),
        ("= 1000", "= 1000.0", "[defaults] completes_goal must be a whole number; got 1000.0"),
        (
            "= 0.35",
            "= 35",
            "[defaults] expected_incidence_rate must be a number from 0 to 1 with 2 decimal digits; got 35",
        ),
        (
            'locale = "eng_us"',
            'locael = "eng_us"',
            "[target_groups.TRACKER-US] locael is an unknown key; did you mean locale?",
        ),
        ('locale = "eng_us"', 'locael = "eng_us"', "[target_groups.TRACKER-US] has no locale"),
        (
            "[target_groups.TRACKER-US]",
            "[target_groups.US]",
            "[target_groups.US] the name of the table must be a reference",
        ),
        ('locale = "eng_us"', "profiles = 3", "[target_groups.TRACKER-US] profiles must be a table; got 3"),
        (
            'locale = "eng_us"',
            'locale = "eng_us"\nid = "x"',
            "[target_groups.TRACKER-US] id must be an id of 26 capital letters and digits; got 'x'",
        ),
        (
            'locale = "eng_us"',
            'locale = "eng_us"\nlive_url = "https://["',
            "[target_groups.TRACKER-US] live_url must be an https:// URL",
        ),
        ("[defaults]", '[defaults]\n"" = 1', "[defaults] '' is an unknown key"),
        ("[defaults]", '[defaults]\nid = "01BTGNYV6HRNK8K8VKZASZCFP0"', "[defaults] id is of one target group"),
        ("collects_pii", "collects-pii", "[defaults] collects-pii is an unknown key; did you mean collects_pii?"),
        (
            "2036-02-14T20",
            "2036-01-14T20",
            "[defaults] end_at must be after start_at",
        ),
    ],
)
def test_a_mistake_is_named_with_its_table(old: str, new: str, problem: str) -> None:
    """A problem names the table it was written in, the key, what is expected and what is there."""
    assert any(found.startswith(problem) for found in changed(old, new)), changed(old, new)


def test_profiles_beside_a_template_have_percentages() -> None:
    """A template allows percentages only; the problem is said in the words of the file."""
    (problem,) = added(
        'profile_template_id = "x"\nprofiles.A = { question_id = 1, targets = [{ option = "1", completes_goal = 5 }] }'
    )
    assert problem.startswith("[target_groups.TRACKER-US] profiles have numbers of completes; beside a template")


@pytest.mark.parametrize("value", ["2036-02-01T08:00:00", "2036-02-01", '"2036-02-01T08:00:00Z"', "08:00:00", "7"])
def test_a_time_needs_a_time_zone(value: str) -> None:
    """A local time, a day, a text or a number is refused: it would mean another moment elsewhere."""
    (problem,) = changed("2036-02-01T08:00:00Z", value)
    assert problem.startswith("[defaults] start_at must be a time with a time zone")
    assert value.strip('"') in problem


@pytest.mark.parametrize(
    "value", ["2.50", "3", '"2.50"', '"2,50 USD"', '"2.50 usd"', '"-1 USD"', '"1e3 USD"', '"NaN USD"']
)
def test_money_is_text_with_its_currency(value: str) -> None:
    """A number is refused as money, since 2.10 is no exact number there, and so is an amount without its currency."""
    (problem,) = added(f"cost_per_interview = {value}")
    assert problem.startswith(
        "[target_groups.TRACKER-US] cost_per_interview must be an amount and its currency as text"
    )


def test_all_problems_are_reported_once() -> None:
    """A mistake in the defaults is reported once, with those of all tables."""
    text = SMALL.replace("= 1000", '= "many"').replace("eng_us", "us") + '\n[target_groups.OTHER]\nname = "Other"'
    assert problems_of(text) == [
        "[defaults] completes_goal must be a whole number; got 'many'",
        "[target_groups.TRACKER-US] locale must be a language and a country, such as 'eng_us'; got 'us'",
        "[target_groups.OTHER] has no locale",
    ]


def test_parts_of_lists_are_counted_from_one() -> None:
    """The place of a mistake in a list is a position that people count."""
    found = added(
        'respondent_activity_exclusions = [{ type = "project", id = "01KH287TE2W1GKTJJ91QCCHWP9" }, { typ = "x" }]\n'
        'fielding_assistant_assignment.pricing.type = "dynmic"\n'
        "allocations.open_exchange_allocations.groups = [{ group_name = 'A', suppliers = [1, 2.5] }]"
    )
    table = "[target_groups.TRACKER-US]"
    assert found == [
        f"{table} respondent_activity_exclusion 2 has no type",
        f"{table} respondent_activity_exclusion 2 has no id",
        f"{table} respondent_activity_exclusion 2: typ is an unknown key; did you mean type?",
        f"{table} fielding_assistant_assignment.pricing.type must be one of dynamic, rate_card; got 'dynmic'",
        f"{table} allocations.open_exchange_allocations, group 1, supplier 2 must be the number of a supplier; got 2.5",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it has none"),
        ("schema = 1\n[project\n", "it is not valid TOML: .*line 2"),
        ("schema = 1\nschema = 1", "it is not valid TOML"),
        (f"schema = {'1' * 5000}", "it is not valid TOML"),
        (f"schema = {'[' * 5000}", "nested too deeply|not valid TOML"),
        ("schema = 1\nproject = 3\ntarget_groups = []", "project must be a table; got 3"),
        ("schema = 1\n[target_groups]\nA-B = 4", "target_groups.A-B must be a table; got 4"),
        ("schema = 1", r"it has no target groups; each is a table, such as \[target_groups.TRACKER-US\]"),
    ],
)
def test_a_file_of_another_shape_is_refused(text: str, problem: str) -> None:
    """A file without the tables of a study is refused in the same way, never with a traceback."""
    assert re.search(problem, "\n".join(problems_of(text)))


def test_a_project_needs_a_reference_or_an_id() -> None:
    """Without either, the same file would create a second project."""
    assert changed('reference = "TRACKER"', "") == [
        "[project] has neither a reference nor an id, by which the project is found"
    ]


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    """Editors of Windows write one; another encoding is an error of its own."""
    path = tmp_path / "study.toml"
    path.write_bytes(b"\xef\xbb\xbf" + SMALL.encode())
    assert Study.load(path) == Study.parse(SMALL)
    path.write_bytes(SMALL.encode("utf-16"))
    with pytest.raises(InvalidStudyError, match="not UTF-8"):
        Study.load(path)
