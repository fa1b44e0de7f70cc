"""Telemetry of the command line: the OTEL_* variables, a collector on loopback, and its absence."""

import gzip
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping

import pytest
from support.command_line import Cli
from support.post_receiver import PostReceiver

from fieldingkit.sandbox import Sandbox

pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="the extra otel is not installed")


class Collector(PostReceiver):
    """An OTLP collector that keeps what it receives, by path."""

    def __init__(self) -> None:
        self.received: dict[str, bytes] = {}
        self.headers: list[Mapping[str, str]] = []
        super().__init__()

    def receive(self, path: str, headers: Mapping[str, str], body: bytes) -> None:
        """Keep the body, unpacked."""
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        self.received[path] = self.received.get(path, b"") + body
        self.headers.append(headers)


@pytest.fixture
def collector() -> Iterator[Collector]:
    """Yield a collector."""
    collector = Collector()
    yield collector
    collector.close()


def command(*words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run a command as a process of its own, because the global providers can be set once a process."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    return subprocess.run(
        [sys.executable, "-m", "fieldingkit", *words],
        env={**environment, **variables},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_spans_and_metrics_reach_the_collector(connected: Cli, sandbox: Sandbox, collector: Collector) -> None:
    """With an endpoint, the calls of a command are one trace, with the exit code; the headers are the user's."""
    assert connected
    project = sandbox.seed(live=2)
    ended = command(
        *("pause", "--project", project.id, "--yes"),
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.origin,
        OTEL_EXPORTER_OTLP_HEADERS="api-key=canary",
    )
    assert (ended.returncode, "Telemetry" in ended.stderr) == (0, False), ended.stderr
    traces = collector.received["/v1/traces"]
    for text in (b"fieldingkit pause", b"fieldingkit create_bulk_pause_target_groups_job", b"process.exit.code"):
        assert text in traces
    assert b"http.client.request.duration" in collector.received["/v1/metrics"]
    assert collector.headers[0]["api-key"] == "canary"
    assert sandbox.token.encode() not in traces
    assert "canary" not in ended.stderr


def test_the_service_name_is_the_users_own(connected: Cli, sandbox: Sandbox, collector: Collector) -> None:
    """The service is called fieldingkit unless the variables name it; each signal has its own switch."""
    assert connected
    assert sandbox
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.origin, "OTEL_METRICS_EXPORTER": "none"}
    assert command("projects", "list", **variables).returncode == 0
    assert b"fieldingkit" in collector.received["/v1/traces"]
    collector.received.clear()
    command("projects", "list", **variables, OTEL_RESOURCE_ATTRIBUTES="service.name=nightly-stop")
    assert b"nightly-stop" in collector.received["/v1/traces"]
    assert "/v1/metrics" not in collector.received
    collector.received.clear()
    command("projects", "list", **variables, OTEL_SDK_DISABLED="true")
    assert not collector.received


def test_a_silent_collector_does_not_hold_up_the_command(
    connected: Cli, sandbox: Sandbox, collector: Collector
) -> None:
    """A collector that does not answer is noted once; the result and the exit code stay."""
    assert connected
    sandbox.seed(live=1)
    collector.released.clear()
    ended = command("projects", "list", OTEL_EXPORTER_OTLP_ENDPOINT=collector.origin)
    assert ended.returncode == 0
    assert ended.stdout.count("\n") == 1
    assert ended.stderr.count("\n") == 1
    assert ended.stderr.startswith("Telemetry was not exported completely: ")


def test_a_missing_exporter_is_one_note(connected: Cli, sandbox: Sandbox) -> None:
    """Without the exporter that the variables ask for, the command works and names the package."""
    assert connected
    sandbox.seed(live=1)
    ended = command("projects", "list", OTEL_TRACES_EXPORTER="otlp", OTEL_EXPORTER_OTLP_PROTOCOL="grpc")
    assert ended.returncode == 0
    assert ended.stderr.count("\n") == 1
    assert "opentelemetry-exporter-otlp-proto-grpc" in ended.stderr
    ended = command("projects", "list", OTEL_TRACES_EXPORTER="zipkin")
    assert ended.returncode == 0
    assert "OTEL_TRACES_EXPORTER must be otlp, console or none; got 'zipkin'" in ended.stderr


def test_nothing_is_imported_unless_asked_for(connected: Cli, sandbox: Sandbox) -> None:
    """Without the variables the SDK is not loaded."""
    assert connected
    assert sandbox
    code = (
        "import sys; from fieldingkit.cli.main import run; run(['projects', 'list']); "
        "print([name for name in sys.modules if name.startswith('opentelemetry.sdk')])"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=240, check=True
    )
    assert ended.stdout.splitlines()[-1] == "[]"
