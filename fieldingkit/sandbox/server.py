"""The sandbox: the API in memory."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from types import TracebackType
from typing import Literal, Self

from fieldingkit.sandbox.app import SandboxApp
from fieldingkit.sandbox.delivery import DeliverySettings, WebhookDispatcher
from fieldingkit.sandbox.faults.plan import FaultPlan
from fieldingkit.sandbox.formats import Identifiers
from fieldingkit.sandbox.locations import LocationForm, Locations
from fieldingkit.sandbox.model.arrival_processes import ArrivalProcess
from fieldingkit.sandbox.model.clock import SandboxClock
from fieldingkit.sandbox.model.fielding_runs import GroupStatus
from fieldingkit.sandbox.model.funnels import Funnel
from fieldingkit.sandbox.model.jobs import FailingItems, Job
from fieldingkit.sandbox.model.projects import Project
from fieldingkit.sandbox.model.respondents import Respondent
from fieldingkit.sandbox.model.state import SandboxState
from fieldingkit.sandbox.model.target_groups import TargetGroup
from fieldingkit.sandbox.model.webhooks import Webhook
from fieldingkit.sandbox.recording import RecordedAnswer, RecordedRequest
from fieldingkit.sandbox.routes import routes
from fieldingkit.sandbox.runner import SandboxRunner, ServerThread
from fieldingkit.sandbox.scenarios import TroubleScenario, seed_trouble
from fieldingkit.sandbox.seeding import seed
from fieldingkit.sandbox.service import TOKEN_OPERATION, RateLimit, SandboxService
from fieldingkit.sandbox.tokens import Tokens

__all__ = ["Sandbox"]


class Sandbox:
    """The API in memory, behind a real socket.

    `async with Sandbox() as sandbox` serves on the running event loop, `with Sandbox() as sandbox` on a thread of its
    own. In both cases all attributes and methods are thread-safe.

    Args:
        host: The address to listen on.
        port: The port to listen on; 0 for a free one.
        account_id: The initial account.
        job_seconds: The duration of a job, in seconds of the sandbox's clock, or a function that returns it for a job.
        row_seconds: The duration of a file job, in seconds a row, unless `job_seconds` is a function.
        project_seconds: The seconds after which a project that was created can be read; until then it is a 404.
        key_lifetime: The seconds for which an idempotency key is recognized; None to never forget one.
        failing_items: Returns the failure code of a target group that a batch job is to fail for an internal reason,
            such as `JobExecutionStartMessageFailed`; None for all others. It gets the job and the target group's id.
        token_lifetime: The lifetime of a token, in seconds of the sandbox's clock.
        rate: The allowed requests per second, beyond which the answer is 429; None for no limit.
        location_form: The form of the `Location` of a new job.
        location_origin: The foreign origin for `LocationForm.FOREIGN`.
        job_ids: The form of job ids, which the ids of reports are as well.
        report_words: The words of the states of reports: those of the schema, or those of the examples.
        clock: The clock for all dates; a clock that runs with real time by default.
        seed: The seed of ids, tokens and random faults.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        account_id: int = 101,
        job_seconds: float | Callable[[Job], float] = 0.2,
        row_seconds: float = 0.02,
        project_seconds: float = 0.1,
        key_lifetime: float | None = None,
        failing_items: FailingItems | None = None,
        token_lifetime: float = 86400.0,
        rate: float | None = None,
        location_form: LocationForm | str = LocationForm.PATH,
        location_origin: str = "https://elsewhere.invalid",
        job_ids: Literal["ulid", "uuid"] = "ulid",
        report_words: Literal["schema", "examples"] = "schema",
        clock: SandboxClock | None = None,
        seed: int = 0,
    ) -> None:
        self._seed = seed
        identifiers = Identifiers(seed)
        self.clock: SandboxClock = clock or SandboxClock()
        """The clock for all dates, jobs and tokens: `now`, `advance`, `freeze`, `thaw`."""
        self.account_id = account_id
        """The initial account."""
        operations = [*(operation for _, _, operation in routes()), TOKEN_OPERATION]
        self.faults: FaultPlan = FaultPlan(operations, self.clock, seed)
        """The faults to inject: `add`, `outage` and `clear`."""
        self._state = SandboxState(
            clock=self.clock,
            identifiers=identifiers,
            account_id=account_id,
            job_seconds=job_seconds,
            row_seconds=row_seconds,
            project_seconds=project_seconds,
            key_lifetime=key_lifetime,
            failing_items=failing_items,
            uuid_jobs=job_ids == "uuid",
            example_words=report_words == "examples",
        )
        self._tokens = Tokens(clock=self.clock, identifiers=identifiers, lifetime=token_lifetime)
        self.delivery: DeliverySettings = DeliverySettings()
        """The settings of webhook delivery and its faults."""
        self._service = SandboxService(
            state=self._state,
            tokens=self._tokens,
            locations=Locations(LocationForm(location_form), location_origin),
            rate_limit=None if rate is None else RateLimit(rate),
        )
        self._runner = SandboxRunner(
            app=SandboxApp(service=self._service, faults=self.faults),
            dispatcher=WebhookDispatcher(self._state, self.delivery, seed),
            host=host,
            port=port,
        )
        self._thread: ServerThread | None = None

    def __repr__(self) -> str:
        return f"<Sandbox {self._service.origin or 'not running'}>"

    @property
    def url(self) -> str:
        """The base URL for a client, such as `http://127.0.0.1:49152/v1`."""
        return f"{self._runner.origin}/v1"

    @property
    def token_url(self) -> str:
        """The token URL for a client with `client_id` and `client_secret`."""
        return f"{self._runner.origin}/oauth/token"

    @property
    def client_id(self) -> str:
        """The client id that the token endpoint accepts."""
        return self._tokens.client_id

    @property
    def client_secret(self) -> str:
        """The client secret that the token endpoint accepts."""
        return self._tokens.client_secret

    @property
    def token(self) -> str:
        """A currently valid bearer token."""
        return self._tokens.current

    @property
    def fulfillment_url(self) -> str:
        """The base URL for a client of the fulfillment API."""
        return self._runner.origin

    @property
    def fulfillment_key(self) -> str:
        """The key that the fulfillment API accepts; the Demand API does not."""
        return self._tokens.fulfillment_key

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables with which `from_env` of each client, and the command line, reach this sandbox."""
        return {
            "CINT_BASE_URL": self.url,
            "CINT_ACCOUNT_ID": str(self.account_id),
            "CINT_CLIENT_ID": self.client_id,
            "CINT_CLIENT_SECRET": self.client_secret,
            "CINT_TOKEN_URL": self.token_url,
            "CINT_S2S_BASE_URL": self.fulfillment_url,
            "CINT_S2S_KEY": self.fulfillment_key,
        }

    def issue_token(self, lifetime: float | None = None) -> str:
        """Issue a new bearer token.

        Args:
            lifetime: Its lifetime in seconds; `token_lifetime` if not given.
        """
        return self._tokens.issue(lifetime)

    def expire_tokens(self) -> None:
        """Expire every issued token."""
        self._tokens.expire()

    @property
    def requests(self) -> list[RecordedRequest]:
        """Every request, in the order of arrival. Clear the list at any time."""
        return self._service.requests

    @property
    def jobs(self) -> Mapping[str, Job]:
        """A snapshot of every job, by id."""
        with self._state.locked():
            return dict(self._state.jobs)

    @property
    def webhooks(self) -> list[Webhook]:
        """Every webhook, with its deliveries."""
        return self._state.webhooks.all()

    async def deliver(self) -> None:
        """Send every pending event of every webhook once, including those that wait for their next attempt.

        Due jobs and dates take effect first. Await it on any event loop.
        """
        await asyncio.wrap_future(self._runner.deliver())

    def deliver_blocking(self) -> None:
        """Do the same as `deliver` without an event loop; the sandbox must run on a thread of its own.

        Raises:
            RuntimeError: If the sandbox runs on the current thread, which would deadlock.
        """
        if self._runner.is_on_this_thread():
            raise RuntimeError("the sandbox runs on this thread; await deliver() instead")
        self._runner.deliver().result()

    def answer(
        self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> RecordedAnswer:
        """Answer a request without a connection; the sandbox need not run. The request is recorded.

        A simulation sends its requests this way. Faults are not injected, because they act on connections.

        Args:
            method: The HTTP method.
            target: The path with `/v1`, and the query: `/v1/accounts?limit=10`. Paths of the fulfillment API have no
                `/v1`.
            headers: The headers, credentials included.
            body: The body.
        """
        return self._service.answer(method, target, headers or {}, body)

    def group(self, target_group_id: str) -> TargetGroup:
        """Return a target group. Its properties show the current state.

        Args:
            target_group_id: The ULID.

        Raises:
            KeyError: If there is no such target group.
        """
        return self._state.groups[target_group_id]

    def respondent(self, rid: str) -> Respondent:
        """Return a respondent as it is now; `group.respondents` has all of a target group.

        Args:
            rid: The UUID of the session.

        Raises:
            KeyError: If there is no such respondent.
        """
        with self._state.locked():
            found = self._state.find_respondent(rid)
            if found is None:
                raise KeyError(rid)
            group, number = found
            return group.ledger.respondent(number)

    def seed(
        self,
        *,
        project_id: str | None = None,
        account_id: int | None = None,
        draft: int = 0,
        scheduled: int = 0,
        live: int = 0,
        paused: int = 0,
        completed: int = 0,
        archived: int = 0,
        goal: int = 100,
        completes: int | None = None,
        goal_reached: bool = False,
        ended: bool = False,
        starts_in: float = 86400.0,
        ends_in: float = 30 * 86400.0,
        arrivals: ArrivalProcess | None = None,
        funnel: Funnel | None = None,
    ) -> Project:
        """Create target groups: the given number in each status, or one in each status if no number is given.

        Args:
            project_id: The ULID of the project to add them to; a new project if not given.
            account_id: The account of the project; the initial account if not given.
            draft: The number of drafts, which have no run.
            scheduled: The number of target groups whose run starts `starts_in` seconds from now.
            live: The number of target groups whose run has been live since yesterday.
            paused: The number of target groups whose run is paused.
            completed: The number of target groups whose run is completed.
            archived: The number of archived target groups; their run is completed.
            goal: The completes goal of each.
            completes: The completes of each; 40 % of the goal if not given. Drafts and scheduled ones have none.
            goal_reached: True to give each as many completes as its goal. A live run then pauses, as in the API.
            ended: True for an end date of yesterday, except for scheduled target groups. A live run then pauses.
            starts_in: The start of the scheduled runs, in seconds from now.
            ends_in: The end of all runs, in seconds from now.
            arrivals: The completes that arrive while they are live; none if not given, so that the test assigns them.
            funnel: The shares of entrants who qualify and drop off, as a seed decides; if not given, of ten entrants
                four complete, five do not qualify and one drops off.

        Returns:
            The project with all its target groups, old and new.
        """
        counts: dict[GroupStatus, int] = {
            "draft": draft,
            "scheduled": scheduled,
            "live": live,
            "paused": paused,
            "completed": completed,
            "archived": archived,
        }
        if not any(counts.values()):
            counts = dict.fromkeys(counts, 1)
        return seed(
            self._state,
            counts,
            account_id=self.account_id if account_id is None else account_id,
            project_id=project_id,
            goal=goal,
            completes=goal * 2 // 5 if completes is None else completes,
            goal_reached=goal_reached,
            ended=ended,
            starts_in=timedelta(seconds=starts_in),
            ends_in=timedelta(seconds=ends_in),
            arrivals=arrivals,
            funnel=funnel,
        )

    def seed_trouble(self, *, account_id: int | None = None) -> TroubleScenario:
        """Create projects with a past, and one trouble of each kind among many target groups that are well.

        The completes of the past and of the time to come follow from the seed of the sandbox. `fieldingkit.monitoring`
        finds each trouble once with its default rules, and none in the other target groups, for some hours: later, new
        troubles follow from the planted ones. A reconciliation is due only from the 21st to the 25th of a month.

        Args:
            account_id: The account of the projects; the initial account if not given.

        Returns:
            The projects, and the troubles with their target groups.
        """
        account = self.account_id if account_id is None else account_id
        return seed_trouble(self._state, account_id=account, seed=self._seed)

    async def start(self) -> None:
        """Serve on the running event loop."""
        await self._runner.start()

    async def stop(self) -> None:
        """Stop serving. Recorded requests stay readable."""
        await self._runner.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    def __enter__(self) -> Self:
        self._thread = ServerThread(self)
        self._thread.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._thread is not None:
            self._thread.stop()
            self._thread = None
