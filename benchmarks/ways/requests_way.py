"""requests, by hand."""

import requests

from benchmarks.by_hand import JOBS, Change, headers, headers_of_action, path_of_pause, read_job
from benchmarks.ways import Way, change


def blocking(base: str) -> Way:
    """Use a session with a pool large enough for all threads."""
    session = requests.Session()
    session.mount(base, requests.adapters.HTTPAdapter(pool_maxsize=100))

    def pause() -> Change:
        answer = session.post(base + path_of_pause(), headers=headers_of_action(), timeout=30, allow_redirects=False)
        return change(answer.status_code, answer.headers)

    def job(groups: int) -> object:
        answer = session.get(f"{base}{JOBS}/{groups}", headers=headers(), timeout=30, allow_redirects=False)
        answer.raise_for_status()
        return read_job(answer.content)

    return Way(pause, job, session.close)
