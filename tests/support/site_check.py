"""Check the built site: `python -m support.site_check site` prints what a reader would miss."""

import sys
import zlib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

from support.public_names import public_names

_ROOT = "http://site/"
_LONGEST = 900
"""The words of three screens: a longer page needs a table of contents."""
_LOADED = {"img": "src", "script": "src", "link": "href"}


class _Page(HTMLParser):
    """The links, anchors and words of one page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.contents: set[str] = set()
        self.words = 0
        self._in_article = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the link or the anchor of an element."""
        found = {name: value or "" for name, value in attrs}
        self._in_article = self._in_article or tag == "article"
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
            if "md-nav__link" in found.get("class", "") and found["href"].startswith("#"):
                self.contents.add(found["href"])
        if _LOADED.get(tag) in found and found.get("rel", "") not in {"canonical", "next", "prev"}:
            self.loaded.append(found[_LOADED[tag]])

    def handle_endtag(self, tag: str) -> None:
        """End the article."""
        self._in_article = self._in_article and tag != "article"

    def handle_data(self, data: str) -> None:
        """Count the words of the article."""
        if self._in_article:
            self.words += len(data.split())


def problems(site: Path) -> Iterator[str]:
    """Yield a line for each link that leads nowhere, file of another host, orphan, and long page without contents.

    Args:
        site: The folder of the built site.
    """
    files = sorted(site.rglob("*.html"))
    pages = {path.relative_to(site).as_posix(): _Page(path.read_text(encoding="utf-8")) for path in files}
    reached = {"index.html", "404.html"}
    for name, page in pages.items():
        if name == "404.html":
            continue  # its links begin at a server's root
        for link in [*page.links, *page.loaded]:
            target = urlsplit(urljoin(_ROOT + name, link))
            if not f"{target.scheme}://{target.netloc}/".startswith(_ROOT):
                if link in page.loaded:
                    yield f"{name}: {link} is loaded from another host"
                continue
            path = unquote(target.path).removeprefix("/")
            path += "index.html" if not path or path.endswith("/") else ""
            reached |= {path} - {name}
            if not (site / path).is_file():
                yield f"{name}: {link} leads to no page"
            elif target.fragment and path in pages and unquote(target.fragment) not in pages[path].anchors:
                yield f"{name}: {link} leads to no section"
        if page.words > _LONGEST and len(page.contents) < 2:
            yield f"{name}: {page.words} words without a table of contents"
    yield from (f"{name}: no page leads to it" for name in pages.keys() - reached)


def entries(site: Path) -> set[str]:
    """Return the paths of the names that the reference of a site has, from its inventory."""
    *_, compressed = (site / "objects.inv").read_bytes().split(b"\n", 4)
    return {line.split()[0] for line in zlib.decompress(compressed).decode().splitlines()}


def main() -> int:
    """Print the problems of the package's site; return 1 if there are any."""
    site = Path(sys.argv[1])
    shown = entries(site)
    missing = [path for path, home in public_names().items() if not {path, home} & shown]
    found = [*problems(site), *(f"the reference has no entry for {name}" for name in missing)]
    sys.stdout.writelines(f"{problem}\n" for problem in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
