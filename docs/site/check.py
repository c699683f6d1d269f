"""`make docs` ends with this: every public name has its place on the built site, and every link within it leads
somewhere."""

import ast
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).parents[2]
SITE = ROOT / "out" / "docs"


class Page(HTMLParser):
    """A page's anchors, and where its links lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.anchors.add(value)
            elif name in ("href", "src") and value and not re.match(r"[a-z]+:|//", value):
                self.links.append(value)


def public() -> dict[str, str]:
    """Every name of every package's face (`__init__.pyi`), and where it is defined."""
    names = {}
    for face in sorted((ROOT / "magedit_lab").rglob("__init__.pyi")):
        package = ".".join(face.parent.relative_to(ROOT).parts)
        for node in ast.parse(face.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ImportFrom):
                where = f"{package}.{node.module}" if node.module else package
                names |= {f"{package}.{alias.name}": f"{where}.{alias.name}" for alias in node.names}
    return names


def problems(site: Path) -> list[str]:
    """A line for each name without a place, and each link that leads nowhere."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    anchors = set().union(*(page.anchors for page in pages.values()))
    packages = {".".join(face.parent.relative_to(ROOT).parts) for face in (ROOT / "magedit_lab").rglob("__init__.pyi")}
    lost = [f"{name}: no place for {at}" for name, at in public().items() if at not in anchors | packages]
    for path, page in pages.items():
        if path.name == "404.html":
            continue  # its links are from the site's root
        for link in page.links:
            target, _, part = link.partition("#")
            to = (path.parent / unquote(target)).resolve() if target else path
            if not to.exists():
                lost.append(f"{path.relative_to(site)}: no {link}")
            elif part and to in pages and unquote(part) not in pages[to].anchors:
                lost.append(f"{path.relative_to(site)}: no place {link}")
    return lost


if __name__ == "__main__":
    found = problems(SITE)
    print(*found, sep="\n", file=sys.stderr)
    print(f"{SITE}/index.html: {len(public())} public names, {sum(1 for _ in SITE.rglob('*.html'))} pages")
    sys.exit(bool(found))
