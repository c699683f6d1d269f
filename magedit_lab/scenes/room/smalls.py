"""The shapes of small things: each function returns the signed distances to the parts of one kind, in the order of its
parts in `kinds.py`. Feet stand at y = 0, fronts look along +z, units are metres."""

import torch
from torch import Tensor

from .distances import (
    blend,
    box,
    capsule,
    cone,
    cylinder,
    ellipsoid,
    folded,
    length3,
    ring,
    turned,
    union,
    without,
)  # fmt: skip


def pillow(x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, ...]:
    """A square cushion that stands on an edge: thick in the middle, pinched towards its corners."""
    half = 0.29
    up = y - half
    across = 1 - (x / half).abs().clamp_max(1) ** 3.5
    along = 1 - (up / half).abs().clamp_max(1) ** 3.5
    thick = 0.022 + 0.105 * (across * along).clamp_min(1e-6).sqrt()
    waist = 0.022 * (1 - (x / half).clamp(-1, 1) ** 2) * (up / half) ** 2
    outline = box(x, up, z, (0, 0, 0), (half, half, 0.3), 0.045) + waist
    return (torch.maximum((z.abs() - thick) * 0.6, outline * 0.9),)


def vase(x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, ...]:
    outer = turned(x, y, z, (0.0, 0.19, 0.38, 0.46, 0.54), (0.10, 0.19, 0.085, 0.065, 0.10))
    return (without(outer, cylinder(x, y, z, 0.36, 0.60, 0.05, 0.02)),)


def mug(x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, ...]:
    body = without(cylinder(x, y, z, 0, 0.36, 0.165, 0.025), cylinder(x, y, z, 0.06, 0.5, 0.138, 0.02))
    handle = ring(x - 0.165, y - 0.18, z, 0.095, 0.028)
    return body, without(handle, cylinder(x, y, z, -0.1, 0.5, 0.15))


def ball(x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, ...]:
    return (length3(x, y - 0.22, z) - 0.22,)


def crate(x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, ...]:
    """A box with a lid that stands out a little."""
    body = box(x, y, z, (0, 0.15, 0), (0.205, 0.15, 0.205), 0.012)
    return body, box(x, y, z, (0, 0.345, 0), (0.225, 0.06, 0.225), 0.018)


def bowl(x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, ...]:
    up = y - 0.345
    shell = ((length3(x, up * 0.75, z) - 0.235).abs() - 0.015) * 0.9
    inside = torch.maximum(shell, up)
    return (blend(inside, cylinder(x, y, z, 0, 0.05, 0.10, 0.012), 0.03),)


def teapot(x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, ...]:
    body = ellipsoid(x, y, z, (0, 0.165, 0), (0.20, 0.155, 0.20))
    body = union(body, cylinder(x, y, z, 0, 0.04, 0.11, 0.012))
    body = blend(body, capsule(x, y, z, (-0.15, 0.12, 0), (-0.31, 0.28, 0), 0.055, 0.026), 0.05)
    lid = union(ellipsoid(x, y, z, (0, 0.285, 0), (0.115, 0.055, 0.115)), length3(x, y - 0.36, z) - 0.034)
    return body, lid, without(ring(x - 0.20, y - 0.19, z, 0.10, 0.024), body)


def plant(x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, ...]:
    """A pot with an aloe: seven leaves leaning out, five upright, each round below and pointed above."""
    pot = cone(x, y, z, 0, 0.21, 0.115, 0.165)
    pot = union(pot, cylinder(x, y, z, 0.19, 0.245, 0.185, 0.015))
    pot = without(pot, cylinder(x, y, z, 0.21, 0.4, 0.155))
    leaves = cylinder(x, y, z, 0.17, 0.215, 0.15)
    for count, turn, out, up in ((7, 0.3, 0.305, 0.47), (5, 0.9, 0.14, 0.60)):
        ahead, side = folded(x, z, count, turn)
        bulge = capsule(ahead, y, side * 0.65, (0.05, 0.20, 0.0), (out * 0.62, up * 0.74, 0.0), 0.035, 0.042)
        tip = capsule(ahead, y, side * 0.65, (out * 0.62, up * 0.74, 0.0), (out, up, 0.0), 0.042, 0.008)
        leaves = union(leaves, torch.minimum(bulge, tip) * 0.85)
    return pot, leaves


def book(x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, ...]:
    """A thick book that stands upright, its back to the left."""
    boards = without(
        box(x, y, z, (0, 0.25, 0), (0.18, 0.25, 0.075), 0.008),
        box(x, y, z, (0.03, 0.25, 0), (0.185, 0.30, 0.055)),
    )
    return boards, box(x, y, z, (0.0, 0.25, 0), (0.165, 0.235, 0.06))
