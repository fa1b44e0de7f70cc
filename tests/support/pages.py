"""The README and the pages of the docs: their code blocks, and how to run them."""

import ast
import asyncio
import inspect
import io
import re
import shlex
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from support.command_line import Cli, Ended

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"

_FENCE: Final = re.compile(
    r"^(?:<!-- not run: (?P<reason>[^\n]+?) -->\n\n?)?(?P<indent> *)```(?P<kind>[^\n]*)\n(?P<code>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_EXIT_CODE: Final = re.compile(r"\s+# exit code (\d+)$")


class Block(NamedTuple):
    """A code block of a page."""

    page: str
    """The path of the page in the repository."""
    line: int
    """The line on which the block begins."""
    kind: str
    """The language after the fence, such as ``python``."""
    title: str
    """The name of the file that the block shows, from ``title="NAME"`` after the fence; empty without one."""
    code: str
    """The content."""
    reason: str | None
    """The reason why it is not run, from the comment ``<!-- not run: REASON -->`` above it; None if it is."""

    def __str__(self) -> str:
        """Return the place."""
        return f"{self.page}:{self.line}"


def pages() -> list[str]:
    """Return the paths of all pages in the repository."""
    found = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
    return [path.relative_to(ROOT).as_posix() for path in found]


def read(page: str | Path) -> str:
    """Return the text of a page."""
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str | Path, *kinds: str) -> list[Block]:
    """Return the blocks of a page in their order: all of them, or those of some kinds that are not marked."""
    text = read(page)
    found: list[Block] = []
    for match in _FENCE.finditer(text):
        kind, _, title = match["kind"].partition(' title="')
        line = text[: match.start("kind")].count("\n") + 1
        found.append(Block(str(page), line, kind.strip(), title.rstrip('" '), match["code"], match["reason"]))
    return [block for block in found if not kinds or (block.kind in kinds and block.reason is None)]


def code_of(page: str | Path, *kinds: str, title: str = "") -> list[str]:
    """Return the content of the blocks of some kinds with a title; of those without one by default."""
    return [block.code for block in blocks(page, *kinds) if block.title == title]


def write_files(page: str) -> None:
    """Write the files that a page shows into the working folder."""
    for block in blocks(page):
        if block.title and block.kind != "text":
            Path(block.title).parent.mkdir(parents=True, exist_ok=True)
            Path(block.title).write_text(block.code, encoding="utf-8")


def run_python(block: Block, names: dict[str, Any], runner: asyncio.Runner) -> None:
    """Run a block, which may await, with the names of the blocks before it."""
    outcome = eval(compile(block.code, str(block), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
    if inspect.iscoroutine(outcome):
        runner.run(outcome)


def commands(block: Block) -> list[tuple[str, list[str]]]:
    """Return the command lines of a shell block or console session, each with the output that is shown below it."""
    found: list[tuple[str, list[str]]] = []
    for line in block.code.replace("\\\n", " ").splitlines():
        if block.kind == "console" and not line.startswith("$ "):
            found[-1][1].append(line)
        elif line.strip() and not line.startswith("#"):
            found.append((line.removeprefix("$ "), []))
    return found


def run_line(cli: Cli, line: str, monkeypatch: pytest.MonkeyPatch) -> Ended:
    """Run a command line with its pipe and its redirection, as a shell would; `# exit code N` names another end."""
    expected = _EXIT_CODE.search(line)
    line, _, target = _EXIT_CODE.sub("", line).partition(" > ")
    parts = line.split(" | ")
    ended = Ended(0, "", "")
    for number, part in enumerate(parts, 1):
        with monkeypatch.context() as patch:
            patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(ended.out.encode())))
            ended = cli(*shlex.split(part, comments=True)[1:])
        code = int(expected[1]) if expected and number == len(parts) else 0
        assert ended.code == code, f"{part}: exit code {ended.code}\n{ended.out}{ended.err}"
    if target:
        Path(target.strip()).write_text(ended.out, encoding="utf-8")
    return ended


def matches(shown: list[str], printed: str) -> bool:
    """Return whether lines of a page are what was printed; `...` stands for any text."""
    while shown and not shown[-1]:
        shown = shown[:-1]
    pattern = r"\s*\n".join(".*?".join(map(re.escape, line.rstrip().split("..."))) for line in shown)
    return re.fullmatch(pattern, printed.strip("\n").rstrip(), re.DOTALL) is not None
