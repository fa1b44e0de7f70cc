"""What Airflow knows of the provider: the list, the connection's form and test; and nothing else needs Airflow."""

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
    """``airflow providers list`` has it, with its version."""
    listed = json.loads(site.run("providers", "list", "--output", "json"))
    (ours,) = [provider for provider in listed if provider["package_name"] == "fieldingkit"]
    assert ours["version"]


def test_the_connections_form_is_declared(site: AirflowSite) -> None:
    """Each field of the form is there, under the connection's type, and the hook has it."""
    hooks = json.loads(site.run("providers", "hooks", "--output", "json"))
    (hook,) = [hook for hook in hooks if hook["connection_type"] == "fieldingkit"]
    assert hook["class"] == "fieldingkit.airflow.hooks.FieldingHook"
    widgets = site.run("providers", "widgets", "--output", "plain")
    for field in ("account_id", "token_url", "api_version", "rate", "triggerer_rate", "timeout", "deadline", "proxy"):
        assert f"extra__fieldingkit__{field}" in widgets


def test_the_connection_is_tested_by_airflow(site: AirflowSite, sandbox: Sandbox) -> None:
    """``airflow connections test`` says yes, or why not."""
    site.connect(sandbox)
    assert "Connection success" in site.run("connections", "test", "fieldingkit_default")
    site.connect(sandbox, account_id="999")
    assert "Connection failed" in site.run("connections", "test", "fieldingkit_default", expect=1)


@pytest.mark.parametrize("schema", ["provider_info.schema.json", "provider.yaml.schema.json"])
def test_the_declaration_fits_airflows_schema(schema: str) -> None:
    """The one that Airflow checks when it runs, and for the connection the stricter one of its own providers."""
    rules = json.loads((Path(airflow.__path__[0]) / schema).read_text())
    if schema == "provider_info.schema.json":
        jsonschema.validate(get_provider_info(), rules)
    else:
        jsonschema.validate(get_provider_info()["connection-types"], rules["properties"]["connection-types"])


def test_every_module_that_is_declared_is_there() -> None:
    """A module that was renamed would be missing from Airflow's lists without a word."""
    info = get_provider_info()
    for kind in ("hooks", "operators", "sensors", "triggers"):
        for entry in info[kind]:
            for module in entry["python-modules"]:
                import_module(module)


def test_the_rest_of_the_package_does_not_know_airflow() -> None:
    """``import fieldingkit``, its clients and its workflows load nothing of Airflow."""
    code = "import sys, fieldingkit as f; f.AsyncClient, f.Client; import fieldingkit.sweeps.engine"
    code += "; print(sorted(name for name in sys.modules if name.split('.')[0] == 'airflow'))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
