"""A notebook cut into slides: one for each heading, and one for each figure with its code and caption."""

import re

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell


def cut(notebook: NotebookNode) -> list[list[NotebookNode]]:
    """Cells, prose cut at its headings, in slides; solutions stay in the notebook."""
    slides: list[list[NotebookNode]] = []
    for cell in pieces(notebook):
        fresh = starts(cell) or not slides
        slides += [[cell]] if fresh else []
        if not fresh:
            slides[-1].append(cell)
    return slides


def pieces(notebook: NotebookNode) -> list[NotebookNode]:
    cells = []
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            cells.append(cell)
            continue
        for text in re.split(r"^(?=#{1,3} )", cell.source, flags=re.MULTILINE):
            if text.strip() and not text.startswith("<details><summary>Solution"):
                cells.append(new_markdown_cell(text))
    return cells


def starts(cell: NotebookNode) -> bool:
    """Whether a slide begins here."""
    if cell.cell_type == "markdown":
        return cell.source.startswith("#")
    return any("image/png" in output.get("data", {}) for output in cell.get("outputs", []))
