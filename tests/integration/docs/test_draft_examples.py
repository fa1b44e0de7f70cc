"""Run the code blocks of docs/how-to/drafts.md, one after another."""

import ast
from pathlib import Path
from typing import Any, Final

import pytest
from support.pages import code_of

from fieldingkit.sandbox import Sandbox

PAGE: Final = Path(__file__).parents[3] / "docs" / "how-to" / "drafts.md"


async def test_the_examples_create_change_and_copy_a_draft(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The blocks share their names, so that the second and third one use the draft of the first."""
    with Sandbox() as sandbox:
        monkeypatch.setenv("CINT_BASE_URL", sandbox.url)
        monkeypatch.setenv("CINT_ACCOUNT_ID", str(sandbox.account_id))
        monkeypatch.setenv("CINT_TOKEN", sandbox.token)
        names: dict[str, Any] = {"manager_id": sandbox.seed(draft=1).manager_id}
        for number, block in enumerate(code_of(PAGE, "python"), 1):
            code = compile(block, f"{PAGE.name}, block {number}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            await eval(code, names)
        group = sandbox.group(names["group"].target_group_id)
        copy = sandbox.group(names["copy"].target_group_id)
    assert capsys.readouterr().out == f"{group.id} created\n"
    assert (group.goal, copy.goal, copy.settings.locale) == (500, 500, "eng_gb")
