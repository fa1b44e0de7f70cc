"""The pages that are made from the code are current."""

import pytest
from support.generated_pages import DOCS, PAGES


@pytest.mark.parametrize("path", PAGES)
def test_a_generated_page_is_current(path: str) -> None:
    """Run `PYTHONPATH=tests python -m support.generated_pages` after a change that this test reports."""
    current = (DOCS / path).read_text(encoding="utf-8") == PAGES[path]()
    assert current, f"{path} is not current: PYTHONPATH=tests python -m support.generated_pages"
