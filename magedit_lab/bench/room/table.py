"""The judges judged: ideal edits, untouched sources and cheats, as shares with intervals."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from ... import files
from . import cases
from .cheats import RIGHT, WRONG
from .intervals import wilson
from .structure import structure
from .success import Judge

TITLE = 18  # pixels
ROWS = "rows.jsonl"


@dataclass(frozen=True)
class Row:
    """One case: by picture the tests that it fails (none where it succeeds), and its structure distance to the ideal.

    code: `judged_by`.
    """

    case: str
    failed: dict[str, list[str]]
    structure: dict[str, float]
    code: str


@cache
def judged_by() -> str:
    """A digest of the judges' and the cases' source: rows of other judges do not belong into the same table."""
    sources = sorted(p for p in Path(__file__).parent.glob("*.py") if p.name not in ("table.py", "intervals.py"))
    return hashlib.sha256(b"".join(p.read_bytes() for p in sources)).hexdigest()[:12]


def judged(case: cases.RoomCase) -> Row:
    """The case's verdicts on every picture."""
    judge = Judge(case.edit)
    pictures = {name: draw(case.edit) for name, draw in (RIGHT | WRONG).items()}
    failed = {name: list(judge(picture).failed) for name, picture in pictures.items()}
    distances = {name: structure(case.edit, picture)["structure"] for name, picture in pictures.items()}
    return Row(case.name, failed, distances, judged_by())


def measure(numbers: Iterable[int], of: str, out: Path) -> Iterator[Row]:
    """A row for each case of a set by its number, done ones from `rows.jsonl` in `out`.

    A line is written when its case is judged, so that an interrupt loses at most the case under way.
    """
    done = {row.case: row for row in load(out) if row.code == judged_by()}
    for number in numbers:
        row = done.get(cases.name(number, of))
        if row is None:
            row = judged(cases.case(number, of))
            files.add_line(out / ROWS, asdict(row))
        yield row


def load(out: Path) -> list[Row]:
    """The rows so far."""
    return [Row(**json.loads(line)) for line in files.lines(out / ROWS)]


def markdown(rows: Sequence[Row]) -> str:
    """A table: the share that succeeds with Wilson's interval, the structure distance, and which tests failed."""
    lines = ["| picture | success | structure | fails most often by |", "|---|---|---|---|"]
    for name in RIGHT | WRONG:
        share = wilson(sum(not row.failed[name] for row in rows), len(rows))
        failed = Counter(test for row in rows for test in row.failed[name]).most_common(3)
        why = ", ".join(f"{test} {count}" for test, count in failed)
        lines.append(f"| {name} | {share} | {np.mean([row.structure[name] for row in rows]):.3f} | {why} |")
    return "\n".join(lines)


def zoo(several: Iterable[cases.RoomCase], size: int = 128) -> Image.Image:
    """The cases in rows: source, ideal and every cheat."""
    names, listed = ["source", "ideal", *(n for n in WRONG if n != "source")], list(several)
    sheet = Image.new("RGB", (size * len(names), size * len(listed) + TITLE), "white")
    for x, name in enumerate(names):
        ImageDraw.Draw(sheet).text((size * x + size // 2, TITLE // 2), name, "black", anchor="mm", font_size=12)
        for y, case in enumerate(listed):
            picture = Image.fromarray((RIGHT | WRONG)[name](case.edit)).resize((size, size), Image.Resampling.LANCZOS)
            sheet.paste(picture, (size * x, size * y + TITLE))
    return sheet
