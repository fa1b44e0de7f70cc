"""A short soak: random faults, and reported outcomes that are compared with the sandbox's record."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from fieldingkit import AsyncClient
from fieldingkit.resources.fielding_runs import GetFieldingRun
from fieldingkit.sandbox import Sandbox
from fieldingkit.workflows import ensure_status

SOAK = Path(__file__).parents[2] / "benchmarks" / "soak.py"


@pytest.fixture(scope="module")
def soak() -> ModuleType:
    """Load the soak from its file; the benchmarks are not part of the package."""
    spec = importlib.util.spec_from_file_location("soak", SOAK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["soak"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_every_reported_outcome_is_true(soak: ModuleType, seed: int) -> None:
    """With 20 % of faults no action is applied twice, no job is lost and no outcome is wrong, with both clients."""
    reports, wrong, injected = await soak.soak(actions=80, fault_rate=0.2, seed=seed)
    assert wrong == []
    assert len(reports) == 80
    assert len(injected) >= 8


async def test_the_audit_finds_a_wrong_outcome(soak: ModuleType, sandbox: Sandbox, client: AsyncClient) -> None:
    """The audit accepts "done" only of an applied action, "refused" only of others, and "maybe" of both."""
    paused, live = sandbox.seed(live=2).groups
    assert paused.run is not None
    read = GetFieldingRun(project_id=paused.project_id, target_group_id=paused.id, fielding_run_id=paused.run.id)
    await ensure_status(client, read, "paused")

    def complaints(group_id: str, outcome: str) -> int:
        return len(soak.audit(sandbox, [soak.ActionReport("pause", outcome, (group_id,))]))

    assert [complaints(paused.id, outcome) for outcome in ("done", "maybe", "refused")] == [0, 0, 1]
    assert [complaints(live.id, outcome) for outcome in ("done", "maybe", "refused")] == [1, 0, 0]
