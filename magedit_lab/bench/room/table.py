"""The judges judged: ideal edits, untouched sources and cheats, as shares with intervals."""

from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np
from PIL import Image, ImageDraw

from .cases import RoomCase
from .cheats import RIGHT, WRONG
from .intervals import wilson
from .structure import structure
from .success import Judge, Verdict

Row = tuple[RoomCase, dict[str, Verdict], dict[str, float]]
TITLE = 18  # pixels


def judged(cases: Iterable[RoomCase]) -> Iterator[Row]:
    """Each case with the verdicts on every picture, and its structure distance."""
    for case in cases:
        judge = Judge(case.edit)
        results = {name: make(case.edit) for name, make in (RIGHT | WRONG).items()}
        distances = {k: structure(case.edit, v)["structure"] for k, v in results.items()}
        yield case, {k: judge(v) for k, v in results.items()}, distances


def markdown(rows: list[Row]) -> str:
    """A table: the share that succeeds with Wilson's interval, the structure distance, and which tests failed."""
    lines = ["| picture | success | structure | fails most often by |", "|---|---|---|---|"]
    for name in RIGHT | WRONG:
        verdicts = [verdict[name] for _, verdict, _ in rows]
        share = wilson(sum(v.success for v in verdicts), len(verdicts))
        failed = Counter(test for v in verdicts for test in v.failed).most_common(3)
        why = ", ".join(f"{test} {count}" for test, count in failed)
        lines.append(f"| {name} | {share} | {np.mean([s[name] for _, _, s in rows]):.3f} | {why} |")
    return "\n".join(lines)


def zoo(cases: Iterable[RoomCase], size: int = 128) -> Image.Image:
    """The cases in rows: source, ideal and every cheat."""
    names, listed = ["source", "ideal", *(n for n in WRONG if n != "source")], list(cases)
    sheet = Image.new("RGB", (size * len(names), size * len(listed) + TITLE), "white")
    for x, name in enumerate(names):
        ImageDraw.Draw(sheet).text((size * x + size // 2, TITLE // 2), name, "black", anchor="mm", font_size=12)
        for y, case in enumerate(listed):
            picture = Image.fromarray((RIGHT | WRONG)[name](case.edit)).resize((size, size), Image.Resampling.LANCZOS)
            sheet.paste(picture, (size * x, size * y + TITLE))
    return sheet
