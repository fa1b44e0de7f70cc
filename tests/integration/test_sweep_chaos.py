"""A sweep under random faults: its report is compared with the state of the sandbox."""

from collections import Counter
from pathlib import Path

import pytest
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient

from fieldingkit import RetryPolicy
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.sweeps import Outcome, SweepPlan, sweep

BAD = (
    faults.DropBefore(),
    faults.ApplyThenDrop(),
    faults.ApplyThenAnswer(500),
    faults.ApplyThenAnswer(503),
    faults.Answer(500),
    faults.Answer(503),
    faults.Answer(429, headers={"Retry-After": "1"}),
    faults.HtmlPage(502),
    faults.Garbage(),
    faults.ResetMidBody(),
    faults.TruncatedJson(),
    faults.EmptyBody(),
)
BAD_FOR_JOBS = (faults.JobGone(), faults.ForgetItem(1))


@pytest.mark.parametrize("seed", range(6))
async def test_every_outcome_is_true_under_random_faults(make_client: MakeClient, tmp_path: Path, seed: int) -> None:
    """Updated is updated, failed is untouched, nothing happens twice, and a second run settles the rest."""
    with Sandbox(seed=seed) as sandbox:
        clock = FakeClock(sandbox.clock, jump=60.0)
        projects = [sandbox.seed(live=6, paused=1, draft=1) for _ in range(12)]
        for fault in BAD:
            sandbox.faults.add("*group*", fault, times=None, probability=0.03)
        for fault in BAD_FOR_JOBS:
            sandbox.faults.add("create_bulk_*", fault, times=None, probability=0.1)
        client = make_client(
            base_url=sandbox.url,
            auth=sandbox.token,
            clock=clock,
            retry=RetryPolicy(max_attempts=2, budget=10_000.0),
        )
        plan = SweepPlan(
            action="pause", target_groups={project.id: project.ids() for project in projects}, chunk_size=3
        )

        for again in (False, True):
            if again:
                sandbox.faults.clear()
                sandbox.clock.advance(60.0)  # a job that cannot be read is executed by now
            report = await sweep(client, plan, journal=tmp_path / "sweeps.db")

            assert report.counts.total == len(report.groups) == 12 * 8
            for group in report.groups:
                truth = sandbox.group(group.target_group_id)
                acted = [change.action for change in truth.history]
                assert acted in ([], ["pause"]), "nothing is done twice"
                match group.outcome:
                    case Outcome.UPDATED:
                        assert truth.status == "paused"
                        assert acted or group.previous_status is None
                    case Outcome.UNCHANGED:
                        assert truth.status == "paused"
                        assert acted == [] or group.verified
                    case Outcome.SKIPPED | Outcome.NOT_SENT | Outcome.FAILED:
                        assert acted == []
                        assert truth.status != "live" or group.outcome is Outcome.FAILED
                    case Outcome.UNKNOWN:
                        assert not again
            keys = Counter(job.idempotency_key for job in sandbox.jobs.values())
            assert set(keys.values()) <= {1}
        updated, unchanged, failed, skipped, not_sent, unknown = report.counts
        assert (updated + unchanged, failed + skipped + not_sent, unknown) == (12 * 7, 12, 0)
        # Target groups whose status could not be read first were sent, and the API reported them.
        assert unchanged - sum(group.verified for group in report.groups) <= 12
