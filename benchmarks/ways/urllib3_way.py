"""urllib3, by hand."""

from importlib.metadata import distributions

import urllib3

from benchmarks.by_hand import JOBS, Change, headers, headers_of_action, path_of_pause, read_job
from benchmarks.ways import Missing, Way, change

if any(distributions(name="urllib3-future")):
    raise Missing("urllib3-future is installed in its place")


def blocking(base: str) -> Way:
    """Use a pool large enough for all threads."""
    pool = urllib3.PoolManager(maxsize=100, timeout=30.0, retries=False)

    def pause() -> Change:
        answer = pool.request("POST", base + path_of_pause(), headers=headers_of_action(), redirect=False)
        return change(answer.status, answer.headers)

    def job(groups: int) -> object:
        answer = pool.request("GET", f"{base}{JOBS}/{groups}", headers=headers(), redirect=False)
        if answer.status != 200:
            raise RuntimeError(answer.data)
        return read_job(answer.data)

    return Way(pause, job, pool.clear)
