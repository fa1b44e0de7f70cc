"""The sandbox and a small model of the fielding state machine, driven together through the blocking client."""

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from fieldingkit import Client, PollPolicy
from fieldingkit.errors import InvalidStateError, PreconditionFailedError
from fieldingkit.resources.batch_jobs import (
    CompleteTargetGroups,
    LaunchTargetGroups,
    PauseTargetGroups,
    RelaunchTargetGroups,
    ResumeTargetGroups,
)
from fieldingkit.resources.fielding_jobs import LaunchFromDraft
from fieldingkit.resources.fielding_runs import (
    CompleteFieldingRun,
    GetFieldingRun,
    LaunchFieldingRunNow,
    PauseFieldingRun,
    RelaunchFieldingRun,
    ResumeFieldingRun,
)
from fieldingkit.sandbox import Sandbox

SINGLE: dict[type, tuple[set[str], str]] = {
    LaunchFieldingRunNow: ({"scheduled"}, "live"),
    PauseFieldingRun: ({"live"}, "paused"),
    ResumeFieldingRun: ({"paused"}, "live"),
    CompleteFieldingRun: ({"live", "scheduled"}, "completed"),
    RelaunchFieldingRun: ({"completed"}, "live"),
}
"""For each action on one run: the statuses that allow it, and the status that follows."""
BATCH: dict[type, tuple[set[str], str]] = {
    LaunchTargetGroups: ({"scheduled", "live"}, "live"),
    PauseTargetGroups: ({"live", "paused"}, "paused"),
    ResumeTargetGroups: ({"paused", "live"}, "live"),
    CompleteTargetGroups: ({"live", "scheduled", "paused", "completed"}, "completed"),
    RelaunchTargetGroups: ({"completed", "live"}, "live"),
}
"""The same for batches, which count a target group that already has the status as updated."""


@attrs.define
class Model:
    """The expected state of one target group."""

    group_id: str
    status: str
    run_id: str | None = None
    stale_tag: str = 'W/"0"'
    starts: datetime | None = None


class Fielding(RuleBasedStateMachine):
    """Performs every action, in any order, on target groups in every state."""

    def __init__(self) -> None:
        super().__init__()
        self.open = ExitStack()
        self.sandbox = self.open.enter_context(Sandbox(job_seconds=0.0))
        self.sandbox.clock.freeze()
        poll = PollPolicy(first_delay=0.0, min_interval=0.0)
        options: dict[str, Any] = {"account_id": self.sandbox.account_id, "base_url": self.sandbox.url, "poll": poll}
        self.client = self.open.enter_context(Client(auth=self.sandbox.token, **options))

    def teardown(self) -> None:
        """Close the client and the sandbox."""
        self.open.close()

    @initialize()
    def seed(self) -> None:
        """Seed one target group in each state."""
        project = self.sandbox.seed(draft=1, scheduled=2, live=2, paused=1, completed=1, starts_in=3600.0)
        self.project_id = project.id
        self.groups = [
            Model(
                group_id=group.id,
                status=group.status,
                run_id=group.run.id if group.run is not None else None,
                starts=self.sandbox.clock.now() + timedelta(hours=1) if group.status == "scheduled" else None,
            )
            for group in project.groups
        ]

    @rule(number=st.integers(0, 6), kind=st.sampled_from(list(SINGLE)), stale=st.booleans())
    def act_on_one(self, number: int, kind: Any, stale: bool) -> None:
        """Act on one run: a stale tag is refused, then the state decides."""
        model = self.groups[number]
        if model.run_id is None:
            return
        ids = {"project_id": self.project_id, "target_group_id": model.group_id, "fielding_run_id": model.run_id}
        tag = self.client.send(GetFieldingRun(**ids)).etag
        sources, target = SINGLE[kind]
        try:
            change = self.client.send(kind(**ids, if_match=model.stale_tag if stale else tag))
        except PreconditionFailedError:
            assert stale
        except InvalidStateError:
            assert not stale
            assert model.status not in sources
        else:
            assert not stale
            assert model.status in sources
            assert change.etag != tag
            model.status, model.stale_tag, model.starts = target, tag, None

    @rule(numbers=st.sets(st.integers(0, 6), min_size=1), kind=st.sampled_from(list(BATCH)))
    def act_on_many(self, numbers: set[int], kind: Any) -> None:
        """Run a batch: the state of each target group decides whether it is updated or failed."""
        models = [self.groups[number] for number in sorted(numbers)]
        result = self.client.run(
            kind(project_id=self.project_id, target_group_ids=[model.group_id for model in models])
        )
        sources, target = BATCH[kind]
        allowed = [model for model in models if model.status in sources]
        assert list(result.updated) == [model.group_id for model in allowed]
        assert {item.target_group_id for item in result.failed} == {
            model.group_id for model in models if model.status not in sources
        }
        assert not result.missing
        for model in allowed:
            model.status, model.starts = target, None

    @rule()
    def launch_the_draft(self) -> None:
        """Launch a draft once; it has a run afterwards."""
        model = next((model for model in self.groups if model.status == "draft"), None)
        if model is None:
            return
        result = self.client.run(
            LaunchFromDraft(
                project_id=self.project_id,
                target_group_id=model.group_id,
                end_fielding_at=self.sandbox.clock.now().astimezone(UTC) + timedelta(days=20),
            )
        )
        model.status, model.run_id = "live", result.created_fielding_run_id

    @rule(minutes=st.integers(1, 40))
    def let_time_pass(self, minutes: int) -> None:
        """Let scheduled target groups become live at their time."""
        self.sandbox.clock.advance(60.0 * minutes)
        for model in self.groups:
            if model.starts is not None and model.starts <= self.sandbox.clock.now():
                model.status, model.starts = "live", None

    @invariant()
    def they_agree(self) -> None:
        """Compare the status of every target group in the model and in the sandbox."""
        for model in getattr(self, "groups", []):
            assert self.sandbox.group(model.group_id).status == model.status


Fielding.TestCase.settings = settings(max_examples=12, stateful_step_count=20, deadline=None)


class TestFielding(Fielding.TestCase):
    """The sandbox follows the documented state machine, and the client reports it correctly."""
