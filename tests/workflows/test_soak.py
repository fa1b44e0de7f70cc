"""The chaos soak in short: random faults, and an account of every action that the sandbox's record bears out."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SOAK = Path(__file__).parents[2] / "benchmarks" / "soak.py"


@pytest.fixture(scope="module")
def soak() -> ModuleType:
    """The soak, loaded from its file: the benchmarks are not part of the package."""
    spec = importlib.util.spec_from_file_location("soak", SOAK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["soak"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_every_account_is_true(soak: ModuleType, seed: int) -> None:
    """Under a fault rate of 20 % nothing is done twice, no job is lost, and no account is wrong, on both clients."""
    accounts, wrong, injected = await soak.soak(actions=80, fault_rate=0.2, seed=seed)
    assert wrong == []
    assert len(accounts) == 80
    assert {account.verdict for account in accounts} == {"done", "refused", "maybe"}
    assert len(injected) >= 8


async def test_the_audit_finds_what_is_wrong(soak: ModuleType) -> None:
    """The audit is not blind: an account that says refused of something done is found."""
    accounts, wrong, _ = await soak.soak(actions=20, fault_rate=0.0, seed=1)
    assert wrong == []
    assert {account.verdict for account in accounts} == {"done"}
