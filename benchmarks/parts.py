"""The cost of fieldingkit's own parts of a pause: constructing the command, encoding it, decoding the answer.

Run: ``python -m benchmarks.parts``
"""

import statistics
from collections.abc import Callable, Sequence

from benchmarks.by_hand import ACCOUNT, GROUP, PROJECT, RUN, TAG
from benchmarks.measure import Row, Side, compare, main
from fieldingkit import fielding_runs
from fieldingkit.clock import MonotonicClock
from fieldingkit.codec import decode, encode
from fieldingkit.transport.http import Call, Response

CALLS = 5_000
HEADERS = {"Accept": "application/json", "Cint-API-Version": "2025-12-18", "User-Agent": "fieldingkit"}


def command() -> fielding_runs.PauseFieldingRun:
    """Construct the command with all its checks."""
    return fielding_runs.PauseFieldingRun(project_id=PROJECT, target_group_id=GROUP, fielding_run_id=RUN, if_match=TAG)


def measure(rounds: int) -> Sequence[Row]:
    """Return all rows."""
    pause = command()
    request = encode(pause, account_id=ACCOUNT, headers=HEADERS)
    call = Call(request, pause, clock=MonotonicClock())
    answer = Response(204, {"ETag": TAG}, b"")
    parts: dict[str, Callable[[], object]] = {
        "making the command": command,
        "encoding it": lambda: encode(pause, account_id=ACCOUNT, headers=HEADERS),
        "decoding the answer": lambda: decode(call, answer),
    }

    def repeat(part: Callable[[], object]) -> Callable[[int], None]:
        def run(calls: int) -> None:
            for _ in range(calls):
                part()

        return run

    times = compare([Side(name, repeat(part), CALLS) for name, part in parts.items()], rounds)
    return [
        Row(what=f"of a pause: {name}: CPU", side="fieldingkit", value=statistics.median(of.cpu) * 1e6, unit="us")
        for name, of in times.items()
    ]


if __name__ == "__main__":
    main(measure)
