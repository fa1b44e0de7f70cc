"""Exports of rows: CSV, JSON lines and Parquet, each a file that replaces an earlier one as a whole."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Literal

from fieldingkit.errors import ConfigurationError
from fieldingkit.rendering.csv import csv_line
from fieldingkit.rendering.files import BYTE_ORDER_MARK, replace_file

__all__ = ["ColumnKind", "check_export_path", "parquet_columns", "typed_value", "write_export"]

ColumnKind = Literal["text", "integer", "number", "time", "amount"]
"""The kind of a column; times and amounts are text in a saved row."""

_SUFFIXES: Final = (".csv", ".jsonl", ".parquet")
_PRECISION: Final = 38
"""The most digits that Parquet, DuckDB, Spark and BigQuery store in a decimal of 16 bytes."""
_DECIMAL_PLACES: Final = 10
"""The same in every file, so that files of different days can be read as one table."""


def check_export_path(path: Path) -> None:
    """Check that rows can be exported in the format that a suffix names.

    Raises:
        ConfigurationError: if it names none, or pyarrow is not installed for Parquet.
    """
    if path.suffix not in _SUFFIXES:
        raise ConfigurationError(f"the export {path} must end with {', '.join(_SUFFIXES[:-1])} or {_SUFFIXES[-1]}")
    if path.suffix == ".parquet":
        _pyarrow("pyarrow")


def write_export(path: Path, columns: Mapping[str, ColumnKind], rows: Sequence[dict[str, Any]]) -> None:
    """Write rows to a file, in the format that its suffix names.

    Args:
        path: The file.
        columns: The columns of each row, in order.
        rows: The rows as they are saved.

    Raises:
        ConfigurationError: if the file cannot be written; an existing file stays as it was.
    """
    content: Iterable[bytes]
    if path.suffix == ".parquet":
        content = [_parquet(columns, rows)]
    else:
        content = map(str.encode, _csv(columns, rows) if path.suffix == ".csv" else _json_lines(rows))
    try:
        replace_file(path, content)
    except OSError as exc:
        raise ConfigurationError(f"the export {path} cannot be written: {exc.strerror or exc}") from exc


def typed_value(value: Any, kind: ColumnKind | None) -> Any:
    """Return a saved value as Python has it: a time as a ``datetime`` in UTC, an amount as a ``Decimal``."""
    if value is None:
        return None
    if kind == "time":
        return datetime.fromisoformat(value)
    return Decimal(value) if kind == "amount" else value


def parquet_columns(columns: Mapping[str, ColumnKind], rows: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """Return the values of each column, as pyarrow takes them.

    Raises:
        ConfigurationError: if an amount has more digits than a column of decimals has; it is not rounded.
    """
    values = {name: [typed_value(row[name], kind) for row in rows] for name, kind in columns.items()}
    for name, kind in columns.items():
        if kind != "amount":
            continue
        for amount in values[name]:
            if amount is not None and not _fits(amount):
                raise ConfigurationError(
                    f"{name} is {amount}, and a Parquet file has {_DECIMAL_PLACES} decimal places and "
                    f"{_PRECISION - _DECIMAL_PLACES} digits before them; export it as .csv or .jsonl"
                )
    return values


def _fits(amount: Decimal) -> bool:
    if not amount.is_finite():
        return False
    scaled = Fraction(amount) * 10**_DECIMAL_PLACES  # exact, unlike the arithmetic of decimals
    return scaled.denominator == 1 and abs(scaled) < 10**_PRECISION


def _parquet(columns: Mapping[str, ColumnKind], rows: Sequence[dict[str, Any]]) -> bytes:
    """Return the content of a Parquet file."""
    pyarrow, parquet = _pyarrow("pyarrow"), _pyarrow("pyarrow.parquet")
    types: dict[ColumnKind, Any] = {
        "text": pyarrow.string(),
        "integer": pyarrow.int64(),
        "number": pyarrow.float64(),
        "time": pyarrow.timestamp("ms", tz="UTC"),
        "amount": pyarrow.decimal128(_PRECISION, _DECIMAL_PLACES),
    }
    # With a schema, a column without any value has its type, too.
    schema = pyarrow.schema([(name, types[kind]) for name, kind in columns.items()])
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(pyarrow.table(parquet_columns(columns, rows), schema=schema), sink)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _pyarrow(name: str) -> ModuleType:
    """Return a module of pyarrow."""
    try:
        return import_module(name)
    except ImportError as exc:
        raise ConfigurationError("Parquet requires pyarrow; install it with: python -m pip install pyarrow") from exc


def _csv(names: Iterable[str], rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of a table that no spreadsheet evaluates, beginning with the headings."""
    yield BYTE_ORDER_MARK
    yield csv_line(names)
    for row in rows:
        yield csv_line(None if cell is None else str(cell) for cell in row.values())


def _json_lines(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        yield json.dumps(row, ensure_ascii=False) + "\n"
