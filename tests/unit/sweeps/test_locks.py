"""The lock of a sweep: one process of a host at a time sweeps the same plan."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

from fieldingkit.errors import JournalError
from fieldingkit.sweeps import RunIdentity, SweepPlan, TargetGroupQuery, lock_sweep
from fieldingkit.sweeps.locks import FileLock, is_locked

P1, P2 = "01BTGNYV6HRNK8K8VKZASZCFP1", "01BTGNYV6HRNK8K8VKZASZCFP2"
A, B = "01BTGNYV6HRNK8K8VKZASZCFA0", "01BTGNYV6HRNK8K8VKZASZCFB0"
IDENTITY = RunIdentity(base_url="https://api.cint.com/v1", account_id="101", api_version="v", run_id="run")
PLAN = SweepPlan(action="pause", target_groups={P1: [A, B], P2: [P1]})

HOLD = """
import sys
from pathlib import Path
from fieldingkit.sweeps import RunIdentity, SweepPlan, TargetGroupQuery, lock_sweep
identity = RunIdentity(base_url="https://api.cint.com/v1", account_id="101", api_version="v", run_id="run")
with lock_sweep(identity, SweepPlan(action="pause", query=TargetGroupQuery()), Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""

TAKE = """
import sys
from pathlib import Path
from fieldingkit.sweeps.locks import FileLock
FileLock(Path(sys.argv[1]))
"""


@pytest.mark.parametrize(
    ("identity", "plan"),
    [
        (IDENTITY, PLAN),
        (IDENTITY, attrs.evolve(PLAN, target_groups={P2: [P1], P1: [B, A]})),
        (IDENTITY, attrs.evolve(PLAN, run_id="another", concurrency=1, account_id=101)),
        (attrs.evolve(IDENTITY, base_url="https://API.cint.com:443/v1/", api_version="w", run_id="another"), PLAN),
    ],
)
def test_the_same_sweep_is_refused_in_any_order_and_run(tmp_path: Path, identity: RunIdentity, plan: SweepPlan) -> None:
    """The order of ids, the run id and the spelling of the URL do not matter."""
    refused = pytest.raises(JournalError, match=f"in progress: process {os.getpid()} on .* UTC; nothing was sent")
    with lock_sweep(IDENTITY, PLAN, tmp_path), refused:
        lock_sweep(identity, plan, tmp_path).__enter__()
    with lock_sweep(identity, plan, tmp_path):
        pass


@pytest.mark.parametrize(
    ("identity", "plan"),
    [
        (attrs.evolve(IDENTITY, account_id="202"), PLAN),
        (attrs.evolve(IDENTITY, base_url="https://other.example/v1"), PLAN),
        (IDENTITY, attrs.evolve(PLAN, action="complete")),
        (IDENTITY, attrs.evolve(PLAN, target_groups={P1: [A]})),
    ],
)
def test_another_sweep_is_not_locked(tmp_path: Path, identity: RunIdentity, plan: SweepPlan) -> None:
    """Sweeps of another account, API, action or target group run at the same time."""
    with lock_sweep(IDENTITY, PLAN, tmp_path / "locks"), lock_sweep(identity, plan, tmp_path / "locks"):
        pass


def test_the_lock_of_a_dead_process_is_released(tmp_path: Path) -> None:
    """The operating system releases it, however the process dies."""
    plan = SweepPlan(action="pause", query=TargetGroupQuery())
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(JournalError, match=f"process {holder.pid} on "):
            lock_sweep(IDENTITY, plan, tmp_path).__enter__()
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        with lock_sweep(IDENTITY, plan, tmp_path):
            pass


def test_a_folder_that_cannot_be_written_is_an_os_error(tmp_path: Path) -> None:
    """The caller decides whether to sweep without the lock."""
    (tmp_path / "file").write_text("")

    with pytest.raises(OSError, match="file"):
        lock_sweep(IDENTITY, PLAN, tmp_path / "file" / "locks").__enter__()


def test_a_refused_attempt_of_the_holder_does_not_release_its_lock(tmp_path: Path) -> None:
    """On POSIX, a process that closes a file loses all its locks of it; so the second attempt must not open it."""
    path = tmp_path / "lock"
    lock = FileLock(path)
    with pytest.raises(BlockingIOError):
        FileLock(path)
    other = subprocess.run([sys.executable, "-c", TAKE, str(path)], capture_output=True, text=True, check=False)
    assert "BlockingIOError" in other.stderr
    lock.close()


def test_a_lock_is_seen_as_long_as_it_is_held_and_seeing_it_releases_nothing(tmp_path: Path) -> None:
    """A file that is missing, free or no lock at all is not locked."""
    path = tmp_path / "a ? b.lock"
    assert not is_locked(path)
    lock = FileLock(path)
    assert is_locked(path)
    assert is_locked(path)
    with pytest.raises(BlockingIOError):
        FileLock(path)
    lock.close()
    assert not is_locked(path)
    (tmp_path / "text").write_text("no lock" * 1000)
    assert not is_locked(tmp_path / "text")
