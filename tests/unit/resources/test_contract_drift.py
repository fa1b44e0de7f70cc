"""The comparison of two contracts: what is new, gone and changed, and which commands it concerns."""

from pathlib import Path

import pytest
from support import contract_drift

OLD = """
openapi: 3.0.3
paths:
  /fielding-runs/{id}/pause:
    parameters:
    - {in: path, name: id, required: true, schema: {type: string}}
    post:
      operationId: pause_fielding_run
      parameters:
      - {in: query, name: dry, schema: {type: boolean}}
      - {in: query, name: page_size, schema: {type: integer, maximum: 100}}
      requestBody:
        content:
          application/json:
            schema: {$ref: '#/components/schemas/Pause'}
      responses:
        '200':
          headers: {ETag: {schema: {type: string}}}
          content:
            application/json:
              schema:
                type: object
                required: [id]
                properties:
                  id: {type: string}
                  status: {type: string, enum: [live, paused]}
                  parent: {$ref: '#/components/schemas/Node'}
        '404': {description: Not found}
  /fielding-runs/{id}/resume:
    post:
      operationId: resume_fielding_run
      responses: {'204': {description: Resumed}}
  /nobodys:
    get:
      operationId: get_nobodys
      responses: {'200': {description: A list}}
components:
  schemas:
    Pause:
      type: object
      required: true
      properties:
        reason: {type: string, maxLength: 10}
        by: {type: object, properties: {name: {type: string}}}
    Node:
      type: object
      properties:
        child: {$ref: '#/components/schemas/Node'}
"""


def compared(tmp_path: Path, capsys: pytest.CaptureFixture[str], new: str) -> tuple[int, str]:
    """Return the exit code and the text of a comparison with the old contract."""
    paths = tmp_path / "old.yml", tmp_path / "new.yml"
    for path, text in zip(paths, (OLD, new), strict=True):
        path.write_text(text)
    code = contract_drift.main([str(path) for path in paths])
    return code, capsys.readouterr().out


def replaced(*pairs: tuple[str, str]) -> str:
    """Return the old contract with some texts replaced, each of which it has."""
    text = OLD
    for before, after in pairs:
        assert before in text
        text = text.replace(before, after)
    return text


def test_a_contract_does_not_differ_from_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two equal contracts have no differences, even with schemas that contain themselves."""
    assert compared(tmp_path, capsys, OLD) == (0, "0 operations differ; 0 of them have commands.\n")


def test_a_changed_command_is_listed_under_its_module(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each kind of change has its line below the module and the command; the exit code is 1."""
    new = replaced(
        ("name: dry, schema", "name: dry, required: true, schema"),
        ("maximum: 100", "maximum: 1000"),
        ("enum: [live, paused]", "enum: [live, frozen]"),
        ("required: [id]", "required: [id, status]"),
        ("{type: string, maxLength: 10}", "{type: integer}"),
        ("        by: {type: object, properties: {name: {type: string}}}\n", ""),
        ("'404': {description: Not found}", "'409': {description: Conflict}"),
        ("ETag:", "Age:"),
    )
    code, text = compared(tmp_path, capsys, new)
    assert code == 1
    assert text.splitlines() == [
        "1 operations differ; 1 of them have commands.",
        "",
        "fielding_runs",
        "  PauseFieldingRun (pause_fielding_run)",
        "    - body $.by: object, optional",
        "    ~ body $.reason: string, maxLength 10, optional -> integer, optional",
        "    ~ query dry: boolean, optional -> boolean, required",
        "    ~ query page_size: integer, maximum 100, optional -> integer, maximum 1000, optional",
        "    ~ response 200 $.status: string, optional -> string, required",
        "    + response 200 $.status = 'frozen': allowed",
        "    - response 200 $.status = 'paused': allowed",
        "    + response 200 header Age: sent",
        "    - response 200 header ETag: sent",
        "    - response 404: documented",
        "    + response 409: documented",
    ]


def test_new_operations_alone_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Operations that no command uses are listed last, and are no reason to fail."""
    new = replaced(("operationId: get_nobodys", "operationId: get_everybodys"))
    code, text = compared(tmp_path, capsys, new)
    assert code == 0
    assert text.splitlines() == [
        "2 operations differ; 0 of them have commands.",
        "",
        "operations without a command",
        "  get_everybodys",
        "    + new operation: GET /nobodys",
        "  get_nobodys",
        "    - removed operation: GET /nobodys",
    ]


def test_a_removed_operation_with_a_command_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An operation that a command needs and that is gone is listed under its module."""
    code, text = compared(tmp_path, capsys, replaced(("operationId: resume_fielding_run", "operationId: other")))
    assert code == 1
    assert "  ResumeFieldingRun (resume_fielding_run)\n    - removed operation: POST /fielding-runs/{id}/resume" in text


def test_equal_changes_of_a_module_are_named_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Operations of a module with the same differences share their lines."""
    new = replaced(("'204': {description: Resumed}", "'204': {description: Resumed}, '410': {description: Gone}"))
    new = new.replace("'404': {description: Not found}", "'404': {description: Not found}\n        '410': {}")
    code, text = compared(tmp_path, capsys, new)
    assert code == 1
    assert (
        "  PauseFieldingRun (pause_fielding_run), ResumeFieldingRun (resume_fielding_run)\n    + response 410" in text
    )


def test_another_address_and_deprecations_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A new address concerns all operations; what is deprecated is marked."""
    new = replaced(
        ("paths:", "servers: [{url: 'https://api.example/v2'}]\npaths:"),
        ("operationId: resume_fielding_run", "operationId: resume_fielding_run\n      deprecated: true"),
        ("reason: {type: string,", "reason: {type: string, deprecated: true,"),
    )
    code, text = compared(tmp_path, capsys, new)
    assert (code, text.count("    + server: https://api.example/v2")) == (1, 3)
    assert "    + deprecated: all of it" in text
    assert "    ~ body $.reason: string, maxLength 10, optional -> string, deprecated, maxLength 10, optional" in text


@pytest.mark.parametrize("arguments", [[], ["a.yml"], ["a.yml", "b.yml", "c.yml"]])
def test_two_contracts_are_needed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Any other number of files is a mistake, which has its own exit code."""
    assert contract_drift.main(arguments) == 2
    assert "OLD.yml NEW.yml" in capsys.readouterr().err


@pytest.mark.parametrize(
    "content",
    [None, "a: [", "\tx", "text", "a: 1", "paths:", "paths: {}", "paths: {/x: }", "paths: {}\na: &a [*a]", "paths: 5"],
)
def test_a_file_that_is_no_contract_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None
) -> None:
    """A file that is missing, is no YAML or has no operations is an error: its exit code is not that of changes."""
    path = tmp_path / "contract.yml"
    if content is not None:
        path.write_text(content)
    assert contract_drift.main([str(path), str(path)]) == 2
    assert "not a contract" in capsys.readouterr().err
