"""Rules that place things: each layout draws a scene from a random generator, `sample` until one is well framed."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from .distances import Triple
from .draw import Draw
from .framing import well_framed
from .kinds import KINDS, REPLACEMENTS
from .scene import Scene
from .things import Camera, Thing

ATTEMPTS = 400
SMALL = (*REPLACEMENTS["top"], "bowl", "plant")  # what is seldom well framed, drawn more often
FLOOR = (*REPLACEMENTS["floor"], "stool", "stool", "plant")


def sofa(d: Draw) -> Scene:
    """A sofa with one to three pillows; a lamp, a picture, a rug, a plant or a table around it."""
    x, yaw = d.near(0, 0.10), d.near(0, 0.10)
    things = [d.thing("sofa", (x, 0, 0), 1.0, yaw)]
    count = int(d.pick((1, 2, 3), (0.2, 0.55, 0.25)))
    along = {1: (d.near(0, 0.35),), 2: (-0.41 + d.near(0, 0.04), 0.41 + d.near(0, 0.04)), 3: (-0.58, 0.0, 0.58)}[count]
    for place in along:
        size = 1.06 if count == 3 else d.between(1.08, 1.16)
        pillow = d.thing("pillow", (place, 0.505, 0.075 + d.near(0, 0.02)), size, d.near(0, 0.14), -0.30, "seat", 0)
        things.append(placed(pillow, things[0]))
    side = d.side()
    lamp = d.chance(0.45)
    if lamp:
        things.append(d.thing("lamp", (side * d.between(0.70, 0.90), 0, -0.80), d.between(1.08, 1.16)))
    if d.chance(0.6):
        for spot in (-side * 0.45,) if lamp else ((-0.48, 0.48), (d.near(0, 0.2),))[int(d.chance(0.5))]:
            things.append(d.hung(spot, d.between(1.06, 1.12), -1.09, 1.22))
    front = d.pick(("table", "rug", "thing", ""), (0.35, 0.2, 0.3, 0.15))
    if front == "rug":
        things.append(d.thing("rug", (d.near(0, 0.05), 0, d.between(0.72, 0.80)), d.between(0.80, 0.92)))
    if front == "table" and count < 3:
        things += _table(d, (d.near(0, 0.15), 0, d.between(0.80, 0.88)), d.between(0.62, 0.68), 0.5)
    elif front in ("thing", "table"):
        kind = d.pick(FLOOR)
        things.append(
            d.small(kind, (-side * d.between(0.5, 0.8), 0, d.between(0.88, 0.98)), d.between(0.98, 1.06), "floor", None)
        )
    eye = (d.near(0, 0.35), d.between(1.25, 1.5), 4.25)
    return d.room(things, Camera(eye, (x * 0.6, d.between(0.70, 0.78), 0), d.between(32.8, 34.6)), wall_z=-1.1)


def armchairs(d: Draw) -> Scene:
    """Two armchairs turned to each other, something between them."""
    gap = d.between(0.66, 0.72)
    things = [
        d.thing("armchair", (s * gap + d.near(0, 0.02), 0, d.near(0, 0.10)), 1.0, -s * d.between(0.15, 0.45))
        for s in (-1, 1)
    ]
    for i, chair in enumerate(tuple(things)):
        if d.chance(0.4):
            things.append(placed(d.thing("pillow", (0, 0.505, 0.05), 1.22, d.near(0, 0.1), -0.28, "seat", i), chair))
    if d.chance(0.6):
        kind = d.pick(("stool", "plant", "ball", "box", "vase"))
        things.append(d.small(kind, (d.near(0, 0.15), 0, d.between(0.85, 0.98)), d.between(1.04, 1.12), "floor", None))
    elif d.chance(0.6):
        things.append(d.thing("rug", (d.near(0, 0.05), 0, 0.75), d.between(0.85, 0.98)))
    if d.chance(0.35):
        things.append(d.thing("lamp", (d.near(0, 0.08), 0, -0.88), 1.16))
    elif d.chance(0.8):
        for x in ((0.0,), (-0.48, 0.48))[int(d.chance(0.5))]:
            things.append(d.hung(x, d.between(1.16, 1.22), -1.09, 1.3))
    eye = (d.near(0, 0.3), d.between(1.25, 1.5), 4.35)
    return d.room(things, Camera(eye, (0, d.between(0.72, 0.80), 0), d.between(35.8, 37.0)), wall_z=-1.1)


def cabinet(d: Draw) -> Scene:
    """A low cabinet with two or three things on it, perhaps a picture or a clock above."""
    things = [d.thing("cabinet", (0, 0, 0), 1.0, d.near(0, 0.06))]
    count = int(d.pick((2, 3)))
    kinds = d.alike([k for k in SMALL if k != "mug"], count)
    things += [placed(t, things[0]) for t in d.row(kinds, (0, 0.642, 0), 0.98, {2: 0.26, 3: 0.07}[count], on=0)]
    above = d.chance(0.55)
    if above:
        for x in ((0.0,), (-0.38, 0.38))[int(d.chance(0.5))]:
            things.append(d.hung(x + d.near(0, 0.03), d.between(1.26, 1.32), -0.44, 0.88))
    elif d.chance(0.3):
        kind = d.pick(("ball", "box", "stool"))
        things.append(d.small(kind, (d.near(0, 0.45), 0, d.between(0.64, 0.72)), d.between(0.88, 0.94), "floor", None))
    eye = (d.near(0, 0.3), d.between(1.15, 1.4), 3.6)
    high = d.between(0.86, 0.92) if above else d.between(0.60, 0.70)
    return d.room(
        things, Camera(eye, (0, high, 0), d.between(30.0, 32.0) if above else d.between(28.5, 30.5)), wall_z=-0.45
    )


def tabletop(d: Draw) -> Scene:
    """Two to five small things on a table seen from near, those of a second row before the gaps of the first."""
    count = int(d.pick((2, 3, 4, 5), (0.2, 0.34, 0.28, 0.18)))
    kinds = d.alike(SMALL, count)
    back, front = {2: (2, 0), 3: (3, 0) if d.chance(0.4) else (2, 1), 4: (2, 2), 5: (3, 2)}[count]
    size = {(2, 0): 1.14, (3, 0): 0.96, (2, 1): 1.0, (2, 2): 0.92, (3, 2): 0.84}[back, front]
    gap = {(2, 0): 0.12, (3, 0): 0.05, (2, 1): 0.28, (2, 2): 0.30, (3, 2): 0.14}[back, front]
    turned = d.near(0, 0.05)
    things = d.row(kinds[:back], (turned, 0, -0.22 if front else 0.02), size, gap)
    if front:
        things += d.row(kinds[back:], (turned + d.near(0, 0.05), 0, 0.32), size * 0.86, 0.14)
    eye = (d.near(0, 0.25), d.between(1.05, 1.35) if front else d.between(0.85, 1.25), 2.45)
    camera = Camera(eye, (0, d.between(0.17, 0.22), 0), d.between(32, 34.5))
    return d.room(things, camera, "table", wall_z=-1.5, edge_z=-0.74)


def corner(d: Draw) -> Scene:
    """A reading corner: one armchair, a lamp, and something beside it."""
    side = d.side()
    things = [d.thing("armchair", (-side * 0.15, 0, -0.05), 1.05, side * d.between(0.1, 0.45))]
    if d.chance(0.55):
        things.append(placed(d.thing("pillow", (0, 0.53, 0.05), 1.12, d.near(0, 0.1), -0.28, "seat", 0), things[0]))
    if d.chance(0.65):
        things.append(d.thing("lamp", (side * d.between(0.55, 0.66), 0, -0.72), d.between(1.08, 1.16)))
    if d.chance(0.75):
        kinds = d.alike(FLOOR, 2)
        for kind, x in zip(kinds, (side * 0.66, -side * 0.70), strict=True):
            things.append(
                d.small(kind, (x + d.near(0, 0.03), 0, d.between(0.80, 0.9)), d.between(0.96, 1.02), "floor", None)
            )
    else:
        things.append(d.thing("rug", (0, 0, 0.70), d.between(0.75, 0.85)))
    if d.chance(0.6):
        things.append(d.hung(-side * d.between(0.2, 0.5), d.between(1.16, 1.24), -0.99, 1.2))
    eye = (d.near(0, 0.3), d.between(1.25, 1.5), 4.0)
    return d.room(things, Camera(eye, (0, d.between(0.70, 0.77), 0), d.between(35, 36.5)), wall_z=-1.0)


def coffee(d: Draw) -> Scene:
    """A round table on the floor, from near, with two or three things on it; a rug beneath."""
    things = _table(d, (0, 0, 0), 1.0, 1.0, most=3)
    if d.chance(0.35):
        things.append(d.thing("rug", (0, 0, 0.05), 0.70))
    eye = (d.near(0, 0.3), d.between(1.35, 1.6), 2.9)
    return d.room(things, Camera(eye, (0, d.between(0.40, 0.46), 0), d.between(28.5, 30.5)), wall_z=-1.3)


def alone(d: Draw) -> Scene:
    """One thing, or two of a kind, and nothing else."""
    kind = d.pick(tuple(k for k in KINDS if k not in ("rug", "picture", "clock", "lamp")))
    size = 0.58 / KINDS[kind].across * d.between(0.9, 1.15)
    xs = (-0.36, 0.36) if d.chance(0.3) and kind not in ("sofa", "cabinet") else (d.near(0, 0.12),)
    things = [d.small(kind, (x, 0, d.near(0, 0.1)), size * (0.84 if len(xs) > 1 else 1), "floor", None) for x in xs]
    eye = (d.near(0, 0.2), d.between(0.7, 1.2), 2.3)
    camera = Camera(eye, (0, d.between(0.22, 0.30), 0), d.between(32, 36))
    on_table = kind in SMALL and d.chance(0.5)
    things = [replace(t, place="top" if on_table else "floor") for t in things]
    return d.room(things, camera, "table" if on_table else "floor", wall_z=-1.1, edge_z=-0.7 if on_table else -9.0)


def _table(d: Draw, at: Triple, size: float, chance: float, most: int = 1) -> list[Thing]:
    """A table with things on it; `Thing.on` is set by `Draw.room`."""
    table = d.thing("table", at, size, d.near(0, 0.7), finish=d.pick(("wooden", "plain"), (0.6, 0.4)))
    things = [table]
    if d.chance(chance):
        count = 1 if most == 1 else int(d.pick((2, 3), (0.65, 0.35)))
        kinds = d.alike(SMALL, count)
        base = (at[0], 0.456 * size, at[2])
        if count == 3:
            things += d.row(kinds[:2], (base[0], base[1], base[2] - 0.16), 0.74, 0.10, on=-1)
            things += d.row(kinds[2:], (base[0], base[1], base[2] + 0.26), 0.70, 0.0, on=-1)
        else:
            things += d.row(kinds, base, 0.92 if count == 1 else 0.86, 0.08, on=-1)
    return things


def placed(thing: Thing, base: Thing) -> Thing:
    """A thing whose place was given in its base's own directions, moved to where the base stands."""
    x, _, z = base.turn().T @ np.array([thing.at[0], 0, thing.at[2]])
    return replace(thing, at=(base.at[0] + float(x), thing.at[1], base.at[2] + float(z)), yaw=thing.yaw + base.yaw)


LAYOUTS: dict[str, tuple[Callable[[Draw], Scene], float]] = {  # and how often each is drawn
    "sofa": (sofa, 0.28), "armchairs": (armchairs, 0.12), "cabinet": (cabinet, 0.16), "tabletop": (tabletop, 0.20),
    "corner": (corner, 0.09), "coffee": (coffee, 0.09), "alone": (alone, 0.06),
}  # fmt: skip


def sample(seed: int) -> Scene:
    """The scene of a seed: one to eight things, all whole in the picture and large enough to edit."""
    d = Draw(np.random.default_rng(seed))
    names = tuple(LAYOUTS)
    name = d.pick(names, tuple(LAYOUTS[n][1] for n in names))
    for _ in range(ATTEMPTS):
        scene = replace(LAYOUTS[name][0](d), layout=name)
        if well_framed(scene):
            return scene
    raise RuntimeError(f"no well framed scene of layout {name!r} in {ATTEMPTS} attempts (seed {seed})")
