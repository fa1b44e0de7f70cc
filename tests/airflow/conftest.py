"""The tests of the Airflow provider need Airflow: `nox -s airflow` has it, and the other sessions leave them out."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from fieldingkit.sandbox import Sandbox

if find_spec("airflow.sdk") is None:
    collect_ignore_glob = ["test_*.py"]
else:
    from support.airflow_site import AirflowSite, connection_json

    # Airflow makes its home where it is imported: not in the user's.
    _home = tempfile.mkdtemp(prefix="fieldingkit-airflow-")
    atexit.register(shutil.rmtree, _home, ignore_errors=True)
    os.environ["AIRFLOW_HOME"] = _home

    @pytest.fixture
    def connected(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
        """The sandbox, and an Airflow connection of the default name that leads to it."""
        monkeypatch.setenv("AIRFLOW_CONN_FIELDINGKIT_DEFAULT", connection_json(sandbox))
        return sandbox

    @pytest.fixture(scope="session")
    def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowSite]:
        """An installation of Airflow with a migrated SQLite database, shared by all tests that start no scheduler."""
        site = AirflowSite(tmp_path_factory.mktemp("airflow"))
        site.migrate()
        yield site
        site.stop_all()

    @pytest.fixture(scope="session")
    def docs_folder() -> Path:
        """Where the DAG files of the documentation are."""
        return Path(__file__).parents[2] / "docs" / "airflow"
