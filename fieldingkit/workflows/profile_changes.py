"""The workflow ``change_profiles``: replace the profiles of a launched target group, and delete nothing by accident."""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, TypeAlias, cast

import attrs

from fieldingkit._repr import brief_repr
from fieldingkit.client import AsyncClient
from fieldingkit.commands import CommandPart, check_kind
from fieldingkit.errors import (
    ConfigurationError,
    DecodeError,
    FieldingKitError,
    InvalidCommandError,
    UnexpectedDeletionError,
    WorkflowError,
)
from fieldingkit.resources.profiles import (
    AdjustmentType,
    BlendedType,
    ListProfiles,
    Profile,
    Profiling,
    ReplaceProfiles,
    Target,
    TargetGroupProfiles,
)
from fieldingkit.workflows.profile_difference import ProfilesDifference, difference_of, is_same

__all__ = ["ChangedProfiles", "ProfileChange", "ProfilesPreview", "change_profiles", "preview_profiles"]


def _profiles(values: Iterable[Profile]) -> tuple[Profile, ...]:
    return tuple(values)


def _parts(values: "Iterable[Profile | Target]") -> "tuple[Profile | Target, ...]":
    return tuple(values)


@attrs.frozen(kw_only=True)
class ProfileChange(CommandPart):
    """The profiles that a target group is to have, and what of the present ones is meant to be deleted."""

    profiles: tuple[Profile, ...] = attrs.field(converter=_profiles)
    """All profiles that it is to have."""
    deletes: tuple[Profile | Target, ...] = attrs.field(default=(), converter=_parts)
    """The profiles and targets to delete, as they were read. A profile stands for all of its targets."""


Change: TypeAlias = "Callable[[TargetGroupProfiles], ProfileChange | Iterable[Profile]]"
"""Takes the profiles as they are, and returns those that are to replace them; a ``ProfileChange`` to delete some."""


@attrs.frozen(kw_only=True)
class ProfilesPreview:
    """The result of ``preview_profiles``: nothing was sent."""

    before: TargetGroupProfiles
    """The profiles as read."""
    profiles: tuple[Profile, ...]
    """The profiles that would be sent."""
    difference: ProfilesDifference
    """The targets that would be added, changed or deleted."""
    surprises: tuple[str, ...]
    """The reasons why ``change_profiles`` would refuse; empty if it would not."""


@attrs.frozen(kw_only=True)
class ChangedProfiles:
    """The result of ``change_profiles``: the target group has the wanted profiles."""

    before: TargetGroupProfiles
    """The profiles as last read before the write."""
    after: TargetGroupProfiles
    """The profiles as the API returned them afterwards, with their new ids."""
    difference: ProfilesDifference
    """The targets that were added, changed or deleted."""
    changed: bool
    """True if this workflow replaced the profiles; False if there was nothing to change."""
    conflicts: tuple[FieldingKitError, ...] = ()
    """The ambiguous outcome that was resolved by reading; after one, another user may have made the same change."""


async def preview_profiles(
    client: AsyncClient,
    group: ListProfiles,
    change: Change,
    *,
    adjustment: AdjustmentType | Literal["percentage", "nominal"],
    control_profiles: Iterable[Profile] | None = None,
    accept_completes: bool = False,
) -> ProfilesPreview:
    """Read the profiles of a target group and return the difference that a change would make; nothing is sent.

    The arguments are those of ``change_profiles``.

    Raises:
        InvalidCommandError: if the change returns profiles that cannot be sent.
        WorkflowError: if a part of the profiles could not be read.
        FieldingKitError: if the profiles cannot be read.
    """
    wanted = _Wanted.of(client, group, change, adjustment, control_profiles)
    before = await _read(client, group)
    wanted.compute(before)
    difference = wanted.difference_from(before)
    unknown = () if control_profiles is not None else (_CONTROL_UNKNOWN,)
    return ProfilesPreview(
        before=before,
        profiles=(*wanted.listed, *wanted.control),
        difference=difference,
        surprises=(*difference.surprises(accept_completes=accept_completes), *unknown),
    )


async def change_profiles(
    client: AsyncClient,
    group: ListProfiles,
    change: Change,
    *,
    adjustment: AdjustmentType | Literal["percentage", "nominal"],
    control_profiles: Iterable[Profile] | None = None,
    accept_completes: bool = False,
) -> ChangedProfiles:
    """Read the profiles of a launched target group, change them, and replace them; refuse deletions that are not meant.

    The API replaces all profiles at once and deletes what is left out, without an ETag. Here nothing is deleted unless
    the change names it. To raise a goal, return the profiles with that goal. To delete a profile::

        def without_region(now):
            region = next(profile for profile in now.profiles if profile.name == "REGION")
            kept = [profile for profile in now.profiles if profile is not region]
            return ProfileChange(profiles=kept, deletes=[region])

    A target with other conditions is another target, and so is one whose quota is gone: name the one that was read.
    The profiles are read once more just before they are replaced; only a change of another user between this reading
    and the write goes unnoticed. The write is never repeated; if its outcome is ambiguous, the profiles are read to
    find out what is true.

    Args:
        client: The client to use; with a blocking one, ``client.call(change_profiles, group, change, ...)``.
        group: The command that lists the profiles.
        change: Takes the profiles as they are and returns all that are to be; with a ``ProfileChange`` it deletes some.
        adjustment: Whether the goals are sent by percentage or as numbers; the list of profiles does not say it.
        control_profiles: The control profiles, which are not listed, but deleted if they are left out; ``()`` if there
            are none. The write is sent whenever some are given.
        accept_completes: True to delete quotas that have completes, too.

    Raises:
        UnexpectedDeletionError: if something would be deleted that the change did not name, or that has completes;
            nothing was sent.
        InvalidCommandError: if ``control_profiles`` is left out, or the change returns profiles that cannot be sent.
        BadRequestError: if the profiles break a rule of the API; nothing was changed.
        WorkflowError: if another user changed the profiles meanwhile; or if the outcome of the write remains unclear.
        FieldingKitError: if the profiles cannot be read.
    """
    wanted = _Wanted.of(client, group, change, adjustment, control_profiles)
    if control_profiles is None:
        raise InvalidCommandError(f"change_profiles: {_CONTROL_UNKNOWN}", field="control_profiles")
    first = await _read(client, group)
    wanted.compute(first)
    _refuse(group, wanted.difference_from(first), accept_completes=accept_completes)
    if not wanted.is_new(first):
        return ChangedProfiles(before=first, after=first, difference=ProfilesDifference(), changed=False)
    command = wanted.command(first)
    before = await _read(client, group)
    if _without_counters(before) != _without_counters(first):
        raise WorkflowError(
            "another user changed the profiles after they were read; nothing was sent: change the present ones",
            command=group,
        )
    difference = wanted.difference_from(before)
    _refuse(group, difference, accept_completes=accept_completes)
    try:
        after = await client.send(command)
        ambiguous = None
        if not is_same(after.profiles, wanted.listed, wanted.adjustment):
            mismatch = "the response does not have the profiles that were sent"
            raise DecodeError(mismatch, path="$.profiles", command=command, maybe_applied=True)
    except FieldingKitError as exc:
        if not exc.maybe_applied:
            raise
        ambiguous = exc
        after = await _resolve(client, group, wanted, before, exc)
    conflicts = () if ambiguous is None else (ambiguous,)
    return ChangedProfiles(before=before, after=after, difference=difference, changed=True, conflicts=conflicts)


_CONTROL_UNKNOWN = (
    "control profiles are not listed, and the write deletes those that are left out: pass them as control_profiles, "
    "or () if there are none"
)


@attrs.define
class _Wanted:
    """The profiles that are to be sent."""

    group: ListProfiles
    change: Change
    adjustment: AdjustmentType
    control: tuple[Profile, ...]
    listed: tuple[Profile, ...] = ()
    named: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        client: AsyncClient,
        group: ListProfiles,
        change: Change,
        adjustment: AdjustmentType | str,
        control_profiles: Iterable[Profile] | None,
    ) -> "_Wanted":
        """Check the arguments."""
        if not isinstance(cast("object", client), AsyncClient):
            raise ConfigurationError(f"client must be an AsyncClient; got {type(client).__name__}")
        check_kind(group, ListProfiles)
        if not callable(change):
            raise InvalidCommandError(f"change must be a function; got {type(change).__name__}", field="change")
        if cast("object", adjustment) not in list(AdjustmentType):
            shown = brief_repr(adjustment)
            raise InvalidCommandError(f"adjustment must be percentage or nominal; got {shown}", field="adjustment")
        control = _checked(control_profiles or (), "control_profiles", "must be profiles").profiles
        if any(profile.blended_type is not BlendedType.CONTROL for profile in control):
            raise InvalidCommandError(
                "control_profiles must have the blended_type control: the change returns all others",
                field="control_profiles",
            )
        return cls(group, change, AdjustmentType(adjustment), control)

    def compute(self, now: TargetGroupProfiles) -> None:
        """Let the change compute the wanted profiles from the present ones."""
        found = self.change(now)
        change = _checked(found, "change", "must return profiles, or a ProfileChange")
        self.listed = change.profiles
        self.named = frozenset(_ids(change.deletes))
        if not self.listed and now.profiles:
            raise InvalidCommandError(
                "the change returns no profiles: send DeleteProfiles to let anybody take part", field="change"
            )
        known = {one.id for one in now.profiles} | {one.id for profile in now.profiles for one in profile.targets}
        if self.named - known:
            ids = ", ".join(sorted(self.named - known))
            raise InvalidCommandError(f"the change names what is not among the profiles: {ids}", field="change")

    def difference_from(self, now: TargetGroupProfiles) -> ProfilesDifference:
        """Return the difference between the present profiles and the wanted ones."""
        return difference_of(now.profiles, self.listed, self.adjustment, self.named)

    def is_new(self, now: TargetGroupProfiles) -> bool:
        """Return whether there is something to send."""
        return bool(
            self.control or self.difference_from(now) or not is_same(now.profiles, self.listed, self.adjustment)
        )

    def command(self, now: TargetGroupProfiles) -> ReplaceProfiles:
        """Return the write, with the present goal of the target group."""
        return ReplaceProfiles(
            account_id=self.group.account_id,
            project_id=self.group.project_id,
            target_group_id=self.group.target_group_id,
            completes_goal=cast("int", now.completes_goal),
            profiling=Profiling(profile_adjustment_type=self.adjustment, profiles=(*self.listed, *self.control)),
        )


def _checked(found: ProfileChange | Iterable[Profile], field: str, rule: str) -> ProfileChange:
    try:
        return found if isinstance(found, ProfileChange) else ProfileChange(profiles=found)
    except InvalidCommandError as exc:
        raise InvalidCommandError(f"{field} {rule}; got {brief_repr(found)}", field=field) from exc


def _ids(parts: Sequence[Profile | Target]) -> Iterable[str]:
    for part in parts:
        if part.id is None:
            raise InvalidCommandError(
                f"deletes must have profiles and targets as they were read; got {brief_repr(part)}", field="change"
            )
        yield part.id


async def _read(client: AsyncClient, group: ListProfiles) -> TargetGroupProfiles:
    """Read the profiles; refuse what could not be sent back as it is."""
    now = await client.send(group)
    unread = [*now.undecoded, *(profile.object for profile in now.profiles if not profile.object.known)]
    if unread or now.completes_goal is None:
        problem = ", ".join(unread) or "$.completes_goal"
        raise WorkflowError(f"a part of the profiles is unknown, and would be lost: {problem}", command=group)
    return now


def _refuse(group: ListProfiles, difference: ProfilesDifference, *, accept_completes: bool) -> None:
    surprises = difference.surprises(accept_completes=accept_completes)
    if surprises:
        raise UnexpectedDeletionError(
            f"nothing was sent, because {len(surprises)} deletions were not expected: {'; '.join(surprises)}",
            deletions=surprises,
            command=group,
        )


def _without_counters(read: TargetGroupProfiles) -> TargetGroupProfiles:
    def strip(target: Target) -> Target:
        quota = target.quota and attrs.evolve(target.quota, completes=None, prescreens=None)
        return attrs.evolve(target, quota=quota)

    profiles = [
        attrs.evolve(profile, targets=[strip(target) for target in profile.targets]) for profile in read.profiles
    ]
    return attrs.evolve(read, profiles=profiles)


async def _resolve(
    client: AsyncClient, group: ListProfiles, wanted: _Wanted, before: TargetGroupProfiles, ambiguous: FieldingKitError
) -> TargetGroupProfiles:
    """Read the profiles after an ambiguous outcome; return them if they are the wanted ones under new ids."""
    conflicts = [ambiguous]
    try:
        now = await _read(client, group)
    except FieldingKitError as exc:
        reason = "the profiles could not be read afterwards"
        conflicts.append(exc)
    except BaseException as exc:
        exc.add_note("the profiles may have been replaced: read them")
        raise
    else:
        ids, old_ids = ({profile.id for profile in read.profiles} for read in (now, before))
        if ids.isdisjoint(old_ids) and is_same(now.profiles, wanted.listed, wanted.adjustment):
            return now
        unchanged = _without_counters(now) == _without_counters(before)
        reason = (
            "read afterwards, the profiles are still the former ones; the write may yet be applied"
            if unchanged
            else "read afterwards, the profiles are neither the former nor the wanted ones"
        )
    raise WorkflowError(
        f"the outcome of the write is unclear: {reason}. It was not sent again.",
        conflicts=conflicts,
        command=ambiguous.command,
        maybe_applied=True,
        attempts=ambiguous.attempts,
    ) from conflicts[-1]
