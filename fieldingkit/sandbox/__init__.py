"""A sandbox of the API for tests: the API in memory, behind a real socket.

::

    async with Sandbox() as sandbox:
        project = sandbox.seed(live=3)
        client = AsyncClient(account_id=sandbox.account_id, auth=sandbox.token, base_url=sandbox.url)
        ...
        assert project.ids("paused") == project.ids()

`sandbox.answer` answers a request without a socket, for simulations; `SandboxClock(seconds=...)` then follows the time
of the simulation. `group.act("pause", by="a colleague")` changes a target group as another user would.
`sandbox.seed_trouble()` creates projects with days of completes, and one trouble of each kind for monitoring to find.

The API's documents leave some behavior open. The sandbox behaves as follows:

- A batch job completes a paused run; the single operation refuses it (422).
- A single action on a run that is already in the wanted status is refused (422).
- A bulk launch keeps the planned duration, as `launch-now` does.
- New dates may repeat the run's own start even if it has passed; any other start in the past is refused (400).
- A live run is paused when it reaches its completes goal or its end date, or those of a soft launch, rounded up. It can
  then be resumed once the soft launch is switched off.
- A missing `If-Match` or `Idempotency-Key` is a 400, as are a malformed id and an id that a batch contains twice.
- An idempotency key belongs to the account and expires after the `key_lifetime`, by default never; using it again for
  another request is a 409.
- A job for a draft checks the dates when it is executed, and fails with `InvalidFieldingDates`.
- A `Cint-API-Version` that does not exist is a 400; every existing version is served alike.
- Target groups, projects and webhooks are listed oldest first, a changelog newest first.
- An action is allowed for a set of target groups if each of them allows it.
- A project is active while any of its target groups is neither completed nor archived.
- A project that was created is a 404 for `project_seconds`. Any price up to 105 USD is accepted, in the currency of the
  business unit; the price of a draft and the filling strategy of a target group that has ended are refused (404, 405).
- Of ten entrants four complete, five do not qualify and one drops off; of a seeded target group with a `Funnel`, a seed
  decides. Target groups that a request created get completes while they are live; seeded ones get theirs from the test
  or from an `ArrivalProcess`. Targets with quotas fill in proportion to their goals, but for a `StuckCell`: when all
  others are full, no more completes arrive. Prices, suggested days and speed follow from one simple model: see
  `fieldingkit.sandbox.model.pricing`.
- A survey host can end a session that is still in the survey, status 1, once: every other change of a status is refused
  (422), even to the same one. Any other key than `sandbox.fulfillment_key` is a 401.
- A row of a reconciliation is late by the time of its submission, and a row of an unknown id or code is invalid. The
  reason codes beside 11 are its own. A completed target group that falls below its goal is live again, unless it has
  ended.
- A goal can be changed in every status, but not below the number of completes (422).
- A draft has no fielding assistant assignment (404) until one is created with `If-None-Match: *`.
- Target groups can only be assigned to project managers of the account; other users are refused (400).
- An event that is not acknowledged is sent again after 1, 2, 4, ... seconds with a new signature, and expires after
  five attempts.
- Events are sent only to this machine, where a webhook may use plain HTTP; events for other hosts bounce.
"""

from fieldingkit.sandbox import faults
from fieldingkit.sandbox.delivery import DeliverySettings
from fieldingkit.sandbox.locations import LocationForm
from fieldingkit.sandbox.model.arrival_processes import ArrivalProcess
from fieldingkit.sandbox.model.clock import SandboxClock
from fieldingkit.sandbox.model.fielding_runs import Change, FieldingRun, TransitionRefusedError, ValueChange
from fieldingkit.sandbox.model.funnels import Funnel
from fieldingkit.sandbox.model.jobs import BatchJob, DraftJob, Job
from fieldingkit.sandbox.model.projects import Project
from fieldingkit.sandbox.model.quotas import StuckCell
from fieldingkit.sandbox.model.respondents import Respondent
from fieldingkit.sandbox.model.target_groups import TargetGroup
from fieldingkit.sandbox.model.webhooks import Delivery, Webhook
from fieldingkit.sandbox.recording import RecordedAnswer, RecordedRequest
from fieldingkit.sandbox.routes import routes
from fieldingkit.sandbox.scenarios import PlantedTrouble, TroubleScenario
from fieldingkit.sandbox.server import Sandbox

__all__ = [
    "ArrivalProcess",
    "BatchJob",
    "Change",
    "Delivery",
    "DeliverySettings",
    "DraftJob",
    "FieldingRun",
    "Funnel",
    "Job",
    "LocationForm",
    "PlantedTrouble",
    "Project",
    "RecordedAnswer",
    "RecordedRequest",
    "Respondent",
    "Sandbox",
    "SandboxClock",
    "StuckCell",
    "TargetGroup",
    "TransitionRefusedError",
    "TroubleScenario",
    "ValueChange",
    "Webhook",
    "faults",
    "routes",
]
