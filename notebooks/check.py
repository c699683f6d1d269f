"""What a reader of the committed notebooks would complain of: `build.py` ran them, here they become HTML.

    python notebooks/check.py            # all of them, or name some: 00 05

Empty or failed outputs, stored widget state, notebooks over a megabyte, links that lead nowhere, pictures without
words.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
from bs4 import BeautifulSoup, Tag
from magedit_lab.course.start import GONE
from nbconvert import HTMLExporter
from nbformat import NotebookNode

HERE = Path(__file__).parent
LIMIT = 1_000_000  # bytes
WIDTH = 104  # characters of a code line that a projector shows without scrolling
UNTOLD = re.compile(r"^\s*$|no description has been provided", re.I)


def committed(names: list[str]) -> list[Path]:
    """Students' and solution copies, of all notebooks or of those that begin with one of the names."""
    found = sorted(HERE.glob("[0-9]*.ipynb")) + sorted(HERE.glob("solutions/[0-9]*.ipynb"))
    return [path for path in found if not names or path.name.startswith(tuple(names))]


def complaints(path: Path) -> list[str]:
    """A line for each; none for a notebook that can be shown."""
    notebook = nbformat.read(path, 4)
    return [*stored(notebook, path), *cells(notebook), *page(notebook, path)]


def stored(notebook: NotebookNode, path: Path) -> Iterator[str]:
    if path.stat().st_size >= LIMIT:
        yield f"{path.stat().st_size:,} bytes, expected less than {LIMIT:,}"
    if "widgets" in notebook.metadata:
        yield "widget state is stored, expected none; GitHub refuses such notebooks when it is broken"


def cells(notebook: NotebookNode) -> Iterator[str]:
    """Errors, warnings, claims that do not hold, wide lines, cells not run in order, outputs with nothing in them."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for number, cell in enumerate(code, 1):
        said = f"code cell {number} ({cell.source.splitlines()[0][:40]})"
        if cell.execution_count != number:
            yield f"{said} has count {cell.execution_count}; run the notebook from its start"
        if wide := [line for line in cell.source.splitlines() if len(line) > WIDTH]:
            yield f"{said} has a line of {len(wide[0])} characters, expected at most {WIDTH}"
        for output in cell.outputs:
            if output.output_type == "error":
                yield f"{said} failed: {output.ename}: {output.evalue[:80]}"
            elif GONE in output.get("text", ""):
                yield f"{said} claims what is not so: {output.text.strip()[:160]}"
            elif output.get("name") == "stderr":
                yield f"{said} warned: {output.text.strip()[:80]}"


def page(notebook: NotebookNode, path: Path) -> Iterator[str]:
    """What the notebook is as HTML; the classic template keeps alt texts."""
    html, _ = HTMLExporter(template_name="classic").from_notebook_node(notebook)
    soup = BeautifulSoup(html, "html.parser")
    for number, area in enumerate(soup.select(".output_area"), 1):
        if not area.select("img, svg, table") and not shown(area):
            yield f"output {number} of the page is empty"
    for image in soup.select("img"):
        if UNTOLD.search(image.get("alt") or ""):
            yield f"a picture has no words: {str(image.get('src'))[:40]}"
    links = [a["href"] for a in soup.select("a[href]")] + [i["src"] for i in soup.select("img[src]")]
    for link in dict.fromkeys(links):
        if not re.match(r"(\w+:|#)", link) and not (path.parent / link.split("#")[0]).exists():
            yield f"{link} leads nowhere"


def shown(area: Tag) -> str:
    """The text of an output, without its prompt."""
    return "".join(part.get_text() for part in area.select(".output_subarea")).strip()


def main(names: list[str]) -> int:
    found = 0
    for path in committed(names):
        for line in complaints(path):
            print(f"{path.relative_to(HERE.parent)}: {line}")
            found += 1
    print(f"{len(committed(names))} notebooks, {found} complaints")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
