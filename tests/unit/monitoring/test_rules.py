"""Rules: defaults, the values of a TOML file, and refusals that name the table and the key."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fieldingkit.errors import ConfigurationError
from fieldingkit.monitoring import (
    CellStuck,
    LowConversion,
    NoCompletes,
    OffBid,
    PriceAtCap,
    RuleName,
    Rules,
)

FILE = """
[no_completes]
hours = 4

[low_conversion]
below = 0.08
entrants = 100

[incidence_off_bid]
over = 0.5

[price_at_cap]
caps = { USD = "4.50", EUR = 4.1 }

[cell_stuck]
enabled = false
"""


def test_a_file_changes_the_keys_that_it_has(tmp_path: Path) -> None:
    """Keys and rules that are left out have their defaults."""
    path = tmp_path / "rules.toml"
    path.write_text(FILE)
    assert Rules.from_path(path) == Rules(
        no_completes=NoCompletes(hours=4),
        low_conversion=LowConversion(below=0.08, entrants=100),
        incidence_off_bid=OffBid(over=0.5, under=0.25),
        price_at_cap=PriceAtCap(caps={"USD": Decimal("4.50"), "EUR": Decimal("4.1")}),
        cell_stuck=CellStuck(enabled=False),
    )


def test_each_name_is_a_rule_that_can_be_switched_off() -> None:
    """All rules are on by default; the others stay on if one is switched off."""
    assert Rules().enabled == tuple(RuleName)
    for name in RuleName:
        off: dict[str, Any] = {name: type(Rules()[name])(enabled=False)}
        rules = Rules(**off)
        assert set(rules.enabled) == set(RuleName) - {name}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[no_complete]", "'no_complete' is an unknown key; did you mean no_completes?"),
        ("no_completes = 3", "no_completes must be a table: [no_completes]"),
        ("[no_completes]\nhour = 3", "[no_completes] 'hour' is an unknown key; did you mean hours?"),
        ("[no_completes]\nhours = 0", "[no_completes] hours must be above 0 hours; got 0"),
        ("[no_completes]\nhours = true", "[no_completes] hours must not be true or false; got true"),
        ("[no_completes]\nhours = nan", "[no_completes] hours must be above 0 hours; got nan"),
        ("[no_completes]\nenabled = 1", "[no_completes] enabled must be true or false; got 1"),
        ("[low_conversion]\nbelow = 10", "[low_conversion] below must be a share from 0 to 1; got 10"),
        ("[low_conversion]\nbelow = nan", "[low_conversion] below must be a share from 0 to 1; got nan"),
        ("[low_conversion]\nentrants = 1.5", "entrants must be at least 1 and an integer; got 1.5"),
        ("[price_at_cap]\ncaps = 3", "[price_at_cap] caps must be a table of currencies"),
        ("[price_at_cap]\ncaps = { usd = 3 }", "caps: a currency has three capital letters; got 'usd'"),
        ("[price_at_cap]\ncaps = { USD = 'x' }", "caps: USD must be an amount above 0; got 'x'"),
        ("[price_at_cap]\ncaps = { USD = true }", "caps: USD must be an amount above 0; got True"),
        ("[price_at_cap]\ncaps = { USD = -1 }", "caps: USD must be an amount above 0; got -1"),
        ("[no_completes", "is not valid TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_table_and_key(tmp_path: Path, text: str, problem: str) -> None:
    """The error names the file, the table, the key and the rule that is broken."""
    path = tmp_path / "rules.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        Rules.from_path(path)
    assert problem in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_file_that_is_missing_or_no_text_is_refused(tmp_path: Path) -> None:
    """There are no default rules instead of a file that was named."""
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        Rules.from_path(tmp_path / "rules.toml")
    (tmp_path / "rules.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match="is not valid TOML"):
        Rules.from_path(tmp_path / "rules.toml")


@pytest.mark.parametrize("wrong", [{"hours": "6"}, {"hours": -1}, {"enabled": None}])
def test_wrong_values_are_refused_in_python_as_well(wrong: dict[str, Any]) -> None:
    """The constructors have the same checks as the file."""
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        NoCompletes(**wrong)
    with pytest.raises(ConfigurationError, match="no_completes must be of type NoCompletes"):
        Rules(no_completes=LowConversion())  # type: ignore[arg-type]  # the point of the test
