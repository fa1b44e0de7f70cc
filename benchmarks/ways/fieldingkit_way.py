"""fieldingkit itself; every call includes the construction of its command."""

import fieldingkit.transport.aiohttp
from benchmarks.by_hand import ACCOUNT, GROUP, PROJECT, TAG, TOKEN, next_run
from benchmarks.ways import Way
from fieldingkit import AsyncClient, Client, batch_jobs, fielding_runs


def asynchronous(base: str) -> Way:
    """Use ``AsyncClient``."""
    client = AsyncClient(account_id=ACCOUNT, auth=TOKEN, base_url=base)

    async def pause() -> object:
        return await client.send(_pause())

    async def job(groups: int) -> object:
        return await client.send(_job(groups))

    return Way(pause, job, client.aclose)


def over_session(base: str) -> Way:
    """Use ``AsyncClient`` over aiohttp's session, as with a proxy or an instrumentation; for the whole process."""
    fieldingkit.transport.aiohttp.missing_internals = lambda: ("the session is measured",)
    return asynchronous(base)


def blocking(base: str) -> Way:
    """Use ``Client``."""
    client = Client(account_id=ACCOUNT, auth=TOKEN, base_url=base)
    return Way(lambda: client.send(_pause()), lambda groups: client.send(_job(groups)), client.close)


def _pause() -> fielding_runs.PauseFieldingRun:
    return fielding_runs.PauseFieldingRun(
        project_id=PROJECT, target_group_id=GROUP, fielding_run_id=next_run(), if_match=TAG
    )


def _job(groups: int) -> batch_jobs.GetPauseTargetGroupsJob:
    return batch_jobs.GetPauseTargetGroupsJob(project_id=PROJECT, job_id=str(groups))
