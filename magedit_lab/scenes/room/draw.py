"""Random choices of the layouts: colours, finishes, sizes, and the room around the things."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from .distances import Number, Triple
from .kinds import KINDS
from .scene import Scene
from .things import COLOURS, FINISHES, GROUNDS, WALLS, Camera, Thing

T = TypeVar("T")
CLOTH = (0.46, 0.13, 0.10, 0.11, 0.03, 0.03, 0.14)  # how often each of FINISHES is drawn
HARD = (0.40, 0.13, 0.12, 0.12, 0.11, 0.10, 0.02)
OTHER_PART = {  # kinds, and the part that may have a colour of its own
    "sofa": "seat", "armchair": "seat", "mug": "handle", "box": "lid", "teapot": "lid", "cabinet": "doors",
    "table": "legs", "stool": "legs", "rug": "border", "lamp": "post",
}  # fmt: skip


class Draw:
    """A random generator with words for what the layouts draw."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def between(self, low: Number, high: Number) -> float:
        return float(self.rng.uniform(low, high))

    def near(self, middle: Number, reach: Number) -> float:
        return self.between(middle - reach, middle + reach)

    def chance(self, share: Number) -> bool:
        return bool(self.rng.random() < share)

    def side(self) -> int:
        return 1 if self.chance(0.5) else -1

    def pick(self, values: Sequence[T], shares: Sequence[float] | None = None) -> T:
        return values[int(self.rng.choice(len(values), p=shares))]

    def alike(self, kinds: Sequence[str], count: int) -> list[str]:
        """That many kinds, in more than half of all cases two of them the same."""
        chosen = [self.pick(kinds) for _ in range(count)]
        if count > 1 and self.chance(0.6):
            i, j = self.rng.choice(count, 2, replace=False)
            chosen[j] = chosen[i]
        return chosen

    def thing(
        self, kind: str, at: Triple, size: Number = 1.0, yaw: Number = 0.0, pitch: Number = 0.0, place: str = "floor",
        on: int | None = None, finish: str | None = None,
    ) -> Thing:  # fmt: skip
        """A thing of random colour and finish, one in ten with a part of another colour."""
        colour = self.pick(tuple(COLOURS))
        drawn = self.pick(FINISHES, HARD if KINDS[kind].gloss else CLOTH)
        own: tuple[tuple[str, str], ...] = ()
        if kind in OTHER_PART and self.chance(0.1):
            own = ((OTHER_PART[kind], self.pick([c for c in COLOURS if c != colour])),)
        return Thing(kind, colour, finish or drawn, at, size, yaw, pitch, place, on, own)

    def hung(self, x: Number, y: Number, z: Number, size: Number) -> Thing:
        """A picture or a clock on the wall."""
        kind = self.pick(("picture", "picture", "clock"))
        return self.thing(kind, (x, y, z), size * (1.1 if kind == "clock" else 1.0), place="wall")

    def row(
        self, kinds: Sequence[str], base: Triple, size: Number, gap: Number, place: str = "top", on: int | None = None
    ) -> list[Thing]:
        """Small things side by side, a gap between each two, around the base's middle."""
        things = [self.small(kind, base, size * self.between(0.95, 1.05), place, on) for kind in kinds]
        wides = [(KINDS[t.kind].high[0] - KINDS[t.kind].low[0]) * t.size for t in things]
        at = base[0] - (sum(wides) + gap * (len(things) - 1)) / 2
        for i, (thing, wide) in enumerate(zip(things, wides, strict=True)):
            middle = (KINDS[thing.kind].high[0] + KINDS[thing.kind].low[0]) / 2 * thing.size
            things[i] = replace(thing, at=(at + wide / 2 - middle, base[1], base[2] + self.near(0, 0.03)))
            at += wide + gap
        return things

    def small(self, kind: str, at: Triple, size: Number, place: str, on: int | None) -> Thing:
        """A thing turned by chance; flat and small kinds a little larger, so that each is worth editing."""
        grown = {
            "bowl": 1.14,
            "mug": 1.14,
            "book": 1.12,
            "plant": 0.92,
            "teapot": 0.95,
            "ball": 1.12,
            "vase": 1.08,
            "box": 1.15,
        }.get(kind, 1.0)
        yaw = {"book": 0.45, "box": 0.5, "mug": 0.7, "teapot": 0.5}.get(kind, 0.3)
        return self.thing(kind, at, size * grown, self.near(0, yaw), place=place, on=on)

    def room(
        self,
        things: Sequence[Thing],
        camera: Camera,
        surface: str = "floor",
        wall_z: Number = -0.8,
        edge_z: Number = -9.0,
    ) -> Scene:
        """A scene of these things; on = -1 stands for the table among them. Two of a kind are at times twins."""
        table = next((i for i, t in enumerate(things) if t.kind == "table"), None)
        done = [replace(t, on=table) if t.on == -1 else t for t in things]
        for i, thing in enumerate(done):
            twins = [t for t in done[:i] if t.kind == thing.kind]
            if twins and self.chance(0.22):
                done[i] = replace(
                    thing, colour=twins[0].colour, finish=twins[0].finish, part_colours=twins[0].part_colours
                )
        sun = (self.side() * self.between(0.45, 0.9), 1.0, self.between(0.65, 1.05))
        wall, ground = self.pick(tuple(WALLS)), self.pick(tuple(GROUNDS), (0.5, 0.25, 0.25))
        window = self.between(0.5, 1.0) if self.chance(0.45) else 0.0
        return Scene(tuple(done), wall, ground, camera, surface, wall_z, edge_z, sun, window)
