"""Run docs/tutorials/data-frames.ipynb, whose outputs are those of an earlier run."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.notebooks import run_cells, write_outputs

NOTEBOOK = Path(__file__).parents[3] / "docs" / "tutorials" / "data-frames.ipynb"


def test_the_notebook_has_the_outputs_of_its_cells() -> None:
    """A reader sees the tables without running it, and no cell was saved with an error or an address."""
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == [*range(1, len(cells) + 1)]
    assert sum(bool(cell["outputs"]) for cell in cells) >= 6
    assert {output["output_type"] for cell in cells for output in cell["outputs"]} == {"execute_result"}
    assert "127.0.0.1" not in NOTEBOOK.read_text(encoding="utf-8")


def test_the_cells_run_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tables have the rows, the exact sums and the cell that keeps a target group open."""
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    values = [value for value in run_cells(NOTEBOOK, names) if value is not None]
    groups, (is_complete, unread, unlisted), sums, cells, history, forecasts = values
    assert all(isinstance(value, pandas.DataFrame) for value in (groups, cells, history, forecasts))
    assert len(groups) == 17
    assert (is_complete, unread, unlisted) == (True, 0, 0)
    assert sums.sum() == names["groups"]["cost"].sum()
    assert cells.iloc[0]["name"] == "75 and older"
    assert [*history.columns] == [0, 6, 12, 18]
    assert forecasts.loc["Customer survey FR: quota cell stuck", "limiting_cell"] == "75 and older"
    assert forecasts.loc["Customer survey US: ends before its goal", "chance_by_end"] < 0.5


def test_outputs_are_written_as_jupyter_would(tmp_path: Path) -> None:
    """The last expression of a cell is shown, as text and as HTML if it has such; anything else shows nothing."""
    notebook = tmp_path / "small.ipynb"
    sources = [["a = 1\n", "a + 1"], ["class B:\n", "    def _repr_html_(self):\n", "        return '<b>'\n"], ["B()"]]
    cells = [{"cell_type": "code", "source": source, "outputs": ["old"]} for source in sources]
    notebook.write_text(json.dumps({"cells": [{"cell_type": "markdown", "source": ["# T"]}, *cells]}))
    write_outputs(notebook)
    _, first, second, third = json.loads(notebook.read_text())["cells"]
    assert first["outputs"][0]["data"] == {"text/plain": ["2"]}
    assert second["outputs"] == []
    assert third["outputs"][0]["data"]["text/html"] == ["<b>"]
