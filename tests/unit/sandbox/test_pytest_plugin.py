"""The pytest plugin."""

import pytest

pytest_plugins = ["pytester"]

# Without the Hypothesis plugin, whose import in every run takes seconds.
INI = """
[pytest]
addopts = -p no:hypothesispytest
asyncio_default_fixture_loop_scope = function
filterwarnings = error
"""
CONFTEST = 'pytest_plugins = ["fieldingkit.sandbox.pytest_plugin"]'

TESTS = """
import pytest
from fieldingkit import fielding_runs, fulfillment


def a_read(sandbox):
    group = sandbox.seed(live=1).groups[0]
    return fielding_runs.ListFieldingRuns(project_id=group.project_id, target_group_id=group.id)


{mark}
async def test_async(sandbox, client):
    await client.send(a_read(sandbox))
    assert [request.status for request in sandbox.requests] == [200]


def test_blocking(sandbox, blocking_client):
    blocking_client.send(a_read(sandbox))
    assert [request.status for request in sandbox.requests] == [200]


def a_status(sandbox):
    return fulfillment.GetRespondentStatus(rid=sandbox.seed(live=1).groups[0].respondents[0].rid)


{mark}
async def test_async_fulfillment(sandbox, fulfillment_client):
    assert (await fulfillment_client.send(a_status(sandbox))).status == 2


def test_blocking_fulfillment(sandbox, blocking_fulfillment_client):
    assert blocking_fulfillment_client.send(a_status(sandbox)).status == 2
"""


@pytest.mark.parametrize(("mode", "mark"), [("auto", ""), ("strict", "@pytest.mark.asyncio")])
def test_the_fixtures_work_in_both_modes(pytester: pytest.Pytester, mode: str, mark: str) -> None:
    """All clients reach the sandbox, in auto and in strict mode of pytest-asyncio."""
    pytester.makeini(INI)
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(TESTS.format(mark=mark))
    pytester.runpytest_inprocess(f"--asyncio-mode={mode}").assert_outcomes(passed=4)


def test_the_sandbox_can_be_replaced(pytester: pytest.Pytester) -> None:
    """A `sandbox` fixture of the user replaces the plugin's."""
    pytester.makeini(INI)
    pytester.makeconftest(
        CONFTEST
        + """
import pytest
from fieldingkit.sandbox import Sandbox


@pytest.fixture
def sandbox():
    with Sandbox(account_id=202) as running:
        yield running
"""
    )
    pytester.makepyfile(
        """
        def test_account(sandbox, blocking_client):
            assert sandbox.account_id == 202
        """
    )
    pytester.runpytest_inprocess().assert_outcomes(passed=1)
