"""Whole sweeps in virtual time, with crashes, faults, colleagues and clocks: no seed breaks an invariant."""

import pytest

from simulation.simulate import Stats, shrink, simulate

SEEDS = 50

OPEN: frozenset[str] = frozenset()
"""Invariants that the engine is known to break."""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("first", range(0, 6 * SEEDS, SEEDS))
def test_no_seed_breaks_an_invariant(first: int) -> None:
    """Reports, headlines and jobs agree with the API's own record, whatever happened on the way."""
    stats = Stats()
    for seed in range(first, first + SEEDS):
        outcome = simulate(seed)
        stats += outcome.stats
        broken = outcome.codes - OPEN
        assert not broken, str(shrink(seed, min(broken)))
    # A simulation in which nothing happens breaks nothing.
    for name, least in {"crashes": 20, "faults": 50, "moves": 200, "reports": 60, "undos": 10}.items():
        assert getattr(stats, name) >= least, (name, stats)


@pytest.mark.timeout(600)
def test_a_seed_always_has_the_same_story() -> None:
    """Two simulations of one seed take the same steps at the same times."""
    for seed in range(20):
        assert simulate(seed).digest == simulate(seed).digest
