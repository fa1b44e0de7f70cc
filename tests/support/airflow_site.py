"""An isolated Airflow installation: its home, its database, its commands and its processes."""

import contextlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fieldingkit.sandbox import Sandbox

AIRFLOW = str(Path(sys.executable).with_name("airflow"))


def connection_json(sandbox: Sandbox, **extra: Any) -> str:
    """Return an Airflow connection to a sandbox, as the value of an environment variable."""
    return json.dumps(
        {
            "conn_type": "fieldingkit",
            "host": sandbox.url,
            "login": sandbox.client_id,
            "password": sandbox.client_secret,
            "extra": {"account_id": str(sandbox.account_id), "token_url": sandbox.token_url, **extra},
        }
    )


class AirflowSite:
    """An Airflow installation with SQLite, on loopback only.

    Args:
        home: An empty folder.
        environment: Further settings, as environment variables.
    """

    def __init__(self, home: Path, **environment: str) -> None:
        self.home = home
        self.database = home / "airflow.db"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.port = _free_port()
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")},
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "2",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{self.port}/execution/",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{self.port}",
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__SECRET_KEY": "for-tests-only",
            "AIRFLOW__API_AUTH__JWT_SECRET": "for-tests-only-and-at-least-64-bytes-long-as-the-validator-requires",
            "AIRFLOW__CORE__FERNET_KEY": "",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.database}",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
            "AIRFLOW__SCHEDULER__JOB_HEARTBEAT_SEC": "1",
            "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
            "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
            "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "6",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
            **environment,
        }
        (home / "dags").mkdir()

    def migrate(self) -> None:
        """Create the database and the pool of the documentation."""
        self.run("db", "migrate")
        self.run("pools", "set", "fielding", "16", "calls of the Cint API")

    def connect(self, sandbox: Sandbox, **extra: Any) -> None:
        """Set the default connection to a sandbox."""
        self.environment["AIRFLOW_CONN_FIELDINGKIT_DEFAULT"] = connection_json(sandbox, **extra)

    def add_dags(self, *files: Path) -> None:
        """Replace the DAG files."""
        shutil.rmtree(self.home / "dags")
        (self.home / "dags").mkdir()
        for file in files:
            shutil.copy(file, self.home / "dags")

    def run(self, *command: str, timeout: float = 400, expect: int | None = 0, **environment: str) -> str:
        """Run an ``airflow`` command and return its output."""
        result = subprocess.run(
            [AIRFLOW, *command],
            env={**self.environment, **environment},
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert expect is None or result.returncode == expect, f"{command}\n{result.stdout}\n{result.stderr}"
        return result.stdout

    def start(self, *command: str) -> None:
        """Start an Airflow process in its own process group; its output goes to a file with its name."""
        with (self.home / f"{command[0]}.out").open("ab") as out:
            self.processes[command[0]] = subprocess.Popen(
                [AIRFLOW, *command],
                env=self.environment,
                cwd=self.home,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self, name: str) -> None:
        """Kill a process and its children, as a machine failure would."""
        process = self.processes.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(60)

    def stop_all(self) -> None:
        """Stop all processes."""
        for process in self.processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for name, process in list(self.processes.items()):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            self.kill(name)

    def output(self) -> str:
        """Return the last output of the processes."""
        return "\n".join(f"== {file.name}\n{file.read_text()[-3000:]}" for file in sorted(self.home.glob("*.out")))

    def files_with(self, text: str) -> list[str]:
        """Return the files that contain a text: the database, the logs, and the output of the processes."""
        files = (file for file in self.home.rglob("*") if file.is_file())
        return [str(file) for file in files if text.encode() in file.read_bytes()]

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a query on Airflow's database."""
        with contextlib.closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=60)) as database:
            return database.execute(sql, values).fetchall()

    def states(self, dag_id: str) -> dict[tuple[str, int], str | None]:
        """Return the states of the tasks of a DAG's latest run, by task id and map index."""
        rows = self.query(
            "SELECT task_id, map_index, state FROM task_instance WHERE dag_id = ? AND run_id ="
            " (SELECT run_id FROM dag_run WHERE dag_id = ? ORDER BY id DESC LIMIT 1)",
            dag_id,
            dag_id,
        )
        return {(task_id, map_index): state for task_id, map_index, state in rows}

    def run_state(self, dag_id: str) -> str | None:
        """Return the state of a DAG's latest run."""
        rows = self.query("SELECT state FROM dag_run WHERE dag_id = ? ORDER BY id DESC LIMIT 1", dag_id)
        return rows[0][0] if rows else None

    def result(self, dag_id: str, task_id: str, map_index: int = -1, *, key: str = "return_value") -> Any:
        """Return the XCom result of a task of a DAG's latest run, or another XCom of it."""
        rows = self.query(
            "SELECT value FROM xcom WHERE dag_id = ? AND task_id = ? AND map_index = ? AND key = ?"
            " ORDER BY dag_run_id DESC LIMIT 1",
            dag_id,
            task_id,
            map_index,
            key,
        )
        return json.loads(rows[0][0]) if rows else None

    def until(self, condition: Callable[[], object], *, within: float, what: str) -> None:
        """Wait until a condition is true.

        Raises:
            AssertionError: if it takes too many seconds, or one of the processes has ended.
        """
        give_up = time.monotonic() + within
        while not condition():
            ended = [name for name, process in self.processes.items() if process.poll() is not None]
            assert not ended, f"{ended} ended\n{self.output()}"
            assert time.monotonic() < give_up, f"not within {within} s: {what}\n{self.output()}"
            time.sleep(0.3)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
