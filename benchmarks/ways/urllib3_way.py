"""urllib3, by hand."""

import urllib3

from benchmarks.by_hand import Change, read_job
from benchmarks.ways import JOBS, Way, change, headers, pausing, tagged


def blocking(base: str) -> Way:
    """Use a pool large enough for all threads."""
    pool = urllib3.PoolManager(maxsize=100, timeout=30.0, retries=False)

    def pause() -> Change:
        answer = pool.request("POST", base + pausing(), headers=tagged(), redirect=False)
        return change(answer.status, answer.headers)

    def job(groups: int) -> object:
        answer = pool.request("GET", f"{base}{JOBS}/{groups}", headers=headers(), redirect=False)
        if answer.status != 200:
            raise RuntimeError(answer.data)
        return read_job(answer.data)

    return Way("urllib3", pause, job, pool.clear)
