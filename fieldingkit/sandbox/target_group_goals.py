"""The handler that changes the completes goal of a target group."""

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.calls import Call, Reply

__all__ = ["update"]

_TOO_SMALL = ("profile_validation_error_016", "total_completes_goal_cannot_be_less_than_one_016")
_BELOW_COMPLETES = ("profile_validation_error_076", "total_completes_goal_cannot_be_less_than_collected_076")
_NO_PROFILE = ("profile_validation_error_044", "profile_id_not_found_044")


def update(call: Call) -> Reply:
    """Change the goal of a target group in any state; it has no profiles, so there are no other goals to change.

    A run that was stopped by the old goal stays as it is: it can be resumed or relaunched from now on.
    """
    group, body = call.target_group(), call.json_object()
    goal, profiles = body.get("completes_goal"), body.get("profiles")
    if profiles:
        raise problems.invalid_profiles(*_NO_PROFILE)
    if not isinstance(goal, int) or isinstance(goal, bool):
        raise problems.bad_request("The goal is missing or malformed.", completes_goal="It has to be a whole number.")
    if goal < 1:
        raise problems.invalid_profiles(*_TOO_SMALL)
    if goal < group.completes:
        raise problems.invalid_profiles(*_BELOW_COMPLETES)
    if goal != group.goal:
        group.set_goal(goal, at=call.now, request=call.recorded.index)
    return Reply(200, {"locale": group.settings.locale, "completes_goal": group.goal, "profiles": []})
