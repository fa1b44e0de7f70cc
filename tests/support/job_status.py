"""A fault that answers a poll with a status of the job that was asked for."""

import attrs
from aiohttp import web

from fieldingkit.sandbox import faults


@attrs.frozen
class JobStatusAnswer(faults.Fault):
    """Answer a poll with a body that gets the id of the polled job."""

    body: dict[str, object]

    async def inject(self, exchange: faults.Exchange) -> web.StreamResponse:
        """Return the response."""
        body = {"job_id": exchange.parameters["job_id"], **self.body}
        return await faults.Answer(200, body).inject(exchange)
