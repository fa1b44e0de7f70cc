"""A pause without its transport: the command is constructed with all its checks and encoded as a request."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from benchmarks.by_hand import ACCOUNT, GROUP, HEADERS, PROJECT, TAG, next_run
from benchmarks.measure import Run, Side, compare
from benchmarks.rows import Row, measured
from fieldingkit import fielding_runs
from fieldingkit.codec import encode

ROUNDS = 25
CALLS = 10_000
KIT = "fieldingkit"


def measure(rounds: int, *, quick: bool = False) -> Sequence[Row]:
    """Return the one row."""
    sides = [Side(name=KIT, open=encoded, calls=10 if quick else CALLS, warm_up=10)]
    times = compare(sides, rounds)
    return [measured("command of a pause, checked and encoded: CPU", KIT, times[KIT].cpu, unit="us", budget=8)]


@contextmanager
def encoded() -> Iterator[Run]:
    """Construct and encode commands."""

    def run(calls: int) -> None:
        for _ in range(calls):
            command = fielding_runs.PauseFieldingRun(
                project_id=PROJECT, target_group_id=GROUP, fielding_run_id=next_run(), if_match=TAG
            )
            encode(command, account_id=ACCOUNT, headers=HEADERS)

    yield run
