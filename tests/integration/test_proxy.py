"""A real proxy between the client and the API. What else a proxy may say is told by raw servers in test_origin."""

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
    """A tinyproxy that wants a password."""

    port: int
    log: Path

    @property
    def url(self) -> str:
        """Its URL with the right credentials."""
        return f"http://me:proxy-password@127.0.0.1:{self.port}"

    @property
    def bare_url(self) -> str:
        """Its URL without any; to wrong ones tinyproxy answers 401, which cannot be told from the API's."""
        return f"http://127.0.0.1:{self.port}"


def listens(port: int) -> bool:
    """Whether somebody does."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """Runs one for the tests of this file."""
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


async def test_a_job_through_it(sandbox: Sandbox, make_client: MakeClient, proxy: Proxy) -> None:
    """44. An action and all looks at its job go through the proxy, which the API does not notice."""
    project = sandbox.seed(live=2)

    result = await make_client(proxy=proxy.url).run(pause(project))

    assert result.updated == tuple(project.ids())
    assert len(sandbox.jobs) == 1
    assert {request.headers.get("proxy-authorization") for request in sandbox.requests} == {None}
    assert proxy.log.read_text().count("POST http") == 1


def test_the_blocking_client(sandbox: Sandbox, proxy: Proxy) -> None:
    """44. The blocking client takes it the same way."""
    project = sandbox.seed(live=2)
    with Client(account_id=sandbox.account_id, auth=sandbox.token, base_url=sandbox.url, proxy=proxy.url) as client:
        assert client.run(pause(project)).updated == tuple(project.ids())


async def test_no_password(sandbox: Sandbox, make_client: MakeClient, proxy: Proxy) -> None:
    """44. The proxy's 407 says so, and the API has seen nothing."""
    project = sandbox.seed(live=1)

    with pytest.raises(ConnectionFailedError, match="407") as caught:
        await make_client(proxy=proxy.bare_url).submit(pause(project))

    assert (caught.value.sent, caught.value.maybe_applied) == (False, False)
    assert not sandbox.requests


async def test_through_its_tunnel(
    serve: Serve, make_client: MakeClient, certified: Certify, trusting: ssl.SSLContext, proxy: Proxy
) -> None:
    """44. Of a call over TLS the proxy learns the host, and neither the path nor the token."""
    server = await serve(answer(200, RUN_BODY), tls=certified())

    run = await make_client(base_url=server.url, proxy=proxy.url, ssl_context=trusting).send(READ)

    assert run.version == RUN_BODY["version"]
    assert server.requests[0].headers["authorization"] == "Bearer test-token"
    log = proxy.log.read_text()
    assert f"CONNECT localhost:{server.port}" in log
    assert READ.project_id not in log
    assert "test-token" not in log


async def test_a_tunnel_to_nowhere(
    make_client: MakeClient, trusting: ssl.SSLContext, proxy: Proxy, clock: FakeClock
) -> None:
    """44. A tunnel that the proxy cannot build is no answer of the API: nothing was sent."""
    client = make_client(
        base_url=f"https://localhost:{free_port()}/v1", proxy=proxy.url, ssl_context=trusting, clock=clock
    )
    with pytest.raises(ConnectionFailedError, match="proxy") as caught:
        await client.send(TAGGED)
    assert (caught.value.sent, caught.value.maybe_applied) == (False, False)


def pause(project: Project) -> batch_jobs.PauseTargetGroups:
    """A job."""
    return batch_jobs.PauseTargetGroups(project_id=project.id, target_group_ids=project.ids())
