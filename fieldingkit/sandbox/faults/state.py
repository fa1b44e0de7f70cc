"""Faults of the state behind the request: its token, its fielding run, its job."""

from abc import abstractmethod

import attrs
from aiohttp import web

from fieldingkit.sandbox.faults.base import CREATED_JOB, Exchange, Fault
from fieldingkit.sandbox.model.jobs import BatchJob, Job

__all__ = ["ChangeEtag", "ExpireToken", "ForgetItem", "JobFault", "JobGone", "StuckJob"]


@attrs.frozen
class ExpireToken(Fault):
    """Let every token expire that was issued so far, then handle the request."""

    async def inject(self, exchange: Exchange) -> web.Response:
        """Expire, then handle."""
        exchange.tokens.expire()
        return await exchange.proceed()


@attrs.frozen
class ChangeEtag(Fault):
    """Change the fielding run that the request is for, as somebody else would, then handle the request."""

    async def inject(self, exchange: Exchange) -> web.Response:
        """Change, then handle."""
        with exchange.state.locked() as now:
            group = exchange.state.groups.get(exchange.request.match_info.get("target_group_id", ""))
            if group is not None:
                group.touch(at=now, request=exchange.index)
        return await exchange.proceed()


class JobFault(Fault):
    """Something that goes wrong with a job: with the one that the request creates, or the one that it reads."""

    @abstractmethod
    def mark(self, job: Job) -> Job:
        """The job with the fault in it."""

    async def inject(self, exchange: Exchange) -> web.Response:
        """Handle, and mark the job as soon as there is one."""
        job_id = exchange.request.match_info.get("job_id")
        if job_id is not None:
            exchange.state.replace_job(job_id, self.mark)
            return await exchange.proceed()
        response = await exchange.proceed()
        exchange.state.replace_job(response.get(CREATED_JOB, ""), self.mark)
        return response


@attrs.frozen
class StuckJob(JobFault):
    """The job stays `Processing`, and is not carried out if it was not yet."""

    def mark(self, job: Job) -> Job:
        """The job, stuck."""
        return attrs.evolve(job, stuck=True)


@attrs.frozen
class JobGone(JobFault):
    """The job cannot be read any more; it is carried out all the same."""

    status: int = 404
    """The HTTP status of every read: 404 or 410."""

    def mark(self, job: Job) -> Job:
        """The job, gone."""
        return attrs.evolve(job, gone=self.status)


@attrs.frozen
class ForgetItem(JobFault):
    """The result of a batch names one of the target groups in neither list; it is changed all the same."""

    position: int = 0
    """Which one, by its place in the request."""

    def mark(self, job: Job) -> Job:
        """The job, forgetful."""
        if not isinstance(job, BatchJob):
            return job
        return attrs.evolve(job, forgotten=job.target_group_ids[self.position % len(job.target_group_ids)])
