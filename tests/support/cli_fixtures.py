"""Fixtures that run the command line in this process, against a sandbox."""

import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from fieldingkit.cli.main import run
from fieldingkit.sandbox import Sandbox
from support.command_line import Cli, Ended


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[pytest.MonkeyPatch]:
    """Remove credentials and configuration from the environment, and work in an empty folder."""
    for name in os.environ:
        if name.startswith(("CINT_", "FIELDINGKIT_")):
            monkeypatch.delenv(name)
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    yield monkeypatch
    retries = logging.getLogger("fieldingkit.retry")
    retries.setLevel(logging.NOTSET)
    retries.handlers.clear()


@pytest.fixture
def cli(bare: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Return a function that runs a command line in this process, without credentials."""

    def call(*tokens: str) -> Ended:
        capsys.readouterr()
        code = run(tokens)
        out, err = capsys.readouterr()
        return Ended(int(code), out, err)

    return call


@pytest.fixture
def connected(cli: Cli, bare: pytest.MonkeyPatch, sandbox: Sandbox) -> Cli:
    """Return a function that runs a command line in this process, with the credentials of the sandbox."""
    bare.setenv("CINT_BASE_URL", sandbox.url)
    bare.setenv("CINT_ACCOUNT_ID", str(sandbox.account_id))
    bare.setenv("CINT_TOKEN", sandbox.token)
    return cli


@pytest.fixture
def heeded_signals() -> Iterator[None]:
    """Let programs that the test starts end on SIGINT and SIGHUP, although the tests may run in a shell's background.

    A shell starts what runs in its background with SIGINT ignored, and ``nohup`` with SIGHUP ignored; programs inherit
    that.
    """
    ignored = [each for each in (signal.SIGINT, signal.SIGHUP) if signal.getsignal(each) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, signal.SIG_DFL)
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)
