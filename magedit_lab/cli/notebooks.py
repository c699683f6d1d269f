"""`magedit-lab notebooks DIR`: the course, out of the installed package."""

import argparse
import json
import re
from collections.abc import Iterator
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

from .. import files
from .common import claim, command

PLACE = "share/magedit-lab/notebooks/"  # where a wheel has them
KINDS = (".ipynb", ".png", ".svg")


def add(commands: Any, name: str) -> None:
    parser = command(commands, name, notebooks)
    parser.add_argument("dir", type=Path, help="a folder to write to; it may not hold notebooks of these names")
    parser.add_argument("--solutions", action="store_true", help="the solved copies as well")
    parser.add_argument(
        "--install",
        metavar="WHAT",
        help="put a first cell `%%pip install WHAT` into each, as Colab needs: a wheel, or a package's name or address",
    )


def notebooks(arguments: argparse.Namespace) -> None:
    """Copy notebooks and pictures; nothing that is there is overwritten."""
    copies = dict(shipped())
    chosen = {name: file for name, file in copies.items() if arguments.solutions or not name.startswith("solutions/")}
    if not any(name.endswith(".ipynb") for name in chosen):
        raise ValueError(
            "expected the course beside the package, got none; install the wheel, or a copy of the project"
        )
    if there := [name for name in chosen if (arguments.dir / name).exists()]:
        raise ValueError(f"expected a folder without {there[0]}, got one with it; choose another folder")
    claim(arguments.dir)
    for name, file in chosen.items():
        target = arguments.dir / name
        target.parent.mkdir(parents=True, exist_ok=True)
        content = file.read_bytes()
        if name.endswith(".ipynb"):
            content = alone(content.decode(), arguments.install).encode()
        files.write(target, partial(_put, content))
    count = sum(name.endswith(".ipynb") for name in chosen)
    print(f"{arguments.dir}: {count} notebooks; jupyter lab {arguments.dir}")


def _put(content: bytes, path: Path) -> None:
    path.write_bytes(content)


def shipped() -> Iterator[tuple[str, Path]]:
    """The course's files by their names below the course's folder: of a checkout, else of the installed wheel."""
    checkout = Path(__file__).parents[2] / "notebooks"
    if (checkout / "source").is_dir():
        for folder in (checkout, checkout / "pictures", checkout / "solutions"):
            yield from (
                (f.relative_to(checkout).as_posix(), f) for f in sorted(folder.glob("*.*")) if f.suffix in KINDS
            )
        return
    for file in metadata.files("magedit-lab") or []:
        if PLACE in file.as_posix():
            yield file.as_posix().split(PLACE)[1], Path(str(file.locate()))


def alone(text: str, install: str | None) -> str:
    """A notebook for a folder of its own: links to the project's documents become their names, and `install` a first
    cell."""
    book = json.loads(text)
    for cell in book["cells"]:
        if cell["cell_type"] == "markdown":
            whole = "".join(cell["source"])
            cell["source"] = re.sub(r"(?<!!)\[([^]]+)\]\((?:\.\./)+docs/([^)]+)\)", r"\1 (`docs/\2`)", whole)
            cell["source"] = re.sub(r"!\[([^]]+)\]\((?:\.\./)+docs/[^)]+\)", r"*\1*", cell["source"])
    if install:
        source = f'%pip install -q "{install}"'
        first: dict[str, Any] = {
            "cell_type": "code",
            "id": "install",
            "metadata": {},
            "outputs": [],
            "execution_count": None,
        }
        book["cells"].insert(0, first | {"source": source})
    return json.dumps(book, indent=1, ensure_ascii=False) + "\n"
