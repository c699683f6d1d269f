"""The demo on scenes that nobody chose: how often each method gives the masked object its colour."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ... import files
from ...inversion.base import Progress
from ...model.backbone import Backbone
from ..demo import GUIDED, Demo, colour_of, play
from ..room.intervals import paired, wilson
from ..run import identity

ROWS = "further.jsonl"


@dataclass(frozen=True)
class Row:
    """One scene: the colour that was asked for, and by method the colour that the masked object has.

    by: the model and the demo's numbers.
    """

    seed: int
    asked: str
    colours: dict[str, str]
    by: str

    def took(self, method: str) -> float:
        """1 where the object has its colour, 0 elsewhere."""
        return float(self.colours[method] == self.asked)


def measure(
    net: Backbone, demo: Demo, seeds: Iterable[int], out: Path, progress: Callable[[int], Progress]
) -> Iterator[Row]:
    """A row for each scene, done ones from `further.jsonl` in `out`; each is written as soon as its edits are done."""
    numbers = {name: value for name, value in asdict(demo).items() if name != "seed"}
    by = f"{identity(net)}, {numbers}"
    done = {row.seed: row for row in load(out) if row.by == by}
    for seed in seeds:
        row = done.get(seed)
        if row is None:
            traces = play(net, replace(demo, seed=seed), progress(seed))
            colours = {name: colour_of(trace) for name, trace in traces.items()}
            row = Row(seed, traces[GUIDED].task.words[0], colours, by)
            files.add_line(out / ROWS, asdict(row))
        yield row


def load(out: Path) -> list[Row]:
    """The rows so far."""
    return [Row(**json.loads(line)) for line in files.lines(out / ROWS)]


def markdown(rows: Sequence[Row]) -> str:
    """How often the masked object took its colour, with Wilson's interval, and the difference to MAG-Edit on the same
    scenes, with the bootstrap's."""
    lines = [f"| method | took its colour, of {len(rows)} scenes | {GUIDED} minus it |", "|---|---|---|"]
    guided = [row.took(GUIDED) for row in rows]
    for name in rows[0].colours:
        own = [row.took(name) for row in rows]
        less = "" if name == GUIDED else str(paired(guided, own))
        lines.append(f"| {name} | {wilson(int(sum(own)), len(own))} | {less} |")
    return "\n".join(lines)
