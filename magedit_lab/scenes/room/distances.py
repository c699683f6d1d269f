"""Signed distances to simple solids, on coordinates held as three tensors of one shape (negative inside).

Formulas: Quilez, "Distance functions". Some are bounds (never more than the true distance), as sphere tracing needs.
Coordinates are kept apart (x, y, z) and not in one [..., 3] tensor: each operation then runs over one block of memory.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

Number = float | int
Triple = tuple[Number, Number, Number]


def length2(x: Tensor, y: Tensor) -> Tensor:
    return (x * x + y * y).clamp_min(1e-12).sqrt()


def length3(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    return (x * x + y * y + z * z).clamp_min(1e-12).sqrt()


def box(x: Tensor, y: Tensor, z: Tensor, middle: Triple, half: Triple, round_by: Number = 0.0) -> Tensor:
    """A box by its middle and half sides, with edges rounded by a radius (half sides include it)."""
    a, b, c = (
        (v - m).abs() - (h - round_by) if m else v.abs() - (h - round_by)
        for v, m, h in zip((x, y, z), middle, half, strict=True)
    )
    outside = length3(a.clamp_min(0), b.clamp_min(0), c.clamp_min(0))
    return outside + torch.maximum(torch.maximum(a, b), c).clamp_max(0) - round_by


def cylinder(
    x: Tensor, y: Tensor, z: Tensor, low: Number, high: Number, radius: Number, round_by: Number = 0.0
) -> Tensor:
    """An upright cylinder from y = low to y = high around the y axis."""
    side = length2(x, z) - (radius - round_by)
    end = (y - (low + high) / 2).abs() - ((high - low) / 2 - round_by)
    return torch.maximum(side, end).clamp_max(0) + length2(side.clamp_min(0), end.clamp_min(0)) - round_by


def cone(x: Tensor, y: Tensor, z: Tensor, low: Number, high: Number, foot: Number, top: Number) -> Tensor:
    """A cut cone around the y axis: radius `foot` at y = low, `top` at y = high (a bound)."""
    radius = foot + (top - foot) * ((y - low) / (high - low)).clamp(0, 1)
    slope = 1 / math.sqrt(1 + ((top - foot) / (high - low)) ** 2)
    return torch.maximum((length2(x, z) - radius) * slope, (y - (low + high) / 2).abs() - (high - low) / 2)


def ellipsoid(x: Tensor, y: Tensor, z: Tensor, middle: Triple, radii: Triple) -> Tensor:
    """An ellipsoid (a bound near its surface)."""
    a, b, c = ((v - m) / r for v, m, r in zip((x, y, z), middle, radii, strict=True))
    near = length3(a, b, c)
    return near * (near - 1) / length3(a / radii[0], b / radii[1], c / radii[2])


def capsule(x: Tensor, y: Tensor, z: Tensor, start: Triple, end: Triple, foot: Number, top: Number) -> Tensor:
    """A rod from start to end whose radius goes from foot to top (a bound for gentle tapers)."""
    axis = [b - a for a, b in zip(start, end, strict=True)]
    px, py, pz = (v - a for v, a in zip((x, y, z), start, strict=True))
    along = ((px * axis[0] + py * axis[1] + pz * axis[2]) / sum(a * a for a in axis)).clamp(0, 1)
    return length3(px - along * axis[0], py - along * axis[1], pz - along * axis[2]) - (foot + (top - foot) * along)


def ring(x: Tensor, y: Tensor, z: Tensor, radius: Number, thick: Number) -> Tensor:
    """A torus around the z axis."""
    return length2(length2(x, y) - radius, z) - thick


def turned(x: Tensor, y: Tensor, z: Tensor, heights: Sequence[Number], radii: Sequence[Number]) -> Tensor:
    """A solid turned on a lathe around the y axis: radii at rising heights, joined by cubic curves (a bound)."""
    count = len(heights)
    ends = [(max(i - 1, 0), min(i + 1, count - 1)) for i in range(count)]
    slopes = [(radii[b] - radii[a]) / (heights[b] - heights[a]) for a, b in ends]
    radius = torch.full_like(y, radii[0])
    for i in range(count - 1):
        step = heights[i + 1] - heights[i]
        t = ((y - heights[i]) / step).clamp(0, 1)
        rise = radii[i + 1] - radii[i]
        curve = slopes[i] * step * t + t * t * ((3 - 2 * t) * rise - step * (2 * slopes[i] + slopes[i + 1])
                                                + t * step * (slopes[i] + slopes[i + 1]))  # fmt: skip
        radius = torch.where(y >= heights[i], radii[i] + curve, radius)
    side = (length2(x, z) - radius) * 0.72
    end = torch.maximum(heights[0] - y, y - heights[-1])
    edge = 0.012
    a, b = side + edge, end + edge
    return torch.maximum(a, b).clamp_max(0) + length2(a.clamp_min(0), b.clamp_min(0)) - edge


def blend(a: Tensor, b: Tensor, reach: Number) -> Tensor:
    """The union of two solids with a fillet of about `reach` (polynomial smooth minimum)."""
    near = (reach - (a - b).abs()).clamp_min(0) / reach
    return torch.minimum(a, b) - near * near * (reach / 4)


def union(*solids: Tensor) -> Tensor:
    first, *others = solids
    for solid in others:
        first = torch.minimum(first, solid)
    return first


def without(a: Tensor, b: Tensor) -> Tensor:
    """Solid a with solid b cut out."""
    return torch.maximum(a, -b)


def folded(x: Tensor, z: Tensor, count: int, turn: Number = 0.0) -> tuple[Tensor, Tensor]:
    """x, z turned around the y axis into the first of `count` equal sectors, whose middle is the x axis."""
    sector = 2 * math.pi / count
    angle = torch.atan2(z, x) - turn
    angle = angle - sector * torch.floor(angle / sector + 0.5)
    radius = length2(x, z)
    return radius * torch.cos(angle), radius * torch.sin(angle)
