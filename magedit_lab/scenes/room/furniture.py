"""The shapes of furniture: each function returns the signed distances to the parts of one kind, in the order of its
parts in `kinds.py`. Feet stand at y = 0, fronts look along +z, units are metres."""

import torch
from torch import Tensor

from .distances import blend, box, capsule, cone, cylinder, length2, ring, union, without


def _feet(x: Tensor, y: Tensor, z: Tensor, wide: float, deep: float, high: float) -> Tensor:
    """Four tapered feet, a mirrored one."""
    return capsule(x.abs(), y, z.abs(), (wide, 0.02, deep), (wide - 0.03, high, deep - 0.03), 0.02, 0.032)


def sofa(x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, ...]:
    side = x.abs()
    body = box(x, y, z, (0, 0.24, 0), (0.80, 0.12, 0.40), 0.04)
    body = blend(body, box(x, y, z, (0, 0.53, -0.33), (0.84, 0.36, 0.115), 0.10), 0.05)
    body = blend(body, box(side, y, z, (0.86, 0.38, 0.0), (0.125, 0.255, 0.43), 0.10), 0.03)
    seat = box(side, y, z, (0.373, 0.43, 0.06), (0.365, 0.09, 0.38), 0.065)
    return body, seat, _feet(x, y, z, 0.82, 0.34, 0.14)


def armchair(x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, ...]:
    side = x.abs()
    body = box(x, y, z, (0, 0.24, 0), (0.36, 0.12, 0.38), 0.04)
    body = blend(body, box(x, y, z, (0, 0.57, -0.31), (0.40, 0.42, 0.12), 0.115), 0.06)
    body = blend(body, box(side, y, z, (0.41, 0.37, 0.0), (0.11, 0.235, 0.41), 0.10), 0.04)
    seat = box(x, y, z, (0, 0.43, 0.06), (0.32, 0.09, 0.37), 0.07)
    return body, seat, _feet(x, y, z, 0.40, 0.32, 0.14)


def lamp(x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, ...]:
    """A standing lamp with a shade open below and above."""
    shade = without(cone(x, y, z, 1.06, 1.50, 0.345, 0.22), cone(x, y, z, 1.05, 1.51, 0.33, 0.205))
    post = union(cylinder(x, y, z, 0, 0.045, 0.19, 0.02), cylinder(x, y, z, 0.02, 1.46, 0.022))
    return shade * 0.9, union(post, cylinder(x, y, z, 1.44, 1.56, 0.03, 0.02))


def table(x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, ...]:
    """A round coffee table on four splayed legs."""
    top = cylinder(x, y, z, 0.405, 0.455, 0.50, 0.02)
    legs = capsule(x.abs(), y, z.abs(), (0.33, 0.02, 0.33), (0.25, 0.41, 0.25), 0.022, 0.034)
    return top, legs


def stool(x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, ...]:
    seat = cylinder(x, y, z, 0.39, 0.50, 0.24, 0.05)
    legs = capsule(x.abs(), y, z.abs(), (0.185, 0.02, 0.185), (0.12, 0.40, 0.12), 0.02, 0.028)
    rung = ring(x, z, y - 0.17, 0.21, 0.012)
    return seat, union(legs, rung)


def cabinet(x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, ...]:
    """A low sideboard with two doors."""
    side = x.abs()
    body = box(x, y, z, (0, 0.385, 0), (0.72, 0.255, 0.29), 0.02)
    doors = box(side, y, z, (0.345, 0.385, 0.285), (0.325, 0.215, 0.022), 0.012)
    knobs = length2(length2(side - 0.07, y - 0.40), z - 0.322) - 0.024
    legs = capsule(side, y, z.abs(), (0.62, 0.02, 0.23), (0.58, 0.16, 0.21), 0.02, 0.03)
    return body, doors, union(knobs, legs)


def rug(x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, ...]:
    whole = box(x, y, z, (0, 0.010, 0), (0.95, 0.012, 0.60), 0.011)
    inner = torch.maximum(x.abs() - 0.83, z.abs() - 0.48)
    return torch.maximum(whole, inner), torch.maximum(whole - 0.002, -inner)


def picture(x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, ...]:
    """A framed canvas; its back is at z = 0."""
    canvas = box(x, y, z, (0, 0.29, 0.012), (0.33, 0.25, 0.012))
    hole = box(x, y, z, (0, 0.29, 0.03), (0.315, 0.235, 0.10))
    return canvas, without(box(x, y, z, (0, 0.29, 0.02), (0.36, 0.28, 0.022), 0.006), hole)


def clock(x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, ...]:
    """A round clock on the wall; its back is at z = 0, its hands say ten past ten."""
    up = y - 0.29
    face = cylinder(x, z, up, 0.0, 0.03, 0.265)
    rim = torch.minimum(ring(x, up, z - 0.03, 0.262, 0.030), cylinder(x, z, up, 0.0, 0.02, 0.285))
    hands = capsule(x, up, z, (0, 0, 0.038), (-0.10, 0.07, 0.038), 0.014, 0.012)
    hands = union(hands, capsule(x, up, z, (0, 0, 0.038), (0.15, 0.10, 0.038), 0.014, 0.010))
    return face, union(torch.maximum(rim, -z), hands)
