"""Rooms as tensors, so that many are traced together: cameras, things, rays and what the rays meet."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .kinds import KINDS, Kind
from .things import Room

WALL, GROUND, SKIRTING = -1, -2, -3  # owners of samples that see no thing
Axes = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class Rays:
    """scene: the scene of each ray; way: unit direction."""

    scene: Tensor
    direction: Axes

    def at(self, index: Tensor) -> "Rays":
        x, y, z = self.direction
        return Rays(self.scene[index], (x[index], y[index], z[index]))

    @staticmethod
    def joined(rays: "Sequence[Rays]", lengthwise: bool = False) -> "Rays":
        """One after the other where lengthwise, else in turn (first ray of each, second ray of each)."""

        def join(*values: Tensor) -> Tensor:
            return torch.cat(values) if lengthwise else torch.stack(values, 1).reshape(-1)

        x, y, z = (join(*axis) for axis in zip(*(r.direction for r in rays), strict=True))
        return Rays(join(*(r.scene for r in rays)), (x, y, z))


@dataclass(frozen=True)
class Surface:
    """What rays meet. owner: the thing's index in the batch, or WALL, GROUND, SKIRTING. rank: its index in its scene.

    part: the thing's part. depth: metres. normal: unit. u, w: where on the pattern, in periods, and span: a pixel's
    width there, in periods (on the ground: metres).
    """

    owner: Tensor
    rank: Tensor
    part: Tensor
    depth: Tensor
    normal: Axes
    u: Tensor
    w: Tensor
    span: Tensor

    def _flat(self) -> tuple[Tensor, ...]:
        return self.owner, self.rank, self.part, self.depth, *self.normal, self.u, self.w, self.span

    @staticmethod
    def _of(values: Sequence[Tensor]) -> "Surface":
        owner, rank, part, depth, x, y, z, u, w, span = values
        return Surface(owner, rank, part, depth, (x, y, z), u, w, span)

    def at(self, index: Tensor) -> "Surface":
        return Surface._of([v[index] for v in self._flat()])

    @staticmethod
    def joined(surfaces: "Sequence[Surface]") -> "Surface":
        return Surface._of([torch.cat(v) for v in zip(*(s._flat() for s in surfaces), strict=True)])


@dataclass(frozen=True)
class Group:
    """Of each scene of a batch at most one thing, all of one kind. slot: its index for each scene, or -1."""

    kind: Kind
    slot: Tensor

    def of(self, scene: Tensor) -> Tensor:
        """The thing's index for each sample, or one index for all where there is one scene."""
        return self.slot if len(self.slot) == 1 else self.slot[scene]


@dataclass(frozen=True)
class World:
    """A batch of scenes as tables with a column for each scene (basis, eye, sun, planes) or thing (place, rank)."""

    size: int
    basis: Tensor
    eye: Tensor
    sun: Tensor
    planes: Tensor
    place: Tensor
    groups: tuple[Group, ...]
    rank: Tensor
    pixel: Tensor

    @staticmethod
    def of(scenes: Sequence[Room], size: int, device: str | torch.device) -> "World":
        def table(rows: Sequence[object]) -> Tensor:
            """Rows to a tensor with a column first, [columns, rows]."""
            flat = np.array([np.ravel(np.asarray(row, np.float64)) for row in rows], np.float32)
            return torch.from_numpy(np.ascontiguousarray(flat.T)).to(device)

        spread = [math.tan(math.radians(s.camera.fov / 2)) for s in scenes]
        things = [thing for s in scenes for thing in s.things]
        sun = [np.array(s.sun) / np.linalg.norm(s.sun) for s in scenes]
        return World(
            size,
            basis=table([s.camera.basis() * np.array([[f], [f], [1]]) for s, f in zip(scenes, spread, strict=True)]),
            eye=table([s.camera.eye for s in scenes]),
            sun=table(sun),
            planes=table([(s.wall_z, s.edge_z, s.surface == "floor", s.window) for s in scenes]),
            place=table([np.concatenate([t.turn().ravel() / t.size, t.at, [t.size]]) for t in things]),
            groups=_groups(scenes, device),
            rank=torch.tensor([i for s in scenes for i in range(len(s.things))], device=device),
            pixel=table([(2 * f / size,) for f in spread])[0],
        )

    def row(self, table: Tensor, scene: Tensor) -> tuple[Tensor, ...]:
        """The columns of a table at each sample's scene (one row for all where there is one scene)."""
        return tuple(column if table.shape[1] == 1 else column[scene] for column in table)

    def axes(self, table: Tensor, scene: Tensor) -> Axes:
        """A table's three columns at each sample's scene, as coordinates."""
        x, y, z = self.row(table, scene)
        return x, y, z

    def rays(self, pixels: Tensor, dx: float, dy: float) -> Rays:
        """Through pixels (indices into scene x row x column), dx and dy pixels from their middle."""
        scene = pixels // self.size**2
        column, row = pixels % self.size, pixels // self.size % self.size
        right = (column + (0.5 + dx)) * (2 / self.size) - 1
        up = 1 - (row + (0.5 + dy)) * (2 / self.size)
        rx, ry, rz, ux, uy, uz, fx, fy, fz = self.row(self.basis, scene)
        x, y, z = (f + right * r + up * u for f, r, u in ((fx, rx, ux), (fy, ry, uy), (fz, rz, uz)))
        length = (x * x + y * y + z * z).sqrt()
        return Rays(scene, (x / length, y / length, z / length))

    def local(self, thing: Tensor, point: Axes, direction: Axes) -> tuple[Axes, Axes, Tensor]:
        """Points and directions in the thing's own coordinates (a step is as long in both), and its size."""
        a, b, c, d, e, f, g, h, i, px, py, pz, size = (column[thing] for column in self.place)
        x, y, z = point[0] - px, point[1] - py, point[2] - pz
        u, v, w = direction
        own = (a * x + b * y + c * z, d * x + e * y + f * z, g * x + h * y + i * z)
        return own, (a * u + b * v + c * w, d * u + e * v + f * w, g * u + h * v + i * w), size

    def outward(self, thing: Tensor, direction: Axes) -> Axes:
        """Unit directions of the thing's own coordinates in the room's."""
        a, b, c, d, e, f, g, h, i, _, _, _, size = (column[thing] for column in self.place)
        u, v, w = direction[0] * size, direction[1] * size, direction[2] * size
        return a * u + d * v + g * w, b * u + e * v + h * w, c * u + f * v + i * w


def _groups(scenes: Sequence[Room], device: str | torch.device) -> tuple[Group, ...]:
    """The things by kind, and within a kind the first of each scene, the second of each scene."""
    groups: dict[tuple[str, int], list[int]] = {}
    index = 0
    for s, scene in enumerate(scenes):
        had: dict[str, int] = {}
        for thing in scene.things:
            rank = had[thing.kind] = had.get(thing.kind, -1) + 1
            groups.setdefault((thing.kind, rank), [-1] * len(scenes))[s] = index
            index += 1
    return tuple(Group(KINDS[kind], torch.tensor(slot, device=device)) for (kind, _), slot in sorted(groups.items()))
