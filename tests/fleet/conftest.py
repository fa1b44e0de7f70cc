"""Fixtures of the fleet's tests."""

import pytest
from fake_clock import FakeClock
from fixture_types import MakeClient

from fieldingkit import AsyncClient, RetryPolicy


@pytest.fixture
def fleet_client(make_client: MakeClient, sandbox_clock: FakeClock) -> AsyncClient:
    """A client of the sandbox for whom no time passes."""
    return make_client(clock=sandbox_clock)


@pytest.fixture
def hasty(make_client: MakeClient, sandbox_clock: FakeClock) -> AsyncClient:
    """The same, but it tries nothing again by itself."""
    return make_client(clock=sandbox_clock, retry=RetryPolicy(max_attempts=1))
