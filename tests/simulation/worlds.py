"""The generator: everything that happens in a simulation, drawn from its seed.

Rare things are drawn for a whole seed, not for each event: a seed has few kinds of trouble, but much of each.
"""

import random
from collections.abc import Set as AbstractSet
from typing import Any

import attrs

from simulation.machine import CrashPoint

__all__ = ["ACCOUNTS", "GENERATOR", "SWITCHES", "Attempt", "ColleagueMove", "Command", "Outage", "World", "draw"]

GENERATOR = 2
"""The version of the generator. Later versions only add to the stories of the first one."""

ACCOUNTS = (101, 202)

SWITCHES = (
    "crashes",
    "faults",
    "outages",
    "forbidden",
    "failing items",
    "stuck",
    "gone",
    "forgetful",
    "slow disk",
    "key life",
    "slow jobs",
    "clock",
    "restart clock",
    "colleague",
    "twin",
    "other identity",
    "preview",
    "plan file",
    "canary",
    "undo",
    "later commands",
)
"""The causes that can be switched off to shrink a failing seed."""

FAULTS = ("drop before", "drop after", "late", "slow", "429", "503", "503 after", "500 after", "html", "refused")
ACTIONS = ("pause", "pause", "pause", "pause", "pause", "resume", "resume", "complete", "relaunch")
CRASH_LABELS = ("send create", "recv create", "recv poll", "recv read", "before commit", "after commit")


@attrs.frozen
class Outage:
    """A time in which requests fail."""

    begins: float
    ends: float
    kind: str
    writes_only: bool


@attrs.frozen
class ColleagueMove:
    """A change by another user."""

    at: float
    choice: float
    """Chooses the target group, from 0 to 1."""
    action: str
    """The action if the target group allows it; the opposite of its status otherwise."""


@attrs.frozen(kw_only=True)
class Attempt:
    """One start of a command."""

    crash: CrashPoint | None
    pause: float
    """Seconds before it."""
    clock: float
    """Seconds by which the wall clock is set before it."""
    by_run_id: bool
    """Whether it names the run, as opposed to the same command again."""
    other_identity: bool
    """Whether it goes to the other account or API."""


@attrs.frozen(kw_only=True)
class Command:
    """One thing that the operator does, with all its restarts."""

    action: str
    by_query: bool
    share: float
    """The share of target groups that are named, if they are."""
    check_status_first: bool
    chunk_size: int
    concurrency: int
    max_retries: int
    rate: float | None
    thinking: float | None
    """Seconds between a preview and the sweep; None without a preview."""
    journal: str
    """``named``, ``default`` (a file of its own for each run) or ``none``."""
    verify: bool
    until_none_left: bool
    attempts: tuple[Attempt, ...]
    undo: tuple[Attempt, ...]
    """The attempts to undo it; empty for none."""
    twin: float | None
    """Seconds after which another process starts the same command; None for none."""
    pause: float
    """Seconds before it."""
    planned: float | None = None
    """Seconds between a plan that is written to a file and its application; None without a plan file."""
    first: int | None = None
    """The number of target groups to send first; None to send all at once."""
    decision: str = "ok"
    """The decision after those: ``ok`` (to go on if all went well), ``yes`` or ``no``."""
    deciding: float = 0.0
    """Seconds until the decision."""


@attrs.frozen(kw_only=True)
class World:
    """Everything that a seed decides."""

    seed: int
    projects: tuple[dict[str, Any], ...]
    starts_in: float
    accounts: int
    apis: int
    job_seconds: tuple[float, ...]
    failing_rate: float
    stuck_rate: float
    gone_rate: float
    forgetful_rate: float
    fault_kinds: tuple[str, ...]
    fault_rate: float
    outages: tuple[Outage, ...]
    forbidden_project: float | None
    """Chooses a project that answers 403, from 0 to 1."""
    key_lifetime: float | None
    disk_delays: tuple[float, ...]
    commands: tuple[Command, ...]
    colleague: tuple[ColleagueMove, ...]
    clock_jumps: tuple[tuple[float, float], ...]
    update_run: bool

    @property
    def calm(self) -> bool:
        """Whether nothing goes wrong at the API or on the network."""
        return not (
            self.fault_kinds
            or self.outages
            or self.forbidden_project is not None
            or self.stuck_rate
            or self.gone_rate
            or self.forgetful_rate
            or self.failing_rate
            or max(self.job_seconds) >= 900
        )


def draw(seed: int, off: AbstractSet[str] = frozenset()) -> World:
    """Return the world of a seed.

    Args:
        seed: The seed.
        off: The causes to switch off. The others stay as they are.
    """
    if wrong := off - set(SWITCHES):
        raise ValueError(f"no such switches: {sorted(wrong)}")
    chance = random.Random(f"1/{seed}/world")
    projects = tuple(_project(chance) for _ in range(chance.choice((1, 1, 1, 2, 2, 3))))
    job_seconds = chance.choice(((0.2,), (0.2, 1.0, 5.0), (1.0, 30.0), (5.0, 200.0), (30.0, 900.0, 2500.0)))
    identities = chance.choice(((1, 1), (1, 1), (2, 1), (1, 2)))
    world = World(
        seed=seed,
        projects=projects,
        starts_in=chance.choice((2.0, 60.0, 86400.0)),
        accounts=identities[0],
        apis=identities[1],
        job_seconds=job_seconds,
        failing_rate=chance.choice((0, 0, 0, 0.02, 0.2)),
        stuck_rate=0.1 if chance.random() < 0.3 else 0.0,
        gone_rate=0.15 if chance.random() < 0.2 else 0.0,
        forgetful_rate=0.2 if chance.random() < 0.3 else 0.0,
        fault_kinds=_fault_kinds(chance),
        fault_rate=chance.choice((0.02, 0.1, 0.3)),
        outages=tuple(_outage(chance) for _ in range(chance.choice((0, 0, 0, 1, 2)))),
        forbidden_project=chance.random() if chance.random() < 0.1 else None,
        key_lifetime=chance.choice((None, 3700.0, 86400.0)),
        disk_delays=chance.choice(((0.0,), (0.001,), (0.0, 0.001, 0.02))),
        commands=tuple(_command(chance) for _ in range(chance.choice((1, 1, 1, 2)))),
        colleague=_colleague(chance),
        clock_jumps=tuple((_moment(chance), _jump(chance)) for _ in range(chance.choice((0, 0, 0, 1, 3)))),
        update_run=chance.random() < 0.12,
    )
    later = random.Random(f"2/{seed}/commands")
    world = attrs.evolve(world, commands=tuple(_plan_and_canary(later, command) for command in world.commands))
    if (lost := _lost_answers(random.Random(f"2/{seed}/outages"))) is not None:
        world = attrs.evolve(world, outages=(*world.outages, lost))
    return _switch_off(world, off)


def _project(chance: random.Random) -> dict[str, Any]:
    return {
        "live": chance.choice((1, 3, 7)),
        "paused": chance.choice((0, 2, 4)),
        "completed": chance.choice((0, 2, 3)),
        "scheduled": chance.choice((0, 0, 2)),
        "draft": chance.choice((0, 0, 1)),
    }


def _fault_kinds(chance: random.Random) -> tuple[str, ...]:
    if chance.random() >= 0.6:
        return ()
    count = chance.choice((1, 1, 2, 3, len(FAULTS)))
    return tuple(chance.sample(FAULTS, count))


def _moment(chance: random.Random) -> float:
    """Return a time: half are within the first half minute, the others at any scale up to five hours."""
    if chance.random() < 0.5:
        return chance.uniform(0.0, 30.0)
    return 1.0 * 18000 ** chance.random()


def _outage(chance: random.Random) -> Outage:
    begins = _moment(chance)
    kind = chance.choice(("refused", "drop before", "503", "401"))
    return Outage(begins, begins + 1500 ** chance.random(), kind, chance.random() < 0.5)


def _lost_answers(chance: random.Random) -> Outage | None:
    """Return a time in which writes are applied and not answered, for one seed in ten."""
    begins, seconds = _moment(chance), 1500 ** chance.random()
    kind = chance.choice(("drop after", "503 after"))
    return Outage(begins, begins + seconds, kind, writes_only=True) if chance.random() < 0.1 else None


def _jump(chance: random.Random) -> float:
    return chance.choice((-5.0, -1.0, 5.0, 3600.0, -3600.0))


def _colleague(chance: random.Random) -> tuple[ColleagueMove, ...]:
    count = chance.choice((0, 0, 1, 3, 8, 20))
    moves = [
        ColleagueMove(
            _moment(chance), chance.random(), chance.choice(("pause", "resume", "pause", "resume", "complete"))
        )
        for _ in range(count)
    ]
    return tuple(sorted(moves, key=lambda move: move.at))


def _crash(chance: random.Random) -> CrashPoint:
    if chance.random() < 0.5:
        return CrashPoint(chance.randint(1, chance.choice((12, 60, 200))))
    label = chance.choice(CRASH_LABELS)
    return CrashPoint(chance.randint(1, chance.choice((1, 3, 8))), label)


def _attempts(chance: random.Random, crashes: int, *, first_pause: float) -> tuple[Attempt, ...]:
    """Return the attempts of a command: each but the last one dies, if it lives long enough."""
    attempts: list[Attempt] = []
    by_run_id = chance.random() < 0.5
    elsewhere = chance.random() < 0.3
    for number in range(crashes + 1):
        pause = first_pause if number == 0 else chance.choice((0.0, 1.0, 60.0, 600.0, 3500.0, 3720.0, 8000.0))
        jump = _jump(chance) if chance.random() < 0.15 else 0.0
        other = elsewhere and chance.random() < 0.5
        crash = _crash(chance)
        attempts.append(
            Attempt(
                crash=crash if number < crashes else None,
                pause=pause,
                clock=jump if number else 0.0,
                by_run_id=by_run_id,
                other_identity=other and number > 0,
            )
        )
    return tuple(attempts)


def _command(chance: random.Random) -> Command:
    action = chance.choice(ACTIONS)
    crashes = chance.choice((0, 1, 1, 2, 3))
    again = chance.random() < 0.2
    attempts = _attempts(chance, crashes + again, first_pause=0.0)
    if again:
        # The last but one ends by itself, and the command is given once more.
        attempts = (*attempts[:-2], attrs.evolve(attempts[-2], crash=None), attempts[-1])
    undo_crashes = chance.choice((0, 0, 0, 1))
    undo = _attempts(chance, undo_crashes, first_pause=chance.choice((0.0, 30.0, 600.0, 5000.0)))
    undone = action in {"pause", "resume"} and chance.random() < 0.7
    return Command(
        action=action,
        by_query=chance.random() < 0.6,
        share=chance.choice((0.3, 0.7, 1.0)),
        check_status_first=chance.random() < 0.85,
        chunk_size=chance.choice((1, 2, 5, 100)),
        concurrency=chance.choice((1, 2, 100)),
        max_retries=chance.choice((0, 1, 2)),
        rate=chance.choice((None, None, 10.0, 50.0)),
        thinking=chance.choice((0.5, 20.0, 45.0, 300.0, 3000.0)) if chance.random() < 0.25 else None,
        journal=chance.choice(("named", "named", "default", "default", "none")),
        verify=chance.random() < 0.8,
        until_none_left=chance.random() < 0.2,
        attempts=attempts,
        undo=undo if undone else (),
        twin=chance.choice((0.0, 0.3, 3.0)) if chance.random() < 0.1 else None,
        pause=chance.choice((0.0, 5.0, 600.0, 4000.0)),
    )


def _plan_and_canary(chance: random.Random, command: Command) -> Command:
    """Return a command that is carried out in two steps: by a plan file, or with a decision after the first part."""
    planned = chance.choice((0.5, 45.0, 300.0, 3000.0, 30000.0))
    first = chance.choice((1, 2, 5))
    decision, deciding = chance.choice(("ok", "ok", "yes", "no")), chance.choice((0.0, 5.0, 60.0, 900.0))
    kind = chance.random()
    if kind < 0.12:
        # The command line reads statuses before it plans, and applies a plan once.
        return attrs.evolve(command, planned=planned, check_status_first=True, until_none_left=False)
    if kind < 0.24:
        return attrs.evolve(command, first=first, decision=decision, deciding=deciding)
    return command


def _switch_off(world: World, off: AbstractSet[str]) -> World:
    changes: dict[str, Any] = {}
    plain: dict[str, dict[str, Any]] = {
        "faults": {"fault_kinds": ()},
        "outages": {"outages": ()},
        "forbidden": {"forbidden_project": None},
        "failing items": {"failing_rate": 0.0},
        "stuck": {"stuck_rate": 0.0},
        "gone": {"gone_rate": 0.0},
        "forgetful": {"forgetful_rate": 0.0},
        "slow disk": {"disk_delays": (0.0,)},
        "key life": {"key_lifetime": None},
        "slow jobs": {"job_seconds": (0.2,)},
        "clock": {"clock_jumps": ()},
        "colleague": {"colleague": ()},
        "other identity": {"accounts": 1, "apis": 1},
        "later commands": {"commands": world.commands[:1]},
    }
    for switch in off & plain.keys():
        changes |= plain[switch]
    world = attrs.evolve(world, **changes)
    return attrs.evolve(world, commands=tuple(_switch_command(command, off) for command in world.commands))


def _switch_command(command: Command, off: AbstractSet[str]) -> Command:
    def switched(attempts: tuple[Attempt, ...]) -> tuple[Attempt, ...]:
        found = [
            attrs.evolve(
                attempt,
                clock=0.0 if "restart clock" in off else attempt.clock,
                other_identity=attempt.other_identity and "other identity" not in off,
            )
            for attempt in attempts
        ]
        return tuple(found[-1:]) if "crashes" in off else tuple(found)

    return attrs.evolve(
        command,
        attempts=switched(command.attempts),
        undo=() if "undo" in off else switched(command.undo),
        thinking=None if "preview" in off else command.thinking,
        planned=None if "plan file" in off else command.planned,
        first=None if "canary" in off else command.first,
        twin=None if "twin" in off else command.twin,
    )
