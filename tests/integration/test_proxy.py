"""A real proxy between the client and the API; test_origin has raw servers for a proxy's other responses."""

import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from support.examples import READ, RUN_BODY, TAGGED, free_port
from support.fake_clock import FakeClock
from support.fixture_types import Certify, MakeClient, Serve
from support.raw_server import answer

from fieldingkit import Client, batch_jobs
from fieldingkit.errors import ConnectionFailedError
from fieldingkit.sandbox import Sandbox
from fieldingkit.sandbox.model.state import Project

TINYPROXY = shutil.which("tinyproxy")
LIMIT = 20.0
"""Seconds that the proxy gets to start."""

pytestmark = pytest.mark.skipif(TINYPROXY is None, reason="tinyproxy is not installed")


@attrs.frozen
class Proxy:
    """A tinyproxy that requires a password."""

    port: int
    log: Path

    @property
    def url(self) -> str:
        """Return its URL with the right credentials."""
        return f"http://me:proxy-password@127.0.0.1:{self.port}"

    @property
    def bare_url(self) -> str:
        """Return its URL without credentials. tinyproxy answers wrong ones with a 401, like the API."""
        return f"http://127.0.0.1:{self.port}"


def listens(port: int) -> bool:
    """Return whether a server listens on the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """Run one for the tests of this file."""
    folder = tmp_path_factory.mktemp("proxy")
    port = free_port()
    log, settings = folder / "log", folder / "tinyproxy.conf"
    settings.write_text(
        f"""
        Port {port}
        Listen 127.0.0.1
        Timeout 600
        LogFile "{log}"
        LogLevel Connect
        MaxClients 20
        BasicAuth me proxy-password
        """
    )
    process = subprocess.Popen([str(TINYPROXY), "-d", "-c", str(settings)], stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + LIMIT
        while not listens(port):
            assert time.monotonic() < until, "the proxy did not start"
            time.sleep(0.01)
        yield Proxy(port, log)
    finally:
        process.kill()
        process.wait()


async def test_a_job_runs_through_a_proxy(sandbox: Sandbox, make_client: MakeClient, proxy: Proxy) -> None:
    """An action and the polls of its job go through the proxy, whose credentials the API does not receive."""
    project = sandbox.seed(live=2)

    result = await make_client(proxy=proxy.url).run(pause(project))

    assert result.updated == tuple(project.ids())
    assert len(sandbox.jobs) == 1
    assert {request.headers.get("proxy-authorization") for request in sandbox.requests} == {None}
    assert proxy.log.read_text().count("POST http") == 1


def test_a_blocking_client_uses_the_proxy(sandbox: Sandbox, proxy: Proxy) -> None:
    """The blocking client uses the proxy too."""
    project = sandbox.seed(live=2)
    with Client(account_id=sandbox.account_id, auth=sandbox.token, base_url=sandbox.url, proxy=proxy.url) as client:
        assert client.run(pause(project)).updated == tuple(project.ids())


async def test_a_407_means_that_nothing_was_sent(sandbox: Sandbox, make_client: MakeClient, proxy: Proxy) -> None:
    """A 407 of the proxy is reported, and the API received nothing."""
    project = sandbox.seed(live=1)

    with pytest.raises(ConnectionFailedError, match="407") as caught:
        await make_client(proxy=proxy.bare_url).submit(pause(project))

    assert (caught.value.sent, caught.value.maybe_applied) == (False, False)
    assert not sandbox.requests


async def test_a_tls_call_shows_the_proxy_only_the_host(
    serve: Serve, make_client: MakeClient, certified: Certify, trusting: ssl.SSLContext, proxy: Proxy
) -> None:
    """Of a call over TLS the proxy learns the host, and neither the path nor the token."""
    server = await serve(answer(200, RUN_BODY), tls=certified())

    run = await make_client(base_url=server.url, proxy=proxy.url, ssl_context=trusting).send(READ)

    assert run.version == RUN_BODY["version"]
    assert server.requests[0].headers["authorization"] == "Bearer test-token"
    log = proxy.log.read_text()
    assert f"CONNECT localhost:{server.port}" in log
    assert READ.project_id not in log
    assert "test-token" not in log


async def test_a_tunnel_to_a_closed_port_sends_nothing(
    make_client: MakeClient, trusting: ssl.SSLContext, proxy: Proxy, clock: FakeClock
) -> None:
    """A tunnel that the proxy cannot build is no response of the API: nothing was sent."""
    client = make_client(
        base_url=f"https://localhost:{free_port()}/v1", proxy=proxy.url, ssl_context=trusting, clock=clock
    )
    with pytest.raises(ConnectionFailedError, match="proxy") as caught:
        await client.send(TAGGED)
    assert (caught.value.sent, caught.value.maybe_applied) == (False, False)


def pause(project: Project) -> batch_jobs.PauseTargetGroups:
    """Return a batch job."""
    return batch_jobs.PauseTargetGroups(project_id=project.id, target_group_ids=project.ids())
