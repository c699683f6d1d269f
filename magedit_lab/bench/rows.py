"""Rows of scores on disk: files that only grow, and claims, so that several processes share one folder's work."""

import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

try:
    import fcntl
except ImportError:  # Windows: there, two processes in one folder are not told apart
    fcntl = None  # type: ignore[assignment]

Row = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class Shard:
    """Part `i` of `n`, from 1: each case of a list belongs to one, whatever machine asks."""

    i: int = 1
    n: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.i <= self.n:
            raise ValueError(f"expected a shard i/n with i from 1 to n, got {self.i}/{self.n}; count from 1")

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Of "2/8"; ValueError for another form."""
        if not (match := re.fullmatch(r"(\d+)/(\d+)", text)):
            raise ValueError(f"expected a shard as i/n, such as 2/8, got {text!r}")
        return cls(int(match[1]), int(match[2]))

    def of(self, several: Sequence[T]) -> Sequence[T]:
        """Every n-th, from the i-th on."""
        return several[self.i - 1 :: self.n]

    @property
    def file(self) -> str:
        """The name of its rows."""
        return "rows.jsonl" if self.n == 1 else f"rows.{self.i}-of-{self.n}.jsonl"


def load(out: Path, columns: Sequence[str] = ()) -> list[Row]:
    """The rows so far of all files in a folder, each case and setting once; a last line that an interrupt cut short is
    left out. ValueError that says where it stands for a line that is no row."""
    rows: dict[tuple[str, str], Row] = {}
    for path in sorted(out.glob("rows*.jsonl")):
        text = path.read_text(encoding="utf-8", errors="replace")
        for i, line in enumerate(text[: text.rfind("\n") + 1].split("\n")[:-1], 1):
            row = _read(line, f"{path}, line {i}", columns)
            rows.setdefault((row["case"], row["setting"]), row)
    return list(rows.values())


def _read(line: str, where: str, columns: Sequence[str]) -> Row:
    try:
        row = json.loads(line)
        texts = [row[key] for key in ("case", "setting", "change")]
        scores = [value for key, value in row.items() if key in columns]
        if all(isinstance(x, str) for x in texts) and all(isinstance(x, int | float | None) for x in scores):
            return row
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        pass
    raise ValueError(f"{where}: expected a row of scores, got {line[:50]!r}; remove that line")


def append(path: Path, row: Row) -> None:
    """A line at the end of a file, in one write; what an interrupt cut short before it goes."""
    with claim(path.parent, path.name), path.open("a+b") as file:
        file.seek(0)
        whole = file.read()
        if (end := whole.rfind(b"\n") + 1) != len(whole):
            file.truncate(end)
        file.write(json.dumps(row).encode() + b"\n")


@contextmanager
def claim(out: Path, *names: str, wait: bool = True) -> Iterator[bool]:
    """Hold a piece of a folder's work against all other processes; with wait=False, False where another holds it. A
    process that is killed holds nothing any more."""
    digest = hashlib.blake2b("\0".join(names).encode(), digest_size=12).hexdigest()
    folder = out / ".claims"
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / digest, os.O_CREAT | os.O_RDWR, 0o666)
    try:
        yield _lock(handle, wait)
    finally:
        os.close(handle)


def _lock(handle: int, wait: bool) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True
