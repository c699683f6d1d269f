"""How much light falls on what is seen: a large warm lamp (the sun through a window), the sky, light from the floor."""

import torch
from torch import Tensor

from .distances import union
from .kinds import KINDS
from .marching import along, span, taken
from .world import GROUND, SKIRTING, WALL, Axes, Rays, Surface, World

SUN, SKY, BOUNCE, BULB = (2.35, 2.05, 1.62), (0.50, 0.55, 0.64), (0.42, 0.33, 0.25), (1.0, 0.66, 0.34)
SOFT = 7.0  # a shadow's edge is about 2 / SOFT of the distance to what casts it wide
REACH = 0.24  # metres: how far from a surface what hides the sky is looked for


def lit(world: World, rays: Rays, surface: Surface) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Diffuse light [n, 3], mirror image [n, 3], the window's shine [n] and rim [n] of each sample."""
    point = along(world.axes(world.eye, rays.scene), rays.direction, surface.depth)
    sun = world.axes(world.sun, rays.scene)
    nx, ny, nz = surface.normal
    facing = nx * sun[0] + ny * sun[1] + nz * sun[2]
    shadow = _shadow(world, rays, point, surface.normal, sun, facing)
    open_sky = _openness(world, rays, surface, point)
    direct = ((facing + 0.15) / 1.15).clamp_min(0) * shadow * _on_wall(world, rays, surface, point, sun)
    bulb = _bulbs(world, rays, point, surface.normal)
    sky, ground = (0.5 + 0.5 * ny) * open_sky, (0.75 - 0.35 * ny) * open_sky
    light = torch.stack([
        s * direct + k * sky + b * ground + g * bulb * open_sky
        for s, k, b, g in zip(SUN, SKY, BOUNCE, BULB, strict=True)
    ], -1)  # fmt: skip
    x, y, z = rays.direction
    away = -(x * nx + y * ny + z * nz)
    back = (x + 2 * away * nx, y + 2 * away * ny, z + 2 * away * nz)
    shine = _window(back, sun) * (0.25 + 0.75 * shadow)
    mirror = torch.stack(_surroundings(back, sun, open_sky), -1)
    return light, mirror, shine, (1 - away).clamp(0, 1) ** 4 * open_sky


def _shadow(world: World, rays: Rays, point: Axes, normal: Axes, sun: Axes, facing: Tensor) -> Tensor:
    """The share of the sun that reaches each point, soft-edged (Quilez, "Soft shadows")."""
    light = torch.ones_like(facing)
    start = along(point, normal, torch.full_like(facing, 0.008))
    for group in world.groups:
        thing = group.of(rays.scene)
        own, direction, size = world.local(thing, start, sun)
        enter, leave = span(group.kind, own, direction, 0.20 / size)
        index = ((enter < leave) & (leave > 0) & (facing > -0.15) & (thing >= 0)).nonzero()[:, 0]
        own, direction, size = taken(own, index), taken(direction, index), size if len(size) == 1 else size[index]
        share = torch.ones_like(enter[index])
        t, leave = enter[index].clamp_min(0.012), leave[index]
        live = torch.arange(len(index), device=index.device)
        least = share.clone()
        for step in range(36):
            gap = union(*group.kind.distances(*along(own, direction, t))) * size
            least = torch.minimum(least, torch.where(t < leave, SOFT * gap / t, 1.0).clamp(0, 1))
            t = t + gap.clamp(0.010, 0.10)
            if step % 6 == 5:
                share[live] = least
                go = ((t < leave) & (least > 0.004)).nonzero()[:, 0]
                live, t, leave, least = live[go], t[go], leave[go], least[go]
                own, direction, size = taken(own, go), taken(direction, go), size if len(size) == 1 else size[go]
        light[index] *= share * share * (3 - 2 * share)
    return light


def _openness(world: World, rays: Rays, surface: Surface, point: Axes) -> Tensor:
    """How much of the sky each point sees: darker in corners and under things, 0.15-1."""
    hidden = torch.zeros_like(surface.depth)
    for group in world.groups:
        thing = group.of(rays.scene)
        own, direction, size = world.local(thing, point, surface.normal)
        index = thing >= 0
        for value, low, high in zip(own, group.kind.low, group.kind.high, strict=True):
            index = index & (value > low - 2 * REACH / size) & (value < high + 2 * REACH / size)
        index = index.nonzero()[:, 0]
        own, direction, size = taken(own, index), taken(direction, index), size if len(size) == 1 else size[index]
        total = torch.zeros_like(own[0])
        for far, weight in ((0.035, 3.6), (0.11, 2.4), (REACH, 1.35)):
            gap = union(*group.kind.distances(*along(own, direction, torch.full_like(own[0], far)))) * size
            total = total + weight * (far - gap).clamp(0, far)
        hidden[index] += total
    wall, _, floor, _ = world.row(world.planes, rays.scene)
    above, before = point[1], point[2] - wall
    owner = surface.owner
    corner = torch.where(owner == GROUND, before, torch.where(owner == WALL, above, torch.minimum(above, before)))
    corner = torch.where((floor > 0) | (owner >= 0), corner, 1.0)
    near = 1 - 0.26 * (1 - corner.clamp_min(0) / 0.45).clamp_min(0) ** 2
    return (1 - hidden).clamp(0.15, 1) * torch.where(owner == SKIRTING, 0.9, near)


def _bulbs(world: World, rays: Rays, point: Axes, normal: Axes) -> Tensor:
    """The glow of standing lamps, without shadows."""
    glow = torch.zeros_like(point[1])
    for group in world.groups:
        if group.kind is not KINDS["lamp"]:
            continue
        thing = group.of(rays.scene)
        px, py, pz, size = (column[thing] for column in world.place[9:])
        x, y, z = px - point[0], py + 1.3 * size - point[1], pz - point[2]
        square = x * x + y * y + z * z
        toward = (x * normal[0] + y * normal[1] + z * normal[2]) / square.clamp_min(1e-6).sqrt()
        glow = glow + torch.where(thing >= 0, 0.16 * toward.clamp_min(0) / (square + 0.12), 0.0)
    return glow


def _on_wall(world: World, rays: Rays, surface: Surface, point: Axes, sun: Axes) -> Tensor:
    """How much brighter the wall is where the light is near, and where a window of four panes throws its patch."""
    strength = world.row(world.planes, rays.scene)[3]
    side = torch.sign(sun[0])
    near = (1.0 + 0.10 * side * point[0] - 0.06 * (point[1] - 1)).clamp(0.7, 1.3)
    x, y = point[0] + 0.35 * side - 0.45 * side * (point[1] - 1.25), point[1] - 1.25
    pane = _step(0.62 - x.abs(), -0.05, 0.05) * _step(0.55 - y.abs(), -0.05, 0.05)
    bars = _step(x.abs(), 0.015, 0.06) * _step(y.abs(), 0.015, 0.06)
    return torch.where(surface.owner == WALL, near * (1 - 0.22 * strength + 0.75 * strength * pane * bars), 1.0)


def _step(value: Tensor, low: float, high: float) -> Tensor:
    part = ((value - low) / (high - low)).clamp(0, 1)
    return part * part * (3 - 2 * part)


def _window(back: Axes, sun: Axes) -> Tensor:
    """The reflection of a window of four panes in the sun's direction, 0-1."""
    ahead = back[0] * sun[0] + back[1] * sun[1] + back[2] * sun[2]
    across = back[0] * sun[2] - back[2] * sun[0]
    upright = back[1] - sun[1] * ahead
    pane = _step(0.24 - across.abs(), -0.03, 0.05) * _step(0.30 - upright.abs(), -0.03, 0.05)
    bars = _step(across.abs(), 0.005, 0.035) * _step(upright.abs(), 0.005, 0.035)
    return pane * bars * (ahead > 0)


def _surroundings(back: Axes, sun: Axes, open_sky: Tensor) -> list[Tensor]:
    """What a mirror shows in a direction: a dark floor, bright walls, a lit window; red, green, blue."""
    up = _step(back[1], -0.18, 0.16)
    band = 0.72 + 0.28 * torch.sin(7 * back[0] + 3 * back[1] + 1.5)
    ceiling = _step(back[1], 0.35, 0.75)
    bright = 3.0 * _step(back[0] * sun[0] + back[1] * sun[1] + back[2] * sun[2], 0.72, 0.95)
    return [
        (low + (mid - low) * up * band + high * ceiling + bright * tint) * (0.35 + 0.65 * open_sky)
        for low, mid, high, tint in ((0.10, 1.05, 0.9, 1.0), (0.075, 1.0, 0.9, 0.93), (0.06, 0.95, 0.9, 0.82))
    ]
