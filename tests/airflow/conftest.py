"""Fixtures for the tests of the Airflow provider, which only `nox -s airflow` runs."""

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

    # Airflow creates its home when it is imported; the user's own must not be touched.
    _home = tempfile.mkdtemp(prefix="fieldingkit-airflow-")
    atexit.register(shutil.rmtree, _home, ignore_errors=True)
    os.environ["AIRFLOW_HOME"] = _home
    # As the documentation recommends; the operators read it when they are imported.
    os.environ["AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE"] = "True"

    @pytest.fixture
    def connected(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
        """Set the default Airflow connection to the sandbox."""
        monkeypatch.setenv("AIRFLOW_CONN_FIELDINGKIT_DEFAULT", connection_json(sandbox))
        return sandbox

    @pytest.fixture(scope="session")
    def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowSite]:
        """Create an Airflow installation with a migrated database, for all tests that start no scheduler."""
        site = AirflowSite(tmp_path_factory.mktemp("airflow"))
        site.migrate()
        yield site
        site.stop_all()

    @pytest.fixture(scope="session")
    def docs_folder() -> Path:
        """Return the folder with the DAG files of the documentation."""
        return Path(__file__).parents[2] / "docs" / "how-to" / "airflow"
