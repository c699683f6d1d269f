"""The kinds of things: their parts, shapes, bounds, and how a pattern lies on them."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from . import furniture, smalls
from .distances import Triple

BRASS, BLACKENED, OAK, PAPER, LEAF = (
    (0.50, 0.33, 0.12), (0.035, 0.033, 0.032), (0.42, 0.22, 0.09), (0.76, 0.70, 0.58), (0.055, 0.21, 0.045),
)  # fmt: skip


@dataclass(frozen=True)
class Part:
    """A part of a kind. `paint`: its own albedo (linear RGB), or None where it has its thing's colour and finish."""

    name: str
    paint: Triple | None = None


@dataclass(frozen=True)
class Kind:
    """What all things of one kind share.

    parts: as many as `distances` returns. low, high: corners of a box that holds it, in metres. period: of a pattern,
    in metres. wrap: how a pattern lies on it ("faces": by the face's direction; "front": as seen from the front;
    "ground": from above; "round": around the y axis, `around` periods a turn). gloss: 0 for cloth to 1 for glaze.
    """

    distances: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, ...]]
    parts: tuple[Part, ...]
    low: Triple
    high: Triple
    period: float
    wrap: str = "faces"
    around: int = 1
    gloss: float = 0.0

    @property
    def across(self) -> float:
        """The side of a square as large as its width times height, in metres."""
        return ((self.high[0] - self.low[0]) * (self.high[1] - self.low[1])) ** 0.5

    @property
    def deep(self) -> float:
        return self.high[2] - self.low[2]


def _parts(*names: str | tuple[str, Triple]) -> tuple[Part, ...]:
    return tuple(Part(name) if isinstance(name, str) else Part(*name) for name in names)


def _boxed(wide: float, high: float, deep: float, back: float | None = None) -> tuple[Triple, Triple]:
    """A box from the ground, half sides `wide` and `deep`; back: where it starts in z, if not at -deep."""
    return (-wide, -0.005, -deep if back is None else back), (wide, high, deep)


KINDS: dict[str, Kind] = {
    "sofa": Kind(furniture.sofa, _parts("body", "seat", ("feet", OAK)), *_boxed(1.0, 0.91, 0.47), 0.20),
    "armchair": Kind(furniture.armchair, _parts("body", "seat", ("feet", OAK)), *_boxed(0.54, 1.01, 0.45), 0.17),
    "pillow": Kind(smalls.pillow, _parts("body"), *_boxed(0.30, 0.59, 0.14), 0.145, "front"),
    "lamp": Kind(
        furniture.lamp, _parts("shade", ("post", BLACKENED)), *_boxed(0.35, 1.57, 0.35), 0.15, "round", 12),
    "table": Kind(furniture.table, _parts("top", "legs"), *_boxed(0.51, 0.47, 0.51), 0.30, "ground", gloss=0.5),
    "stool": Kind(furniture.stool, _parts("seat", "legs"), *_boxed(0.26, 0.51, 0.26), 0.12, "ground", gloss=0.3),
    "cabinet": Kind(
        furniture.cabinet, _parts("body", "doors", ("legs", BRASS)), *_boxed(0.74, 0.65, 0.345), 0.16, gloss=0.4),
    "vase": Kind(smalls.vase, _parts("body"), *_boxed(0.20, 0.56, 0.20), 0.135, "round", 8, 1.0),
    "mug": Kind(
        smalls.mug, _parts("body", "handle"), (-0.18, -0.005, -0.18), (0.30, 0.38, 0.18), 0.12, "round", 8, 1.0),
    "ball": Kind(smalls.ball, _parts("body"), *_boxed(0.23, 0.45, 0.23), 0.147, "round", 8, 0.7),
    "box": Kind(smalls.crate, _parts("body", "lid"), *_boxed(0.23, 0.42, 0.23), 0.12, gloss=0.2),
    "bowl": Kind(smalls.bowl, _parts("body"), *_boxed(0.26, 0.35, 0.26), 0.12, "round", 8, 1.0),
    "teapot": Kind(
        smalls.teapot, _parts("body", "lid", "handle"),
        (-0.36, -0.005, -0.21), (0.34, 0.41, 0.21), 0.12, "round", 8, 1.0),
    "plant": Kind(
        smalls.plant, _parts("pot", ("leaves", LEAF)), *_boxed(0.36, 0.65, 0.36), 0.13, "round", 8, 0.5),
    "book": Kind(smalls.book, _parts("cover", ("pages", PAPER)), *_boxed(0.19, 0.51, 0.08), 0.12, "front", gloss=0.2),
    "rug": Kind(furniture.rug, _parts("body", ("border", PAPER)), *_boxed(0.96, 0.03, 0.61), 0.24, "ground"),
    "picture": Kind(
        furniture.picture, _parts("canvas", ("frame", OAK)), *_boxed(0.37, 0.58, 0.05, -0.01), 0.165, "front"),
    "clock": Kind(
        furniture.clock, _parts("face", ("rim", BLACKENED)),
        *_boxed(0.30, 0.59, 0.07, -0.01), 0.15, "front", gloss=0.3),
}  # fmt: skip
MOST_PARTS = max(len(kind.parts) for kind in KINDS.values())
REPLACEMENTS = {  # by where a thing stands: the kinds that can stand there
    "floor": ("stool", "ball", "box", "plant", "vase"),
    "seat": ("pillow", "ball", "box"),
    "top": ("vase", "mug", "ball", "box", "bowl", "teapot", "plant", "book"),
    "wall": ("picture", "clock"),
}
