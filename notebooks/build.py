"""Make the notebooks from `source/*.py` (jupytext's percent format) and run them: stubs in full, solutions in short.

    python notebooks/build.py            # all of them, or name some: 00 05
    python notebooks/build.py --texts    # the same without running them, where no code has changed since they were

A student's notebook is run in the profile `lesson`, its solution copy in `ci`, as nbval runs it. A student's notebook
keeps cells tagged `exercise` and folds those tagged `solution` away; a solution copy has only the latter. `{time}` in a
source becomes the time that the student's run took. A figure of a cell tagged `title` becomes the notebook's title
picture, `pictures/NAME.png`.
"""

import base64
import os
import re
import sys
import time
from copy import deepcopy
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

HERE = Path(__file__).parent
SOURCES = sorted((HERE / "source").glob("*.py"))


def student(source: NotebookNode) -> NotebookNode:
    """Stubs to fill in; each solution is folded away below its stub."""
    notebook = deepcopy(source)
    for cell in notebook.cells:
        if "solution" in tags(cell):
            folded = f"<details><summary>Solution</summary>\n\n```python\n{cell.source}\n```\n\n</details>"
            cell.update(new_markdown_cell(folded, id=cell.id))
            cell.pop("outputs", None)
            cell.pop("execution_count", None)
    return notebook


def solution(source: NotebookNode) -> NotebookNode:
    """The same with every exercise solved; links climb one folder."""
    notebook = deepcopy(source)
    notebook.cells = [cell for cell in notebook.cells if "exercise" not in tags(cell)]
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = cell.source.replace("](../", "](../../").replace("](pictures/", "](../pictures/")
    return notebook


def tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def read(path: Path) -> NotebookNode:
    """A source as a notebook, with stable cell ids and a link to the next one."""
    notebook = jupytext.read(path)
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    place = SOURCES.index(path)
    if place + 1 < len(SOURCES):
        following = SOURCES[place + 1].stem
        notebook.cells.append(new_markdown_cell(f"**Next:** [{following.replace('_', ' ')}]({following}.ipynb)"))
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
    return notebook


def run(notebook: NotebookNode, folder: Path, profile: str = "lesson") -> float:
    """Execute in place, in `folder`; how many seconds it took."""
    start = time.monotonic()
    client = NotebookClient(notebook, timeout=1200, record_timing=False, resources={"metadata": {"path": str(folder)}})
    client.execute(env={**os.environ, "MAGEDIT_LAB_PROFILE": profile})
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        outputs = cell.get("outputs", [])
        cell.update({"outputs": without_warnings(outputs)} if outputs else {})
    notebook.metadata.pop("widgets", None)
    return time.monotonic() - start


def keep(notebook: NotebookNode, path: Path) -> float:
    """Put the outputs of the notebook at `path` into one of the same code; how many seconds they took."""
    old = nbformat.read(path, 4)
    before, now = ([c for c in n.cells if c.cell_type == "code"] for n in (old, notebook))
    if [c.source for c in before] != [c.source for c in now]:
        raise ValueError(f"expected the code of {path.name} as it was run, got other code; leave out --texts")
    notebook.metadata = old.metadata
    for cell, done in zip(now, before, strict=True):
        cell.update({"outputs": done.outputs, "execution_count": done.execution_count})
    return float(re.findall(r"\*\*Time\*\* (\d+) s", old.cells[0].source)[0])


def without_warnings(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """All but stderr; text that it came between is joined again."""
    kept: list[NotebookNode] = []
    for output in outputs:
        if kept and output.get("name") == kept[-1].get("name") == "stdout":
            kept[-1].text += output.text
        elif output.get("name") != "stderr" and output.get("text", "?").strip():
            kept.append(output)
    return kept


def write_title(notebook: NotebookNode, path: Path) -> None:
    """The figure of the cell tagged `title`, where there is one, as a file."""
    for cell in notebook.cells:
        if "title" in tags(cell):
            (found,) = [o.data["image/png"] for o in cell.outputs if "image/png" in o.get("data", {})]
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(base64.b64decode(found))


def write(notebook: NotebookNode, path: Path, seconds: float) -> None:
    cores = int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1))
    words = f"{seconds:.0f} s on {cores} CPU core{'s' * (cores > 1)}, all cells; a GPU was not measured"
    for cell in notebook.cells:
        cell.source = cell.source.replace("{time}", words) if cell.cell_type == "markdown" else cell.source
    path.parent.mkdir(exist_ok=True)
    beside = path.with_name(f".{os.getpid()}-{path.name}")
    nbformat.write(notebook, beside)
    os.replace(beside, path)
    print(f"{path.relative_to(HERE.parent)}: {seconds:.0f} s, {path.stat().st_size / 1024:.0f} kB", flush=True)


def main(names: list[str]) -> None:
    texts = "--texts" in names
    names = [name for name in names if name != "--texts"]
    for path in SOURCES:
        if names and not path.name.startswith(tuple(names)):
            continue
        source = read(path)
        solved, given = solution(source), student(source)
        (HERE / "solutions").mkdir(exist_ok=True)
        if texts:
            keep(solved, HERE / "solutions" / f"{path.stem}.ipynb")
            seconds = keep(given, HERE / f"{path.stem}.ipynb")
        else:
            run(solved, HERE / "solutions", "ci")
            seconds = run(given, HERE)
        write_title(given, HERE / "pictures" / f"{path.stem}.png")
        write(given, HERE / f"{path.stem}.ipynb", seconds)
        write(solved, HERE / "solutions" / f"{path.stem}.ipynb", seconds)


if __name__ == "__main__":
    main(sys.argv[1:])
