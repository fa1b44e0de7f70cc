"""The pytest plugin."""

import importlib.util
import sys

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
async def test_async({prefix}sandbox, {prefix}client):
    await {prefix}client.send(a_read({prefix}sandbox))
    assert [request.status for request in {prefix}sandbox.requests] == [200]


def test_blocking({prefix}sandbox, {prefix}blocking_client):
    {prefix}blocking_client.send(a_read({prefix}sandbox))
    assert [request.status for request in {prefix}sandbox.requests] == [200]


def a_status(sandbox):
    return fulfillment.GetRespondentStatus(rid=sandbox.seed(live=1).groups[0].respondents[0].rid)


{mark}
async def test_async_fulfillment({prefix}sandbox, {prefix}fulfillment_client):
    assert (await {prefix}fulfillment_client.send(a_status({prefix}sandbox))).status == 2


def test_blocking_fulfillment({prefix}sandbox, {prefix}blocking_fulfillment_client):
    assert {prefix}blocking_fulfillment_client.send(a_status({prefix}sandbox)).status == 2
"""


@pytest.mark.parametrize("prefix", ["", "fieldingkit_"])
@pytest.mark.parametrize(("mode", "mark"), [("auto", ""), ("strict", "@pytest.mark.asyncio")])
def test_the_fixtures_work_in_both_modes(pytester: pytest.Pytester, mode: str, mark: str, prefix: str) -> None:
    """All clients reach the sandbox by both names, in auto and in strict mode of pytest-asyncio."""
    pytester.makeini(INI)
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(TESTS.format(mark=mark, prefix=prefix))
    pytester.runpytest_inprocess(f"--asyncio-mode={mode}").assert_outcomes(passed=4)


def test_the_sandbox_can_be_replaced(pytester: pytest.Pytester) -> None:
    """A `fieldingkit_sandbox` of the user replaces the plugin's, for the clients and for the short name."""
    pytester.makeini(INI)
    pytester.makeconftest(
        CONFTEST
        + """
import pytest
from fieldingkit.sandbox import Sandbox


@pytest.fixture
def fieldingkit_sandbox():
    with Sandbox(account_id=202) as running:
        yield running
"""
    )
    pytester.makepyfile(
        """
        from fieldingkit import accounts


        def test_account(sandbox, fieldingkit_sandbox, blocking_client):
            assert sandbox is fieldingkit_sandbox
            blocking_client.send(accounts.ListAccounts())
            assert sandbox.account_id == 202
            assert len(sandbox.requests) == 1
        """
    )
    pytester.runpytest_inprocess().assert_outcomes(passed=1)


@pytest.mark.parametrize(
    "arguments", [["-p", "other_plugin"], ["-p", "fieldingkit.sandbox.pytest_plugin", "-p", "other_plugin"]]
)
def test_a_client_of_another_plugin_is_not_hidden(pytester: pytest.Pytester, arguments: list[str]) -> None:
    """The short name gives way to a fixture of another plugin, whichever of them is loaded first."""
    pytester.makeini(INI)
    pytester.makeconftest(CONFTEST)
    pytester.syspathinsert()
    pytester.makepyfile(
        other_plugin="""
        import pytest

        @pytest.fixture
        def client():
            return "a client of a web framework"
        """,
        test_both="""
        def test_both(client, fieldingkit_blocking_client):
            assert client == "a client of a web framework"
            assert type(fieldingkit_blocking_client).__name__ == "Client"
        """,
    )
    pytester.runpytest_inprocess(*arguments).assert_outcomes(passed=1)


def test_a_missing_fixture_of_another_plugin_is_named(pytester: pytest.Pytester) -> None:
    """A hidden fixture that cannot be set up is an error, not a reason to use this plugin's."""
    pytester.makeini(INI)
    pytester.makeconftest(CONFTEST)
    pytester.syspathinsert()
    pytester.makepyfile(
        other_plugin="""
        import pytest

        @pytest.fixture
        def client(web_application):
            return "a client of a web framework"
        """,
        test_one="def test_one(client): ...",
    )
    result = pytester.runpytest_inprocess("-p", "other_plugin")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'web_application' not found*"])


def test_without_pytest_asyncio_the_message_says_what_to_install(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocking tests work without pytest-asyncio, and a test that needs it fails with one sentence."""
    pytester.makeini("[pytest]\naddopts = -p no:hypothesispytest -p no:asyncio\nfilterwarnings = error")
    pytester.makeconftest(CONFTEST)
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec",
        lambda name, package=None: None if name == "pytest_asyncio" else found(name, package),
    )
    monkeypatch.delitem(sys.modules, "fieldingkit.sandbox.pytest_plugin", raising=False)
    pytester.makepyfile(
        """
        def test_async(client): ...
        def test_async_fulfillment(fieldingkit_fulfillment_client): ...
        def test_blocking(blocking_client): ...
        """
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(passed=1, errors=2)
    message = (
        "the fixture fieldingkit_client is asynchronous and pytest-asyncio is not installed: "
        'python -m pip install "fieldingkit[[]testing[]]", or use fieldingkit_blocking_client'
    )
    result.stdout.fnmatch_lines([message])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_the_fixtures_are_listed_with_their_descriptions(pytester: pytest.Pytester) -> None:
    """`pytest --fixtures` describes each fixture, the short names included."""
    pytester.makeini(INI)
    pytester.makeconftest(CONFTEST)
    result = pytester.runpytest_inprocess("--fixtures")
    result.stdout.fnmatch_lines(
        [
            "sandbox -- *",
            "    Return `fieldingkit_sandbox`, or the fixture `sandbox` of another plugin if there is one.",
            "fieldingkit_sandbox -- *",
            "    Run a sandbox on a thread of its own, for asynchronous and blocking tests.",
        ]
    )
