"""The provider's metadata, its connection form and its connection test."""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import airflow
import jsonschema
import pytest
from support.airflow_site import AirflowSite

from fieldingkit.airflow.get_provider_info import get_provider_info
from fieldingkit.sandbox import Sandbox

pytestmark = pytest.mark.timeout(1200)


def test_the_provider_is_listed(site: AirflowSite) -> None:
    """``airflow providers list`` shows the provider with its version."""
    listed = json.loads(site.run("providers", "list", "--output", "json"))
    (ours,) = [provider for provider in listed if provider["package_name"] == "fieldingkit"]
    assert ours["version"]


def test_the_connection_form_has_all_fields(site: AirflowSite) -> None:
    """Airflow finds the hook and each field of the form by the connection type."""
    hooks = json.loads(site.run("providers", "hooks", "--output", "json"))
    (hook,) = [hook for hook in hooks if hook["connection_type"] == "fieldingkit"]
    assert hook["class"] == "fieldingkit.airflow.hooks.FieldingHook"
    widgets = site.run("providers", "widgets", "--output", "plain")
    for field in ("account_id", "token_url", "api_version", "rate", "triggerer_rate", "timeout", "deadline", "proxy"):
        assert f"extra__fieldingkit__{field}" in widgets


def test_airflow_can_test_the_connection(site: AirflowSite, sandbox: Sandbox) -> None:
    """``airflow connections test`` reports success, or the reason of the failure."""
    site.connect(sandbox)
    assert "Connection success" in site.run("connections", "test", "fieldingkit_default")
    site.connect(sandbox, account_id="999")
    assert "Connection failed" in site.run("connections", "test", "fieldingkit_default", expect=1)


def test_the_form_masks_the_password_and_the_proxy() -> None:
    """A proxy's URL may contain a password. Airflow masks the standard field of the client secret by itself."""
    (connection,) = get_provider_info()["connection-types"]
    assert connection["conn-fields"]["proxy"]["schema"]["format"] == "password"
    masked = [name for name, field in connection["conn-fields"].items() if "format" in field["schema"]]
    assert masked == ["proxy"]


@pytest.mark.parametrize("schema", ["provider_info.schema.json", "provider.yaml.schema.json"])
def test_the_metadata_fits_the_schema_of_airflow(schema: str) -> None:
    """It fits the runtime schema, and its parts the stricter schema of Airflow's own providers."""
    rules = json.loads((Path(airflow.__path__[0]) / schema).read_text())
    if schema == "provider_info.schema.json":
        jsonschema.validate(get_provider_info(), rules)
    else:
        for part in ("connection-types", "integrations"):
            jsonschema.validate(get_provider_info()[part], rules["properties"][part])


def test_every_declared_module_exists() -> None:
    """Airflow silently drops a declared module that does not exist."""
    info = get_provider_info()
    for kind in ("hooks", "operators", "sensors", "triggers"):
        for entry in info[kind]:
            for module in entry["python-modules"]:
                import_module(module)


def test_the_rest_of_the_package_does_not_import_airflow() -> None:
    """The clients and the sweep engine load nothing of Airflow."""
    code = "import sys, fieldingkit as f; f.AsyncClient, f.Client; import fieldingkit.sweeps.engine"
    code += "; print(sorted(name for name in sys.modules if name.split('.')[0] == 'airflow'))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
