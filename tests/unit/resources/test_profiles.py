"""Profiles: what was read can be sent; what cannot be sent is refused with its place and its reason."""

import json
from collections.abc import Callable
from typing import Any, ClassVar

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldingkit.codec import encode
from fieldingkit.commands import AccountCommand, Endpoint
from fieldingkit.converter import structure
from fieldingkit.errors import InvalidCommandError
from fieldingkit.leniency import structure_tolerantly
from fieldingkit.resources.profile_checks import blendable, profiling_problems, well_formed, with_profiles
from fieldingkit.resources.profile_writers import write_draft, write_feasibility, write_single, write_template
from fieldingkit.resources.profiles import (
    AdjustmentType,
    BlendedType,
    Condition,
    OpenEnded,
    OtherCondition,
    Profile,
    ProfileKind,
    Profiling,
    Quota,
    Range,
    Selection,
    Target,
    TargetGroupProfiles,
)
from fieldingkit.resources.target_group_goals import ProfileGoal

_WRITERS: list[Callable[[Profiling], dict[str, Any]]] = [write_draft, write_feasibility, write_template]
_READ_ONLY = {"id", "quota_nominal", "completes", "prescreens", "condition_name", "condition_name_translated"}

AGE = Range(question_id=42, min=18, max=34)
MALE = Selection(question_id=43, option="1")


def read(value: Any) -> Profiling:
    """Decode profiling."""
    profiling: Profiling = structure(Profiling)(value, Profiling)
    return profiling


def of(*targets: Target, adjustment: AdjustmentType = AdjustmentType.PERCENTAGE, **members: Any) -> Profiling:
    """Return profiling with one profile."""
    return Profiling(profile_adjustment_type=adjustment, profiles=[Profile(targets=targets, **members)])


def share(percent: float | None, *conditions: Condition, **members: Any) -> Target:
    """Return a target with a goal by percentage."""
    return Target(conditions=conditions, quota=Quota(completes_goal_percentage=percent), **members)


# Random profiling that can be sent, with the ids, counters and texts of an answer


_names = st.text("abcdefg", min_size=1, max_size=6)
_counts = st.none() | st.integers(0, 5000)


def _conditions(question_id: int) -> st.SearchStrategy[Condition]:
    bounds = st.tuples(st.integers(1, 99), st.integers(1, 99)).map(sorted)
    known = {"question_id": st.just(question_id), "condition_name": st.none() | _names}
    return st.one_of(
        st.builds(Selection, option=_names, condition_name_translated=st.none() | _names, **known),
        bounds.flatmap(lambda pair: st.builds(Range, min=st.just(pair[0]), max=st.just(pair[1]), **known)),
        st.builds(OpenEnded, open_ended_values=st.lists(_names, min_size=1, max_size=3), **known),
        st.builds(OtherCondition, object=st.just("zodiac"), content=st.fixed_dictionaries({"signs": st.lists(_names)})),
    )


_quotas = st.builds(
    Quota,
    completes_goal=st.integers(0, 5000),
    completes_goal_percentage=st.integers(0, 10_000).map(lambda hundredths: hundredths / 100),
    quota_nominal=_counts,
    completes=_counts,
    prescreens=_counts,
    name=st.none() | _names,
)


def _targets(conditions: st.SearchStrategy[list[Condition]]) -> st.SearchStrategy[list[Target]]:
    target = st.builds(
        Target,
        conditions=conditions,
        quota=_quotas,
        name=_names,
        id=st.none() | _names,
        text=st.none() | _names,
        text_translated=st.none() | _names,
    )
    return st.lists(target, min_size=1, max_size=3)


_answered = {"id": st.none() | _names, "description": st.none() | _names, "description_translated": st.none() | _names}
_regular = st.builds(
    Profile,
    targets=_targets(st.lists(_conditions(42), min_size=1, max_size=2)),
    name=st.none() | _names,
    quotas_enabled=st.booleans(),
    **_answered,
)
_blended = st.builds(
    Profile,
    object=st.just(ProfileKind.BLENDED),
    blended_type=st.none() | st.sampled_from(sorted(BlendedType)),
    name=_names,
    targets=_targets(st.tuples(_conditions(42), _conditions(43)).map(list)),
    **_answered,
)
_profilings = st.builds(
    Profiling,
    profile_adjustment_type=st.sampled_from(sorted(AdjustmentType)),
    profiles=st.lists(_regular | _blended, min_size=1, max_size=3),
)


def _names_in(value: Any) -> set[str]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    own = set(value) if isinstance(value, dict) else set()
    return own.union(*map(_names_in, inner))


@given(_profilings, st.sampled_from(_WRITERS))
def test_what_was_written_reads_and_writes_the_same(
    profiling: Profiling, write: Callable[[Profiling], dict[str, Any]]
) -> None:
    """A request, read again and written again, is the same; it has no members that only the API sets."""
    assert list(profiling_problems(profiling)) == []
    body = write(profiling)
    assert write(read(body)) == body
    assert not _names_in(body) & _READ_ONLY


@given(_profilings)
def test_a_draft_keeps_all_that_was_asked_for(profiling: Profiling) -> None:
    """A written draft has the same profiles, targets and conditions, and the goals of its adjustment type only."""
    again = read(write_draft(profiling))
    assert list(profiling_problems(again)) == []
    goal = profiling.profile_adjustment_type is AdjustmentType.PERCENTAGE
    for profile, kept in zip(profiling.profiles, again.profiles, strict=True):
        assert (kept.object, kept.name, kept.quotas_enabled) == (profile.object, profile.name, profile.quotas_enabled)
        for target, kept_target in zip(profile.targets, kept.targets, strict=True):
            assert [_bare(condition) for condition in target.conditions] == list(kept_target.conditions)
            assert target.quota is not None
            expected = (
                Quota(completes_goal_percentage=target.quota.completes_goal_percentage)
                if goal
                else Quota(completes_goal=target.quota.completes_goal)
            )
            assert kept_target.quota == (expected if profile.quotas_enabled else None)


def _bare(condition: Condition) -> Condition:
    if isinstance(condition, OtherCondition):
        return condition
    return attrs.evolve(condition, condition_name=None, condition_name_translated=None)


# Writers


def test_the_writers_differ_in_what_their_operations_take() -> None:
    """Drafts mark targets without a quota, feasibility has no names of profiles, templates have texts."""
    profiling = of(
        Target(conditions=[AGE], id="t1", text="18-34", name="young", quota=Quota(completes_goal=5)),
        name="Age",
        description="How old are you?",
        quotas_enabled=False,
        id="p1",
    )
    condition = {"object": "range", "question_id": 42, "min": 18, "max": 34}
    assert write_draft(profiling)["profiles"] == [
        {
            "object": "regular",
            "name": "Age",
            "quotas_enabled": False,
            "targets": [{"name": "young", "object": "nominal", "conditions": [condition]}],
        }
    ]
    assert write_feasibility(profiling)["profiles"] == [
        {"object": "regular", "quotas_enabled": False, "targets": [{"name": "young", "conditions": [condition]}]}
    ]
    assert write_template(profiling)["profiles"] == [
        {
            "object": "regular",
            "name": "Age",
            "description": "How old are you?",
            "quotas_enabled": False,
            "targets": [{"name": "young", "text": "18-34", "conditions": [condition]}],
        }
    ]
    draft = write_draft(profiling)
    assert write_single(profiling) == {"profile_adjustment_type": "percentage", "profile": draft["profiles"][0]}


def test_only_the_goal_of_the_adjustment_type_is_sent() -> None:
    """A quota that was read has both goals; the API refuses a request with both."""
    quota = Quota(completes_goal=40, completes_goal_percentage=12.5, quota_nominal=40, name="old place")
    target = Target(conditions=[AGE], quota=quota)
    for adjustment, goal in (("percentage", {"completes_goal_percentage": 12.5}), ("nominal", {"completes_goal": 40})):
        body = write_draft(of(target, adjustment=AdjustmentType(adjustment)))
        (written,) = body["profiles"][0]["targets"]
        assert (body["profile_adjustment_type"], written["quota"], written["name"]) == (adjustment, goal, "old place")


def test_all_values_are_sent_with_an_empty_list() -> None:
    """An open end that allows all values has an empty list of them, which the API requires, and no quota."""
    profiling = of(Target(conditions=[OpenEnded(question_id=45, allow_all_values=True)]))
    assert list(profiling_problems(profiling)) == []
    (target,) = write_draft(profiling)["profiles"][0]["targets"]
    condition = {"object": "open_ended", "question_id": 45, "allow_all_values": True, "open_ended_values": []}
    assert target == {"object": "nominal", "conditions": [condition]}


def test_a_template_alone_is_sent_without_profiles() -> None:
    """A template stands for the profiles; beside profiles it is sent with them."""
    assert write_draft(Profiling(template_id="t")) == {"profile_adjustment_type": "percentage", "template_id": "t"}
    both = attrs.evolve(of(share(100, AGE)), template_id="t")
    assert (write_draft(both)["template_id"], len(write_draft(both)["profiles"])) == ("t", 1)
    assert "template_id" not in write_feasibility(both)


# Reading


def test_answers_are_read_leniently() -> None:
    """Members that the API leaves out or sends as null are missing; a part that does not fit is left undecoded."""
    body = {
        "locale": None,
        "profiles": [
            {"object": "regular", "quotas_enabled": True, "targets": [{"conditions": [{"object": "range"}]}]},
            {"object": "novel", "id": "p2", "name": None, "targets": None},
        ],
    }
    found = structure_tolerantly(lambda: body, TargetGroupProfiles)
    assert found.undecoded == ("$.profiles[0].targets[0].conditions",)
    assert [profile.object for profile in found.profiles] == ["regular", "novel"]
    assert not found.profiles[1].object.known
    assert structure(TargetGroupProfiles)({"profiles": None}, TargetGroupProfiles).profiles == ()


def test_conditions_are_told_apart_by_type_checkers() -> None:
    """A match statement covers all conditions, and each kind has its own fields."""

    def describe(condition: Condition) -> str:
        match condition:
            case Selection(option=option):
                return option
            case Range(min=low, max=high):
                return f"{low}-{high}"
            case OpenEnded(open_ended_values=values):
                return " ".join(values)
            case OtherCondition(object=kind):
                return kind

    conditions = (MALE, AGE, OpenEnded(question_id=1, open_ended_values="10115"), OtherCondition(object="zodiac"))
    assert [describe(condition) for condition in conditions] == ["1", "18-34", "10115", "zodiac"]
    assert conditions[2].to_dict()["object"] == "open_ended"


def test_the_present_goals_of_a_profile_can_be_sent_again() -> None:
    """The goals of a profile that was read are a change of goals; targets without one are left out."""
    profile = Profile(
        id="p1",
        targets=[
            Target(id="01BTGNYV6HRNK8K8VKZASZCFP1", quota=Quota(completes_goal=75)),
            Target(id="01BTGNYV6HRNK8K8VKZASZCFP2"),
        ],
    )
    goal = ProfileGoal.of(profile)
    assert (goal.profile_id, [target.quota.completes_goal for target in goal.targets]) == ("p1", [75])
    for without in (attrs.evolve(profile, id=None), attrs.evolve(profile, targets=[])):
        with pytest.raises(InvalidCommandError, match="ProfileGoal"):
            ProfileGoal.of(without)


# Checks


@attrs.frozen(kw_only=True)
class Send(AccountCommand[None]):
    """A command with profiling."""

    endpoint: ClassVar[Endpoint] = Endpoint("POST", "/accounts/{account_id}/profiling", operation_id="post_profiling")
    profiling: Profiling | None = attrs.field(default=None, validator=well_formed, metadata={"write": write_draft})
    feasible: Profiling | None = attrs.field(
        default=None, validator=attrs.validators.optional(with_profiles), metadata={"write": write_feasibility}
    )
    to_blend: Profiling | None = attrs.field(default=None, validator=attrs.validators.optional(blendable))


_ALL = OpenEnded(question_id=45, allow_all_values=True)
REFUSED: list[tuple[Profiling, str]] = [
    (Profiling(), "profiling has neither profiles nor a template"),
    (Profiling(template_id="t", profile_adjustment_type="nominal"), "profiling has a template"),
    (of(), r"profiles\[0\] has no targets"),
    (of(share(50)), r"targets\[0\] has no conditions"),
    (of(share(50, AGE), share(50, MALE)), r"profiles\[0\] is regular, but about several questions"),
    (of(share(50, AGE), blended_type="control"), r"profiles\[0\] is regular, but has a blended_type"),
    (of(share(50, AGE, AGE)), r"targets\[0\] has several conditions and needs a name"),
    (of(share(50, AGE, MALE, name="x"), object="blended"), r"profiles\[0\] is blended and needs a name"),
    (of(share(50, AGE), object="blended", name="x"), r"targets\[0\] .* needs two or more conditions"),
    (
        of(share(50, AGE, MALE, name="x"), object="blended", name="x", quotas_enabled=False),
        r"profiles\[0\] is blended: its quotas cannot be disabled",
    ),
    (of(share(None, AGE)), r"targets\[0\] has no completes_goal_percentage"),
    (of(Target(conditions=[AGE])), r"targets\[0\] has no completes_goal_percentage"),
    (of(share(50, AGE), adjustment=AdjustmentType.NOMINAL), r"targets\[0\] has no completes_goal:"),
    (of(share(100.01, AGE)), "must be from 0 to 100"),
    (of(share(-1, AGE)), "must be from 0 to 100"),
    (of(share(33.333, AGE)), "up to two decimals"),
    (of(share(float("nan"), AGE)), "must be from 0 to 100"),
    (
        of(Target(conditions=[AGE], quota=Quota(completes_goal=-1)), adjustment=AdjustmentType.NOMINAL),
        "must not be negative",
    ),
    (of(share(50, _ALL)), "allows all values and cannot have a quota"),
    (of(share(50, Range(question_id=1, min=35, max=34))), r"conditions\[0\] must have bounds from 1 to 99"),
    (of(share(50, Range(question_id=1, min=0, max=34))), "must have bounds"),
    (of(share(50, Range(question_id=1, min=18))), "must have bounds"),
    (of(share(50, Range(question_id=1, min=18, max=100))), "must have bounds"),
    (of(share(50, OpenEnded(question_id=1))), "must have 1 to 10,000 values"),
    (of(share(50, OpenEnded(question_id=1, open_ended_values=map(str, range(10_001))))), "got 10,001"),
    (of(Target(conditions=[attrs.evolve(_ALL, open_ended_values=["x"])])), "allows all values and cannot name any"),
]


@pytest.mark.parametrize(("profiling", "problem"), REFUSED)
def test_profiling_that_the_api_refuses_is_not_sent(profiling: Profiling, problem: str) -> None:
    """The rules of the contract are checked when the command is made; the error names the part and the rule."""
    with pytest.raises(InvalidCommandError, match=f"Send: profiling.*{problem}|Send: {problem}") as caught:
        Send(profiling=profiling)
    assert caught.value.field == "profiling"


@pytest.mark.parametrize(
    "wrong", [7, "x", [], {"profiles": []}, Profile(), of(share(50, "x")), of(share("50", AGE)), of(share(True, AGE))]
)
def test_values_that_are_no_profiling_are_refused(wrong: Any) -> None:
    """A value of another class, at any depth, is an invalid command, not another error."""
    with pytest.raises(InvalidCommandError, match="profiling"):
        Send(profiling=wrong)


def test_profiling_is_written_by_the_command() -> None:
    """A command's profiling is written by its writer; without one it is left out."""
    profiling = of(share(100, AGE))
    request = encode(Send(profiling=profiling), account_id="1", headers={})
    assert json.loads(request.body or b"") == {"profiling": write_draft(profiling)}
    assert encode(Send(), account_id="1", headers={}).body == b"{}"


def test_operations_without_templates_need_profiles() -> None:
    """Feasibility takes no template, so a template alone is refused there: it would mean everybody."""
    with pytest.raises(InvalidCommandError, match="feasible has no profiles"):
        Send(feasible=Profiling(template_id="t"))
    assert Send(feasible=of(share(100, AGE))).feasible is not None


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_two_or_three_regular_profiles_can_be_blended(number: int) -> None:
    """Only two or three regular profiles can be blended into one."""
    profiling = Profiling(profiles=[Profile(targets=[share(100, AGE)])] * number)
    if number in {2, 3}:
        assert Send(to_blend=profiling).to_blend == profiling
        return
    with pytest.raises(InvalidCommandError, match="two or three profiles"):
        Send(to_blend=profiling)


def test_a_blended_profile_is_built_from_its_cells() -> None:
    """The constructor of blended profiles sets the kind; control profiles limit the mix."""
    profile = Profile.blended(name="Age by gender", targets=[share(100, AGE, MALE, name="young men")])
    assert (profile.object, profile.blended_type) == (ProfileKind.BLENDED, BlendedType.INTERLOCK)
    assert list(profiling_problems(Profiling(profiles=[profile]))) == []
    with pytest.raises(InvalidCommandError, match="two or three profiles, all of them regular"):
        Send(to_blend=Profiling(profiles=[profile, profile]))
