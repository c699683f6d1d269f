"""What is seen where: the geometry of scenes, by sphere tracing (Hart 1996). It reads no colour and no finish, so one
geometry serves every recolouring, and an ideal edit of a colour is exact.

A pixel is traced once, at its middle, and anew at four points where the thing, its part or the direction of its
surface differs from a neighbour's. Rooms are traced together: each operation runs over the samples of all scenes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .kinds import KINDS, MOST_PARTS
from .lighting import lit
from .marching import nearest
from .things import SIZE, Room
from .world import Rays, Surface, World

CORNERS = ((-0.125, -0.375), (0.375, -0.125), (-0.375, 0.125), (0.125, 0.375))  # a rotated grid, in pixels


@dataclass(frozen=True)
class Geometry:
    """What each sample of a batch of scenes sees.

    The first samples are one for each pixel of `whole` (indices into scene x row x column), then four for each pixel of
    `edges`. surface: see `Surface`; light [n, 3]: diffuse light; mirror [n, 3]: what a mirror would show; shine: the
    window's reflection on glaze, 0-1; rim: cloth's bright rim, 0-1.
    """

    things: tuple[tuple[str, ...], ...]  # the kinds in each scene
    size: int
    whole: Tensor
    edges: Tensor
    surface: Surface
    light: Tensor
    mirror: Tensor
    shine: Tensor
    rim: Tensor

    def scene(self) -> Tensor:
        """The scene of each sample."""
        pixels = torch.cat([self.whole, self.edges.repeat_interleave(len(CORNERS))])
        return pixels // self.size**2

    def picture(self, values: Tensor) -> Tensor:
        """Values of samples [n, c] to the mean of each pixel, [scenes, size, size, c]."""
        count = len(self.whole)
        out = values.new_empty(len(self.things) * self.size**2, values.shape[1])
        out[self.whole] = values[:count]
        a, b, c, d = values[count:].view(-1, len(CORNERS), values.shape[1]).unbind(1)
        out[self.edges] = ((a + b) + (c + d)) / 4
        return out.view(len(self.things), self.size, self.size, -1)

    def coverage(self) -> Tensor:
        """The share of each pixel that each part of each thing covers, [scenes, most things, parts, size, size]."""
        most = max(len(kinds) for kinds in self.things)
        samples = torch.zeros(len(self.surface.owner), most * MOST_PARTS, device=self.light.device)
        of_thing = (self.surface.owner >= 0).nonzero()[:, 0]
        place = self.surface.rank[of_thing] * MOST_PARTS + self.surface.part[of_thing]
        samples[of_thing, place] = 1
        shares = self.picture(samples).permute(0, 3, 1, 2)
        return shares.reshape(len(self.things), most, MOST_PARTS, self.size, self.size)

    def masks(self) -> np.ndarray:
        """The visible part of each thing of the only scene, 0-1, [things, size, size]."""
        return self.coverage()[0].sum(1).cpu().numpy()

    def parts(self) -> dict[tuple[int, str], np.ndarray]:
        """The visible part of each part of the only scene, 0-1, by (thing, part)."""
        shares = self.coverage()[0].cpu().numpy()
        return {
            (i, part.name): shares[i, j]
            for i, kind in enumerate(self.things[0])
            for j, part in enumerate(KINDS[kind].parts)
        }


def trace(scene: Room, size: int = SIZE, device: str | torch.device = "cpu") -> Geometry:
    """The geometry of one scene in a picture of size x size pixels."""
    return trace_many([scene], size, device)


@torch.no_grad()
def trace_many(scenes: Sequence[Room], size: int = SIZE, device: str | torch.device = "cpu") -> Geometry:
    """The geometry of several scenes, the same bits as each alone on a CPU."""
    world = World.of(scenes, size, device)
    pixels = torch.arange(len(scenes) * size * size, device=device)
    rays = world.rays(pixels, 0.0, 0.0)
    surface = nearest(world, rays)
    edge = _edges(surface, len(scenes), size)
    whole, edges = (~edge).nonzero()[:, 0], edge.nonzero()[:, 0]
    finer = Rays.joined([world.rays(edges, dx, dy) for dx, dy in CORNERS])
    samples = Rays.joined([rays.at(whole), finer], lengthwise=True)
    surfaces = Surface.joined([surface.at(whole), nearest(world, finer)])
    light = lit(world, samples, surfaces)
    kinds = tuple(tuple(thing.kind for thing in scene.things) for scene in scenes)
    return Geometry(kinds, size, whole, edges, surfaces, *light)


def _edges(surface: Surface, count: int, size: int) -> Tensor:
    """Pixels that differ from a neighbour in thing or part, or much in the direction of the surface, [n] bool."""
    label = (surface.owner * MOST_PARTS + surface.part).view(count, size, size)
    nx, ny, nz = (n.view(count, size, size) for n in surface.normal)
    edge = torch.zeros_like(label, dtype=torch.bool)
    for here, there in (
        (np.s_[:, 1:, :], np.s_[:, :-1, :]),
        (np.s_[:, :, 1:], np.s_[:, :, :-1]),
    ):
        alike = nx[here] * nx[there] + ny[here] * ny[there] + nz[here] * nz[there]
        differs = (label[here] != label[there]) | (alike < 0.8)
        edge[here] |= differs
        edge[there] |= differs
    return edge.view(-1)
