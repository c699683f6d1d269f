"""Files that are whole at any moment."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Save = Callable[[Path], object]


def write(path: Path, save: Save) -> None:
    """Let `save` write beside `path`, then rename: an interrupt leaves the old file or the new one, never a half."""
    write_all(path.parent, {path.name: save})


def write_all(folder: Path, saves: Mapping[str, Save | None]) -> None:
    """The same for several files of a folder: all are written beside before the first is renamed, in the order given,
    so that an interrupt of the writing leaves every old file. A name with None is removed."""
    folder.mkdir(parents=True, exist_ok=True)
    beside = {name: folder / f".{os.getpid()}-{name}" for name in saves}
    try:
        for name, save in saves.items():
            if save:
                save(beside[name])
        for name, save in saves.items():
            if save:
                os.replace(beside[name], folder / name)
            else:
                (folder / name).unlink(missing_ok=True)
    finally:
        for path in beside.values():
            path.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """A text in UTF-8."""
    write(path, lambda beside: beside.write_text(text, encoding="utf-8"))


def add_line(path: Path, row: Mapping[str, Any]) -> None:
    """A row as JSON at the end of a file of lines, which is made where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def lines(path: Path) -> list[str]:
    """The lines of such a file, none where there is no file; a last one that an interrupt cut short is taken off it."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8", errors="replace")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        write_text(path, whole)
    return whole.split("\n")[:-1]


def read_json(path: Path, kind: type = dict) -> Any:
    """What a JSON file holds; ValueError in one line where it can't be read or holds no `kind`."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"cannot read {str(path)!r} as JSON: {type(error).__name__}: {error}") from None
    if not isinstance(found, kind):
        raise ValueError(f"expected {str(path)!r} to hold a {kind.__name__}, got {type(found).__name__}")
    return found


def reason(error: BaseException) -> str:
    """What another library's error says, in one line."""
    return f"{type(error).__name__}: {error}".strip().split("\n")[0][:160]
