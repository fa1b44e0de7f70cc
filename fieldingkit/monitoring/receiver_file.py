"""A TOML file of receivers: each table is one receiver, and its name is the receiver's.

::

    [field-channel]
    url_file = "slack-url"
    shape = "slack"

    [on-call]
    arguments = ["/usr/local/bin/page-on-call", "--team", "fielding"]
    time_limit = 10
"""

from pathlib import Path
from typing import Any

import attrs

from fieldingkit._repr import brief_repr
from fieldingkit.configuration import read_secret
from fieldingkit.errors import ConfigurationError
from fieldingkit.monitoring.receivers import Program, Webhook
from fieldingkit.monitoring.toml_tables import check_flags, check_keys, read_tables

__all__ = ["load_receivers"]

_FILES = {"url_file": "url", "proxy_file": "proxy"}
"""The keys that name a file with a credential, relative to the folder of the file of receivers."""


def load_receivers(path: str | Path) -> tuple[Webhook | Program, ...]:
    """Return the receivers of a TOML file. A table has the fields of ``Webhook`` or of ``Program`` as its keys.

    A URL is a credential, in a file of its own, which ``url_file`` names; likewise ``proxy_file``.

    Raises:
        ConfigurationError: The file cannot be read, has an unknown key or a wrong value, or contains a URL.
    """
    return tuple(_receiver(Path(path), name, table) for name, table in read_tables(path).items())


def _receiver(path: Path, name: str, table: dict[str, Any]) -> Webhook | Program:
    place = f"{path}: [{name}]"
    for key, field in _FILES.items():
        if field in table:
            raise ConfigurationError(f"{place} {field} is a credential; write it to a file and name that as {key}")
    kind = Program if "arguments" in table else Webhook
    if kind is Webhook and "url_file" not in table:
        raise ConfigurationError(f"{place} must have url_file, for a webhook, or arguments, for a program")
    fields = attrs.fields_dict(kind).keys() - {"name", *_FILES.values()}
    check_keys(place, table, [*sorted(fields), *(_FILES if kind is Webhook else ())])
    check_flags(place, table)
    values = {key: value for key, value in table.items() if key not in _FILES}
    try:
        for key in _FILES.keys() & table.keys():
            values[_FILES[key]] = read_secret(path.parent / _path(key, table[key]))
        return kind(**values, name=name)
    except ConfigurationError as exc:
        raise ConfigurationError(f"{place} {exc.message}") from exc


def _path(key: str, value: object) -> Path:
    if not isinstance(value, str):
        raise ConfigurationError(f"{key} must be a path; got {brief_repr(value)}")
    return Path(value).expanduser()
