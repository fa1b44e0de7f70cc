"""The published contract, if a copy of it is present; it is not part of the project."""

from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

FOLDER: Final = Path(__file__).parents[2] / "../shared/reference/openapi"
CONTRACT: Final = FOLDER / "cint-demand-2025-12-18.yml"
FIELDING_ONLY: Final = FOLDER / "fielding-only.yml"


@cache
def load_document(path: Path = CONTRACT) -> dict[str, Any]:
    """Return the parsed contract. It is long, so it is read once per process, by the C loader, which is as safe."""
    document: dict[str, Any] = yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)
    return document
