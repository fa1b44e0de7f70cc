"""docs/reference/errors.md has each error, with what to do, under an anchor that follows from its name."""

import re
from typing import Final

import pytest
from support.pages import read

from fieldingkit import errors

PAGE: Final = read("docs/reference/errors.md")
CLASSES: Final = [
    kind
    for kind in map(vars(errors).__getitem__, errors.__all__)
    if isinstance(kind, type) and issubclass(kind, errors.FieldingKitError)
]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_has_its_anchor_and_what_to_do(kind: type[errors.FieldingKitError]) -> None:
    """The anchor is the name in lower case; the row says what happened and what to do."""
    name = kind.__name__
    rows = re.findall(rf'^\| <a id="{name.lower()}"></a>`{name}` \| (.+) \| (.+) \|$', PAGE, re.MULTILINE)
    assert len(rows) == 1
    assert all(len(cell) > 10 for cell in rows[0])


def test_the_page_names_no_other_error() -> None:
    """A row whose error is gone is noticed, and so is a link to another anchor."""
    names = {kind.__name__ for kind in CLASSES}
    assert set(re.findall(r"</a>`(\w+)`", PAGE)) == names
    assert set(re.findall(r"errors\.md#(\w+)", PAGE)) <= {name.lower() for name in names}
