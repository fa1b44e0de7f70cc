"""Faults in the state behind a request: its token, its fielding run or its job."""

from abc import abstractmethod

import attrs
from aiohttp import web

from fieldingkit.sandbox.faults.base import CREATED_JOB, Exchange, Fault
from fieldingkit.sandbox.model.file_jobs import FileJob
from fieldingkit.sandbox.model.jobs import BatchJob, Failure, Job
from fieldingkit.sandbox.model.reports import ReportJob

__all__ = ["ChangeEtag", "ExpireToken", "FailedJob", "ForgetItem", "JobFault", "JobGone", "StuckJob"]

_JOB_IDS = ("job_id", "report_id", "request_id")


@attrs.frozen
class ExpireToken(Fault):
    """Expire every issued token, then handle the request."""

    async def inject(self, exchange: Exchange) -> web.Response:
        """Expire the tokens, then handle the request."""
        exchange.tokens.expire()
        return await exchange.proceed()


@attrs.frozen
class ChangeEtag(Fault):
    """Change the fielding run of the request as another user would, then handle the request."""

    async def inject(self, exchange: Exchange) -> web.Response:
        """Change the run, then handle the request."""
        with exchange.state.locked() as now:
            group = exchange.state.groups.get(exchange.parameters.get("target_group_id", ""))
            if group is not None:
                group.bump_version(at=now, request=exchange.index)
        return await exchange.proceed()


class JobFault(Fault):
    """A fault in a job: the one that the request creates, or the one that it reads."""

    @abstractmethod
    def mark(self, job: Job) -> Job:
        """Return the job with the fault."""

    async def inject(self, exchange: Exchange) -> web.Response:
        """Handle the request, and mark the job as soon as it exists."""
        job_id = next((exchange.parameters[name] for name in _JOB_IDS if name in exchange.parameters), None)
        if job_id is not None:
            exchange.state.replace_job(job_id, self.mark)
            return await exchange.proceed()
        response = await exchange.proceed()
        exchange.state.replace_job(response.get(CREATED_JOB, ""), self.mark)
        return response


@attrs.frozen
class StuckJob(JobFault):
    """The job stays `Processing`; if it was not executed yet, it never is."""

    def mark(self, job: Job) -> Job:
        """Return the job, stuck."""
        return attrs.evolve(job, stuck=True)


@attrs.frozen
class JobGone(JobFault):
    """Reads of the job fail; the job is executed nevertheless."""

    status: int = 404
    """The HTTP status of every read: 404 or 410."""

    def mark(self, job: Job) -> Job:
        """Return the job, unreadable."""
        return attrs.evolve(job, gone=self.status)


@attrs.frozen
class FailedJob(JobFault):
    """A job on the respondents of a target group, or a report, fails without having changed anything."""

    code: str = "JobExecutionStartMessageFailed"
    """The code of the failure."""

    def mark(self, job: Job) -> Job:
        """Return the job, bound to fail; one that has succeeded already stays as it is."""
        if not isinstance(job, FileJob | ReportJob) or job.applied_at is not None:
            return job
        return attrs.evolve(job, failure=Failure(self.code, "Injected by a fault of the sandbox."))


@attrs.frozen
class ForgetItem(JobFault):
    """The result of a batch job omits one of its target groups, which is changed nevertheless."""

    position: int = 0
    """The position of the target group in the request."""

    def mark(self, job: Job) -> Job:
        """Return the job, without this item in its result."""
        if not isinstance(job, BatchJob):
            return job
        return attrs.evolve(job, forgotten=job.target_group_ids[self.position % len(job.target_group_ids)])
