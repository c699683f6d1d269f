"""A notebook without figures that stand in it twice, such as a widget's still and its plain twin."""

import copy

from nbformat import NotebookNode


def once(notebook: NotebookNode) -> NotebookNode:
    """A copy in which each picture stands where it is first; what else an output has stays."""
    made, known = copy.deepcopy(notebook), set[str]()
    for cell in made.cells:
        kept = []
        for output in cell.get("outputs", []):
            picture = "".join(output.get("data", {}).get("image/png", "")).strip()
            if picture and picture in known:
                continue
            known |= {picture}
            kept.append(output)
        if cell.cell_type == "code":
            cell.outputs = kept
    return made
