"""The metadata of this Airflow provider, for the entry point ``apache_airflow_provider``."""

from typing import Any

__all__ = ["get_provider_info"]


_PACKAGE = "fieldingkit.airflow"
_INTEGRATION = "Cint fielding"


def get_provider_info() -> dict[str, Any]:
    """Return the provider's name, its modules, and the form of its connection."""
    return {
        "package-name": "fieldingkit",
        "name": _INTEGRATION,
        "description": "Launch, pause, resume, relaunch and complete the fielding of survey target groups.",
        "integrations": [
            {
                "integration-name": _INTEGRATION,
                "external-doc-url": "https://developer.cint.com/demand/docs",
                "tags": ["service"],
            }
        ],
        "hooks": [_modules("hooks")],
        "operators": [_modules("monitors", "operators", "reports", "soft_launches")],
        "sensors": [_modules("sensors")],
        "triggers": [_modules("triggers")],
        "connection-types": [
            {
                "connection-type": "fieldingkit",
                "hook-class-name": f"{_PACKAGE}.hooks.FieldingHook",
                "hook-name": _INTEGRATION,
                "ui-field-behaviour": {
                    "hidden-fields": ["port", "schema"],
                    "relabeling": {"host": "Base URL", "login": "Client id", "password": "Client secret"},
                    "placeholders": {
                        "host": "https://api.cint.com/v1",
                        "login": "empty if the client secret is a bearer token",
                    },
                },
                "conn-fields": _FIELDS,
            }
        ],
    }


def _modules(*names: str) -> dict[str, Any]:
    return {"integration-name": _INTEGRATION, "python-modules": [f"{_PACKAGE}.{name}" for name in names]}


def _field(label: str, kind: str, description: str, **schema: str) -> dict[str, Any]:
    return {"label": label, "schema": {"type": [kind, "null"], **schema}, "description": description}


_FIELDS = {
    "account_id": _field("Account", "string", "The account's number."),
    "token_url": _field("Token URL", "string", "The URL that issues access tokens; Cint's own if empty."),
    "api_version": _field(
        "API version",
        "string",
        "Use one version for each resource; the default if empty.",
    ),
    "rate": _field("Requests per second", "number", "The limit for each task; no limit if empty."),
    "triggerer_rate": _field(
        "Requests per second of a triggerer",
        "number",
        "The limit for all its triggers; the limit of a task if empty.",
    ),
    "timeout": _field("Timeout", "number", "Seconds for one attempt of a call; 30 if empty."),
    "deadline": _field("Deadline", "number", "Seconds for one call with all its attempts; 120 if empty."),
    # Masked, since the URL may contain a password.
    "proxy": _field("Proxy", "string", "The URL of a proxy.", format="password"),
}
