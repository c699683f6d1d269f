"""Things in a room, each with a kind, a colour and a finish; nothing random is left in them."""

import math
from dataclasses import dataclass, field

import numpy as np

from .distances import Triple
from .kinds import KINDS, REPLACEMENTS

SIZE = 256
HELD_OUT = 10_000_000  # seeds from here on are never trained on
COLOURS = {  # paint, sRGB
    "red": (200, 30, 34), "orange": (238, 118, 18), "yellow": (245, 200, 36), "green": (44, 138, 58),
    "blue": (32, 82, 196), "purple": (118, 44, 156), "pink": (240, 138, 172), "brown": (112, 66, 36),
    "white": (236, 234, 228), "black": (32, 32, 36), "gray": (132, 134, 138), "turquoise": (28, 176, 172),
}  # fmt: skip
FINISHES = ("plain", "striped", "dotted", "checkered", "wooden", "metallic", "quilted")
WALLS = {
    "white": (226, 220, 210), "gray": (168, 170, 174), "blue": (158, 186, 212), "green": (166, 190, 158),
    "pink": (226, 188, 184), "yellow": (234, 214, 164),
}  # fmt: skip
GROUNDS = {"wooden": (164, 110, 66), "white": (214, 208, 198), "gray": (136, 136, 140)}
CHOICES = {"colour": tuple(COLOURS), "finish": FINISHES, "kind": tuple(KINDS)}  # what a thing can be


@dataclass(frozen=True)
class Thing:
    """One thing. at: the middle of its foot, metres (x right, y up, z to the viewer). size: scale, 1 as in `kinds`.

    yaw, pitch: turned around the upright axis, leant back, radians. place: where it stands (`REPLACEMENTS`), on: the
    index of the thing beneath it. part_colours: (part, colour) of parts that have a colour of their own.
    """

    kind: str
    colour: str
    finish: str
    at: Triple
    size: float = 1.0
    yaw: float = 0.0
    pitch: float = 0.0
    place: str = "floor"
    on: int | None = None
    part_colours: tuple[tuple[str, str], ...] = ()

    @property
    def words(self) -> list[str]:
        """Colour, finish unless plain, kind: as in captions."""
        return [self.colour, *([self.finish] if self.finish != "plain" else []), self.kind]

    @property
    def replacements(self) -> tuple[str, ...]:
        """The other kinds that could stand in its place."""
        kinds = REPLACEMENTS.get(self.place, ())
        return tuple(k for k in kinds if k != self.kind) if self.kind in kinds else ()

    def turn(self) -> np.ndarray:
        """The 3x3 matrix from the room's directions to the thing's own."""
        c, s = math.cos(self.yaw), math.sin(self.yaw)
        yaw = np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])
        c, s = math.cos(self.pitch), math.sin(self.pitch)
        return np.array([[1, 0, 0], [0, c, s], [0, -s, c]]) @ yaw

    def corners(self) -> np.ndarray:
        """The eight corners of the box that holds it, in the room, [8, 3]."""
        kind = KINDS[self.kind]
        own = np.stack(np.meshgrid(*zip(kind.low, kind.high, strict=True), indexing="ij"), -1).reshape(8, 3)
        return own * self.size @ self.turn() + np.array(self.at)


@dataclass(frozen=True)
class Camera:
    """eye, target: metres. fov: the picture's angle from edge to edge, degrees."""

    eye: Triple
    target: Triple
    fov: float

    def basis(self) -> np.ndarray:
        """Rows: right, up and forward, unit vectors, [3, 3]."""
        forward = np.array(self.target) - np.array(self.eye)
        forward = forward / np.linalg.norm(forward)
        right = np.cross(forward, (0.0, 1.0, 0.0))
        right /= np.linalg.norm(right)
        return np.stack([right, np.cross(right, forward), forward])

    def project(self, points: np.ndarray) -> np.ndarray:
        """Points [n, 3] to places in the picture [n, 2]: column and row, 0 to 1 within it."""
        x, y, depth = self.basis() @ (points - np.array(self.eye)).T
        scale = 1 / (2 * math.tan(math.radians(self.fov / 2)) * depth)
        return np.stack([0.5 + x * scale, 0.5 - y * scale], -1)


@dataclass(frozen=True)
class Room:
    """Things in a room or on a table top: all that a picture depends on.

    surface: "floor" or "table", what the ground at y = 0 is called. wall_z: where the wall stands; edge_z: where the
    ground ends (a table may end before the wall). sun: direction to the light. window: how bright a patch of light the
    window throws on the wall, 0-1. layout: which rule placed the things.
    """

    things: tuple[Thing, ...]
    wall: str
    ground: str
    camera: Camera
    surface: str = "floor"
    wall_z: float = -0.8
    edge_z: float = -9.0
    sun: Triple = (-0.6, 1.0, 0.8)
    window: float = 0.0
    layout: str = field(default="", compare=False)


def own_parts(thing: Thing) -> list[str]:
    """The names of the parts that have the thing's colour."""
    other = {name for name, _ in thing.part_colours}
    return [part.name for part in KINDS[thing.kind].parts if part.paint is None and part.name not in other]
