"""The project's language: words of the field instead of words of our own."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXTS = sorted(
    path
    for pattern in (
        "fieldingkit/**/*.py",
        "tests/**/*.py",
        "benchmarks/**/*.py",
        "examples/*.*",
        "docs/**/*.md",
        "*.md",
    )
    for path in ROOT.glob(pattern)
    if path != Path(__file__)
)
BANNED = re.compile(
    r"\b(looks?|looked|looking|tells?|telling|told|whoever|in doubt|left alone|gone on with|goes on with"
    r"|stands? here|of late|afresh|fleets?)\b",
    re.IGNORECASE,
)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_file_uses_the_words_of_the_field(path: Path) -> None:
    """Poll, report and skip have one name each; CONTRIBUTING.md has the rules."""
    lines = path.read_text().splitlines()
    found = {number: match[0] for number, line in enumerate(lines, 1) if (match := BANNED.search(line))}
    assert found == {}
