"""The overview for language models: each page of the site with its address, title and first sentence."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

_ROOT: Final = Path(__file__).parents[2]
_INCLUDED: Final = re.compile(r'^--8<-- "(.+)"$', re.MULTILINE)
_MODULE: Final = re.compile(r"^::: (\S+)", re.MULTILINE)
_SENTENCE: Final = re.compile(r".{20,}?[.!?](?=\s|$)|.+")


def page() -> str:
    """Return the text of the overview."""
    config = yaml.safe_load((_ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    home, *parts = config["nav"]
    lines = [f"# {config['site_name']}", "", f"> {_first_sentence(_text(home))}"]
    for part in parts:
        for title, pages in part.items():
            lines += ["", f"## {title}", "", *_lines(pages)]
    return "\n".join(lines) + "\n"


def _lines(pages: Any) -> Iterator[str]:
    if isinstance(pages, str):
        text = _text(pages)
        title = text.partition("\n")[0].removeprefix("# ").replace("`", "")
        address = f"{pages.removesuffix('.md').removesuffix('index').rstrip('/')}/"
        yield f"- [{title}]({address}): {_first_sentence(text)}"
        return
    for each in pages.values() if isinstance(pages, dict) else pages:
        yield from _lines(each)


def _text(page: str) -> str:
    """Return the text of a page; the pages of the project are files of the repository's root."""
    text = (_ROOT / "docs" / page).read_text(encoding="utf-8")
    return _INCLUDED.sub(lambda match: (_ROOT / match[1]).read_text(encoding="utf-8"), text)


def _first_sentence(text: str) -> str:
    """Return the first sentence of a page, or that of the module that it documents."""
    paragraphs = (" ".join(each.split()) for each in text.split("\n\n")[1:])
    prose = next((each for each in paragraphs if not each.startswith(("#", "|", "<!--", "```", "!["))), "")
    if module := _MODULE.match(prose):
        prose = _summary(module[1])
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", prose)
    sentence = _SENTENCE.match(plain)
    return sentence[0].replace("**", "") if sentence else ""


def _summary(module: str) -> str:
    path = _ROOT / Path(*module.split("."))
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    docstring = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
    return " ".join(docstring.partition("\n\n")[0].replace("``", "`").split())
