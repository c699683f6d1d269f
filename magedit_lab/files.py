"""Files that are whole at any moment."""

import os
from collections.abc import Callable
from pathlib import Path


def write(path: Path, save: Callable[[Path], object]) -> None:
    """Let `save` write beside `path`, then rename: an interrupt leaves the old file or the new one, never a half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        save(beside)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """The same for a text in UTF-8."""
    write(path, lambda beside: beside.write_text(text, encoding="utf-8"))
