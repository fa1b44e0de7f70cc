"""The API in memory: a sandbox to test your own code against, over a real socket.

::

    async with Sandbox() as sandbox:
        project = sandbox.seed(live=3)
        client = AsyncClient(account_id=sandbox.account_id, auth=sandbox.token, base_url=sandbox.url)
        ...
        assert project.ids("paused") == project.ids()

Where the API's documents are silent, the sandbox has to choose. It chooses so:

- A paused run is completed by a batch job, and refused by the single operation (422).
- A single action on a run that already is in the wanted state is refused (422).
- A bulk launch keeps the planned duration, as `launch-now` does.
- New dates may repeat the run's own start though that is past; any other start in the past is refused (400).
- Reaching the completes goal or the end date pauses a live run.
- A missing `If-Match` or `Idempotency-Key` is a 400, as are a malformed id and an id that a batch names twice.
- An idempotency key belongs to the account and never expires; used again for another request it is a 409.
- A job for a draft checks the dates when it is carried out, and fails with `InvalidFieldingDates`.
- A malformed `Cint-API-Version` is a 400, and every well-formed one is served alike.
- Target groups, projects and webhooks are listed oldest first, a changelog newest first.
- An action is allowed for a set of target groups if each of them allows it.
- A project is active as long as it has a target group that is neither completed nor archived.
- A goal can be changed in every state, though not below the completes that there are (422).
- A draft has no fielding assistant assignment (404) until one is made with `If-None-Match: *`.
- Target groups are only given to project managers of the account; anybody else is a 400.
- An event that is not acknowledged is sent again after 1, 2, 4 ... seconds, signed anew, and expires after five times.
- Events are sent to this machine alone, where a webhook may do without TLS; for any other they bounce.
"""

from fieldingkit.sandbox import faults
from fieldingkit.sandbox.delivery import DeliverySettings
from fieldingkit.sandbox.locations import LocationForm
from fieldingkit.sandbox.model.clock import SandboxClock
from fieldingkit.sandbox.model.fielding_runs import Change, FieldingRun, ValueChange
from fieldingkit.sandbox.model.jobs import BatchJob, DraftJob, Job
from fieldingkit.sandbox.model.projects import Project
from fieldingkit.sandbox.model.target_groups import TargetGroup
from fieldingkit.sandbox.model.webhooks import Delivery, Webhook
from fieldingkit.sandbox.recording import RecordedAnswer, RecordedRequest
from fieldingkit.sandbox.routes import routes
from fieldingkit.sandbox.server import Sandbox

__all__ = [
    "BatchJob",
    "Change",
    "Delivery",
    "DeliverySettings",
    "DraftJob",
    "FieldingRun",
    "Job",
    "LocationForm",
    "Project",
    "RecordedAnswer",
    "RecordedRequest",
    "Sandbox",
    "SandboxClock",
    "TargetGroup",
    "ValueChange",
    "Webhook",
    "faults",
    "routes",
]
