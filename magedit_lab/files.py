"""Files that are whole at any moment."""

import json
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Save = Callable[[Path], object]
MOST_JSON = 2**26  # bytes


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


def write_durably(path: Path, content: bytes) -> None:
    """Bytes that survive a power cut once this returns: written beside, forced to the disk, renamed. The file's mode is
    the one that the user's other new files have."""
    beside = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        with open(beside, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
        sync_folder(path.parent)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Force a folder's list of names to the disk, where the system can."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def read_regular(path: Path, most: int) -> bytes:
    """A file's bytes; ValueError, before any is read, for what is no plain file (a pipe, a device), or is larger than
    `most` bytes."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        handle = os.open(path, flags)
    except OSError as error:
        raise ValueError(f"cannot read {path.name!r}: {error.strerror}") from None
    with open(handle, "rb") as file:
        facts = os.fstat(handle)
        if not stat.S_ISREG(facts.st_mode):
            raise ValueError(f"expected a plain file at {path.name!r}, got a pipe, a device or a folder")
        if facts.st_size > most:
            raise ValueError(f"expected at most {most} bytes in {path.name!r}, got {facts.st_size}")
        content = file.read(facts.st_size + 1)
    if len(content) != facts.st_size:
        raise ValueError(f"expected {facts.st_size} bytes in {path.name!r}, got {len(content)}; it was being written")
    return content


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


def read_json(path: Path, kind: type = dict, most: int = MOST_JSON) -> Any:
    """What a JSON file holds; ValueError in one line where it can't be read or holds no `kind`."""
    try:
        value = json.loads(read_regular(path, most))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"cannot read {str(path)!r} as JSON: {type(error).__name__}: {error}") from None
    if not isinstance(value, kind):
        raise ValueError(f"expected {str(path)!r} to hold a {kind.__name__}, got {type(value).__name__}")
    return value


def reason(error: BaseException) -> str:
    """What another library's error says, in one line."""
    return f"{type(error).__name__}: {error}".strip().split("\n")[0][:160]
