"""The sandbox itself."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from types import TracebackType
from typing import Literal, Self

from fieldingkit.sandbox.app import TOKEN_OPERATION, RateLimit, SandboxApp
from fieldingkit.sandbox.delivery import DeliverySettings, WebhookDispatcher
from fieldingkit.sandbox.faults.base import FaultPlan
from fieldingkit.sandbox.formats import Identifiers
from fieldingkit.sandbox.locations import LocationForm, Locations
from fieldingkit.sandbox.model.clock import SandboxClock
from fieldingkit.sandbox.model.fielding_runs import GroupStatus
from fieldingkit.sandbox.model.jobs import Job
from fieldingkit.sandbox.model.projects import Project
from fieldingkit.sandbox.model.state import SandboxState
from fieldingkit.sandbox.model.target_groups import TargetGroup
from fieldingkit.sandbox.model.webhooks import Webhook
from fieldingkit.sandbox.recording import RecordedRequest
from fieldingkit.sandbox.routes import routes
from fieldingkit.sandbox.runner import SandboxRunner, ServerThread
from fieldingkit.sandbox.seeding import seed
from fieldingkit.sandbox.tokens import Tokens

__all__ = ["Sandbox"]


class Sandbox:
    """The API in memory, behind a real socket.

    `async with Sandbox() as sandbox` serves on the running event loop, `with Sandbox() as sandbox` on a thread of its
    own. Either way everything here can be used from any thread.

    Args:
        host: The address to listen on.
        port: The port to listen on; 0 for a free one.
        account_id: The account that exists from the start.
        job_seconds: How long a job takes, in seconds of the sandbox's clock.
        token_lifetime: How long a token is valid, in seconds of the sandbox's clock.
        rate: How many requests a second are let through before the answer is 429; None for no limit.
        location_form: How the `Location` of a new job is written.
        location_origin: The foreign origin for `LocationForm.FOREIGN`.
        job_ids: Whether job ids are ULIDs or UUIDs.
        clock: What time goes by; a clock that runs with real time if not given.
        seed: Sandboxes with the same seed make the same ids, tokens and chances.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        account_id: int = 101,
        job_seconds: float = 0.2,
        token_lifetime: float = 86400.0,
        rate: float | None = None,
        location_form: LocationForm | str = LocationForm.PATH,
        location_origin: str = "https://elsewhere.invalid",
        job_ids: Literal["ulid", "uuid"] = "ulid",
        clock: SandboxClock | None = None,
        seed: int = 0,
    ) -> None:
        identifiers = Identifiers(seed)
        self.clock: SandboxClock = clock or SandboxClock()
        """What every date, job and token goes by: `now`, `advance`, `freeze`, `thaw`."""
        self.account_id = account_id
        """The account that exists from the start."""
        self.faults: FaultPlan = FaultPlan([*(operation for _, _, operation in routes()), TOKEN_OPERATION], seed)
        """What is to go wrong: `add` and `clear`."""
        self._state = SandboxState(
            clock=self.clock,
            identifiers=identifiers,
            account_id=account_id,
            job_seconds=job_seconds,
            uuid_jobs=job_ids == "uuid",
        )
        self._tokens = Tokens(clock=self.clock, identifiers=identifiers, lifetime=token_lifetime)
        self.delivery: DeliverySettings = DeliverySettings()
        """How events are delivered to webhooks, and what goes wrong with them."""
        app = SandboxApp(
            state=self._state,
            tokens=self._tokens,
            faults=self.faults,
            locations=Locations(LocationForm(location_form), location_origin),
            rate_limit=None if rate is None else RateLimit(rate),
        )
        self._runner = SandboxRunner(
            app=app, dispatcher=WebhookDispatcher(self._state, self.delivery, seed), host=host, port=port
        )
        self._thread: ServerThread | None = None

    def __repr__(self) -> str:
        return f"<Sandbox {self._runner.app.origin or 'not running'}>"

    @property
    def url(self) -> str:
        """The base URL that a client takes, such as `http://127.0.0.1:49152/v1`."""
        return f"{self._runner.origin}/v1"

    @property
    def token_url(self) -> str:
        """Where a client gets a token for `client_id` and `client_secret`."""
        return f"{self._runner.origin}/oauth/token"

    @property
    def client_id(self) -> str:
        """The id of the one client that the token endpoint knows."""
        return self._tokens.client_id

    @property
    def client_secret(self) -> str:
        """The secret of that client."""
        return self._tokens.client_secret

    @property
    def token(self) -> str:
        """A bearer token that is valid now."""
        return self._tokens.current

    def issue_token(self, lifetime: float | None = None) -> str:
        """Make a new bearer token.

        Args:
            lifetime: How long it is valid, in seconds; `token_lifetime` if not given.
        """
        return self._tokens.issue(lifetime)

    def expire_tokens(self) -> None:
        """Let every token expire that was issued so far."""
        self._tokens.expire()

    @property
    def requests(self) -> list[RecordedRequest]:
        """Every request that came, in the order of arrival. Clear it as you like."""
        return self._runner.app.requests

    @property
    def jobs(self) -> Mapping[str, Job]:
        """Every job by its id, as it is now."""
        with self._state.locked():
            return dict(self._state.jobs)

    @property
    def webhooks(self) -> list[Webhook]:
        """Every webhook, each with what it was and is to be told."""
        return self._state.webhooks.all()

    async def deliver(self) -> None:
        """Send every event that waits for a webhook once, whether it is its turn or not, and whatever the answers.

        What the clock or a job is yet to do happens first. It makes no difference on which event loop this is awaited.
        """
        await asyncio.wrap_future(self._runner.deliver())

    def deliver_blocking(self) -> None:
        """The same where there is no event loop; the sandbox has to run on a thread of its own.

        Raises:
            RuntimeError: If the sandbox runs on this very thread, which would wait for itself.
        """
        if self._runner.is_on_this_thread():
            raise RuntimeError("the sandbox runs on this thread; await deliver() instead")
        self._runner.deliver().result()

    def group(self, target_group_id: str) -> TargetGroup:
        """A target group, whose properties always show the present.

        Args:
            target_group_id: Its ULID.

        Raises:
            KeyError: If it was never seeded.
        """
        return self._state.groups[target_group_id]

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
    ) -> Project:
        """Make target groups: so many in each state, or one in each state if no number is given.

        Args:
            project_id: The project to add them to, a ULID; a new project if not given.
            account_id: The account of the project; the sandbox's own if not given.
            draft: How many drafts, which have no run.
            scheduled: How many whose run starts `starts_in` seconds from now.
            live: How many whose run is live since yesterday.
            paused: How many whose run is paused.
            completed: How many whose run is completed.
            archived: How many that are archived; their run is completed.
            goal: How many completes each is to have.
            completes: How many each has, but for drafts and scheduled ones, which have none; 40 of 100 if not given.
            goal_reached: Whether they all have as many completes as their goal asks for. A live one is then paused as
                soon as it is looked at, as the API's automation would do.
            ended: Whether the end date of their run passed a day ago, except of scheduled ones; see `goal_reached`.
            starts_in: When the scheduled ones start, in seconds from now.
            ends_in: When all of them end, in seconds from now.

        Returns:
            The project, with these target groups and all that it had before.
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
        )

    async def start(self) -> None:
        """Serve on the running event loop."""
        await self._runner.start()

    async def stop(self) -> None:
        """Stop serving. What was recorded stays readable."""
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
        self._thread.serve()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._thread is not None:
            self._thread.finish()
            self._thread = None
