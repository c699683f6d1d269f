"""Colours over a geometry: a few hundredths of a second for a scene. Only here are colours and finishes read."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from .distances import Number
from .finishes import GRAINY, METALLIC, PLANKS, painted
from .kinds import KINDS, MOST_PARTS
from .things import COLOURS, FINISHES, GROUNDS, SIZE, WALLS, Room, Thing
from .tracing import Geometry, trace
from .world import GROUND

BOARDS = (228, 224, 216)
EXPOSURE = 0.56
LIT_SHADE = 0.30  # how much of its colour a lamp's shade gives off


def linear(colour: Sequence[Number]) -> np.ndarray:
    """sRGB 0-255 to linear 0-1."""
    c = np.asarray(colour, np.float64) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def second_tone(colour: str) -> np.ndarray:
    """The colour that a pattern has beside `colour`: cream on dark ones, a darker shade on light ones."""
    base = linear(COLOURS[colour])
    if colour in ("white", "gray", "yellow", "pink"):
        return base * {"white": 0.36, "gray": 0.22, "yellow": 0.36, "pink": 0.34}[colour]
    return base * 0.15 + 0.85 * linear((240, 228, 206))


def _row(
    colour: np.ndarray, tone: np.ndarray, finish: int, gloss: Number, cloth: Number, glow: Number = 0
) -> np.ndarray:
    return np.concatenate([colour, tone, [finish, gloss, cloth, glow]])


def _rows(thing: Thing) -> list[np.ndarray]:
    """A row of the table of paints for each part of a thing."""
    kind, own = KINDS[thing.kind], dict(thing.part_colours)
    rows = [np.zeros(10)] * MOST_PARTS
    finish = FINISHES.index(thing.finish)
    gloss = 0.0 if thing.finish in ("quilted", "metallic") else max(kind.gloss, 0.35 * (thing.finish == "wooden"))
    for i, part in enumerate(kind.parts):
        if part.paint is not None and part.name not in own:
            rows[i] = _row(np.array(part.paint), np.array(part.paint), 0, 0.25, 0.0)
            continue
        colour = own.get(part.name, thing.colour)
        cloth = float(kind.gloss == 0 and thing.finish not in ("wooden", "metallic"))
        glow = LIT_SHADE if part.name == "shade" else 0.0
        rows[i] = _row(linear(COLOURS[colour]), second_tone(colour), finish, gloss, cloth, glow)
    return rows


def _background(scene: Room) -> list[np.ndarray]:
    """Rows for skirting board, ground and wall (owners -3, -2, -1)."""
    wall, ground, boards = linear(WALLS[scene.wall]), linear(GROUNDS[scene.ground]), linear(BOARDS)
    wood = scene.ground == "wooden"
    finish = (GRAINY if scene.surface == "table" else PLANKS) if wood else 0
    return [_row(boards, boards, 0, 0.1, 0), _row(ground, ground * 0.55, finish, 0.22 if wood else 0.08, 0),
            _row(wall, wall, 0, 0, 0)]  # fmt: skip


def shade(geometry: Geometry, scene: Room) -> UInt8[np.ndarray, "h w 3"]:
    """The picture, uint8 [size, size, 3]."""
    return shade_many(geometry, [scene])[0].cpu().numpy()


@torch.no_grad()
def shade_many(geometry: Geometry, scenes: Sequence[Room]) -> UInt8[Tensor, "scenes h w 3"]:
    """The pictures, uint8 [scenes, size, size, 3] on the geometry's device.

    Raises ValueError where a scene holds other kinds than those that were traced.
    """
    kinds = tuple(tuple(t.kind for t in s.things) for s in scenes)
    if kinds != geometry.things:
        raise ValueError(f"expected scenes of {geometry.things}, got {kinds}; trace these scenes first")
    surface = geometry.surface
    things = [row for s in scenes for t in s.things for row in _rows(t)]
    rest = [row for s in scenes for row in _background(s)]
    paints = torch.tensor(np.array(things + rest), dtype=torch.float32).to(geometry.light.device)
    behind = geometry.scene() * 3 + (surface.owner + 3) + len(things)
    index = torch.where(surface.owner >= 0, surface.owner * MOST_PARTS + surface.part, behind)
    return _developed(geometry, _colours(geometry, paints, index))


def _colours(geometry: Geometry, paints: Tensor, index: Tensor) -> Tensor:
    """Linear colours of the samples, [n, 3]."""
    finish, gloss, cloth, glow = (column[index] for column in paints[:, 6:].T.contiguous())
    albedo, bump = painted(paints[:, :3][index], paints[:, 3:6][index], finish, geometry.surface)
    metal = (finish == METALLIC)[:, None]
    diffuse = albedo * geometry.light * bump[:, None]
    gleam = 0.9 * (bump - 1.12).clamp_min(0)[:, None] * geometry.mirror
    mirror = albedo * (geometry.mirror * 1.5 * bump[:, None] + 0.2 * geometry.light) + gleam
    colour = torch.where(metal, mirror, diffuse)
    ground = geometry.surface.owner == GROUND
    shine = gloss * (1.0 * geometry.shine * ~ground + 0.35 * geometry.rim)
    return colour + shine[:, None] + (cloth * 0.35 * geometry.rim)[:, None] * (albedo + 0.08) + glow[:, None] * albedo


def _developed(geometry: Geometry, colour: Tensor) -> Tensor:
    """Linear light to sRGB bytes with a film-like curve (Narkowicz 2015), then the mean of each pixel's samples."""
    x = colour * EXPOSURE
    film = (x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14)).clamp(0, 1)
    display = film.clamp_min(1e-6) ** (1 / 2.2)
    return (geometry.picture(display) * 255 + 0.5).to(torch.uint8)


def render(scene: Room, size: int = SIZE, device: str | torch.device = "cpu") -> UInt8[np.ndarray, "h w 3"]:
    """The picture of a scene, uint8 [size, size, 3]."""
    return shade(trace(scene, size, device), scene)
