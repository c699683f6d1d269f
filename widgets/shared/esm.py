"""A widget's scripts as the one module that anywidget takes, and the style sheets of all."""

import re
from pathlib import Path

FOLDER = Path(__file__).parent.parent
SHEETS = ("shared/widgets.css", "predict/predict.css", "progress/progress.css", "dash/app.css")
CSS = "".join((FOLDER / sheet).read_text(encoding="utf-8") for sheet in SHEETS)
IMPORT = re.compile(r'^import \{[^}]*\} from "(\.{1,2}/[\w./]+)";\n', re.M)


def esm(name: str) -> str:
    """A script of the widgets' folder, such as `compare.js`, with what it imports before it, each once."""
    return "\n".join(_modules(FOLDER / name, []))


def _modules(path: Path, included: list[Path]) -> list[str]:
    included.append(path)
    text = path.read_text(encoding="utf-8")
    others = [(path.parent / other).resolve() for other in IMPORT.findall(text)]
    parts = [m for other in others if other not in included for m in _modules(other, included)]
    return [*parts, re.sub(r"^export (?!default)", "", IMPORT.sub("", text), flags=re.M)]
