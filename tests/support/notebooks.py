"""Notebooks of the docs: run their code cells without Jupyter, and keep what they show in the file.

Run: ``python tests/support/notebooks.py NOTEBOOK`` runs a notebook and writes its outputs into it.
"""

import ast
import json
import sys
from pathlib import Path
from typing import Any

__all__ = ["code_cells", "run_cells", "write_outputs"]


def code_cells(path: Path) -> list[str]:
    """Return the code cells of a notebook."""
    cells: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def run_cells(path: Path, names: dict[str, Any]) -> list[Any]:
    """Run the code cells in their order, and return the value of the last expression of each; None without one."""
    values: list[Any] = []
    for number, source in enumerate(code_cells(path), 1):
        tree = ast.parse(source)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, f"{path.name}, cell {number}", "exec"), names)
        value = ast.Expression(last.value) if isinstance(last, ast.Expr) else None
        values.append(None if value is None else eval(compile(value, f"{path.name}, cell {number}", "eval"), names))
    return values


def write_outputs(path: Path) -> None:
    """Run a notebook, and replace its outputs by what Jupyter would show."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for number, (cell, value) in enumerate(zip(cells, run_cells(path, {}), strict=True), 1):
        data = {"text/plain": repr(value).splitlines(keepends=True)}
        if hasattr(value, "_repr_html_"):
            data["text/html"] = value._repr_html_().splitlines(keepends=True)
        output = {"output_type": "execute_result", "execution_count": number, "metadata": {}, "data": data}
        cell["execution_count"], cell["outputs"] = number, [] if value is None else [output]
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write_outputs(Path(sys.argv[1]))
