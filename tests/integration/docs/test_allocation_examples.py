"""Run the code blocks of docs/how-to/allocations.md, one after another."""

import ast
from pathlib import Path
from typing import Any, Final

import pytest
from support.pages import code_of

from fieldingkit.sandbox import Sandbox

PAGE: Final = Path(__file__).parents[3] / "docs" / "how-to" / "allocations.md"


async def test_the_examples_read_and_change_allocations(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The blocks share their names; each of them changes the target group as the page says."""
    with Sandbox() as sandbox:
        monkeypatch.setenv("CINT_BASE_URL", sandbox.url)
        monkeypatch.setenv("CINT_ACCOUNT_ID", str(sandbox.account_id))
        monkeypatch.setenv("CINT_TOKEN", sandbox.token)
        group = sandbox.seed(live=1).groups[0]
        names: dict[str, Any] = {"project_id": group.project_id, "target_group_id": group.id}
        read: list[dict[str, Any]] = []
        for number, block in enumerate(code_of(PAGE, "python"), 1):
            code = compile(block, f"{PAGE.name}, block {number}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            running: Any = eval(code, names)
            await running
            stored = group.settings.allocations
            read.append({} if stored is None else stored["open_exchange_allocations"])
    _, blocked, grouped, tested, template = read
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert sum(int(line[-2]) for line in printed) == group.completes > 0
    assert [supplier["id"] for supplier in blocked["blocked_suppliers"]] == [3334]
    assert [one["group_name"] for one in grouped["groups"]] == ["Best"]
    assert (tested["exchange_max_percentage"], template) == (0, tested)
    assert [one["suppliers"][0]["id"] for one in tested["groups"]] == [980]
    found = names["draft_allocations"].open_exchange_allocations
    assert [supplier.id for supplier in found.blocked_suppliers] == ["3334"]
