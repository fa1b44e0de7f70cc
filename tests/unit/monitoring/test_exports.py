"""Exports of rows: the columns of a Parquet file have the values that were saved, or the export is refused."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from fieldingkit.errors import ConfigurationError
from fieldingkit.monitoring.exports import parquet_columns


def test_saved_rows_become_columns_with_values_of_their_types() -> None:
    """Texts of times and amounts become times and decimals; what is not known is None."""
    rows = [
        {"read_at": "2026-03-05T12:00:00.000Z", "price": "2.735200", "name": "Germany", "completes": 40},
        {"read_at": "2026-03-05T13:00:00.000Z", "price": None, "name": None, "completes": 41},
    ]
    columns = parquet_columns({"read_at": "time", "price": "amount", "name": "text", "completes": "integer"}, rows)
    assert columns == {
        "read_at": [datetime(2026, 3, 5, 12, tzinfo=UTC), datetime(2026, 3, 5, 13, tzinfo=UTC)],
        "price": [Decimal("2.7352"), None],
        "name": ["Germany", None],
        "completes": [40, 41],
    }


@pytest.mark.parametrize(
    "amount", ["0.0000000001", "-9" + "9" * 27 + ".9999999999", "1e27", "0", "1.50000000000000000"]
)
def test_an_amount_within_the_digits_of_a_column_is_exact(amount: str) -> None:
    """Zeros at the end do not count."""
    assert parquet_columns({"cost": "amount"}, [{"cost": amount}]) == {"cost": [Decimal(amount)]}


@pytest.mark.parametrize("amount", ["0.00000000001", "1e28", "0.1234567890123456789012345678901", "NaN", "Infinity"])
def test_an_amount_with_more_digits_is_refused_and_not_rounded(amount: str) -> None:
    """The message names the column, the amount, and the formats that have no such limit."""
    with pytest.raises(ConfigurationError, match=r"^cost is .* export it as \.csv or \.jsonl$"):
        parquet_columns({"cost": "amount"}, [{"cost": amount}])
