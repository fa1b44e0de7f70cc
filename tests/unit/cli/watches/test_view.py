"""The view of the table: keys, order and filter."""

from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.watch_states import troubled_state

from fieldingkit.cli.watches.view import Sort, View, press, split_keys, visible
from fieldingkit.monitoring.watches.document import to_document

GROUPS = to_document(troubled_state(), account_id=None, base_url="https://api.example", every=60).groups


def after(*keys: str, view: View | None = None) -> View:
    """Return the view after some keys."""
    return reduce(lambda seen, key: press(seen, key, len(GROUPS)), keys, view or View())


def names(view: View) -> list[str]:
    """Return the names that a view shows."""
    return [group.name for group in visible(GROUPS, view)]


def test_s_goes_through_all_orders_and_begins_again() -> None:
    """The first order is by trouble, as it was given."""
    orders = [after(*"s" * presses).sort for presses in range(5)]
    assert orders == [*Sort, Sort.TROUBLE]
    assert names(View()) == [group.name for group in GROUPS]


@pytest.mark.parametrize(("sort", "first"), [(Sort.NAME, "France Wave 3"), (Sort.FILL, "Italy Wave 3")])
def test_each_order_has_its_first_group(sort: Sort, first: str) -> None:
    """By name alphabetically, by fill the fullest one first."""
    assert names(View(sort=sort))[0] == first


def test_t_shows_those_in_trouble_only_and_again_all() -> None:
    """The position is that of the start then."""
    view = after("j", "t")
    assert (len(names(view)), view.first) == (3, 0)
    assert len(names(after("t", view=view))) == 7


def test_a_filter_is_typed_and_applied_and_cleared() -> None:
    """While it is typed, letters are text, and no key closes the table."""
    typing = after("/", *"qMARKET")
    assert typing.is_typing
    assert not typing.is_closed
    view = after("backspace", *"X", "backspace", "backspace", "enter", view=after("/", *"marketX"))
    assert (view.is_typing, view.text) == (False, "marke")
    assert len(names(view)) == 3
    assert len(names(after("escape", view=view))) == 7


@pytest.mark.parametrize("text", ["ABC1234", "silent", "france"])
def test_a_filter_finds_names_short_ids_and_ids(text: str) -> None:
    """People know a target group by one of these."""
    assert names(View(text=text)) == ["France Wave 3"]


def test_scrolling_stops_at_both_ends() -> None:
    """The last target group stays on the screen."""
    assert after("up").first == 0
    assert after("down", "j", "page down", "page down").first == 6
    assert after("page down", "up", "home").first == 0


def test_terminal_sequences_are_keys_and_unknown_ones_are_nothing() -> None:
    """A key such as F5 does not quit, sort or filter."""
    assert [*split_keys("\x1b[A\x1b[Bsq\x7f\r")] == ["up", "down", "s", "q", "backspace", "enter"]
    assert [*split_keys("\x1b")] == ["escape"]
    assert [*split_keys("\x1b[15~q")] == ["unknown"]
    assert after(*split_keys("\x1b[15~q")) == View()


@given(st.lists(st.sampled_from([*"sqtjk/x ", "up", "down", "page up", "page down", "enter", "escape", "backspace"])))
def test_no_keys_lead_out_of_the_list(keys: list[str]) -> None:
    """After any keys the view is within the list, and shows a part of it."""
    view = after(*keys)
    assert 0 <= view.first < len(GROUPS)
    assert set(names(view)) <= {group.name for group in GROUPS}
