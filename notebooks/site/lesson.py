"""What the gallery says of a notebook: title, goals, time, and a picture."""

import base64
import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from .slides import sentences

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"


@dataclass(frozen=True)
class Lesson:
    """A committed notebook."""

    path: Path
    notebook: NotebookNode

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def title(self) -> str:
        return self._matched(r"^# (.+)$", "a line '# title'")

    @property
    def goals(self) -> str:
        """One sentence, without the marks of its verbs."""
        words = self._matched(r"^\*\*You will\*\* (.+?)(?:\n\n|\Z)", "a paragraph '**You will** …'")
        words = sentences(words)[0]
        words = " ".join(words.replace("*", "").split()).rstrip(".")
        return f"{words[:1].upper()}{words[1:]}."

    @property
    def time(self) -> str:
        return self._matched(r"\*\*Time\*\*:? ([^\n;]+)", "a measured '**Time** …'").rstrip(". ")

    def picture(self) -> tuple[bytes, str]:
        """The title picture as a PNG, else the first figure; and its words."""
        match = re.search(r"!\[([^]]+)\]\(([^)]+\.png)\)", self._prose)
        if match:
            return (self.path.parent / match[2]).read_bytes(), match[1]
        for cell in self.notebook.cells:
            for output in cell.get("outputs", []):
                if "image/png" in output.get("data", {}):
                    words = output.metadata["image/png"]["alt"]
                    return base64.b64decode(output.data["image/png"]), words
        raise ValueError(f"expected a picture in {self.path.name}, got none; run `make notebooks`")

    @property
    def _prose(self) -> str:
        return "\n\n".join(c.source for c in self.notebook.cells if c.cell_type == "markdown")

    def _matched(self, pattern: str, what: str) -> str:
        match = re.search(pattern, self._prose, re.MULTILINE | re.DOTALL if "Z" in pattern else re.MULTILINE)
        if not match:
            raise ValueError(f"expected {what} in {self.path.name}, got none; add it to notebooks/source")
        return match[1].strip()


def lessons(folder: Path = NOTEBOOKS) -> list[Lesson]:
    """The notebooks of a folder, in their order."""
    listed = [Lesson(path, nbformat.read(path, 4)) for path in sorted(folder.glob("[0-9]*.ipynb"))]
    if not listed:
        raise ValueError(f"expected notebooks in {str(folder)!r}, got none; run `make notebooks`")
    return listed
