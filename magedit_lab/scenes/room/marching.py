"""Where rays meet things: sphere tracing, from where a ray enters the box around a thing to where it leaves it."""

import torch
from torch import Tensor

from .distances import length2, union
from .kinds import Kind
from .world import GROUND, SKIRTING, WALL, Axes, Rays, Surface, World

NEAR = 0.0008  # metres: closer is a hit
STEPS, BETWEEN = 72, 4  # steps of a ray; how often finished rays are taken out
BOARD = 0.11  # metres: height of the skirting board


def span(kind: Kind, start: Axes, direction: Axes, margin: Tensor | float = 0.0) -> tuple[Tensor, Tensor]:
    """Where rays enter and leave a kind's box widened by a margin (slab test); entry > exit: never."""
    enter, leave = None, None
    for s, w, low, high in zip(start, direction, kind.low, kind.high, strict=True):
        inverse = 1 / torch.where(w.abs() < 1e-9, 1e-9, w)
        a, b = (low - margin - s) * inverse, (high + margin - s) * inverse
        first, last = torch.minimum(a, b), torch.maximum(a, b)
        enter = first if enter is None else torch.maximum(enter, first)
        leave = last if leave is None else torch.minimum(leave, last)
    assert enter is not None
    assert leave is not None
    return enter, leave


def taken(axes: Axes, index: Tensor) -> Axes:
    """The chosen ones of three coordinates; those that are one for all stay so."""
    x, y, z = (a if len(a) == 1 else a[index] for a in axes)
    return x, y, z


def along(start: Axes, direction: Axes, t: Tensor) -> Axes:
    return start[0] + direction[0] * t, start[1] + direction[1] * t, start[2] + direction[2] * t


def march(kind: Kind, start: Axes, direction: Axes, size: Tensor, enter: Tensor, leave: Tensor) -> Tensor:
    """How far each ray goes until it meets a thing of the kind; infinity where it does not. Coordinates are local."""
    out = torch.full_like(enter, torch.inf)
    live = torch.arange(len(enter), device=enter.device)
    t = enter.clamp_min(0.01)
    for step in range(1, STEPS + 1):
        gap = union(*kind.distances(*along(start, direction, t))) * size
        t = t + gap
        if step % BETWEEN:
            continue
        close = gap.abs() < NEAR if step < STEPS else gap < 5 * NEAR
        met = (close & (t < leave)).nonzero()[:, 0]
        out[live[met]] = t[met]
        go = (~close & (t < leave)).nonzero()[:, 0]
        if not len(go):
            break
        live, t, leave = live[go], t[go], leave[go]
        start, direction, size = taken(start, go), taken(direction, go), size if len(size) == 1 else size[go]
    return out


def nearest(world: World, rays: Rays) -> Surface:
    """What each ray meets first."""
    eye = world.axes(world.eye, rays.scene)
    depth, owner, normal = _background(world, rays, eye)
    for group in world.groups:
        thing = group.of(rays.scene)
        start, direction, size = world.local(thing, eye, rays.direction)
        enter, leave = span(group.kind, start, direction)
        index = ((enter < leave) & (leave > 0) & (enter < depth) & (thing >= 0)).nonzero()[:, 0]
        start, direction, size = taken(start, index), taken(direction, index), size if len(size) == 1 else size[index]
        t = march(group.kind, start, direction, size, enter[index], torch.minimum(leave[index], depth[index]))
        met = torch.isfinite(t).nonzero()[:, 0]
        depth[index[met]] = t[met]
        owner[index[met]] = thing.expand(len(rays.scene))[index[met]]
    return _surfaces(world, rays, eye, depth, owner, normal)


def _background(world: World, rays: Rays, eye: Axes) -> tuple[Tensor, Tensor, Axes]:
    """Depth, owner and normal of wall, skirting board and ground."""
    _, y, z = rays.direction
    wall, edge, floor, _ = world.row(world.planes, rays.scene)
    to_wall = (wall - eye[2]) / z.clamp_max(-1e-6)
    to_ground = eye[1] / (-y).clamp_min(1e-6)
    lands = (y < -1e-6) & (eye[2] + z * to_ground > torch.maximum(edge, wall)) & (to_ground < 1e4)
    board = (eye[1] + y * to_wall < BOARD) & (floor > 0)
    depth = torch.where(lands, to_ground, to_wall)
    owner = torch.where(lands, GROUND, torch.where(board, SKIRTING, WALL))
    up = lands.to(depth.dtype)
    return depth, owner, (torch.zeros_like(up), up, 1 - up)


def _surfaces(world: World, rays: Rays, eye: Axes, depth: Tensor, owner: Tensor, normal: Axes) -> Surface:
    """Part, normal and place on the pattern of what was met."""
    point = along(eye, rays.direction, depth)
    width = depth * world.row(world.pixel[None], rays.scene)[0]
    tilt = -(normal[0] * rays.direction[0] + normal[1] * rays.direction[1] + normal[2] * rays.direction[2])
    u, w, wide = point[0].clone(), torch.where(owner == GROUND, point[2], point[1]), width / tilt.clamp_min(0.3) ** 0.5
    part = torch.zeros_like(owner)
    for group in world.groups:
        thing = group.of(rays.scene)
        index = ((owner == thing) & (thing >= 0)).nonzero()[:, 0]
        thing = thing if len(thing) == 1 else thing[index]
        own, direction, size = world.local(thing, taken(point, index), taken(rays.direction, index))
        parts = torch.stack(group.kind.distances(*own))
        part[index] = parts.argmin(0)
        facing = _normal(group.kind, own)
        for axis, value in zip(normal, world.outward(thing, facing), strict=True):
            axis[index] = value
        u[index], w[index] = _on_pattern(group.kind, own, facing)
        tilt = -(facing[0] * direction[0] + facing[1] * direction[1] + facing[2] * direction[2]) * size
        wide[index] = width[index] / (size * group.kind.period) / tilt.clamp_min(0.25) ** 0.5
    return Surface(owner, world.rank[owner.clamp_min(0)], part, depth, normal, u, w, wide)


def _normal(kind: Kind, point: Axes, step: float = 0.0015) -> Axes:
    """Unit gradient of the distance by differences at the corners of a tetrahedron."""
    x, y, z = point
    total: list[Tensor] = []
    for a, b, c in ((1, -1, -1), (-1, -1, 1), (-1, 1, -1), (1, 1, 1)):
        d = union(*kind.distances(x + a * step, y + b * step, z + c * step))
        total = [s + k * d for s, k in zip(total, (a, b, c), strict=True)] if total else [a * d, b * d, c * d]
    gx, gy, gz = total
    length = (gx * gx + gy * gy + gz * gz).clamp_min(1e-20).sqrt()
    return gx / length, gy / length, gz / length


def _on_pattern(kind: Kind, point: Axes, facing: Axes) -> tuple[Tensor, Tensor]:
    """Where on the pattern a point lies, in periods: stripes run along w, their edges lie along u."""
    x, y, z = point
    if kind.wrap == "round":
        return y / kind.period, torch.atan2(x, z) * (kind.around / (2 * torch.pi))
    if kind.wrap == "front":
        return x / kind.period, y / kind.period
    if kind.wrap == "ground":
        side = facing[1].abs() < 0.5
        return x / kind.period, torch.where(side & (length2(x, z) > 0), y, z) / kind.period
    across = torch.where((facing[0].abs() > facing[2].abs()) & (facing[0].abs() > facing[1].abs()), z, x)
    upright = torch.where(facing[1].abs() > torch.maximum(facing[0].abs(), facing[2].abs()), z, y)
    return across / kind.period, upright / kind.period
