"""Run the code blocks of docs/how-to/recontacts.md, one after another."""

import ast
from pathlib import Path
from typing import Any, Final

import pytest
from support.pages import code_of
from support.sandbox_commands import EVERY

from fieldingkit import AsyncClient
from fieldingkit.errors import InvalidCommandError
from fieldingkit.resources.recontacts import UploadRecontacts
from fieldingkit.sandbox import Sandbox

PAGE: Final = Path(__file__).parents[3] / "docs" / "how-to" / "recontacts.md"
ID: Final = "0f1ce179-a917-49ff-9d50-b05fc91f7bd4"


async def test_the_examples_upload_recontacts_and_codes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The files have the sessions of an earlier wave, and codes; both are counted."""
    with Sandbox(row_seconds=0.001) as sandbox:
        earlier = sandbox.seed(completed=1, completes=2).groups[0]
        (tmp_path / "wave-1.csv").write_text("\r\n".join(one.rid for one in earlier.ledger.respondents()) + "\r\n")
        (tmp_path / "codes.txt").write_text("code-1\ncode-2\n")
        monkeypatch.chdir(tmp_path)

        def connect() -> AsyncClient:
            """Return a client that polls often."""
            return AsyncClient(account_id=sandbox.account_id, auth=sandbox.token, base_url=sandbox.url, poll=EVERY)

        monkeypatch.setattr(AsyncClient, "from_env", connect)
        group = sandbox.seed(paused=1).groups[0]
        names: dict[str, Any] = {"project_id": group.project_id, "target_group_id": group.id}
        for number, block in enumerate(code_of(PAGE, "python"), 1):
            code = compile(block, f"{PAGE.name}, block {number}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            await eval(code, names)
    assert capsys.readouterr().out == ("5 ids were sent. All of them were stored.\n2 of 2 codes are new; 2 are left.\n")


@pytest.mark.parametrize("lines", [["RID", ID], [*(f"{number:08}{ID[8:]}" for number in range(6)), ID, ID]])
def test_the_refusals_are_quoted_as_they_are(lines: list[str]) -> None:
    """The page shows the messages of a header and of a duplicate."""
    with pytest.raises(InvalidCommandError) as caught:
        UploadRecontacts(project_id="0" * 26, target_group_id="0" * 26, file=lines, entity_type="RSID")
    assert caught.value.message in PAGE.read_text()
